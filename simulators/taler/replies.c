#include "simulators/taler/replies.h"

#include <stdio.h>

#include "core/util/clock.h"
#include "core/util/error.h"
#include "protocols/taler/reply.h"
#include "simulators/taler/fleet.h"
#include "simulators/taler/wallet.h"

/* A row with a code wins over one with a status. */
static const struct reply_row {
    int64_t code;
    int status;
    const char *kind;
} reply_rows[] = {
    {TALER_CODE_DENOMINATION_CONFLICT, 0, "denomination-conflict"},
    {TALER_CODE_DENOMINATION_UNKNOWN_OR_REVOKED, 0, "gone"},
    {TALER_CODE_INSUFFICIENT_FUNDS, 0, "insufficient-funds"},
    {TALER_CODE_RESERVE_INSUFFICIENT, 0, "reserve-insufficient"},
    {TALER_CODE_COIN_SIGNATURE, 0, "signature-refused"},
    {0, 401, "unauthorized"},
    {0, 403, "forbidden"},
    {0, 404, "not-found"},
    {0, 409, "conflict"},
    {0, 410, "gone"},
    {0, 429, "too-many-requests"},
    {0, 451, "kyc-required"},
};

const char *reply_kind(int status, int64_t code)
{
    size_t rows = sizeof reply_rows / sizeof reply_rows[0];

    for (size_t i = 0; code && i < rows; i++)
        if (reply_rows[i].code == code)
            return reply_rows[i].kind;
    for (size_t i = 0; i < rows; i++)
        if (reply_rows[i].status && reply_rows[i].status == status)
            return reply_rows[i].kind;
    return error_name(SHOAL_E_HTTP_STATUS);
}

struct explaining {
    const struct http_response *response;
    struct failure *failure;
};

/* Whatever the body is, the status stays the fact; a body that is Taler's adds code and hint. */
static void explain(void *arg)
{
    struct explaining *e = arg;
    struct taler_error_reply reply = {0};
    int64_t code = 0;

    if (taler_error_reply_read(&reply, e->response->body, NULL) == SHOAL_OK) {
        code = reply.code;
        e->failure->code = code;
        snprintf(e->failure->text, sizeof e->failure->text, "%s",
                 reply.hint[0] ? reply.hint : taler_code_text(code));
    }
    e->failure->kind = reply_kind(e->response->status, code);
}

void reply_explain(const struct http_response *response, struct failure *failure)
{
    struct explaining e = {response, failure};

    fiber_deep(explain, &e);
}

void reply_explain_reserve(const struct http_response *response, struct failure *failure)
{
    reply_explain(response, failure);
    if (response->status == 404)
        failure->kind = "reserve-unknown";
}

/* --- requests ------------------------------------------------------------------------------- */

#define RETRY_FIRST_NS (100 * NS_PER_MS)
#define RETRY_LONGEST_NS (10 * NS_PER_S)

bool wallet_is_open(int error, const struct http_response *response)
{
    switch (error) {
    case SHOAL_OK:
    case SHOAL_E_BAD_SIGNATURE: /* it was done; asking again brings the same wrong answer */
        return false;
    case SHOAL_E_CANCELLED:
    case SHOAL_E_BAD_REPLY:
        return true;
    case SHOAL_E_HTTP_STATUS:
        return response->status >= 500 || response->status == 408 || response->status == 429;
    default:
        return response->sent;
    }
}

/* Half of the pause is certain, the other half is drawn, so that a fleet does not come back as one
 * wave. */
static int64_t retry_pause_ns(struct rng *pauses, int64_t tries)
{
    int64_t longest = RETRY_FIRST_NS;

    for (int64_t i = 1; i < tries && longest < RETRY_LONGEST_NS; i++)
        longest *= 2;
    if (longest > RETRY_LONGEST_NS)
        longest = RETRY_LONGEST_NS;
    return longest / 2 + (pauses ? (int64_t)rng_below(pauses, (uint64_t)(longest / 2)) : 0);
}

static bool may_repeat(bool once, int error, const struct http_response *response)
{
    if (error == SHOAL_OK || error == SHOAL_E_CANCELLED)
        return false;
    if (error == SHOAL_E_HTTP_STATUS)
        return !once && wallet_is_open(error, response);
    return !(once && response->sent);
}

int wallet_try(struct flow *flow, const struct wallet_tries *t, struct flow_call *call,
               struct http_response *response)
{
    bool sent = false;

    for (int64_t tries = 1;; tries++) {
        call->deadline_ns = clock_after(clock_ns(), t->options->timeout_ns + t->wait_ns);
        if (call->deadline_ns > t->deadline_ns)
            call->deadline_ns = t->deadline_ns;
        call->retry = tries > 1;
        int error = flow_request(flow, call, response);
        sent = sent || response->sent;
        response->sent = sent;
        if (tries > t->options->retries || !may_repeat(t->once, error, response))
            return error;
        error = flow_sleep(flow, retry_pause_ns(t->pauses, tries));
        if (error)
            return error;
    }
}

int wallet_send(struct wallet *w, const struct wallet_request *request,
                struct http_response *response)
{
    const struct wallet_fleet *fleet = w->fleet;
    bool to_bank = request->name == REQUEST_ADD_INCOMING;
    struct http_request http = {
        .method = request->method,
        .target = to_bank ? fleet->bank : fleet->exchange,
        .path = request->path,
        .headers = to_bank ? fleet->bank_headers : NULL,
        .header_count = to_bank ? fleet->bank_header_count : 0,
        .body = request->body,
        .no_resend = request->once,
        .deflate = w->options->deflate && !to_bank && request->body.len > 0,
    };
    struct flow_call call = {
        .request = request->name,
        .http = &http,
        .accept = request->accept,
        .explain = request->explain,
    };
    const struct wallet_tries tries = {w->options, &w->pauses, request->once, request->wait_ns,
                                       CLOCK_NEVER};

    return wallet_try(w->flow, &tries, &call, response);
}
