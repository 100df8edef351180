/* The reporter: merges what lanes publish, owns the totals, writes the run folder as the run goes.
 *
 * Used by the run's main thread only. Once per second the caller posts meter_publish to every lane,
 * gathers the intervals and hands them to reporter_collect; once more after the last recording;
 * then reporter_finish. Everything of one call becomes one line of timeline.jsonl, flushed with one
 * write, so a killed run keeps what it measured.
 *
 *     reporter_new(&r, &options)            or reporter_resume for --resume
 *     each second: reporter_collect(r, &tick)
 *     reporter_check(r, sent == served, "...")   any number of times
 *     reporter_finish(r, &end, &summary)    writes summary.json; terminal_finish shows it
 */
#ifndef SHOAL_CORE_REPORT_REPORTER_H
#define SHOAL_CORE_REPORT_REPORTER_H

#include "core/measure/interval.h"
#include "core/report/run_folder.h"
#include "core/report/second.h"
#include "core/report/summary.h"
#include "core/report/terminal.h"

struct reporter;

struct reporter_options {
    struct run_folder *folder;
    const struct series_table *series; /* complete; outlives the reporter */
    unsigned lanes;
    int64_t start_ns;            /* clock_ns at the start of this process's measuring */
    int64_t start_wall_us;       /* the wall clock at the same moment */
    int64_t planned_ns;          /* length of the run, 0: not known */
    uint64_t planned_iterations; /* 0: not known */
    /* The steady window since the start of the run (of the first one, when resumed); both 0: none.
     * Intervals wholly inside count. It may be set later, see reporter_steady. */
    int64_t steady_start_ns, steady_end_ns;
    struct terminal *terminal; /* NULL: nothing is shown */
};

/* 0, or the code of a failed write with the folder's sentence (run_folder_error). */
int reporter_new(struct reporter **out, const struct reporter_options *options);

/* As reporter_new on a folder that holds an earlier part of the same run: totals, errors and the
 * time axis continue. What was in flight when the earlier part ended is counted as cancelled in a
 * `gap` line. CORRUPT when the files are not ours; a cut last line is not an error. */
int reporter_resume(struct reporter **out, const struct reporter_options *options);

/* Moves the start to now: what was measured while preparing counts, its time does not. Called once,
 * right before the load begins (options.start_ns is only a first value). On a resumed run the
 * load's time goes on from reporter_elapsed. */
void reporter_begin(struct reporter *r, int64_t start_ns, int64_t start_wall_us);

/* Nanoseconds of the load that earlier parts of the run have behind them; 0 without resume. */
int64_t reporter_elapsed(const struct reporter *r);

/* `shoal report DIR`: totals from the files alone. The series are those the files name. */
int reporter_load(struct reporter **out, struct run_folder *folder);

/* After reporter_load: writes summary.json again (names, seed and outcome come from plan.json and
 * manifest.json) and hands the summary out, as reporter_finish does. */
int reporter_rebuild(struct reporter *r, struct summary **summary);

void reporter_free(struct reporter *r);

struct reporter_tick {
    struct interval *const *intervals; /* by lane; NULL: this lane did not answer in time */
    unsigned count;                    /* options.lanes */
    int64_t now_ns;                    /* clock_ns */
};

/* Releases the intervals. A failed write is reported and does not lose totals: the caller decides
 * whether the run goes on. */
int reporter_collect(struct reporter *r, const struct reporter_tick *tick);

/* In place of reporter_collect: a second that was put together elsewhere (from other runs' files).
 * It is counted and written as one that was collected. */
int reporter_feed(struct reporter *r, struct second *second);

/* When the window is only known while the run goes (a plan by iterations). */
void reporter_steady(struct reporter *r, int64_t steady_start_ns, int64_t steady_end_ns);

/* A further check of the accounting; `format` says what was found, held or not. */
void reporter_check(struct reporter *r, bool held, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool reporter_accounting(const struct reporter *r); /* held so far */

/* Totals of one series so far, for thresholds and for the end of a run by iterations. */
struct reporter_counts {
    uint64_t started, succeeded, failed, cancelled;
    int64_t in_flight;
};
void reporter_counts(const struct reporter *r, unsigned series, struct reporter_counts *out);
uint64_t reporter_events(const struct reporter *r, enum meter_event event);

struct reporter_end {
    const char *name; /* of the plan */
    uint8_t run_id[RUN_ID_SIZE];
    uint64_t seed;
    int64_t ended_wall_us;
    const char *outcome; /* static text: "completed", "interrupted", "failed" */
    const struct summary_scenario *scenarios; /* outlive the summary */
    unsigned scenario_count;
    const struct summary_threshold *thresholds;
    unsigned threshold_count;
    /* NULL: the reporter's own. Of a merged run: that of the segment which was flagged most. */
    const struct health_tally *tally;
};

/* Writes the last of every file and summary.json. *summary is made in any case (summary_free), also
 * when a write failed. */
int reporter_finish(struct reporter *r, const struct reporter_end *end, struct summary **summary);

#endif
