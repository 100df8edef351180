#include "simulators/taler/fleet.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/load/simulator.h"
#include "core/util/clock.h"
#include "core/util/log.h"
#include "protocols/taler/hash.h"
#include "simulators/taler/keys.h"
#include "simulators/taler/replies.h"
#include "simulators/taler/wallet.h"

#define MERCHANTS_KEPT_MAX 10000
#define MERCHANTS_AT_ONCE 64 /* about a millisecond of key generation */

int fleet_amount(struct taler_amount *out, const char *text, const char *currency)
{
    char full[TALER_AMOUNT_TEXT_MAX + TALER_CURRENCY_MAX];
    struct taler_amount amount;

    if (!strchr(text, ':')) {
        snprintf(full, sizeof full, "%s:%s", currency, text);
        text = full;
    }
    if (taler_amount_parse(&amount, text) || strcmp(amount.currency, currency) != 0)
        return SHOAL_E_BAD_INPUT;
    *out = amount;
    return SHOAL_OK;
}

/* --- merchants ------------------------------------------------------------------------------ */

void fleet_merchant(const struct wallet_fleet *fleet, uint64_t number, struct merchant *out)
{
    uint8_t seed[SECRET_SIZE];
    struct taler_key key;

    if (number >= 1 && number <= fleet->merchant_count) {
        *out = fleet->merchants[number - 1];
        return;
    }
    secret_derive(seed, &fleet->secrets, "merchant", number);
    taler_key_from_seed(&key, seed);
    out->pub = key.pub;
    secret_derive(seed, &fleet->secrets, "merchant-salt", number);
    memcpy(out->wire_salt.bytes, seed, TALER_SALT_SIZE);
    taler_wipe(&key, sizeof key);
}

/* How many merchants the plan can name, as far as its distribution says. */
static size_t merchants_named(const struct distribution *d)
{
    double most = d->kind == DISTRIBUTION_FIXED     ? d->a
                  : d->kind == DISTRIBUTION_UNIFORM ? d->b
                  : d->kind == DISTRIBUTION_ZIPF    ? d->zipf.n
                                                    : 0;

    return most < MERCHANTS_KEPT_MAX ? (size_t)most : MERCHANTS_KEPT_MAX;
}

struct merchants_slice {
    struct wallet_fleet *fleet;
    size_t from, to;
};

static void make_merchants(void *arg)
{
    struct merchants_slice *s = arg;

    for (size_t i = s->from; i < s->to; i++)
        fleet_merchant(s->fleet, i + 1, &s->fleet->merchants[i]);
}

static void prepare_merchants(struct wallet_fleet *fleet)
{
    size_t count = merchants_named(&fleet->options->merchants);

    fleet->merchants = calloc(count + 1, sizeof *fleet->merchants);
    if (!fleet->merchants)
        die("merchants: no memory");
    for (size_t i = 0; i < count; i += MERCHANTS_AT_ONCE) {
        size_t end = i + MERCHANTS_AT_ONCE < count ? i + MERCHANTS_AT_ONCE : count;
        fiber_deep(make_merchants, &(struct merchants_slice){fleet, i, end});
        lane_yield();
    }
    fleet->merchant_count = count;
}

/* --- targets -------------------------------------------------------------------------------- */

static void prepare_authorization(struct wallet_fleet *fleet)
{
    const struct wallet_options *o = fleet->options;
    struct buf value = {0};

    if (o->bank_token) {
        buf_printf(&value, "Bearer %s", o->bank_token);
    } else if (o->bank_user) {
        struct buf plain = {0};
        buf_printf(&plain, "%s:%s", o->bank_user, o->bank_password ? o->bank_password : "");
        size_t room = sodium_base64_encoded_len(plain.len, sodium_base64_VARIANT_ORIGINAL);
        char *text = malloc(room);
        if (!text || plain.error)
            die("authorization: no memory");
        sodium_bin2base64(text, room, plain.data, plain.len, sodium_base64_VARIANT_ORIGINAL);
        buf_printf(&value, "Basic %s", text);
        taler_wipe(text, room);
        taler_wipe(plain.data, plain.len);
        free(text);
        buf_free(&plain);
    } else {
        return;
    }
    if (value.error)
        die("authorization: no memory");
    fleet->authorization = (char *)value.data;
    fleet->bank_headers[0] = (struct http_header){"Authorization", fleet->authorization};
    fleet->bank_header_count = 1;
}

static int prepare_target(struct flow *flow, const char *option, const char *url,
                          struct http_target **out)
{
    const char *why = "";

    if (http_target_new(out, url, flow->fleet->http, &why) == SHOAL_OK)
        return SHOAL_OK;
    return flow_fail(flow, &(struct flow_failure){.error = SHOAL_E_BAD_INPUT}, "%s \"%s\": %s",
                     option, url, why);
}

/* --- discovery ------------------------------------------------------------------------------ */

static int get(struct wallet_fleet *fleet, struct flow *flow, enum wallet_request_name name,
               const char *path, struct http_response *response)
{
    const struct http_request http = {.method = "GET", .target = fleet->exchange, .path = path};
    struct flow_call call = {.request = name, .http = &http, .explain = reply_explain};

    return wallet_try(flow, &(struct wallet_tries){fleet->options, .deadline_ns = CLOCK_NEVER},
                      &call, response);
}

struct reading {
    struct slice body;
    struct taler_fault fault;
    struct taler_config *config;
    struct taler_wire *wire;
    int error;
};

static void read_config(void *arg)
{
    struct reading *r = arg;

    r->error = taler_config_read(r->config, r->body, &r->fault);
}

static void read_wire(void *arg)
{
    struct reading *r = arg;

    r->error = taler_wire_read(r->wire, r->body, &r->fault);
}

static int unsupported(struct flow *flow, const char *why)
{
    return flow_fail(flow, &(struct flow_failure){.error = SHOAL_E_UNSUPPORTED}, "%s", why);
}

static int discover_config(struct wallet_fleet *fleet, struct flow *flow,
                           const struct taler_protocol **protocol)
{
    struct taler_config config;
    struct http_response response;
    char why[TALER_WHY_MAX] = "";
    int error = get(fleet, flow, REQUEST_CONFIG, "/config", &response);

    if (error)
        return error;
    struct reading r = {.body = response.body, .config = &config};
    fiber_deep(read_config, &r);
    if (r.error)
        return flow_fail(flow, &(struct flow_failure){.error = r.error, .status = 200},
                         "GET /config: %s", r.fault.text);
    if (strcmp(config.name, "taler-exchange") != 0)
        return flow_fail(flow, &(struct flow_failure){.error = SHOAL_E_UNSUPPORTED},
                         "%s is no exchange: its /config says \"%s\"", fleet->options->exchange,
                         config.name);
    *protocol = taler_protocol_for(config.version, why);
    if (!*protocol)
        return unsupported(flow, why);
    memcpy(fleet->currency, config.currency, sizeof fleet->currency);
    return SHOAL_OK;
}

/* Options that only the exchange's own words can judge. */
static int check_options(struct wallet_fleet *fleet, struct flow *flow,
                         const struct taler_protocol *protocol)
{
    const struct wallet_options *o = fleet->options;
    const char *pay_currency = o->pay_amount.currency;
    char why[TALER_WHY_MAX];

    if (fleet_amount(&fleet->withdraw_amount, o->withdraw_amount, fleet->currency))
        return flow_fail(flow, &(struct flow_failure){.error = SHOAL_E_BAD_INPUT},
                         "withdraw_amount is \"%s\", and the exchange's currency is %s",
                         o->withdraw_amount, fleet->currency);
    if (pay_currency[0] && strcmp(pay_currency, fleet->currency) != 0)
        return flow_fail(flow, &(struct flow_failure){.error = SHOAL_E_BAD_INPUT},
                         "pay_amount is in %s, and the exchange's currency is %s", pay_currency,
                         fleet->currency);
    const char *gone = o->withdraw == MODE_SINGLE && !protocol->single_withdraw ? "withdraw"
                       : o->deposit == MODE_SINGLE && !protocol->single_deposit ? "deposit"
                                                                                : NULL;
    if (!gone)
        return SHOAL_OK;
    snprintf(why, sizeof why,
             "option %s is \"single\", and an exchange of protocol %d only has batches: write "
             "\"batch\" or \"auto\"",
             gone, protocol->version);
    return unsupported(flow, why);
}

static int discover_wire(struct wallet_fleet *fleet, struct flow *flow)
{
    struct http_response response;
    int error = get(fleet, flow, REQUEST_WIRE, "/wire", &response);

    if (error)
        return error;
    struct reading r = {.body = response.body,
                        .wire = arena_zalloc(flow->arena, sizeof(struct taler_wire))};
    fiber_deep(read_wire, &r);
    if (r.error)
        return flow_fail(flow, &(struct flow_failure){.error = r.error, .status = 200},
                         "GET /wire: %s", r.fault.text);
    return SHOAL_OK;
}

static int discover_keys(struct wallet_fleet *fleet, struct flow *flow)
{
    struct shared_value *value;
    const struct taler_denom *one;
    int error = fleet_keys_get(fleet, flow, &value);

    if (error)
        return error;
    const struct exchange_keys *keys = shared_data(value);
    size_t offered = taler_keyset_selectable(keys->set, wallet_now_s(), &one, 1);
    shared_put(value);
    if (offered)
        return SHOAL_OK;
    return flow_fail(flow, &(struct flow_failure){.error = SHOAL_E_UNSUPPORTED},
                     "the exchange offers no RSA denomination without age restriction that can be "
                     "withdrawn now (are the clocks right?)");
}

static int start(struct wallet_fleet *fleet, struct flow *flow)
{
    const struct wallet_options *o = fleet->options;
    const struct taler_protocol *protocol = NULL;
    int error = prepare_target(flow, "exchange", o->exchange, &fleet->exchange);

    if (error == SHOAL_OK)
        error = prepare_target(flow, "bank", o->bank, &fleet->bank);
    if (error == SHOAL_OK)
        error = discover_config(fleet, flow, &protocol);
    if (error == SHOAL_OK)
        error = check_options(fleet, flow, protocol);
    if (error == SHOAL_OK && protocol->wire_endpoint && !protocol->wire_in_keys)
        error = discover_wire(fleet, flow);
    if (error == SHOAL_OK)
        error = discover_keys(fleet, flow);
    return error;
}

static void fleet_free(struct wallet_fleet *fleet)
{
    if (!fleet)
        return;
    if (fleet->keys)
        shared_free(fleet->keys);
    http_target_free(fleet->bank);
    http_target_free(fleet->exchange);
    if (fleet->authorization)
        taler_wipe(fleet->authorization, strlen(fleet->authorization));
    free(fleet->authorization);
    free(fleet->merchants);
    free(fleet);
}

int wallet_fleet_start(struct fleet *fleet, struct flow *flow, struct failure *why)
{
    struct wallet_fleet *f = calloc(1, sizeof *f);

    if (!f || sodium_init() < 0)
        die("taler-wallet: no memory");
    f->options = fleet->options;
    f->secrets = (struct secret_source){.seed = fleet->seed, .scenario = fleet->scenario};
    memcpy(f->secrets.run_id, fleet->run_id, RUN_ID_SIZE);
    f->keys = shared_new(exchange_keys_free);
    /* Also when it fails: connections of the flow's client still point at the targets, so they go
     * in fleet_stop. */
    fleet->data = f;
    flow->failure.error = SHOAL_OK;
    int error = start(f, flow);
    if (error) {
        if (flow->failure.error != error)
            flow_fail(flow, &(struct flow_failure){.error = error}, "%s", error_text(error));
        *why = flow->failure;
        return error;
    }
    prepare_authorization(f);
    prepare_merchants(f);
    return SHOAL_OK;
}

void wallet_fleet_stop(struct fleet *fleet)
{
    fleet_free(fleet->data);
    fleet->data = NULL;
}
