/* The exchange's key set: one for the fleet (shared, refreshed when it expires or does not know
 * something), or asked for by each wallet itself. */
#ifndef SHOAL_SIMULATORS_TALER_KEYS_H
#define SHOAL_SIMULATORS_TALER_KEYS_H

#include "protocols/taler/keys.h"
#include "simulators/taler/wallet.h"

#define KEYS_ETAG_MAX 128

/* One version of it. */
struct exchange_keys {
    struct taler_keyset *set;
    char etag[KEYS_ETAG_MAX]; /* with its quotes; empty: none */
};
void exchange_keys_free(void *keys); /* struct exchange_keys; NULL is allowed */

/* The fleet's: a reference to put back with shared_put. */
int fleet_keys_get(const struct wallet_fleet *fleet, struct flow *flow, struct shared_value **out);

/* How long a reply may be used, by its Cache-Control and Expires; KEYS_LIFE_DEFAULT_NS without
 * either, never below KEYS_LIFE_MIN_NS, so that a fleet does not ask in a loop. */
#define KEYS_LIFE_DEFAULT_NS (3600 * NS_PER_S)
#define KEYS_LIFE_MIN_NS (1 * NS_PER_S)
#define KEYS_LIFE_MAX_NS (24 * 3600 * NS_PER_S)
int64_t keys_life_ns(const char *cache_control, const char *expires, int64_t wall_us);

#endif
