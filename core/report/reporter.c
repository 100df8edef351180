#include "core/report/reporter.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/report/histlog.h"
#include "core/report/reporter_read.h"
#include "core/report/totals.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

/* How far an interval may reach over the edges of the steady window: ticks are not exact. */
#define STEADY_EDGE_NS (50 * NS_PER_MS)
#define SHOWN_LEAST_S 0.5

/* What is known of a lane since it last answered. */
struct reporter_lane {
    int64_t cpu_ns, wait_ns, published_ns;
    bool known, wait_known;
    int64_t *in_flight; /* by series */
    struct meter_clients clients;
};

struct reporter {
    struct reporter_options options;
    struct series_table *own_series; /* of reporter_load */
    struct totals totals;
    struct second second;
    struct histlog histlog;
    struct reporter_lane *lanes;
    struct machine_sample machine;
    int64_t started_wall_us; /* of the first part */
    int64_t zero_ns;         /* clock_ns at which the time axis is 0 */
    int64_t elapsed_ns;      /* of earlier parts */
    int64_t last_ns;         /* end of the last interval on the time axis */
    uint64_t written_errors; /* failures that errors.jsonl holds */
    struct buf text;
    struct loaded_run loaded; /* of reporter_load */
    int write_error;          /* the first */
};

/* --- life --------------------------------------------------------------------------------- */

static void make_lanes(struct reporter *r)
{
    size_t series = r->options.series->count ? r->options.series->count : 1;
    r->lanes = calloc(r->options.lanes ? r->options.lanes : 1, sizeof *r->lanes);
    if (!r->lanes)
        die("out of memory for the reporter");
    for (unsigned i = 0; i < r->options.lanes; i++) {
        r->lanes[i].in_flight = calloc(series, sizeof *r->lanes[i].in_flight);
        if (!r->lanes[i].in_flight)
            die("out of memory for the reporter");
    }
}

static struct reporter *make(const struct reporter_options *options)
{
    struct reporter *r = calloc(1, sizeof *r);
    if (!r)
        die("out of memory for the reporter");
    r->options = *options;
    r->zero_ns = options->start_ns;
    r->started_wall_us = options->start_wall_us;
    totals_init(&r->totals, options->series, options->series->count);
    second_init(&r->second, options->series, options->lanes);
    histlog_init(&r->histlog, options->folder, options->series);
    r->histlog.start_wall_us = options->start_wall_us;
    make_lanes(r);
    machine_sample(&r->machine);
    return r;
}

/* Whether they can be written is known before the load begins. */
static int touch_files(struct run_folder *folder)
{
    int code = run_folder_touch(folder, RUN_HISTOGRAMS);
    return code ? code : run_folder_touch(folder, RUN_TIMELINE);
}

int reporter_new(struct reporter **out, const struct reporter_options *options)
{
    struct reporter *r = make(options);
    int code = touch_files(options->folder);
    if (code) {
        reporter_free(r);
        return code;
    }
    *out = r;
    return 0;
}

/* What was in flight when the earlier part ended will never be heard of again. */
static int write_gap(struct reporter *r)
{
    struct second *s = &r->second;
    second_clear(s);
    s->start_ns = s->end_ns = r->totals.end_ns;
    s->wall_us = r->options.start_wall_us;
    s->gap = true;
    for (unsigned i = 0; i < s->series->count; i++)
        if (r->totals.rows[i].in_flight > 0)
            s->rows[i].cancelled = (uint64_t)r->totals.rows[i].in_flight;
    totals_add(&r->totals, s);
    s->accounting = totals_check(&r->totals);
    buf_clear(&r->text);
    timeline_line(s, &r->text);
    if (r->text.error)
        return r->text.error;
    return run_folder_append(r->options.folder, RUN_TIMELINE, buf_slice(&r->text));
}

int reporter_resume(struct reporter **out, const struct reporter_options *options)
{
    char why[RUN_ERROR_MAX];
    struct reporter *r = make(options);
    struct totals_source source = {.folder = options->folder, .cut = true};
    int code = touch_files(options->folder);
    if (!code) {
        code = totals_load(&r->totals, &source, why);
        if (code)
            run_folder_set_error(options->folder, why);
    }
    if (!code)
        code = write_gap(r);
    if (code) {
        reporter_free(r);
        return code;
    }
    r->elapsed_ns = r->last_ns = r->totals.end_ns;
    r->zero_ns = options->start_ns - r->elapsed_ns;
    if (r->totals.start_wall_us)
        r->started_wall_us = r->totals.start_wall_us;
    *out = r;
    return 0;
}

int reporter_load(struct reporter **out, struct run_folder *folder)
{
    char why[RUN_ERROR_MAX];
    struct series_table *series = calloc(1, sizeof *series);
    struct reporter *r = calloc(1, sizeof *r);
    if (!series || !r)
        die("out of memory for the reporter");
    r->own_series = series;
    r->options = (struct reporter_options){.folder = folder, .series = series};
    totals_init(&r->totals, series, SERIES_MAX);
    struct totals_source source = {.folder = folder, .own = series};
    int code = totals_load(&r->totals, &source, why);
    if (code)
        run_folder_set_error(folder, why);
    else
        code = loaded_run_read(&r->loaded, folder);
    if (code) {
        reporter_free(r);
        return code;
    }
    *out = r;
    return 0;
}

void reporter_free(struct reporter *r)
{
    if (!r)
        return;
    if (r->second.rows)
        second_free(&r->second);
    if (r->histlog.writer)
        histlog_free(&r->histlog);
    totals_free(&r->totals);
    for (unsigned i = 0; r->lanes && i < r->options.lanes; i++)
        free(r->lanes[i].in_flight);
    free(r->lanes);
    loaded_run_free(&r->loaded);
    free(r->own_series);
    buf_free(&r->text);
    free(r);
}

void reporter_begin(struct reporter *r, int64_t start_ns, int64_t start_wall_us)
{
    r->zero_ns = start_ns - r->elapsed_ns;
    r->last_ns = r->elapsed_ns;
    if (r->elapsed_ns == 0)
        r->started_wall_us = r->histlog.start_wall_us = start_wall_us;
    machine_sample(&r->machine);
}

int64_t reporter_elapsed(const struct reporter *r)
{
    return r->elapsed_ns;
}

void reporter_steady(struct reporter *r, int64_t steady_start_ns, int64_t steady_end_ns)
{
    r->options.steady_start_ns = steady_start_ns;
    r->options.steady_end_ns = steady_end_ns;
}

/* --- collecting --------------------------------------------------------------------------- */

/* CPU and waiting of one lane since its last answer, as shares of that time. */
static void sample_lane(struct reporter *r, unsigned index, const struct interval *v)
{
    struct reporter_lane *lane = &r->lanes[index];
    struct second_lane *out = &r->second.lanes[index];
    int64_t waited, since = lane->known ? lane->published_ns : r->zero_ns + r->second.start_ns;
    double length = (double)(v->published_ns - since);
    out->answered = true;
    out->cpu_ns = v->cpu_ns - (lane->known ? lane->cpu_ns : 0);
    /* What the thread did before the first interval is not of this interval: it cannot have used
     * more than the whole process did. */
    if (!lane->known && out->cpu_ns > r->second.cpu_ns)
        out->cpu_ns = r->second.cpu_ns;
    out->cpu = length > 0 ? fmin(1, (double)out->cpu_ns / length) : 0;
    bool wait_known = thread_run_wait_ns(v->tid, &waited);
    if (wait_known && lane->wait_known && length > 0)
        out->wait = fmin(1, fmax(0, (double)(waited - lane->wait_ns) / length));
    out->fibers = v->gauges.fibers;
    out->posts_refused = v->gauges.posts_refused;
    if (v->gauges.switches)
        out->fiber_wait_ms =
            (double)v->gauges.fiber_wait_ns / (double)v->gauges.switches / NS_PER_MS;
    lane->cpu_ns = v->cpu_ns;
    lane->wait_ns = wait_known ? waited : 0;
    lane->wait_known = wait_known;
    lane->published_ns = v->published_ns;
    lane->known = true;
}

static void take_interval(struct reporter *r, unsigned index, struct interval *v)
{
    struct reporter_lane *lane = &r->lanes[index];
    second_take(&r->second, v);
    sample_lane(r, index, v);
    for (unsigned i = 0; i < v->series_count && i < r->second.series->count; i++)
        lane->in_flight[i] = v->series[i].in_flight;
    lane->clients = v->clients;
    interval_release(v);
}

/* Gauges of lanes that did not answer stay as they were. */
static void sum_gauges(struct reporter *r)
{
    struct second *s = &r->second;
    for (unsigned l = 0; l < r->options.lanes; l++) {
        const struct reporter_lane *lane = &r->lanes[l];
        for (unsigned i = 0; i < s->series->count; i++)
            s->rows[i].in_flight += lane->in_flight[i];
        s->clients.thinking += lane->clients.thinking;
        s->clients.running += lane->clients.running;
        s->clients.waiting_arrivals += lane->clients.waiting_arrivals;
        s->clients.done += lane->clients.done;
    }
}

static void sample_machine(struct reporter *r, struct health_second *judged)
{
    struct machine_sample now;
    struct second *s = &r->second;
    machine_sample(&now);
    uint64_t ticks = now.total_ticks - r->machine.total_ticks;
    s->cpu_ns = now.cpu_ns - r->machine.cpu_ns;
    s->steal = ticks ? (double)(now.steal_ticks - r->machine.steal_ticks) / (double)ticks : 0;
    s->rss_anon = now.rss_anon_bytes;
    s->descriptors = now.descriptors;
    judged->steal_share = s->steal;
    judged->descriptors_gone = now.descriptors_gone;
    judged->ports_scarce = now.ports_scarce;
    if (second_length(s) > 0 && now.processors > 0)
        judged->process_share = (double)s->cpu_ns / 1e9 / (second_length(s) * now.processors);
    r->machine = now;
}

static bool is_steady(const struct reporter *r)
{
    const struct reporter_options *o = &r->options;
    return o->steady_end_ns > o->steady_start_ns &&
           r->second.start_ns >= o->steady_start_ns - STEADY_EDGE_NS &&
           r->second.end_ns <= o->steady_end_ns + STEADY_EDGE_NS;
}

static void gather(struct reporter *r, const struct reporter_tick *tick)
{
    struct second *s = &r->second;
    struct health_second judged = {0};
    int64_t now_ns = tick->now_ns - r->zero_ns;
    second_clear(s);
    s->start_ns = r->last_ns;
    s->end_ns = now_ns > r->last_ns ? now_ns : r->last_ns;
    s->wall_us = clock_wall_us();
    s->steady = is_steady(r);
    r->last_ns = s->end_ns;
    sample_machine(r, &judged);
    for (unsigned i = 0; i < tick->count && i < r->options.lanes; i++)
        if (tick->intervals[i])
            take_interval(r, i, tick->intervals[i]);
    sum_gauges(r);
    for (unsigned i = 0; i < r->options.lanes; i++) {
        judged.lane_cpu_max = fmax(judged.lane_cpu_max, s->lanes[i].cpu);
        judged.lane_wait_max = fmax(judged.lane_wait_max, s->lanes[i].wait);
    }
    second_judge(s, &judged);
    s->flags = health_judge(&judged);
    totals_add(&r->totals, s);
    s->accounting = totals_check(&r->totals);
}

/* --- writing ------------------------------------------------------------------------------ */

static int note(struct reporter *r, int code)
{
    if (code && !r->write_error)
        r->write_error = code;
    return code;
}

static uint64_t failure_count(const struct totals *t)
{
    uint64_t sum = t->failures.others;
    for (unsigned i = 0; i < t->failures.count; i++)
        sum += t->failures.entries[i].count;
    return sum;
}

static int write_errors(struct reporter *r)
{
    uint64_t failures = failure_count(&r->totals);
    if (failures == r->written_errors)
        return 0;
    buf_clear(&r->text);
    totals_errors(&r->totals, &r->text);
    if (r->text.error)
        return r->text.error;
    int code = run_folder_write(r->options.folder, RUN_ERRORS, buf_slice(&r->text));
    if (!code)
        r->written_errors = failures;
    return code;
}

/* Histograms before the line that counts them: reading cuts what goes beyond the timeline. */
static int write_second(struct reporter *r, const struct second *s)
{
    bool long_run = r->options.planned_ns > HISTLOG_LONG_NS || s->end_ns > HISTLOG_LONG_NS;
    int code = histlog_add(&r->histlog, s, long_run);
    if (code)
        return code;
    buf_clear(&r->text);
    timeline_line(s, &r->text);
    if (r->text.error)
        return r->text.error;
    code = run_folder_append(r->options.folder, RUN_TIMELINE, buf_slice(&r->text));
    return code ? code : write_errors(r);
}

/* --- showing ------------------------------------------------------------------------------ */

static void fill_steps(const struct reporter *r, struct live *live)
{
    const struct second *s = &r->second;
    double seconds = fmax(second_length(s), 1e-3);
    for (unsigned i = 0; i < s->series->count; i++) {
        const struct series *series = &s->series->series[i];
        const struct totals_counts *whole = &r->totals.rows[i].whole;
        double rate = (double)s->rows[i].succeeded / seconds;
        if (series->kind == SERIES_ITERATION) {
            live->iterations += whole->succeeded + whole->failed;
            live->iterations_per_second += rate;
        }
        if (series->kind != SERIES_STEP)
            continue;
        live->failed += whole->failed;
        live->failed_per_second += (double)s->rows[i].failed / seconds;
        if (live->step_count < LIVE_STEPS_MAX && whole->started)
            live->steps[live->step_count++] = (struct live_rate){series->name, rate};
    }
}

static void show(const struct reporter *r)
{
    const struct second *s = &r->second;
    struct live live = {
        .elapsed_s = (double)s->end_ns / NS_PER_S,
        .planned_s = (double)r->options.planned_ns / NS_PER_S,
        .iterations_planned = r->options.planned_iterations,
        .p95_ms = s->step_p95_ns ? (double)s->step_p95_ns / NS_PER_MS : NAN,
        .running = s->clients.running,
        .thinking = s->clients.thinking + s->clients.waiting_arrivals,
        .done = s->clients.done,
        .flags = s->flags,
    };
    /* The rest that is collected at the end is no second: its rates would mislead. */
    if (!r->options.terminal || second_length(s) < SHOWN_LEAST_S)
        return;
    fill_steps(r, &live);
    terminal_live(r->options.terminal, &live);
}

int reporter_collect(struct reporter *r, const struct reporter_tick *tick)
{
    gather(r, tick);
    show(r);
    return note(r, write_second(r, &r->second));
}

int reporter_feed(struct reporter *r, struct second *second)
{
    totals_add(&r->totals, second);
    second->accounting = totals_check(&r->totals);
    return note(r, write_second(r, second));
}

/* --- asking ------------------------------------------------------------------------------- */

void reporter_check(struct reporter *r, bool held, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    totals_detail(&r->totals, format, args);
    va_end(args);
    r->totals.accounting &= held;
}

bool reporter_accounting(const struct reporter *r)
{
    return r->totals.accounting;
}

void reporter_counts(const struct reporter *r, unsigned series, struct reporter_counts *out)
{
    assert(series < r->options.series->count);
    const struct totals_row *row = &r->totals.rows[series];
    *out = (struct reporter_counts){row->whole.started, row->whole.succeeded, row->whole.failed,
                                    row->whole.cancelled, row->in_flight};
}

uint64_t reporter_events(const struct reporter *r, enum meter_event event)
{
    return r->totals.events[event];
}

/* --- the end ------------------------------------------------------------------------------ */

static void fill_end(const struct reporter *r, const struct reporter_end *end, struct summary *s)
{
    snprintf(s->run.name, sizeof s->run.name, "%s", end->name ? end->name : "");
    memcpy(s->run.run_id, end->run_id, RUN_ID_SIZE);
    s->run.seed = end->seed;
    s->run.ended_wall_us = end->ended_wall_us;
    s->run.outcome = end->outcome;
    if (end->tally) {
        s->generator.tally = *end->tally;
        health_verdict(end->tally, &s->generator.verdict);
    }
    s->scenarios = end->scenarios;
    s->scenario_count = end->scenario_count;
    s->thresholds = end->thresholds;
    s->threshold_count = end->threshold_count;
    s->run.started_wall_us = r->own_series ? r->loaded.started_wall_us : r->started_wall_us;
    snprintf(s->run.folder, sizeof s->run.folder, "%s", run_folder_path(r->options.folder));
}

int reporter_finish(struct reporter *r, const struct reporter_end *end, struct summary **summary)
{
    struct buf text = {0};
    totals_check(&r->totals);
    struct summary *s = totals_summary(&r->totals);
    fill_end(r, end, s);
    *summary = s;
    int code = r->own_series ? 0 : write_errors(r);
    summary_json(s, &text);
    if (!code)
        code = text.error;
    if (!code)
        code = run_folder_write(r->options.folder, RUN_SUMMARY, buf_slice(&text));
    buf_free(&text);
    note(r, code);
    return r->write_error;
}

int reporter_rebuild(struct reporter *r, struct summary **summary)
{
    assert(r->own_series);
    return reporter_finish(r, &r->loaded.end, summary);
}
