#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/util/clock.h"
#include "core/util/error.h"

static void durations_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0s", 0},
        {"30s", 30 * NS_PER_S},
        {"1500ms", 1500 * NS_PER_MS},
        {"1.5s", 1500 * NS_PER_MS},
        {"2m30s", 150 * NS_PER_S},
        {"1h", 3600 * NS_PER_S},
        {"1d2h3m4s5ms6us7ns", INT64_C(93784005006007)},
        {"250us", 250 * NS_PER_US},
        {"0.000000001s", 1},
        {"106751d", INT64_C(106751) * 24 * 3600 * NS_PER_S},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ns = -1;
        assert_int_equal(duration_parse(good[i].text, &ns), SHOAL_OK);
        assert_int_equal(ns, good[i].ns);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    static const char *const bad[] = {
        "",    "5",    "s",           "-1s",        "+1s",     "1 s",
        " 1s", "1s ",  "1S",          "1sec",       "1s2m",    "1s1s",
        "1.s", ".5s",  "1.2.3s",      "1e3s",       "106752d", "9999999999999999999s",
        "1h,", "1s0.", "106751d999h", "1\xc2\xb5s",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ns = 77;
        assert_int_equal(duration_parse(bad[i], &ns), SHOAL_E_BAD_INPUT);
        assert_int_equal(ns, 77);
    }
}

static void durations_are_written_short_and_read_back(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {1, "1ns"},
        {1500, "1.5us"},
        {1500 * NS_PER_MS, "1.5s"},
        {NS_PER_MS, "1ms"},
        {90 * NS_PER_S, "90s"},
        {3600 * NS_PER_S, "1h"},
        {86400 * NS_PER_S, "1d"},
        {1234567891, "1.234567891s"},
    };
    char text[DURATION_TEXT_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(duration_format(rows[i].ns, text), rows[i].text);
    assert_string_equal(duration_format(-1500 * NS_PER_MS, text), "-1.5s");
    for (int64_t ns = 1; ns > 0 && ns < INT64_MAX / 3; ns = ns * 3 + 1) {
        int64_t back;
        assert_int_equal(duration_parse(duration_format(ns, text), &back), SHOAL_OK);
        assert_int_equal(back, ns);
    }
    int64_t back;
    assert_int_equal(duration_parse(duration_format(INT64_MAX, text), &back), SHOAL_OK);
    assert_int_equal(back, INT64_MAX);
}

static void deadlines_saturate(void **state)
{
    assert_int_equal(clock_after(5, 7), 12);
    assert_int_equal(clock_after(5, CLOCK_NEVER), CLOCK_NEVER);
    assert_int_equal(clock_after(CLOCK_NEVER, NS_PER_S), CLOCK_NEVER);
}

static void clocks_move_forward(void **state)
{
    int64_t cpu = clock_thread_cpu_ns(), from = clock_ns();
    while (clock_ns() < from + NS_PER_MS)
        ;
    assert_true(clock_thread_cpu_ns() > cpu);
    assert_true(clock_wall_us() > INT64_C(1600000000) * 1000000);
}

static void utc_is_written(void **state)
{
    char text[UTC_TEXT_MAX];
    assert_string_equal(utc_format(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(utc_format(INT64_C(1795207895123999), text), "2026-11-20T20:51:35.123Z");
    assert_string_equal(utc_format(-1, text), "1969-12-31T23:59:59.999Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_parse),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_are_written_short_and_read_back),
        cmocka_unit_test(deadlines_saturate),
        cmocka_unit_test(clocks_move_forward),
        cmocka_unit_test(utc_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
