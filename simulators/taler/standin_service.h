/* The running stand-in, shared by its end points; internal to the stand-in. */
#ifndef SHOAL_SIMULATORS_TALER_STANDIN_SERVICE_H
#define SHOAL_SIMULATORS_TALER_STANDIN_SERVICE_H

#include "core/lane/lane.h"
#include "core/net/listener.h"
#include "protocols/taler/deposit.h"
#include "protocols/taler/withdraw.h"
#include "simulators/taler/standin_books.h"
#include "simulators/taler/standin_keys.h"

struct waiter;
struct kept;

/* Requests answered, by how it ended; for the ledger. */
struct standin_counts {
    uint64_t replays;     /* the same request again, answered as before */
    uint64_t conflicts;   /* 409: spent, empty, or another denomination */
    uint64_t forbidden;   /* 403: a signature that does not verify */
    uint64_t malformed;   /* 400 */
    uint64_t unknown;     /* 404 */
    uint64_t polls, lies; /* reserve requests that waited; replies that were spoilt */
};

/* Room for one request's coins, on the heap once: requests are handled one at a time. */
struct standin_room {
    struct taler_withdraw_planchet planchets[TALER_BATCH_MAX];
    struct books_planchet entries[TALER_BATCH_MAX];
    struct taler_rsa_value sigs[TALER_BATCH_MAX];
    struct taler_deposit_coin coins[TALER_BATCH_MAX];
    struct books_spend spends[TALER_BATCH_MAX];
    struct taler_amount fees[TALER_BATCH_MAX];
    struct taler_deposit_terms terms;
    struct taler_deposit_reply confirmation;
};

#define WAITER_BUCKETS 4096

struct standin_service {
    const struct standin_options *options;
    const struct taler_protocol *protocol;
    struct lane *lane;
    char *books_path; /* NULL: nothing is kept */
    struct standin_keys keys;
    struct books books;
    struct standin_counts counts;
    struct standin_room *room;
    struct taler_rsa_value *last_sigs; /* of each denomination, for the lie that reuses them */
    struct buf out;                    /* the reply being written */

    struct waiter *waiters[WAITER_BUCKETS]; /* by the reserve's first bytes */
    struct kept *kept;                      /* exchanges that get no reply: a lie */

    struct lane_timer wirewatch; /* credits transfers from uncredited on, in their order */
    uint32_t uncredited;
    int64_t *due_ns; /* of the transfers from due_first on; grows */
    size_t due_room;
    uint32_t due_first;
};

/* --- replies (standin_reply.c) ------------------------------------------------------------------
 */

/* A success: the content of s->out, as the lie wants it. `get`: with Connection: close. */
void reply_done(struct standin_service *s, struct exchange *x, enum standin_place place);
/* {"code", "hint"} */
void reply_error(struct standin_service *s, struct exchange *x, int status, int code,
                 const char *hint);
/* A 400 with what the reader found. */
void reply_malformed(struct standin_service *s, struct exchange *x,
                     const struct taler_fault *fault);
/* s->out as it is, with a status. */
void reply_with(struct standin_service *s, struct exchange *x, int status);
void reply_release(struct standin_service *s); /* answers what SILENCE has kept */

/* Error codes beside those of protocols/taler/reply.h, as GANA registers them. */
enum standin_code {
    CODE_METHOD_INVALID = 20,
    CODE_ENDPOINT_UNKNOWN = 21,
    CODE_JSON_INVALID = 22,
    CODE_PAYTO_MALFORMED = 24,
    CODE_PARAMETER_MALFORMED = 26,
    CODE_CURRENCY_MISMATCH = 30,
    CODE_UNAUTHORIZED = 40,
    CODE_COIN_PUB_MALFORMED = 1004,
    CODE_DENOMINATION_UNKNOWN = 1005,
    CODE_DENOMINATION_SIGNATURE = 1006,
    CODE_DENOMINATION_FUTURE = 1008,
    CODE_DENOMINATION_EXPIRED = 1009,
    CODE_RESERVE_UNKNOWN = 1027,
    CODE_RESERVE_SIGNATURE = 1154,
    CODE_NEGATIVE_AFTER_FEE = 1207,
    CODE_REFUND_AFTER_WIRE = 1208,
    CODE_RESERVE_STATUS_UNKNOWN = 1250, /* the same before 17 */
    CODE_DUPLICATE_RESERVE = 5114,
};

/* --- end points: each answers `x` now or later --------------------------------------------------
 */

void handle_config(struct standin_service *s, struct exchange *x, struct slice arg);
void handle_keys(struct standin_service *s, struct exchange *x, struct slice arg);
void handle_wire(struct standin_service *s, struct exchange *x, struct slice arg);
void handle_seed(struct standin_service *s, struct exchange *x, struct slice arg);

void handle_add_incoming(struct standin_service *s, struct exchange *x, struct slice arg);
void handle_bank_history(struct standin_service *s, struct exchange *x, struct slice arg);
void handle_bank_config(struct standin_service *s, struct exchange *x, struct slice arg);
void bank_resume(struct standin_service *s); /* transfers that were kept and not yet credited */

void handle_reserve(struct standin_service *s, struct exchange *x, struct slice arg);
void reserve_credited(struct standin_service *s, const struct taler_pub *reserve);
void reserve_release(struct standin_service *s); /* answers who still waits */

void handle_withdraw(struct standin_service *s, struct exchange *x, struct slice arg);
void handle_batch_withdraw(struct standin_service *s, struct exchange *x, struct slice arg);
void handle_deposit(struct standin_service *s, struct exchange *x, struct slice arg);
void handle_batch_deposit(struct standin_service *s, struct exchange *x, struct slice arg);

/* --- small things (standin.c) -------------------------------------------------------------------
 */

uint64_t standin_now_s(void);
struct taler_amount standin_amount(const struct standin_service *s, uint64_t units);
/* From a path's part; false when it is no public key. */
bool standin_pub(struct taler_pub *out, struct slice text);
/* The denomination's index when it can be used for that at now_s, else an error was answered.
 * `withdraw`: else for deposit. */
bool standin_denom(struct standin_service *s, struct exchange *x, const struct taler_hash *hash,
                   bool withdraw, size_t *index);

#endif
