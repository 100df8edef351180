/* summary.json */
#include <math.h>
#include <stdio.h>

#include "core/report/json_out.h"
#include "core/report/summary.h"
#include "core/util/clock.h"

static void put_times(struct json_out *o, const char *key, const struct summary_times *t)
{
    if (t->count == 0) {
        jo_null(o, key);
        return;
    }
    jo_open(o, key, '{');
    jo_uint(o, "count", t->count);
    jo_number(o, "min", t->min);
    jo_number(o, "mean", t->mean);
    jo_number(o, "stddev", t->stddev);
    jo_number(o, "p50", t->p50);
    jo_number(o, "p90", t->p90);
    jo_number(o, "p95", t->p95);
    jo_number(o, "p99", t->p99);
    jo_number(o, "p999", t->p999);
    jo_number(o, "max", t->max);
    if (t->clamped)
        jo_uint(o, "clamped", t->clamped);
    jo_close(o, '}');
}

static void put_counts(struct json_out *o, const char *key, const struct summary_counts *c)
{
    jo_open(o, key, '{');
    jo_uint(o, "started", c->started);
    jo_uint(o, "succeeded", c->succeeded);
    jo_uint(o, "failed", c->failed);
    jo_uint(o, "cancelled", c->cancelled);
    jo_int(o, "in_flight", c->in_flight);
    jo_number(o, "per_second", c->per_second);
    put_times(o, "latency_ms", &c->times[TIME_LATENCY]);
    put_times(o, "failed_latency_ms", &c->times[TIME_FAILED]);
    put_times(o, "start_delay_ms", &c->times[TIME_DELAY]);
    jo_uint(o, "bytes_sent", c->bytes_sent);
    jo_uint(o, "bytes_received", c->bytes_received);
    jo_close(o, '}');
}

static void put_rows(struct json_out *o, const char *key, const struct summary *s,
                     enum series_kind kind)
{
    jo_open(o, key, '[');
    for (unsigned i = 0; i < s->row_count; i++) {
        const struct summary_row *row = &s->rows[i];
        if (row->series.kind != kind || (kind == SERIES_REQUEST && !row->used))
            continue;
        jo_open(o, NULL, '{');
        jo_string(o, "scenario", row->series.scenario);
        jo_string(o, "name", row->series.name);
        put_counts(o, "whole", &row->whole);
        if (s->run.steady_seconds > 0)
            put_counts(o, "steady", &row->steady);
        else
            jo_null(o, "steady");
        jo_close(o, '}');
    }
    jo_close(o, ']');
}

static void put_wall(struct json_out *o, const char *key, int64_t wall_us)
{
    char utc[UTC_TEXT_MAX];
    jo_string(o, key, wall_us ? utc_format(wall_us, utc) : NULL);
}

static void put_run(struct json_out *o, const struct summary_run *run)
{
    char id[2 * RUN_ID_SIZE + 1];
    for (int i = 0; i < RUN_ID_SIZE; i++)
        snprintf(id + 2 * i, 3, "%02x", run->run_id[i]);
    jo_open(o, "run", '{');
    jo_string(o, "name", run->name);
    jo_string(o, "id", id);
    jo_string(o, "folder", run->folder);
    jo_uint(o, "seed", run->seed);
    put_wall(o, "started", run->started_wall_us);
    put_wall(o, "ended", run->ended_wall_us);
    jo_number(o, "seconds", run->seconds);
    if (run->steady_seconds > 0) {
        jo_open(o, "steady_window", '{');
        jo_number(o, "start_s", run->steady_start);
        jo_number(o, "end_s", run->steady_end);
        jo_number(o, "seconds", run->steady_seconds);
        jo_close(o, '}');
    } else {
        jo_null(o, "steady_window");
    }
    jo_uint(o, "gaps", run->gaps);
    jo_string(o, "outcome", run->outcome);
    jo_close(o, '}');
}

static void put_scenarios(struct json_out *o, const struct summary *s)
{
    jo_open(o, "scenarios", '[');
    for (unsigned i = 0; i < s->scenario_count; i++) {
        const struct summary_scenario *x = &s->scenarios[i];
        jo_open(o, NULL, '{');
        jo_string(o, "name", x->name);
        jo_string(o, "simulator", x->simulator);
        jo_string(o, "model", x->model);
        jo_uint(o, "clients", x->clients);
        jo_close(o, '}');
    }
    jo_close(o, ']');
}

static void put_errors(struct json_out *o, const struct summary *s)
{
    jo_open(o, "errors", '[');
    for (unsigned i = 0; i < s->error_count; i++) {
        const struct summary_error *e = &s->errors[i];
        jo_open(o, NULL, '{');
        jo_string(o, "kind", e->failure.kind);
        if (e->failure.code)
            jo_int(o, "code", e->failure.code);
        else
            jo_null(o, "code");
        if (e->failure.status)
            jo_int(o, "status", e->failure.status);
        else
            jo_null(o, "status");
        jo_uint(o, "count", e->failure.count);
        jo_string(o, "first", e->failure.first[0] ? e->failure.first : NULL);
        jo_string(o, "scenario", e->series.scenario);
        jo_string(o, "of", series_kind_name(e->series.kind));
        jo_string(o, "name", e->series.name);
        jo_close(o, '}');
    }
    jo_close(o, ']');
    jo_open(o, "thresholds", '[');
    for (unsigned i = 0; i < s->threshold_count; i++) {
        jo_open(o, NULL, '{');
        jo_string(o, "expression", s->thresholds[i].expression);
        jo_bool(o, "held", s->thresholds[i].held);
        jo_number(o, "value", s->thresholds[i].value);
        jo_close(o, '}');
    }
    jo_close(o, ']');
}

static void put_lanes(struct json_out *o, const struct summary_generator *g)
{
    jo_open(o, "lanes", '[');
    for (unsigned i = 0; i < g->lane_count; i++) {
        jo_open(o, NULL, '{');
        if (g->lanes[i].segment)
            jo_uint(o, "segment", g->lanes[i].segment);
        jo_uint(o, "lane", g->lanes[i].segment ? g->lanes[i].lane : i);
        jo_number(o, "cpu_s", g->lanes[i].cpu_s);
        jo_number(o, "cpu_mean", g->lanes[i].cpu_mean);
        jo_number(o, "cpu_max", g->lanes[i].cpu_max);
        jo_number(o, "run_wait_mean", g->lanes[i].wait_mean);
        jo_number(o, "run_wait_max", g->lanes[i].wait_max);
        jo_close(o, '}');
    }
    jo_close(o, ']');
}

static void put_generator(struct json_out *o, const struct summary_generator *g)
{
    int steady = g->tally.seconds[1] > 0;
    jo_open(o, "generator", '{');
    jo_bool(o, "bottleneck", g->verdict.bottleneck);
    jo_string(o, "reason", g->verdict.bottleneck ? health_flag_name(g->verdict.reason) : NULL);
    jo_uint(o, "seconds", g->verdict.seconds);
    jo_uint(o, "flagged_seconds", g->verdict.flagged);
    jo_open(o, "flagged_by", '{');
    for (int f = 0; f < HEALTH_FLAGS; f++)
        jo_uint(o, health_flag_name((enum health_flag)f), g->tally.by_flag[steady][f]);
    jo_close(o, '}');
    jo_number(o, "cpu_s", g->cpu_s);
    put_lanes(o, g);
    put_times(o, "loop_lag_ms", &g->lag);
    jo_number(o, "crypto_s", g->crypto_s);
    jo_number(o, "state_s", g->state_s);
    jo_uint(o, "rss_anon_bytes", g->rss_anon);
    jo_uint(o, "rss_anon_max_bytes", g->rss_anon_max);
    jo_number(o, "steal", g->steal_mean);
    jo_open(o, "events", '{');
    for (int i = 0; i < EVENTS; i++)
        jo_uint(o, meter_event_name((enum meter_event)i), g->events[i]);
    jo_close(o, '}');
    jo_open(o, "phases_ms", '{');
    for (int i = 0; i < PHASES; i++)
        put_times(o, meter_phase_name((enum meter_phase)i), &g->phases[i]);
    jo_close(o, '}');
    jo_close(o, '}');
}

void summary_json(const struct summary *s, struct buf *out)
{
    struct json_out o = {.buf = out, .indent_depth = 2};
    jo_open(&o, NULL, '{');
    jo_uint(&o, "format", 1);
    put_run(&o, &s->run);
    put_scenarios(&o, s);
    put_rows(&o, "iterations", s, SERIES_ITERATION);
    put_rows(&o, "steps", s, SERIES_STEP);
    put_rows(&o, "requests", s, SERIES_REQUEST);
    put_errors(&o, s);
    put_generator(&o, &s->generator);
    jo_bool(&o, "accounting", s->accounting);
    jo_open(&o, "accounting_detail", '[');
    for (unsigned i = 0; i < s->detail_count; i++)
        jo_string(&o, NULL, s->detail[i]);
    jo_close(&o, ']');
    jo_close(&o, '}');
    buf_char(out, '\n');
}
