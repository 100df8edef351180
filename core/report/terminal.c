#include "core/report/terminal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

#define FIRST_MINUTE_S 60.0
#define LATER_EVERY_S 5.0
#define TICK_SLACK_S 0.25 /* ticks are not exact */
#define COLUMNS_DEFAULT 120

struct terminal {
    struct terminal_options options;
    bool redraw;        /* progress goes to a terminal */
    bool drawn;         /* a live line is on it */
    double last_line_s; /* when the last plain line was written */
};

struct terminal *terminal_new(const struct terminal_options *options)
{
    struct terminal *t = calloc(1, sizeof *t);
    if (!t)
        die("out of memory for the terminal");
    t->options = *options;
    const char *kind = getenv("TERM");
    t->redraw = isatty(options->progress_fd) && !(kind && strcmp(kind, "dumb") == 0);
    t->last_line_s = -INFINITY;
    return t;
}

void terminal_free(struct terminal *t)
{
    if (!t)
        return;
    terminal_clear(t);
    free(t);
}

static int write_all(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.data, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return SHOAL_E_IO;
        text.data += n;
        text.len -= (size_t)n;
    }
    return 0;
}

static size_t columns(const struct terminal *t)
{
    struct winsize size;
    if (ioctl(t->options.progress_fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return COLUMNS_DEFAULT;
}

void terminal_clear(struct terminal *t)
{
    if (t->drawn)
        write_all(t->options.progress_fd, slice_str("\r\033[K"));
    t->drawn = false;
}

void terminal_say(struct terminal *t, const char *format, ...)
{
    struct buf line = {0};
    va_list args;
    if (t->options.quiet)
        return;
    terminal_clear(t);
    va_start(args, format);
    buf_vprintf(&line, format, args);
    va_end(args);
    buf_char(&line, '\n');
    write_all(t->options.progress_fd, buf_slice(&line));
    buf_free(&line);
}

/* --- the live line ------------------------------------------------------------------------ */

static void put_progress(const struct live *live, struct buf *out)
{
    double share = NAN;
    if (live->iterations_planned)
        share = (double)live->iterations / (double)live->iterations_planned;
    else if (live->planned_s > 0)
        share = live->elapsed_s / live->planned_s;
    buf_printf(out, "%4.0fs", live->elapsed_s);
    if (live->planned_s > 0)
        buf_printf(out, "/%.0fs", live->planned_s);
    if (!isnan(share))
        buf_printf(out, " %3.0f%%", 100 * fmin(1, share));
}

void live_line(const struct live *live, struct buf *out)
{
    put_progress(live, out);
    buf_printf(out, " | %llu it %.1f/s", (unsigned long long)live->iterations,
               live->iterations_per_second);
    for (unsigned i = 0; i < live->step_count; i++)
        buf_printf(out, "%s%s %.1f", i ? "  " : " | ", live->steps[i].name,
                   live->steps[i].per_second);
    if (isnan(live->p95_ms))
        buf_str(out, " | p95 -");
    else
        buf_printf(out, " | p95 %.*f ms",
                   live->p95_ms < 10    ? 2
                   : live->p95_ms < 100 ? 1
                                        : 0,
                   live->p95_ms);
    buf_printf(out, " | failed %llu", (unsigned long long)live->failed);
    if (live->failed_per_second > 0)
        buf_printf(out, " (%.1f/s)", live->failed_per_second);
    buf_printf(out, " | running %llu thinking %llu", (unsigned long long)live->running,
               (unsigned long long)live->thinking);
    if (live->done)
        buf_printf(out, " done %llu", (unsigned long long)live->done);
    for (int f = 0, first = 1; f < HEALTH_FLAGS; f++) {
        if (!(live->flags >> f & 1))
            continue;
        buf_printf(out, "%s%s", first ? " | ! " : ",", health_flag_name((enum health_flag)f));
        first = 0;
    }
}

static bool line_is_due(struct terminal *t, double elapsed_s)
{
    double every = elapsed_s > FIRST_MINUTE_S + TICK_SLACK_S ? LATER_EVERY_S : 0;
    if (elapsed_s < t->last_line_s + every - TICK_SLACK_S)
        return false;
    t->last_line_s = elapsed_s;
    return true;
}

void terminal_live(struct terminal *t, const struct live *live)
{
    struct buf line = {0}, text = {0};
    if (t->options.quiet || (!t->redraw && !line_is_due(t, live->elapsed_s)))
        return;
    live_line(live, &text);
    if (t->redraw) {
        /* Wider than the terminal it would wrap, and not be overwritten by the next one. */
        size_t room = columns(t) - 1;
        buf_str(&line, "\r\033[K");
        buf_put(&line, text.data, text.len < room ? text.len : room);
    } else {
        buf_put(&line, text.data, text.len);
        buf_char(&line, '\n');
    }
    if (!line.error)
        write_all(t->options.progress_fd, buf_slice(&line));
    t->drawn = t->redraw;
    buf_free(&line);
    buf_free(&text);
}

int terminal_finish(struct terminal *t, const struct summary *summary)
{
    struct buf text = {0};
    terminal_clear(t);
    if (t->options.json)
        summary_json(summary, &text);
    else
        summary_table(summary, &text);
    int code = text.error ? text.error : write_all(t->options.result_fd, buf_slice(&text));
    buf_free(&text);
    return code;
}
