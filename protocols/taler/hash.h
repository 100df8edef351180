/* Hashes and key derivation. Reference: section 3; GNUnet src/util/crypto_kdf.c, exchange
 * src/util/crypto.c, crypto_wire.c, payto.c, json/json.c. */
#ifndef SHOAL_PROTOCOLS_TALER_HASH_H
#define SHOAL_PROTOCOLS_TALER_HASH_H

#include "protocols/taler/types.h"

struct cJSON;

/* SHA-512 over the parts one after the other. */
void taler_sha512(struct taler_hash *out, const struct slice parts[], size_t count);

/* HKDF with HMAC-SHA512 to extract and HMAC-SHA256 to expand. `context` parts are concatenated.
 * out_len at most 255 * 32. */
struct taler_kdf {
    struct slice salt, secret;
    const struct slice *context;
    size_t context_count;
};
void taler_kdf(void *out, size_t out_len, const struct taler_kdf *in);

/* The KDF repeated with a counter until the number is below the modulus n (big-endian, n_len bytes,
 * no leading zero byte). Writes n_len bytes. SHOAL_E_BAD_INPUT: n has a leading zero or is empty.
 */
int taler_kdf_mod(void *out, const void *n, size_t n_len, struct slice salt, struct slice secret,
                  struct slice context);

/* The extract step done once, for a salt used many times; immutable, shared by threads. */
struct taler_kdf_salt;
struct taler_kdf_salt *taler_kdf_salt_new(struct slice salt); /* NULL: no memory */
void taler_kdf_salt_free(struct taler_kdf_salt *s);
int taler_kdf_mod_salted(void *out, const void *n, size_t n_len, const struct taler_kdf_salt *salt,
                         struct slice secret, struct slice context);

/* h_wire of a merchant's account: KDF(64, salt = wire_salt, payto with its NUL, ...). */
void taler_hash_wire(struct taler_hash *out, const char *payto_uri, const struct taler_salt *salt);
/* The first half of SHA-512 over the payto URI with its NUL. */
void taler_hash_payto(struct taler_short_hash *out, const char *payto_uri);

/* denom_pub_hash = SHA512(age_mask u32be | cipher u32be | encoded public key). */
void taler_hash_denom(struct taler_hash *out, enum taler_cipher cipher, uint32_t age_mask,
                      struct slice encoded_pub);
/* c_hash = SHA512(coin_pub [| h_age_commitment]); `age` may be NULL. */
void taler_hash_coin(struct taler_hash *out, const struct taler_pub *coin,
                     const struct taler_short_hash *age);
/* h_coin_envelope = SHA512(denom_pub_hash | cipher u32be | blinded planchet). */
void taler_hash_envelope(struct taler_hash *out, const struct taler_hash *h_denom,
                         const struct taler_rsa_value *blinded);
/* h_coin_sigs of the deposit confirmation from protocol 17 on. */
void taler_hash_coin_sigs(struct taler_hash *out, const struct taler_sig sigs[], size_t count);

/* Canonical JSON (RFC 8785), appended to `out`; out->error is SHOAL_E_BAD_INPUT for a number that
 * no double holds. */
void taler_canonical_json(struct buf *out, const struct cJSON *value);
/* SHA-512 over the canonical JSON and a NUL, members named in $forgettable replaced by their hash.
 * SHOAL_E_BAD_INPUT: not an object, or $forgettable is not what it should be. */
int taler_hash_contract(struct taler_hash *out, const struct cJSON *terms);

#endif
