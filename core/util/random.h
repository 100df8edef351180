/* Deterministic randomness that depends on names, never on threads or time.
 *
 * Choices and schedules derive from (seed, scenario, client, iteration); identities and secrets of
 * the protocol derive from (seed, run id, client, iteration). Both are keyed BLAKE2b (libsodium);
 * choices then run on xoshiro256** (Blackman, Vigna 2018), which is fast and not secret.
 */
#ifndef SHOAL_CORE_UTIL_RANDOM_H
#define SHOAL_CORE_UTIL_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define RUN_ID_SIZE 16
#define SECRET_SIZE 32

struct rng {
    uint64_t s[4];
};

/* What a stream of choices depends on. `purpose` tells streams of one iteration apart. */
struct rng_source {
    uint64_t seed;
    const char *scenario;
    const char *purpose;
    uint64_t client;
    uint64_t iteration;
};

void rng_init(struct rng *r, const struct rng_source *source);

uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound); /* [0, bound), unbiased; bound >= 1 */
double rng_unit(struct rng *r);                    /* [0, 1) */
double rng_exponential(struct rng *r, double mean);

/* What a secret depends on; `label` names it ("reserve", "coin/3"). */
struct secret_source {
    uint64_t seed;
    uint8_t run_id[RUN_ID_SIZE];
    const char *scenario;
    uint64_t client;
    uint64_t iteration;
};

/* 32 bytes, the same for the same source, label and index; independent otherwise. */
void secret_derive(uint8_t out[SECRET_SIZE], const struct secret_source *source, const char *label,
                   uint64_t index);

/* From the operating system. */
void random_bytes(void *out, size_t len);

#endif
