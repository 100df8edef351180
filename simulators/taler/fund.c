/* A reserve, funded at the bank, until the exchange sees the money. */
#include <stdio.h>

#include "core/util/clock.h"
#include "protocols/taler/base32.h"
#include "simulators/store.h"
#include "simulators/taler/fleet.h"
#include "simulators/taler/replies.h"
#include "simulators/taler/wallet.h"

#define FUND_NUMBER 0 /* of the intent in its iteration */
#define POLL_LONGEST_NS (30 * NS_PER_S)
#define PAUSE_FIRST_NS (20 * NS_PER_MS)
#define PAUSE_LONGEST_NS (1 * NS_PER_S)
/* How long a crashed wallet waits for a transfer that may never have been ordered, before it
 * orders it again: the bank would book it twice. */
#define FUND_DOUBT_NS (5 * NS_PER_S)

/* --- the order to the bank -------------------------------------------------------------------- */

struct fund_order {
    struct taler_incoming_request request;
    struct buf body;
};

static void make_key(void *arg)
{
    struct wallet *w = arg;

    secret_derive(w->reserve.key.seed, &w->flow->secrets, "reserve", 0);
    taler_key_from_seed(&w->reserve.key, w->reserve.key.seed);
}

static void write_order(void *arg)
{
    struct fund_order *o = arg;

    taler_incoming_request_write(&o->body, &o->request);
}

static int fund_intent(struct wallet *w, struct intent *intent)
{
    struct fund_order *o = arena_zalloc(w->flow->arena, sizeof *o);
    const char *debit = wallet_payto(w, w->options->debit_account, 0);

    o->request.amount = w->fleet->withdraw_amount;
    o->request.reserve = w->reserve.key.pub;
    snprintf(o->request.debit_account, sizeof o->request.debit_account, "%s", debit);

    *intent = (struct intent){
        .kind = INTENT_FUND,
        .created_us = w->reserve.created_us,
        .path = "/admin/add-incoming",
        .extra = slice_of(w->reserve.key.seed, TALER_SEED_SIZE),
    };
    intent_key(intent->key, w->flow->iteration, FUND_NUMBER);
    fiber_deep(write_order, o);
    return intent_store(w, w->flow->arena, intent, &o->body);
}

/* The bank may refuse to book twice what was booked before: then the money is there. */
static int fund_order_send(struct wallet *w, struct intent *intent, bool again)
{
    static const int first_time[] = {200, 204, 0}, repeated[] = {200, 204, 409, 0};
    const struct wallet_request request = {
        .name = REQUEST_ADD_INCOMING,
        .method = "POST",
        .path = intent->path,
        .body = intent->body,
        .accept = again ? repeated : first_time,
        .explain = reply_explain,
        .once = true,
    };
    struct http_response response;
    int error = wallet_send(w, &request, &response);

    if (error) {
        int ours = wallet_is_open(error, &response) ? SHOAL_OK : intent_close(w, intent);
        return ours ? ours : error;
    }
    uint8_t *record = arena_alloc(w->flow->arena, intent->record.len);
    intent->acknowledged = true;
    intent_write(intent, record);
    return intent_update(w, intent);
}

/* --- until the exchange sees it --------------------------------------------------------------- */

struct balance_reading {
    struct slice body;
    struct taler_reserve_status status;
    struct taler_fault fault;
    int error;
};

static void read_balance(void *arg)
{
    struct balance_reading *r = arg;

    r->error = taler_reserve_status_read(&r->status, r->body, &r->fault);
}

static int balance_from(struct wallet *w, const struct http_response *response,
                        struct taler_amount *balance)
{
    struct balance_reading *r = arena_zalloc(w->flow->arena, sizeof *r);

    r->body = response->body;
    fiber_deep(read_balance, r);
    if (r->error == SHOAL_OK && strcmp(r->status.balance.currency, w->fleet->currency) != 0) {
        r->error = SHOAL_E_BAD_REPLY;
        snprintf(r->fault.text, sizeof r->fault.text, "balance: not in %s", w->fleet->currency);
    }
    if (r->error)
        return flow_fail(w->flow, &(struct flow_failure){.error = r->error, .status = 200},
                         "GET /reserves/: %s", r->fault.text);
    *balance = r->status.balance;
    return SHOAL_OK;
}

/* Polls until there is a balance. SHOAL_E_NOT_FOUND when `wait_ns` has passed without. */
static int wait_for_reserve(struct wallet *w, const struct taler_pub *pub, int64_t wait_ns,
                            struct taler_amount *balance)
{
    static const int accept[] = {200, 404, 0};
    int64_t deadline_ns = clock_after(clock_ns(), wait_ns), pause_ns = PAUSE_FIRST_NS;
    char name[TALER_PUB_TEXT_MAX], path[96];
    struct wallet_request request = {
        .name = REQUEST_RESERVES,
        .method = "GET",
        .path = path,
        .accept = accept,
        .explain = reply_explain_reserve,
    };

    taler_b32_encode(name, sizeof name, pub->bytes, TALER_PUB_SIZE);
    for (;;) {
        struct http_response response;
        int64_t began_ns = clock_ns(), left_ns = deadline_ns - began_ns;
        if (left_ns <= 0)
            return SHOAL_E_NOT_FOUND;
        request.wait_ns = left_ns < POLL_LONGEST_NS ? left_ns : POLL_LONGEST_NS;
        snprintf(path, sizeof path, "/reserves/%s?timeout_ms=%lld", name,
                 (long long)((request.wait_ns + NS_PER_MS - 1) / NS_PER_MS));
        int error = wallet_send(w, &request, &response);
        if (error)
            return error;
        if (response.status == 200)
            return balance_from(w, &response, balance);
        /* An exchange that does not hold the poll back is asked less and less often. */
        if (clock_ns() - began_ns < request.wait_ns / 2) {
            int64_t until = clock_after(clock_ns(), pause_ns);
            error = lane_sleep_until(until < deadline_ns ? until : deadline_ns);
            if (error)
                return error;
            pause_ns = pause_ns * 2 < PAUSE_LONGEST_NS ? pause_ns * 2 : PAUSE_LONGEST_NS;
        }
    }
}

/* The reserve is the wallet's: it takes the intent's place. */
static int fund_finish(struct wallet *w, struct reserve *r, const struct intent *intent)
{
    uint8_t key[RESERVE_KEY_SIZE], record[RESERVE_RECORD_SIZE];

    reserve_key(key, r->iteration);
    reserve_record(record, r);
    int error = store_put(w->flow, TABLE_RESERVES, slice_of(key, sizeof key),
                          slice_of(record, sizeof record));
    return error ? error : intent_close(w, intent);
}

/* `ordered`: what was paid in, once; NULL when it may have been twice. */
static int fund_wait(struct wallet *w, struct reserve *r, struct intent *intent,
                     const struct taler_amount *ordered)
{
    int error = wait_for_reserve(w, &r->key.pub, w->options->fund_timeout_ns, &r->balance);

    if (error == SHOAL_E_NOT_FOUND)
        return flow_fail(
            w->flow, &(struct flow_failure){.error = SHOAL_E_TIMEOUT, .kind = "reserve-timeout"},
            "the bank took the transfer, and the exchange has not seen it in time");
    if (error)
        return error;
    bool lie = ordered && taler_amount_cmp(&r->balance, ordered) > 0;
    if (lie)
        r->balance = *ordered;
    error = fund_finish(w, r, intent);
    if (error || !lie)
        return error;
    return flow_fail(
        w->flow,
        &(struct flow_failure){.error = SHOAL_E_BAD_REPLY, .kind = "wrong-balance", .status = 200},
        "the exchange says that there is more in the reserve than was paid in");
}

int wallet_fund(struct flow *flow, void *arg)
{
    struct wallet *w = arg;
    struct intent intent;

    w->reserve =
        (struct reserve){.iteration = flow->iteration, .created_us = (uint64_t)clock_wall_us()};
    flow_crypto(flow, make_key, w);
    int error = fund_intent(w, &intent);
    if (error == SHOAL_OK)
        error = fund_order_send(w, &intent, false);
    return error ? error : fund_wait(w, &w->reserve, &intent, &w->fleet->withdraw_amount);
}

static void make_key_again(void *arg)
{
    struct reserve *r = arg;

    taler_key_from_seed(&r->key, r->key.seed);
}

/* Ordering twice would pay twice, so the exchange is asked first. */
int fund_recover(struct wallet *w, struct intent *intent)
{
    struct reserve r = {.iteration = intent_iteration(intent), .created_us = intent->created_us};

    if (intent->extra.len != TALER_SEED_SIZE)
        return SHOAL_E_CORRUPT;
    memcpy(r.key.seed, intent->extra.data, TALER_SEED_SIZE);
    flow_crypto(w->flow, make_key_again, &r);
    if (intent->acknowledged)
        return fund_wait(w, &r, intent, NULL);
    int64_t doubt_ns = w->options->fund_timeout_ns;
    int error = wait_for_reserve(w, &r.key.pub, doubt_ns < FUND_DOUBT_NS ? doubt_ns : FUND_DOUBT_NS,
                                 &r.balance);
    if (error != SHOAL_E_NOT_FOUND)
        return error ? error : fund_finish(w, &r, intent);
    error = fund_order_send(w, intent, true);
    return error ? error : fund_wait(w, &r, intent, NULL);
}
