/* POST /coins/$PUB/deposit and /batch-deposit: coins are checked, spent once, and confirmed. */
#include <stdlib.h>

#include "protocols/taler/hash.h"
#include "protocols/taler/reply.h"
#include "simulators/taler/standin_service.h"

#define HISTORY_MAX 2000

/* --- 409: what a coin was spent for -------------------------------------------------------------
 */

static size_t fill_history(const struct standin_service *s, const struct books_coin *coin,
                           struct taler_history_entry *entries)
{
    size_t n = 0;
    for (uint32_t link = coin->deposits; link && n < HISTORY_MAX; n++) {
        const struct books_deposit *d = records_at(&s->books.deposits, link - 1);
        const struct books_deposit_proof *p = records_at(&s->books.deposit_proofs, d->proof);
        entries[n] =
            (struct taler_history_entry){.type = TALER_HISTORY_DEPOSIT,
                                         .amount = standin_amount(s, d->contribution),
                                         .fee = s->keys.set->denoms[coin->denom].fee_deposit,
                                         .timestamp_s = p->timestamp_s,
                                         .refund_deadline_s = p->refund_deadline_s,
                                         .merchant = p->merchant,
                                         .h_contract = p->h_contract,
                                         .h_wire = p->h_wire,
                                         .h_age = p->h_age,
                                         .sig = p->coin_sig};
        link = d->next;
    }
    return n;
}

static void reply_conflict(struct standin_service *s, struct exchange *x,
                           const struct books_spend *spend, enum books_result result)
{
    bool other = result == BOOKS_CONFLICT;
    const struct books_coin *coin = books_coin(&s->books, &spend->coin);
    struct taler_error_reply error = {
        .code = other ? TALER_CODE_DENOMINATION_CONFLICT : TALER_CODE_INSUFFICIENT_FUNDS,
        .has_coin = true,
        .coin = spend->coin,
        .h_denom = s->keys.set->denoms[coin ? coin->denom : spend->denom].hash,
    };
    snprintf(error.hint, sizeof error.hint, "%s",
             other ? "The same coin was already used with a different denomination previously."
                   : "The respective coin did not have sufficient residual value for the "
                     "operation.");
    if (s->books.proofs && coin) {
        error.history = calloc(HISTORY_MAX, sizeof *error.history);
        error.has_history = error.history != NULL;
        if (error.history)
            error.history_count = fill_history(s, coin, error.history);
    }
    s->counts.conflicts++;
    buf_clear(&s->out);
    taler_error_reply_write(&s->out, &error);
    free(error.history);
    reply_with(s, x, 409);
}

/* --- checks -------------------------------------------------------------------------------------
 */

static bool check_terms(struct standin_service *s, struct exchange *x,
                        const struct taler_deposit_terms *terms)
{
    if (!taler_payto_valid(terms->merchant_payto, s->protocol->version >= 23)) {
        reply_error(s, x, 400, CODE_PAYTO_MALFORMED,
                    "merchant_payto_uri: no payto URI, or without receiver-name");
        return false;
    }
    if (terms->refund_deadline_s > terms->wire_deadline_s) {
        reply_error(s, x, 400, CODE_REFUND_AFTER_WIRE,
                    "The refund deadline is after the wire deadline.");
        return false;
    }
    return true;
}

static bool is_zero(const struct taler_short_hash *hash)
{
    const struct taler_short_hash zero = {{0}};
    return taler_equal(hash, &zero);
}

/* Is it a coin of ours, and does its owner want this? */
static bool check_signatures(struct standin_service *s, struct exchange *x,
                             const struct taler_deposit_terms *terms,
                             const struct taler_hash *h_wire, const struct taler_deposit_coin *c,
                             const struct taler_denom *denom)
{
    struct taler_hash h_coin;
    bool aged = c->has_age && !is_zero(&c->h_age);
    taler_hash_coin(&h_coin, &c->coin, aged ? &c->h_age : NULL);
    if (!taler_rsa_verify(&c->denom_sig, denom->rsa, &h_coin)) {
        reply_error(s, x, 403, CODE_DENOMINATION_SIGNATURE,
                    "The signature of the denomination key over the coin is not valid.");
        return false;
    }
    struct taler_statement statement;
    taler_deposit_statement(&statement, s->protocol->deposit_layout, terms, h_wire, c,
                            &denom->fee_deposit);
    if (!taler_verify(&c->coin_sig, &c->coin, &statement)) {
        reply_error(s, x, 403, TALER_CODE_COIN_SIGNATURE,
                    "The signature made by the coin over the deposit permission is not valid.");
        return false;
    }
    return true;
}

/* The coin's signature covers what its owner agreed to; the wire deadline it does not. */
static void set_digest(struct books_spend *spend, const struct taler_deposit_terms *terms,
                       const struct taler_deposit_coin *c)
{
    uint8_t deadline[8];
    put_u64be(deadline, terms->wire_deadline_s);
    const struct slice parts[] = {slice_of(c->coin_sig.bytes, sizeof c->coin_sig.bytes),
                                  slice_of(deadline, sizeof deadline)};
    struct taler_hash digest;
    taler_sha512(&digest, parts, 2);
    memcpy(spend->digest, digest.bytes, sizeof spend->digest);
}

static bool check_coin(struct standin_service *s, struct exchange *x,
                       const struct taler_hash *h_wire, size_t i)
{
    struct standin_room *room = s->room;
    const struct taler_deposit_coin *c = &room->coins[i];
    struct books_spend *spend = &room->spends[i];
    size_t index;
    if (!standin_denom(s, x, &c->h_denom, false, &index))
        return false;
    const struct taler_denom *denom = &s->keys.set->denoms[index];
    if (strcmp(c->contribution.currency, s->keys.currency) != 0 ||
        taler_amount_to_units(&c->contribution, &spend->contribution)) {
        reply_error(s, x, 400, CODE_CURRENCY_MISMATCH, "contribution: another currency");
        return false;
    }
    if (taler_amount_cmp(&c->contribution, &denom->fee_deposit) < 0) {
        reply_error(s, x, 400, CODE_NEGATIVE_AFTER_FEE,
                    "The contribution is less than the deposit fee.");
        return false;
    }
    if (!check_signatures(s, x, &room->terms, h_wire, c, denom))
        return false;
    spend->coin = c->coin;
    spend->denom = (uint32_t)index;
    set_digest(spend, &room->terms, c);
    spend->proof = (struct books_deposit_proof){.merchant = room->terms.merchant,
                                                .h_contract = room->terms.h_contract,
                                                .h_wire = *h_wire,
                                                .h_age = c->h_age,
                                                .coin_sig = c->coin_sig,
                                                .timestamp_s = room->terms.timestamp_s,
                                                .refund_deadline_s = room->terms.refund_deadline_s};
    room->fees[i] = denom->fee_deposit;
    return true;
}

static bool check_distinct(struct standin_service *s, struct exchange *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (taler_equal(&s->room->coins[i].coin, &s->room->coins[k].coin)) {
                reply_error(s, x, 400, CODE_PARAMETER_MALFORMED, "coins: one is there twice");
                return false;
            }
    return true;
}

/* --- the deposit --------------------------------------------------------------------------------
 */

static void confirm(struct standin_service *s, struct exchange *x, const struct taler_hash *h_wire,
                    size_t count, bool single)
{
    struct standin_room *room = s->room;
    struct taler_deposit_facts facts = {.terms = &room->terms,
                                        .h_wire = h_wire,
                                        .coins = room->coins,
                                        .fees = room->fees,
                                        .count = count};
    struct taler_deposit_reply *reply = &room->confirmation;
    reply->single = single;
    reply->kind = !single && s->protocol->confirm != TALER_OLD ? TALER_NEW : TALER_OLD;
    if (taler_deposit_confirm(reply, &s->keys.signkey, &facts)) {
        reply_error(s, x, 500, 0, "the confirmation could not be made");
        return;
    }
    if (s->options->lie == LIE_DEPOSIT_SIGNATURE) {
        reply->sigs[reply->count - 1].bytes[0] ^= 1;
        s->counts.lies++;
    }
    buf_clear(&s->out);
    taler_deposit_reply_write(&s->out, reply);
    reply_done(s, x, PLACE_DEPOSIT);
}

static void deposit(struct standin_service *s, struct exchange *x, size_t count, bool single)
{
    struct standin_room *room = s->room;
    if (!check_terms(s, x, &room->terms) || !check_distinct(s, x, count))
        return;
    struct taler_hash h_wire;
    taler_hash_wire(&h_wire, room->terms.merchant_payto, &room->terms.wire_salt);
    for (size_t i = 0; i < count; i++)
        if (!check_coin(s, x, &h_wire, i))
            return;
    room->confirmation.timestamp_s = standin_now_s();
    size_t failed = 0;
    enum books_result result =
        books_deposit(&s->books, room->spends, count, &room->confirmation.timestamp_s, &failed);
    if (result == BOOKS_CONFLICT || result == BOOKS_INSUFFICIENT) {
        reply_conflict(s, x, &room->spends[failed], result);
        return;
    }
    s->counts.replays += result == BOOKS_REPLAY;
    confirm(s, x, &h_wire, count, single);
}

void handle_deposit(struct standin_service *s, struct exchange *x, struct slice arg)
{
    struct taler_fault fault = {""};
    struct taler_deposit_coin *coin = &s->room->coins[0];
    if (!standin_pub(&coin->coin, arg))
        reply_error(s, x, 400, CODE_COIN_PUB_MALFORMED, "coin_pub is no public key");
    else if (taler_deposit_request_read(&s->room->terms, coin, exchange_body(x), &fault))
        reply_malformed(s, x, &fault);
    else
        deposit(s, x, 1, true);
}

void handle_batch_deposit(struct standin_service *s, struct exchange *x, struct slice arg)
{
    struct taler_fault fault = {""};
    size_t count;
    if (taler_batch_deposit_request_read(&s->room->terms, s->room->coins, TALER_BATCH_MAX, &count,
                                         exchange_body(x), &fault))
        reply_malformed(s, x, &fault);
    else
        deposit(s, x, count, false);
}
