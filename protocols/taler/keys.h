/* GET /keys: an exchange's denominations and signing keys, read and verified into one immutable
 * struct that a fleet shares.
 *
 * Both shapes are read: flat denoms[] and grouped denominations[]. Where both are there, the
 * grouped ones count and each flat one must be among them, unchanged. Verified, always: the master
 * key's signature over each denomination (1025), signing key (1024) and plain account (1030), and
 * the signing key's signature over the set (1035), whose hash is either the XOR of all
 * denom_pub_hash (denominations_sig) or SHA-512 over all master_sig in order (exchange_sig).
 * Reference: sections 4 and 5.
 *
 * Reading 1 MB takes some 0.1 s: do it on the thread pool. A keyset is read by any number of
 * threads at once; pointers into it live as long as it does.
 */
#ifndef SHOAL_PROTOCOLS_TALER_KEYS_H
#define SHOAL_PROTOCOLS_TALER_KEYS_H

#include "protocols/taler/rsa.h"
#include "protocols/taler/version.h"
#include "protocols/taler/wire.h"

#define TALER_DENOMS_MAX 20000
#define TALER_SIGNKEYS_MAX 64

struct taler_denom {
    struct taler_hash hash; /* denom_pub_hash */
    enum taler_cipher cipher;
    uint32_t age_mask;            /* 0: no age restriction */
    bool lost;                    /* the exchange says it lost the private key */
    bool selectable;              /* RSA of a size we take, no age mask, not lost */
    struct taler_rsa_public *rsa; /* NULL for CS, and for a key rsa.h refuses */
    uint64_t start_s, expire_withdraw_s, expire_deposit_s, expire_legal_s;
    struct taler_amount value, fee_withdraw, fee_deposit, fee_refresh, fee_refund;
    struct taler_amount cost; /* value + fee_withdraw: what a reserve pays */
    struct taler_sig master_sig;
};

struct taler_signkey {
    struct taler_pub key;
    uint64_t start_s, expire_s, end_s; /* signs in [start, expire); signatures count until end */
    struct taler_sig master_sig;
};

struct taler_keyset {
    struct taler_version version;
    const struct taler_protocol *protocol;
    char currency[TALER_CURRENCY_MAX];
    char base_url[256];
    struct taler_pub master;
    uint64_t list_issue_s;
    enum taler_variant signature; /* OLD or NEW: the kind that was found and verified */
    size_t denom_count, signkey_count;
    struct taler_denom *denoms; /* in the exchange's order */
    struct taler_signkey *signkeys;
    struct taler_wire *wire; /* accounts and wire fees; NULL when /keys has none (before 16) */
    uint32_t *by_hash;       /* how taler_keyset_denom finds */
    uint32_t *by_value;      /* selectable ones: value falling, fee rising, expiry falling */
    size_t by_value_count;
};

/* `master` pins the master key (NULL: the one the body names is believed). On failure *out is NULL:
 * SHOAL_E_BAD_REPLY (form; fault->text says what), SHOAL_E_BAD_SIGNATURE (fault->text says which),
 * SHOAL_E_UNSUPPORTED (version), SHOAL_E_LIMIT, SHOAL_E_NOMEM. */
int taler_keyset_read(struct taler_keyset **out, struct slice body, const struct taler_pub *master,
                      struct taler_fault *fault);
void taler_keyset_free(struct taler_keyset *k);

/* NULL: not in the set. */
const struct taler_denom *taler_keyset_denom(const struct taler_keyset *k,
                                             const struct taler_hash *hash);
/* The signing key `pub` if its signatures count at `now_s`; NULL: unknown, not yet or not any more.
 */
const struct taler_signkey *taler_keyset_signkey(const struct taler_keyset *k,
                                                 const struct taler_pub *pub, uint64_t now_s);

/* Selectable at now_s: start <= now < expire_withdraw. In order of falling value; at most `max`.
 * Returns how many there are in all. */
size_t taler_keyset_selectable(const struct taler_keyset *k, uint64_t now_s,
                               const struct taler_denom *out[], size_t max);

/* Splits an amount into coins to withdraw, the largest first, each at its cost (with fee_withdraw).
 * Fills out[0..*count), at most `max`; *rest is what stays in the reserve. SHOAL_E_LIMIT when `max`
 * was not enough (the coins found and the rest are still right), SHOAL_E_BAD_INPUT for a wrong
 * currency. */
int taler_keyset_decompose(const struct taler_keyset *k, uint64_t now_s,
                           const struct taler_amount *amount, const struct taler_denom *out[],
                           size_t max, size_t *count, struct taler_amount *rest);

#endif
