/* GET /keys, the exchange's side: signs and writes the body that keys.h reads.
 *
 * Which of denoms[], denominations_sig, the groups' hash, exchange_sig, accounts and wire_fees
 * appear follows from the protocol's row. In version 17 the new kinds are written. The result is
 * fully signed: 1025 for each denomination, 1024 for the signing key, 1035 for the set.
 */
#ifndef SHOAL_PROTOCOLS_TALER_KEYS_WRITE_H
#define SHOAL_PROTOCOLS_TALER_KEYS_WRITE_H

#include "protocols/taler/keys.h"

struct taler_denom_offer {
    enum taler_cipher cipher;
    uint32_t age_mask;
    bool lost;
    struct slice encoded_pub; /* RSA: encoded key; CS: 32 bytes */
    uint64_t start_s, expire_withdraw_s, expire_deposit_s, expire_legal_s;
    struct taler_amount value, fee_withdraw, fee_deposit, fee_refresh, fee_refund;
};

struct taler_keys_source {
    const struct taler_protocol *protocol;
    const char *version_text; /* NULL: "<version>:0:0" */
    const char *base_url, *currency;
    const struct taler_key *master;  /* signs denominations and the signing key */
    const struct taler_key *signkey; /* signs the set */
    uint64_t signkey_start_s, signkey_expire_s, signkey_end_s;
    uint64_t list_issue_s;
    uint64_t reserve_closing_delay_us;
    const struct taler_denom_offer *denoms; /* any order; equal value and fees share a group */
    size_t denom_count;
    const struct taler_wire *wire; /* written where the version has it in /keys; may be NULL */
};

/* Appends to `out`; 0 or out->error or SHOAL_E_BAD_INPUT (an encoded_pub that is no key). */
int taler_keys_write(struct buf *out, const struct taler_keys_source *source);

#endif
