/* Load models as pure functions of time: how many clients are meant to be active at t, and when
 * arrival k is meant to start. Times are nanoseconds from the scenario's start.
 *
 * Nothing here depends on lanes or segments: an arrival's time comes from (seed, scenario, k), and
 * arrival k belongs to partition k mod P.
 */
#ifndef SHOAL_CORE_LOAD_SCHEDULE_H
#define SHOAL_CORE_LOAD_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

/* A piecewise linear function: from `from` to `to` over the stage's duration; after the last stage
 * it keeps its last value. Values are clients (closed) or arrivals per second (open). */
struct curve_stage {
    int64_t duration_ns;
    double from, to;
};

#define CURVE_STAGES_MAX 64

struct curve {
    struct curve_stage stage[CURVE_STAGES_MAX];
    size_t count;
    double after; /* the value when all stages are over */
};

double curve_value(const struct curve *c, int64_t t_ns);

/* The earliest time >= t at which the value is above `level` (>= level on a rising stage);
 * CLOCK_NEVER when that never happens. */
int64_t curve_next_above(const struct curve *c, double level, int64_t t_ns);

/* The time by which the integral over seconds reaches `area`; CLOCK_NEVER when it never does. */
int64_t curve_time_of_area(const struct curve *c, double area);

/* The arrivals of one partition in order. */
struct arrivals {
    const struct curve *rate;
    const char *scenario;
    uint64_t seed;
    uint64_t partition, partitions;
    uint64_t limit; /* arrivals of the scenario in all; 0: none */
    int poisson;    /* 0: constant spacing */
    uint64_t next;  /* how many of this partition are behind */
    double area;    /* Poisson: position of the last one on the unit-rate axis */
};

/* The next arrival's time and its number k over all partitions; CLOCK_NEVER when there is none. */
int64_t arrivals_next(struct arrivals *a, uint64_t *k);

#endif
