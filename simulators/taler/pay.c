/* A payment: coins out of the wallet's state, deposited for a merchant. */
#include <stdio.h>

#include "core/lane/shared.h"
#include "core/util/clock.h"
#include "protocols/taler/base32.h"
#include "protocols/taler/hash.h"
#include "protocols/taler/reply.h"
#include "simulators/store.h"
#include "simulators/taler/fleet.h"
#include "simulators/taler/replies.h"
#include "simulators/taler/wallet.h"

#define PAY_NUMBER 0x8000   /* of the intents of payments in an iteration */
#define PAY_REQUESTS_MAX 64 /* of one payment, with single deposits */
#define PAYMENTS_MAX 500    /* of an iteration; see the option */
static_assert(PAYMENTS_MAX * PAY_REQUESTS_MAX < 0x8000, "every request's intent has a number");

/* One deposit: what is sent and what it leaves. */
struct deposit {
    struct wallet *w;
    uint16_t number; /* of its intent */
    uint32_t merchant;
    bool batch;
    size_t count;
    struct coin **spent;       /* NULL: purged since */
    struct taler_amount *left; /* on each coin when this is done */
    struct taler_amount *fees; /* of each coin's denomination */
    struct taler_deposit_coin *coins;
    struct taler_deposit_terms *terms;
    struct taler_hash h_wire;
    struct buf body;
    struct slice reply;
    bool unknown_key;
    struct taler_fault fault;
    int error;
};

/* --- the wallet's coins --------------------------------------------------------------------- */

static int load_coins(struct wallet *w)
{
    struct store_record *records;
    size_t count;

    if (w->coins_loaded)
        return SHOAL_OK;
    /* They outlive this step. */
    struct arena *step = w->flow->arena;
    w->flow->arena = w->arena;
    int error = store_all(w->flow, TABLE_COINS, &records, &count);
    w->flow->arena = step;
    if (error)
        return error;
    w->coins = arena_alloc(w->arena, count * sizeof *w->coins);
    for (size_t i = 0; i < count; i++) {
        struct coin *c = &w->coins[i];
        if (coin_from_record(c, records[i].key, records[i].value, w->fleet->currency))
            return SHOAL_E_CORRUPT;
        c->denom = taler_keyset_denom(w->keys, &c->h_denom);
    }
    w->coin_count = count;
    w->coins_loaded = true;
    return SHOAL_OK;
}

static int choose_coins(struct wallet *w, const struct taler_amount *amount,
                        struct coin_pick picks[], size_t max, size_t *picked)
{
    char text[TALER_AMOUNT_TEXT_MAX];
    int error = load_coins(w);

    if (error)
        return error;
    error = coins_select(w->coins, w->coin_count, amount, wallet_now_s(), picks, max, picked);
    if (error == SHOAL_OK)
        return SHOAL_OK;
    return flow_fail(
        w->flow, &(struct flow_failure){.error = SHOAL_E_REJECTED, .kind = "insufficient-coins"},
        error == SHOAL_E_LIMIT ? "%s would take more coins than one payment may use"
                               : "the wallet's coins do not cover %s",
        taler_amount_format(amount, text));
}

/* --- what is sent ----------------------------------------------------------------------------- */

static void deposit_room(struct deposit *d, size_t count)
{
    struct arena *a = d->w->flow->arena;

    d->count = count;
    d->spent = arena_zalloc(a, count * sizeof *d->spent);
    d->left = arena_alloc(a, count * sizeof *d->left);
    d->fees = arena_alloc(a, count * sizeof *d->fees);
    d->coins = arena_zalloc(a, count * sizeof *d->coins);
    d->terms = arena_zalloc(a, sizeof *d->terms);
}

static void fill_terms(struct deposit *d)
{
    struct wallet *w = d->w;
    const struct wallet_options *o = w->options;
    struct taler_deposit_terms *t = d->terms;
    const char *payto = wallet_payto(w, o->merchant_payto, d->merchant);

    snprintf(t->merchant_payto, sizeof t->merchant_payto, "%s", payto);
    t->timestamp_s = wallet_now_s();
    t->refund_deadline_s =
        taler_time_after(t->timestamp_s, (uint64_t)(o->refund_deadline_ns / NS_PER_US));
    t->wire_deadline_s =
        taler_time_after(t->timestamp_s, (uint64_t)(o->wire_deadline_ns / NS_PER_US));
    if (t->wire_deadline_s < t->refund_deadline_s)
        t->wire_deadline_s = t->refund_deadline_s;
    t->has_merchant_sig = w->keys->protocol->merchant_sig; /* all zero */
}

static void fill_coin(struct deposit *d, size_t i, const struct coin_pick *pick)
{
    struct taler_deposit_coin *c = &d->coins[i];
    struct coin *coin = pick->coin;

    d->spent[i] = coin;
    d->fees[i] = coin->denom->fee_deposit;
    c->coin = coin->pair.pub;
    c->contribution = pick->contribution;
    c->h_denom = coin->h_denom;
    c->denom_sig.len = (uint16_t)coin->sig.len;
    memcpy(c->denom_sig.bytes, coin->sig.data, coin->sig.len);
    /* Selection never takes more than is left. */
    if (taler_amount_sub(&d->left[i], &coin->left, &pick->contribution))
        d->error = SHOAL_E_INTERNAL;
}

static void sign_coins(void *arg)
{
    struct deposit *d = arg;
    enum taler_layout layout = d->w->keys->protocol->deposit_layout;
    struct merchant merchant;

    fleet_merchant(d->w->fleet, d->merchant, &merchant);
    /* Any 64 bytes are a contract's hash to the exchange. */
    for (unsigned half = 0; half < 2; half++)
        secret_derive(d->terms->h_contract.bytes + half * SECRET_SIZE, &d->w->flow->secrets,
                      "contract", 2 * d->w->payment + half);
    d->terms->merchant = merchant.pub;
    d->terms->wire_salt = merchant.wire_salt;
    taler_hash_wire(&d->h_wire, d->terms->merchant_payto, &d->terms->wire_salt);
    for (size_t i = 0; i < d->count; i++) {
        struct taler_statement s;
        taler_deposit_statement(&s, layout, d->terms, &d->h_wire, &d->coins[i], &d->fees[i]);
        taler_sign(&d->coins[i].coin_sig, &d->spent[i]->pair, &s);
    }
}

/* --- intent --------------------------------------------------------------------------------- */

#define EXTRA_COIN_SIZE (COIN_KEY_SIZE + AMOUNT_RECORD_SIZE)

static struct slice extra_of(const struct deposit *d)
{
    size_t len = 4 + d->count * EXTRA_COIN_SIZE;
    uint8_t *extra = arena_alloc(d->w->flow->arena, len), *p = extra + 4;

    put_u32be(extra, d->merchant);
    for (size_t i = 0; i < d->count; i++, p += EXTRA_COIN_SIZE) {
        memcpy(p, d->spent[i]->key, COIN_KEY_SIZE);
        amount_record(p + COIN_KEY_SIZE, &d->left[i]);
    }
    return slice_of(extra, len);
}

static int from_extra(struct deposit *d, const struct intent *intent)
{
    struct wallet *w = d->w;
    const uint8_t *p = intent->extra.data + 4;

    if (intent->extra.len < 4 + EXTRA_COIN_SIZE || (intent->extra.len - 4) % EXTRA_COIN_SIZE)
        return SHOAL_E_CORRUPT;
    deposit_room(d, (intent->extra.len - 4) / EXTRA_COIN_SIZE);
    if (d->count > TALER_BATCH_MAX)
        return SHOAL_E_CORRUPT;
    d->merchant = get_u32be(intent->extra.data);
    for (size_t i = 0; i < d->count; i++, p += EXTRA_COIN_SIZE) {
        struct slice key = slice_of(p, COIN_KEY_SIZE), value;
        int error = store_get(w->flow, TABLE_COINS, key, &value);
        if (error && error != SHOAL_E_NOT_FOUND)
            return error;
        if (error == SHOAL_OK) {
            d->spent[i] = arena_alloc(w->flow->arena, sizeof *d->spent[i]);
            if (coin_from_record(d->spent[i], key, value, w->fleet->currency))
                return SHOAL_E_CORRUPT;
        }
        if (amount_from_record(&d->left[i], p + COIN_KEY_SIZE, w->fleet->currency))
            return SHOAL_E_CORRUPT;
    }
    return SHOAL_OK;
}

static void write_body(void *arg)
{
    struct deposit *d = arg;

    if (d->batch)
        taler_batch_deposit_request_write(&d->body, d->terms, d->coins, d->count);
    else
        taler_deposit_request_write(&d->body, d->terms, d->coins);
}

static const char *deposit_path(const struct deposit *d)
{
    char name[TALER_PUB_TEXT_MAX];

    if (d->batch)
        return "/batch-deposit";
    taler_b32_encode(name, sizeof name, d->coins[0].coin.bytes, TALER_PUB_SIZE);
    return arena_printf(d->w->flow->arena, "/coins/%s/deposit", name);
}

static int deposit_intent(struct deposit *d, struct intent *intent)
{
    *intent = (struct intent){
        .kind = INTENT_PAY,
        .created_us = (uint64_t)clock_wall_us(),
        .path = deposit_path(d),
        .extra = extra_of(d),
    };
    intent_key(intent->key, d->w->flow->iteration, d->number);
    fiber_deep(write_body, d);
    return intent_store(d->w, d->w->flow->arena, intent, &d->body);
}

/* --- confirmation ----------------------------------------------------------------------------- */

static void read_and_check(void *arg)
{
    struct deposit *d = arg;
    const struct taler_keyset *keys = d->w->keys;
    struct taler_deposit_reply reply;
    const struct taler_deposit_facts facts = {
        .terms = d->terms,
        .h_wire = &d->h_wire,
        .coins = d->coins,
        .fees = d->fees,
        .count = d->count,
    };

    d->unknown_key = false;
    d->error = taler_deposit_reply_read(&reply, !d->batch, keys->protocol->confirm, d->count,
                                        d->reply, &d->fault);
    if (d->error || d->w->options->trust_exchange)
        return;
    d->unknown_key = !taler_keyset_signkey(keys, &reply.exchange, reply.timestamp_s);
    d->error = d->unknown_key ? SHOAL_E_BAD_SIGNATURE : taler_deposit_check(&reply, keys, &facts);
}

/* The exchange may have a signing key since the key set was fetched: asked for once. */
static int confirm(struct deposit *d)
{
    struct flow *flow = d->w->flow;

    flow_crypto(flow, read_and_check, d);
    if (d->error == SHOAL_E_BAD_SIGNATURE && d->unknown_key) {
        int error = wallet_keys_renew(d->w);
        if (error == SHOAL_E_CANCELLED)
            return error;
        if (error == SHOAL_OK)
            flow_crypto(flow, read_and_check, d);
    }
    if (d->error == SHOAL_OK)
        return SHOAL_OK;
    if (d->error != SHOAL_E_BAD_SIGNATURE)
        return flow_fail(flow, &(struct flow_failure){.error = d->error, .status = 200},
                         "POST deposit: %s", d->fault.text);
    return flow_fail(flow,
                     &(struct flow_failure){.error = SHOAL_E_BAD_SIGNATURE,
                                            .kind = d->unknown_key ? "exchange-key-unknown"
                                                                   : "bad-deposit-signature",
                                            .status = 200},
                     d->unknown_key ? "the deposit is confirmed with a key that /keys does not list"
                                    : "the exchange's signature over the deposit does not verify");
}

/* --- effects -------------------------------------------------------------------------------- */

static int store_coin(struct wallet *w, const struct coin *c)
{
    struct slice key = slice_of(c->key, sizeof c->key);
    uint8_t record[COIN_RECORD_MAX];

    if (taler_amount_is_zero(&c->left))
        return store_delete(w->flow, TABLE_COINS, key);
    size_t len = coin_record(record, c);
    return store_put(w->flow, TABLE_COINS, key, slice_of(record, len));
}

static int store_payment(struct deposit *d, const struct intent *intent)
{
    size_t len = PAYMENT_RECORD_SIZE + d->count * COIN_KEY_SIZE;
    uint8_t *record = arena_alloc(d->w->flow->arena, len), key[PAYMENT_KEY_SIZE];
    struct payment p = {
        .created_us = intent->created_us,
        .merchant = d->merchant,
        .amount = d->coins[0].contribution,
        .h_contract = d->terms->h_contract,
    };

    for (size_t i = 1; i < d->count; i++)
        if (taler_amount_add(&p.amount, &p.amount, &d->coins[i].contribution))
            return SHOAL_E_CORRUPT;
    payment_record(record, &p);
    for (size_t i = 0; i < d->count; i++)
        memcpy(record + PAYMENT_RECORD_SIZE + i * COIN_KEY_SIZE,
               intent->extra.data + 4 + i * EXTRA_COIN_SIZE, COIN_KEY_SIZE);
    static_assert(PAYMENT_KEY_SIZE == INTENT_KEY_SIZE, "a payment has its intent's key");
    memcpy(key, intent->key, sizeof key);
    return store_put(d->w->flow, TABLE_HISTORY, slice_of(key, sizeof key), slice_of(record, len));
}

/* The coins are worth what they are worth now; the intent goes last. */
static int deposit_done(struct deposit *d, const struct intent *intent)
{
    int error = store_payment(d, intent);

    for (size_t i = 0; i < d->count && !error; i++) {
        if (!d->spent[i])
            continue;
        d->spent[i]->left = d->left[i];
        error = store_coin(d->w, d->spent[i]);
    }
    return error ? error : intent_close(d->w, intent);
}

struct refusal {
    struct slice body;
    struct taler_error_reply reply;
    bool readable;
};

static void read_refusal(void *arg)
{
    struct refusal *r = arg;

    r->readable = taler_error_reply_read(&r->reply, r->body, NULL) == SHOAL_OK;
}

/* A coin the exchange will never take again is worth nothing: kept, it would be chosen again. */
static int forget_coins(struct deposit *d, const struct http_response *response)
{
    struct refusal r = {.body = response->body};
    int error = SHOAL_OK;

    if (response->status != 409 && response->status != 410)
        return SHOAL_OK;
    fiber_deep(read_refusal, &r);
    bool named = r.readable && r.reply.has_coin;
    for (size_t i = 0; i < d->count && !error; i++) {
        if (!d->spent[i] || (named && !taler_equal(&r.reply.coin, &d->coins[i].coin)))
            continue;
        error = taler_amount_zero(&d->spent[i]->left, d->w->fleet->currency);
        if (error == SHOAL_OK)
            error = store_coin(d->w, d->spent[i]);
    }
    return error;
}

static int deposit_refused(struct deposit *d, const struct intent *intent,
                           const struct http_response *response)
{
    int error = forget_coins(d, response);

    return error ? error : intent_close(d->w, intent);
}

static int deposit_send(struct deposit *d, const struct intent *intent)
{
    const struct wallet_request request = {
        .name = d->batch ? REQUEST_BATCH_DEPOSIT : REQUEST_DEPOSIT,
        .method = "POST",
        .path = intent->path,
        .body = intent->body,
        .explain = reply_explain,
    };
    struct http_response response;
    int ours = SHOAL_OK, error = wallet_send(d->w, &request, &response);

    if (error) {
        if (!wallet_is_open(error, &response))
            ours = deposit_refused(d, intent, &response);
        return ours ? ours : error;
    }
    d->reply = response.body;
    error = confirm(d);
    /* Deposited it is, whatever signature came back. */
    if (error == SHOAL_OK || error == SHOAL_E_BAD_SIGNATURE)
        ours = deposit_done(d, intent);
    return ours ? ours : error;
}

/* --- the step ------------------------------------------------------------------------------- */

static int deposit(struct wallet *w, const struct coin_pick picks[], size_t count,
                   uint64_t merchant, unsigned request)
{
    struct deposit d = {
        .w = w,
        .number = (uint16_t)(PAY_NUMBER + w->payment * PAY_REQUESTS_MAX + request),
        .merchant = (uint32_t)merchant,
        .batch =
            w->options->deposit == MODE_BATCH || !w->keys->protocol->single_deposit || count > 1,
    };
    struct intent intent;

    deposit_room(&d, count);
    fill_terms(&d);
    for (size_t i = 0; i < count; i++)
        fill_coin(&d, i, &picks[i]);
    if (d.error)
        return d.error;
    flow_crypto(w->flow, sign_coins, &d);
    int error = deposit_intent(&d, &intent);
    return error ? error : deposit_send(&d, &intent);
}

int wallet_pay(struct flow *flow, void *arg)
{
    struct wallet *w = arg;
    const struct wallet_options *o = w->options;
    bool one_by_one = o->deposit == MODE_SINGLE;
    size_t max = (size_t)o->max_coins, count = 0;
    struct taler_amount amount;
    int64_t units = distribution_draw_int(&o->pay_amount, &flow->rng);
    int64_t merchant = distribution_draw_int(&o->merchants, &flow->rng);

    if (one_by_one && max > PAY_REQUESTS_MAX)
        max = PAY_REQUESTS_MAX;
    if (taler_amount_from_units(&amount, w->fleet->currency, (uint64_t)units))
        return SHOAL_E_INTERNAL;
    struct coin_pick *picks = arena_alloc(flow->arena, max * sizeof *picks);
    int error = choose_coins(w, &amount, picks, max, &count);
    if (error)
        return error;
    if (!one_by_one)
        return deposit(w, picks, count, (uint64_t)merchant, 0);
    for (size_t i = 0; i < count && !error; i++)
        error = deposit(w, &picks[i], 1, (uint64_t)merchant, (unsigned)i);
    return error;
}

/* --- after a crash or a lost reply ------------------------------------------------------------ */

struct body_reading {
    struct deposit *d;
    const struct intent *intent;
    size_t count;
    int error;
};

static void read_body(void *arg)
{
    struct body_reading *r = arg;
    struct deposit *d = r->d;
    const char *name = r->intent->path + strlen("/coins/");

    r->count = 1;
    if (d->batch) {
        r->error = taler_batch_deposit_request_read(d->terms, d->coins, d->count, &r->count,
                                                    r->intent->body, NULL);
    } else {
        r->error = taler_deposit_request_read(d->terms, d->coins, r->intent->body, NULL);
        if (r->error == SHOAL_OK)
            r->error = strlen(name) < TALER_B32_LEN(TALER_PUB_SIZE)
                           ? SHOAL_E_CORRUPT
                           : taler_b32_decode(d->coins[0].coin.bytes, TALER_PUB_SIZE, name,
                                              TALER_B32_LEN(TALER_PUB_SIZE));
    }
    if (r->error == SHOAL_OK)
        taler_hash_wire(&d->h_wire, d->terms->merchant_payto, &d->terms->wire_salt);
}

int pay_recover(struct wallet *w, struct intent *intent)
{
    struct deposit d = {.w = w, .batch = strcmp(intent->path, "/batch-deposit") == 0};
    struct body_reading r = {.d = &d, .intent = intent};
    int error = from_extra(&d, intent);

    if (error)
        return error;
    fiber_deep(read_body, &r);
    if (r.error || r.count != d.count)
        return SHOAL_E_CORRUPT;
    for (size_t i = 0; i < d.count; i++) {
        const struct taler_denom *denom = taler_keyset_denom(w->keys, &d.coins[i].h_denom);
        /* Without its fee the confirmation cannot be checked; then it fails there. */
        if (denom)
            d.fees[i] = denom->fee_deposit;
        else if (taler_amount_zero(&d.fees[i], w->fleet->currency))
            return SHOAL_E_INTERNAL;
    }
    return deposit_send(&d, intent);
}
