#include "simulators/taler/standin_options.h"

#include "core/util/clock.h"
#include "protocols/taler/version.h"

#define FIELD(field) OPTION_FIELD(struct standin_options, field)

static const char *const auth_names[] = {"none", "basic", "bearer", NULL};

static const char *const lie_names[] = {
#define LIE_NAME(id, name) name,
    STANDIN_LIES(LIE_NAME)
#undef LIE_NAME
        NULL,
};

static const char *const place_names[] = {
#define PLACE_NAME(id, name) name,
    STANDIN_PLACES(PLACE_NAME)
#undef PLACE_NAME
        NULL,
};

static const struct option option_list[] = {
    {"protocol", OPTION_INTEGER, FIELD(protocol), .min = TALER_VERSION_MIN,
     .max = TALER_VERSION_MAX, .default_text = "23",
     .help = "Protocol version that the exchange speaks"},
    {"denominations", OPTION_STRINGS, FIELD(denominations), .min = 1, .max = 64,
     .default_text = "[\"EUR:0.01\", \"EUR:0.10\", \"EUR:1\", \"EUR:5\", \"EUR:10\"]",
     .help = "Values of coins, all in one currency"},
    {"fee_withdraw", OPTION_AMOUNT, FIELD(fee_withdraw), .default_text = "EUR:0.01",
     .help = "Fee of withdrawing a coin; none for coins that are not worth more than it"},
    {"fee_deposit", OPTION_AMOUNT, FIELD(fee_deposit), .default_text = "EUR:0.01",
     .help = "Fee of depositing a coin; none for coins that are not worth more than it"},
    {"fee_refresh", OPTION_AMOUNT, FIELD(fee_refresh), .default_text = "EUR:0.03",
     .help = "Fee of refreshing a coin, at most its value"},
    {"fee_refund", OPTION_AMOUNT, FIELD(fee_refund), .default_text = "EUR:0.01",
     .help = "Fee of refunding a coin, at most its value"},
    {"keys", OPTION_INTEGER, FIELD(keys), .min = 1, .max = 50, .default_text = "3",
     .help = "Keys of each denomination: from 2 on one becomes valid in the future, from 3 on one "
             "is age-restricted, all others can be used"},
    {"rsa_bits", OPTION_INTEGER, FIELD(rsa_bits), .min = 1024, .max = 4096, .default_text = "2048",
     .unit = "bits", .help = "Size of the denominations' RSA keys, which are made at start"},
    {"wirewatch", OPTION_DURATION, FIELD(wirewatch_ns), .max = (double)(3600 * NS_PER_S),
     .default_text = "0s", .help = "From a transfer at the bank until the exchange has seen it"},
    {"bank_auth", OPTION_ENUM, FIELD(bank_auth), .values = auth_names, .default_text = "none",
     .help = "How a client of the bank proves who it is"},
    {"bank_user", OPTION_STRING, FIELD(bank_user), .default_text = "exchange",
     .help = "Name for basic authentication"},
    {"bank_secret", OPTION_SECRET, FIELD(bank_secret), .default_text = "secret",
     .help = "Password for basic, token for bearer authentication"},
    {"lie", OPTION_ENUM, FIELD(lie), .values = lie_names, .default_text = "none",
     .help = "For testing wallets: what the exchange does wrong"},
    {"lie_at", OPTION_ENUM, FIELD(lie_at), .values = place_names, .default_text = "withdraw",
     .help = "Which reply is spoilt by a lie that spoils a reply's form"},
};

const struct option_table standin_option_table =
    OPTION_TABLE_OF(struct standin_options, option_list);
