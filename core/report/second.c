#include "core/report/second.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/log.h"

void second_init(struct second *s, const struct series_table *series, unsigned lanes)
{
    memset(s, 0, sizeof *s);
    s->series = series;
    s->lane_count = lanes;
    s->rows = calloc(series->count ? series->count : 1, sizeof *s->rows);
    s->lanes = calloc(lanes ? lanes : 1, sizeof *s->lanes);
    if (!s->rows || !s->lanes)
        die("out of memory for the reporter");
    for (unsigned i = 0; i < series->count; i++)
        for (int t = 0; t < SERIES_TIMES; t++)
            histogram_init(&s->rows[i].times[t], false);
    for (int i = 0; i < PHASES; i++)
        histogram_init(&s->phases[i], false);
    histogram_init(&s->lag, false);
}

void second_free(struct second *s)
{
    if (!s->rows)
        return;
    for (unsigned i = 0; i < s->series->count; i++)
        for (int t = 0; t < SERIES_TIMES; t++)
            histogram_free(&s->rows[i].times[t]);
    for (int i = 0; i < PHASES; i++)
        histogram_free(&s->phases[i]);
    histogram_free(&s->lag);
    failures_free(&s->failures);
    free(s->rows);
    free(s->lanes);
    memset(s, 0, sizeof *s);
}

void second_clear(struct second *s)
{
    for (unsigned i = 0; i < s->series->count; i++) {
        struct second_row *row = &s->rows[i];
        for (int t = 0; t < SERIES_TIMES; t++)
            histogram_clear(&row->times[t]);
        row->started = row->succeeded = row->failed = row->cancelled = 0;
        row->bytes_sent = row->bytes_received = 0;
        row->in_flight = 0;
    }
    for (int i = 0; i < PHASES; i++)
        histogram_clear(&s->phases[i]);
    histogram_clear(&s->lag);
    failures_clear(&s->failures);
    memset(s->events, 0, sizeof s->events);
    memset(s->clocks_ns, 0, sizeof s->clocks_ns);
    memset(&s->clients, 0, sizeof s->clients);
    memset(s->lanes, 0, s->lane_count * sizeof *s->lanes);
    s->cpu_ns = 0;
    s->flags = 0;
    s->steady = s->gap = false;
}

void second_take(struct second *s, struct interval *v)
{
    for (unsigned i = 0; i < v->series_count && i < s->series->count; i++) {
        struct interval_series *from = &v->series[i];
        struct second_row *row = &s->rows[i];
        row->started += from->started;
        row->succeeded += from->succeeded;
        row->failed += from->failed;
        row->cancelled += from->cancelled;
        row->bytes_sent += from->bytes_sent;
        row->bytes_received += from->bytes_received;
        for (int t = 0; t < SERIES_TIMES; t++)
            if (from->times[t])
                histogram_take(&row->times[t], from->times[t]);
    }
    for (int i = 0; i < PHASES; i++)
        histogram_take(&s->phases[i], &v->phases[i]);
    histogram_take(&s->lag, &v->lag);
    failures_merge(&s->failures, &v->failures);
    for (int i = 0; i < EVENTS; i++)
        s->events[i] += v->events[i];
    for (int i = 0; i < METER_CLOCKS; i++)
        s->clocks_ns[i] += v->clocks_ns[i];
}

void second_judge(struct second *s, struct health_second *judged)
{
    struct histogram steps, delays;
    histogram_init(&steps, false);
    histogram_init(&delays, false);
    for (unsigned i = 0; i < s->series->count; i++) {
        if (s->series->series[i].kind == SERIES_STEP)
            histogram_merge(&steps, &s->rows[i].times[TIME_LATENCY]);
        histogram_merge(&delays, &s->rows[i].times[TIME_DELAY]);
    }
    judged->lag_p99_ns = histogram_percentile(&s->lag, 99);
    s->step_p50_ns = judged->step_p50_ns = histogram_percentile(&steps, 50);
    s->step_p95_ns = histogram_percentile(&steps, 95);
    judged->delay_p99_ns = histogram_percentile(&delays, 99);
    judged->not_started = s->events[EVENT_NOT_STARTED];
    for (unsigned i = 0; i < s->failures.count; i++)
        if (s->failures.entries[i].error == SHOAL_E_UNREACHABLE)
            judged->unreachable += s->failures.entries[i].count;
    histogram_free(&steps);
    histogram_free(&delays);
}
