/* A segment's seconds, one block after the other, from timeline.jsonl and histograms.hlog. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/report/merge_segment.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/json.h"
#include "core/util/log.h"

/* --- tags --------------------------------------------------------------------------------- */

struct merge_tags {
    unsigned count; /* of series */
    char text[SERIES_MAX][SERIES_TIMES][HLOG_TAG_MAX];
};

struct merge_tags *merge_tags_new(const struct series_table *series)
{
    struct merge_tags *tags = calloc(1, sizeof *tags);
    if (!tags)
        die("out of memory for merging");
    tags->count = series->count;
    for (unsigned i = 0; i < series->count; i++)
        for (int k = 0; k < SERIES_TIMES; k++)
            series_tag(&series->series[i], (enum series_time)k, tags->text[i][k], HLOG_TAG_MAX);
    return tags;
}

void merge_tags_free(struct merge_tags *tags)
{
    free(tags);
}

/* The histogram of a second that a tag names, NULL: none. */
static struct histogram *histogram_of(const struct merge_sum *sum, const char *tag)
{
    struct second *s = sum->into;
    if (strcmp(tag, LAG_TAG) == 0)
        return &s->lag;
    if (strncmp(tag, PHASE_TAG, sizeof PHASE_TAG - 1) == 0) {
        for (int i = 0; i < PHASES; i++)
            if (!strcmp(tag + sizeof PHASE_TAG - 1, meter_phase_name((enum meter_phase)i)))
                return &s->phases[i];
        return NULL;
    }
    for (unsigned i = 0; i < sum->tags->count; i++)
        for (int k = 0; k < SERIES_TIMES; k++)
            if (strcmp(tag, sum->tags->text[i][k]) == 0)
                return &s->rows[i].times[k];
    return NULL;
}

/* --- lines of either file ----------------------------------------------------------------- */

static int open_file(struct merge_segment *s, struct merge_line *line, enum run_file file,
                     char why[MERGE_ERROR_MAX])
{
    char path[PATH_MAX + 64]; /* of a folder that could be opened */
    snprintf(path, sizeof path, "%s/%s", run_folder_path(s->folder), run_file_name(file));
    line->in = fopen(path, "re");
    if (line->in || errno == ENOENT)
        return 0;
    snprintf(why, MERGE_ERROR_MAX, "cannot read %.1500s: %s", path, strerror(errno));
    return SHOAL_E_IO;
}

/* A last line that lacks its end is left out, as by every reader. */
static bool read_line(struct merge_line *line)
{
    ssize_t len = line->in ? getline(&line->text, &line->room, line->in) : -1;
    line->len = len > 0 && line->text[len - 1] == '\n' ? (size_t)len - 1 : 0;
    line->number++;
    return len > 0 && line->text[len - 1] == '\n';
}

static int64_t seconds_of(const cJSON *line, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line, key);
    double ns = cJSON_IsNumber(item) ? item->valuedouble * (double)NS_PER_S : 0;
    return ns > 0 && ns < 9e18 ? llround(ns) : 0;
}

static int next_line(struct merge_segment *s, char why[MERGE_ERROR_MAX])
{
    struct json_error error;
    cJSON_Delete(s->line);
    s->line = NULL;
    while (read_line(&s->timeline)) {
        if (json_parse(&s->line, slice_of(s->timeline.text, s->timeline.len), &error)) {
            snprintf(why, MERGE_ERROR_MAX, "%s: line %u of timeline.jsonl is damaged: %s", s->path,
                     s->timeline.number, error.text);
            return SHOAL_E_CORRUPT;
        }
        if (json_array(s->line, "series")) {
            s->line_end_ns = seconds_of(s->line, "t");
            s->line_start_ns = s->line_end_ns - seconds_of(s->line, "seconds");
            return 0;
        }
        cJSON_Delete(s->line); /* of another kind */
        s->line = NULL;
    }
    return 0;
}

static bool near_or_after(int64_t a, int64_t b)
{
    return a >= b - MERGE_TOLERANCE_NS;
}

static int64_t entry_end(const struct merge_segment *s)
{
    return s->entry.span.start_ns + s->entry.span.length_ns;
}

/* As the reader of whole folders has it: what goes beyond the timeline, and what is left from
 * seconds that were replaced by their sum, does not count. */
static bool entry_counts(struct merge_segment *s)
{
    int64_t start = s->entry.span.start_ns, end = entry_end(s);
    if (!near_or_after(s->end_ns, end))
        return false;
    if (near_or_after(start, s->group_end_ns)) {
        s->group_start_ns = start;
        s->group_end_ns = end;
        return true;
    }
    return start == s->group_start_ns && end == s->group_end_ns;
}

static void next_entry(struct merge_segment *s)
{
    s->entry_there = false;
    while (!s->entry_there && read_line(&s->log))
        s->entry_there =
            hlog_parse_line(slice_of(s->log.text, s->log.len), &s->entry) > 0 && entry_counts(s);
}

int merge_segment_first(struct merge_segment *s, char why[MERGE_ERROR_MAX])
{
    int code = open_file(s, &s->timeline, RUN_TIMELINE, why);
    if (!code)
        code = open_file(s, &s->log, RUN_HISTOGRAMS, why);
    if (!code)
        code = next_line(s, why);
    if (!code)
        next_entry(s);
    return code;
}

/* --- blocks ------------------------------------------------------------------------------- */

/* Whether the next histogram is of the time up to `end_ns`, or of a time that contains its end. */
static bool entry_belongs(const struct merge_segment *s, int64_t end_ns)
{
    return s->entry_there &&
           (!near_or_after(s->entry.span.start_ns, end_ns) || near_or_after(end_ns, entry_end(s)));
}

bool merge_segment_next(const struct merge_segment *s, int64_t *start_ns, int64_t *end_ns)
{
    if (!s->line)
        return false;
    *start_ns = s->line_start_ns;
    *end_ns = s->line_end_ns;
    if (entry_belongs(s, *end_ns) && entry_end(s) > *end_ns)
        *end_ns = entry_end(s);
    return true;
}

static void add_rows(struct merge_segment *s, struct merge_sum *sum)
{
    struct second *into = sum->into, *from = sum->scratch;
    for (unsigned i = 0; i < into->series->count; i++) {
        struct second_row *row = &into->rows[i];
        const struct second_row *x = &from->rows[i];
        row->started += x->started;
        row->succeeded += x->succeeded;
        row->failed += x->failed;
        row->cancelled += x->cancelled;
        row->bytes_sent += x->bytes_sent;
        row->bytes_received += x->bytes_received;
        s->in_flight[i] = x->in_flight;
        for (int k = 0; k < SERIES_TIMES; k++)
            histogram_merge_exact(&row->times[k], &x->times[k]);
    }
    failures_merge(&into->failures, &from->failures);
    for (int i = 0; i < PHASES; i++)
        histogram_merge_exact(&into->phases[i], &from->phases[i]);
    histogram_merge_exact(&into->lag, &from->lag);
    for (int i = 0; i < EVENTS; i++)
        into->events[i] += from->events[i];
    for (int i = 0; i < METER_CLOCKS; i++)
        into->clocks_ns[i] += from->clocks_ns[i];
}

/* Shares are means over the segment's lines so far, weighted with their lengths. */
static void add_lanes(const struct merge_segment *s, struct merge_sum *sum)
{
    const struct second *from = sum->scratch;
    double length = second_length(from), whole = s->taken_s + length;
    for (unsigned i = 0; i < from->lane_count && i < s->lanes; i++) {
        const struct second_lane *x = &from->lanes[i];
        struct second_lane *lane = &sum->into->lanes[s->first_lane + i];
        if (!x->answered)
            continue;
        lane->answered = true;
        lane->cpu_ns += x->cpu_ns;
        lane->fibers = x->fibers;
        lane->posts_refused += x->posts_refused;
        if (whole <= 0)
            continue;
        lane->cpu += (x->cpu - lane->cpu) * length / whole;
        lane->wait += (x->wait - lane->wait) * length / whole;
        lane->fiber_wait_ms += (x->fiber_wait_ms - lane->fiber_wait_ms) * length / whole;
    }
}

static void add_generator(struct merge_segment *s, struct merge_sum *sum)
{
    const struct second *from = sum->scratch;
    double length = second_length(from);
    sum->into->cpu_ns += from->cpu_ns;
    sum->into->flags |= from->flags;
    sum->steal_sum += from->steal * length;
    sum->steal_seconds += length;
    s->clients = from->clients;
    s->rss_anon = from->rss_anon;
    s->descriptors = from->descriptors;
}

static int take_line(struct merge_segment *s, struct merge_sum *sum, char why[MERGE_ERROR_MAX])
{
    char error[RUN_ERROR_MAX];
    struct second *from = sum->scratch;
    int code = timeline_read(from, s->line, error);
    if (code) {
        snprintf(why, MERGE_ERROR_MAX, "%s: line %u of timeline.jsonl: %s", s->path,
                 s->timeline.number, error);
        return code;
    }
    add_rows(s, sum);
    if (from->wall_us > sum->into->wall_us)
        sum->into->wall_us = from->wall_us;
    if (from->end_ns + s->offset_ns > sum->end_ns)
        sum->end_ns = from->end_ns + s->offset_ns;
    if (from->gap) {
        sum->gaps++;
    } else {
        sum->lines++;
        sum->steady_lines += from->steady;
        add_lanes(s, sum);
        add_generator(s, sum);
        s->taken_s += second_length(from);
    }
    return next_line(s, why);
}

/* A histogram that cannot be read is left out, which the comparison with the counts will say. */
static void take_entry(struct merge_segment *s, struct merge_sum *sum)
{
    struct histogram *into = histogram_of(sum, s->entry.tag);
    histogram_clear(sum->buckets);
    if (into && hlog_decode(s->entry.histogram, sum->buckets) == 0)
        histogram_merge_buckets(into, sum->buckets);
    next_entry(s);
}

int merge_segment_take(struct merge_segment *s, struct merge_sum *sum, char why[MERGE_ERROR_MAX])
{
    int64_t start_ns, end_ns;
    bool more = merge_segment_next(s, &start_ns, &end_ns);
    s->begun = true;
    while (more) {
        more = false;
        while (s->line && near_or_after(end_ns, s->line_end_ns)) {
            if (s->line_end_ns > end_ns)
                end_ns = s->line_end_ns;
            int code = take_line(s, sum, why);
            if (code)
                return code;
        }
        while (entry_belongs(s, end_ns)) {
            if (entry_end(s) > end_ns)
                end_ns = entry_end(s);
            take_entry(s, sum);
            more = true;
        }
    }
    return 0;
}
