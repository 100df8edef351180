/* The bank: transfers to the exchange's account, and the exchange's wirewatch that sees them. */
#include <sodium.h>
#include <stdlib.h>

#include "core/util/clock.h"
#include "core/util/json.h"
#include "core/util/log.h"
#include "protocols/taler/base32.h"
#include "protocols/taler/reply.h"
#include "simulators/taler/standin_service.h"

#define HISTORY_MAX 1000
#define AUTH_MAX 512

/* --- wirewatch ----------------------------------------------------------------------------------
 */

static void credit(struct standin_service *s, uint32_t index)
{
    books_credit(&s->books, index);
    const struct books_reserve *reserve = records_at(&s->books.reserves, index);
    reserve_credited(s, &reserve->pub);
}

static void credit_due(struct lane_timer *timer)
{
    struct standin_service *s =
        (struct standin_service *)((char *)timer - offsetof(struct standin_service, wirewatch));
    int64_t now = clock_ns();
    while (s->uncredited < s->books.reserves.count &&
           s->due_ns[s->uncredited - s->due_first] <= now)
        credit(s, s->uncredited++);
    if (s->uncredited < s->books.reserves.count) {
        lane_timer_set(s->lane, timer, s->due_ns[s->uncredited - s->due_first]);
    } else {
        s->due_first = s->uncredited; /* nobody waits: the list begins anew */
    }
}

/* All transfers wait equally long, so they are seen in the order in which they were made. */
static void watch(struct standin_service *s, uint32_t index)
{
    if (s->options->wirewatch_ns <= 0) {
        credit(s, index);
        s->uncredited = s->due_first = index + 1;
        return;
    }
    size_t place = index - s->due_first;
    if (place >= s->due_room) {
        s->due_room = s->due_room ? s->due_room * 2 : 1024;
        s->due_ns = realloc(s->due_ns, s->due_room * sizeof *s->due_ns);
        if (!s->due_ns)
            die("no memory for the stand-in's bank");
    }
    s->due_ns[place] = clock_after(clock_ns(), s->options->wirewatch_ns);
    if (!s->wirewatch.place) {
        s->wirewatch.fn = credit_due;
        lane_timer_set(s->lane, &s->wirewatch, s->due_ns[s->uncredited - s->due_first]);
    }
}

void bank_resume(struct standin_service *s)
{
    for (uint32_t i = 0; i < s->books.reserves.count; i++) {
        const struct books_reserve *reserve = records_at(&s->books.reserves, i);
        if (!reserve->credited)
            books_credit(&s->books, i);
    }
    s->uncredited = s->due_first = s->books.reserves.count;
}

/* --- who may ------------------------------------------------------------------------------------
 */

static bool authorized(const struct standin_service *s, const struct exchange *x)
{
    const struct standin_options *o = s->options;
    if (o->bank_auth == STANDIN_AUTH_NONE)
        return true;
    const char *header = exchange_header(x, "Authorization");
    char wanted[AUTH_MAX], plain[AUTH_MAX / 2];
    if (!header)
        return false;
    if (o->bank_auth == STANDIN_AUTH_BEARER) {
        snprintf(wanted, sizeof wanted, "Bearer %s", o->bank_secret);
    } else {
        snprintf(plain, sizeof plain, "%s:%s", o->bank_user, o->bank_secret);
        memcpy(wanted, "Basic ", sizeof "Basic ");
        sodium_bin2base64(wanted + 6, sizeof wanted - 6, (const unsigned char *)plain,
                          strlen(plain), sodium_base64_VARIANT_ORIGINAL);
    }
    return strcmp(header, wanted) == 0;
}

/* --- end points ---------------------------------------------------------------------------------
 */

static void reply_entry(struct standin_service *s, struct exchange *x, uint32_t index)
{
    const struct books_reserve *reserve = records_at(&s->books.reserves, index);
    struct taler_incoming_reply reply = {.row_id = (uint64_t)index + 1,
                                         .timestamp_s = reserve->time_s};
    buf_clear(&s->out);
    taler_incoming_reply_write(&s->out, &reply);
    reply_done(s, x, PLACE_FUND);
}

static void enter_transfer(struct standin_service *s, struct exchange *x,
                           const struct taler_incoming_request *request, uint64_t units)
{
    struct books_transfer transfer = {.reserve = request->reserve,
                                      .amount = units,
                                      .time_s = standin_now_s(),
                                      .payto = request->debit_account};
    uint32_t index;
    enum books_result result = books_transfer(&s->books, &transfer, &index);
    if (result == BOOKS_CONFLICT) {
        reply_error(s, x, 409, CODE_DUPLICATE_RESERVE,
                    "The reserve public key was used for another transfer.");
        return;
    }
    if (result == BOOKS_TOO_MUCH) {
        reply_error(s, x, 400, CODE_PARAMETER_MALFORMED, "amount: more than the bank can hold");
        return;
    }
    s->counts.replays += result == BOOKS_REPLAY;
    reply_entry(s, x, index);
    if (result == BOOKS_DONE)
        watch(s, index);
}

void handle_add_incoming(struct standin_service *s, struct exchange *x, struct slice arg)
{
    struct taler_incoming_request request;
    struct taler_fault fault = {""};
    uint64_t units;
    if (!authorized(s, x)) {
        reply_error(s, x, 401, CODE_UNAUTHORIZED, "The bank does not know who you are.");
    } else if (taler_incoming_request_read(&request, exchange_body(x), &fault)) {
        reply_malformed(s, x, &fault);
    } else if (strcmp(request.amount.currency, s->keys.currency) != 0) {
        reply_error(s, x, 400, CODE_CURRENCY_MISMATCH, "The bank has another currency.");
    } else if (!taler_payto_valid(request.debit_account, s->protocol->version >= 23)) {
        reply_error(s, x, 400, CODE_PAYTO_MALFORMED,
                    "debit_account: no payto URI, or without receiver-name");
    } else if (taler_amount_to_units(&request.amount, &units)) {
        reply_error(s, x, 400, CODE_PARAMETER_MALFORMED, "amount: more than the bank can hold");
    } else {
        enter_transfer(s, x, &request, units);
    }
}

static uint64_t number_of(const struct exchange *x, const char *key)
{
    const char *text = exchange_query(x, key);
    return text ? strtoull(text, NULL, 10) : 0;
}

static void put_transfer(struct standin_service *s, uint32_t index)
{
    const struct books_reserve *r = records_at(&s->books.reserves, index);
    struct taler_amount amount = standin_amount(s, r->amount);
    char text[TALER_AMOUNT_TEXT_MAX];
    buf_printf(&s->out, "{\"row_id\":%u,\"date\":{\"t_s\":%llu},\"amount\":\"%s\",", index + 1,
               (unsigned long long)r->time_s, taler_amount_format(&amount, text));
    buf_str(&s->out, "\"credit_account\":");
    json_quote(&s->out, slice_str(s->keys.wire.accounts[0].payto_uri));
    buf_str(&s->out, ",\"debit_account\":");
    json_quote(&s->out, slice_str(books_payto(&s->books, r)));
    buf_str(&s->out, ",\"reserve_pub\":\"");
    taler_b32_put(&s->out, r->pub.bytes, sizeof r->pub.bytes);
    buf_str(&s->out, "\"}");
}

/* GET history/incoming?delta=N&start=ROW: the transfers behind that row; 204 when there is none. */
void handle_bank_history(struct standin_service *s, struct exchange *x, struct slice arg)
{
    uint64_t start = number_of(x, "start"), delta = number_of(x, "delta");
    uint32_t count = s->books.reserves.count;
    if (!authorized(s, x)) {
        reply_error(s, x, 401, CODE_UNAUTHORIZED, "The bank does not know who you are.");
        return;
    }
    buf_clear(&s->out);
    if (start >= count) {
        reply_with(s, x, 204);
        return;
    }
    delta = delta && delta < HISTORY_MAX ? delta : HISTORY_MAX;
    buf_str(&s->out, "{\"incoming_transactions\":[");
    for (uint64_t i = start; i < count && i < start + delta; i++) {
        buf_str(&s->out, i == start ? "" : ",");
        put_transfer(s, (uint32_t)i);
    }
    buf_str(&s->out, "]}");
    reply_done(s, x, PLACE_OTHER);
}

void handle_bank_config(struct standin_service *s, struct exchange *x, struct slice arg)
{
    buf_clear(&s->out);
    buf_printf(&s->out,
               "{\"version\":\"0:0:0\",\"currency\":\"%s\",\"name\":\"taler-wire-gateway\"}",
               s->keys.currency);
    reply_done(s, x, PLACE_OTHER);
}
