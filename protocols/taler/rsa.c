/* RSA blind signatures, the public side.
 *
 * Each library does what it does best (measured, RSA-2048): r^65537 as 18 Montgomery products of
 * OpenSSL 13 us (BN_mod_exp_mont 16, GMP 18); the inverse by GMP 8 us (OpenSSL 150 to 200); one
 * product modulo n by GMP 1.5 us. */
#include "protocols/taler/rsa.h"

#include <gmp.h>
#include <openssl/bn.h>
#include <stdlib.h>

#include "protocols/taler/hash.h"

#define FACTOR_BOUND 1000 /* smaller prime factors of n are refused */

struct taler_rsa_public {
    uint16_t size; /* bytes of n */
    uint16_t encoded_len;
    uint32_t e;
    uint8_t encoded[TALER_RSA_ENCODED_MAX];
    const uint8_t *modulus; /* in `encoded` */
    BIGNUM *n;
    BN_MONT_CTX *mont;
    mpz_t gmp_n;
    struct taler_kdf_salt *fdh_salt, *blinding_salt;
};

static bool has_small_factor(const mpz_t n)
{
    mpz_t primorial, common;
    mpz_inits(primorial, common, NULL);
    mpz_primorial_ui(primorial, FACTOR_BOUND);
    mpz_gcd(common, primorial, n);
    bool found = mpz_cmp_ui(common, 1) != 0;
    mpz_clears(primorial, common, NULL);
    return found;
}

/* Splits the encoding; false when it is none we take. */
static bool decode(struct taler_rsa_public *key, struct slice encoded)
{
    if (encoded.len < 4 || encoded.len > sizeof(key->encoded))
        return false;
    size_t n_len = get_u16be(encoded.data), e_len = get_u16be(encoded.data + 2);
    if (encoded.len != 4 + n_len + e_len || e_len < 1 || e_len > 4 ||
        n_len < TALER_RSA_BITS_MIN / 8 || n_len > TALER_RSA_SIZE_MAX)
        return false;
    memcpy(key->encoded, encoded.data, encoded.len);
    key->encoded_len = (uint16_t)encoded.len;
    key->size = (uint16_t)n_len;
    key->modulus = key->encoded + 4;
    for (size_t i = 0; i < e_len; i++)
        key->e = key->e << 8 | key->encoded[4 + n_len + i];
    return key->modulus[0] != 0 && key->encoded[4 + n_len] != 0 && key->e >= 3 && key->e % 2 == 1;
}

/* What coins need of it, made once. */
static bool prepare(struct taler_rsa_public *key)
{
    static const char blinding[] = "Blinding KDF extractor HMAC key";
    BN_CTX *ctx = BN_CTX_new();
    mpz_import(key->gmp_n, key->size, 1, 1, 0, 0, key->modulus);
    key->n = BN_bin2bn(key->modulus, key->size, NULL);
    key->mont = BN_MONT_CTX_new();
    key->fdh_salt = taler_kdf_salt_new(slice_of(key->encoded, key->encoded_len));
    key->blinding_salt = taler_kdf_salt_new(slice_of(blinding, sizeof(blinding) - 1));
    bool ok = ctx && key->n && key->mont && key->fdh_salt && key->blinding_salt &&
              !has_small_factor(key->gmp_n) && BN_MONT_CTX_set(key->mont, key->n, ctx);
    BN_CTX_free(ctx);
    return ok;
}

struct taler_rsa_public *taler_rsa_public_new(struct slice encoded)
{
    struct taler_rsa_public *key = calloc(1, sizeof(*key));
    if (!key)
        return NULL;
    mpz_init(key->gmp_n);
    if (!decode(key, encoded) || !prepare(key)) {
        taler_rsa_public_free(key);
        return NULL;
    }
    return key;
}

void taler_rsa_public_free(struct taler_rsa_public *key)
{
    if (!key)
        return;
    mpz_clear(key->gmp_n);
    BN_free(key->n);
    BN_MONT_CTX_free(key->mont);
    taler_kdf_salt_free(key->fdh_salt);
    taler_kdf_salt_free(key->blinding_salt);
    free(key);
}

struct slice taler_rsa_public_encoded(const struct taler_rsa_public *key)
{
    return slice_of(key->encoded, key->encoded_len);
}

size_t taler_rsa_public_size(const struct taler_rsa_public *key)
{
    return key->size;
}

/* A number below n of n's length, not zero. */
static bool in_range(const struct taler_rsa_value *v, const struct taler_rsa_public *key)
{
    static const uint8_t zero[TALER_RSA_SIZE_MAX];
    return v->len == key->size && memcmp(v->bytes, key->modulus, key->size) < 0 &&
           memcmp(v->bytes, zero, key->size) != 0;
}

int taler_rsa_fdh(struct taler_rsa_value *out, const struct taler_rsa_public *key,
                  const struct taler_hash *message)
{
    static const char context[] = "RSA-FDA FTpsW!";
    out->len = key->size;
    int error = taler_kdf_mod_salted(out->bytes, key->modulus, key->size, key->fdh_salt,
                                     slice_of(message->bytes, sizeof(message->bytes)),
                                     slice_of(context, sizeof(context) - 1));
    if (error == 0 && !in_range(out, key))
        error = SHOAL_E_BAD_INPUT;
    return error;
}

/* out = base^e * factor mod n; factor may be NULL for 1. The chain stays in Montgomery form but for
 * its last product: e is odd, so multiplying by the plain base takes the factor R out again. */
static int power(struct taler_rsa_value *out, const struct taler_rsa_public *key,
                 const struct taler_rsa_value *base, const struct taler_rsa_value *factor)
{
    BN_MONT_CTX *mont = key->mont; /* OpenSSL only reads it */
    BN_CTX *ctx = BN_CTX_new();
    if (!ctx)
        return SHOAL_E_NOMEM;
    BN_CTX_start(ctx);
    BIGNUM *plain = BN_CTX_get(ctx), *in_form = BN_CTX_get(ctx), *z = BN_CTX_get(ctx);
    bool ok = z && BN_bin2bn(base->bytes, base->len, plain) &&
              BN_to_montgomery(in_form, plain, mont, ctx) && BN_copy(z, in_form);
    for (int bit = 30 - __builtin_clz(key->e); ok && bit >= 0; bit--) {
        ok = BN_mod_mul_montgomery(z, z, z, mont, ctx);
        if (ok && (key->e >> bit & 1))
            ok = BN_mod_mul_montgomery(z, z, bit == 0 ? plain : in_form, mont, ctx);
    }
    if (ok && factor)
        ok = BN_bin2bn(factor->bytes, factor->len, in_form) &&
             BN_to_montgomery(in_form, in_form, mont, ctx) &&
             BN_mod_mul_montgomery(z, z, in_form, mont, ctx);
    out->len = key->size;
    ok = ok && BN_bn2binpad(z, out->bytes, key->size) == key->size;
    if (plain)
        BN_clear(plain);
    if (in_form)
        BN_clear(in_form);
    if (z)
        BN_clear(z);
    BN_CTX_end(ctx);
    BN_CTX_free(ctx);
    return ok ? 0 : SHOAL_E_NOMEM;
}

int taler_rsa_blind(struct taler_rsa_value *blinded, struct taler_rsa_blinding *blinding,
                    const struct taler_rsa_public *key, const uint8_t bks[TALER_BKS_SIZE],
                    const struct taler_hash *message)
{
    static const char context[] = "Blinding KDF";
    int error = taler_rsa_fdh(&blinding->fdh, key, message);
    if (error)
        return error;
    blinding->r.len = key->size;
    error =
        taler_kdf_mod_salted(blinding->r.bytes, key->modulus, key->size, key->blinding_salt,
                             slice_of(bks, TALER_BKS_SIZE), slice_of(context, sizeof(context) - 1));
    if (error)
        return error;
    return power(blinded, key, &blinding->r, &blinding->fdh);
}

static void wipe_and_clear(mpz_t number)
{
    size_t limbs = mpz_size(number);
    if (limbs > 0)
        taler_wipe(mpz_limbs_modify(number, (mp_size_t)limbs), limbs * sizeof(mp_limb_t));
    mpz_clear(number);
}

static void export_padded(struct taler_rsa_value *out, const mpz_t number, uint16_t size)
{
    size_t used = (mpz_sizeinbase(number, 2) + 7) / 8;
    memset(out->bytes, 0, size);
    mpz_export(out->bytes + (size - used), NULL, 1, 1, 0, 0, number);
    out->len = size;
}

/* s * r^-1 mod n */
static int unblind(struct taler_rsa_value *sig, const struct taler_rsa_public *key,
                   const struct taler_rsa_value *r, const struct taler_rsa_value *blind_sig)
{
    mpz_t number, inverse;
    mpz_init2(number, (mp_bitcnt_t)key->size * 16);
    mpz_init2(inverse, (mp_bitcnt_t)key->size * 8);
    mpz_import(number, r->len, 1, 1, 0, 0, r->bytes);
    bool ok = mpz_invert(inverse, number, key->gmp_n) != 0;
    if (ok) {
        mpz_import(number, blind_sig->len, 1, 1, 0, 0, blind_sig->bytes);
        mpz_mul(number, number, inverse);
        mpz_tdiv_r(number, number, key->gmp_n);
        export_padded(sig, number, key->size);
    }
    wipe_and_clear(number);
    wipe_and_clear(inverse);
    return ok ? 0 : SHOAL_E_BAD_INPUT;
}

/* sig^e = fdh? */
static int check(const struct taler_rsa_value *sig, const struct taler_rsa_public *key,
                 const struct taler_rsa_value *fdh)
{
    struct taler_rsa_value opened;
    if (!in_range(sig, key))
        return SHOAL_E_BAD_SIGNATURE;
    int error = power(&opened, key, sig, NULL);
    if (error)
        return error;
    return taler_rsa_value_equal(&opened, fdh) ? 0 : SHOAL_E_BAD_SIGNATURE;
}

int taler_rsa_unblind_trusting(struct taler_rsa_value *sig, const struct taler_rsa_public *key,
                               const struct taler_rsa_blinding *blinding,
                               const struct taler_rsa_value *blind_sig)
{
    struct taler_rsa_value made;
    if (!in_range(blind_sig, key))
        return SHOAL_E_BAD_SIGNATURE;
    int error = unblind(&made, key, &blinding->r, blind_sig);
    if (error == 0)
        *sig = made;
    return error;
}

int taler_rsa_unblind(struct taler_rsa_value *sig, const struct taler_rsa_public *key,
                      const struct taler_rsa_blinding *blinding,
                      const struct taler_rsa_value *blind_sig)
{
    struct taler_rsa_value made;
    int error = taler_rsa_unblind_trusting(&made, key, blinding, blind_sig);
    if (error == 0)
        error = check(&made, key, &blinding->fdh);
    if (error == 0)
        *sig = made;
    return error;
}

bool taler_rsa_verify(const struct taler_rsa_value *sig, const struct taler_rsa_public *key,
                      const struct taler_hash *message)
{
    struct taler_rsa_value fdh;
    return taler_rsa_fdh(&fdh, key, message) == 0 && check(sig, key, &fdh) == 0;
}
