/* A segment's folder: opened, identified, and read once as a whole. */
#include "core/report/merge_segment.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/json.h"
#include "core/util/log.h"

int merge_say(char why[MERGE_ERROR_MAX], int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, MERGE_ERROR_MAX, format, args);
    va_end(args);
    return code;
}

/* --- what it is --------------------------------------------------------------------------- */

static int read_place(struct merge_segment *s, char why[MERGE_ERROR_MAX])
{
    const cJSON *place = json_object(s->run.manifest, "segment");
    int64_t index = 1, count = 1;
    if (json_array(s->run.manifest, "segments"))
        return merge_say(why, SHOAL_E_BAD_INPUT,
                         "%s is merged already; name the folders of the segments", s->path);
    if (place && (!json_int(place, "index", &index) || !json_int(place, "count", &count) ||
                  index < 1 || count < index || count > INT32_MAX))
        return merge_say(why, SHOAL_E_CORRUPT, "%s: manifest.json does not say which segment it is",
                         s->path);
    s->index = (unsigned)index;
    s->count = (unsigned)count;
    return 0;
}

int merge_segment_open(struct merge_segment *s, const char *path, char why[MERGE_ERROR_MAX])
{
    char error[RUN_ERROR_MAX];
    struct buf text = {0};
    s->path = path;
    int code = run_folder_open(&s->folder, path, error);
    if (code)
        return merge_say(why, code, "%s", error);
    code = loaded_run_read(&s->run, s->folder);
    if (code)
        return merge_say(why, code, "%s: %s", path, run_folder_error(s->folder));
    code = run_folder_read(s->folder, RUN_PLAN, &s->plan);
    if (code)
        return merge_say(why, code == SHOAL_E_NOT_FOUND ? SHOAL_E_BAD_INPUT : code, "%s",
                         run_folder_error(s->folder));
    /* A killed run has no summary. */
    if (run_folder_read(s->folder, RUN_SUMMARY, &text) == 0 &&
        json_parse(&s->result, buf_slice(&text), NULL))
        s->result = NULL;
    buf_free(&text);
    return read_place(s, why);
}

void merge_segment_free(struct merge_segment *s)
{
    struct merge_line *const files[] = {&s->timeline, &s->log};
    for (int i = 0; i < 2; i++) {
        if (files[i]->in)
            fclose(files[i]->in);
        free(files[i]->text);
    }
    cJSON_Delete(s->line);
    cJSON_Delete(s->result);
    loaded_run_free(&s->run);
    buf_free(&s->plan);
    run_folder_close(s->folder);
}

const char *merge_segment_outcome(const struct merge_segment *s)
{
    static const char *const outcomes[] = {"completed", "interrupted", "failed", "killed"};
    const char *said = json_string(json_object(s->result, "run"), "outcome");
    if (!s->run.end.ended_wall_us)
        return "killed";
    for (size_t i = 0; said && i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (strcmp(said, outcomes[i]) == 0)
            return outcomes[i];
    return NULL;
}

/* --- its series --------------------------------------------------------------------------- */

static bool has_series(const struct series_table *series, const char *scenario,
                       enum series_kind kind, const char *name)
{
    for (unsigned i = 0; i < series->count; i++) {
        const struct series *x = &series->series[i];
        if (x->kind == kind && !strcmp(x->name, name) && !strcmp(x->scenario, scenario))
            return true;
    }
    return false;
}

void merge_segment_series(const struct merge_segment *s, struct series_table *series)
{
    static const char *const lists[] = {"iterations", "steps", "requests"};
    for (int kind = SERIES_ITERATION; kind <= SERIES_REQUEST; kind++) {
        const cJSON *row;
        cJSON_ArrayForEach(row, json_array(s->result, lists[kind]))
        {
            const char *scenario = json_string(row, "scenario"), *name = json_string(row, "name");
            if (scenario && name && !has_series(series, scenario, (enum series_kind)kind, name))
                series_add(series, scenario, (enum series_kind)kind, name);
        }
    }
}

/* --- reading it once ---------------------------------------------------------------------- */

/* What its own summary says of the accounting knows more than the files: the stand-in's books. */
static void take_accounting(struct merge_segment *s, const struct totals *t)
{
    const cJSON *list = json_array(s->result, "accounting_detail"), *item;
    bool said = true;
    json_bool(s->result, "accounting", &said);
    s->accounting = said && t->accounting;
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item) && s->detail_count < SUMMARY_DETAIL_MAX)
            snprintf(s->detail[s->detail_count++], SUMMARY_DETAIL_SIZE, "%s", item->valuestring);
    }
    if (t->accounting || !said)
        return;
    s->detail_count = t->detail_count;
    memcpy(s->detail, t->detail, sizeof s->detail);
}

int merge_segment_load(struct merge_segment *s, struct series_table *series,
                       struct failure_table *examples, char why[MERGE_ERROR_MAX])
{
    char error[RUN_ERROR_MAX];
    struct totals *t = malloc(sizeof *t); /* tens of KiB */
    struct totals_source source = {.folder = s->folder, .own = series};
    if (!t)
        die("out of memory for merging");
    totals_init(t, series, SERIES_MAX);
    int code = totals_load(t, &source, error);
    if (code) {
        merge_say(why, code, "%s: %s", s->path, error);
    } else {
        s->tally = t->tally;
        s->zero_wall_us = t->start_wall_us;
        s->end_ns = t->end_ns;
        s->seconds = t->seconds;
        s->lanes = t->lane_count;
        s->gaps = t->gaps;
        failures_merge(examples, &t->failures);
        take_accounting(s, t);
    }
    totals_free(t);
    free(t);
    return code;
}
