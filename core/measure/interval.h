/* What a lane measured between two publishes: written by the lane, then read by the reporter.
 *
 * A meter has two intervals. meter_publish hands over the one that was written and goes on with the
 * other; the reporter merges, clears and gives back with interval_release. Until then meter_publish
 * returns NULL and recording goes on, so nothing is lost when the reporter is slow.
 */
#ifndef SHOAL_CORE_MEASURE_INTERVAL_H
#define SHOAL_CORE_MEASURE_INTERVAL_H

#include <stdatomic.h>

#include "core/measure/failures.h"
#include "core/measure/histogram.h"
#include "core/measure/meter.h"

/* What an outcome's durations are filed under. */
#define SERIES_TIMES_LIST(X)                 \
    X(LATENCY, "latency_ms", "")             \
    X(FAILED, "failed_latency_ms", "failed") \
    X(DELAY, "start_delay_ms", "start-delay")

enum series_time {
#define SERIES_TIME_ENUM(id, key, tag) TIME_##id,
    SERIES_TIMES_LIST(SERIES_TIME_ENUM)
#undef SERIES_TIME_ENUM
        SERIES_TIMES
};

struct interval_series {
    uint64_t started, succeeded, failed, cancelled;
    uint64_t bytes_sent, bytes_received;
    int64_t in_flight;                     /* gauge, at the publish */
    struct histogram *times[SERIES_TIMES]; /* NULL: nothing recorded yet */
};

struct interval {
    struct interval_series *series;
    unsigned series_count;
    struct histogram phases[PHASES];
    struct histogram lag;
    uint64_t events[EVENTS];
    int64_t clocks_ns[METER_CLOCKS];
    struct meter_clients clients;
    struct meter_gauges gauges;
    struct failure_table failures;
    int64_t published_ns; /* clock_ns at the publish */
    int64_t cpu_ns;       /* of the lane's thread since its start */
    int tid;              /* the lane's thread */
    atomic_bool taken;    /* the reporter has it */
};

/* [reporter's thread] Empties the interval and gives it back to its meter. */
void interval_release(struct interval *interval);

#endif
