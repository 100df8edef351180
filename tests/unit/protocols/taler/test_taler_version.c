#include "tests/unit/protocols/taler/vectors.h"

#include "protocols/taler/version.h"

static void versions_are_read_strictly(void **state)
{
    struct taler_version v;
    assert_int_equal(taler_version_parse(&v, "14:0:2"), 0);
    assert_int_equal(v.current, 14);
    assert_int_equal(v.revision, 0);
    assert_int_equal(v.age, 2);
    static const char *const bad[] = {
        "",       "14",      "14:0",    "14:0:",       "14:0:2:", "a:0:0",
        "-1:0:0", "14:0:15", "14:0:2 ", "9999999:0:0", NULL};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(taler_version_parse(&v, bad[i]), SHOAL_E_BAD_REPLY);
}

static void the_newest_common_version_is_used(void **state)
{
    static const struct {
        const char *text;
        int version; /* 0: refused */
        const char *says;
    } cases[] = {
        {"14:0:2", 14, ""},
        {"23:0:6", 23, ""},
        {"17:3:3", 17, ""},
        {"25:1:4", 23, ""},
        {"30:0:7", 23, ""},
        {"30:0:6", 0, "newer"},
        {"24:0:0", 0, "newer"},
        {"13:0:13", 0, "older"},
        {"0:0:0", 0, "older"},
        {"14:0:14", 14, ""},
        {"gibberish", 0, "gibberish"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char why[TALER_WHY_MAX];
        const struct taler_protocol *p = taler_protocol_for(cases[i].text, why);
        assert_int_equal(p ? p->version : 0, cases[i].version);
        assert_ptr_equal(p, taler_protocol_for(cases[i].text, NULL));
        assert_non_null(strstr(why, cases[i].says));
        if (!p && strcmp(cases[i].text, "gibberish") != 0) {
            assert_non_null(strstr(why, cases[i].text));
            assert_non_null(strstr(why, "14 to 23"));
        }
    }
}

static void rows_say_what_changed_when(void **state)
{
    assert_null(taler_protocol_row(TALER_VERSION_MIN - 1));
    assert_null(taler_protocol_row(TALER_VERSION_MAX + 1));
    for (int v = TALER_VERSION_MIN; v <= TALER_VERSION_MAX; v++) {
        const struct taler_protocol *p = taler_protocol_row(v);
        enum taler_variant within_17 = v < 17 ? TALER_OLD : v == 17 ? TALER_BY_REPLY : TALER_NEW;
        const struct taler_layout_row *deposit = taler_layout_row(p->deposit_layout);
        assert_int_equal(p->version, v);
        assert_int_equal(p->single_withdraw, v <= 16);
        assert_int_equal(p->single_deposit, v <= 16);
        assert_int_equal(p->wire_endpoint, v <= 16);
        assert_int_equal(p->wire_in_keys, v >= 16);
        assert_int_equal(p->confirm, within_17);
        assert_int_equal(p->keyset, within_17);
        assert_int_equal(p->history, within_17);
        assert_int_equal(p->merchant_sig, v >= 22);
        assert_int_equal(p->last_origin, v >= 23);
        assert_in_range(v, deposit->first_version, deposit->last_version);
        assert_int_equal(deposit->size, v <= 16 ? 392 : 456);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_read_strictly),
        cmocka_unit_test(the_newest_common_version_is_used),
        cmocka_unit_test(rows_say_what_changed_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
