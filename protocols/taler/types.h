/* The binary values GNU Taler passes around, each as a type of its own so that no two are confused.
 *
 * All are plain bytes: copied by assignment, compared with taler_equal, no ownership. Functions of
 * this module do no I/O, know no clock, keep no state between calls and may be called from any
 * thread. They use up to 16 KiB of stack, so a fiber calls them on its lane's stack.
 *
 * Return values: 0, or a code of core/util/error.h. A body that breaks the protocol is
 * SHOAL_E_BAD_REPLY (whichever side reads it); `struct taler_fault`, which may be NULL, then names
 * the member. Amounts and times: amount.h, timestamp.h. Bytes on the wire: Crockford base32.
 */
#ifndef SHOAL_PROTOCOLS_TALER_TYPES_H
#define SHOAL_PROTOCOLS_TALER_TYPES_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/util/bytes.h"
#include "core/util/error.h"

#define TALER_HASH_SIZE 64
#define TALER_SHORT_HASH_SIZE 32
#define TALER_PUB_SIZE 32
#define TALER_SEED_SIZE 32
#define TALER_SIG_SIZE 64
#define TALER_SALT_SIZE 16
#define TALER_RSA_BITS_MIN 512 /* upstream's tests use small keys */
#define TALER_RSA_BITS_MAX 4096
#define TALER_RSA_SIZE_MAX (TALER_RSA_BITS_MAX / 8)
#define TALER_PAYTO_MAX 512 /* with the NUL; longer ones are refused */
#define TALER_HINT_MAX 256  /* with the NUL; longer ones are cut */
#define TALER_BATCH_MAX 256 /* coins in one request or reply; upstream's own limits are below */

#define TALER_CHECKED __attribute__((warn_unused_result))

struct taler_hash { /* SHA-512 */
    uint8_t bytes[TALER_HASH_SIZE];
};
struct taler_short_hash { /* h_payto, an age commitment */
    uint8_t bytes[TALER_SHORT_HASH_SIZE];
};
struct taler_pub { /* Ed25519: of a reserve, coin, merchant, exchange, master */
    uint8_t bytes[TALER_PUB_SIZE];
};
struct taler_sig { /* Ed25519 */
    uint8_t bytes[TALER_SIG_SIZE];
};
struct taler_salt { /* wire_salt */
    uint8_t bytes[TALER_SALT_SIZE];
};

/* A key pair. The seed is Taler's private key; it is secret, wipe it with taler_wipe. */
struct taler_key {
    uint8_t seed[TALER_SEED_SIZE];
    struct taler_pub pub;
};
static_assert(sizeof(struct taler_key) == 64, "the layout libsodium signs with");

/* A number modulo an RSA key's n, big-endian, exactly as long as n: a blinded planchet, a blind
 * signature, a coin's signature. */
struct taler_rsa_value {
    uint16_t len;
    uint8_t bytes[TALER_RSA_SIZE_MAX];
};

enum taler_cipher {
    TALER_CIPHER_RSA = 1,
    TALER_CIPHER_CS = 2, /* Clause-Schnorr: read where a key set needs it, never selected */
};

/* What is wrong with a body, as a clause: "ev_sig: not 256 bytes of base32". */
struct taler_fault {
    char text[256];
};

#define taler_equal(a, b) \
    (sizeof(*(a)) == sizeof(*(b)) && memcmp((a)->bytes, (b)->bytes, sizeof((a)->bytes)) == 0)
bool taler_rsa_value_equal(const struct taler_rsa_value *a, const struct taler_rsa_value *b);

/* Overwrites a secret in a way the compiler keeps. */
void taler_wipe(void *secret, size_t len);

#endif
