#include "core/report/histlog.h"

#include <stdio.h>
#include <string.h>

#include "core/util/error.h"

#define ROUNDING_NS INT64_C(500000000) /* ten seconds that end a little early are ten seconds */

void histlog_init(struct histlog *l, struct run_folder *folder, const struct series_table *series)
{
    memset(l, 0, sizeof *l);
    l->folder = folder;
    l->writer = hlog_writer_new();
    second_init(&l->group, series, 0);
}

void histlog_free(struct histlog *l)
{
    hlog_writer_free(l->writer);
    second_free(&l->group);
    buf_free(&l->text);
}

static void put_lines(struct histlog *l, const struct second *s)
{
    char tag[HLOG_TAG_MAX];
    struct hlog_span span = {s->start_ns, s->end_ns - s->start_ns};
    buf_clear(&l->text);
    if (run_folder_size(l->folder, RUN_HISTOGRAMS) == 0)
        hlog_header(&l->text, l->start_wall_us, "Logged with shoal " SHOAL_VERSION ", nanoseconds");
    for (unsigned i = 0; i < s->series->count; i++) {
        for (int t = 0; t < SERIES_TIMES; t++) {
            if (s->rows[i].times[t].count == 0)
                continue;
            series_tag(&s->series->series[i], (enum series_time)t, tag, sizeof tag);
            hlog_line(l->writer, &l->text, tag, span, &s->rows[i].times[t]);
        }
    }
    for (int i = 0; i < PHASES; i++) {
        snprintf(tag, sizeof tag, PHASE_TAG "%s", meter_phase_name((enum meter_phase)i));
        hlog_line(l->writer, &l->text, tag, span, &s->phases[i]);
    }
    hlog_line(l->writer, &l->text, LAG_TAG, span, &s->lag);
}

static void add_to_group(struct second *group, const struct second *s)
{
    for (unsigned i = 0; i < s->series->count; i++)
        for (int t = 0; t < SERIES_TIMES; t++)
            histogram_merge(&group->rows[i].times[t], &s->rows[i].times[t]);
    for (int i = 0; i < PHASES; i++)
        histogram_merge(&group->phases[i], &s->phases[i]);
    histogram_merge(&group->lag, &s->lag);
    group->end_ns = s->end_ns;
}

static void open_group(struct histlog *l, const struct second *s)
{
    second_clear(&l->group);
    l->group.start_ns = s->start_ns;
    l->group.steady = s->steady;
    l->offset = run_folder_size(l->folder, RUN_HISTOGRAMS);
    l->open = true;
}

int histlog_add(struct histlog *l, const struct second *s, bool long_run)
{
    if (!long_run) {
        put_lines(l, s);
        if (l->text.error)
            return l->text.error;
        return run_folder_append(l->folder, RUN_HISTOGRAMS, buf_slice(&l->text));
    }
    /* A line is either in the steady window or not. */
    if (!l->open || l->group.steady != s->steady)
        open_group(l, s);
    add_to_group(&l->group, s);
    bool full = l->group.end_ns - l->group.start_ns >= HISTLOG_GROUP_NS - ROUNDING_NS;
    put_lines(l, full ? &l->group : s);
    if (l->text.error)
        return l->text.error;
    if (!full)
        return run_folder_append(l->folder, RUN_HISTOGRAMS, buf_slice(&l->text));
    l->open = false;
    return run_folder_replace_tail(l->folder, RUN_HISTOGRAMS, l->offset, buf_slice(&l->text));
}
