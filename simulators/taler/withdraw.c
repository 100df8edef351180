/* Coins out of a reserve: planchets, their blind signatures, coins in the state. */
#include <stdio.h>

#include "core/lane/shared.h"
#include "core/util/clock.h"
#include "protocols/taler/base32.h"
#include "protocols/taler/hash.h"
#include "simulators/store.h"
#include "simulators/taler/fleet.h"
#include "simulators/taler/replies.h"
#include "simulators/taler/wallet.h"

/* A planchet takes some 70 us and a signature 35: between so many the lane serves others. */
#define COINS_AT_ONCE 16
/* Of one reserve: a coin's number has 16 bits, and so has its intent's. */
#define WITHDRAW_COINS_MAX 32000
#define WITHDRAW_NUMBER 1 /* of the intent of coin 0 */

/* What is kept of a planchet until its signature is here, a third of struct taler_planchet. */
struct fresh {
    const struct taler_denom *denom;
    uint8_t secret[TALER_PLANCHET_SECRET_SIZE];
    struct taler_key pair;
    uint8_t *fdh, *r; /* as long as the denomination's n */
};

/* One request: a single withdrawal or a batch. */
struct withdrawal {
    struct wallet *w;
    struct arena *arena;  /* until the request is answered */
    struct arena *making; /* until it is sent */
    struct reserve *reserve;
    struct taler_amount left; /* in the reserve, when this is done */
    uint16_t first, count;    /* numbers of the coins in their iteration */
    bool batch;
    struct fresh *coins;
    struct taler_withdraw_planchet *planchets; /* NULL: made before, they are in the intent */
    struct taler_rsa_value *signatures;
    struct buf body;
    struct slice reply;
    struct taler_fault fault;
    size_t from, to; /* the coins of this turn's work */
    int error;
};

/* --- planchets ------------------------------------------------------------------------------ */

static void make_planchet(struct withdrawal *x, size_t i)
{
    struct fresh *f = &x->coins[i];
    struct taler_planchet planchet;
    size_t len = taler_rsa_public_size(f->denom->rsa);

    if (x->planchets)
        secret_derive(f->secret, &x->w->flow->secrets, "coin", x->first + i);
    x->error = taler_planchet_make(&planchet, f->denom, f->secret);
    if (x->error)
        return;
    f->pair = planchet.coin;
    memcpy(f->fdh, planchet.blinding.fdh.bytes, len);
    memcpy(f->r, planchet.blinding.r.bytes, len);
    if (x->planchets) {
        struct taler_statement s = {.layout = TALER_WITHDRAW};
        s.withdraw.amount_with_fee = f->denom->cost;
        s.withdraw.h_denom = f->denom->hash;
        s.withdraw.h_envelope = planchet.h_envelope;
        x->planchets[i].h_denom = f->denom->hash;
        x->planchets[i].blinded = planchet.blinded;
        taler_sign(&x->planchets[i].reserve_sig, &x->reserve->key, &s);
    }
    taler_wipe(&planchet, sizeof planchet);
}

static void make_planchets(void *arg)
{
    struct withdrawal *x = arg;

    for (size_t i = x->from; i < x->to && !x->error; i++)
        make_planchet(x, i);
}

/* Some coins at a time; between them other fibers of the lane run. */
static int in_turns(struct withdrawal *x, fiber_fn work)
{
    for (size_t i = 0; i < x->count && !x->error; i += COINS_AT_ONCE) {
        x->from = i;
        x->to = i + COINS_AT_ONCE < x->count ? i + COINS_AT_ONCE : x->count;
        flow_crypto(x->w->flow, work, x);
        if (x->to < x->count)
            lane_yield();
    }
    return x->error;
}

static void make_room(struct withdrawal *x)
{
    x->coins = arena_zalloc(x->arena, x->count * sizeof *x->coins);
}

static void made(struct withdrawal *x)
{
    arena_free(x->making);
    x->making = NULL;
    x->planchets = NULL;
}

/* When every coin has its denomination: room for their numbers, in one piece. */
static void make_number_room(struct withdrawal *x)
{
    size_t size = 0;

    for (size_t i = 0; i < x->count; i++)
        size += 2 * taler_rsa_public_size(x->coins[i].denom->rsa);
    uint8_t *room = arena_alloc(x->arena, size);
    for (size_t i = 0; i < x->count; i++) {
        size_t len = taler_rsa_public_size(x->coins[i].denom->rsa);
        x->coins[i].fdh = room;
        x->coins[i].r = room + len;
        room += 2 * len;
    }
}

/* --- intent --------------------------------------------------------------------------------- */

#define EXTRA_HEAD_SIZE (8 + TALER_SEED_SIZE + AMOUNT_RECORD_SIZE + 2 + 2)

static struct slice extra_of(const struct withdrawal *x)
{
    size_t len = EXTRA_HEAD_SIZE + (size_t)x->count * TALER_PLANCHET_SECRET_SIZE;
    uint8_t *extra = arena_alloc(x->making, len), *p = extra;

    put_u64be(p, x->reserve->iteration);
    p += 8;
    memcpy(p, x->reserve->key.seed, TALER_SEED_SIZE);
    p += TALER_SEED_SIZE;
    amount_record(p, &x->left);
    p += AMOUNT_RECORD_SIZE;
    put_u16be(p, x->first);
    put_u16be(p + 2, x->count);
    p += 4;
    for (size_t i = 0; i < x->count; i++, p += TALER_PLANCHET_SECRET_SIZE)
        memcpy(p, x->coins[i].secret, TALER_PLANCHET_SECRET_SIZE);
    return slice_of(extra, len);
}

static int from_extra(struct withdrawal *x, const struct intent *intent)
{
    const uint8_t *p = intent->extra.data;

    if (intent->extra.len < EXTRA_HEAD_SIZE)
        return SHOAL_E_CORRUPT;
    x->reserve->iteration = get_u64be(p);
    p += 8;
    memcpy(x->reserve->key.seed, p, TALER_SEED_SIZE);
    p += TALER_SEED_SIZE;
    if (amount_from_record(&x->left, p, x->w->fleet->currency))
        return SHOAL_E_CORRUPT;
    p += AMOUNT_RECORD_SIZE;
    x->first = get_u16be(p);
    x->count = get_u16be(p + 2);
    p += 4;
    if (!x->count || x->count > TALER_BATCH_MAX ||
        intent->extra.len != EXTRA_HEAD_SIZE + (size_t)x->count * TALER_PLANCHET_SECRET_SIZE)
        return SHOAL_E_CORRUPT;
    make_room(x);
    for (size_t i = 0; i < x->count; i++, p += TALER_PLANCHET_SECRET_SIZE)
        memcpy(x->coins[i].secret, p, TALER_PLANCHET_SECRET_SIZE);
    return SHOAL_OK;
}

static void write_body(void *arg)
{
    struct withdrawal *x = arg;

    if (x->batch)
        taler_batch_withdraw_request_write(&x->body, x->planchets, x->count);
    else
        taler_withdraw_request_write(&x->body, x->planchets);
}

static const char *withdraw_path(struct withdrawal *x)
{
    char name[TALER_PUB_TEXT_MAX];

    taler_b32_encode(name, sizeof name, x->reserve->key.pub.bytes, TALER_PUB_SIZE);
    return arena_printf(x->arena, "/reserves/%s/%s", name,
                        x->batch ? "batch-withdraw" : "withdraw");
}

static int withdraw_intent(struct withdrawal *x, struct intent *intent)
{
    *intent = (struct intent){
        .kind = INTENT_WITHDRAW,
        .created_us = (uint64_t)clock_wall_us(),
        .path = withdraw_path(x),
        .extra = extra_of(x),
    };
    intent_key(intent->key, x->reserve->iteration, (uint16_t)(WITHDRAW_NUMBER + x->first));
    fiber_deep(write_body, x);
    return intent_store(x->w, x->arena, intent, &x->body);
}

/* --- coins ---------------------------------------------------------------------------------- */

static void read_reply(void *arg)
{
    struct withdrawal *x = arg;

    x->error = x->batch
                   ? taler_batch_withdraw_reply_read(x->signatures, x->count, x->reply, &x->fault)
                   : taler_withdraw_reply_read(x->signatures, x->reply, &x->fault);
}

/* Unblinds and verifies; the coin's signature takes the place of the blind one. */
static void finish_coins(void *arg)
{
    struct withdrawal *x = arg;
    struct taler_rsa_blinding blinding;
    int (*unblind)(struct taler_rsa_value *, const struct taler_rsa_public *,
                   const struct taler_rsa_blinding *, const struct taler_rsa_value *) =
        x->w->options->trust_exchange ? taler_rsa_unblind_trusting : taler_rsa_unblind;

    for (size_t i = x->from; i < x->to && !x->error; i++) {
        const struct fresh *f = &x->coins[i];
        size_t len = taler_rsa_public_size(f->denom->rsa);
        blinding.fdh.len = blinding.r.len = (uint16_t)len;
        memcpy(blinding.fdh.bytes, f->fdh, len);
        memcpy(blinding.r.bytes, f->r, len);
        x->error = unblind(&x->signatures[i], f->denom->rsa, &blinding, &x->signatures[i]);
    }
    taler_wipe(&blinding, sizeof blinding);
}

static int store_coins(struct withdrawal *x)
{
    uint8_t record[COIN_RECORD_MAX];
    struct coin c = {.created_us = (uint64_t)clock_wall_us()};
    int error = SHOAL_OK;

    for (size_t i = 0; i < x->count && !error; i++) {
        const struct fresh *f = &x->coins[i];
        coin_key(c.key, x->reserve->iteration, (uint16_t)(x->first + i));
        c.h_denom = f->denom->hash;
        c.left = f->denom->value;
        c.pair = f->pair;
        c.sig = slice_of(x->signatures[i].bytes, x->signatures[i].len);
        size_t len = coin_record(record, &c);
        error = store_put(x->w->flow, TABLE_COINS, slice_of(c.key, sizeof c.key),
                          slice_of(record, len));
    }
    return error;
}

/* The money has left the reserve. The intent goes last: should these writes be cut in two, the
 * replay writes the same again. */
static int withdraw_done(struct withdrawal *x, const struct intent *intent)
{
    uint8_t key[RESERVE_KEY_SIZE], record[RESERVE_RECORD_SIZE];

    x->reserve->balance = x->left;
    reserve_key(key, x->reserve->iteration);
    reserve_record(record, x->reserve);
    int error = store_put(x->w->flow, TABLE_RESERVES, slice_of(key, sizeof key),
                          slice_of(record, sizeof record));
    return error ? error : intent_close(x->w, intent);
}

/* The exchange's reply in full becomes coins. */
static int withdraw_finish(struct withdrawal *x, const struct intent *intent, struct slice reply)
{
    struct flow *flow = x->w->flow;

    x->reply = reply;
    x->signatures = arena_alloc(x->arena, x->count * sizeof *x->signatures);
    fiber_deep(read_reply, x);
    if (x->error)
        return flow_fail(flow, &(struct flow_failure){.error = x->error, .status = 200},
                         "POST withdraw: %s", x->fault.text);
    int error = in_turns(x, finish_coins);
    if (error) {
        int ours = withdraw_done(x, intent);
        return ours ? ours
                    : flow_fail(flow,
                                &(struct flow_failure){.error = SHOAL_E_BAD_SIGNATURE,
                                                       .kind = "bad-blind-signature",
                                                       .status = 200},
                                "a blind signature is not the denomination key's");
    }
    error = store_coins(x);
    return error ? error : withdraw_done(x, intent);
}

static int withdraw_send(struct withdrawal *x, const struct intent *intent)
{
    struct wallet *w = x->w;
    const struct wallet_request request = {
        .name = x->batch ? REQUEST_BATCH_WITHDRAW : REQUEST_WITHDRAW,
        .method = "POST",
        .path = intent->path,
        .body = intent->body,
        .explain = reply_explain_reserve,
    };
    struct http_response response;
    int error = wallet_send(w, &request, &response);

    if (error == SHOAL_OK)
        return withdraw_finish(x, intent, response.body);
    /* A denomination is gone: the next iteration asks for the keys again. */
    if (error == SHOAL_E_HTTP_STATUS && response.status == 410 && w->keys_value)
        shared_expire(w->fleet->keys, w->keys_value);
    int ours = wallet_is_open(error, &response) ? SHOAL_OK : intent_close(w, intent);
    return ours ? ours : error;
}

/* --- the step ------------------------------------------------------------------------------- */

static int withdraw_batch(struct withdrawal *x, const struct taler_denom *denoms[])
{
    struct wallet *w = x->w;
    const struct taler_protocol *protocol = w->keys->protocol;
    struct intent intent;

    x->batch = w->options->withdraw == MODE_BATCH || !protocol->single_withdraw || x->count > 1;
    make_room(x);
    x->planchets = arena_alloc(x->making, x->count * sizeof *x->planchets);
    for (size_t i = 0; i < x->count; i++)
        x->coins[i].denom = denoms[i];
    make_number_room(x);
    if (in_turns(x, make_planchets))
        return flow_fail(
            w->flow, &(struct flow_failure){.error = SHOAL_E_BAD_REPLY, .kind = "bad-denomination"},
            "a denomination's RSA key cannot blind");
    int error = withdraw_intent(x, &intent);
    made(x);
    return error ? error : withdraw_send(x, &intent);
}

/* The next coins of the reserve; *more when that was not all. */
static int withdraw_some(struct wallet *w, uint16_t first, uint16_t *count, bool *more)
{
    size_t max = w->options->withdraw == MODE_SINGLE ? 1 : (size_t)w->options->max_coins;
    const struct taler_denom **denoms = arena_alloc(w->flow->arena, max * sizeof *denoms);
    size_t found = 0;
    struct withdrawal x = {.w = w, .reserve = &w->reserve, .first = first};
    int error = taler_keyset_decompose(w->keys, wallet_now_s(), &w->reserve.balance, denoms, max,
                                       &found, &x.left);

    *more = error == SHOAL_E_LIMIT;
    *count = (uint16_t)found;
    if (error && error != SHOAL_E_LIMIT)
        return flow_fail(w->flow, &(struct flow_failure){.error = error},
                         "the reserve's balance cannot be split into coins");
    if (!found)
        return SHOAL_OK;
    x.count = (uint16_t)found;
    x.arena = arena_new();
    x.making = arena_new();
    error = withdraw_batch(&x, denoms);
    arena_free(x.making);
    arena_free(x.arena);
    return error;
}

int wallet_withdraw(struct flow *flow, void *arg)
{
    struct wallet *w = arg;
    size_t first = 0;
    bool more = true;

    while (more && first < WITHDRAW_COINS_MAX) {
        uint16_t count = 0;
        int error = withdraw_some(w, (uint16_t)first, &count, &more);
        if (error)
            return error;
        first += count;
    }
    if (first)
        return SHOAL_OK;
    return flow_fail(flow,
                     &(struct flow_failure){.error = SHOAL_E_REJECTED, .kind = "amount-too-small"},
                     "the reserve's balance is less than the smallest denomination costs");
}

/* --- after a crash or a lost reply ---------------------------------------------------------- */

struct body_reading {
    struct withdrawal *x;
    struct slice body;
    struct taler_withdraw_planchet *planchets;
    size_t count;
    int error;
};

static void read_body(void *arg)
{
    struct body_reading *r = arg;

    r->count = 1;
    r->error = r->x->batch ? taler_batch_withdraw_request_read(r->planchets, r->x->count, &r->count,
                                                               r->body, NULL)
                           : taler_withdraw_request_read(r->planchets, r->body, NULL);
    taler_key_from_seed(&r->x->reserve->key, r->x->reserve->key.seed);
}

/* Blinding is repeated from the secrets; what is sent is the intent, byte for byte. */
static int withdraw_again(struct withdrawal *x, struct intent *intent)
{
    struct flow *flow = x->w->flow;
    struct body_reading r = {.x = x, .body = intent->body};
    int error = from_extra(x, intent);

    if (error)
        return error;
    x->batch = strstr(intent->path, "/batch-withdraw") != NULL;
    r.planchets = arena_alloc(x->making, x->count * sizeof *r.planchets);
    flow_crypto(flow, read_body, &r);
    if (r.error || r.count != x->count)
        return SHOAL_E_CORRUPT;
    for (size_t i = 0; i < x->count; i++) {
        const struct taler_denom *denom = taler_keyset_denom(x->w->keys, &r.planchets[i].h_denom);
        if (!denom || !denom->rsa) {
            error = intent_close(x->w, intent);
            return error ? error
                         : flow_fail(flow,
                                     &(struct flow_failure){.error = SHOAL_E_UNEXPECTED,
                                                            .kind = "denomination-unknown"},
                                     "the exchange no longer lists a denomination of an "
                                     "interrupted withdrawal");
        }
        x->coins[i].denom = denom;
    }
    made(x);
    make_number_room(x);
    error = in_turns(x, make_planchets);
    return error ? error : withdraw_send(x, intent);
}

int withdraw_recover(struct wallet *w, struct intent *intent)
{
    struct reserve reserve = {.created_us = intent->created_us};
    struct withdrawal x = {
        .w = w, .arena = arena_new(), .making = arena_new(), .reserve = &reserve};
    int error = withdraw_again(&x, intent);

    arena_free(x.making);
    arena_free(x.arena);
    taler_wipe(&reserve, sizeof reserve);
    return error;
}
