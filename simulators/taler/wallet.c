#include "simulators/taler/wallet.h"

#include <stdio.h>
#include <string.h>

#include "core/util/clock.h"
#include "simulators/taler/fleet.h"
#include "simulators/taler/standin.h"

/* --- options -------------------------------------------------------------------------------- */

static const char *const mode_names[] = {"auto", "single", "batch", NULL};
static const char *const keys_names[] = {"fleet", "wallet", NULL};

/* Defaults are those of upstream's own benchmarks: withdraw, five deposits, no deadlines. */
#define FIELD(field) OPTION_FIELD(struct wallet_options, field)
static const struct option option_list[] = {
    {"exchange", OPTION_URL, FIELD(exchange), .flags = OPTION_EMBEDDED,
     .default_text = OPTION_EMBEDDED_TEXT, .help = "Base URL of the exchange"},
    {"bank", OPTION_URL, FIELD(bank), .flags = OPTION_EMBEDDED,
     .default_text = OPTION_EMBEDDED_TEXT,
     .help = "Base URL of the exchange's wire gateway at the bank, below which admin/add-incoming "
             "is"},
    {"bank_user", OPTION_STRING, FIELD(bank_user),
     .help = "Name for basic authentication at the bank"},
    {"bank_password", OPTION_SECRET, FIELD(bank_password),
     .help = "Password for basic authentication at the bank"},
    {"bank_token", OPTION_SECRET, FIELD(bank_token),
     .help = "Token for bearer authentication at the bank, instead of a name and a password"},
    {"withdraw_amount", OPTION_AMOUNT, FIELD(withdraw_amount), .default_text = "60",
     .help = "What one iteration pays into its reserve and withdraws; without a currency it is the "
             "exchange's"},
    {"payments", OPTION_INTEGER, FIELD(payments), .max = 500, .default_text = "5",
     .help = "Payments of one iteration"},
    {"pay_amount", OPTION_DISTRIBUTION, FIELD(pay_amount), .base = DISTRIBUTION_AMOUNT, .min = 1,
     .default_text = "\"10\"", .help = "What one payment costs, the deposit fees included"},
    {"merchants", OPTION_DISTRIBUTION, FIELD(merchants), .base = DISTRIBUTION_INTEGER, .min = 1,
     .max = 1000000, .default_text = "{\"uniform\": [1, 10]}",
     .help = "Which merchant a payment goes to, numbered from 1; {\"zipf\": {\"n\": 1000, \"s\": "
             "1.1}} makes some popular"},
    {"debit_account", OPTION_STRING, FIELD(debit_account),
     .default_text = "payto://x-taler-bank/localhost/user-{client}?receiver-name=user-{client}",
     .help = "Bank account that pays the reserve, a payto URI with receiver-name"},
    {"merchant_payto", OPTION_STRING, FIELD(merchant_payto),
     .default_text = "payto://x-taler-bank/localhost/merchant-{merchant}"
                     "?receiver-name=merchant-{merchant}",
     .help = "Bank account of a merchant, a payto URI with receiver-name"},
    {"withdraw", OPTION_ENUM, FIELD(withdraw), .values = mode_names, .default_text = "auto",
     .help =
         "One request per coin, or one for many; auto: one for many, and the single one for one "
         "coin where the exchange has it"},
    {"deposit", OPTION_ENUM, FIELD(deposit), .values = mode_names, .default_text = "auto",
     .help = "As withdraw, for the coins of one payment"},
    {"max_coins", OPTION_INTEGER, FIELD(max_coins), .min = 1, .max = TALER_BATCH_MAX,
     .default_text = "64", .unit = "coins",
     .help = "Coins in one request: larger withdrawals are split, larger payments fail"},
    {"keys", OPTION_ENUM, FIELD(keys), .values = keys_names, .default_text = "fleet",
     .help = "Who downloads and verifies /keys: once for all, or each wallet for itself"},
    {"trust_exchange", OPTION_BOOL, FIELD(trust_exchange), .default_text = "false",
     .help = "Do not verify blind signatures and deposit confirmations, as upstream's switch does"},
    {"deflate", OPTION_BOOL, FIELD(deflate), .default_text = "false",
     .help = "Send bodies to the exchange compressed, as upstream's C client does"},
    {"refund_deadline", OPTION_DURATION, FIELD(refund_deadline_ns), .default_text = "0s",
     .help = "From the payment until a refund is possible no more"},
    {"wire_deadline", OPTION_DURATION, FIELD(wire_deadline_ns), .default_text = "0s",
     .help = "From the payment until the merchant must have the money; not before refund_deadline"},
    {"timeout", OPTION_DURATION, FIELD(timeout_ns), .min = 1e6, .default_text = "30s",
     .help = "For one request; a long poll has its own time on top"},
    {"fund_timeout", OPTION_DURATION, FIELD(fund_timeout_ns), .min = 1e6, .default_text = "60s",
     .help = "From the bank's answer until the exchange has seen the transfer"},
    {"retries", OPTION_INTEGER, FIELD(retries), .max = 20, .default_text = "0",
     .help = "Repetitions of a request that got no reply or a server error, byte for byte, after "
             "growing pauses"},
};
#undef FIELD

static const struct option_table option_table = OPTION_TABLE_OF(struct wallet_options, option_list);

static bool amount_units(const char *text, uint64_t *units)
{
    char full[TALER_AMOUNT_TEXT_MAX];
    struct taler_amount amount;

    snprintf(full, sizeof full, "%s%s", strchr(text, ':') ? "" : "XXX:", text);
    return taler_amount_parse(&amount, full) == SHOAL_OK &&
           taler_amount_to_units(&amount, units) == SHOAL_OK;
}

static void check_payto(const char *text, const char *path, const char *key,
                        struct plan_errors *errors)
{
    const char *example = "payto://x-taler-bank/localhost/user-{client}?receiver-name={client}";

    if (strlen(text) + 40 > TALER_PAYTO_MAX)
        plan_error(errors, path, key, "is too long; an exchange takes %d bytes", TALER_PAYTO_MAX);
    else if (!taler_payto_valid(text, true))
        plan_error(errors, path, key,
                   "\"%.100s\" is not a payto URI with receiver-name, which exchanges demand; "
                   "write it as \"%s\"",
                   text, example);
}

static void check(const void *options, const char *path, struct plan_errors *errors)
{
    const struct wallet_options *o = options;
    double spent = (double)o->payments * distribution_mean(&o->pay_amount);
    uint64_t withdrawn = 0;

    standin_check_roles(&taler_standin, &option_table, options, path, errors);
    check_payto(o->debit_account, path, "debit_account", errors);
    check_payto(o->merchant_payto, path, "merchant_payto", errors);
    if (!amount_units(o->withdraw_amount, &withdrawn) || !withdrawn)
        plan_error(errors, path, "withdraw_amount", "\"%.60s\" cannot be withdrawn",
                   o->withdraw_amount);
    else if (spent > (double)withdrawn)
        plan_error(errors, path, "withdraw_amount",
                   "%lld payments of %.8g on average cost more than the \"%.60s\" that one "
                   "iteration withdraws",
                   (long long)o->payments,
                   distribution_mean(&o->pay_amount) / DISTRIBUTION_AMOUNT_BASE,
                   o->withdraw_amount);
    if (o->bank_token && o->bank_user)
        plan_error(errors, path, "bank_token",
                   "is given beside bank_user; the bank takes one of the two");
    if (o->bank_password && !o->bank_user)
        plan_error(errors, path, "bank_password", "needs a bank_user");
    if (o->wire_deadline_ns < o->refund_deadline_ns)
        plan_error(errors, path, "wire_deadline",
                   "is before refund_deadline, which exchanges refuse");
}

/* --- one iteration -------------------------------------------------------------------------- */

uint64_t wallet_now_s(void)
{
    return (uint64_t)clock_wall_us() / 1000000;
}

const char *wallet_payto(struct wallet *w, const char *template, uint64_t merchant)
{
    struct buf text = {0};

    for (const char *p = template; *p;) {
        if (strncmp(p, "{client}", 8) == 0) {
            buf_printf(&text, "%llu", (unsigned long long)w->flow->client);
            p += 8;
        } else if (strncmp(p, "{merchant}", 10) == 0) {
            buf_printf(&text, "%llu", (unsigned long long)merchant);
            p += 10;
        } else {
            buf_char(&text, *p++);
        }
    }
    buf_char(&text, '\0');
    return (const char *)arena_adopt(w->flow->arena, &text).data;
}

static void step_arena_free(void *arena)
{
    arena_free(arena);
}

/* Before its first request of the iteration a wallet keeps the promises of earlier ones. */
static int begin(struct flow *flow, struct wallet **out)
{
    struct wallet *w = arena_zalloc(flow->arena, sizeof *w);

    w->flow = flow;
    w->arena = flow->arena;
    w->step = arena_new();
    arena_defer(w->arena, step_arena_free, w->step);
    w->fleet = flow->fleet->data;
    w->options = w->fleet->options;
    rng_init(&w->pauses, &(struct rng_source){.seed = flow->fleet->seed,
                                              .scenario = flow->fleet->scenario,
                                              .purpose = "pauses",
                                              .client = flow->client,
                                              .iteration = flow->iteration});
    *out = w;
    int error = wallet_keys_begin(w);
    return error ? error : wallet_recover(w);
}

static int recover(struct flow *flow)
{
    struct wallet *w;

    return begin(flow, &w);
}

static int step(struct wallet *w, enum wallet_step name, int (*fn)(struct flow *flow, void *arg))
{
    w->flow->arena = w->step;
    int error = flow_step(w->flow, name, fn, w);
    w->flow->arena = w->arena;
    arena_reset(w->step);
    return error;
}

static int iterate(struct flow *flow)
{
    struct wallet *w;
    int error = begin(flow, &w);

    if (error == SHOAL_OK)
        error = step(w, STEP_FUND, wallet_fund);
    if (error == SHOAL_OK)
        error = step(w, STEP_WITHDRAW, wallet_withdraw);
    for (; error == SHOAL_OK && w->payment < w->options->payments; w->payment++)
        error = step(w, STEP_PAY, wallet_pay);
    taler_wipe(&w->reserve, sizeof w->reserve);
    return error;
}

#define NAME(id, name) name,
static const char *const step_names[] = {WALLET_STEPS(NAME) NULL};
static const char *const request_names[] = {WALLET_REQUESTS(NAME) NULL};
static const char *const table_names[] = {WALLET_TABLES(NAME) NULL};
#undef NAME

const struct simulator taler_wallet = {
    .name = "taler-wallet",
    .system = "taler",
    .summary = "GNU Taler wallets that fund a reserve, withdraw coins and pay with them",
    .options = &option_table,
    .steps = step_names,
    .requests = request_names,
    .tables = table_names,
    .purge_tables =
        1u << TABLE_RESERVES | 1u << TABLE_COINS | 1u << TABLE_HISTORY | 1u << TABLE_EXCHANGE,
    .remote_options = "{\"exchange\": \"https://exchange.example/\","
                      " \"bank\": \"https://bank.example/accounts/exchange/taler-wire-gateway/\","
                      " \"bank_user\": \"exchange\","
                      " \"bank_password\": {\"env\": \"TALER_BANK_PASSWORD\"}}",
    .check = check,
    .fleet_start = wallet_fleet_start,
    .fleet_stop = wallet_fleet_stop,
    .iterate = iterate,
    .recover = recover,
    .standin = &taler_standin,
};
