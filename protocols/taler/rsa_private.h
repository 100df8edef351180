/* RSA denomination keys, the exchange's side: for the stand-in and for tests.
 *
 * Signing is one raw private operation (CRT, OpenSSL's own blinding). A key may be used by several
 * threads at once. Not needed by wallets.
 */
#ifndef SHOAL_PROTOCOLS_TALER_RSA_PRIVATE_H
#define SHOAL_PROTOCOLS_TALER_RSA_PRIVATE_H

#include "protocols/taler/rsa.h"

struct taler_rsa_private;

/* A new key, e = 65537, from the operating system's randomness (RSA-2048: 50-300 ms of CPU).
 * NULL: bits outside TALER_RSA_BITS_MIN..MAX, or OpenSSL failed. */
struct taler_rsa_private *taler_rsa_private_generate(unsigned bits);

/* PKCS#8 PEM, unencrypted. NULL: not an RSA private key with e = 65537. */
struct taler_rsa_private *taler_rsa_private_from_pem(struct slice pem);
/* Appends; 0 or SHOAL_E_INTERNAL. The text is secret. */
int taler_rsa_private_to_pem(const struct taler_rsa_private *key, struct buf *out);
void taler_rsa_private_free(struct taler_rsa_private *key);

/* The public key as denominations encode it; lives as long as the key. */
struct slice taler_rsa_private_encoded_public(const struct taler_rsa_private *key);

/* blinded^d mod n. SHOAL_E_BAD_INPUT when `blinded` is not a number below n of n's length. */
int taler_rsa_blind_sign(struct taler_rsa_value *out, const struct taler_rsa_private *key,
                         const struct taler_rsa_value *blinded) TALER_CHECKED;

#endif
