/* histograms.hlog as it grows: a line per series and second, a line per ten seconds in long runs.
 *
 * In a long run the seconds are appended as they come and replaced by their sum when ten are
 * there, so that a killed run keeps every second and the file stays small.
 */
#ifndef SHOAL_CORE_REPORT_HISTLOG_H
#define SHOAL_CORE_REPORT_HISTLOG_H

#include "core/measure/hlog.h"
#include "core/report/run_folder.h"
#include "core/report/second.h"

#define HISTLOG_LONG_NS (INT64_C(1800) * 1000000000) /* a run longer than this is a long one */
#define HISTLOG_GROUP_NS (INT64_C(10) * 1000000000)

struct histlog {
    struct run_folder *folder;
    struct hlog_writer *writer;
    struct second group; /* the sum of the seconds behind `offset` */
    bool grouping, open;
    uint64_t offset;
    int64_t start_wall_us; /* for the header, which goes before the first line */
    struct buf text;
};

void histlog_init(struct histlog *l, struct run_folder *folder, const struct series_table *series);
void histlog_free(struct histlog *l);
int histlog_add(struct histlog *l, const struct second *s, bool long_run);

#endif
