/* The result of a run in memory: what summary.json and the end table show.
 *
 * Built by the reporter from its totals (or from a folder's files). Durations are milliseconds; a
 * statistic of nothing is NAN, which is null in JSON and "-" in the table.
 */
#ifndef SHOAL_CORE_REPORT_SUMMARY_H
#define SHOAL_CORE_REPORT_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/measure/failures.h"
#include "core/measure/health.h"
#include "core/measure/histogram.h"
#include "core/measure/interval.h"
#include "core/util/bytes.h"
#include "core/util/random.h"

struct summary_times {
    uint64_t count, clamped;
    double min, mean, stddev, p50, p90, p95, p99, p999, max;
};

struct summary_counts {
    uint64_t started, succeeded, failed, cancelled;
    int64_t in_flight;
    double per_second; /* succeeded */
    uint64_t bytes_sent, bytes_received;
    struct summary_times times[SERIES_TIMES];
};

struct summary_row {
    struct series series;
    bool used; /* anything started: others are left out of the table, requests of the JSON too */
    struct summary_counts whole, steady;
};

struct summary_error {
    struct series series;
    struct failure_entry failure; /* kind "other" for what did not fit the table */
};

/* A scenario as the plan has it. Strings are borrowed. */
struct summary_scenario {
    const char *name, *simulator, *model; /* "closed" or "open" */
    uint64_t clients;
};

struct summary_threshold {
    const char *expression; /* as the plan has it */
    bool held;
    double value; /* NAN: nothing was measured */
};

struct summary_run {
    char name[128];
    char folder[512];
    uint8_t run_id[RUN_ID_SIZE];
    uint64_t seed;
    int64_t started_wall_us, ended_wall_us;
    double seconds;                  /* measured */
    double steady_seconds;           /* 0: no steady window */
    double steady_start, steady_end; /* since the start */
    unsigned gaps;
    const char *outcome; /* "completed", "interrupted", "failed"; NULL is null */
};

struct summary_lane {
    double cpu_s, cpu_mean, cpu_max, wait_mean, wait_max; /* shares of a core */
    unsigned segment, lane;                               /* as in struct second_lane */
};

struct summary_generator {
    struct health_verdict verdict;
    struct health_tally tally;
    double cpu_s, crypto_s, state_s; /* crypto, state: summed over lanes */
    struct summary_times lag;
    struct summary_times phases[PHASES];
    uint64_t events[EVENTS];
    struct summary_lane *lanes;
    unsigned lane_count;
    uint64_t rss_anon, rss_anon_max;
    double steal_mean;
};

#define SUMMARY_DETAIL_MAX 32 /* sentences about the accounting */
#define SUMMARY_DETAIL_SIZE 256

struct summary {
    struct summary_run run;
    const struct summary_scenario *scenarios;
    unsigned scenario_count;
    struct summary_row *rows;
    unsigned row_count;
    struct summary_error *errors; /* most frequent first */
    unsigned error_count;
    const struct summary_threshold *thresholds;
    unsigned threshold_count;
    struct summary_generator generator;
    bool accounting;
    unsigned detail_count;
    char detail[SUMMARY_DETAIL_MAX][SUMMARY_DETAIL_SIZE];
};

void summary_free(struct summary *s); /* NULL is allowed */
void summary_times_of(struct summary_times *out, const struct histogram *h);
/* summary.json */
void summary_json(const struct summary *s, struct buf *out);

#endif
