/* What the parts of merging share. */
#ifndef SHOAL_CORE_REPORT_MERGE_INSIDE_H
#define SHOAL_CORE_REPORT_MERGE_INSIDE_H

#include "core/report/merge_segment.h"

struct merge {
    struct merge_segment **segments; /* by index */
    size_t count;
    unsigned lanes;
    int64_t zero_wall_us; /* when the first load began */
    struct series_table series;
    struct failure_table examples;

    /* While it is written. */
    struct second second, scratch;
    struct histogram buckets;
    struct merge_tags *tags;
    int64_t end_ns; /* of the last second */
    bool steady, steady_over;
    uint64_t latencies[SERIES_MAX], found[SERIES_MAX]; /* counted, and in the histograms */
};

/* merge_check.c: do the folders belong together? BAD_INPUT with a sentence when not. */
int merge_check_named_once(const struct merge_options *o, char why[MERGE_ERROR_MAX]);
int merge_check_same_run(const struct merge *m, char why[MERGE_ERROR_MAX]);
int merge_check_complete(const struct merge *m, char why[MERGE_ERROR_MAX]);
/* Of the segments 1 to N those that are not there: "3, 5, 6"; returns how many. */
unsigned merge_put_missing(const struct merge *m, struct buf *out);

/* merge_seconds.c: everything that the segments measured, through the reporter. A failed write goes
 * to *write_code and does not stop it: the summary shall be whole. */
int merge_seconds(struct merge *m, struct reporter *r, int *write_code, char why[MERGE_ERROR_MAX]);

/* merge_manifest.c: manifest.json of the merged run. */
struct merge_manifest {
    struct merge_segment *const *segments;
    size_t count;
    int64_t started_wall_us, ended_wall_us; /* ended 0: one of them was killed */
};
/* Of the seconds that count for the verdict. */
double merge_flagged_share(const struct health_tally *tally);
int merge_manifest_save(struct run_folder *folder, const struct merge_manifest *m);

#endif
