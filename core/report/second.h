/* One interval as merged from all lanes: what one line of timeline.jsonl says. */
#ifndef SHOAL_CORE_REPORT_SECOND_H
#define SHOAL_CORE_REPORT_SECOND_H

#include "core/measure/health.h"
#include "core/measure/interval.h"
#include "core/util/bytes.h"

struct second_row {
    uint64_t started, succeeded, failed, cancelled;
    uint64_t bytes_sent, bytes_received;
    int64_t in_flight; /* at the end, over all lanes */
    struct histogram times[SERIES_TIMES];
};

struct second_lane {
    bool answered;        /* published in this interval */
    double cpu;           /* share of a core */
    double wait;          /* share of the time it was runnable and waited for a core */
    double fiber_wait_ms; /* mean time a fiber was runnable before it ran */
    uint64_t fibers, posts_refused;
    int64_t cpu_ns;         /* in this interval */
    unsigned segment, lane; /* of a merged run: whose lane it is (from 1), and which; else 0 */
};

struct second {
    const struct series_table *series;
    struct second_row *rows;  /* series->count */
    int64_t start_ns, end_ns; /* since the start of the run */
    int64_t wall_us;          /* at the end */
    bool steady;
    bool gap; /* between two parts of a resumed run; start_ns = end_ns */
    struct failure_table failures;
    struct histogram phases[PHASES];
    struct histogram lag;
    uint64_t events[EVENTS];
    int64_t clocks_ns[METER_CLOCKS];
    struct meter_clients clients;
    struct second_lane *lanes;
    unsigned lane_count;
    int64_t cpu_ns; /* of the process, in this interval */
    double steal;   /* share */
    uint64_t rss_anon;
    unsigned descriptors;
    uint32_t flags;
    bool accounting;
    int64_t step_p50_ns, step_p95_ns; /* over all steps, from second_judge */
};

/* `series` and the number of lanes stay; rows for every series of the table. */
void second_init(struct second *s, const struct series_table *series, unsigned lanes);
void second_free(struct second *s);
void second_clear(struct second *s);
/* Adds what one lane published and empties its histograms; gauges (in flight, clients) are the
 * caller's. */
void second_take(struct second *s, struct interval *interval);
/* p99 of the lag, of the start delay and the median of all steps, into what health judges. */
void second_judge(struct second *s, struct health_second *judged);

static inline double second_length(const struct second *s)
{
    return (double)(s->end_ns - s->start_ns) / 1e9;
}

/* The line of timeline.jsonl, with its line end. */
void timeline_line(const struct second *s, struct buf *out);

/* tag of histograms.hlog: "wallets/step/pay", "wallets/step/pay/failed" */
void series_tag(const struct series *series, enum series_time time, char *out, size_t size);
#define PHASE_TAG "generator/phase/"
#define LAG_TAG "generator/lag/loop"

#endif
