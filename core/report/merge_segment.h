/* One segment's folder as merging reads it: what it is, and its time in blocks.
 *
 * A block is what the two files say of the same time: a line of the timeline and its histograms, or
 * in long runs ten lines and the histograms that are their sum. Only the next line of either file
 * is in memory.
 */
#ifndef SHOAL_CORE_REPORT_MERGE_SEGMENT_H
#define SHOAL_CORE_REPORT_MERGE_SEGMENT_H

#include <stdio.h>

#include "core/measure/hlog.h"
#include "core/report/merge.h"
#include "core/report/reporter_read.h"
#include "core/report/totals.h"

#define MERGE_TOLERANCE_NS                                                \
    INT64_C(2000000) /* times of the histogram log are whole milliseconds \
                      */

struct merge_line {
    FILE *in; /* NULL: there is no such file */
    char *text;
    size_t room, len; /* len 0: the end was reached */
    unsigned number;
};

struct merge_segment {
    const char *path; /* as given */
    struct run_folder *folder;
    struct loaded_run run;
    struct buf plan;
    cJSON *result; /* summary.json, NULL: none */
    unsigned index, count;

    /* From reading it once. */
    struct health_tally tally;
    int64_t zero_wall_us; /* the wall clock when its load began, 0: it has no timeline */
    int64_t end_ns;       /* of its timeline */
    double seconds;
    unsigned lanes, gaps;
    bool accounting; /* by its files, and by its summary where it has one */
    unsigned detail_count;
    char detail[SUMMARY_DETAIL_MAX][SUMMARY_DETAIL_SIZE]; /* what it says about it */

    /* Where it lies on the merged axis. */
    int64_t offset_ns; /* its load's begin behind the first one's */
    int64_t shift_ns;  /* the same in whole seconds: which of its seconds lie side by side */
    unsigned first_lane;

    /* The next of each file. */
    struct merge_line timeline, log;
    cJSON *line; /* NULL: the timeline's end */
    int64_t line_start_ns, line_end_ns;
    bool entry_there;
    struct hlog_entry entry;
    int64_t group_start_ns, group_end_ns;
    bool begun;
    double taken_s; /* of this merged second, so far; set to 0 by the merge */

    /* Gauges as last said. */
    int64_t in_flight[SERIES_MAX];
    struct meter_clients clients;
    uint64_t rss_anon;
    unsigned descriptors;
};

/* Puts the sentence into `why` and returns the code. */
int merge_say(char why[MERGE_ERROR_MAX], int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Opens, locks and identifies a folder. */
int merge_segment_open(struct merge_segment *s, const char *path, char why[MERGE_ERROR_MAX]);
void merge_segment_free(struct merge_segment *s);
/* Adds the series that its summary names, in its order. */
void merge_segment_series(const struct merge_segment *s, struct series_table *series);
/* Reads all of it: series that are new go into `series`, examples of failures into `examples`. */
int merge_segment_load(struct merge_segment *s, struct series_table *series,
                       struct failure_table *examples, char why[MERGE_ERROR_MAX]);
/* "completed", "interrupted", "failed", "killed" or NULL. */
const char *merge_segment_outcome(const struct merge_segment *s);

/* --- block after block -------------------------------------------------------------------- */

struct merge_tags; /* of a histogram log, by series */
struct merge_tags *merge_tags_new(const struct series_table *series);
void merge_tags_free(struct merge_tags *tags);

/* What the blocks of one merged second are added to. */
struct merge_sum {
    struct second *into;       /* counts, histograms, flags; gauges are set by the merge */
    struct second *scratch;    /* of merge_scratch_init */
    struct histogram *buckets; /* wide */
    const struct merge_tags *tags;
    int64_t end_ns; /* the latest end on the merged axis; INT64_MIN at first */
    int64_t lines, steady_lines;
    unsigned gaps;
    double steal_sum, steal_seconds;
};

int merge_segment_first(struct merge_segment *s, char why[MERGE_ERROR_MAX]);
/* Start and end of the next block on the segment's own axis; false at the end. */
bool merge_segment_next(const struct merge_segment *s, int64_t *start_ns, int64_t *end_ns);
/* Adds the next block and goes on behind it. */
int merge_segment_take(struct merge_segment *s, struct merge_sum *sum, char why[MERGE_ERROR_MAX]);

#endif
