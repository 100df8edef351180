/* The seconds of several segments, side by side, as the seconds of one run. */
#include <string.h>

#include "core/report/merge_inside.h"
#include "core/util/clock.h"

/* --- second after second ------------------------------------------------------------------ */

/* Buckets without a count come only from files that do not fit each other. */
static void forget_stray(struct histogram *h)
{
    uint64_t touched = 0;
    for (int c = 0; h->count == 0 && c < HISTOGRAM_CHUNKS; c++)
        touched |= h->touched[c];
    if (touched)
        histogram_free(h);
}

static void clear(struct merge *m)
{
    struct second *s = &m->second;
    for (unsigned i = 0; i < s->series->count; i++)
        for (int k = 0; k < SERIES_TIMES; k++)
            forget_stray(&s->rows[i].times[k]);
    for (int i = 0; i < PHASES; i++)
        forget_stray(&s->phases[i]);
    forget_stray(&s->lag);
    second_clear(s);
    s->wall_us = 0;
    for (size_t i = 0; i < m->count; i++) {
        struct merge_segment *x = m->segments[i];
        x->taken_s = 0;
        for (unsigned l = 0; l < x->lanes; l++) {
            s->lanes[x->first_lane + l].segment = x->index;
            s->lanes[x->first_lane + l].lane = l;
        }
    }
}

/* The middle of a segment's next block on the axis of whole seconds; INT64_MAX at its end. There a
 * segment's n-th second always meets the same second of another, however their ticks jitter. */
static int64_t middle(const struct merge_segment *s, int64_t *end_ns)
{
    int64_t start_ns;
    if (!merge_segment_next(s, &start_ns, end_ns))
        return INT64_MAX;
    int64_t mid = start_ns + (*end_ns - start_ns) / 2 + s->shift_ns;
    *end_ns += s->shift_ns;
    return mid;
}

/* Up to where the next merged second takes what begins; false: all segments have ended. */
static bool next_limit(const struct merge *m, int64_t *limit_ns)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < m->count; i++) {
        int64_t end_ns = 0, mid = middle(m->segments[i], &end_ns);
        if (mid >= first)
            continue;
        first = mid;
        int64_t whole = (mid / NS_PER_S + 1) * NS_PER_S;
        *limit_ns = end_ns > whole ? end_ns : whole;
    }
    return first != INT64_MAX;
}

/* A block that ends where the second ends is a part of it: it would leave no time of its own. */
static bool ends_within(const struct merge_segment *s, const struct merge_sum *sum)
{
    int64_t start_ns, end_ns;
    return merge_segment_next(s, &start_ns, &end_ns) &&
           end_ns + s->offset_ns <= sum->end_ns + MERGE_TOLERANCE_NS;
}

static int take_blocks(struct merge *m, int64_t limit_ns, struct merge_sum *sum, bool *whole,
                       char why[MERGE_ERROR_MAX])
{
    int64_t end_ns;
    for (int round = 0; round < 2; round++) { /* by their middles; then by their ends */
        for (size_t i = 0; i < m->count; i++) {
            struct merge_segment *s = m->segments[i];
            if (round == 0 && !s->line)
                *whole = false; /* it has ended before */
            while (round == 0 ? middle(s, &end_ns) < limit_ns : ends_within(s, sum)) {
                int code = merge_segment_take(s, sum, why);
                if (code)
                    return code;
            }
            *whole &= s->begun;
        }
    }
    return 0;
}

static void sum_gauges(struct merge *m)
{
    struct second *s = &m->second;
    s->rss_anon = 0;
    s->descriptors = 0;
    for (size_t k = 0; k < m->count; k++) {
        const struct merge_segment *x = m->segments[k];
        for (unsigned i = 0; i < s->series->count; i++)
            s->rows[i].in_flight += x->in_flight[i];
        s->clients.thinking += x->clients.thinking;
        s->clients.running += x->clients.running;
        s->clients.waiting_arrivals += x->clients.waiting_arrivals;
        s->clients.done += x->clients.done;
        s->rss_anon += x->rss_anon;
        s->descriptors += x->descriptors;
    }
}

static void explain(struct merge *m)
{
    for (unsigned i = 0; m->second.failures.count && i < m->examples.count; i++) {
        const struct failure_entry *e = &m->examples.entries[i];
        struct failure failure = {
            .kind = e->kind, .error = e->error, .code = e->code, .status = e->status};
        memcpy(failure.text, e->first, sizeof failure.text);
        failures_explain(&m->second.failures, e->series, &failure);
    }
}

static void count_buckets(struct merge *m)
{
    for (unsigned i = 0; i < m->series.count; i++) {
        const struct histogram *h = &m->second.rows[i].times[TIME_LATENCY];
        uint64_t count;
        if (h->count == 0)
            continue;
        m->latencies[i] += h->count;
        for (int index = -1; histogram_next(h, &index, &count);)
            m->found[i] += count;
    }
}

static int feed_gaps(struct merge *m, struct reporter *r, unsigned gaps)
{
    int code = 0;
    int64_t wall_us = m->second.wall_us;
    for (; gaps > 0 && !code; gaps--) {
        clear(m);
        sum_gauges(m);
        m->second.start_ns = m->second.end_ns = m->end_ns;
        m->second.wall_us = wall_us;
        m->second.gap = true;
        code = reporter_feed(r, &m->second);
    }
    return code;
}

/* The steady window is one piece, in which every segment plays and is steady itself. */
static bool is_steady(struct merge *m, const struct merge_sum *sum, bool whole)
{
    bool steady = whole && !m->steady_over && sum->lines > 0 && sum->lines == sum->steady_lines;
    m->steady_over |= m->steady && !steady;
    m->steady = steady;
    return steady;
}

static int merge_second(struct merge *m, struct reporter *r, int64_t limit_ns, bool *read,
                        char why[MERGE_ERROR_MAX])
{
    struct second *s = &m->second;
    struct merge_sum sum = {.into = s,
                            .scratch = &m->scratch,
                            .buckets = &m->buckets,
                            .tags = m->tags,
                            .end_ns = m->end_ns};
    bool whole = true;
    clear(m);
    int code = take_blocks(m, limit_ns, &sum, &whole, why);
    *read = code == 0;
    if (code)
        return code;
    s->start_ns = m->end_ns;
    s->end_ns = m->end_ns = sum.end_ns;
    s->steady = is_steady(m, &sum, whole);
    s->steal = sum.steal_seconds > 0 ? sum.steal_sum / sum.steal_seconds : 0;
    sum_gauges(m);
    explain(m);
    count_buckets(m);
    code = reporter_feed(r, s);
    return code ? code : feed_gaps(m, r, sum.gaps);
}

int merge_seconds(struct merge *m, struct reporter *r, int *write_code, char why[MERGE_ERROR_MAX])
{
    int code = 0;
    int64_t limit_ns;
    for (size_t i = 0; i < m->count && !code; i++)
        code = merge_segment_first(m->segments[i], why);
    while (!code && next_limit(m, &limit_ns)) {
        bool read;
        int result = merge_second(m, r, limit_ns, &read, why);
        if (!read)
            code = result;
        else if (result && !*write_code)
            *write_code = result;
    }
    return code;
}
