/* manifest.json of a merged run: the first segment's, with a list of all of them. */
#include <math.h>
#include <string.h>

#include "core/report/json_out.h"
#include "core/report/manifest.h"
#include "core/report/merge_inside.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/json.h"

/* --- writing ------------------------------------------------------------------------------ */

static void put_value(struct json_out *o, const char *key, const cJSON *value)
{
    const cJSON *item;
    if (cJSON_IsString(value)) {
        jo_string(o, key, value->valuestring);
    } else if (cJSON_IsBool(value)) {
        jo_bool(o, key, cJSON_IsTrue(value));
    } else if (cJSON_IsNumber(value)) {
        double number = value->valuedouble;
        if (number == floor(number) && fabs(number) < 9e15)
            jo_int(o, key, (int64_t)number);
        else
            jo_number(o, key, number);
    } else if (cJSON_IsObject(value) || cJSON_IsArray(value)) {
        jo_open(o, key, cJSON_IsObject(value) ? '{' : '[');
        cJSON_ArrayForEach(item, value)
        {
            put_value(o, item->string, item);
        }
        jo_close(o, cJSON_IsObject(value) ? '}' : ']');
    } else {
        jo_null(o, key);
    }
}

static void put_wall(struct json_out *o, const char *key, int64_t wall_us)
{
    char utc[UTC_TEXT_MAX];
    jo_string(o, key, wall_us ? utc_format(wall_us, utc) : NULL);
}

/* Over the segments, of a member of the manifest or of its object `inside`. */
static uint64_t sum_of(const struct merge_manifest *m, const char *inside, const char *key)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < m->count; i++) {
        const cJSON *from = m->segments[i]->run.manifest;
        int64_t value = 0;
        json_int(inside ? json_object(from, inside) : from, key, &value);
        sum += value > 0 ? (uint64_t)value : 0;
    }
    return sum;
}

/* What is of the whole run and not of the first segment; false: it is the first one's. */
static bool put_own(struct json_out *o, const char *key, const struct merge_manifest *m)
{
    if (strcmp(key, "segment") == 0) {
        jo_open(o, key, '{');
        jo_uint(o, "index", 1);
        jo_uint(o, "count", 1);
        jo_close(o, '}');
    } else if (strcmp(key, "seed") == 0) { /* cJSON does not hold 64 bits */
        jo_uint(o, key, m->segments[0]->run.end.seed);
    } else if (strcmp(key, "started") == 0) {
        put_wall(o, key, m->started_wall_us);
    } else if (strcmp(key, "ended") == 0) {
        put_wall(o, key, m->ended_wall_us);
    } else if (strcmp(key, "lanes") == 0 || strcmp(key, "resumed") == 0) {
        jo_uint(o, key, sum_of(m, NULL, key));
    } else if (strcmp(key, "at_end") == 0) {
        jo_open(o, key, '{');
#define PUT_SUM(name) jo_uint(o, #name, sum_of(m, key, #name));
        MANIFEST_COUNTS(PUT_SUM)
#undef PUT_SUM
        jo_close(o, '}');
    } else if (strcmp(key, "state_folder") == 0) { /* the segments have theirs */
        jo_null(o, key);
    } else {
        return false;
    }
    return true;
}

static void put_health(struct json_out *o, const struct health_tally *tally)
{
    struct health_verdict verdict;
    bool steady = tally->seconds[1] > 0;
    health_verdict(tally, &verdict);
    jo_open(o, "generator", '{');
    jo_bool(o, "bottleneck", verdict.bottleneck);
    jo_string(o, "reason", verdict.bottleneck ? health_flag_name(verdict.reason) : NULL);
    jo_bool(o, "steady", steady);
    jo_uint(o, "seconds", verdict.seconds);
    jo_uint(o, "flagged_seconds", verdict.flagged);
    jo_open(o, "flagged_by", '{');
    for (int f = 0; f < HEALTH_FLAGS; f++)
        jo_uint(o, health_flag_name((enum health_flag)f), tally->by_flag[steady][f]);
    jo_close(o, '}');
    jo_close(o, '}');
}

static void put_segment(struct json_out *o, const struct merge_segment *s)
{
    const cJSON *manifest = s->run.manifest;
    jo_open(o, NULL, '{');
    jo_uint(o, "index", s->index);
    jo_string(o, "folder", s->path);
    jo_string(o, "host", json_string(json_object(manifest, "host"), "name"));
    put_value(o, "start_skew_ms", cJSON_GetObjectItemCaseSensitive(manifest, "start_skew_ms"));
    if (s->zero_wall_us)
        jo_ms(o, "offset_ms", (uint64_t)s->offset_ns);
    else
        jo_null(o, "offset_ms");
    put_wall(o, "started", s->run.started_wall_us);
    put_wall(o, "ended", s->run.end.ended_wall_us);
    jo_number(o, "seconds", s->seconds);
    jo_uint(o, "lanes", s->lanes);
    jo_string(o, "outcome", merge_segment_outcome(s));
    jo_bool(o, "accounting", s->accounting);
    put_health(o, &s->tally);
    jo_close(o, '}');
}

static void put_missing(struct json_out *o, const struct merge_manifest *m)
{
    size_t at = 0;
    jo_open(o, "segments_missing", '[');
    for (unsigned index = 1; index <= m->segments[0]->count; index++) {
        while (at < m->count && m->segments[at]->index < index)
            at++;
        if (at == m->count || m->segments[at]->index != index)
            jo_uint(o, NULL, index);
    }
    jo_close(o, ']');
}

int merge_manifest_save(struct run_folder *folder, const struct merge_manifest *m)
{
    struct buf text = {0};
    struct json_out o = {.buf = &text, .indent_depth = 3};
    const cJSON *item;
    jo_open(&o, NULL, '{');
    cJSON_ArrayForEach(item, m->segments[0]->run.manifest)
    {
        if (!put_own(&o, item->string, m))
            put_value(&o, item->string, item);
    }
    jo_open(&o, "segments", '[');
    for (size_t i = 0; i < m->count; i++)
        put_segment(&o, m->segments[i]);
    jo_close(&o, ']');
    put_missing(&o, m);
    jo_close(&o, '}');
    buf_char(&text, '\n');
    int code = text.error ? text.error : run_folder_write(folder, RUN_MANIFEST, buf_slice(&text));
    buf_free(&text);
    return code;
}

/* --- reading ------------------------------------------------------------------------------ */

static uint64_t get_count(const cJSON *object, const char *key)
{
    int64_t value = 0;
    return json_int(object, key, &value) && value > 0 ? (uint64_t)value : 0;
}

static void read_health(const cJSON *health, struct health_tally *out)
{
    const cJSON *by_flag = json_object(health, "flagged_by");
    bool steady = false;
    *out = (struct health_tally){.seconds = {0}};
    json_bool(health, "steady", &steady);
    out->seconds[steady] = get_count(health, "seconds");
    out->flagged[steady] = get_count(health, "flagged_seconds");
    for (int f = 0; f < HEALTH_FLAGS; f++)
        out->by_flag[steady][f] = get_count(by_flag, health_flag_name((enum health_flag)f));
}

bool merge_manifest_tally(const cJSON *manifest, struct health_tally *out)
{
    const cJSON *segments = json_array(manifest, "segments"), *segment;
    bool any = false;
    cJSON_ArrayForEach(segment, segments)
    {
        struct health_tally tally;
        read_health(json_object(segment, "generator"), &tally);
        if (!any || merge_flagged_share(&tally) > merge_flagged_share(out))
            *out = tally;
        any = true;
    }
    return any;
}
