/* The books of the stand-in's bank and exchange: what came in, what lies in reserves and in coins,
 * what was paid out, what was earned. Exact integers in units of 1e-8; no I/O, no clock, no
 * cryptography.
 *
 * Money in = money in transit + reserves + value left in coins + deposited + fees, always. Totals
 * are kept as entries are made and can be found a second time by walking all entries.
 *
 * Nothing is ever removed. About 100 bytes per withdrawn and spent coin, 270 more where the
 * protocol proves conflicts with histories (`proofs`).
 */
#ifndef SHOAL_SIMULATORS_TALER_STANDIN_BOOKS_H
#define SHOAL_SIMULATORS_TALER_STANDIN_BOOKS_H

#include "protocols/taler/amount.h"
#include "simulators/taler/standin_records.h"

#define BOOKS_DIGEST_SIZE 16
#define BOOKS_UNITS_MAX (UINT64_C(1) << 62) /* no sum of accepted money passes it */

/* What a denomination costs and is worth; by its index in the key set. */
struct books_denom {
    uint64_t value, fee_withdraw, fee_deposit;
};

/* A reserve and the one transfer that fills it; links are index + 1, 0 is none. */
struct books_reserve {
    struct taler_pub pub;
    uint64_t amount;  /* of the transfer */
    uint64_t balance; /* 0 until it is credited */
    uint64_t time_s;
    uint32_t payto; /* who sent it, see books_payto */
    uint32_t withdrawals;
    bool credited; /* the exchange has seen the transfer */
};

struct books_withdrawal {
    struct taler_hash h_envelope;
    uint32_t reserve, denom;
    uint32_t next;  /* older one of the same reserve */
    uint32_t proof; /* reserve_sig */
};

struct books_coin {
    struct taler_pub pub;
    uint64_t spent; /* contributions, deposit fees included */
    uint32_t denom;
    uint32_t deposits;
};

struct books_deposit {
    uint8_t digest[BOOKS_DIGEST_SIZE]; /* of all that makes two requests the same */
    uint64_t contribution;
    uint64_t time_s; /* exchange_timestamp of the first time */
    uint32_t coin;
    uint32_t next; /* older one of the same coin */
    uint32_t proof;
};

/* What a history repeats of a deposit. */
struct books_deposit_proof {
    struct taler_pub merchant;
    struct taler_hash h_contract, h_wire;
    struct taler_short_hash h_age;
    struct taler_sig coin_sig;
    uint64_t timestamp_s, refund_deadline_s;
};

struct books_totals {
    uint64_t in, in_transit, reserves, coins_outstanding, deposited;
    uint64_t fees_withdraw, fees_deposit;
    uint64_t transfers, withdrawals, deposits; /* how many */
};

struct books {
    struct books_denom *denoms;
    size_t denom_count;
    bool proofs;
    struct records paytos, reserves, withdrawals, coins, deposits;
    struct records withdrawal_proofs, deposit_proofs; /* with `proofs` only */
    struct buf texts;
    struct books_totals totals;
};

enum books_result {
    BOOKS_DONE,
    BOOKS_REPLAY,       /* the very same was done before; nothing changed */
    BOOKS_UNKNOWN,      /* no such reserve */
    BOOKS_CONFLICT,     /* the reserve was filled by another transfer; the coin's denomination */
    BOOKS_INSUFFICIENT, /* the reserve or the coin has not enough left */
    BOOKS_TOO_MUCH,     /* more than the books can hold */
};

void books_init(struct books *b, const struct books_denom denoms[], size_t count, bool proofs);
void books_free(struct books *b);

struct books_transfer {
    struct taler_pub reserve;
    uint64_t amount, time_s;
    const char *payto; /* of the sender */
};
/* The bank's entry; *index is the reserve's, its row id less one. */
enum books_result books_transfer(struct books *b, const struct books_transfer *t, uint32_t *index);
/* The exchange has seen it: its money is now in the reserve. */
void books_credit(struct books *b, uint32_t index);

/* NULL: not known to the exchange. */
const struct books_reserve *books_reserve(const struct books *b, const struct taler_pub *pub);
const char *books_payto(const struct books *b, const struct books_reserve *reserve);

struct books_planchet {
    struct taler_hash h_envelope;
    struct taler_sig reserve_sig;
    uint32_t denom;
};
/* All or none. REPLAY when each was done before. *requested: what the new ones cost. */
enum books_result books_withdraw(struct books *b, const struct taler_pub *reserve,
                                 const struct books_planchet planchets[], size_t count,
                                 uint64_t *requested);

struct books_spend {
    struct taler_pub coin;
    uint8_t digest[BOOKS_DIGEST_SIZE];
    uint64_t contribution;
    uint32_t denom;
    struct books_deposit_proof proof;
};
/* All or none; a coin may come once. *time_s: now, in; the time of the first that was done before,
 * out. *failed: the coin it failed for. */
enum books_result books_deposit(struct books *b, const struct books_spend spends[], size_t count,
                                uint64_t *time_s, size_t *failed);

const struct books_coin *books_coin(const struct books *b, const struct taler_pub *pub);

/* Finds the totals anew by walking all entries; false when an entry contradicts another, and *why
 * says how. */
bool books_recount(const struct books *b, struct books_totals *out, const char **why);
/* Money in = where it is now. */
bool books_add_up(const struct books_totals *t);

/* To and from one file. 0, or SHOAL_E_IO, SHOAL_E_NO_SPACE, SHOAL_E_NOT_FOUND (nothing there),
 * SHOAL_E_CORRUPT (not ours, damaged, or of other denominations). Loading wants empty books. */
int books_save(const struct books *b, const char *path);
int books_load(struct books *b, const char *path);

size_t books_bytes(const struct books *b);

#endif
