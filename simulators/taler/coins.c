#include "simulators/taler/coins.h"

#include <assert.h>
#include <string.h>

/* --- records -------------------------------------------------------------------------------- */

void amount_record(uint8_t out[AMOUNT_RECORD_SIZE], const struct taler_amount *a)
{
    put_u64be(out, a->value);
    put_u32be(out + 8, a->fraction);
}

int amount_from_record(struct taler_amount *out, const uint8_t in[AMOUNT_RECORD_SIZE],
                       const char *currency)
{
    uint64_t value = get_u64be(in);
    uint32_t fraction = get_u32be(in + 8);

    if (value > TALER_AMOUNT_VALUE_MAX || fraction >= TALER_FRACTION_BASE)
        return SHOAL_E_CORRUPT;
    if (taler_amount_zero(out, currency))
        return SHOAL_E_CORRUPT;
    out->value = value;
    out->fraction = fraction;
    return SHOAL_OK;
}

void reserve_key(uint8_t out[RESERVE_KEY_SIZE], uint64_t iteration)
{
    put_u64be(out, iteration);
}

void reserve_record(uint8_t out[RESERVE_RECORD_SIZE], const struct reserve *r)
{
    put_u64be(out, r->created_us);
    memcpy(out + 8, r->key.seed, TALER_SEED_SIZE);
    amount_record(out + 8 + TALER_SEED_SIZE, &r->balance);
}

int reserve_from_record(struct reserve *out, struct slice key, struct slice value,
                        const char *currency)
{
    if (key.len != RESERVE_KEY_SIZE || value.len != RESERVE_RECORD_SIZE)
        return SHOAL_E_CORRUPT;
    memset(out, 0, sizeof *out);
    out->iteration = get_u64be(key.data);
    out->created_us = get_u64be(value.data);
    memcpy(out->key.seed, value.data + 8, TALER_SEED_SIZE);
    return amount_from_record(&out->balance, value.data + 8 + TALER_SEED_SIZE, currency);
}

void coin_key(uint8_t out[COIN_KEY_SIZE], uint64_t iteration, uint16_t number)
{
    put_u64be(out, iteration);
    put_u16be(out + 8, number);
}

size_t coin_record(uint8_t out[COIN_RECORD_MAX], const struct coin *c)
{
    uint8_t *p = out;

    assert(c->sig.len <= TALER_RSA_SIZE_MAX);
    put_u64be(p, c->created_us);
    p += 8;
    memcpy(p, c->h_denom.bytes, TALER_HASH_SIZE);
    p += TALER_HASH_SIZE;
    amount_record(p, &c->left);
    p += AMOUNT_RECORD_SIZE;
    memcpy(p, c->pair.seed, TALER_SEED_SIZE);
    p += TALER_SEED_SIZE;
    memcpy(p, c->pair.pub.bytes, TALER_PUB_SIZE);
    p += TALER_PUB_SIZE;
    memcpy(p, c->sig.data, c->sig.len);
    return COIN_HEAD_SIZE + c->sig.len;
}

int coin_from_record(struct coin *out, struct slice key, struct slice value, const char *currency)
{
    const uint8_t *p = value.data;

    if (key.len != COIN_KEY_SIZE || value.len <= COIN_HEAD_SIZE || value.len > COIN_RECORD_MAX)
        return SHOAL_E_CORRUPT;
    memset(out, 0, sizeof *out);
    memcpy(out->key, key.data, COIN_KEY_SIZE);
    out->created_us = get_u64be(p);
    p += 8;
    memcpy(out->h_denom.bytes, p, TALER_HASH_SIZE);
    p += TALER_HASH_SIZE;
    if (amount_from_record(&out->left, p, currency))
        return SHOAL_E_CORRUPT;
    p += AMOUNT_RECORD_SIZE;
    memcpy(out->pair.seed, p, TALER_SEED_SIZE);
    p += TALER_SEED_SIZE;
    memcpy(out->pair.pub.bytes, p, TALER_PUB_SIZE);
    p += TALER_PUB_SIZE;
    out->sig = slice_of(p, value.len - COIN_HEAD_SIZE);
    return SHOAL_OK;
}

void payment_record(uint8_t out[PAYMENT_RECORD_SIZE], const struct payment *p)
{
    put_u64be(out, p->created_us);
    put_u32be(out + 8, p->merchant);
    amount_record(out + 12, &p->amount);
    memcpy(out + 12 + AMOUNT_RECORD_SIZE, p->h_contract.bytes, TALER_HASH_SIZE);
}

/* --- selection ------------------------------------------------------------------------------ */

static bool at_least(const struct taler_amount *a, const struct taler_amount *b)
{
    return taler_amount_cmp(a, b) >= 0;
}

/* Can the coin contribute anything? A contribution below the deposit fee is refused. */
static bool spendable(const struct coin *c, uint64_t now_s)
{
    return c->denom && now_s < c->denom->expire_deposit_s && !taler_amount_is_zero(&c->left) &&
           at_least(&c->left, &c->denom->fee_deposit);
}

static bool picked_already(const struct coin_pick picks[], size_t count, const struct coin *c)
{
    for (size_t i = 0; i < count; i++)
        if (picks[i].coin == c)
            return true;
    return false;
}

/* The smallest coin that covers `rest` alone. */
static struct coin *best_single(struct coin coins[], size_t count, const struct taler_amount *rest,
                                uint64_t now_s, const struct coin_pick picks[], size_t picked)
{
    struct coin *best = NULL;

    for (size_t i = 0; i < count; i++) {
        struct coin *c = &coins[i];
        if (!spendable(c, now_s) || !at_least(&c->left, rest) ||
            !at_least(rest, &c->denom->fee_deposit) || picked_already(picks, picked, c))
            continue;
        int order = best ? taler_amount_cmp(&c->left, &best->left) : -1;
        if (order < 0 || (order == 0 && c->denom->expire_deposit_s < best->denom->expire_deposit_s))
            best = c;
    }
    return best;
}

static struct coin *largest(struct coin coins[], size_t count, uint64_t now_s,
                            const struct coin_pick picks[], size_t picked)
{
    struct coin *best = NULL;

    for (size_t i = 0; i < count; i++) {
        struct coin *c = &coins[i];
        if (!spendable(c, now_s) || picked_already(picks, picked, c))
            continue;
        if (!best || taler_amount_cmp(&c->left, &best->left) > 0)
            best = c;
    }
    return best;
}

/* The rest is smaller than the last coin's fee: earlier coins leave it some of theirs. */
static bool raise_to_fee(struct coin_pick picks[], size_t count)
{
    struct coin_pick *last = &picks[count - 1];
    struct taler_amount missing, spare;

    if (taler_amount_sub(&missing, &last->coin->denom->fee_deposit, &last->contribution))
        return true;
    for (size_t i = 0; i + 1 < count && !taler_amount_is_zero(&missing); i++) {
        if (taler_amount_sub(&spare, &picks[i].contribution, &picks[i].coin->denom->fee_deposit))
            return false;
        if (at_least(&spare, &missing))
            spare = missing;
        if (taler_amount_sub(&picks[i].contribution, &picks[i].contribution, &spare) ||
            taler_amount_add(&last->contribution, &last->contribution, &spare) ||
            taler_amount_sub(&missing, &missing, &spare))
            return false;
    }
    return taler_amount_is_zero(&missing);
}

int coins_select(struct coin coins[], size_t count, const struct taler_amount *amount,
                 uint64_t now_s, struct coin_pick picks[], size_t max, size_t *picked)
{
    struct taler_amount rest = *amount;

    *picked = 0;
    assert(max > 0);
    if (taler_amount_is_zero(amount))
        return SHOAL_E_NOT_FOUND;
    while (!taler_amount_is_zero(&rest)) {
        if (*picked == max)
            return SHOAL_E_LIMIT;
        struct coin *c = best_single(coins, count, &rest, now_s, picks, *picked);
        if (!c)
            c = largest(coins, count, now_s, picks, *picked);
        if (!c)
            return SHOAL_E_NOT_FOUND;
        struct coin_pick *pick = &picks[(*picked)++];
        pick->coin = c;
        pick->contribution = at_least(&c->left, &rest) ? rest : c->left;
        if (taler_amount_sub(&rest, &rest, &pick->contribution))
            return SHOAL_E_NOT_FOUND;
    }
    return raise_to_fee(picks, *picked) ? SHOAL_OK : SHOAL_E_NOT_FOUND;
}
