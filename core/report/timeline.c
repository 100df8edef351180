/* Writing lines of timeline.jsonl; timeline_read.c is the mirror image. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/measure/hlog.h"
#include "core/report/json_out.h"
#include "core/report/second.h"
#include "core/util/clock.h"

static const char *const time_keys[] = {
#define TIME_KEY(id, key, tag) key,
    SERIES_TIMES_LIST(TIME_KEY)
#undef TIME_KEY
};

static const char *const time_tags[] = {
#define TIME_TAG(id, key, tag) tag,
    SERIES_TIMES_LIST(TIME_TAG)
#undef TIME_TAG
};

void series_tag(const struct series *series, enum series_time time, char *out, size_t size)
{
    char scenario[3 * sizeof series->scenario], name[3 * sizeof series->name];
    hlog_escape(series->scenario, scenario, sizeof scenario);
    hlog_escape(series->name, name, sizeof name);
    snprintf(out, size, "%s/%s/%s%s%s", scenario, series_kind_name(series->kind), name,
             time_tags[time][0] ? "/" : "", time_tags[time]);
}

static void put_times(struct json_out *o, const char *key, const struct histogram *h)
{
    if (h->count == 0)
        return;
    struct percentile p[] = {{.percent = 50}, {.percent = 95}, {.percent = 99}};
    histogram_percentiles(h, p, 3);
    jo_open(o, key, '{');
    jo_uint(o, "count", h->count);
    jo_ms(o, "sum", h->sum_ns);
    jo_ms(o, "min", (uint64_t)h->min_ns);
    jo_ms(o, "p50", (uint64_t)p[0].ns);
    jo_ms(o, "p95", (uint64_t)p[1].ns);
    jo_ms(o, "p99", (uint64_t)p[2].ns);
    jo_ms(o, "max", (uint64_t)h->max_ns);
    if (h->clamped)
        jo_uint(o, "clamped", h->clamped);
    jo_close(o, '}');
}

static void put_name(struct json_out *o, const struct series *series)
{
    jo_string(o, "scenario", series->scenario);
    jo_string(o, "of", series_kind_name(series->kind));
    jo_string(o, "name", series->name);
}

static void put_row(struct json_out *o, const struct series *series, const struct second_row *row)
{
    if (!row->started && !row->succeeded && !row->failed && !row->cancelled && !row->in_flight)
        return;
    jo_open(o, NULL, '{');
    put_name(o, series);
    jo_uint(o, "started", row->started);
    jo_uint(o, "succeeded", row->succeeded);
    jo_uint(o, "failed", row->failed);
    jo_uint(o, "cancelled", row->cancelled);
    jo_int(o, "in_flight", row->in_flight);
    jo_uint(o, "bytes_sent", row->bytes_sent);
    jo_uint(o, "bytes_received", row->bytes_received);
    for (int t = 0; t < SERIES_TIMES; t++)
        put_times(o, time_keys[t], &row->times[t]);
    jo_close(o, '}');
}

static void put_failures(struct json_out *o, const struct second *s)
{
    jo_open(o, "errors", '[');
    for (unsigned i = 0; i < s->failures.count; i++) {
        const struct failure_entry *e = &s->failures.entries[i];
        jo_open(o, NULL, '{');
        put_name(o, &s->series->series[e->series]);
        jo_string(o, "kind", e->kind);
        jo_int(o, "code", e->code);
        jo_int(o, "status", e->status);
        jo_uint(o, "count", e->count);
        jo_close(o, '}');
    }
    for (unsigned i = 0; s->failures.others && i < s->series->count; i++) {
        if (!s->failures.other[i])
            continue;
        jo_open(o, NULL, '{');
        put_name(o, &s->series->series[i]);
        jo_string(o, "kind", "other");
        jo_int(o, "code", 0);
        jo_int(o, "status", 0);
        jo_uint(o, "count", s->failures.other[i]);
        jo_close(o, '}');
    }
    jo_close(o, ']');
}

static void put_clients(struct json_out *o, const struct meter_clients *clients)
{
    jo_open(o, "clients", '{');
    jo_uint(o, "thinking", clients->thinking);
    jo_uint(o, "running", clients->running);
    jo_uint(o, "waiting_arrivals", clients->waiting_arrivals);
    jo_uint(o, "done", clients->done);
    jo_close(o, '}');
}

/* Shares need no more than a tenth of a percent. */
static double rounded(double share)
{
    return round(share * 1000) / 1000;
}

static void put_lanes(struct json_out *o, const struct second *s)
{
    jo_open(o, "lanes", '[');
    for (unsigned i = 0; i < s->lane_count; i++) {
        const struct second_lane *lane = &s->lanes[i];
        jo_open(o, NULL, '{');
        if (lane->segment)
            jo_uint(o, "segment", lane->segment);
        jo_uint(o, "lane", lane->segment ? lane->lane : i);
        jo_bool(o, "answered", lane->answered);
        jo_number(o, "cpu", rounded(lane->cpu));
        jo_number(o, "run_wait", rounded(lane->wait));
        jo_seconds(o, "cpu_s", (uint64_t)lane->cpu_ns);
        jo_uint(o, "fibers", lane->fibers);
        jo_number(o, "fiber_wait_ms", rounded(lane->fiber_wait_ms));
        jo_uint(o, "posts_refused", lane->posts_refused);
        jo_close(o, '}');
    }
    jo_close(o, ']');
}

static void put_generator(struct json_out *o, const struct second *s)
{
    jo_open(o, "generator", '{');
    jo_seconds(o, "cpu_s", (uint64_t)s->cpu_ns);
    put_lanes(o, s);
    put_times(o, "loop_lag_ms", &s->lag);
    jo_open(o, "phases_ms", '{');
    for (int i = 0; i < PHASES; i++)
        put_times(o, meter_phase_name((enum meter_phase)i), &s->phases[i]);
    jo_close(o, '}');
    jo_seconds(o, "crypto_s", (uint64_t)s->clocks_ns[METER_CRYPTO]);
    jo_seconds(o, "state_s", (uint64_t)s->clocks_ns[METER_STATE]);
    jo_number(o, "steal", rounded(s->steal));
    jo_uint(o, "rss_anon_bytes", s->rss_anon);
    jo_uint(o, "descriptors", s->descriptors);
    jo_open(o, "flags", '[');
    for (int f = 0; f < HEALTH_FLAGS; f++)
        if (s->flags >> f & 1)
            jo_string(o, NULL, health_flag_name((enum health_flag)f));
    jo_close(o, ']');
    jo_close(o, '}');
}

void timeline_line(const struct second *s, struct buf *out)
{
    char utc[UTC_TEXT_MAX];
    struct json_out o = {.buf = out};
    jo_open(&o, NULL, '{');
    jo_seconds(&o, "t", (uint64_t)s->end_ns);
    jo_seconds(&o, "seconds", (uint64_t)(s->end_ns - s->start_ns));
    jo_string(&o, "wall", utc_format(s->wall_us, utc));
    jo_bool(&o, "steady", s->steady);
    if (s->gap)
        jo_bool(&o, "gap", true);
    jo_open(&o, "series", '[');
    for (unsigned i = 0; i < s->series->count; i++)
        put_row(&o, &s->series->series[i], &s->rows[i]);
    jo_close(&o, ']');
    put_failures(&o, s);
    put_clients(&o, &s->clients);
    jo_open(&o, "events", '{');
    for (int i = 0; i < EVENTS; i++)
        jo_uint(&o, meter_event_name((enum meter_event)i), s->events[i]);
    jo_close(&o, '}');
    if (!s->gap)
        put_generator(&o, s);
    jo_bool(&o, "accounting", s->accounting);
    jo_close(&o, '}');
    buf_char(out, '\n');
}
