#include "core/util/random.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <string.h>
#include <sys/random.h>

#include "core/util/bytes.h"
#include "core/util/log.h"

/* Every part goes in with its length or with a fixed one, so that no two sources meet. */
struct hash {
    crypto_generichash_state state;
};

static void hash_bytes(struct hash *h, const void *data, size_t len)
{
    crypto_generichash_update(&h->state, data, len);
}

static void hash_u64(struct hash *h, uint64_t v)
{
    uint8_t bytes[8];
    put_u64be(bytes, v);
    hash_bytes(h, bytes, sizeof bytes);
}

static void hash_text(struct hash *h, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    hash_u64(h, len);
    hash_bytes(h, text ? text : "", len);
}

/* The domain tells the two uses apart; seed and run id are the key. */
static void hash_begin(struct hash *h, const char *domain, uint64_t seed, const uint8_t *run_id)
{
    uint8_t key[8 + RUN_ID_SIZE] = {0};
    put_u64be(key, seed);
    if (run_id)
        memcpy(key + 8, run_id, RUN_ID_SIZE);
    crypto_generichash_init(&h->state, key, sizeof key, 32);
    hash_text(h, domain);
}

void rng_init(struct rng *r, const struct rng_source *source)
{
    struct hash h;
    uint8_t out[32];
    hash_begin(&h, "shoal choices 1", source->seed, NULL);
    hash_text(&h, source->scenario);
    hash_text(&h, source->purpose);
    hash_u64(&h, source->client);
    hash_u64(&h, source->iteration);
    crypto_generichash_final(&h.state, out, sizeof out);
    for (int i = 0; i < 4; i++)
        r->s[i] = get_u64be(out + 8 * i);
    if ((r->s[0] | r->s[1] | r->s[2] | r->s[3]) == 0)
        r->s[0] = 1; /* the one state xoshiro never leaves */
}

static uint64_t rotl(uint64_t v, int k)
{
    return (v << k) | (v >> (64 - k));
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Lemire's multiplication, with his rejection of the biased few. */
uint64_t rng_below(struct rng *r, uint64_t bound)
{
    assert(bound >= 1);
    unsigned __int128 product = (unsigned __int128)rng_u64(r) * bound;
    if ((uint64_t)product < bound) {
        uint64_t threshold = (0 - bound) % bound;
        while ((uint64_t)product < threshold)
            product = (unsigned __int128)rng_u64(r) * bound;
    }
    return (uint64_t)(product >> 64);
}

double rng_unit(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1.0p-53;
}

double rng_exponential(struct rng *r, double mean)
{
    return -mean * log1p(-rng_unit(r));
}

void secret_derive(uint8_t out[SECRET_SIZE], const struct secret_source *source, const char *label,
                   uint64_t index)
{
    struct hash h;
    hash_begin(&h, "shoal secrets 1", source->seed, source->run_id);
    hash_text(&h, source->scenario);
    hash_u64(&h, source->client);
    hash_u64(&h, source->iteration);
    hash_text(&h, label);
    hash_u64(&h, index);
    crypto_generichash_final(&h.state, out, SECRET_SIZE);
    sodium_memzero(&h, sizeof h);
}

void random_bytes(void *out, size_t len)
{
    uint8_t *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno != EINTR)
            die("getrandom failed: errno %d", errno);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}
