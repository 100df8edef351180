#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/load/schedule.h"
#include "core/util/clock.h"

static const struct curve ramp = {
    .stage = {{10 * NS_PER_S, 0, 100}, {20 * NS_PER_S, 100, 100}, {10 * NS_PER_S, 100, 50}},
    .count = 3,
    .after = 50,
};

static void curve_has_its_values(void **state)
{
    (void)state;
    assert_float_equal(curve_value(&ramp, 0), 0, 1e-9);
    assert_float_equal(curve_value(&ramp, 5 * NS_PER_S), 50, 1e-9);
    assert_float_equal(curve_value(&ramp, 15 * NS_PER_S), 100, 1e-9);
    assert_float_equal(curve_value(&ramp, 35 * NS_PER_S), 75, 1e-9);
    assert_float_equal(curve_value(&ramp, 100 * NS_PER_S), 50, 1e-9);
}

static void clients_come_and_go_with_the_curve(void **state)
{
    (void)state;
    /* Client 30 is active while the curve is above 30; client 70 leaves in the last stage. */
    assert_int_equal(curve_next_above(&ramp, 30, 0), 3 * NS_PER_S);
    assert_int_equal(curve_next_above(&ramp, 30, 7 * NS_PER_S), 7 * NS_PER_S);
    assert_int_equal(curve_next_above(&ramp, 70, 35 * NS_PER_S), 35 * NS_PER_S);
    assert_true(curve_next_above(&ramp, 70, 37 * NS_PER_S) == CLOCK_NEVER);
    assert_true(curve_next_above(&ramp, 100, 0) == CLOCK_NEVER);
    assert_int_equal(curve_next_above(&ramp, 30, 90 * NS_PER_S), 90 * NS_PER_S);
}

static void area_is_the_inverse_of_counting(void **state)
{
    (void)state;
    for (double area = 0; area < 3600; area += 37.5) {
        int64_t t = curve_time_of_area(&ramp, area);
        /* The integral of the curve up to t, by hand. */
        double s = (double)t / 1e9, sum;
        if (s <= 10)
            sum = 5 * s * s;
        else if (s <= 30)
            sum = 500 + 100 * (s - 10);
        else if (s <= 40)
            sum = 2500 + 100 * (s - 30) - 2.5 * (s - 30) * (s - 30);
        else
            sum = 3250 + 50 * (s - 40);
        assert_float_equal(sum, area, 1e-3);
    }
    struct curve ends = {.stage = {{NS_PER_S, 10, 10}}, .count = 1, .after = 0};
    assert_true(curve_time_of_area(&ends, 11) == CLOCK_NEVER);
}

static const struct curve fifty = {.after = 50};

static struct arrivals partition(uint64_t p, uint64_t of, int poisson)
{
    return (struct arrivals){.rate = &fifty,
                             .scenario = "s",
                             .seed = 7,
                             .partition = p,
                             .partitions = of,
                             .poisson = poisson};
}

static void constant_arrivals_interleave_over_partitions(void **state)
{
    uint64_t k;

    (void)state;
    for (uint64_t p = 0; p < 4; p++) {
        struct arrivals a = partition(p, 4, 0);
        for (uint64_t i = 0; i < 100; i++) {
            int64_t t = arrivals_next(&a, &k);
            assert_int_equal(k, p + 4 * i);
            assert_true(llabs(t - (int64_t)k * NS_PER_S / 50) < 10);
        }
    }
}

static void poisson_arrivals_have_the_rate_and_the_spread(void **state)
{
    uint64_t k, n = 0;
    double sum = 0, squares = 0;

    (void)state;
    for (uint64_t p = 0; p < 8; p++) {
        struct arrivals a = partition(p, 8, 1);
        int64_t before = 0, t;
        while ((t = arrivals_next(&a, &k)) < 1000 * NS_PER_S) {
            double gap = (double)(t - before) / 1e9;
            sum += gap;
            squares += gap * gap;
            before = t;
            n++;
        }
    }
    /* 50/s for 1,000 s: 50,000 give or take 4 standard deviations. */
    assert_true(fabs((double)n - 50000) < 4 * sqrt(50000));
    double mean = sum / (double)n, deviation = sqrt(squares / (double)n - mean * mean);
    assert_float_equal(mean, 8.0 / 50, 0.005);
    assert_float_equal(deviation / mean, 1.0, 0.03); /* exponential gaps */
}

static void arrivals_depend_on_seed_and_nothing_else(void **state)
{
    struct arrivals a = partition(1, 8, 1), b = partition(1, 8, 1), c = partition(1, 8, 1);
    uint64_t k;
    int same = 0;

    (void)state;
    c.seed = 8;
    for (int i = 0; i < 50; i++) {
        int64_t t = arrivals_next(&a, &k);
        assert_int_equal(t, arrivals_next(&b, &k));
        same += t == arrivals_next(&c, &k);
    }
    assert_int_equal(same, 0);
}

static void a_limit_ends_all_partitions_together(void **state)
{
    uint64_t k, n = 0;

    (void)state;
    for (uint64_t p = 0; p < 8; p++) {
        struct arrivals a = partition(p, 8, 0);
        a.limit = 1003;
        while (arrivals_next(&a, &k) != CLOCK_NEVER) {
            assert_true(k < 1003);
            n++;
        }
    }
    assert_int_equal(n, 1003);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve_has_its_values),
        cmocka_unit_test(clients_come_and_go_with_the_curve),
        cmocka_unit_test(area_is_the_inverse_of_counting),
        cmocka_unit_test(constant_arrivals_interleave_over_partitions),
        cmocka_unit_test(poisson_arrivals_have_the_rate_and_the_spread),
        cmocka_unit_test(arrivals_depend_on_seed_and_nothing_else),
        cmocka_unit_test(a_limit_ends_all_partitions_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
