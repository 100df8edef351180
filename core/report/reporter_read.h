/* What manifest.json and plan.json of a folder say of its run, for `shoal report`. */
#ifndef SHOAL_CORE_REPORT_REPORTER_READ_H
#define SHOAL_CORE_REPORT_REPORTER_READ_H

#include <cjson/cJSON.h>

#include "core/report/reporter.h"

struct loaded_run {
    struct reporter_end end; /* its strings live in the two trees */
    int64_t started_wall_us;
    struct summary_scenario *scenarios;
    struct health_tally tally; /* of a merged run, see reporter_end.tally */
    cJSON *manifest, *plan;
};

/* A missing plan leaves the scenarios out; a damaged manifest is SHOAL_E_CORRUPT. */
int loaded_run_read(struct loaded_run *l, struct run_folder *folder);
void loaded_run_free(struct loaded_run *l);

#endif
