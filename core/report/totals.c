#include "core/report/totals.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/report/json_out.h"
#include "core/util/error.h"
#include "core/util/log.h"

#define HALF_A_SECOND 0.5 /* shorter intervals (the last one) are not judged as a second */

void totals_init(struct totals *t, const struct series_table *series, unsigned rows)
{
    memset(t, 0, sizeof *t);
    t->series = series;
    t->row_room = rows;
    t->accounting = true;
    t->rows = calloc(rows ? rows : 1, sizeof *t->rows);
    if (!t->rows)
        die("out of memory for the reporter");
    for (unsigned i = 0; i < rows; i++) {
        for (int k = 0; k < SERIES_TIMES; k++) {
            histogram_init(&t->rows[i].whole.times[k], true);
            histogram_init(&t->rows[i].steady.times[k], true);
        }
    }
    for (int i = 0; i < PHASES; i++)
        histogram_init(&t->phases[i], true);
    histogram_init(&t->lag, true);
}

void totals_free(struct totals *t)
{
    for (unsigned i = 0; i < t->row_room; i++) {
        for (int k = 0; k < SERIES_TIMES; k++) {
            histogram_free(&t->rows[i].whole.times[k]);
            histogram_free(&t->rows[i].steady.times[k]);
        }
    }
    for (int i = 0; i < PHASES; i++)
        histogram_free(&t->phases[i]);
    histogram_free(&t->lag);
    failures_free(&t->failures);
    free(t->rows);
    free(t->lanes);
    memset(t, 0, sizeof *t);
}

/* --- adding ------------------------------------------------------------------------------- */

static void add_counts(struct totals_counts *into, const struct second_row *row)
{
    into->started += row->started;
    into->succeeded += row->succeeded;
    into->failed += row->failed;
    into->cancelled += row->cancelled;
    into->bytes_sent += row->bytes_sent;
    into->bytes_received += row->bytes_received;
    for (int k = 0; k < SERIES_TIMES; k++)
        histogram_merge(&into->times[k], &row->times[k]);
}

static void add_lanes(struct totals *t, const struct second *s)
{
    double seconds = second_length(s);
    if (s->lane_count > t->lane_count) {
        struct totals_lane *lanes = realloc(t->lanes, s->lane_count * sizeof *lanes);
        if (!lanes)
            die("out of memory for the reporter");
        memset(lanes + t->lane_count, 0, (s->lane_count - t->lane_count) * sizeof *lanes);
        t->lanes = lanes;
        t->lane_count = s->lane_count;
    }
    for (unsigned i = 0; i < s->lane_count; i++) {
        const struct second_lane *from = &s->lanes[i];
        struct totals_lane *lane = &t->lanes[i];
        if (!from->answered)
            continue;
        lane->segment = from->segment;
        lane->lane = from->lane;
        lane->cpu_ns += from->cpu_ns;
        if (seconds < HALF_A_SECOND)
            continue;
        lane->seconds += seconds;
        lane->cpu_sum += from->cpu * seconds;
        lane->wait_sum += from->wait * seconds;
        lane->cpu_max = from->cpu > lane->cpu_max ? from->cpu : lane->cpu_max;
        lane->wait_max = from->wait > lane->wait_max ? from->wait : lane->wait_max;
    }
}

static void add_generator(struct totals *t, const struct second *s)
{
    for (int i = 0; i < PHASES; i++)
        histogram_merge(&t->phases[i], &s->phases[i]);
    histogram_merge(&t->lag, &s->lag);
    for (int i = 0; i < EVENTS; i++)
        t->events[i] += s->events[i];
    for (int i = 0; i < METER_CLOCKS; i++)
        t->clocks_ns[i] += s->clocks_ns[i];
    if (s->gap)
        return;
    add_lanes(t, s);
    t->cpu_ns += s->cpu_ns;
    t->steal_sum += s->steal * second_length(s);
    t->rss_anon = s->rss_anon;
    if (s->rss_anon > t->rss_anon_max)
        t->rss_anon_max = s->rss_anon;
    if (second_length(s) >= HALF_A_SECOND)
        health_count(&t->tally, s->flags, s->steady);
}

void totals_add(struct totals *t, const struct second *s)
{
    assert(s->series->count <= t->row_room);
    for (unsigned i = 0; i < s->series->count; i++) {
        struct totals_row *row = &t->rows[i];
        add_counts(&row->whole, &s->rows[i]);
        row->in_flight = s->rows[i].in_flight;
        if (!s->steady)
            continue;
        add_counts(&row->steady, &s->rows[i]);
        row->steady_in_flight = s->rows[i].in_flight;
    }
    failures_merge(&t->failures, &s->failures);
    add_generator(t, s);
    if (s->steady) {
        if (t->steady_seconds == 0)
            t->steady_start_ns = s->start_ns;
        t->steady_end_ns = s->end_ns;
        t->steady_seconds += second_length(s);
    }
    t->seconds += second_length(s);
    t->end_ns = s->end_ns;
    t->gaps += s->gap;
}

/* --- accounting --------------------------------------------------------------------------- */

void totals_detail(struct totals *t, const char *format, va_list args)
{
    if (t->detail_count == SUMMARY_DETAIL_MAX)
        return;
    vsnprintf(t->detail[t->detail_count++], SUMMARY_DETAIL_SIZE, format, args);
}

static void __attribute__((format(printf, 2, 3))) tell(struct totals *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    totals_detail(t, format, args);
    va_end(args);
}

static bool row_holds(struct totals *t, unsigned i, uint64_t errors)
{
    const struct series *series = &t->series->series[i];
    struct totals_row *row = &t->rows[i];
    const struct totals_counts *c = &row->whole;
    uint64_t ended = c->succeeded + c->failed + c->cancelled;
    bool balanced = row->in_flight >= 0 && c->started == ended + (uint64_t)row->in_flight;
    bool explained = errors == c->failed;
    if ((balanced && explained) || row->told)
        return balanced && explained;
    row->told = true;
    if (!balanced)
        tell(t,
             "%s of %s %s: started %" PRIu64 ", but succeeded %" PRIu64 " + failed %" PRIu64
             " + cancelled %" PRIu64 " + in flight %" PRId64,
             series->name, series->scenario, series_kind_name(series->kind), c->started,
             c->succeeded, c->failed, c->cancelled, row->in_flight);
    if (!explained)
        tell(t, "%s of %s %s: failed %" PRIu64 ", but its errors add up to %" PRIu64, series->name,
             series->scenario, series_kind_name(series->kind), c->failed, errors);
    return false;
}

bool totals_check(struct totals *t)
{
    uint64_t errors[SERIES_MAX];
    bool holds = true;
    memcpy(errors, t->failures.other, sizeof errors);
    for (unsigned i = 0; i < t->failures.count; i++)
        errors[t->failures.entries[i].series] += t->failures.entries[i].count;
    for (unsigned i = 0; i < t->series->count; i++)
        holds &= row_holds(t, i, errors[i]);
    t->accounting &= holds;
    return holds;
}

/* --- errors.jsonl ------------------------------------------------------------------------- */

static void put_error(struct buf *out, const struct series *series, const struct failure_entry *e)
{
    struct json_out o = {.buf = out};
    jo_open(&o, NULL, '{');
    jo_string(&o, "scenario", series->scenario);
    jo_string(&o, "of", series_kind_name(series->kind));
    jo_string(&o, "name", series->name);
    jo_string(&o, "kind", e->kind);
    jo_int(&o, "code", e->code);
    jo_int(&o, "status", e->status);
    jo_string(&o, "error", error_name(e->error));
    jo_uint(&o, "count", e->count);
    jo_string(&o, "first", e->first);
    jo_close(&o, '}');
    buf_char(out, '\n');
}

void totals_errors(const struct totals *t, struct buf *out)
{
    for (unsigned i = 0; i < t->failures.count; i++) {
        const struct failure_entry *e = &t->failures.entries[i];
        if (e->count)
            put_error(out, &t->series->series[e->series], e);
    }
    for (unsigned i = 0; t->failures.others && i < t->series->count; i++) {
        struct failure_entry other = {.kind = "other", .count = t->failures.other[i]};
        if (other.count)
            put_error(out, &t->series->series[i], &other);
    }
}
