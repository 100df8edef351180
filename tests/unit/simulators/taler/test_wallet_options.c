/* The options of taler-wallet: defaults, what is impossible together, and small pure parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "core/util/clock.h"
#include "simulators/taler/fleet.h"
#include "simulators/taler/keys.h"
#include "simulators/taler/replies.h"
#include "simulators/taler/wallet.h"

/* Binds JSON text (NULL: all defaults) and checks it; returns the errors as one text. */
static struct wallet_options bind_options(const char *json, char *said, size_t room)
{
    struct plan_errors errors = {0};
    struct option_binder binder = {arena_new(), &errors};
    struct wallet_options o;
    cJSON *object = json ? cJSON_Parse(json) : NULL;

    assert_true(!json || object);
    memset(&o, 0, sizeof o);
    said[0] = '\0';
    if (options_bind(&binder, taler_wallet.options, object, "scenarios.0.options", &o, NULL) == 0)
        taler_wallet.check(&o, "scenarios.0.options", &errors);
    for (size_t i = 0; i < errors.count; i++)
        snprintf(said + strlen(said), room - strlen(said), "%s\n", errors.lines[i]);
    plan_errors_free(&errors);
    cJSON_Delete(object);
    /* What the options point to is not looked at after this. */
    arena_free(binder.arena);
    return o;
}

static void defaults_are_upstreams(void **state)
{
    char said[4096];
    struct wallet_options o = bind_options(NULL, said, sizeof said);

    (void)state;
    assert_string_equal(said, "");
    assert_int_equal(o.payments, 5);
    assert_int_equal(o.max_coins, 64);
    assert_int_equal(o.withdraw, MODE_AUTO);
    assert_int_equal(o.deposit, MODE_AUTO);
    assert_int_equal(o.keys, KEYS_OF_FLEET);
    assert_int_equal(o.retries, 0);
    assert_false(o.trust_exchange);
    assert_int_equal(o.refund_deadline_ns, 0);
    assert_int_equal(o.wire_deadline_ns, 0);
    assert_int_equal((int64_t)o.pay_amount.a, 10 * INT64_C(100000000));
    assert_string_equal(o.pay_amount.currency, "");
}

static void impossible_values_are_refused(void **state)
{
    static const struct {
        const char *json, *said;
    } rows[] = {
        {"{\"withdraw_amount\": \"49.99\"}", "withdraw_amount"},
        {"{\"withdraw_amount\": \"EUR:0\", \"payments\": 0}", "withdraw_amount"},
        {"{\"payments\": 7}", "7 payments of 10 on average"},
        {"{\"debit_account\": \"payto://x-taler-bank/localhost/1\"}", "receiver-name"},
        {"{\"merchant_payto\": \"https://example.org/?receiver-name=x\"}", "merchant_payto"},
        {"{\"bank_password\": \"x\"}", "bank_user"},
        {"{\"bank_user\": \"x\", \"bank_token\": \"y\"}", "bank_token"},
        {"{\"refund_deadline\": \"1d\", \"wire_deadline\": \"1h\"}", "wire_deadline"},
        {"{\"max_coins\": 257}", "max_coins"},
        {"{\"pay_amount\": 0}", "pay_amount"},
        {"{\"withdraw\": \"singel\"}", "single"},
    };
    char said[4096];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bind_options(rows[i].json, said, sizeof said);
        if (!strstr(said, rows[i].said))
            fail_msg("%s says \"%s\", not %s", rows[i].json, said, rows[i].said);
    }
}

static void possible_values_are_taken(void **state)
{
    static const char *const rows[] = {
        "{\"withdraw_amount\": \"EUR:60\", \"pay_amount\": \"EUR:10\"}",
        "{\"withdraw_amount\": 60, \"pay_amount\": 10}",
        "{\"pay_amount\": {\"uniform\": [\"EUR:1.00\", \"EUR:9.00\"]}}",
        "{\"merchants\": {\"zipf\": {\"n\": 1000, \"s\": 1.1}}}",
        "{\"bank_user\": \"x\", \"bank_password\": \"y\"}",
        "{\"payments\": 0}",
        "{\"refund_deadline\": \"1h\", \"wire_deadline\": \"1d\"}",
    };
    char said[4096];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bind_options(rows[i], said, sizeof said);
        if (said[0])
            fail_msg("%s says \"%s\"", rows[i], said);
    }
}

static void amounts_take_the_exchanges_currency(void **state)
{
    struct taler_amount a;
    char text[TALER_AMOUNT_TEXT_MAX];

    (void)state;
    assert_int_equal(fleet_amount(&a, "60", "KUDOS"), 0);
    assert_string_equal(taler_amount_format(&a, text), "KUDOS:60");
    assert_int_equal(fleet_amount(&a, "KUDOS:5.5", "KUDOS"), 0);
    assert_string_equal(taler_amount_format(&a, text), "KUDOS:5.5");
    assert_int_equal(fleet_amount(&a, "EUR:5", "KUDOS"), SHOAL_E_BAD_INPUT);
}

static void error_replies_have_kinds(void **state)
{
    (void)state;
    assert_string_equal(reply_kind(409, 1003), "denomination-conflict");
    assert_string_equal(reply_kind(409, 1012), "insufficient-funds");
    assert_string_equal(reply_kind(409, 1150), "reserve-insufficient");
    assert_string_equal(reply_kind(410, 1010), "gone");
    assert_string_equal(reply_kind(403, 1205), "signature-refused");
    assert_string_equal(reply_kind(451, 0), "kyc-required");
    assert_string_equal(reply_kind(451, 9999), "kyc-required");
    assert_string_equal(reply_kind(409, 9999), "conflict");
    assert_string_equal(reply_kind(500, 0), "http-status");
}

#define WALL_US (INT64_C(1795203783) * 1000000) /* Fri, 20 Nov 2026 19:43:03 GMT */

static void keys_live_as_long_as_the_reply_says(void **state)
{
    (void)state;
    assert_int_equal(keys_life_ns("public,max-age=3600", NULL, WALL_US), 3600 * NS_PER_S);
    assert_int_equal(keys_life_ns("max-age=120, must-revalidate", NULL, WALL_US), 120 * NS_PER_S);
    assert_int_equal(keys_life_ns("Max-Age=7", "0", WALL_US), 7 * NS_PER_S);
    assert_int_equal(keys_life_ns(NULL, "Fri, 20 Nov 2026 19:44:03 GMT", WALL_US), 60 * NS_PER_S);
    assert_int_equal(keys_life_ns("public", "Fri, 20 Nov 2026 19:44:03 GMT", WALL_US),
                     60 * NS_PER_S);
    assert_int_equal(keys_life_ns(NULL, NULL, WALL_US), KEYS_LIFE_DEFAULT_NS);
    assert_int_equal(keys_life_ns("no-store", NULL, WALL_US), KEYS_LIFE_MIN_NS);
    assert_int_equal(keys_life_ns(NULL, "Fri, 20 Nov 2020 19:44:03 GMT", WALL_US),
                     KEYS_LIFE_MIN_NS);
    assert_int_equal(keys_life_ns(NULL, "soon", WALL_US), KEYS_LIFE_MIN_NS);
    assert_int_equal(keys_life_ns("max-age=99999999999999999999", NULL, WALL_US), KEYS_LIFE_MAX_NS);
    assert_int_equal(keys_life_ns("max-age=-9223372036854775807", NULL, WALL_US), KEYS_LIFE_MIN_NS);
    assert_int_equal(keys_life_ns(NULL, "Mon, 01 Jan 0001 00:00:00 GMT", WALL_US),
                     KEYS_LIFE_MIN_NS);
    assert_int_equal(keys_life_ns("max-age=-5", NULL, WALL_US), KEYS_LIFE_MIN_NS);
}

/* What may have been done is replayed, what was refused is not. */
static void what_is_open_is_known(void **state)
{
    struct http_response r = {.status = 500, .sent = true};

    (void)state;
    assert_true(wallet_is_open(SHOAL_E_HTTP_STATUS, &r));
    assert_true(wallet_is_open(SHOAL_E_TIMEOUT, &r));
    assert_true(wallet_is_open(SHOAL_E_SHORT_BODY, &r));
    assert_true(wallet_is_open(SHOAL_E_CANCELLED, &r));
    assert_true(wallet_is_open(SHOAL_E_BAD_REPLY, &r));
    assert_false(wallet_is_open(SHOAL_E_BAD_SIGNATURE, &r));
    assert_false(wallet_is_open(SHOAL_OK, &r));
    r.status = 409;
    assert_false(wallet_is_open(SHOAL_E_HTTP_STATUS, &r));
    r.sent = false;
    assert_false(wallet_is_open(SHOAL_E_REFUSED, &r));
    assert_false(wallet_is_open(SHOAL_E_TIMEOUT, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_upstreams),
        cmocka_unit_test(impossible_values_are_refused),
        cmocka_unit_test(possible_values_are_taken),
        cmocka_unit_test(amounts_take_the_exchanges_currency),
        cmocka_unit_test(error_replies_have_kinds),
        cmocka_unit_test(keys_live_as_long_as_the_reply_says),
        cmocka_unit_test(what_is_open_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
