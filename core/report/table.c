/* The end of a run in the terminal: 120 columns, plain text, the same in a log. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/report/terminal.h"
#include "core/util/clock.h"

#define LABEL_WIDTH 24
#define TABLE_WIDTH 120
#define CELL_MAX 32
#define ERRORS_SHOWN 20

/* --- cells -------------------------------------------------------------------------------- */

/* Milliseconds in at most six characters. */
static const char *ms_cell(double ms, char out[CELL_MAX])
{
    if (isnan(ms))
        snprintf(out, CELL_MAX, "-");
    else if (ms < 9.995)
        snprintf(out, CELL_MAX, "%.2f", ms);
    else if (ms < 99.95)
        snprintf(out, CELL_MAX, "%.1f", ms);
    else if (ms < 999999.5)
        snprintf(out, CELL_MAX, "%.0f", ms);
    else
        snprintf(out, CELL_MAX, "%.0fs", ms / 1000);
    return out;
}

static const char *rate_cell(double rate, char out[CELL_MAX])
{
    if (isnan(rate))
        snprintf(out, CELL_MAX, "-");
    else
        snprintf(out, CELL_MAX, rate < 99.995 ? "%.2f" : rate < 9999.95 ? "%.1f" : "%.0f", rate);
    return out;
}

/* KB are 1,000 bytes here, as KB/s in networks are. */
static const char *kb_cell(uint64_t bytes, double seconds, char out[CELL_MAX])
{
    double rate = seconds > 0 ? (double)bytes / seconds / 1000 : NAN;
    if (isnan(rate))
        snprintf(out, CELL_MAX, "-");
    else if (rate < 99999.5)
        snprintf(out, CELL_MAX, rate < 99.95 ? "%.1f" : "%.0f", rate);
    else
        snprintf(out, CELL_MAX, "%.0fM", rate / 1000);
    return out;
}

static const char *share_cell(uint64_t part, uint64_t whole, char out[CELL_MAX])
{
    if (whole == 0)
        snprintf(out, CELL_MAX, "-");
    else
        snprintf(out, CELL_MAX, part * 10 < whole ? "%.2f" : "%.1f",
                 100.0 * (double)part / (double)whole);
    return out;
}

/* At most `width` characters. */
static const char *count_cell(uint64_t count, int width, char out[CELL_MAX])
{
    int len = snprintf(out, CELL_MAX, "%" PRIu64, count);
    if (len > width)
        snprintf(out, CELL_MAX, count < UINT64_C(999950000) ? "%.1fM" : "%.0fM",
                 (double)count / 1e6);
    return out;
}

/* Too long a label is cut at its end, where it differs least from its neighbours. */
static const char *label_cell(const struct series *series, char out[LABEL_WIDTH + 1])
{
    const char *indent = series->kind == SERIES_REQUEST ? "  " : "";
    size_t room = LABEL_WIDTH - 1 - strlen(indent); /* a blank follows */
    bool cut = strlen(series->name) > room;
    snprintf(out, LABEL_WIDTH + 1, "%s%.*s%s", indent, (int)(cut ? room - 1 : room), series->name,
             cut ? "~" : "");
    return out;
}

/* --- the table ---------------------------------------------------------------------------- */

static void put_rule(struct buf *out, char c)
{
    for (int i = 0; i < TABLE_WIDTH; i++)
        buf_char(out, c);
    buf_char(out, '\n');
}

static void put_head(struct buf *out)
{
    buf_printf(out, "%-*s%8s%7s%6s%7s%6s%7s%7s%7s%7s%7s%7s%8s%6s%6s\n", LABEL_WIDTH, "label",
               "samples", "failed", "err%", "avg", "min", "max", "median", "p90", "p95", "p99",
               "p99.9", "per s", "recv", "sent");
    buf_printf(out, "%-*s%8s%7s%6s%7s%6s%7s%7s%7s%7s%7s%7s%8s%6s%6s\n", LABEL_WIDTH, "", "", "", "",
               "ms", "ms", "ms", "ms", "ms", "ms", "ms", "ms", "", "KB/s", "KB/s");
}

static void put_row(struct buf *out, const struct series *series, const struct summary_counts *c,
                    double seconds)
{
    char label[LABEL_WIDTH + 1], cell[14][CELL_MAX];
    const struct summary_times *t = &c->times[TIME_LATENCY];
    uint64_t samples = c->succeeded + c->failed;
    buf_printf(out, "%-*s%8s%7s%6s%7s%6s%7s%7s%7s%7s%7s%7s%8s%6s%6s\n", LABEL_WIDTH,
               label_cell(series, label), count_cell(samples, 7, cell[12]),
               count_cell(c->failed, 6, cell[13]), share_cell(c->failed, samples, cell[0]),
               ms_cell(t->mean, cell[1]), ms_cell(t->min, cell[2]), ms_cell(t->max, cell[3]),
               ms_cell(t->p50, cell[4]), ms_cell(t->p90, cell[5]), ms_cell(t->p95, cell[6]),
               ms_cell(t->p99, cell[7]), ms_cell(t->p999, cell[8]),
               rate_cell(c->per_second, cell[9]), kb_cell(c->bytes_received, seconds, cell[10]),
               kb_cell(c->bytes_sent, seconds, cell[11]));
}

static void put_scenario_name(struct buf *out, const struct summary *s, const char *name)
{
    for (unsigned i = 0; i < s->scenario_count; i++) {
        const struct summary_scenario *x = &s->scenarios[i];
        if (!x->name || strcmp(x->name, name) != 0)
            continue;
        buf_printf(out, "%s: %s, %" PRIu64 " clients, %s model\n", name,
                   x->simulator ? x->simulator : "?", x->clients, x->model ? x->model : "?");
        return;
    }
    buf_printf(out, "%s:\n", name);
}

static void put_rows(struct buf *out, const struct summary *s, bool steady)
{
    const char *scenario = NULL;
    put_head(out);
    for (unsigned i = 0; i < s->row_count; i++) {
        const struct summary_row *row = &s->rows[i];
        if (!row->used)
            continue;
        if (!scenario || strcmp(scenario, row->series.scenario) != 0)
            put_scenario_name(out, s, row->series.scenario);
        scenario = row->series.scenario;
        put_row(out, &row->series, steady ? &row->steady : &row->whole,
                steady ? s->run.steady_seconds : s->run.seconds);
    }
}

/* --- errors ------------------------------------------------------------------------------- */

/* A failed request fails its step, and that its iteration: the lowest one says what happened. */
static bool told_below(const struct summary *s, const struct summary_error *e)
{
    for (unsigned i = 0; i < s->error_count; i++) {
        const struct summary_error *x = &s->errors[i];
        if (x->series.kind > e->series.kind && x->failure.code == e->failure.code &&
            x->failure.status == e->failure.status &&
            strcmp(x->failure.kind, e->failure.kind) == 0 &&
            strcmp(x->series.scenario, e->series.scenario) == 0)
            return true;
    }
    return false;
}

static void put_error(struct buf *out, const struct summary_error *e)
{
    char what[160], line[FAILURE_TEXT_MAX + 384];
    int len = snprintf(what, sizeof what, "%s", e->failure.kind);
    if (e->failure.code)
        len += snprintf(what + len, sizeof what - (size_t)len, " code %" PRId64, e->failure.code);
    if (e->failure.status)
        snprintf(what + len, sizeof what - (size_t)len, " status %d", e->failure.status);
    snprintf(line, sizeof line, "%10" PRIu64 "  %-28s %s %s: %s", e->failure.count, what,
             e->series.scenario, e->series.name,
             e->failure.first[0] ? e->failure.first : "(no text)");
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    size_t cut = strlen(line);
    if (cut > TABLE_WIDTH) {
        cut = TABLE_WIDTH;
        while (cut > 0 && ((unsigned char)line[cut] & 0xc0) == 0x80)
            cut--; /* not inside a character */
    }
    buf_put(out, line, cut);
    buf_char(out, '\n');
}

static void put_errors(struct buf *out, const struct summary *s)
{
    unsigned shown = 0, left = 0;
    if (s->error_count == 0)
        return;
    buf_str(out, "\nErrors (count, kind, where, first example)\n");
    for (unsigned i = 0; i < s->error_count; i++) {
        if (told_below(s, &s->errors[i]))
            continue;
        if (shown < ERRORS_SHOWN) {
            put_error(out, &s->errors[i]);
            shown++;
        } else {
            left++;
        }
    }
    if (left)
        buf_printf(out, "%10s  and %u more kinds, see errors.jsonl\n", "", left);
}

/* --- ourselves ---------------------------------------------------------------------------- */

static void put_generator(struct buf *out, const struct summary *s)
{
    const struct summary_generator *g = &s->generator;
    char cell[3][CELL_MAX];
    double busiest = 0, waiting = 0;
    for (unsigned i = 0; i < g->lane_count; i++) {
        busiest = fmax(busiest, g->lanes[i].cpu_mean);
        waiting = fmax(waiting, g->lanes[i].wait_mean);
    }
    buf_printf(out,
               "\nGenerator   CPU %.2f s (cryptography %.2f, state %.2f); busiest of %u lanes "
               "%.0f %%, waiting for a core %.0f %%\n",
               g->cpu_s, g->crypto_s, g->state_s, g->lane_count, 100 * busiest, 100 * waiting);
    buf_printf(out, "            loop lag p50 %s ms, p99 %s ms, max %s ms; ",
               ms_cell(g->lag.p50, cell[0]), ms_cell(g->lag.p99, cell[1]),
               ms_cell(g->lag.max, cell[2]));
    buf_printf(out, "memory %.1f MiB RssAnon (at most %.1f)\n", (double)g->rss_anon / 1048576,
               (double)g->rss_anon_max / 1048576);
    bool any = false;
    for (int i = 0; i < EVENTS; i++) {
        if (!g->events[i])
            continue;
        buf_printf(out, "%s%s %" PRIu64, any ? ", " : "            ",
                   meter_event_name((enum meter_event)i), g->events[i]);
        any = true;
    }
    if (any)
        buf_char(out, '\n');
}

static void put_verdict(struct buf *out, const struct summary *s)
{
    const struct health_verdict *v = &s->generator.verdict;
    if (v->bottleneck)
        buf_printf(out,
                   "Bottleneck  YES: %s (in %" PRIu64 " of %" PRIu64 " %sseconds); these "
                   "numbers are partly the generator's own\n",
                   health_flag_name(v->reason), v->flagged, v->seconds,
                   s->generator.tally.seconds[1] ? "steady " : "");
    else
        buf_printf(out, "Bottleneck  no (%" PRIu64 " of %" PRIu64 " %sseconds flagged)\n",
                   v->flagged, v->seconds, s->generator.tally.seconds[1] ? "steady " : "");
    buf_printf(out, "Accounting  %s\n",
               s->accounting ? "holds: started = succeeded + failed + cancelled + in flight"
                             : "DOES NOT HOLD");
    for (unsigned i = 0; i < s->detail_count; i++)
        buf_printf(out, "            %s\n", s->detail[i]);
    for (unsigned i = 0; i < s->threshold_count; i++)
        buf_printf(out, "Threshold   %s: %s\n", s->thresholds[i].held ? "held" : "FAILED",
                   s->thresholds[i].expression);
    if (s->run.folder[0])
        buf_printf(out, "Results     %s\n", s->run.folder);
}

void summary_table(const struct summary *s, struct buf *out)
{
    buf_char(out, '\n');
    put_rule(out, '=');
    buf_printf(out, "Whole run, %.1f s%s%s\n", s->run.seconds, s->run.outcome ? ", " : "",
               s->run.outcome ? s->run.outcome : "");
    put_rule(out, '-');
    put_rows(out, s, false);
    if (s->run.steady_seconds > 0) {
        buf_printf(out, "\nSteady window, %.1f s to %.1f s\n", s->run.steady_start,
                   s->run.steady_end);
        put_rule(out, '-');
        put_rows(out, s, true);
    }
    put_errors(out, s);
    put_generator(out, s);
    put_verdict(out, s);
    put_rule(out, '=');
}
