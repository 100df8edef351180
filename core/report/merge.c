/* Merging from the outside in: open, align, write; and what the whole run says at its end. */
#include "core/report/merge.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/report/merge_inside.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

/* --- opening ------------------------------------------------------------------------------ */

static int by_index(const void *a, const void *b)
{
    const struct merge_segment *x = *(struct merge_segment *const *)a;
    const struct merge_segment *y = *(struct merge_segment *const *)b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return strcmp(x->path, y->path);
}

static int open_segments(struct merge *m, const struct merge_options *o, char why[MERGE_ERROR_MAX])
{
    for (size_t i = 0; i < o->count; i++) {
        struct merge_segment *s = calloc(1, sizeof *s);
        if (!s)
            die("out of memory for merging");
        m->segments[m->count++] = s;
        int code = merge_segment_open(s, o->folders[i], why);
        if (code)
            return code;
    }
    int code = merge_check_same_run(m, why);
    if (code)
        return code;
    qsort(m->segments, m->count, sizeof *m->segments, by_index);
    return o->partial ? 0 : merge_check_complete(m, why);
}

static unsigned scenario_place(const struct merge *m, const struct series *series)
{
    const struct reporter_end *run = &m->segments[0]->run.end;
    for (unsigned i = 0; i < run->scenario_count; i++)
        if (run->scenarios[i].name && !strcmp(run->scenarios[i].name, series->scenario))
            return i;
    return run->scenario_count;
}

/* In the order of a run: scenarios as in the plan; iteration, steps, requests. */
static void order_series(struct merge *m)
{
    struct series_table *all = &m->series, sorted = {.count = 0};
    struct failure_table examples = {.count = 0};
    unsigned place[SERIES_MAX] = {0}, scenarios = m->segments[0]->run.end.scenario_count;
    for (unsigned scenario = 0; scenario <= scenarios; scenario++)
        for (int kind = SERIES_ITERATION; kind <= SERIES_REQUEST; kind++)
            for (unsigned i = 0; i < all->count; i++)
                if ((int)all->series[i].kind == kind &&
                    scenario_place(m, &all->series[i]) == scenario) {
                    place[i] = sorted.count;
                    sorted.series[sorted.count++] = all->series[i];
                }
    for (unsigned i = 0; i < m->examples.count; i++)
        m->examples.entries[i].series = place[m->examples.entries[i].series];
    m->examples.others = 0; /* they have no examples */
    failures_merge(&examples, &m->examples);
    failures_free(&m->examples);
    m->examples = examples;
    *all = sorted;
}

/* The load that began first is the zero of the merged axis. */
static void align(struct merge *m)
{
    for (size_t i = 0; i < m->count; i++) {
        int64_t zero = m->segments[i]->zero_wall_us;
        if (zero && (!m->zero_wall_us || zero < m->zero_wall_us))
            m->zero_wall_us = zero;
    }
    for (size_t i = 0; i < m->count; i++) {
        struct merge_segment *s = m->segments[i];
        if (s->zero_wall_us)
            s->offset_ns = (s->zero_wall_us - m->zero_wall_us) * NS_PER_US;
        s->shift_ns = (s->offset_ns + NS_PER_S / 2) / NS_PER_S * NS_PER_S;
        s->first_lane = m->lanes;
        m->lanes += s->lanes;
    }
}

int merge_open(struct merge **out, const struct merge_options *options, char why[MERGE_ERROR_MAX])
{
    struct merge *m = calloc(1, sizeof *m);
    assert(options->count > 0);
    if (!m)
        die("out of memory for merging");
    m->segments = calloc(options->count, sizeof(struct merge_segment *));
    if (!m->segments)
        die("out of memory for merging");
    int code = merge_check_named_once(options, why);
    if (!code)
        code = open_segments(m, options, why);
    for (size_t i = 0; !code && i < m->count; i++)
        merge_segment_series(m->segments[i], &m->series);
    for (size_t i = 0; !code && i < m->count; i++)
        code = merge_segment_load(m->segments[i], &m->series, &m->examples, why);
    if (code) {
        merge_free(m);
        return code;
    }
    order_series(m);
    align(m);
    *out = m;
    return 0;
}

void merge_free(struct merge *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->count; i++) {
        merge_segment_free(m->segments[i]);
        free(m->segments[i]);
    }
    free(m->segments);
    failures_free(&m->examples);
    free(m);
}

const char *merge_name(const struct merge *m)
{
    const char *name = m->segments[0]->run.end.name;
    return name ? name : "merged";
}

/* --- what there is to say ----------------------------------------------------------------- */

static int64_t last_offset(const struct merge *m, const struct merge_segment **last)
{
    *last = m->segments[0];
    for (size_t i = 1; i < m->count; i++)
        if (m->segments[i]->offset_ns > (*last)->offset_ns)
            *last = m->segments[i];
    return (*last)->offset_ns;
}

void merge_remarks(const struct merge *m, struct buf *out)
{
    const struct merge_segment *last;
    struct buf missing = {0};
    double skew_s = (double)last_offset(m, &last) / (double)NS_PER_S;
    buf_printf(out,
               "merged %zu of %u segments; the last load (segment %u) began %.3f s after the "
               "first\n",
               m->count, m->segments[0]->count, last->index, skew_s);
    if (merge_put_missing(m, &missing))
        buf_printf(out, "missing: segment %s\n", (const char *)missing.data);
    buf_free(&missing);
    for (size_t i = 0; i < m->count; i++) {
        const struct merge_segment *s = m->segments[i];
        struct health_verdict verdict;
        health_verdict(&s->tally, &verdict);
        if (!s->zero_wall_us)
            buf_printf(out, "segment %u (%s) measured nothing\n", s->index, s->path);
        if (verdict.bottleneck)
            buf_printf(out, "segment %u (%s) was a bottleneck: %s\n", s->index, s->path,
                       health_flag_name(verdict.reason));
    }
}

/* --- the end ------------------------------------------------------------------------------ */

static void check_segment(struct reporter *r, const struct merge_segment *s)
{
    for (unsigned i = 0; i < s->detail_count; i++)
        reporter_check(r, s->accounting, "segment %u: %s", s->index, s->detail[i]);
    if (!s->accounting && s->detail_count == 0)
        reporter_check(r, false, "segment %u: its accounting does not hold", s->index);
}

/* What does not hold first: there is room for some sentences only. */
static void check(const struct merge *m, struct reporter *r)
{
    struct buf missing = {0};
    for (unsigned i = 0; i < m->series.count; i++)
        if (m->latencies[i] != m->found[i])
            reporter_check(r, false,
                           "%s of %s: the histograms hold %" PRIu64 " of %" PRIu64 " latencies",
                           m->series.series[i].name, m->series.series[i].scenario, m->found[i],
                           m->latencies[i]);
    if (merge_put_missing(m, &missing))
        reporter_check(r, true, "without segment %s of %u", (const char *)missing.data,
                       m->segments[0]->count);
    buf_free(&missing);
    for (int held = 0; held < 2; held++)
        for (size_t i = 0; i < m->count; i++)
            if (m->segments[i]->accounting == held)
                check_segment(r, m->segments[i]);
}

double merge_flagged_share(const struct health_tally *tally)
{
    struct health_verdict verdict;
    health_verdict(tally, &verdict);
    return verdict.seconds ? (double)verdict.flagged / (double)verdict.seconds : 0;
}

static const struct health_tally *worst_tally(const struct merge *m)
{
    const struct health_tally *worst = &m->segments[0]->tally;
    for (size_t i = 1; i < m->count; i++)
        if (merge_flagged_share(&m->segments[i]->tally) > merge_flagged_share(worst))
            worst = &m->segments[i]->tally;
    return worst;
}

static const char *outcome(const struct merge *m)
{
    static const char *const worst_first[] = {"failed", "killed", "interrupted"};
    for (int i = 0; i < 3; i++)
        for (size_t k = 0; k < m->count; k++) {
            const char *said = merge_segment_outcome(m->segments[k]);
            if (said && strcmp(said, worst_first[i]) == 0)
                return worst_first[i];
        }
    for (size_t k = 0; k < m->count; k++)
        if (!merge_segment_outcome(m->segments[k]))
            return NULL;
    return "completed";
}

static int64_t ended_wall_us(const struct merge *m)
{
    int64_t last = 0;
    for (size_t i = 0; i < m->count; i++) {
        int64_t ended = m->segments[i]->run.end.ended_wall_us;
        if (!ended)
            return 0;
        last = ended > last ? ended : last;
    }
    return last;
}

static int64_t started_wall_us(const struct merge *m)
{
    int64_t first = m->segments[0]->run.started_wall_us;
    for (size_t i = 1; i < m->count; i++)
        if (m->segments[i]->run.started_wall_us < first)
            first = m->segments[i]->run.started_wall_us;
    return first;
}

static int finish(struct merge *m, struct reporter *r, struct summary **summary)
{
    const struct merge_segment *first = m->segments[0];
    struct reporter_end end = first->run.end;
    end.ended_wall_us = ended_wall_us(m);
    end.outcome = outcome(m);
    end.tally = worst_tally(m);
    check(m, r);
    return reporter_finish(r, &end, summary);
}

static int write_whole_files(const struct merge *m, struct run_folder *out)
{
    struct merge_manifest manifest = {.segments = m->segments,
                                      .count = m->count,
                                      .started_wall_us = started_wall_us(m),
                                      .ended_wall_us = ended_wall_us(m)};
    int code = run_folder_write(out, RUN_PLAN, buf_slice(&m->segments[0]->plan));
    return code ? code : merge_manifest_save(out, &manifest);
}

int merge_write(struct merge *m, struct run_folder *out, struct summary **summary,
                char why[MERGE_ERROR_MAX])
{
    struct reporter *r;
    struct reporter_options options = {
        .folder = out, .series = &m->series, .start_wall_us = m->zero_wall_us};
    *summary = NULL;
    int write_code = write_whole_files(m, out);
    int code = write_code ? write_code : reporter_new(&r, &options);
    if (code)
        return merge_say(why, code, "%s", run_folder_error(out));
    second_init(&m->second, &m->series, m->lanes);
    second_init(&m->scratch, &m->series, TIMELINE_LANES_MAX);
    histogram_init(&m->buckets, true);
    m->tags = merge_tags_new(&m->series);
    code = merge_seconds(m, r, &write_code, why);
    if (!code) {
        int last = finish(m, r, summary);
        code = write_code ? write_code : last;
        if (code)
            merge_say(why, code, "%s", run_folder_error(out));
    }
    merge_tags_free(m->tags);
    histogram_free(&m->buckets);
    second_free(&m->scratch);
    second_free(&m->second);
    reporter_free(r);
    return code;
}
