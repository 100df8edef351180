#include <stdlib.h>

#include "protocols/taler/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is accepted must be usable: every denomination found, every coin below the amount. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { COINS = 32 };
    struct taler_keyset *k;
    struct taler_fault fault;
    const struct taler_denom *coins[COINS];
    struct taler_amount all, rest;
    size_t count;
    if (taler_keyset_read(&k, slice_of(data, size), NULL, &fault)) {
        if (k || fault.text[0] == '\0')
            abort();
        return 0;
    }
    for (size_t i = 0; i < k->denom_count; i++)
        if (taler_keyset_denom(k, &k->denoms[i].hash) != &k->denoms[i])
            abort();
    if (taler_amount_from_units(&all, k->currency, UINT64_C(12345678901)))
        abort();
    int error = taler_keyset_decompose(k, 1795204600, &all, coins, COINS, &count, &rest);
    if ((error && error != SHOAL_E_LIMIT) || taler_amount_cmp(&rest, &all) > 0)
        abort();
    taler_keyset_free(k);
    return 0;
}
