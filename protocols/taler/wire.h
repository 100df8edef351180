/* The exchange's bank accounts and wire fees: GET /wire (to 16) and the same inside /keys (from
 * 16); GET /config; and the bank's POST .../admin/add-incoming. Reference: section 5.
 *
 * Each body is a struct, one writer and one reader, mirror images. Writers append JSON to `out` and
 * leave errors in out->error. Readers return 0 or SHOAL_E_BAD_REPLY and explain in `fault` (may be
 * NULL). Structs own nothing.
 */
#ifndef SHOAL_PROTOCOLS_TALER_WIRE_H
#define SHOAL_PROTOCOLS_TALER_WIRE_H

#include "protocols/taler/amount.h"
#include "protocols/taler/timestamp.h"
#include "protocols/taler/version.h"

#define TALER_ACCOUNTS_MAX 8
#define TALER_WIRE_FEES_MAX 32

struct taler_account {
    char payto_uri[TALER_PAYTO_MAX];
    bool restricted; /* has a conversion URL or restrictions, whose hashing we do not know */
    struct taler_sig master_sig;
};

struct taler_wire_fee {
    char method[32]; /* "x-taler-bank" */
    struct taler_amount wire_fee, closing_fee;
    uint64_t start_s, end_s;
    struct taler_sig sig;
};

struct taler_wire { /* more than the maximum: the first ones are kept */
    struct taler_pub master;
    size_t account_count, fee_count;
    struct taler_account accounts[TALER_ACCOUNTS_MAX];
    struct taler_wire_fee fees[TALER_WIRE_FEES_MAX];
};

/* The master's signature over an account that is not `restricted` (one that is does not verify),
 * and over a wire fee; the latter is only made, not checked: wallets do not pay it. */
void taler_account_sign(struct taler_account *a, const struct taler_key *master,
                        const struct taler_protocol *protocol);
bool taler_account_verify(const struct taler_account *a, const struct taler_pub *master,
                          const struct taler_protocol *protocol) TALER_CHECKED;
void taler_wire_fee_sign(struct taler_wire_fee *f, const struct taler_key *master);

/* GET /wire */
void taler_wire_write(struct buf *out, const struct taler_wire *w);
int taler_wire_read(struct taler_wire *out, struct slice body, struct taler_fault *fault);

/* GET /config of the exchange */
struct taler_config {
    char version[32];
    char currency[TALER_CURRENCY_MAX];
    char name[32]; /* "taler-exchange" */
};
void taler_config_write(struct buf *out, const struct taler_config *c,
                        const struct taler_protocol *protocol);
/* Any service's; whether it is an exchange of ours is for taler_protocol_for and `name`. */
int taler_config_read(struct taler_config *out, struct slice body, struct taler_fault *fault);

/* POST <wire gateway>/admin/add-incoming */
struct taler_incoming_request {
    struct taler_amount amount;
    struct taler_pub reserve;
    char debit_account[TALER_PAYTO_MAX];
};
struct taler_incoming_reply {
    uint64_t row_id;
    uint64_t timestamp_s;
};
void taler_incoming_request_write(struct buf *out, const struct taler_incoming_request *r);
int taler_incoming_request_read(struct taler_incoming_request *out, struct slice body,
                                struct taler_fault *fault);
void taler_incoming_reply_write(struct buf *out, const struct taler_incoming_reply *r);
int taler_incoming_reply_read(struct taler_incoming_reply *out, struct slice body,
                              struct taler_fault *fault);

/* "payto://METHOD/REST?receiver-name=...": false when it is no payto URI. `need_receiver` demands
 * receiver-name, as exchanges do from some version on. */
bool taler_payto_valid(const char *payto_uri, bool need_receiver);

#endif
