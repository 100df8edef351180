#include "simulators/taler/standin.h"

#include <stdlib.h>

#include "core/util/clock.h"
#include "core/util/json.h"
#include "core/util/random.h"
#include "protocols/taler/base32.h"
#include "simulators/taler/standin_service.h"

#define GATEWAY "/accounts/exchange/taler-wire-gateway" /* where version 23's bank has it */
#define GATEWAY_14 "/Exchange"
#define BOOKS_FILE "taler-books"
#define SEED_SIZE 32

/* --- which end point ----------------------------------------------------------------------------
 */

enum served { ALWAYS, WITH_SINGLE_WITHDRAW, WITH_SINGLE_DEPOSIT, WITH_WIRE };

/* A path is a prefix, then (where there is a suffix) one part that is handed over, then the suffix;
 * an empty suffix takes the rest of the path. */
struct route {
    const char *method, *prefix, *suffix;
    enum served served;
    void (*handler)(struct standin_service *s, struct exchange *x, struct slice arg);
};

static const struct route routes[] = {
    {"GET", "/config", NULL, ALWAYS, handle_config},
    {"GET", "/keys", NULL, ALWAYS, handle_keys},
    {"GET", "/seed", NULL, ALWAYS, handle_seed},
    {"GET", "/wire", NULL, WITH_WIRE, handle_wire},
    {"GET", "/reserves/", "", ALWAYS, handle_reserve},
    {"POST", "/reserves/", "/withdraw", WITH_SINGLE_WITHDRAW, handle_withdraw},
    {"POST", "/reserves/", "/batch-withdraw", ALWAYS, handle_batch_withdraw},
    {"POST", "/coins/", "/deposit", WITH_SINGLE_DEPOSIT, handle_deposit},
    {"POST", "/batch-deposit", NULL, ALWAYS, handle_batch_deposit},
    {"POST", GATEWAY "/admin/add-incoming", NULL, ALWAYS, handle_add_incoming},
    {"POST", GATEWAY_14 "/admin/add-incoming", NULL, ALWAYS, handle_add_incoming},
    {"GET", GATEWAY "/history/incoming", NULL, ALWAYS, handle_bank_history},
    {"GET", GATEWAY_14 "/history/incoming", NULL, ALWAYS, handle_bank_history},
    {"GET", GATEWAY "/config", NULL, ALWAYS, handle_bank_config},
};

static bool matches(const struct route *r, const char *path, struct slice *arg)
{
    size_t prefix = strlen(r->prefix);
    *arg = (struct slice){0};
    if (!r->suffix)
        return strcmp(path, r->prefix) == 0;
    if (strncmp(path, r->prefix, prefix) != 0)
        return false;
    const char *part = path + prefix;
    size_t len = strcspn(part, "/");
    *arg = slice_of(part, len);
    return len > 0 && strcmp(part + len, r->suffix) == 0;
}

static bool is_served(const struct standin_service *s, const struct route *r)
{
    switch (r->served) {
    case WITH_SINGLE_WITHDRAW:
        return s->protocol->single_withdraw;
    case WITH_SINGLE_DEPOSIT:
        return s->protocol->single_deposit;
    case WITH_WIRE:
        return s->protocol->wire_endpoint;
    default:
        return true;
    }
}

static void handle(void *service, struct exchange *x)
{
    struct standin_service *s = service;
    const char *path = exchange_path(x), *method = exchange_method(x);
    bool known = false;
    struct slice arg;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!matches(&routes[i], path, &arg) || !is_served(s, &routes[i]))
            continue;
        known = true;
        if (strcmp(method, routes[i].method) == 0) {
            routes[i].handler(s, x, arg);
            return;
        }
    }
    if (known)
        reply_error(s, x, 405, CODE_METHOD_INVALID,
                    "The HTTP method used is invalid for this endpoint.");
    else
        reply_error(s, x, 404, CODE_ENDPOINT_UNKNOWN,
                    "There is no endpoint defined for the URL provided by the client.");
}

/* --- the plain end points -----------------------------------------------------------------------
 */

void handle_config(struct standin_service *s, struct exchange *x, struct slice arg)
{
    struct taler_config config = {.name = "taler-exchange"};
    snprintf(config.version, sizeof config.version, "%d:0:%d", s->protocol->version,
             s->protocol->version == 23 ? 6 : 0);
    memcpy(config.currency, s->keys.currency, sizeof config.currency);
    buf_clear(&s->out);
    taler_config_write(&s->out, &config, s->protocol);
    reply_done(s, x, PLACE_CONFIG);
}

void handle_keys(struct standin_service *s, struct exchange *x, struct slice arg)
{
    const char *known = exchange_header(x, "If-None-Match");
    buf_clear(&s->out);
    if (known && strcmp(known, s->keys.etag) == 0) {
        reply_with(s, x, 304);
        return;
    }
    buf_put(&s->out, s->keys.body.data, s->keys.body.len);
    reply_done(s, x, PLACE_KEYS);
}

void handle_wire(struct standin_service *s, struct exchange *x, struct slice arg)
{
    buf_clear(&s->out);
    taler_wire_write(&s->out, &s->keys.wire);
    reply_done(s, x, PLACE_WIRE);
}

void handle_seed(struct standin_service *s, struct exchange *x, struct slice arg)
{
    uint8_t seed[SEED_SIZE];
    random_bytes(seed, sizeof seed);
    exchange_answer(x, &(struct exchange_reply){.status = 200,
                                                .content_type = "application/octet-stream",
                                                .body = slice_of(seed, sizeof seed),
                                                .close = true});
}

uint64_t standin_now_s(void)
{
    return (uint64_t)clock_wall_us() / 1000000;
}

struct taler_amount standin_amount(const struct standin_service *s, uint64_t units)
{
    struct taler_amount amount;
    if (taler_amount_from_units(&amount, s->keys.currency, units))
        (void)taler_amount_zero(&amount, s->keys.currency);
    return amount;
}

bool standin_pub(struct taler_pub *out, struct slice text)
{
    return taler_b32_decode(out->bytes, sizeof out->bytes, (const char *)text.data, text.len) == 0;
}

bool standin_denom(struct standin_service *s, struct exchange *x, const struct taler_hash *hash,
                   bool withdraw, size_t *index)
{
    *index = standin_keys_find(&s->keys, hash);
    if (*index == SIZE_MAX) {
        reply_error(s, x, 404, CODE_DENOMINATION_UNKNOWN,
                    "The exchange is not aware of the denomination key.");
        return false;
    }
    const struct taler_denom *denom = &s->keys.set->denoms[*index];
    uint64_t now = standin_now_s();
    if (now < denom->start_s) {
        reply_error(s, x, 412, CODE_DENOMINATION_FUTURE,
                    "The validity period of the denomination lies in the future.");
        return false;
    }
    if (now >= (withdraw ? denom->expire_withdraw_s : denom->expire_deposit_s)) {
        reply_error(s, x, 410, CODE_DENOMINATION_EXPIRED,
                    "The denomination key is past its expiration time for this operation.");
        return false;
    }
    return true;
}

/* --- start, ledger, stop ------------------------------------------------------------------------
 */

static int open_books(struct standin_service *s, const char *folder, const char **why)
{
    size_t count = s->keys.set->denom_count;
    struct books_denom *denoms = calloc(count, sizeof *denoms);
    if (!denoms)
        return SHOAL_E_NOMEM;
    int error = 0;
    for (size_t i = 0; i < count && !error; i++) {
        const struct taler_denom *d = &s->keys.set->denoms[i];
        error = taler_amount_to_units(&d->value, &denoms[i].value);
        error = error ? error : taler_amount_to_units(&d->fee_withdraw, &denoms[i].fee_withdraw);
        error = error ? error : taler_amount_to_units(&d->fee_deposit, &denoms[i].fee_deposit);
        if (denoms[i].value > BOOKS_UNITS_MAX / 2)
            error = SHOAL_E_LIMIT;
    }
    books_init(&s->books, denoms, count, s->protocol->history == TALER_OLD);
    free(denoms);
    if (error) {
        *why = "a denomination is worth more than its books can hold";
        return SHOAL_E_BAD_INPUT;
    }
    if (!folder)
        return SHOAL_OK;
    size_t size = strlen(folder) + sizeof "/" BOOKS_FILE;
    s->books_path = malloc(size);
    if (!s->books_path)
        return SHOAL_E_NOMEM;
    snprintf(s->books_path, size, "%s/" BOOKS_FILE, folder);
    error = books_load(&s->books, s->books_path);
    *why = "the books in its folder are damaged, or of another protocol; use another folder";
    return error == SHOAL_E_NOT_FOUND ? SHOAL_OK : error;
}

static void stop(void *service)
{
    struct standin_service *s = service;
    reserve_release(s);
    reply_release(s);
    lane_timer_stop(s->lane, &s->wirewatch);
    if (s->books_path)
        (void)books_save(&s->books, s->books_path);
    books_free(&s->books);
    standin_keys_close(&s->keys);
    buf_free(&s->out);
    free(s->books_path);
    free(s->due_ns);
    free(s->last_sigs);
    free(s->room);
    free(s);
}

static int start(void **service, const void *options, const char *folder, struct lane *lane,
                 const char *base_url, const char **why)
{
    struct standin_service *s = calloc(1, sizeof *s);
    *why = "no memory";
    if (!s)
        return SHOAL_E_NOMEM;
    s->options = options;
    s->lane = lane;
    s->protocol = taler_protocol_row((int)s->options->protocol);
    s->room = calloc(1, sizeof *s->room);
    struct standin_keys_source source = {.options = s->options,
                                         .protocol = s->protocol,
                                         .folder = folder,
                                         .base_url = base_url,
                                         .now_s = standin_now_s()};
    int error = s->room ? standin_keys_open(&s->keys, &source, why) : SHOAL_E_NOMEM;
    if (!error) {
        s->last_sigs = calloc(s->keys.set->denom_count, sizeof *s->last_sigs);
        error = s->last_sigs ? open_books(s, folder, why) : SHOAL_E_NOMEM;
    }
    if (!error)
        error = standin_keys_lie(&s->keys, &source, (enum standin_lie)s->options->lie);
    if (error) {
        free(s->books_path);
        s->books_path = NULL; /* what could not be read is left as it is */
        stop(s);
        return error;
    }
    bank_resume(s);
    *service = s;
    return SHOAL_OK;
}

static void put_sum(struct standin_service *s, struct buf *out, const char *name, uint64_t units)
{
    struct taler_amount amount = standin_amount(s, units);
    char text[TALER_AMOUNT_TEXT_MAX];
    buf_printf(out, ",\"%s\":\"%s\"", name, taler_amount_format(&amount, text));
}

static void put_count(struct buf *out, const char *name, uint64_t count)
{
    buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)count);
}

static void ledger(void *service, struct buf *out)
{
    struct standin_service *s = service;
    const struct books_totals *t = &s->books.totals;
    struct books_totals again;
    const char *why = NULL;
    bool sound = books_recount(&s->books, &again, &why);
    if (sound && memcmp(t, &again, sizeof again) != 0)
        why = "the totals are not what all entries add up to";
    else if (sound && !books_add_up(t))
        why = "money in is not where it should be";
    buf_printf(out, "{\"balanced\":%s,\"why\":", why ? "false" : "true");
    if (why)
        json_quote(out, slice_str(why));
    else
        buf_str(out, "null");
    buf_printf(out, ",\"system\":\"taler\",\"protocol\":%d", s->protocol->version);
    put_sum(s, out, "in", t->in);
    put_sum(s, out, "in_transit", t->in_transit);
    put_sum(s, out, "reserves", t->reserves);
    put_sum(s, out, "coins_outstanding", t->coins_outstanding);
    put_sum(s, out, "deposited", t->deposited);
    put_sum(s, out, "fees", t->fees_withdraw + t->fees_deposit);
    put_sum(s, out, "fees_withdraw", t->fees_withdraw);
    put_sum(s, out, "fees_deposit", t->fees_deposit);
    put_count(out, "transfers", t->transfers);
    put_count(out, "withdrawals", t->withdrawals);
    put_count(out, "deposits", t->deposits);
    put_count(out, "replays", s->counts.replays);
    put_count(out, "conflicts", s->counts.conflicts);
    put_count(out, "forbidden", s->counts.forbidden);
    put_count(out, "malformed", s->counts.malformed);
    put_count(out, "unknown", s->counts.unknown);
    put_count(out, "polls", s->counts.polls);
    put_count(out, "lies", s->counts.lies);
    put_count(out, "books_bytes", books_bytes(&s->books));
    buf_char(out, '}');
}

const struct standin taler_standin = {
    .system = "taler",
    .summary = "GNU Taler exchange and bank",
    .options = &standin_option_table,
    .start = start,
    .handle = handle,
    .ledger = ledger,
    .stop = stop,
    .roles = {{"exchange", ""}, {"bank", GATEWAY}},
};
