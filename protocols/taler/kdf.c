/* SHA-512, HMAC and the key derivations.
 *
 * OpenSSL's low-level digests: their states are plain structs, so a keyed HMAC is a copy of 200
 * bytes, and they use the processor's SHA instructions, which libsodium's do not. The EVP interface
 * costs an allocation and a look-up per digest. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "protocols/taler/hash.h"

#include <openssl/sha.h>
#include <stdlib.h>

#define BLOCK_512 128
#define BLOCK_256 64

void taler_sha512(struct taler_hash *out, const struct slice parts[], size_t count)
{
    SHA512_CTX ctx;
    SHA512_Init(&ctx);
    for (size_t i = 0; i < count; i++)
        SHA512_Update(&ctx, parts[i].data, parts[i].len);
    SHA512_Final(out->bytes, &ctx);
}

/* HMAC with its key already hashed in: both states start behind their padded block. */
struct hmac512 {
    SHA512_CTX inner, outer;
};
struct hmac256 {
    SHA256_CTX inner, outer;
};

struct taler_kdf_salt {
    struct hmac512 mac;
};

static void pad_key(uint8_t *block, size_t size, const uint8_t *key, size_t len, uint8_t with)
{
    memset(block, with, size);
    for (size_t i = 0; i < len; i++)
        block[i] ^= key[i];
}

static void hmac512_key(struct hmac512 *mac, struct slice key)
{
    uint8_t hashed[SHA512_DIGEST_LENGTH], block[BLOCK_512];
    if (key.len > BLOCK_512) {
        SHA512(key.data, key.len, hashed);
        key = slice_of(hashed, sizeof(hashed));
    }
    SHA512_Init(&mac->inner);
    pad_key(block, sizeof(block), key.data, key.len, 0x36);
    SHA512_Update(&mac->inner, block, sizeof(block));
    SHA512_Init(&mac->outer);
    pad_key(block, sizeof(block), key.data, key.len, 0x5c);
    SHA512_Update(&mac->outer, block, sizeof(block));
    taler_wipe(block, sizeof(block));
}

static void hmac512_run(uint8_t out[SHA512_DIGEST_LENGTH], const struct hmac512 *mac,
                        struct slice text)
{
    struct hmac512 run = *mac;
    SHA512_Update(&run.inner, text.data, text.len);
    SHA512_Final(out, &run.inner);
    SHA512_Update(&run.outer, out, SHA512_DIGEST_LENGTH);
    SHA512_Final(out, &run.outer);
    taler_wipe(&run, sizeof(run));
}

/* The key is the extract step's result, exactly one block long. */
static void hmac256_key(struct hmac256 *mac, const uint8_t key[BLOCK_256])
{
    uint8_t block[BLOCK_256];
    SHA256_Init(&mac->inner);
    pad_key(block, sizeof(block), key, BLOCK_256, 0x36);
    SHA256_Update(&mac->inner, block, sizeof(block));
    SHA256_Init(&mac->outer);
    pad_key(block, sizeof(block), key, BLOCK_256, 0x5c);
    SHA256_Update(&mac->outer, block, sizeof(block));
    taler_wipe(block, sizeof(block));
}

/* T(i) = HMAC(prk, T(i-1) | context | i), one after the other until out is full. */
static void expand(uint8_t *out, size_t out_len, const struct hmac256 *mac,
                   const struct slice *context, size_t context_count)
{
    uint8_t t[SHA256_DIGEST_LENGTH];
    assert(out_len <= 255 * sizeof(t));
    for (uint8_t i = 1; out_len > 0; i++) {
        struct hmac256 run = *mac;
        if (i > 1)
            SHA256_Update(&run.inner, t, sizeof(t));
        for (size_t k = 0; k < context_count; k++)
            SHA256_Update(&run.inner, context[k].data, context[k].len);
        SHA256_Update(&run.inner, &i, 1);
        SHA256_Final(t, &run.inner);
        SHA256_Update(&run.outer, t, sizeof(t));
        SHA256_Final(t, &run.outer);
        size_t n = out_len < sizeof(t) ? out_len : sizeof(t);
        memcpy(out, t, n);
        out += n;
        out_len -= n;
        taler_wipe(&run, sizeof(run));
    }
    taler_wipe(t, sizeof(t));
}

static void extract(struct hmac256 *mac, const struct hmac512 *salt, struct slice secret)
{
    uint8_t prk[SHA512_DIGEST_LENGTH];
    static_assert(sizeof(prk) == BLOCK_256, "the extracted key fills one block");
    hmac512_run(prk, salt, secret);
    hmac256_key(mac, prk);
    taler_wipe(prk, sizeof(prk));
}

void taler_kdf(void *out, size_t out_len, const struct taler_kdf *in)
{
    struct hmac512 salt;
    struct hmac256 mac;
    hmac512_key(&salt, in->salt);
    extract(&mac, &salt, in->secret);
    expand(out, out_len, &mac, in->context, in->context_count);
    taler_wipe(&mac, sizeof(mac));
}

struct taler_kdf_salt *taler_kdf_salt_new(struct slice salt)
{
    struct taler_kdf_salt *s = malloc(sizeof(*s));
    if (s)
        hmac512_key(&s->mac, salt);
    return s;
}

void taler_kdf_salt_free(struct taler_kdf_salt *s)
{
    free(s);
}

int taler_kdf_mod_salted(void *out, const void *n, size_t n_len, const struct taler_kdf_salt *salt,
                         struct slice secret, struct slice context)
{
    const uint8_t *modulus = n;
    uint8_t *number = out;
    if (n_len == 0 || modulus[0] == 0)
        return SHOAL_E_BAD_INPUT;
    uint8_t mask = (uint8_t)(0xff >> (__builtin_clz(modulus[0]) - 24));

    struct hmac256 mac;
    extract(&mac, &salt->mac, secret);
    /* Each try succeeds with a chance of at least one half, so the counter never wraps. */
    for (uint32_t counter = 0; counter <= UINT16_MAX; counter++) {
        uint8_t suffix[2];
        put_u16be(suffix, (uint16_t)counter);
        const struct slice parts[] = {context, slice_of(suffix, sizeof(suffix))};
        expand(number, n_len, &mac, parts, 2);
        number[0] &= mask;
        if (memcmp(number, modulus, n_len) < 0)
            break;
    }
    taler_wipe(&mac, sizeof(mac));
    return 0;
}

int taler_kdf_mod(void *out, const void *n, size_t n_len, struct slice salt, struct slice secret,
                  struct slice context)
{
    struct taler_kdf_salt s;
    hmac512_key(&s.mac, salt);
    return taler_kdf_mod_salted(out, n, n_len, &s, secret, context);
}
