/* Merging segments: counts and buckets add exactly, seconds meet their like, and what does not
 * belong together is refused. The segments are made by the reporter itself, lanes played by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/measure/hlog.h"
#include "core/report/manifest.h"
#include "core/report/merge.h"
#include "core/report/totals.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/json.h"
#include "tests/unit/core/report/segments.h"

/* --- merging ------------------------------------------------------------------------------ */

struct merged {
    int code;
    char why[MERGE_ERROR_MAX];
    struct merge *merge;
    struct summary *summary;
    struct run_folder *out;
};

static void merge(struct merged *x, bool partial, const char *out, ...)
{
    char paths[8][256];
    const char *folders[8];
    struct merge_options options = {.folders = folders, .partial = partial};
    va_list names;
    memset(x, 0, sizeof *x);
    va_start(names, out);
    for (const char *name; (name = va_arg(names, const char *)) != NULL; options.count++)
        folders[options.count] = path_of(name, paths[options.count]);
    va_end(names);
    x->code = merge_open(&x->merge, &options, x->why);
    if (x->code) {
        x->merge = NULL;
        return;
    }
    char path[256], error[RUN_ERROR_MAX];
    assert_int_equal(run_folder_create(&x->out, path_of(out, path), error), 0);
    x->code = merge_write(x->merge, x->out, &x->summary, x->why);
}

static void merged_free(struct merged *x)
{
    summary_free(x->summary);
    run_folder_close(x->out);
    merge_free(x->merge);
}

static const struct summary_row *row_of(const struct summary *s, const char *name)
{
    for (unsigned i = 0; i < s->row_count; i++)
        if (strcmp(s->rows[i].series.name, name) == 0)
            return &s->rows[i];
    fail();
    return NULL;
}

struct lines {
    cJSON *list[128];
    unsigned count;
};

static int add_line(void *arg, struct slice line)
{
    struct lines *l = arg;
    assert_true(l->count < 128);
    assert_int_equal(json_parse(&l->list[l->count++], line, NULL), 0);
    return 0;
}

static void read_lines(struct merged *x, struct lines *l)
{
    l->count = 0;
    assert_int_equal(run_folder_each_line(x->out, RUN_TIMELINE, add_line, l), 0);
}

static void free_lines(struct lines *l)
{
    for (unsigned i = 0; i < l->count; i++)
        cJSON_Delete(l->list[i]);
}

static const cJSON *series_in(const cJSON *line, const char *name)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, json_array(line, "series"))
    {
        if (strcmp(json_string(row, "name"), name) == 0)
            return row;
    }
    return NULL;
}

static int64_t count_in(const cJSON *line, const char *name, const char *key)
{
    int64_t value = 0;
    json_int(series_in(line, name), key, &value);
    return value;
}

static int add_histogram(void *arg, struct slice line)
{
    struct hlog_entry entry;
    if (hlog_parse_line(line, &entry) > 0 && !strcmp(entry.tag, "wallets/step/pay"))
        assert_int_equal(hlog_decode(entry.histogram, arg), 0);
    return 0;
}

static void same_buckets(struct merged *x, const struct expected *e)
{
    struct histogram found;
    histogram_init(&found, true);
    assert_int_equal(run_folder_each_line(x->out, RUN_HISTOGRAMS, add_histogram, &found), 0);
    int a = -1, b = -1;
    uint64_t here, there;
    while (histogram_next(&e->pay, &a, &here)) {
        assert_true(histogram_next(&found, &b, &there));
        assert_int_equal(a, b);
        assert_int_equal(here, there);
    }
    assert_false(histogram_next(&found, &b, &there));
    histogram_free(&found);
}

static void same_counts(struct merged *x, const struct expected *e)
{
    const struct summary_counts *pay = &row_of(x->summary, "pay")->whole;
    const struct summary_times *t = &pay->times[TIME_LATENCY];
    assert_int_equal(pay->succeeded, e->paid);
    assert_int_equal(pay->failed, e->failed);
    assert_int_equal(pay->started, e->paid + e->failed);
    assert_int_equal(pay->bytes_received, 20 * (e->paid + e->failed));
    assert_int_equal(t->count, e->paid);
    /* Percentiles of the sum, as one process would have said them. */
    assert_true(t->p50 == (double)histogram_percentile(&e->pay, 50) / NS_PER_MS);
    assert_true(t->p999 == (double)histogram_percentile(&e->pay, 99.9) / NS_PER_MS);
    assert_true(t->min == (double)e->pay.min_ns / NS_PER_MS);
    assert_true(t->max == (double)e->pay.max_ns / NS_PER_MS);
    assert_true(fabs(t->mean - histogram_mean(&e->pay) / NS_PER_MS) < 1e-9);
    struct lines lines;
    int64_t sum = 0, errors = 0;
    read_lines(x, &lines);
    for (unsigned i = 0; i < lines.count; i++) {
        const cJSON *error;
        sum += count_in(lines.list[i], "pay", "succeeded");
        cJSON_ArrayForEach(error, json_array(lines.list[i], "errors"))
        {
            int64_t count = 0;
            json_int(error, "count", &count);
            errors += count;
        }
    }
    free_lines(&lines);
    assert_int_equal(sum, e->paid);
    assert_int_equal(errors, e->failed);
}

/* --- tests -------------------------------------------------------------------------------- */

static void counts_and_buckets_add_exactly(void **state)
{
    struct expected e = {0};
    struct merged x;
    histogram_init(&e.pay, true);
    make(&(struct made){.name = "a1", .index = 1, .count = 3, .seconds = 6, .offset_us = 300000},
         &e);
    make(&(struct made){.name = "a2", .index = 2, .count = 3, .seconds = 6}, &e);
    make(&(struct made){.name = "a3", .index = 3, .count = 3, .seconds = 6, .offset_us = 480000},
         &e);
    merge(&x, false, "a", "a2", "a3", "a1", NULL);
    assert_int_equal(x.code, 0);
    assert_true(x.summary->accounting);
    same_counts(&x, &e);
    same_buckets(&x, &e);
    assert_int_equal(row_of(x.summary, "iteration")->whole.succeeded, 3);
    assert_int_equal(x.summary->generator.events[EVENT_INTENTS], 3 * 6 * 7);
    assert_string_equal(x.summary->run.outcome, "completed");
    assert_int_equal(x.summary->run.started_wall_us, ZERO_US);
    assert_true(x.summary->run.seed == UINT64_MAX);
    /* The example and the class of a failure are not in the timeline. */
    assert_int_equal(x.summary->error_count, 1);
    assert_string_equal(x.summary->errors[0].failure.first, "no \"funds\"\n");
    assert_int_equal(x.summary->errors[0].failure.error, SHOAL_E_REJECTED);
    assert_int_equal(x.summary->errors[0].failure.count, e.failed);
    /* A lane of each segment, in their order. */
    assert_int_equal(x.summary->generator.lane_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(x.summary->generator.lanes[i].segment, i + 1);
        assert_int_equal(x.summary->generator.lanes[i].lane, 0);
    }
    merged_free(&x);
    histogram_free(&e.pay);
}

/* Offsets below half a second do not mix seconds: each line holds the same second of all. */
static void seconds_meet_their_like(void **state)
{
    struct merged x;
    struct lines lines;
    merge(&x, false, "b", "a1", "a2", "a3", NULL);
    assert_int_equal(x.code, 0);
    read_lines(&x, &lines);
    assert_true(lines.count >= 6);
    double end = 0;
    for (unsigned i = 0; i < lines.count; i++) {
        double t = cJSON_GetObjectItem(lines.list[i], "t")->valuedouble;
        double seconds = cJSON_GetObjectItem(lines.list[i], "seconds")->valuedouble;
        int64_t clients = 0;
        assert_true(fabs(t - seconds - end) < 1e-6); /* no hole, no overlap */
        end = t;
        assert_int_equal(count_in(lines.list[i], "pay", "started"), i < 6 ? 300 : 0);
        json_int(json_object(lines.list[i], "clients"), "running", &clients);
        assert_int_equal(clients, 9);
        if (i < 5)
            assert_int_equal(count_in(lines.list[i], "iteration", "in_flight"), 3);
    }
    assert_int_equal(count_in(lines.list[lines.count - 1], "iteration", "in_flight"), 0);
    /* To the end of the one that began last. */
    assert_true(fabs(end - (6 + 0.02 + 0.48)) < 0.01);
    assert_true(fabs(x.summary->run.seconds - end) < 1e-6);
    free_lines(&lines);
    merged_free(&x);
}

/* One begins 2.4 s later: its seconds meet the others' from the third on, and the steady window is
 * where all are steady. */
static void a_late_segment_is_shifted(void **state)
{
    struct expected e = {0};
    struct merged x;
    struct lines lines;
    histogram_init(&e.pay, true);
    make(&(struct made){.name = "c1", .index = 1, .count = 2, .seconds = 8}, &e);
    make(&(struct made){.name = "c2", .index = 2, .count = 2, .seconds = 8, .offset_us = 2400000},
         &e);
    merge(&x, false, "c", "c1", "c2", NULL);
    assert_int_equal(x.code, 0);
    assert_true(x.summary->accounting);
    same_counts(&x, &e);
    same_buckets(&x, &e);
    read_lines(&x, &lines);
    unsigned steady = 0;
    for (unsigned i = 0; i < 10; i++) {
        const cJSON *line = lines.list[i];
        bool is = false;
        assert_int_equal(count_in(line, "pay", "started"), i < 2 || i >= 8 ? 100 : 200);
        json_bool(line, "steady", &is);
        assert_int_equal(is, i >= 4 && i < 7); /* 2..7 of one, 4..9 of the other */
        steady += is;
    }
    assert_int_equal(steady, 3);
    const struct summary_row *pay = row_of(x.summary, "pay");
    assert_int_equal(pay->steady.started, 600);
    assert_int_equal(pay->steady.times[TIME_LATENCY].count, pay->steady.succeeded);
    struct buf text = {0};
    merge_remarks(x.merge, &text);
    assert_non_null(strstr((const char *)text.data, "(segment 2) began 2.400 s after the first"));
    buf_free(&text);
    free_lines(&lines);
    merged_free(&x);
    histogram_free(&e.pay);
}

/* Where histograms are of ten seconds, so are the merged lines: both are of the same time. */
static void long_runs_merge_by_tens(void **state)
{
    struct expected e = {0};
    struct merged x;
    struct lines lines;
    histogram_init(&e.pay, true);
    make(&(struct made){.name = "d1", .index = 1, .count = 2, .seconds = 45, .long_run = true}, &e);
    make(&(struct made){.name = "d2",
                        .index = 2,
                        .count = 2,
                        .seconds = 45,
                        .long_run = true,
                        .offset_us = 200000},
         &e);
    merge(&x, false, "d", "d1", "d2", NULL);
    assert_int_equal(x.code, 0);
    assert_true(x.summary->accounting);
    same_counts(&x, &e);
    same_buckets(&x, &e);
    read_lines(&x, &lines);
    assert_in_range(lines.count, 5, 12);
    for (unsigned i = 0; i < lines.count; i++) {
        const cJSON *latency = json_object(series_in(lines.list[i], "pay"), "latency_ms");
        int64_t count = 0;
        if (!latency)
            continue;
        json_int(latency, "count", &count);
        assert_int_equal(count, count_in(lines.list[i], "pay", "succeeded"));
        assert_true(cJSON_GetObjectItem(latency, "p50")->valuedouble <
                    cJSON_GetObjectItem(latency, "max")->valuedouble);
    }
    /* 2 s to 44 s, all of it. */
    assert_true(fabs(x.summary->run.steady_seconds - 42) < 0.6);
    assert_int_equal(row_of(x.summary, "pay")->steady.started, 2 * 42 * 100);
    free_lines(&lines);
    merged_free(&x);
    histogram_free(&e.pay);
}

/* `shoal report` on the merged folder says the same again. */
static void a_merged_folder_is_one_of_a_run(void **state)
{
    char path[256], error[RUN_ERROR_MAX];
    struct run_folder *folder;
    struct reporter *r;
    struct summary *s;
    struct merged x;
    struct expected e = {0};
    histogram_init(&e.pay, true);
    make(&(struct made){.name = "e1", .index = 1, .count = 2, .seconds = 8, .overloaded = true},
         &e);
    make(&(struct made){.name = "e2", .index = 2, .count = 2, .seconds = 8, .offset_us = 600000},
         &e);
    merge(&x, false, "e", "e1", "e2", NULL);
    assert_int_equal(x.code, 0);
    run_folder_close(x.out);
    x.out = NULL;
    assert_int_equal(run_folder_open(&folder, path_of("e", path), error), 0);
    assert_int_equal(reporter_load(&r, folder), 0);
    assert_int_equal(reporter_rebuild(r, &s), 0);
    assert_true(s->accounting);
    assert_int_equal(s->row_count, x.summary->row_count);
    for (unsigned i = 0; i < s->row_count; i++) {
        const struct summary_row *a = &s->rows[i], *b = &x.summary->rows[i];
        assert_int_equal(a->whole.succeeded, b->whole.succeeded);
        assert_int_equal(a->steady.succeeded, b->steady.succeeded);
        if (a->whole.succeeded)
            assert_true(a->whole.times[TIME_LATENCY].p99 == b->whole.times[TIME_LATENCY].p99);
        if (a->steady.succeeded)
            assert_true(a->steady.times[TIME_LATENCY].p50 == b->steady.times[TIME_LATENCY].p50);
    }
    /* The one that was overloaded makes the whole a bottleneck. */
    const struct health_verdict *v = &x.summary->generator.verdict;
    assert_true(v->bottleneck && v->flagged == v->seconds);
    assert_int_equal(v->seconds, 5); /* its own steady ones, not those of the whole */
    assert_true(x.summary->generator.tally.by_flag[1][HEALTH_MAX_ACTIVE] == v->seconds);
    assert_memory_equal(&s->generator.verdict, v, sizeof *v);
    assert_int_equal(s->generator.lane_count, 2);
    assert_int_equal(s->generator.lanes[1].segment, 2);
    summary_free(s);
    reporter_free(r);
    run_folder_close(folder);
    merged_free(&x);
    histogram_free(&e.pay);
}

static void refused(const char *first, const char *second, const char *sentence)
{
    struct merged x;
    merge(&x, false, "none", first, second, NULL);
    if (x.code != SHOAL_E_BAD_INPUT || !strstr(x.why, sentence))
        fail_msg("%d: %s (expected: %s)", x.code, x.why, sentence);
    if (first && second && strcmp(first, second) != 0 && strstr(sentence, "differ")) {
        assert_non_null(strstr(x.why, first));
        assert_non_null(strstr(x.why, second));
    }
    assert_null(strchr(x.why, '\n'));
    merged_free(&x);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct expected e = {0};
    struct merged x;
    histogram_init(&e.pay, true);
    make(&(struct made){.name = "f1", .index = 1, .count = 2, .seconds = 3}, &e);
    make(&(struct made){.name = "plan", .index = 2, .count = 2, .seconds = 3, .plan = "{\n}"}, &e);
    make(&(struct made){.name = "seed", .index = 2, .count = 2, .seconds = 3, .seed = 3}, &e);
    make(&(struct made){.name = "id", .index = 2, .count = 2, .seconds = 3, .id = 0xab}, &e);
    make(&(struct made){.name = "count", .index = 2, .count = 3, .seconds = 3}, &e);
    make(&(struct made){.name = "again", .index = 1, .count = 2, .seconds = 3}, &e);
    refused("f1", "plan", "differ in: plan (plan.json from line 1 on)");
    refused("f1", "seed", "differ in: seed (18446744073709551615 and 3)");
    refused("f1", "id", "differ in: run id (00000000000000000000000000000000 and ab00");
    refused("f1", "count", "differ in: number of segments (2 and 3)");
    refused("f1", "f1", "are the same folder");
    refused("f1", "again", "are both segment 1 of 2");
    refused("f1", NULL, "segment 2 of 2 is missing");
    refused("f1", "nowhere", "nowhere is not the folder of a run");
    /* Told to, it takes what is there. */
    merge(&x, true, "partial", "f1", NULL);
    assert_int_equal(x.code, 0);
    assert_int_equal(row_of(x.summary, "pay")->whole.started, 300);
    assert_string_equal(x.summary->detail[0], "without segment 2 of 2");
    merged_free(&x);
    merge(&x, true, "twice", "f1", "again", NULL);
    assert_int_equal(x.code, 0);
    assert_int_equal(row_of(x.summary, "pay")->whole.started, 600);
    merged_free(&x);
    refused("partial", NULL, "is merged already");
    histogram_free(&e.pay);
}

static void a_killed_segment_is_merged(void **state)
{
    struct expected e = {0};
    struct merged x;
    char path[512];
    histogram_init(&e.pay, true);
    make(&(struct made){.name = "g1", .index = 1, .count = 2, .seconds = 8}, &e);
    make(
        &(struct made){
            .name = "g2", .index = 2, .count = 2, .seconds = 4, .planned = 8, .killed = true},
        &e);
    snprintf(path, sizeof path, "%s/g2/timeline.jsonl", base);
    FILE *out = fopen(path, "a");
    assert_non_null(out);
    fputs("{\"t\":5.0,\"seco", out); /* what it was writing */
    fclose(out);
    merge(&x, false, "g", "g1", "g2", NULL);
    assert_int_equal(x.code, 0);
    assert_true(x.summary->accounting);
    same_counts(&x, &e);
    same_buckets(&x, &e);
    assert_string_equal(x.summary->run.outcome, "killed");
    assert_int_equal(x.summary->run.ended_wall_us, 0);
    assert_int_equal(row_of(x.summary, "iteration")->whole.in_flight, 1); /* for ever */
    /* To the last second in which both played. */
    assert_true(fabs(x.summary->run.steady_seconds - 3) < 0.05);
    merged_free(&x);
    histogram_free(&e.pay);
}

/* Killed between the two files: the log is ahead, or holds seconds that their sum has replaced. */
static void what_a_killed_log_has_too_much_is_left_out(void **state)
{
    struct expected e = {0}, lost = {0};
    struct merged x;
    struct playing p;
    struct buf text = {0};
    struct made part = {.name = "l2", .index = 2, .count = 2, .seconds = 3, .killed = true};
    histogram_init(&e.pay, true);
    histogram_init(&lost.pay, true);
    make(&(struct made){.name = "l1", .index = 1, .count = 2, .seconds = 3}, &e);
    begin(&p, &part, false);
    for (int second = 0; second < 3; second++)
        play_second(&p, &part, &e, second);
    assert_int_equal(run_folder_read(p.folder, RUN_TIMELINE, &text), 0);
    play_second(&p, &part, &lost, 3);
    assert_int_equal(run_folder_write(p.folder, RUN_TIMELINE, buf_slice(&text)), 0);
    buf_clear(&text);
    assert_int_equal(run_folder_read(p.folder, RUN_HISTOGRAMS, &text), 0);
    const char *old = strstr((const char *)text.data, "Tag=wallets/step/pay,");
    assert_non_null(old);
    struct slice again = slice_of(old, strcspn(old, "\n") + 1);
    assert_int_equal(run_folder_append(p.folder, RUN_HISTOGRAMS, again), 0);
    end(&p, &part);
    merge(&x, false, "l", "l1", "l2", NULL);
    assert_int_equal(x.code, 0);
    assert_true(x.summary->accounting);
    same_counts(&x, &e);
    same_buckets(&x, &e);
    merged_free(&x);
    buf_free(&text);
    histogram_free(&lost.pay);
    histogram_free(&e.pay);
}

static void a_resumed_segment_keeps_its_gap(void **state)
{
    struct expected e = {0};
    struct playing p;
    struct merged x;
    struct made part = {.name = "h2", .index = 2, .count = 2, .seconds = 3, .killed = true};
    histogram_init(&e.pay, true);
    make(&(struct made){.name = "h1", .index = 1, .count = 2, .seconds = 6}, &e);
    make(&part, &e);
    part.killed = false;
    begin(&p, &part, true);
    for (int second = 3; second < 6; second++)
        play_second(&p, &part, &e, second);
    end(&p, &part);
    merge(&x, false, "h", "h1", "h2", NULL);
    assert_int_equal(x.code, 0);
    assert_true(x.summary->accounting);
    same_counts(&x, &e);
    same_buckets(&x, &e);
    assert_int_equal(x.summary->run.gaps, 1);
    assert_int_equal(row_of(x.summary, "iteration")->whole.cancelled, 1);
    merged_free(&x);
    histogram_free(&e.pay);
}

static void what_does_not_hold_is_said(void **state)
{
    struct expected e = {0};
    struct merged x;
    char path[512];
    histogram_init(&e.pay, true);
    make(&(struct made){.name = "i1", .index = 1, .count = 2, .seconds = 3}, &e);
    make(&(struct made){.name = "i2", .index = 2, .count = 2, .seconds = 3, .unbalanced = true},
         &e);
    merge(&x, false, "i", "i1", "i2", NULL);
    assert_int_equal(x.code, 0);
    assert_false(x.summary->accounting);
    assert_string_equal(x.summary->detail[0], "segment 2: the books do not balance");
    assert_string_equal(x.summary->detail[1], "segment 1: the books balance");
    merged_free(&x);
    /* Histograms that were lost. */
    snprintf(path, sizeof path, "%s/i1/histograms.hlog", base);
    assert_int_equal(truncate(path, 600), 0);
    merge(&x, false, "j", "i1", "i2", NULL);
    assert_int_equal(x.code, 0);
    assert_false(x.summary->accounting);
    assert_non_null(strstr(x.summary->detail[0], "the histograms hold "));
    assert_int_equal(row_of(x.summary, "pay")->whole.succeeded, e.paid);
    merged_free(&x);
    /* A line in the middle. */
    snprintf(path, sizeof path, "%s/i2/timeline.jsonl", base);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fputs("{\"t\"}1", file);
    fclose(file);
    merge(&x, false, "k", "i1", "i2", NULL);
    assert_int_equal(x.code, SHOAL_E_CORRUPT);
    assert_non_null(strstr(x.why, "i2: line 1 of timeline.jsonl is damaged"));
    merged_free(&x);
    histogram_free(&e.pay);
}

static void a_full_disk_is_said_and_the_summary_is_whole(void **state)
{
    struct rlimit before, small;
    struct merged x;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 3000; /* the manifest fits */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    merge(&x, false, "full", "a1", "a2", "a3", NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(x.code, SHOAL_E_IO);
    assert_non_null(strstr(x.why, "cannot write "));
    merged_free(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_buckets_add_exactly),
        cmocka_unit_test(seconds_meet_their_like),
        cmocka_unit_test(a_late_segment_is_shifted),
        cmocka_unit_test(long_runs_merge_by_tens),
        cmocka_unit_test(a_merged_folder_is_one_of_a_run),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_killed_segment_is_merged),
        cmocka_unit_test(what_a_killed_log_has_too_much_is_left_out),
        cmocka_unit_test(a_resumed_segment_keeps_its_gap),
        cmocka_unit_test(what_does_not_hold_is_said),
        cmocka_unit_test(a_full_disk_is_said_and_the_summary_is_whole),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
