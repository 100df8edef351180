/* Values that a plan draws at random: think times, amounts, how many payments, which merchant.
 *
 *   5, "30s", "EUR:5.01", "5.01"       always this value
 *   {"uniform": [a, b]}                between a and b, both included
 *   {"exponential": mean}
 *   {"normal": [mean, deviation]}
 *   {"zipf": {"n": 1000, "s": 1.1}}    1 to n, k with probability proportional to 1 / k^s
 *   {"choice": [[value, weight], ...]}
 *
 * What is drawn is cut to the option's range, and never below 0 unless the option allows it. An
 * amount is drawn in steps of the smallest digit written: {"uniform": ["EUR:1", "EUR:9"]} gives
 * whole EUR, "EUR:1.00" cents.
 */
#ifndef SHOAL_CORE_PLAN_DISTRIBUTION_H
#define SHOAL_CORE_PLAN_DISTRIBUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/util/random.h"

#define DISTRIBUTION_CURRENCY_MAX 12             /* with the NUL */
#define DISTRIBUTION_AMOUNT_BASE 100000000       /* an amount of 1 in units */
#define DISTRIBUTION_ZIPF_MAX (INT64_C(1) << 40) /* largest n */

enum distribution_base {
    DISTRIBUTION_NUMBER,
    DISTRIBUTION_INTEGER,
    DISTRIBUTION_DURATION, /* nanoseconds */
    DISTRIBUTION_AMOUNT,   /* units of 1e-8, below 2^53; the currency is beside them */
};

enum distribution_kind {
    DISTRIBUTION_FIXED,
    DISTRIBUTION_UNIFORM,
    DISTRIBUTION_EXPONENTIAL,
    DISTRIBUTION_NORMAL,
    DISTRIBUTION_ZIPF,
    DISTRIBUTION_CHOICE,
};

struct distribution_choice {
    double value;
    double until; /* of the weights, this one included: the sum up to here */
};

/* Checked; immutable; copied by value. All zero is "always 0". */
struct distribution {
    enum distribution_base base;
    enum distribution_kind kind;
    double a, b; /* fixed: a; uniform: a to b; exponential: mean a; normal: mean a, deviation b */
    double low, high; /* what is drawn is cut to this range where low < high */
    double step;      /* amounts: multiples of it; 0: 1 */
    struct {
        double n, s;
        double h_first, h_last, accept; /* see distribution_zipf */
    } zipf;
    const struct distribution_choice *choices; /* in the plan's memory */
    size_t choice_count;
    char currency[DISTRIBUTION_CURRENCY_MAX]; /* amounts: the one of all its values */
};

/* Always `value`. */
struct distribution distribution_fixed(enum distribution_base base, double value);

/* 1 to n. n from 1 to DISTRIBUTION_ZIPF_MAX, s > 0. */
struct distribution distribution_zipf(int64_t n, double s);

/* In the base's unit. */
double distribution_draw(const struct distribution *d, struct rng *rng);

/* For integers, durations (ns) and amounts (units of 1e-8): rounded, and not negative unless the
 * option's range is. */
int64_t distribution_draw_int(const struct distribution *d, struct rng *rng);

/* What the values average to, before they are cut to the range. */
double distribution_mean(const struct distribution *d);

#endif
