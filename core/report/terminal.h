/* What the person at the terminal sees while a run goes and when it ends.
 *
 * Progress goes to standard error: on a terminal one line that is redrawn, elsewhere plain lines
 * (each second in the first minute, then every 5 s). The end table goes to standard output, or with
 * `json` summary.json alone. `quiet` leaves the table only.
 */
#ifndef SHOAL_CORE_REPORT_TERMINAL_H
#define SHOAL_CORE_REPORT_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/report/summary.h"

struct terminal_options {
    int progress_fd, result_fd; /* usually 2 and 1 */
    bool quiet, json;
};

struct terminal;

struct terminal *terminal_new(const struct terminal_options *options);
void terminal_free(struct terminal *t);

#define LIVE_STEPS_MAX 16

struct live {
    double elapsed_s, planned_s; /* planned 0: not known */
    struct live_rate {
        const char *name;
        double per_second;
    } steps[LIVE_STEPS_MAX];
    unsigned step_count;
    double iterations_per_second;
    uint64_t iterations, iterations_planned; /* planned 0: not known */
    double p95_ms;                           /* of the steps that ended; NAN: none */
    uint64_t failed;                         /* steps, over the run */
    double failed_per_second;
    uint64_t running, thinking, done; /* clients */
    uint32_t flags;                   /* health_judge of the last second */
};
void terminal_live(struct terminal *t, const struct live *live);
/* Ends the live line, so that other text starts on a line of its own. */
void terminal_clear(struct terminal *t);
/* One line of progress ("starting the stand-in"); not when quiet. */
void terminal_say(struct terminal *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The end table or summary.json, as the options say. SHOAL_E_IO when it could not be written. */
int terminal_finish(struct terminal *t, const struct summary *summary);

/* The same texts into a buffer. */
void live_line(const struct live *live, struct buf *out);
void summary_table(const struct summary *summary, struct buf *out);

#endif
