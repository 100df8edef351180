#include "core/load/schedule.h"

#include <math.h>

#include "core/util/clock.h"
#include "core/util/random.h"

static double seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

double curve_value(const struct curve *c, int64_t t_ns)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct curve_stage *s = &c->stage[i];
        if (t_ns < s->duration_ns)
            return s->from + (s->to - s->from) * ((double)t_ns / (double)s->duration_ns);
        t_ns -= s->duration_ns;
    }
    return c->after;
}

int64_t curve_next_above(const struct curve *c, double level, int64_t t_ns)
{
    int64_t start = 0;

    for (size_t i = 0; i < c->count; i++) {
        const struct curve_stage *s = &c->stage[i];
        int64_t end = start + s->duration_ns;
        if (t_ns < end) {
            int64_t from = t_ns > start ? t_ns : start;
            if (curve_value(c, from) > level)
                return from;
            if (s->to > level && s->to > s->from) {
                double part = (level - s->from) / (s->to - s->from);
                int64_t at = start + (int64_t)ceil(part * (double)s->duration_ns);
                return at > from ? at : from;
            }
        }
        start = end;
    }
    if (c->after > level)
        return t_ns > start ? t_ns : start;
    return CLOCK_NEVER;
}

/* Within one stage of slope (to - from) / d: solves from*x + slope*x*x/2 = area for x seconds. */
static double stage_time(const struct curve_stage *s, double area)
{
    double slope = (s->to - s->from) / seconds(s->duration_ns);

    if (fabs(slope) < 1e-12)
        return area / s->from;
    double root = sqrt(fmax(0.0, s->from * s->from + 2.0 * slope * area));
    return (root - s->from) / slope;
}

int64_t curve_time_of_area(const struct curve *c, double area)
{
    int64_t start = 0;

    for (size_t i = 0; i < c->count; i++) {
        const struct curve_stage *s = &c->stage[i];
        double whole = (s->from + s->to) / 2.0 * seconds(s->duration_ns);
        if (area < whole)
            return start + (int64_t)(stage_time(s, area) * (double)NS_PER_S);
        area -= whole;
        start += s->duration_ns;
    }
    if (c->after <= 0)
        return CLOCK_NEVER;
    double rest = area / c->after * (double)NS_PER_S;
    return rest < 9e18 - (double)start ? start + (int64_t)rest : CLOCK_NEVER;
}

int64_t arrivals_next(struct arrivals *a, uint64_t *k)
{
    uint64_t number = a->partition + a->partitions * a->next;
    double area = (double)number;

    if (a->limit && number >= a->limit)
        return CLOCK_NEVER;
    if (a->poisson) {
        struct rng r;
        rng_init(&r, &(struct rng_source){.seed = a->seed,
                                          .scenario = a->scenario,
                                          .purpose = "arrival",
                                          .client = number});
        a->area += rng_exponential(&r, (double)a->partitions);
        area = a->area;
    }
    a->next++;
    *k = number;
    return curve_time_of_area(a->rate, area);
}
