/* Error replies: {"code": N, "hint": "..."} and the details of a 409, with the history that
 * exchanges to 16 (and some of 17) prove a conflict by. Conventions as in wire.h.
 * Reference: section 5; samples of each in the recorded traffic.
 */
#ifndef SHOAL_PROTOCOLS_TALER_REPLY_H
#define SHOAL_PROTOCOLS_TALER_REPLY_H

#include "protocols/taler/amount.h"
#include "protocols/taler/timestamp.h"

/* The error codes this delivery meets; others pass through as numbers. */
#define TALER_CODES(X)                                                    \
    X(DENOMINATION_CONFLICT, 1003, "coin used with another denomination") \
    X(DENOMINATION_UNKNOWN_OR_REVOKED, 1010, "denomination revoked")      \
    X(INSUFFICIENT_FUNDS, 1012, "coin has not enough left")               \
    X(RESERVE_INSUFFICIENT, 1150, "reserve has not enough left")          \
    X(COIN_SIGNATURE, 1205, "coin signature invalid")

enum taler_code {
#define TALER_CODE_ENUM(id, number, text) TALER_CODE_##id = (number),
    TALER_CODES(TALER_CODE_ENUM)
#undef TALER_CODE_ENUM
};
const char *taler_code_text(int64_t code); /* "" for one that is not in the table */

enum taler_history_type {
    TALER_HISTORY_OTHER, /* a type we do not know; only `amount` if it has one */
    TALER_HISTORY_CREDIT,
    TALER_HISTORY_WITHDRAW,
    TALER_HISTORY_DEPOSIT,
    TALER_HISTORY_MELT,
    TALER_HISTORY_REFUND,
};

struct taler_history_entry {
    enum taler_history_type type;
    struct taler_amount amount;
    struct taler_amount fee; /* withdraw, deposit, melt, refund */
    uint64_t timestamp_s;    /* credit, deposit */
    uint64_t refund_deadline_s;
    uint64_t wire_reference;       /* credit; refund: rtransaction_id */
    struct taler_pub merchant;     /* deposit, refund */
    struct taler_hash h_contract;  /* deposit, refund; melt: rc */
    struct taler_hash h_wire;      /* deposit; withdraw: h_coin_envelope */
    struct taler_hash h_denom;     /* withdraw */
    struct taler_sig sig;          /* reserve_sig, coin_sig, merchant_sig */
    struct taler_short_hash h_age; /* deposit, melt */
    char account[TALER_PAYTO_MAX]; /* credit: sender_account_url */
};

struct taler_error_reply {
    int64_t code;
    char hint[TALER_HINT_MAX];
    bool has_balance; /* 1150: balance and requested_amount */
    struct taler_amount balance, requested;
    bool has_coin; /* 1003, 1012: coin_pub and h_denom_pub */
    struct taler_pub coin;
    struct taler_hash h_denom;
    bool has_history;
    struct taler_history_entry *history; /* the caller's; set before reading, may be NULL */
    size_t history_max;                  /* its room */
    size_t history_count;                /* filled; writing: how many to write */
    size_t history_total;                /* in the body */
};

void taler_error_reply_write(struct buf *out, const struct taler_error_reply *r);
/* SHOAL_E_BAD_REPLY when there is no code. A body that is no JSON (a proxy's page) as well. */
int taler_error_reply_read(struct taler_error_reply *out, struct slice body,
                           struct taler_fault *fault);

#endif
