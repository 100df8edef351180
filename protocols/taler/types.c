#include "protocols/taler/types.h"

#include <sodium.h>

bool taler_rsa_value_equal(const struct taler_rsa_value *a, const struct taler_rsa_value *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

void taler_wipe(void *secret, size_t len)
{
    sodium_memzero(secret, len);
}
