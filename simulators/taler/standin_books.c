#include "simulators/taler/standin_books.h"

#include <assert.h>
#include <stdlib.h>

#include "core/util/log.h"
#include "protocols/taler/hash.h"

/* A sender's account, kept once: many reserves come from the same one. */
struct payto_entry {
    struct taler_short_hash hash;
    uint64_t offset; /* in texts */
};

void books_init(struct books *b, const struct books_denom denoms[], size_t count, bool proofs)
{
    *b = (struct books){.denom_count = count, .proofs = proofs};
    b->denoms = calloc(count ? count : 1, sizeof *denoms);
    if (!b->denoms)
        die("no memory for the stand-in's books");
    memcpy(b->denoms, denoms, count * sizeof *denoms);
    b->paytos = RECORDS_OF(struct payto_entry, TALER_SHORT_HASH_SIZE);
    b->reserves = RECORDS_OF(struct books_reserve, TALER_PUB_SIZE);
    b->withdrawals = RECORDS_OF(struct books_withdrawal, TALER_HASH_SIZE);
    b->withdrawal_proofs = RECORDS_OF(struct taler_sig, 0);
    b->coins = RECORDS_OF(struct books_coin, TALER_PUB_SIZE);
    b->deposits = RECORDS_OF(struct books_deposit, 0);
    b->deposit_proofs = RECORDS_OF(struct books_deposit_proof, 0);
}

void books_free(struct books *b)
{
    records_free(&b->paytos);
    records_free(&b->reserves);
    records_free(&b->withdrawals);
    records_free(&b->withdrawal_proofs);
    records_free(&b->coins);
    records_free(&b->deposits);
    records_free(&b->deposit_proofs);
    buf_free(&b->texts);
    free(b->denoms);
    b->denoms = NULL;
}

static uint32_t intern_payto(struct books *b, const char *payto)
{
    struct taler_short_hash hash;
    taler_hash_payto(&hash, payto);
    uint32_t index = records_find(&b->paytos, &hash);
    if (index != RECORDS_NONE)
        return index;
    index = records_add(&b->paytos, &hash);
    struct payto_entry *entry = records_at(&b->paytos, index);
    entry->offset = b->texts.len;
    buf_put(&b->texts, payto, strlen(payto) + 1);
    if (b->texts.error)
        die("no memory for the stand-in's books");
    return index;
}

const char *books_payto(const struct books *b, const struct books_reserve *reserve)
{
    const struct payto_entry *entry = records_at(&b->paytos, reserve->payto);
    return (const char *)b->texts.data + entry->offset;
}

/* --- the bank ------------------------------------------------------------------------------ */

enum books_result books_transfer(struct books *b, const struct books_transfer *t, uint32_t *index)
{
    *index = records_find(&b->reserves, &t->reserve);
    if (*index != RECORDS_NONE) {
        const struct books_reserve *before = records_at(&b->reserves, *index);
        bool same = before->amount == t->amount && strcmp(books_payto(b, before), t->payto) == 0;
        return same ? BOOKS_REPLAY : BOOKS_CONFLICT;
    }
    if (t->amount > BOOKS_UNITS_MAX || b->totals.in > BOOKS_UNITS_MAX - t->amount)
        return BOOKS_TOO_MUCH;
    uint32_t payto = intern_payto(b, t->payto);
    *index = records_add(&b->reserves, &t->reserve);
    struct books_reserve *reserve = records_at(&b->reserves, *index);
    reserve->amount = t->amount;
    reserve->time_s = t->time_s;
    reserve->payto = payto;
    b->totals.in += t->amount;
    b->totals.in_transit += t->amount;
    b->totals.transfers++;
    return BOOKS_DONE;
}

void books_credit(struct books *b, uint32_t index)
{
    struct books_reserve *reserve = records_at(&b->reserves, index);
    assert(!reserve->credited);
    reserve->credited = true;
    reserve->balance = reserve->amount;
    b->totals.in_transit -= reserve->amount;
    b->totals.reserves += reserve->amount;
}

/* --- withdrawal ---------------------------------------------------------------------------- */

static struct books_reserve *find_reserve(const struct books *b, const struct taler_pub *pub,
                                          uint32_t *index)
{
    *index = records_find(&b->reserves, pub);
    if (*index == RECORDS_NONE)
        return NULL;
    struct books_reserve *reserve = records_at(&b->reserves, *index);
    return reserve->credited ? reserve : NULL;
}

const struct books_reserve *books_reserve(const struct books *b, const struct taler_pub *pub)
{
    uint32_t index;
    return find_reserve(b, pub, &index);
}

static uint64_t cost_of(const struct books *b, uint32_t denom)
{
    assert(denom < b->denom_count);
    return b->denoms[denom].value + b->denoms[denom].fee_withdraw;
}

/* A planchet is new when it was neither withdrawn before nor stands earlier in the same request. */
static bool is_new(const struct books *b, const struct books_planchet planchets[], size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (taler_equal(&planchets[k].h_envelope, &planchets[i].h_envelope))
            return false;
    return records_find(&b->withdrawals, &planchets[i].h_envelope) == RECORDS_NONE;
}

static void enter_withdrawal(struct books *b, uint32_t reserve_index,
                             const struct books_planchet *p)
{
    struct books_reserve *reserve = records_at(&b->reserves, reserve_index);
    const struct books_denom *denom = &b->denoms[p->denom];
    uint32_t index = records_add(&b->withdrawals, &p->h_envelope);
    struct books_withdrawal *w = records_at(&b->withdrawals, index);
    w->reserve = reserve_index;
    w->denom = p->denom;
    w->next = reserve->withdrawals;
    if (b->proofs) {
        w->proof = records_add(&b->withdrawal_proofs, NULL);
        struct taler_sig *proof = records_at(&b->withdrawal_proofs, w->proof);
        *proof = p->reserve_sig;
    }
    reserve->withdrawals = index + 1;
    reserve->balance -= cost_of(b, p->denom);
    b->totals.reserves -= cost_of(b, p->denom);
    b->totals.coins_outstanding += denom->value;
    b->totals.fees_withdraw += denom->fee_withdraw;
    b->totals.withdrawals++;
}

enum books_result books_withdraw(struct books *b, const struct taler_pub *pub,
                                 const struct books_planchet planchets[], size_t count,
                                 uint64_t *requested)
{
    uint32_t index;
    const struct books_reserve *reserve = find_reserve(b, pub, &index);
    *requested = 0;
    if (!reserve)
        return BOOKS_UNKNOWN;
    for (size_t i = 0; i < count; i++)
        if (is_new(b, planchets, i))
            *requested += cost_of(b, planchets[i].denom);
    if (*requested > reserve->balance)
        return BOOKS_INSUFFICIENT;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (!is_new(b, planchets, i))
            continue;
        enter_withdrawal(b, index, &planchets[i]);
        any = true;
    }
    return any ? BOOKS_DONE : BOOKS_REPLAY;
}

/* --- deposit ------------------------------------------------------------------------------- */

const struct books_coin *books_coin(const struct books *b, const struct taler_pub *pub)
{
    uint32_t index = records_find(&b->coins, pub);
    return index == RECORDS_NONE ? NULL : records_at(&b->coins, index);
}

static const struct books_deposit *done_before(const struct books *b, const struct books_coin *coin,
                                               const struct books_spend *spend)
{
    for (uint32_t link = coin ? coin->deposits : 0; link;) {
        const struct books_deposit *d = records_at(&b->deposits, link - 1);
        if (memcmp(d->digest, spend->digest, sizeof d->digest) == 0)
            return d;
        link = d->next;
    }
    return NULL;
}

/* What one coin's deposit would be, without doing it. */
static enum books_result judge(const struct books *b, const struct books_spend *spend,
                               const struct books_deposit **before)
{
    assert(spend->denom < b->denom_count);
    const struct books_coin *coin = books_coin(b, &spend->coin);
    *before = NULL;
    if (coin && coin->denom != spend->denom)
        return BOOKS_CONFLICT;
    *before = done_before(b, coin, spend);
    if (*before)
        return BOOKS_REPLAY;
    uint64_t left = b->denoms[spend->denom].value - (coin ? coin->spent : 0);
    return spend->contribution > left ? BOOKS_INSUFFICIENT : BOOKS_DONE;
}

static void enter_deposit(struct books *b, const struct books_spend *spend, uint64_t time_s)
{
    uint32_t coin_index = records_find(&b->coins, &spend->coin);
    if (coin_index == RECORDS_NONE)
        coin_index = records_add(&b->coins, &spend->coin);
    struct books_coin *coin = records_at(&b->coins, coin_index);
    uint32_t index = records_add(&b->deposits, NULL);
    struct books_deposit *d = records_at(&b->deposits, index);
    memcpy(d->digest, spend->digest, sizeof d->digest);
    d->contribution = spend->contribution;
    d->time_s = time_s;
    d->coin = coin_index;
    d->next = coin->deposits;
    if (b->proofs) {
        d->proof = records_add(&b->deposit_proofs, NULL);
        struct books_deposit_proof *proof = records_at(&b->deposit_proofs, d->proof);
        *proof = spend->proof;
    }
    coin->deposits = index + 1;
    coin->denom = spend->denom;
    coin->spent += spend->contribution;
    uint64_t fee = b->denoms[spend->denom].fee_deposit;
    assert(spend->contribution >= fee);
    b->totals.coins_outstanding -= spend->contribution;
    b->totals.deposited += spend->contribution - fee;
    b->totals.fees_deposit += fee;
    b->totals.deposits++;
}

enum books_result books_deposit(struct books *b, const struct books_spend spends[], size_t count,
                                uint64_t *time_s, size_t *failed)
{
    const struct books_deposit *before, *first = NULL;
    size_t replays = 0;
    for (size_t i = 0; i < count; i++) {
        enum books_result r = judge(b, &spends[i], &before);
        if (r == BOOKS_REPLAY) {
            first = first ? first : before;
            replays++;
        } else if (r != BOOKS_DONE) {
            *failed = i;
            return r;
        }
    }
    if (first)
        *time_s = first->time_s;
    for (size_t i = 0; i < count; i++)
        if (judge(b, &spends[i], &before) == BOOKS_DONE)
            enter_deposit(b, &spends[i], *time_s);
    return replays == count ? BOOKS_REPLAY : BOOKS_DONE;
}

/* --- counting again ------------------------------------------------------------------------- */

static bool recount_reserves(const struct books *b, struct books_totals *t, const char **why)
{
    for (uint32_t i = 0; i < b->reserves.count; i++) {
        const struct books_reserve *r = records_at(&b->reserves, i);
        uint64_t taken = 0;
        for (uint32_t link = r->withdrawals; link;) {
            const struct books_withdrawal *w = records_at(&b->withdrawals, link - 1);
            if (w->reserve != i) {
                *why = "a withdrawal is in the list of another reserve";
                return false;
            }
            taken += cost_of(b, w->denom);
            link = w->next;
        }
        if (r->credited ? r->balance + taken != r->amount : r->balance + taken != 0) {
            *why = "a reserve's balance and withdrawals are not its transfer";
            return false;
        }
        t->in += r->amount;
        t->in_transit += r->credited ? 0 : r->amount;
        t->reserves += r->balance;
        t->transfers++;
    }
    return true;
}

static bool recount_coins(const struct books *b, struct books_totals *t, const char **why)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < b->coins.count; i++) {
        const struct books_coin *c = records_at(&b->coins, i);
        uint64_t spent = 0;
        for (uint32_t link = c->deposits; link;) {
            const struct books_deposit *d = records_at(&b->deposits, link - 1);
            if (d->coin != i) {
                *why = "a deposit is in the list of another coin";
                return false;
            }
            spent += d->contribution;
            t->deposited += d->contribution - b->denoms[c->denom].fee_deposit;
            t->fees_deposit += b->denoms[c->denom].fee_deposit;
            seen++;
            link = d->next;
        }
        if (spent != c->spent || spent > b->denoms[c->denom].value) {
            *why = "a coin was spent for another sum than its deposits, or beyond its value";
            return false;
        }
        t->coins_outstanding -= spent;
    }
    t->deposits = seen;
    if (seen != b->deposits.count)
        *why = "a deposit belongs to no coin";
    return seen == b->deposits.count;
}

bool books_recount(const struct books *b, struct books_totals *out, const char **why)
{
    *out = (struct books_totals){0};
    uint64_t *issued = calloc(b->denom_count ? b->denom_count : 1, sizeof *issued);
    if (!issued)
        die("no memory to count the stand-in's books");
    for (uint32_t i = 0; i < b->withdrawals.count; i++) {
        const struct books_withdrawal *w = records_at(&b->withdrawals, i);
        out->coins_outstanding += b->denoms[w->denom].value;
        out->fees_withdraw += b->denoms[w->denom].fee_withdraw;
        out->withdrawals++;
        issued[w->denom]++;
    }
    bool more_than_issued = false;
    for (uint32_t i = 0; i < b->coins.count; i++) {
        const struct books_coin *c = records_at(&b->coins, i);
        more_than_issued |= issued[c->denom]-- == 0;
    }
    free(issued);
    if (more_than_issued)
        *why = "more coins of a denomination were deposited than withdrawn";
    return !more_than_issued && recount_reserves(b, out, why) && recount_coins(b, out, why);
}

bool books_add_up(const struct books_totals *t)
{
    return t->in == t->in_transit + t->reserves + t->coins_outstanding + t->deposited +
                        t->fees_withdraw + t->fees_deposit;
}

size_t books_bytes(const struct books *b)
{
    return records_bytes(&b->paytos) + records_bytes(&b->reserves) +
           records_bytes(&b->withdrawals) + records_bytes(&b->withdrawal_proofs) +
           records_bytes(&b->coins) + records_bytes(&b->deposits) +
           records_bytes(&b->deposit_proofs) + b->texts.cap;
}
