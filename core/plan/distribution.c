#include "core/plan/distribution.h"

#include <assert.h>
#include <math.h>

struct distribution distribution_fixed(enum distribution_base base, double value)
{
    return (struct distribution){.base = base, .kind = DISTRIBUTION_FIXED, .a = value};
}

/* Zipf by rejection-inversion (Hörmann, Derflinger 1996): invert the integral of the hat
 * h(x) = x^-s, round, accept nearly always. Constant time for any n. The two quotients below are
 * what makes s near 1 as exact as any other. */
static double expm1_over(double t)
{
    return fabs(t) > 1e-8 ? expm1(t) / t : 1 + t / 2 * (1 + t / 3);
}

static double log1p_over(double t)
{
    return fabs(t) > 1e-8 ? log1p(t) / t : 1 - t / 2 * (1 - t * 2 / 3);
}

static double hat(double x, double s)
{
    return exp(-s * log(x));
}

/* The integral of the hat from 1 to x. */
static double hat_integral(double x, double s)
{
    double log_x = log(x);
    return expm1_over((1 - s) * log_x) * log_x;
}

static double hat_integral_inverse(double area, double s)
{
    double t = area * (1 - s);
    if (t < -1)
        t = -1; /* only by rounding */
    return exp(log1p_over(t) * area);
}

struct distribution distribution_zipf(int64_t n, double s)
{
    struct distribution d = {.base = DISTRIBUTION_INTEGER, .kind = DISTRIBUTION_ZIPF};
    assert(n >= 1 && n <= DISTRIBUTION_ZIPF_MAX);
    assert(s > 0);
    d.zipf.n = (double)n;
    d.zipf.s = s;
    d.zipf.h_first = hat_integral(1.5, s) - 1;
    d.zipf.h_last = hat_integral((double)n + 0.5, s);
    d.zipf.accept = 2 - hat_integral_inverse(hat_integral(2.5, s) - hat(2, s), s);
    return d;
}

static double draw_zipf(const struct distribution *d, struct rng *rng)
{
    double s = d->zipf.s;
    for (;;) {
        double area = d->zipf.h_last + rng_unit(rng) * (d->zipf.h_first - d->zipf.h_last);
        double x = hat_integral_inverse(area, s);
        double k = floor(x + 0.5);
        k = k < 1 ? 1 : k > d->zipf.n ? d->zipf.n : k;
        if (k - x <= d->zipf.accept || area >= hat_integral(k + 0.5, s) - hat(k, s))
            return k;
    }
}

/* Box and Muller; the second value of the pair is not kept, so a draw depends on nothing before. */
static double draw_normal(struct rng *rng)
{
    double u = 1 - rng_unit(rng), v = rng_unit(rng);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static bool is_stepped(const struct distribution *d)
{
    return d->base == DISTRIBUTION_INTEGER || d->base == DISTRIBUTION_AMOUNT;
}

static double step_of(const struct distribution *d)
{
    return d->step > 0 ? d->step : 1;
}

static double draw_uniform(const struct distribution *d, struct rng *rng)
{
    if (!is_stepped(d))
        return d->a + (d->b - d->a) * rng_unit(rng);
    double steps = floor((d->b - d->a) / step_of(d));
    return d->a + step_of(d) * (double)rng_below(rng, (uint64_t)steps + 1);
}

static double draw_choice(const struct distribution *d, struct rng *rng)
{
    double at = rng_unit(rng) * d->choices[d->choice_count - 1].until;
    size_t low = 0, high = d->choice_count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at < d->choices[middle].until)
            high = middle;
        else
            low = middle + 1;
    }
    return d->choices[low].value;
}

static double draw_raw(const struct distribution *d, struct rng *rng)
{
    switch (d->kind) {
    case DISTRIBUTION_FIXED:
        return d->a;
    case DISTRIBUTION_UNIFORM:
        return draw_uniform(d, rng);
    case DISTRIBUTION_EXPONENTIAL:
        return rng_exponential(rng, d->a);
    case DISTRIBUTION_NORMAL:
        return d->a + d->b * draw_normal(rng);
    case DISTRIBUTION_ZIPF:
        return draw_zipf(d, rng);
    case DISTRIBUTION_CHOICE:
        return draw_choice(d, rng);
    }
    return 0;
}

double distribution_draw(const struct distribution *d, struct rng *rng)
{
    double v = draw_raw(d, rng);
    if (is_stepped(d) && (d->kind == DISTRIBUTION_EXPONENTIAL || d->kind == DISTRIBUTION_NORMAL))
        v = round(v / step_of(d)) * step_of(d);
    if (d->low < d->high)
        v = v < d->low ? d->low : v > d->high ? d->high : v;
    return v;
}

#define INTEGER_MAX 0x1p62 /* far beyond what any option allows, and safe to convert */

int64_t distribution_draw_int(const struct distribution *d, struct rng *rng)
{
    double v = round(distribution_draw(d, rng));
    double lowest = d->low < d->high && d->low < 0 ? -INTEGER_MAX : 0;
    return (int64_t)(v < lowest ? lowest : v > INTEGER_MAX ? INTEGER_MAX : v);
}

#define ZIPF_SUMMED 10000 /* terms that are added one by one; behind them the integral is exact */

static double zipf_sum(double n, double s)
{
    double sum = 0;
    for (double k = 1; k <= n && k <= ZIPF_SUMMED; k++)
        sum += hat(k, s);
    if (n > ZIPF_SUMMED)
        sum += hat_integral(n + 0.5, s) - hat_integral(ZIPF_SUMMED + 0.5, s);
    return sum;
}

static double choice_mean(const struct distribution *d)
{
    double sum = 0, before = 0;
    for (size_t i = 0; i < d->choice_count; i++) {
        sum += d->choices[i].value * (d->choices[i].until - before);
        before = d->choices[i].until;
    }
    return sum / before;
}

double distribution_mean(const struct distribution *d)
{
    switch (d->kind) {
    case DISTRIBUTION_UNIFORM:
        return d->a + (d->b - d->a) / 2;
    case DISTRIBUTION_ZIPF:
        return zipf_sum(d->zipf.n, d->zipf.s - 1) / zipf_sum(d->zipf.n, d->zipf.s);
    case DISTRIBUTION_CHOICE:
        return choice_mean(d);
    default:
        return d->a;
    }
}
