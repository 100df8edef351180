/* Looking things up in a keyset, and splitting an amount into its coins. */
#include "protocols/taler/keys.h"

#include <stdlib.h>

void taler_keyset_free(struct taler_keyset *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->denom_count; i++)
        taler_rsa_public_free(k->denoms[i].rsa);
    free(k->denoms);
    free(k->signkeys);
    free(k->wire);
    free(k->by_hash);
    free(k->by_value);
    free(k);
}

const struct taler_denom *taler_keyset_denom(const struct taler_keyset *k,
                                             const struct taler_hash *hash)
{
    size_t low = 0, high = k->denom_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct taler_denom *d = &k->denoms[k->by_hash[middle]];
        int order = memcmp(hash->bytes, d->hash.bytes, sizeof(hash->bytes));
        if (order == 0)
            return d;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct taler_signkey *taler_keyset_signkey(const struct taler_keyset *k,
                                                 const struct taler_pub *pub, uint64_t now_s)
{
    for (size_t i = 0; i < k->signkey_count; i++) {
        const struct taler_signkey *s = &k->signkeys[i];
        if (taler_equal(&s->key, pub))
            return s->start_s <= now_s && now_s < s->end_s ? s : NULL;
    }
    return NULL;
}

static bool withdrawable(const struct taler_denom *d, uint64_t now_s)
{
    return d->start_s <= now_s && now_s < d->expire_withdraw_s;
}

size_t taler_keyset_selectable(const struct taler_keyset *k, uint64_t now_s,
                               const struct taler_denom *out[], size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < k->by_value_count; i++) {
        const struct taler_denom *d = &k->denoms[k->by_value[i]];
        if (!withdrawable(d, now_s))
            continue;
        if (count < max)
            out[count] = d;
        count++;
    }
    return count;
}

int taler_keyset_decompose(const struct taler_keyset *k, uint64_t now_s,
                           const struct taler_amount *amount, const struct taler_denom *out[],
                           size_t max, size_t *count, struct taler_amount *rest)
{
    *count = 0;
    *rest = *amount;
    if (strncmp(k->currency, amount->currency, TALER_CURRENCY_MAX) != 0)
        return SHOAL_E_BAD_INPUT;
    for (size_t i = 0; i < k->by_value_count; i++) {
        const struct taler_denom *d = &k->denoms[k->by_value[i]];
        while (withdrawable(d, now_s) && taler_amount_cmp(rest, &d->cost) >= 0) {
            if (*count == max)
                return SHOAL_E_LIMIT;
            out[(*count)++] = d;
            int error = taler_amount_sub(rest, rest, &d->cost);
            assert(error == 0);
        }
    }
    return 0;
}
