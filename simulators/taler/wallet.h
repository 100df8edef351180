/* The `taler-wallet` simulator: one GNU Taler wallet with its bank account and its merchants.
 *
 * An iteration makes a reserve and funds it at the bank, waits until the exchange sees it,
 * withdraws coins, and pays. One file per topic, in the order of the flow: fleet.c (what all
 * wallets share), keys.c (the exchange's key set), fund.c, withdraw.c, pay.c; under them coins.c
 * and intents.c (the records), recover.c (what a crash or a lost reply left open) and replies.c
 * (errors of the exchange).
 *
 * All functions below run in a fiber of the wallet's lane and return 0, SHOAL_E_CANCELLED, or a
 * code after flow_fail; an error of the store is returned as it is.
 */
#ifndef SHOAL_SIMULATORS_TALER_WALLET_H
#define SHOAL_SIMULATORS_TALER_WALLET_H

#include "core/load/simulator.h"
#include "protocols/taler/deposit.h"
#include "protocols/taler/keys.h"
#include "protocols/taler/withdraw.h"
#include "simulators/taler/coins.h"
#include "simulators/taler/intents.h"

struct shared_value;
struct wallet_fleet;

extern const struct simulator taler_wallet;

#define WALLET_STEPS(X)     \
    X(FUND, "fund")         \
    X(WITHDRAW, "withdraw") \
    X(PAY, "pay")

#define WALLET_REQUESTS(X)                     \
    X(ADD_INCOMING, "POST admin/add-incoming") \
    X(RESERVES, "GET reserves")                \
    X(WITHDRAW, "POST withdraw")               \
    X(BATCH_WITHDRAW, "POST batch-withdraw")   \
    X(DEPOSIT, "POST deposit")                 \
    X(BATCH_DEPOSIT, "POST batch-deposit")     \
    X(CONFIG, "GET config")                    \
    X(KEYS, "GET keys")                        \
    X(WIRE, "GET wire")

/* A purge makes a wallet fresh, but an intent is a promise and stays until it is kept. */
#define WALLET_TABLES(X)    \
    X(RESERVES, "reserves") \
    X(COINS, "coins")       \
    X(INTENTS, "intents")   \
    X(HISTORY, "history")   \
    X(EXCHANGE, "exchange")

enum wallet_step {
#define WALLET_STEP_ENUM(id, name) STEP_##id,
    WALLET_STEPS(WALLET_STEP_ENUM)
#undef WALLET_STEP_ENUM
};
enum wallet_request_name {
#define WALLET_REQUEST_ENUM(id, name) REQUEST_##id,
    WALLET_REQUESTS(WALLET_REQUEST_ENUM)
#undef WALLET_REQUEST_ENUM
};
enum wallet_table {
#define WALLET_TABLE_ENUM(id, name) TABLE_##id,
    WALLET_TABLES(WALLET_TABLE_ENUM)
#undef WALLET_TABLE_ENUM
};

enum wallet_mode { MODE_AUTO, MODE_SINGLE, MODE_BATCH };
enum wallet_keys_of { KEYS_OF_FLEET, KEYS_OF_WALLET };

struct wallet_options {
    const char *exchange, *bank;
    const char *bank_user, *bank_password, *bank_token;
    const char *withdraw_amount; /* "60" or "EUR:60" */
    int64_t payments;
    struct distribution pay_amount;
    struct distribution merchants;
    const char *debit_account, *merchant_payto;
    int withdraw, deposit; /* enum wallet_mode */
    int64_t max_coins;
    int keys; /* enum wallet_keys_of */
    bool trust_exchange;
    bool deflate;
    int64_t refund_deadline_ns, wire_deadline_ns;
    int64_t timeout_ns, fund_timeout_ns;
    int64_t retries;
};

/* One iteration of one wallet; in the iteration's arena. */
struct wallet {
    struct flow *flow;   /* flow->arena is `step` inside a step, `arena` outside */
    struct arena *arena; /* the iteration's */
    struct arena *step;  /* emptied after each step: what waits in thousands must be small */
    const struct wallet_fleet *fleet;
    const struct wallet_options *options;
    const struct taler_keyset *keys; /* stays valid to the iteration's end, also when replaced */
    struct shared_value *keys_value; /* NULL when the key set is the wallet's own */
    struct rng pauses;               /* of retries, so that they change no choice of the plan */
    struct reserve reserve;          /* the one of this iteration */
    struct coin *coins;              /* as read from the state before the first payment */
    size_t coin_count;
    bool coins_loaded;
    unsigned payment; /* number of the payment in this iteration, from 0 */
};

/* Steps, for flow_step; `arg` is the struct wallet. */
int wallet_fund(struct flow *flow, void *arg);
int wallet_withdraw(struct flow *flow, void *arg);
int wallet_pay(struct flow *flow, void *arg);

/* Brings every stored intent to its end. An error means that one is still open. */
int wallet_recover(struct wallet *w);
int fund_recover(struct wallet *w, struct intent *intent);
int withdraw_recover(struct wallet *w, struct intent *intent);
int pay_recover(struct wallet *w, struct intent *intent);

/* Intents in the state. store takes the body over, makes the record in `arena` and waits until it
 * is durable. */
int intent_store(struct wallet *w, struct arena *arena, struct intent *intent, struct buf *body);
int intent_update(struct wallet *w, const struct intent *intent);
int intent_close(struct wallet *w, const struct intent *intent);

/* One request with the retries the options allow. `response->sent` tells of all its tries. */
struct wallet_request {
    enum wallet_request_name name;
    const char *method, *path;
    struct slice body;
    const int *accept; /* NULL: 200..299 */
    void (*explain)(const struct http_response *response, struct failure *failure);
    bool once;       /* not idempotent: a try that may have reached the target is not repeated */
    int64_t wait_ns; /* a long poll's own time, on top of the timeout */
};
int wallet_send(struct wallet *w, const struct wallet_request *request,
                struct http_response *response);

/* After wallet_send or the reading of its reply returned `error`: may the target still have done,
 * or yet do, what was asked? Then the intent stays and is replayed. */
bool wallet_is_open(int error, const struct http_response *response);

/* Seconds since 1970, as Taler counts. */
uint64_t wallet_now_s(void);

/* The key set of this iteration, from the fleet or by the wallet's own request. */
int wallet_keys_begin(struct wallet *w);
/* A newer one, because the current one did not know something. */
int wallet_keys_renew(struct wallet *w);

/* `template` with {client} and {merchant} filled in; in the flow's arena. */
const char *wallet_payto(struct wallet *w, const char *template, uint64_t merchant);

#endif
