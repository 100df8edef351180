/* Totals as a summary. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/report/totals.h"
#include "core/util/clock.h"
#include "core/util/log.h"

static double ms(int64_t ns)
{
    return (double)ns / NS_PER_MS;
}

void summary_times_of(struct summary_times *out, const struct histogram *h)
{
    *out = (struct summary_times){0, 0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (h->count == 0)
        return;
    struct percentile p[] = {
        {.percent = 50}, {.percent = 90}, {.percent = 95}, {.percent = 99}, {.percent = 99.9}};
    histogram_percentiles(h, p, 5);
    out->count = h->count;
    out->clamped = h->clamped;
    out->min = ms(h->min_ns);
    out->mean = histogram_mean(h) / NS_PER_MS;
    out->stddev = histogram_stddev(h) / NS_PER_MS;
    out->p50 = ms(p[0].ns);
    out->p90 = ms(p[1].ns);
    out->p95 = ms(p[2].ns);
    out->p99 = ms(p[3].ns);
    out->p999 = ms(p[4].ns);
    out->max = ms(h->max_ns);
}

struct span_of_counts {
    int64_t in_flight;
    double seconds;
};

static void counts_of(struct summary_counts *out, const struct totals_counts *c,
                      struct span_of_counts span)
{
    out->started = c->started;
    out->succeeded = c->succeeded;
    out->failed = c->failed;
    out->cancelled = c->cancelled;
    out->in_flight = span.in_flight;
    out->per_second = span.seconds > 0 ? (double)c->succeeded / span.seconds : NAN;
    out->bytes_sent = c->bytes_sent;
    out->bytes_received = c->bytes_received;
    for (int k = 0; k < SERIES_TIMES; k++)
        summary_times_of(&out->times[k], &c->times[k]);
}

static int more_frequent_first(const void *a, const void *b)
{
    const struct summary_error *x = a, *y = b;
    if (x->failure.count != y->failure.count)
        return x->failure.count < y->failure.count ? 1 : -1;
    if (x->series.kind != y->series.kind)
        return x->series.kind < y->series.kind ? 1 : -1;
    int order = strcmp(x->series.name, y->series.name);
    return order ? order : strcmp(x->failure.kind, y->failure.kind);
}

static void errors_of(struct summary *out, const struct totals *t)
{
    out->errors = calloc(t->failures.count + t->series->count + 1, sizeof *out->errors);
    if (!out->errors)
        die("out of memory for the summary");
    for (unsigned i = 0; i < t->failures.count; i++) {
        const struct failure_entry *e = &t->failures.entries[i];
        if (e->count)
            out->errors[out->error_count++] =
                (struct summary_error){t->series->series[e->series], *e};
    }
    for (unsigned i = 0; t->failures.others && i < t->series->count; i++) {
        struct failure_entry other = {.series = i, .kind = "other", .count = t->failures.other[i]};
        if (other.count)
            out->errors[out->error_count++] = (struct summary_error){t->series->series[i], other};
    }
    qsort(out->errors, out->error_count, sizeof *out->errors, more_frequent_first);
}

static void generator_of(struct summary_generator *g, const struct totals *t)
{
    health_verdict(&t->tally, &g->verdict);
    g->tally = t->tally;
    g->cpu_s = (double)t->cpu_ns / NS_PER_S;
    g->crypto_s = (double)t->clocks_ns[METER_CRYPTO] / NS_PER_S;
    g->state_s = (double)t->clocks_ns[METER_STATE] / NS_PER_S;
    summary_times_of(&g->lag, &t->lag);
    for (int i = 0; i < PHASES; i++)
        summary_times_of(&g->phases[i], &t->phases[i]);
    memcpy(g->events, t->events, sizeof g->events);
    g->rss_anon = t->rss_anon;
    g->rss_anon_max = t->rss_anon_max;
    g->steal_mean = t->seconds > 0 ? t->steal_sum / t->seconds : NAN;
    g->lane_count = t->lane_count;
    g->lanes = calloc(t->lane_count + 1, sizeof *g->lanes);
    if (!g->lanes)
        die("out of memory for the summary");
    for (unsigned i = 0; i < t->lane_count; i++) {
        const struct totals_lane *from = &t->lanes[i];
        bool any = from->seconds > 0;
        g->lanes[i] = (struct summary_lane){
            .cpu_s = (double)from->cpu_ns / NS_PER_S,
            .cpu_mean = any ? from->cpu_sum / from->seconds : NAN,
            .cpu_max = any ? from->cpu_max : NAN,
            .wait_mean = any ? from->wait_sum / from->seconds : NAN,
            .wait_max = any ? from->wait_max : NAN,
            .segment = from->segment,
            .lane = from->lane,
        };
    }
}

struct summary *totals_summary(const struct totals *t)
{
    struct summary *s = calloc(1, sizeof *s);
    if (!s)
        die("out of memory for the summary");
    s->row_count = t->series->count;
    s->rows = calloc(s->row_count + 1, sizeof *s->rows);
    if (!s->rows)
        die("out of memory for the summary");
    for (unsigned i = 0; i < s->row_count; i++) {
        const struct totals_row *row = &t->rows[i];
        s->rows[i].series = t->series->series[i];
        s->rows[i].used = row->whole.started > 0;
        counts_of(&s->rows[i].whole, &row->whole,
                  (struct span_of_counts){row->in_flight, t->seconds});
        counts_of(&s->rows[i].steady, &row->steady,
                  (struct span_of_counts){row->steady_in_flight, t->steady_seconds});
    }
    errors_of(s, t);
    generator_of(&s->generator, t);
    s->run.seconds = t->seconds;
    s->run.steady_seconds = t->steady_seconds;
    s->run.steady_start = (double)t->steady_start_ns / NS_PER_S;
    s->run.steady_end = (double)t->steady_end_ns / NS_PER_S;
    s->run.gaps = t->gaps;
    s->accounting = t->accounting;
    s->detail_count = t->detail_count;
    memcpy(s->detail, t->detail, sizeof s->detail);
    return s;
}

void summary_free(struct summary *s)
{
    if (!s)
        return;
    free(s->rows);
    free(s->errors);
    free(s->generator.lanes);
    free(s);
}
