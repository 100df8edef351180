/* RSA full-domain-hash blind signatures, the public side.
 *
 * A denomination's key is decoded once into struct taler_rsa_public, which holds what every coin
 * needs (Montgomery form, the salted KDF); it is immutable and shared by all threads. A coin is
 * blinded (FDH(c_hash) * r^e mod n), signed by the exchange, unblinded (s * r^-1 mod n) and checked
 * (s^e = FDH). Reference: section 3; GNUnet src/util/crypto_rsa.c.
 *
 * Encoded key: u16be len(n) | u16be len(e) | n | e. 263 bytes for RSA-2048 with e = 65537.
 */
#ifndef SHOAL_PROTOCOLS_TALER_RSA_H
#define SHOAL_PROTOCOLS_TALER_RSA_H

#include "protocols/taler/types.h"

#define TALER_BKS_SIZE 32 /* blinding key secret */
#define TALER_RSA_ENCODED_MAX (4 + TALER_RSA_SIZE_MAX + 4)

struct taler_rsa_public;

/* NULL when `encoded` is no RSA key of TALER_RSA_BITS_MIN..MAX with an odd e of at least 3 and at
 * most 4 bytes, or when n has a factor below 1000: such a key could make coins traceable, and
 * looking once at the key spares a gcd per coin. Free with taler_rsa_public_free. */
struct taler_rsa_public *taler_rsa_public_new(struct slice encoded);
void taler_rsa_public_free(struct taler_rsa_public *key);
/* The encoding it was made from; lives as long as the key. */
struct slice taler_rsa_public_encoded(const struct taler_rsa_public *key);
size_t taler_rsa_public_size(const struct taler_rsa_public *key); /* bytes of n */

/* Full-domain hash of a coin's hash. SHOAL_E_BAD_INPUT when it is zero, which does not happen. */
int taler_rsa_fdh(struct taler_rsa_value *out, const struct taler_rsa_public *key,
                  const struct taler_hash *message) TALER_CHECKED;

/* What blinding leaves for unblinding, so that neither r nor the FDH is computed twice. Secret:
 * wipe it. It follows from (key, bks, message), so it need not be stored. */
struct taler_rsa_blinding {
    struct taler_rsa_value fdh, r;
};

/* SHOAL_E_BAD_INPUT when r has no inverse: a bad key. */
int taler_rsa_blind(struct taler_rsa_value *blinded, struct taler_rsa_blinding *blinding,
                    const struct taler_rsa_public *key, const uint8_t bks[TALER_BKS_SIZE],
                    const struct taler_hash *message) TALER_CHECKED;

/* Unblinds and verifies. SHOAL_E_BAD_SIGNATURE when the exchange did not sign this planchet. */
int taler_rsa_unblind(struct taler_rsa_value *sig, const struct taler_rsa_public *key,
                      const struct taler_rsa_blinding *blinding,
                      const struct taler_rsa_value *blind_sig) TALER_CHECKED;
/* The same without looking whether the exchange signed: for load generators that say so. */
int taler_rsa_unblind_trusting(struct taler_rsa_value *sig, const struct taler_rsa_public *key,
                               const struct taler_rsa_blinding *blinding,
                               const struct taler_rsa_value *blind_sig) TALER_CHECKED;

/* Does `sig` sign `message`? What an exchange asks of every deposited coin. */
bool taler_rsa_verify(const struct taler_rsa_value *sig, const struct taler_rsa_public *key,
                      const struct taler_hash *message) TALER_CHECKED;

#endif
