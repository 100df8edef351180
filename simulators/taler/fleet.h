/* What all wallets of a scenario share; immutable once fleet_start has returned. */
#ifndef SHOAL_SIMULATORS_TALER_FLEET_H
#define SHOAL_SIMULATORS_TALER_FLEET_H

#include "core/lane/shared.h"
#include "core/load/flow.h"
#include "protocols/taler/wire.h"

struct merchant {
    struct taler_pub pub;
    struct taler_salt wire_salt;
};

struct wallet_fleet {
    const struct wallet_options *options;
    struct http_target *exchange, *bank;
    struct http_header bank_headers[1]; /* Authorization */
    size_t bank_header_count;
    char *authorization; /* secret */
    char currency[TALER_CURRENCY_MAX];
    struct taler_amount withdraw_amount;
    struct shared *keys; /* of struct exchange_keys, keys.h */
    struct secret_source secrets;
    struct merchant *merchants; /* the first ones; others are derived when they are paid */
    size_t merchant_count;
};

int wallet_fleet_start(struct fleet *fleet, struct flow *flow, struct failure *why);
void wallet_fleet_stop(struct fleet *fleet);

/* The merchant with this number, from 1 on. Deep in stack. */
void fleet_merchant(const struct wallet_fleet *fleet, uint64_t number, struct merchant *out);

/* "60" or "EUR:60" in the exchange's currency. SHOAL_E_BAD_INPUT, also for another currency. */
int fleet_amount(struct taler_amount *out, const char *text, const char *currency);

#endif
