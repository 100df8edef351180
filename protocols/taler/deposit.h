/* Deposits: POST /coins/$PUB/deposit (one coin) and POST /batch-deposit.
 * Conventions of writers and readers as in wire.h. Reference: section 5.
 *
 * What all coins of a deposit share is struct taler_deposit_terms; the signed statements are filled
 * from it by the functions below, so that wallet and exchange sign and verify the same bytes.
 */
#ifndef SHOAL_PROTOCOLS_TALER_DEPOSIT_H
#define SHOAL_PROTOCOLS_TALER_DEPOSIT_H

#include "protocols/taler/keys.h"

struct taler_deposit_terms {
    char merchant_payto[TALER_PAYTO_MAX];
    struct taler_salt wire_salt;
    struct taler_hash h_contract;
    struct taler_pub merchant;
    uint64_t timestamp_s, refund_deadline_s, wire_deadline_s;
    bool has_wallet_data_hash; /* from 17 on */
    struct taler_hash wallet_data_hash;
    bool has_merchant_sig; /* from 22 on; all zero is accepted */
    struct taler_sig merchant_sig;
};

struct taler_deposit_coin {
    struct taler_pub coin;            /* in a single deposit: from the path, not in the body */
    struct taler_amount contribution; /* with the deposit fee */
    struct taler_hash h_denom;
    struct taler_rsa_value denom_sig; /* ub_sig */
    struct taler_sig coin_sig;
    bool has_age; /* h_age_commitment was there; zero means none, as absence does */
    struct taler_short_hash h_age;
};

/* The coin's statement (1201). `h_wire` is taler_hash_wire of the terms, computed once for all
 * coins; `layout` is protocol->deposit_layout. */
void taler_deposit_statement(struct taler_statement *out, enum taler_layout layout,
                             const struct taler_deposit_terms *terms,
                             const struct taler_hash *h_wire, const struct taler_deposit_coin *coin,
                             const struct taler_amount *deposit_fee);

/* POST /coins/$PUB/deposit. The reader leaves coin->coin alone. */
void taler_deposit_request_write(struct buf *out, const struct taler_deposit_terms *terms,
                                 const struct taler_deposit_coin *coin);
int taler_deposit_request_read(struct taler_deposit_terms *terms, struct taler_deposit_coin *coin,
                               struct slice body, struct taler_fault *fault);

/* POST /batch-deposit. More than `max` coins is SHOAL_E_LIMIT, none is SHOAL_E_BAD_REPLY. */
void taler_batch_deposit_request_write(struct buf *out, const struct taler_deposit_terms *terms,
                                       const struct taler_deposit_coin coins[], size_t count);
int taler_batch_deposit_request_read(struct taler_deposit_terms *terms,
                                     struct taler_deposit_coin coins[], size_t max, size_t *count,
                                     struct slice body, struct taler_fault *fault);

/* Both replies: the exchange's confirmation. */
struct taler_deposit_reply {
    enum taler_variant kind; /* OLD: exchange_sigs[], one per coin; NEW: one exchange_sig for all */
    bool single;             /* of /coins/$PUB/deposit: kind OLD, written as one exchange_sig */
    uint64_t timestamp_s;
    struct taler_pub exchange;
    size_t count; /* of sigs: one, or one per coin */
    struct taler_sig sigs[TALER_BATCH_MAX];
};
void taler_deposit_reply_write(struct buf *out, const struct taler_deposit_reply *r);
/* `single`: of /coins/$PUB/deposit. `expected` is the protocol's `confirm`; `coins` how many were
 * sent: another kind or number of signatures is SHOAL_E_BAD_REPLY. */
int taler_deposit_reply_read(struct taler_deposit_reply *out, bool single,
                             enum taler_variant expected, size_t coins, struct slice body,
                             struct taler_fault *fault);

/* Everything a deposit's confirmation says, for signing and for verifying. */
struct taler_deposit_facts {
    const struct taler_deposit_terms *terms;
    const struct taler_hash *h_wire;
    const struct taler_deposit_coin *coins;
    const struct taler_amount *fees; /* fee_deposit of each coin's denomination */
    size_t count;
};
/* Signs `reply` (kind, single, timestamp_s are set) with the exchange's key: sets exchange, count,
 * sigs. SHOAL_E_BAD_INPUT when a fee exceeds its contribution, SHOAL_E_LIMIT for too many coins. */
int taler_deposit_confirm(struct taler_deposit_reply *reply, const struct taler_key *exchange,
                          const struct taler_deposit_facts *facts);
/* Verifies all signatures of a reply. SHOAL_E_BAD_SIGNATURE also when exchange_pub is no signing
 * key of the set that counts at the reply's own timestamp. */
int taler_deposit_check(const struct taler_deposit_reply *reply, const struct taler_keyset *keys,
                        const struct taler_deposit_facts *facts) TALER_CHECKED;

#endif
