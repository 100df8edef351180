/* Reading a folder back: timeline.jsonl (counts), errors.jsonl (examples), histograms.hlog
 * (buckets), in this order. The mirror image of timeline.c, totals.c and histlog.c. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/measure/hlog.h"
#include "core/report/totals.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/json.h"

#define TOLERANCE_NS (2 * NS_PER_MS) /* times of the histogram log are whole milliseconds */

struct loader {
    struct totals *t;
    const struct totals_source *source;
    struct second second;
    char *why;
    unsigned lines;
    /* histograms.hlog */
    uint64_t offset, cut_at; /* cut_at 0: nothing to cut */
    int64_t group_start, group_end;
    struct histogram scratch;
};

static const char *const time_keys[] = {
#define TIME_KEY(id, key, tag) key,
    SERIES_TIMES_LIST(TIME_KEY)
#undef TIME_KEY
};

static int __attribute__((format(printf, 2, 3))) refuse(struct loader *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(l->why, RUN_ERROR_MAX, format, args);
    va_end(args);
    return SHOAL_E_CORRUPT;
}

/* --- series by name ----------------------------------------------------------------------- */

static int kind_of(const char *name)
{
    for (int k = SERIES_ITERATION; k <= SERIES_REQUEST; k++)
        if (strcmp(name, series_kind_name((enum series_kind)k)) == 0)
            return k;
    return -1;
}

/* The index, or -1 when there is none and none may be made. */
static int find_series(struct loader *l, const char *scenario, int kind, const char *name)
{
    const struct series_table *table = l->t->series;
    for (unsigned i = 0; i < table->count; i++) {
        const struct series *s = &table->series[i];
        if ((int)s->kind == kind && !strcmp(s->name, name) && !strcmp(s->scenario, scenario))
            return (int)i;
    }
    if (!l->source->own)
        return -1;
    return (int)series_add(l->source->own, scenario, (enum series_kind)kind, name);
}

static int named_series(struct loader *l, const cJSON *object)
{
    const char *scenario = json_string(object, "scenario"), *of = json_string(object, "of");
    const char *name = json_string(object, "name");
    int kind = of ? kind_of(of) : -1;
    return scenario && name && kind >= 0 ? find_series(l, scenario, kind, name) : -1;
}

/* --- values ------------------------------------------------------------------------------- */

static uint64_t get_count(const cJSON *object, const char *key)
{
    int64_t value = 0;
    return json_int(object, key, &value) && value > 0 ? (uint64_t)value : 0;
}

static double get_number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : 0;
}

int64_t wall_parse(const char *text)
{
    struct tm tm = {0};
    unsigned ms = 0;
    if (!text)
        return 0;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest || (*rest == '.' && sscanf(rest, ".%3uZ", &ms) != 1))
        return 0;
    return (int64_t)timegm(&tm) * 1000000 + (int64_t)ms * 1000;
}

static int64_t get_ns(const cJSON *object, const char *key, int64_t unit_ns)
{
    double ns = get_number(object, key) * (double)unit_ns;
    return ns > 0 && ns < 9e18 ? llround(ns) : 0;
}

/* Count, sum and extremes; the buckets come from the histogram log. */
static void get_times(const cJSON *object, const char *key, struct histogram *h)
{
    const cJSON *times = json_object(object, key);
    if (!times || get_count(times, "count") == 0)
        return;
    h->count = get_count(times, "count");
    h->sum_ns = (uint64_t)get_ns(times, "sum", NS_PER_MS);
    h->min_ns = get_ns(times, "min", NS_PER_MS);
    h->max_ns = get_ns(times, "max", NS_PER_MS);
    h->clamped = get_count(times, "clamped");
}

/* --- errors.jsonl ------------------------------------------------------------------------- */

static int error_of(const char *name)
{
#define ERROR_OF(id, code, text, sentence) \
    if (strcmp(name, text) == 0)           \
        return code;
    SHOAL_ERRORS(ERROR_OF)
#undef ERROR_OF
    return 0;
}

static bool get_failure(const cJSON *object, struct failure *failure)
{
    const char *kind = json_string(object, "kind"), *first = json_string(object, "first");
    const char *error = json_string(object, "error");
    int64_t status = 0;
    memset(failure, 0, sizeof *failure);
    failure->kind = kind;
    failure->error = error ? error_of(error) : 0;
    json_int(object, "code", &failure->code);
    json_int(object, "status", &status);
    failure->status = (int)status;
    snprintf(failure->text, sizeof failure->text, "%s", first ? first : "");
    return kind != NULL;
}

/* Only the example: counts are the timeline's. */
static int load_error(void *arg, struct slice line)
{
    struct loader *l = arg;
    cJSON *json;
    struct failure failure;
    if (json_parse(&json, line, NULL))
        return 0;
    int series = named_series(l, json);
    if (series >= 0 && get_failure(json, &failure))
        failures_explain(&l->t->failures, (unsigned)series, &failure);
    cJSON_Delete(json);
    return 0;
}

/* --- timeline.jsonl ----------------------------------------------------------------------- */

static int load_rows(struct loader *l, const cJSON *rows)
{
    const cJSON *object;
    cJSON_ArrayForEach(object, rows)
    {
        int series = named_series(l, object);
        if (series < 0)
            return refuse(l, "line %u of timeline.jsonl names a series that the plan does not have",
                          l->lines);
        struct second_row *row = &l->second.rows[series];
        row->started = get_count(object, "started");
        row->succeeded = get_count(object, "succeeded");
        row->failed = get_count(object, "failed");
        row->cancelled = get_count(object, "cancelled");
        row->bytes_sent = get_count(object, "bytes_sent");
        row->bytes_received = get_count(object, "bytes_received");
        json_int(object, "in_flight", &row->in_flight);
        for (int t = 0; t < SERIES_TIMES; t++)
            get_times(object, time_keys[t], &row->times[t]);
    }
    return 0;
}

static void load_failures(struct loader *l, const cJSON *errors)
{
    const cJSON *object;
    cJSON_ArrayForEach(object, errors)
    {
        struct failure failure;
        int series = named_series(l, object);
        if (series < 0 || !get_failure(object, &failure))
            continue;
        if (strcmp(failure.kind, "other") == 0) {
            l->second.failures.other[series] += get_count(object, "count");
            l->second.failures.others += get_count(object, "count");
        } else {
            failures_add(&l->second.failures, (unsigned)series, &failure,
                         get_count(object, "count"));
        }
    }
}

static void load_lanes(struct loader *l, const cJSON *lanes)
{
    const cJSON *object;
    cJSON_ArrayForEach(object, lanes)
    {
        if (l->second.lane_count == TIMELINE_LANES_MAX)
            break;
        struct second_lane *lane = &l->second.lanes[l->second.lane_count++];
        memset(lane, 0, sizeof *lane);
        json_bool(object, "answered", &lane->answered);
        lane->cpu = get_number(object, "cpu");
        lane->wait = get_number(object, "run_wait");
        lane->cpu_ns = get_ns(object, "cpu_s", NS_PER_S);
        lane->fibers = get_count(object, "fibers");
        lane->fiber_wait_ms = get_number(object, "fiber_wait_ms");
        lane->posts_refused = get_count(object, "posts_refused");
        lane->segment = (unsigned)get_count(object, "segment");
        lane->lane = (unsigned)get_count(object, "lane");
    }
}

static void load_generator(struct loader *l, const cJSON *g)
{
    struct second *s = &l->second;
    const cJSON *phases = json_object(g, "phases_ms"), *flag;
    s->cpu_ns = get_ns(g, "cpu_s", NS_PER_S);
    load_lanes(l, json_array(g, "lanes"));
    get_times(g, "loop_lag_ms", &s->lag);
    for (int i = 0; i < PHASES; i++)
        get_times(phases, meter_phase_name((enum meter_phase)i), &s->phases[i]);
    s->clocks_ns[METER_CRYPTO] = get_ns(g, "crypto_s", NS_PER_S);
    s->clocks_ns[METER_STATE] = get_ns(g, "state_s", NS_PER_S);
    s->steal = get_number(g, "steal");
    s->rss_anon = get_count(g, "rss_anon_bytes");
    s->descriptors = (unsigned)get_count(g, "descriptors");
    cJSON_ArrayForEach(flag, json_array(g, "flags"))
    {
        for (int f = 0; f < HEALTH_FLAGS; f++)
            if (cJSON_IsString(flag) &&
                !strcmp(flag->valuestring, health_flag_name((enum health_flag)f)))
                s->flags |= UINT32_C(1) << f;
    }
}

static void load_clients(struct meter_clients *clients, const cJSON *json)
{
    clients->thinking = (uint32_t)get_count(json, "thinking");
    clients->running = (uint32_t)get_count(json, "running");
    clients->waiting_arrivals = (uint32_t)get_count(json, "waiting_arrivals");
    clients->done = (uint32_t)get_count(json, "done");
}

static int parse_second(struct loader *l, const cJSON *json, const cJSON *rows)
{
    struct second *s = &l->second;
    second_clear(s);
    s->lane_count = 0; /* as many as the line has */
    s->end_ns = get_ns(json, "t", NS_PER_S);
    s->start_ns = s->end_ns - get_ns(json, "seconds", NS_PER_S);
    if (s->start_ns < 0 || s->end_ns < l->t->end_ns)
        return refuse(l, "line %u of timeline.jsonl goes back in time", l->lines);
    s->wall_us = wall_parse(json_string(json, "wall"));
    if (!l->t->start_wall_us && s->wall_us)
        l->t->start_wall_us = s->wall_us - s->end_ns / NS_PER_US;
    json_bool(json, "steady", &s->steady);
    json_bool(json, "gap", &s->gap);
    int code = load_rows(l, rows);
    if (code)
        return code;
    load_failures(l, json_array(json, "errors"));
    const cJSON *events = json_object(json, "events");
    for (int i = 0; i < EVENTS; i++)
        s->events[i] = get_count(events, meter_event_name((enum meter_event)i));
    load_clients(&s->clients, json_object(json, "clients"));
    load_generator(l, json_object(json, "generator"));
    return 0;
}

static int load_second(struct loader *l, const cJSON *json)
{
    const cJSON *rows = json_array(json, "series");
    int code = rows ? parse_second(l, json, rows) : 0;
    if (rows && !code) /* else a line of another kind */
        totals_add(l->t, &l->second);
    return code;
}

int timeline_read(struct second *s, const cJSON *line, char why[RUN_ERROR_MAX])
{
    struct totals none = {.series = s->series};
    struct totals_source source = {.folder = NULL};
    struct loader l = {.t = &none, .source = &source, .second = *s, .why = why};
    const cJSON *rows = json_array(line, "series");
    int code = rows ? parse_second(&l, line, rows) : refuse(&l, "a line without series");
    *s = l.second;
    return code;
}

static int load_line(void *arg, struct slice line)
{
    struct loader *l = arg;
    struct json_error error;
    cJSON *json;
    l->lines++;
    if (json_parse(&json, line, &error))
        return refuse(l, "line %u of timeline.jsonl is damaged: %s", l->lines, error.text);
    int code = load_second(l, json);
    cJSON_Delete(json);
    return code;
}

/* --- histograms.hlog ---------------------------------------------------------------------- */

static struct slice next_part(struct slice *tag)
{
    const uint8_t *slash = tag->len ? memchr(tag->data, '/', tag->len) : NULL;
    struct slice part = {tag->data, slash ? (size_t)(slash - tag->data) : tag->len};
    size_t skip = part.len + (slash != NULL);
    tag->data += skip;
    tag->len -= skip;
    return part;
}

static int time_of_tag(struct slice part)
{
    static const char *const tags[] = {
#define TIME_TAG(id, key, tag) tag,
        SERIES_TIMES_LIST(TIME_TAG)
#undef TIME_TAG
    };
    for (int t = 0; t < SERIES_TIMES; t++)
        if (slice_equal(part, slice_str(tags[t])))
            return t;
    return -1;
}

static void merge_series(struct loader *l, const char *text, bool steady)
{
    char scenario[64], of[16], name[96];
    struct slice tag = slice_str(text);
    hlog_unescape(next_part(&tag), scenario, sizeof scenario);
    hlog_unescape(next_part(&tag), of, sizeof of);
    hlog_unescape(next_part(&tag), name, sizeof name);
    int time = time_of_tag(tag), kind = kind_of(of);
    int series = time >= 0 && kind >= 0 ? find_series(l, scenario, kind, name) : -1;
    if (series < 0)
        return;
    histogram_merge_buckets(&l->t->rows[series].whole.times[time], &l->scratch);
    if (steady)
        histogram_merge_buckets(&l->t->rows[series].steady.times[time], &l->scratch);
}

static void merge_tagged(struct loader *l, const char *tag, bool steady)
{
    if (strcmp(tag, LAG_TAG) == 0) {
        histogram_merge_buckets(&l->t->lag, &l->scratch);
        return;
    }
    if (strncmp(tag, PHASE_TAG, sizeof PHASE_TAG - 1) != 0) {
        merge_series(l, tag, steady);
        return;
    }
    for (int i = 0; i < PHASES; i++)
        if (!strcmp(tag + sizeof PHASE_TAG - 1, meter_phase_name((enum meter_phase)i)))
            histogram_merge_buckets(&l->t->phases[i], &l->scratch);
}

static bool near_or_after(int64_t a, int64_t b)
{
    return a >= b - TOLERANCE_NS;
}

/* A line belongs to the group before it (same span) or begins one behind it. Anything else is left
 * from seconds that were replaced by their sum when the run was killed. */
static bool in_order(struct loader *l, const struct hlog_span *span)
{
    int64_t end = span->start_ns + span->length_ns;
    if (near_or_after(span->start_ns, l->group_end)) {
        l->group_start = span->start_ns;
        l->group_end = end;
        return true;
    }
    return span->start_ns == l->group_start && end == l->group_end;
}

static int load_histogram(void *arg, struct slice line)
{
    struct loader *l = arg;
    struct hlog_entry entry;
    uint64_t offset = l->offset;
    l->offset += line.len + 1;
    if (hlog_parse_line(line, &entry) <= 0)
        return 0;
    int64_t start = entry.span.start_ns, end = start + entry.span.length_ns;
    if (!near_or_after(l->t->end_ns, end)) { /* the timeline does not have this second any more */
        if (!l->cut_at)
            l->cut_at = offset;
        return 0;
    }
    if (!in_order(l, &entry.span))
        return 0;
    histogram_clear(&l->scratch);
    if (hlog_decode(entry.histogram, &l->scratch))
        return 0;
    bool steady = l->t->steady_seconds > 0 && near_or_after(start, l->t->steady_start_ns) &&
                  near_or_after(l->t->steady_end_ns, end);
    merge_tagged(l, entry.tag, steady);
    return 0;
}

/* --- all of it ---------------------------------------------------------------------------- */

static uint64_t bucket_sum(const struct histogram *h)
{
    uint64_t sum = 0, count;
    for (int index = -1; histogram_next(h, &index, &count);)
        sum += count;
    return sum;
}

static void __attribute__((format(printf, 2, 3))) tell(struct totals *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    totals_detail(t, format, args);
    va_end(args);
}

/* What the log lost is said; counts are not touched by it. */
static void check_buckets(struct totals *t)
{
    for (unsigned i = 0; i < t->series->count; i++) {
        const struct histogram *h = &t->rows[i].whole.times[TIME_LATENCY];
        uint64_t found = bucket_sum(h);
        if (found == h->count)
            continue;
        t->accounting = false;
        tell(t, "%s of %s: histograms.hlog holds %" PRIu64 " of %" PRIu64 " latencies",
             t->series->series[i].name, t->series->series[i].scenario, found, h->count);
    }
}

static int load_files(struct loader *l)
{
    struct run_folder *folder = l->source->folder;
    int code = run_folder_each_line(folder, RUN_TIMELINE, load_line, l);
    if (code == SHOAL_E_NOT_FOUND) /* killed before its first second */
        return 0;
    if (code)
        return code;
    code = run_folder_each_line(folder, RUN_ERRORS, load_error, l);
    if (code && code != SHOAL_E_NOT_FOUND)
        return code;
    code = run_folder_each_line(folder, RUN_HISTOGRAMS, load_histogram, l);
    if (code && code != SHOAL_E_NOT_FOUND)
        return code;
    if (l->cut_at && l->source->cut)
        return run_folder_replace_tail(folder, RUN_HISTOGRAMS, l->cut_at, slice_of("", 0));
    return 0;
}

int totals_load(struct totals *t, const struct totals_source *source, char why[RUN_ERROR_MAX])
{
    struct series_table all = *t->series;
    struct loader l = {.t = t, .source = source, .why = why};
    /* The table may grow while lines are read: rows for all it may hold. */
    if (source->own)
        all.count = t->row_room;
    why[0] = '\0';
    second_init(&l.second, &all, TIMELINE_LANES_MAX);
    l.second.series = t->series;
    histogram_init(&l.scratch, true);
    int code = load_files(&l);
    if (code && !why[0])
        snprintf(why, RUN_ERROR_MAX, "%s", run_folder_error(source->folder));
    l.second.series = &all;
    second_free(&l.second);
    histogram_free(&l.scratch);
    if (!code) {
        check_buckets(t);
        totals_check(t);
    }
    return code;
}
