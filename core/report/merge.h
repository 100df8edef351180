/* The runs of the segments of one plan as one run: its folder reads like that of a single process.
 *
 *     merge_open(&m, &options, why)   checks that the folders belong together, and reads each once
 *     merge_write(m, out, &summary)   all files of the new folder
 *
 * Seconds of several segments that lie side by side become one second and go through the reporter
 * as those of a live run do. Where a segment's histograms are of ten seconds (long runs), so is the
 * merged line: its counts and its buckets are always of the same time.
 */
#ifndef SHOAL_CORE_REPORT_MERGE_H
#define SHOAL_CORE_REPORT_MERGE_H

#include <cjson/cJSON.h>

#include "core/report/reporter.h"

#define MERGE_ERROR_MAX 2048 /* two folders' names and what differs */

struct merge;

struct merge_options {
    const char *const *folders;
    size_t count;
    bool partial; /* segments may be missing, or be there more than once (played again) */
};

/* 0, or BAD_INPUT, BUSY, CORRUPT (bad input, all of them) or a code of ours (IO, NOMEM), with one
 * sentence. The folders stay locked until merge_free. */
int merge_open(struct merge **out, const struct merge_options *options, char why[MERGE_ERROR_MAX]);
void merge_free(struct merge *m); /* NULL is allowed */

const char *merge_name(const struct merge *m); /* of the plan */

/* What there is to say about the segments: the last one's begin after the first's, what is missing,
 * which of them were bottlenecks. A line each, each ended. */
void merge_remarks(const struct merge *m, struct buf *out);

/* Once. *summary (summary_free, before merge_free) is made when the files were read, also when a
 * write failed. CORRUPT: a segment's files changed meanwhile; else the code of a failed write. */
int merge_write(struct merge *m, struct run_folder *out, struct summary **summary,
                char why[MERGE_ERROR_MAX]);

/* Of the manifest of a merged run: the health of the segment that was flagged most. */
bool merge_manifest_tally(const cJSON *manifest, struct health_tally *out);

#endif
