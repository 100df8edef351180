/* Everything a run measured so far: the sum of its seconds, whole and steady. */
#ifndef SHOAL_CORE_REPORT_TOTALS_H
#define SHOAL_CORE_REPORT_TOTALS_H

#include <cjson/cJSON.h>

#include "core/report/run_folder.h"
#include "core/report/second.h"
#include "core/report/summary.h"

struct totals_counts {
    uint64_t started, succeeded, failed, cancelled;
    uint64_t bytes_sent, bytes_received;
    struct histogram times[SERIES_TIMES];
};

struct totals_row {
    struct totals_counts whole, steady;
    int64_t in_flight, steady_in_flight; /* at the end of each */
    bool told;                           /* a broken identity of this row was said */
};

struct totals_lane {
    int64_t cpu_ns;
    double cpu_sum, cpu_max, wait_sum, wait_max; /* sums are weighted with seconds */
    double seconds;
    unsigned segment, lane; /* as in struct second_lane */
};

struct totals {
    const struct series_table *series;
    struct totals_row *rows;
    unsigned row_room;
    struct failure_table failures;
    struct histogram phases[PHASES];
    struct histogram lag;
    uint64_t events[EVENTS];
    int64_t clocks_ns[METER_CLOCKS];
    struct health_tally tally;
    struct totals_lane *lanes;
    unsigned lane_count;
    int64_t cpu_ns;
    double steal_sum;
    uint64_t rss_anon, rss_anon_max;
    int64_t start_wall_us; /* of the first line that was read back; 0: none */
    int64_t end_ns;        /* of the last second */
    double seconds, steady_seconds;
    int64_t steady_start_ns, steady_end_ns; /* of what was counted as steady */
    unsigned gaps;
    bool accounting;
    unsigned detail_count;
    char detail[SUMMARY_DETAIL_MAX][SUMMARY_DETAIL_SIZE];
};

/* Room for `rows` series; the table may still grow up to that. */
void totals_init(struct totals *t, const struct series_table *series, unsigned rows);
void totals_free(struct totals *t);
void totals_add(struct totals *t, const struct second *s);
/* The identities of every series; what does not hold is said once. Returns whether all hold now. */
bool totals_check(struct totals *t);
void totals_detail(struct totals *t, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Into memory; run, scenarios and thresholds are the caller's. */
struct summary *totals_summary(const struct totals *t);

/* The mirror image of utc_format; 0 when it is not a time. */
int64_t wall_parse(const char *text);

/* errors.jsonl */
void totals_errors(const struct totals *t, struct buf *out);

/* Reading a folder back. `own`: the table that new series are added to (it is totals->series);
 * NULL: a series that is not in the table is refused. `why` gets a sentence. A histogram log that
 * goes beyond the timeline is cut when `cut` is set. */
struct totals_source {
    struct run_folder *folder;
    struct series_table *own;
    bool cut;
};
int totals_load(struct totals *t, const struct totals_source *source, char why[RUN_ERROR_MAX]);

/* One parsed line of timeline.jsonl that has `series`. Counts, sums and extremes are exact; buckets
 * are the histogram log's. `s` has room for TIMELINE_LANES_MAX lanes. CORRUPT when it is not a
 * second, or names a series that s->series does not have. */
#define TIMELINE_LANES_MAX 16384
int timeline_read(struct second *s, const cJSON *line, char why[RUN_ERROR_MAX]);

#endif
