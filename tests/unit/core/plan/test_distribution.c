#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "core/plan/distribution.h"

static struct rng seeded(uint64_t seed)
{
    struct rng r;
    rng_init(&r, &(struct rng_source){seed, "test", "draw", 0, 0});
    return r;
}

static double mean_of(const struct distribution *d, int count)
{
    struct rng r = seeded(1);
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += distribution_draw(d, &r);
    return sum / count;
}

static void fixed_is_fixed(void **state)
{
    struct distribution d = distribution_fixed(DISTRIBUTION_DURATION, 5e9), zero = {0};
    struct rng r = seeded(1);
    for (int i = 0; i < 10; i++) {
        assert_true(distribution_draw(&d, &r) == 5e9);
        assert_int_equal(distribution_draw_int(&d, &r), 5000000000);
        assert_int_equal(distribution_draw_int(&zero, &r), 0);
    }
}

static void uniform_integers_reach_both_ends_evenly(void **state)
{
    struct distribution d = {
        .base = DISTRIBUTION_INTEGER, .kind = DISTRIBUTION_UNIFORM, .a = 3, .b = 7};
    struct rng r = seeded(2);
    int counts[10] = {0};
    for (int i = 0; i < 50000; i++) {
        int64_t v = distribution_draw_int(&d, &r);
        assert_in_range(v, 3, 7);
        counts[v]++;
    }
    for (int v = 3; v <= 7; v++)
        assert_in_range(counts[v], 9600, 10400);
}

static void amounts_come_in_steps(void **state)
{
    struct distribution d = {.base = DISTRIBUTION_AMOUNT,
                             .kind = DISTRIBUTION_UNIFORM,
                             .a = 1.5e8,
                             .b = 3e8,
                             .step = 1e7};
    struct rng r = seeded(3);
    bool ends[2] = {false, false};
    for (int i = 0; i < 2000; i++) {
        int64_t units = distribution_draw_int(&d, &r);
        assert_int_equal(units % 10000000, 0);
        assert_in_range(units, 150000000, 300000000);
        ends[0] = ends[0] || units == 150000000;
        ends[1] = ends[1] || units == 300000000;
    }
    assert_true(ends[0] && ends[1]);
    d.kind = DISTRIBUTION_EXPONENTIAL;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(distribution_draw_int(&d, &r) % 10000000, 0);
}

static void means_are_what_they_say(void **state)
{
    struct distribution_choice choices[] = {{1, 1}, {10, 4}, {100, 5}};
    struct distribution all[] = {
        {.kind = DISTRIBUTION_UNIFORM, .a = 2, .b = 4},
        {.kind = DISTRIBUTION_EXPONENTIAL, .a = 7},
        {.kind = DISTRIBUTION_NORMAL, .a = 50, .b = 10},
        {.kind = DISTRIBUTION_CHOICE, .choices = choices, .choice_count = 3},
        distribution_zipf(100, 1.1),
        distribution_zipf(1000000, 0.8),
    };
    assert_true(fabs(distribution_mean(&all[3]) - (1 + 30 + 100) / 5.0) < 1e-9);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        double want = distribution_mean(&all[i]), got = mean_of(&all[i], 400000);
        assert_true(fabs(got - want) < 0.02 * want);
    }
}

static void normal_has_its_deviation(void **state)
{
    struct distribution d = {.kind = DISTRIBUTION_NORMAL, .a = 50, .b = 10};
    struct rng r = seeded(4);
    double sum = 0;
    int within = 0;
    for (int i = 0; i < 100000; i++) {
        double off = distribution_draw(&d, &r) - 50;
        sum += off * off;
        within += fabs(off) < 10;
    }
    assert_true(fabs(sqrt(sum / 100000) - 10) < 0.15);
    assert_in_range(within, 67600, 68900); /* 68.27 % */
}

/* Pearson's chi-squared over the first ranks and the rest, against exact probabilities. */
static void check_zipf(int64_t n, double s)
{
    enum { RANKS = 20, DRAWS = 400000 };
    struct distribution d = distribution_zipf(n, s);
    struct rng r = seeded(5);
    double total = 0, chi = 0, rest = DRAWS;
    int counts[RANKS + 1] = {0}, others = 0;
    for (int64_t k = 1; k <= n; k++)
        total += pow((double)k, -s);
    for (int i = 0; i < DRAWS; i++) {
        int64_t k = distribution_draw_int(&d, &r);
        assert_true(k >= 1 && k <= n);
        if (k <= RANKS)
            counts[k]++;
        else
            others++;
    }
    int ranks = n < RANKS ? (int)n : RANKS;
    for (int k = 1; k <= ranks; k++) {
        double want = DRAWS * pow(k, -s) / total;
        chi += (counts[k] - want) * (counts[k] - want) / want;
        rest -= want;
    }
    if (n > RANKS)
        chi += (others - rest) * (others - rest) / rest;
    /* 20 degrees of freedom: 45.3 is exceeded once in a thousand; the seed is fixed. */
    assert_true(chi < 45.3);
}

static void zipf_is_exact(void **state)
{
    check_zipf(10, 1.0);
    check_zipf(100, 1.1);
    check_zipf(1000, 0.5);
    check_zipf(1000000, 1.1);
    check_zipf(1000000, 1.0);
    check_zipf(1000000, 0.2);
    check_zipf(1000, 3.0);
    struct distribution one = distribution_zipf(1, 1.2);
    struct rng r = seeded(6);
    for (int i = 0; i < 100; i++)
        assert_int_equal(distribution_draw_int(&one, &r), 1);
    struct distribution wide = distribution_zipf(DISTRIBUTION_ZIPF_MAX, 20);
    for (int i = 0; i < 100; i++)
        assert_in_range(distribution_draw_int(&wide, &r), 1, 4);
}

static void choices_follow_their_weights(void **state)
{
    struct distribution_choice choices[] = {{5, 1}, {6, 1.5}, {7, 10}};
    struct distribution d = {.base = DISTRIBUTION_INTEGER,
                             .kind = DISTRIBUTION_CHOICE,
                             .choices = choices,
                             .choice_count = 3};
    struct rng r = seeded(7);
    int counts[8] = {0};
    for (int i = 0; i < 100000; i++)
        counts[distribution_draw_int(&d, &r)]++;
    assert_in_range(counts[5], 9700, 10300);
    assert_in_range(counts[6], 4750, 5250);
    assert_int_equal(counts[5] + counts[6] + counts[7], 100000);
}

static void draws_are_cut_to_the_range(void **state)
{
    struct distribution d = {
        .base = DISTRIBUTION_DURATION, .kind = DISTRIBUTION_NORMAL, .a = 10, .b = 100};
    struct rng r = seeded(8);
    for (int i = 0; i < 1000; i++)
        assert_true(distribution_draw_int(&d, &r) >= 0);
    d.low = 5;
    d.high = 20;
    bool low = false, high = false;
    for (int i = 0; i < 1000; i++) {
        double v = distribution_draw(&d, &r);
        assert_true(v >= 5 && v <= 20);
        low = low || v == 5;
        high = high || v == 20;
    }
    assert_true(low && high);
    d = (struct distribution){.base = DISTRIBUTION_NUMBER,
                              .kind = DISTRIBUTION_UNIFORM,
                              .a = -9,
                              .b = -3,
                              .low = -10,
                              .high = INFINITY};
    assert_true(distribution_draw_int(&d, &r) < 0);
}

static void draws_repeat(void **state)
{
    struct distribution d = distribution_zipf(1000, 1.1);
    struct rng a = seeded(9), b = seeded(9);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(distribution_draw_int(&d, &a), distribution_draw_int(&d, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_is_fixed),
        cmocka_unit_test(uniform_integers_reach_both_ends_evenly),
        cmocka_unit_test(amounts_come_in_steps),
        cmocka_unit_test(means_are_what_they_say),
        cmocka_unit_test(normal_has_its_deviation),
        cmocka_unit_test(zipf_is_exact),
        cmocka_unit_test(choices_follow_their_weights),
        cmocka_unit_test(draws_are_cut_to_the_range),
        cmocka_unit_test(draws_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
