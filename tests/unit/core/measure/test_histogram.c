/* Histograms against exact answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "core/measure/histogram.h"
#include "core/util/random.h"

#define VALUES 200000

static void seed(struct rng *r, const char *purpose)
{
    struct rng_source source = {.seed = 7, .scenario = "histogram", .purpose = purpose};
    rng_init(r, &source);
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* From nanoseconds to minutes, as latencies are: most small, a long tail. */
static int64_t some_duration(struct rng *r)
{
    return (int64_t)exp(rng_unit(r) * 25) + (int64_t)rng_below(r, 1000);
}

static void every_value_falls_into_its_bucket(void **state)
{
    struct rng r;
    seed(&r, "buckets");
    for (int i = 0; i < VALUES; i++) {
        int64_t v = i < 5000 ? i : (int64_t)rng_below(&r, HISTOGRAM_MAX_NS + 1);
        v >>= i < 5000 ? 0 : rng_below(&r, 41);
        int index = histogram_index(v);
        assert_in_range(index, 0, HISTOGRAM_COUNTS - 1);
        assert_true(histogram_lowest(index) <= v && v <= histogram_highest(index));
        assert_true(histogram_highest(index) - histogram_lowest(index) <= v / 1024);
    }
    for (int i = 0; i + 1 < HISTOGRAM_COUNTS; i++)
        assert_int_equal(histogram_highest(i) + 1, histogram_lowest(i + 1));
    assert_true(histogram_index(HISTOGRAM_MAX_NS) < HISTOGRAM_COUNTS);
}

static void percentiles_are_within_a_thousandth(void **state)
{
    static const double percents[] = {0, 1, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100};
    int64_t *values = malloc(VALUES * sizeof *values);
    struct histogram h;
    struct rng r;
    double sum = 0, squares = 0;
    seed(&r, "percentiles");
    histogram_init(&h, false);
    for (int i = 0; i < VALUES; i++) {
        values[i] = some_duration(&r);
        histogram_record(&h, values[i]);
        sum += (double)values[i];
    }
    qsort(values, VALUES, sizeof *values, ascending);
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        size_t rank = (size_t)ceil(percents[i] / 100 * VALUES);
        double exact = (double)values[rank ? rank - 1 : 0];
        double got = (double)histogram_percentile(&h, percents[i]);
        assert_true(fabs(got - exact) <= exact * 0.001);
    }
    for (int i = 0; i < VALUES; i++)
        squares += pow((double)values[i] - sum / VALUES, 2);
    assert_int_equal(h.count, VALUES);
    assert_int_equal(h.min_ns, values[0]);
    assert_int_equal(h.max_ns, values[VALUES - 1]);
    assert_int_equal(histogram_percentile(&h, 100), values[VALUES - 1]);
    assert_true(fabs(histogram_mean(&h) - sum / VALUES) < 1);
    double stddev = sqrt(squares / VALUES);
    assert_true(fabs(histogram_stddev(&h) - stddev) <= stddev * 0.001);
    histogram_free(&h);
    free(values);
}

static void percentiles_of_few_values_are_those_values(void **state)
{
    struct histogram h;
    histogram_init(&h, true);
    assert_int_equal(histogram_percentile(&h, 99), 0);
    for (int i = 1; i <= 10; i++)
        histogram_record(&h, i * 100);
    assert_int_equal(histogram_percentile(&h, 0), 100);
    assert_int_equal(histogram_percentile(&h, 10), 100);
    assert_int_equal(histogram_percentile(&h, 50), 500);
    assert_int_equal(histogram_percentile(&h, 51), 600);
    assert_int_equal(histogram_percentile(&h, 90), 900);
    assert_int_equal(histogram_percentile(&h, 99.9), 1000);
    histogram_free(&h);
}

static void assert_same(const struct histogram *a, const struct histogram *b)
{
    int i = -1, j = -1;
    uint64_t x = 0, y = 0;
    for (;;) {
        bool more = histogram_next(a, &i, &x);
        assert_int_equal(more, histogram_next(b, &j, &y));
        if (!more)
            break;
        assert_int_equal(i, j);
        assert_int_equal(x, y);
    }
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->sum_ns, b->sum_ns);
    assert_int_equal(a->min_ns, b->min_ns);
    assert_int_equal(a->max_ns, b->max_ns);
    assert_int_equal(a->clamped, b->clamped);
}

static void merged_parts_equal_the_whole(void **state)
{
    for (int wide = 0; wide < 2; wide++) {
        struct histogram whole, merged, parts[4];
        struct rng r;
        seed(&r, "merge");
        histogram_init(&whole, wide);
        histogram_init(&merged, wide);
        for (int p = 0; p < 4; p++)
            histogram_init(&parts[p], wide && p == 0);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 20000; i++) {
                int64_t v = some_duration(&r) - 5;
                histogram_record(&whole, v);
                histogram_record(&parts[rng_below(&r, 4)], v);
            }
            for (int p = 0; p < 4; p++) {
                if (p % 2) {
                    histogram_take(&merged, &parts[p]);
                } else {
                    histogram_merge(&merged, &parts[p]);
                    histogram_clear(&parts[p]);
                }
                assert_int_equal(parts[p].count, 0);
                int index = -1;
                uint64_t left;
                assert_false(histogram_next(&parts[p], &index, &left));
            }
        }
        assert_same(&whole, &merged);
        histogram_free(&whole);
        histogram_free(&merged);
        for (int p = 0; p < 4; p++)
            histogram_free(&parts[p]);
    }
}

static void values_out_of_range_are_clamped_and_counted(void **state)
{
    struct histogram h;
    histogram_init(&h, false);
    histogram_record(&h, -1);
    histogram_record(&h, INT64_MAX);
    histogram_record(&h, 0);
    assert_int_equal(h.count, 3);
    assert_int_equal(h.clamped, 2);
    assert_int_equal(h.min_ns, 0);
    assert_int_equal(h.max_ns, HISTOGRAM_MAX_NS);
    histogram_free(&h);
}

static void memory_is_what_was_touched_and_is_kept(void **state)
{
    struct histogram h;
    histogram_init(&h, false);
    size_t empty = histogram_bytes(&h);
    assert_in_range(empty, 1, 1024);
    for (int i = 0; i < 100000; i++)
        histogram_record(&h, 1000000 + i);
    size_t used = histogram_bytes(&h);
    assert_in_range(used, empty + 4096, empty + 3 * 4096);
    histogram_clear(&h);
    for (int i = 0; i < 100000; i++)
        histogram_record(&h, 1000000 + i);
    assert_int_equal(histogram_bytes(&h), used);
    histogram_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_falls_into_its_bucket),
        cmocka_unit_test(percentiles_are_within_a_thousandth),
        cmocka_unit_test(percentiles_of_few_values_are_those_values),
        cmocka_unit_test(merged_parts_equal_the_whole),
        cmocka_unit_test(values_out_of_range_are_clamped_and_counted),
        cmocka_unit_test(memory_is_what_was_touched_and_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
