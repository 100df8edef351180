/* Reserves and withdrawal: planchets, GET /reserves/$PUB, POST .../withdraw and .../batch-withdraw.
 * Conventions of writers and readers as in wire.h. Reference: sections 3 and 5.
 *
 * The wallet: planchet_make -> taler_sign(TALER_WITHDRAW, amount_with_fee = denom->cost,
 * h_envelope = planchet.h_envelope) -> request -> reply -> planchet_finish -> a coin.
 * The exchange: request_read -> taler_hash_envelope -> taler_verify -> taler_rsa_blind_sign ->
 * reply.
 */
#ifndef SHOAL_PROTOCOLS_TALER_WITHDRAW_H
#define SHOAL_PROTOCOLS_TALER_WITHDRAW_H

#include "protocols/taler/keys.h"

#define TALER_PLANCHET_SECRET_SIZE 32

/* All of it follows from (denomination, planchet secret): store the secret, not this. Secret; about
 * 1.8 KiB; wipe with taler_wipe. */
struct taler_planchet {
    struct taler_key coin;
    uint8_t bks[TALER_BKS_SIZE];
    struct taler_rsa_blinding blinding;
    struct taler_rsa_value blinded;
    struct taler_hash h_envelope;
};

/* SHOAL_E_BAD_INPUT: the denomination is not RSA, or its key is bad. */
int taler_planchet_make(struct taler_planchet *out, const struct taler_denom *denom,
                        const uint8_t secret[TALER_PLANCHET_SECRET_SIZE]) TALER_CHECKED;
/* The coin's signature from the exchange's; SHOAL_E_BAD_SIGNATURE when it is not one. */
int taler_planchet_finish(struct taler_rsa_value *coin_sig, const struct taler_planchet *planchet,
                          const struct taler_denom *denom,
                          const struct taler_rsa_value *blind_sig) TALER_CHECKED;
/* Only the coin's key pair, when the coin is spent later. */
void taler_planchet_coin(struct taler_key *coin, const uint8_t secret[TALER_PLANCHET_SECRET_SIZE]);

/* GET /reserves/$PUB -> 200. 404 (not known yet) is an error reply, reply.h. */
struct taler_reserve_status {
    struct taler_amount balance;
    char last_origin[TALER_PAYTO_MAX]; /* from 23 on; empty: absent */
};
void taler_reserve_status_write(struct buf *out, const struct taler_reserve_status *r);
int taler_reserve_status_read(struct taler_reserve_status *out, struct slice body,
                              struct taler_fault *fault);

/* One planchet as it travels. Only RSA is read in this version; CS is SHOAL_E_BAD_REPLY. */
struct taler_withdraw_planchet {
    struct taler_hash h_denom;
    struct taler_rsa_value blinded;
    struct taler_sig reserve_sig;
};

/* POST /reserves/$PUB/withdraw */
void taler_withdraw_request_write(struct buf *out, const struct taler_withdraw_planchet *p);
int taler_withdraw_request_read(struct taler_withdraw_planchet *out, struct slice body,
                                struct taler_fault *fault);
void taler_withdraw_reply_write(struct buf *out, const struct taler_rsa_value *blind_sig);
int taler_withdraw_reply_read(struct taler_rsa_value *blind_sig, struct slice body,
                              struct taler_fault *fault);

/* POST /reserves/$PUB/batch-withdraw. Readers fill out[0..*count); more than `max` is
 * SHOAL_E_LIMIT, none is SHOAL_E_BAD_REPLY. */
void taler_batch_withdraw_request_write(struct buf *out, const struct taler_withdraw_planchet p[],
                                        size_t count);
int taler_batch_withdraw_request_read(struct taler_withdraw_planchet out[], size_t max,
                                      size_t *count, struct slice body, struct taler_fault *fault);
void taler_batch_withdraw_reply_write(struct buf *out, const struct taler_rsa_value blind_sigs[],
                                      size_t count);
/* Exactly `count` signatures, else SHOAL_E_BAD_REPLY. */
int taler_batch_withdraw_reply_read(struct taler_rsa_value blind_sigs[], size_t count,
                                    struct slice body, struct taler_fault *fault);

#endif
