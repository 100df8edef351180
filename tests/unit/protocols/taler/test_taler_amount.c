#include "tests/unit/protocols/taler/vectors.h"

#include "protocols/taler/timestamp.h"

static void nbo_matches_the_vectors(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *item;
    int seen = 0;
    cJSON_ArrayForEach(item, json_array(vector(root, V09, "amount_nbo"), "cases"))
    {
        uint8_t want[TALER_AMOUNT_NBO_SIZE], got[TALER_AMOUNT_NBO_SIZE];
        struct taler_amount a = vector_amount(item, "amount"), back;
        char text[TALER_AMOUNT_TEXT_MAX];
        vector_bytes(item, "nbo", want, sizeof(want));
        taler_amount_to_nbo(&a, got);
        assert_memory_equal(got, want, sizeof(got));
        assert_int_equal(taler_amount_from_nbo(&back, got), 0);
        assert_int_equal(taler_amount_cmp(&a, &back), 0);
        assert_string_equal(taler_amount_format(&back, text), vector_text(item, "amount"));
        seen++;
    }
    assert_int_equal(seen, 5);
    cJSON_Delete(root);
}

static void text_forms(void **state)
{
    static const struct {
        const char *in, *out;
        int error;
    } cases[] = {
        {"EUR:5.01", "EUR:5.01", 0},
        {"EUR:0", "EUR:0", 0},
        {"EUR:5.10000000", "EUR:5.1", 0},
        {"EUR:007", "EUR:7", 0},
        {"ABCDEFGHIJK:0.00000001", "ABCDEFGHIJK:0.00000001", 0},
        {"EUR:4503599627370496.99999999", "EUR:4503599627370496.99999999", 0},
        {"EUR:4503599627370497", NULL, SHOAL_E_LIMIT},
        {"EUR:99999999999999999999999999", NULL, SHOAL_E_LIMIT},
        {"EUR:0.123456789", NULL, SHOAL_E_BAD_INPUT},
        {"EUR:5.", NULL, SHOAL_E_BAD_INPUT},
        {"EUR:.5", NULL, SHOAL_E_BAD_INPUT},
        {"EUR:-1", NULL, SHOAL_E_BAD_INPUT},
        {"EUR:", NULL, SHOAL_E_BAD_INPUT},
        {"EUR", NULL, SHOAL_E_BAD_INPUT},
        {":1", NULL, SHOAL_E_BAD_INPUT},
        {"", NULL, SHOAL_E_BAD_INPUT},
        {"eur:1", NULL, SHOAL_E_BAD_INPUT},
        {"EUR :1", NULL, SHOAL_E_BAD_INPUT},
        {"EUR:1 ", NULL, SHOAL_E_BAD_INPUT},
        {"EUR:1e3", NULL, SHOAL_E_BAD_INPUT},
        {"EUR:1,5", NULL, SHOAL_E_BAD_INPUT},
        {"ABCDEFGHIJKL:1", NULL, SHOAL_E_BAD_INPUT},
        {NULL, NULL, SHOAL_E_BAD_INPUT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct taler_amount a;
        char text[TALER_AMOUNT_TEXT_MAX];
        assert_int_equal(taler_amount_parse(&a, cases[i].in), cases[i].error);
        if (cases[i].out)
            assert_string_equal(taler_amount_format(&a, text), cases[i].out);
    }
}

static void check_sum(const char *a_text, const char *b_text, const char *sum)
{
    struct taler_amount a = amount(a_text), b = amount(b_text), s, back;
    char text[TALER_AMOUNT_TEXT_MAX];
    assert_int_equal(taler_amount_add(&s, &a, &b), 0);
    assert_string_equal(taler_amount_format(&s, text), sum);
    assert_int_equal(taler_amount_sub(&back, &s, &b), 0);
    assert_int_equal(taler_amount_cmp(&back, &a), 0);
}

static void sums_and_differences_are_exact(void **state)
{
    check_sum("EUR:0.99999999", "EUR:0.00000001", "EUR:1");
    check_sum("EUR:5", "EUR:0.01", "EUR:5.01");
    check_sum("EUR:1.5", "EUR:2.7", "EUR:4.2");
    check_sum("EUR:4503599627370495.5", "EUR:1.49999999", "EUR:4503599627370496.99999999");
    struct taler_amount a = amount("EUR:1"), b = amount("EUR:1.00000001"), c = amount("USD:1"), out;
    struct taler_amount top = amount("EUR:4503599627370496.99999999"),
                        bit = amount("EUR:0.00000001");
    assert_int_equal(taler_amount_sub(&out, &a, &b), SHOAL_E_LIMIT);
    assert_int_equal(taler_amount_sub(&out, &a, &c), SHOAL_E_BAD_INPUT);
    assert_int_equal(taler_amount_add(&out, &a, &c), SHOAL_E_BAD_INPUT);
    assert_int_equal(taler_amount_add(&out, &top, &bit), SHOAL_E_LIMIT);
    assert_int_equal(taler_amount_add(&out, &top, &top), SHOAL_E_LIMIT);
    assert_int_equal(taler_amount_sub(&a, &a, &a), 0);
    assert_true(taler_amount_is_zero(&a));
}

static void products_and_units(void **state)
{
    struct taler_amount a = amount("EUR:0.33333333"), top = amount("EUR:4503599627370496"), out;
    char text[TALER_AMOUNT_TEXT_MAX];
    uint64_t units;
    assert_int_equal(taler_amount_multiply(&out, &a, 3), 0);
    assert_string_equal(taler_amount_format(&out, text), "EUR:0.99999999");
    assert_int_equal(taler_amount_multiply(&out, &a, UINT32_MAX), 0);
    assert_string_equal(taler_amount_format(&out, text), "EUR:1431655750.68344235");
    assert_int_equal(taler_amount_multiply(&out, &a, 0), 0);
    assert_true(taler_amount_is_zero(&out));
    assert_int_equal(taler_amount_multiply(&out, &top, 2), SHOAL_E_LIMIT);
    assert_int_equal(taler_amount_multiply(&out, &top, UINT32_MAX), SHOAL_E_LIMIT);
    assert_int_equal(taler_amount_from_units(&out, "EUR", 501000000), 0);
    assert_string_equal(taler_amount_format(&out, text), "EUR:5.01");
    assert_int_equal(taler_amount_to_units(&out, &units), 0);
    assert_int_equal(units, 501000000);
    assert_int_equal(taler_amount_to_units(&top, &units), SHOAL_E_LIMIT);
    assert_int_equal(taler_amount_from_units(&out, "eur", 1), SHOAL_E_BAD_INPUT);
    assert_int_equal(taler_amount_zero(&out, "EUR:"), SHOAL_E_BAD_INPUT);
}

static void wrong_nbo_is_refused(void **state)
{
    struct taler_amount a = amount("EUR:5.01"), out;
    uint8_t good[TALER_AMOUNT_NBO_SIZE], bad[TALER_AMOUNT_NBO_SIZE];
    taler_amount_to_nbo(&a, good);
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 1}, {8, 0xff}, {12, 'e'}, {12, 0}, {20, 'X'}, {23, 1}};
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        memcpy(bad, good, sizeof(bad));
        bad[changes[i].at] = changes[i].value;
        assert_int_not_equal(taler_amount_from_nbo(&out, bad), 0);
    }
    memset(bad + 12, 'A', 12);
    assert_int_not_equal(taler_amount_from_nbo(&out, bad), 0);
}

static void times_match_the_vectors(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *v = vector(root, V09, "timestamp_nbo");
    uint8_t want[TALER_TIME_NBO_SIZE], got[TALER_TIME_NBO_SIZE];
    uint64_t t_s;
    vector_bytes(v, "nbo", want, sizeof(want));
    taler_time_to_nbo(vector_int(v, "t_s"), got);
    assert_memory_equal(got, want, sizeof(got));
    assert_int_equal(taler_time_from_nbo(&t_s, got), 0);
    assert_int_equal(t_s, vector_int(v, "t_s"));
    vector_bytes(v, "nbo_never", want, sizeof(want));
    taler_time_to_nbo(TALER_NEVER_S, got);
    assert_memory_equal(got, want, sizeof(got));
    assert_int_equal(taler_time_from_nbo(&t_s, got), 0);
    assert_true(t_s == TALER_NEVER_S);
    got[7] = 0x01;
    assert_int_equal(taler_time_from_nbo(&t_s, got), SHOAL_E_BAD_INPUT);
    cJSON_Delete(root);
}

static void times_do_not_overflow(void **state)
{
    assert_int_equal(taler_time_after(100, 2500000), 102);
    assert_true(taler_time_after(TALER_NEVER_S, 1) == TALER_NEVER_S);
    assert_true(taler_time_after(1, TALER_FOREVER_US) == TALER_NEVER_S);
    assert_true(taler_time_after(TALER_TIME_MAX_S, 1000000) == TALER_NEVER_S);
    uint8_t nbo[TALER_TIME_NBO_SIZE];
    taler_time_to_nbo(TALER_TIME_MAX_S + 1, nbo);
    assert_true(get_u64be(nbo) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nbo_matches_the_vectors),        cmocka_unit_test(text_forms),
        cmocka_unit_test(sums_and_differences_are_exact), cmocka_unit_test(products_and_units),
        cmocka_unit_test(wrong_nbo_is_refused),           cmocka_unit_test(times_match_the_vectors),
        cmocka_unit_test(times_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
