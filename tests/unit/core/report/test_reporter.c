/* The reporter: what lanes counted is what the files and the summary say, also after a kill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/report/manifest.h"
#include "core/report/reporter.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/json.h"
#include "tests/unit/core/report/folder.h"

#define LANES 2
#define RUN_ID     \
    {              \
        0xab, 0xcd \
    }

static char base[FOLDER_SIZE];

static int make_base(void **state)
{
    return folder_make(base);
}

static int remove_base(void **state)
{
    return folder_remove(base);
}

enum { ITERATION, PAY, POST_PAY, SERIES };

/* One part of a run: a folder, lanes that are played by hand, and a clock that is moved by hand. */
struct part {
    struct series_table table;
    struct run_folder *folder;
    struct meter *meters[LANES];
    struct reporter *reporter;
    int64_t now_ns;
};

static void part_start(struct part *p, const char *name, bool resume)
{
    char path[256], error[RUN_ERROR_MAX];
    memset(p, 0, sizeof *p);
    series_add(&p->table, "wallets", SERIES_ITERATION, "iteration");
    series_add(&p->table, "wallets", SERIES_STEP, "pay");
    series_add(&p->table, "wallets", SERIES_REQUEST, "POST /pay, now");
    snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal((resume ? run_folder_open : run_folder_create)(&p->folder, path, error), 0);
    struct manifest m = {.name = "test",
                         .run_id = RUN_ID,
                         .seed = UINT64_MAX,
                         .lanes = LANES,
                         .segment = 1,
                         .segments = 1,
                         .start_skew_ns = -1,
                         .started_wall_us = INT64_C(1795207895123000),
                         .command_line = "shoal run",
                         .plan = slice_str("{}")};
    assert_int_equal(manifest_save(p->folder, &m), 0);
    for (int i = 0; i < LANES; i++)
        p->meters[i] = meter_new(&p->table);
    p->now_ns = 100 * NS_PER_S;
    struct reporter_options options = {.folder = p->folder,
                                       .series = &p->table,
                                       .lanes = LANES,
                                       .start_ns = p->now_ns,
                                       .start_wall_us = INT64_C(1795207895123000),
                                       .steady_start_ns = 2 * NS_PER_S,
                                       .steady_end_ns = 4 * NS_PER_S};
    assert_int_equal((resume ? reporter_resume : reporter_new)(&p->reporter, &options), 0);
    reporter_begin(p->reporter, p->now_ns, options.start_wall_us);
}

static void part_end(struct part *p)
{
    reporter_free(p->reporter);
    for (int i = 0; i < LANES; i++)
        meter_free(p->meters[i]);
    run_folder_close(p->folder);
}

static int part_collect(struct part *p, int64_t step_ns)
{
    struct interval *intervals[LANES];
    for (int i = 0; i < LANES; i++)
        intervals[i] = meter_publish(p->meters[i]);
    p->now_ns += step_ns;
    struct reporter_tick tick = {intervals, LANES, p->now_ns};
    return reporter_collect(p->reporter, &tick);
}

static void play(struct meter *m, unsigned series, int64_t latency_ns, const char *failure)
{
    struct outcome o = {.kind = failure ? OUTCOME_FAILED : OUTCOME_SUCCEEDED,
                        .latency_ns = latency_ns,
                        .start_delay_ns = 1000,
                        .bytes_sent = 10,
                        .bytes_received = 20};
    struct failure f = {.kind = failure,
                        .error = SHOAL_E_REJECTED,
                        .code = 1234,
                        .status = 409,
                        .text = "no \"funds\"\n"};
    meter_started(m, series);
    meter_ended(m, series, &o);
    if (failure)
        meter_failure(m, series, &f);
}

/* Five seconds: 100 payments each, the i-th second's taking i to i + 1 ms; 3 fail each second. One
 * iteration goes on all the time. */
static void play_seconds(struct part *p, int seconds)
{
    meter_started(p->meters[0], ITERATION);
    for (int s = 0; s < seconds; s++) {
        for (int i = 0; i < 100; i++) {
            struct meter *m = p->meters[i % LANES];
            const char *failure = i % 40 == 0 ? "refused-coin" : NULL;
            play(m, PAY, s * NS_PER_MS + i * 10000, failure);
            play(m, POST_PAY, s * NS_PER_MS + i * 9000, NULL);
            meter_phase(m, PHASE_FIRST_BYTE, 5000 + i);
        }
        meter_lag(p->meters[0], 50000);
        meter_clock(p->meters[1], METER_CRYPTO, NS_PER_MS);
        meter_event(p->meters[0], EVENT_INTENTS, 7);
        assert_int_equal(part_collect(p, NS_PER_S), 0);
    }
}

static const struct reporter_end the_end = {.name = "test",
                                            .run_id = RUN_ID,
                                            .seed = UINT64_MAX,
                                            .ended_wall_us = 1795207900123000,
                                            .outcome = "completed"};

static cJSON *read_json(struct part *p, enum run_file file)
{
    struct buf text = {0};
    cJSON *json;
    assert_int_equal(run_folder_read(p->folder, file, &text), 0);
    assert_int_equal(json_parse(&json, buf_slice(&text), NULL), 0);
    buf_free(&text);
    return json;
}

static const cJSON *at(const cJSON *json, const char *path)
{
    char copy[128], *rest = copy;
    snprintf(copy, sizeof copy, "%s", path);
    for (const char *key; (key = strsep(&rest, "."));) {
        json = *key >= '0' && *key <= '9' ? cJSON_GetArrayItem(json, atoi(key))
                                          : cJSON_GetObjectItemCaseSensitive(json, key);
        if (!json)
            fail_msg("there is no %s", path);
    }
    return json;
}

static double number_at(const cJSON *json, const char *path)
{
    const cJSON *item = at(json, path);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static void the_summary_keeps_its_contract(void **state)
{
    static const char *const members[] = {
        "format",     "run",       "scenarios",  "iterations",       "steps", "requests", "errors",
        "thresholds", "generator", "accounting", "accounting_detail"};
    static const char *const counts[] = {"started",    "succeeded",         "failed",
                                         "cancelled",  "in_flight",         "per_second",
                                         "latency_ms", "failed_latency_ms", "start_delay_ms",
                                         "bytes_sent", "bytes_received"};
    static const char *const statistics[] = {"min", "mean", "stddev", "p50", "p90",
                                             "p95", "p99",  "p999",   "max"};
    static const char *const generator[] = {"bottleneck",  "reason",   "cpu_s",   "lanes",
                                            "loop_lag_ms", "crypto_s", "state_s", "rss_anon_bytes"};
    struct part p;
    struct summary *summary;
    char path[64];
    part_start(&p, "contract", false);
    play_seconds(&p, 5);
    reporter_check(p.reporter, true, "requests sent %d, served %d", 500, 500);
    assert_int_equal(reporter_finish(p.reporter, &the_end, &summary), 0);
    cJSON *json = read_json(&p, RUN_SUMMARY);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        at(json, members[i]);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        snprintf(path, sizeof path, "steps.0.whole.%s", counts[i]);
        at(json, path);
        snprintf(path, sizeof path, "steps.0.steady.%s", counts[i]);
        at(json, path);
    }
    for (size_t i = 0; i < sizeof statistics / sizeof statistics[0]; i++) {
        snprintf(path, sizeof path, "steps.0.whole.latency_ms.%s", statistics[i]);
        assert_true(number_at(json, path) >= 0);
    }
    for (size_t i = 0; i < sizeof generator / sizeof generator[0]; i++) {
        snprintf(path, sizeof path, "generator.%s", generator[i]);
        at(json, path);
    }
    assert_true(number_at(json, "format") == 1);
    assert_string_equal(at(json, "steps.0.name")->valuestring, "pay");
    assert_true(number_at(json, "steps.0.whole.started") == 500);
    assert_true(number_at(json, "steps.0.whole.failed") == 15);
    assert_true(number_at(json, "steps.0.whole.per_second") == 97);
    assert_true(number_at(json, "steps.0.steady.succeeded") == 194);
    assert_true(number_at(json, "steps.0.steady.per_second") == 97);
    assert_true(number_at(json, "steps.0.steady.latency_ms.min") == 2.01);
    assert_true(number_at(json, "steps.0.steady.latency_ms.max") == 3.99);
    assert_true(number_at(json, "steps.0.whole.bytes_received") == 10000);
    assert_true(number_at(json, "iterations.0.whole.in_flight") == 1);
    assert_true(cJSON_IsNull(at(json, "iterations.0.whole.latency_ms")));
    assert_string_equal(at(json, "errors.0.kind")->valuestring, "refused-coin");
    assert_true(number_at(json, "errors.0.code") == 1234);
    assert_true(number_at(json, "errors.0.status") == 409);
    assert_true(number_at(json, "errors.0.count") == 15);
    assert_string_equal(at(json, "errors.0.first")->valuestring, "no \"funds\"\n");
    assert_true(fabs(number_at(json, "generator.crypto_s") - 0.005) < 1e-9);
    assert_true(cJSON_IsTrue(at(json, "accounting")));
    assert_string_equal(at(json, "accounting_detail.0")->valuestring,
                        "requests sent 500, served 500");
    assert_int_equal(summary->rows[PAY].whole.succeeded, 485);
    cJSON_Delete(json);
    summary_free(summary);
    part_end(&p);
}

static void without_a_window_steady_is_null(void **state)
{
    struct part p;
    struct summary *summary;
    part_start(&p, "nowindow", false);
    reporter_steady(p.reporter, 0, 0);
    play_seconds(&p, 3);
    assert_int_equal(reporter_finish(p.reporter, &the_end, &summary), 0);
    cJSON *json = read_json(&p, RUN_SUMMARY);
    assert_true(cJSON_IsNull(at(json, "steps.0.steady")));
    assert_true(cJSON_IsNull(at(json, "run.steady_window")));
    cJSON_Delete(json);
    summary_free(summary);
    part_end(&p);
}

struct line_sums {
    double started, succeeded, failed, sum_ms, errors;
    unsigned lines;
};

static int sum_line(void *arg, struct slice line)
{
    struct line_sums *sums = arg;
    cJSON *json;
    const cJSON *row;
    assert_int_equal(json_parse(&json, line, NULL), 0);
    sums->lines++;
    cJSON_ArrayForEach(row, at(json, "series"))
    {
        if (strcmp(at(row, "of")->valuestring, "step") != 0)
            continue;
        sums->started += number_at(row, "started");
        sums->succeeded += number_at(row, "succeeded");
        sums->failed += number_at(row, "failed");
        sums->sum_ms += number_at(row, "latency_ms.sum");
    }
    cJSON_ArrayForEach(row, at(json, "errors")) sums->errors += number_at(row, "count");
    cJSON_Delete(json);
    return 0;
}

static void the_whole_is_the_sum_of_the_lines(void **state)
{
    struct part p;
    struct summary *summary;
    struct line_sums sums = {0};
    part_start(&p, "lines", false);
    play_seconds(&p, 5);
    assert_int_equal(run_folder_each_line(p.folder, RUN_TIMELINE, sum_line, &sums), 0);
    assert_int_equal(reporter_finish(p.reporter, &the_end, &summary), 0);
    const struct summary_counts *whole = &summary->rows[PAY].whole;
    assert_int_equal(sums.lines, 5);
    assert_true(sums.started == (double)whole->started);
    assert_true(sums.succeeded == (double)whole->succeeded);
    assert_true(sums.failed == (double)whole->failed);
    assert_true(sums.errors == (double)whole->failed);
    double mean = whole->times[TIME_LATENCY].mean;
    assert_true(fabs(sums.sum_ms / (double)whole->succeeded - mean) < 1e-9);
    summary_free(summary);
    part_end(&p);
}

static void what_does_not_add_up_is_said(void **state)
{
    struct part p;
    struct summary *summary;
    struct outcome ok = {
        .kind = OUTCOME_SUCCEEDED, .latency_ns = 1, .start_delay_ns = START_DELAY_NONE};
    part_start(&p, "wrong", false);
    meter_ended(p.meters[0], PAY, &ok); /* never started */
    ok.kind = OUTCOME_FAILED;
    meter_started(p.meters[1], POST_PAY);
    meter_ended(p.meters[1], POST_PAY, &ok); /* without its failure */
    assert_int_equal(part_collect(&p, NS_PER_S), 0);
    assert_false(reporter_accounting(p.reporter));
    assert_int_equal(part_collect(&p, NS_PER_S), 0);
    reporter_check(p.reporter, false, "books do not balance");
    assert_int_equal(reporter_finish(p.reporter, &the_end, &summary), 0);
    assert_false(summary->accounting);
    assert_int_equal(summary->detail_count, 3); /* each once */
    assert_non_null(strstr(summary->detail[0], "pay of wallets step: started 0"));
    assert_non_null(strstr(summary->detail[1], "its errors add up to 0"));
    summary_free(summary);
    part_end(&p);
}

static void assert_same_times(const struct summary_times *a, const struct summary_times *b)
{
    assert_int_equal(a->count, b->count);
    if (a->count == 0)
        return;
    assert_true(a->min == b->min);
    assert_true(a->mean == b->mean);
    assert_true(a->p50 == b->p50);
    assert_true(a->p99 == b->p99);
    assert_true(a->max == b->max);
    assert_true(fabs(a->stddev - b->stddev) < 1e-9);
}

static void assert_same_counts(const struct summary_counts *a, const struct summary_counts *b)
{
    assert_int_equal(a->started, b->started);
    assert_int_equal(a->succeeded, b->succeeded);
    assert_int_equal(a->failed, b->failed);
    assert_int_equal(a->cancelled, b->cancelled);
    assert_int_equal(a->in_flight, b->in_flight);
    assert_int_equal(a->bytes_sent, b->bytes_sent);
    for (int t = 0; t < SERIES_TIMES; t++)
        assert_same_times(&a->times[t], &b->times[t]);
}

/* The files alone give the same summary, bit for bit in what was counted. */
static void a_folder_reads_back_as_it_was_measured(void **state)
{
    struct part p;
    struct summary *measured, *loaded;
    struct reporter *reader;
    part_start(&p, "readback", false);
    play_seconds(&p, 5);
    assert_int_equal(reporter_finish(p.reporter, &the_end, &measured), 0);
    assert_int_equal(reporter_load(&reader, p.folder), 0);
    assert_int_equal(reporter_rebuild(reader, &loaded), 0);
    assert_int_equal(loaded->row_count, SERIES);
    for (unsigned i = 0; i < SERIES; i++) {
        assert_string_equal(loaded->rows[i].series.name, measured->rows[i].series.name);
        assert_int_equal(loaded->rows[i].series.kind, measured->rows[i].series.kind);
        assert_same_counts(&loaded->rows[i].whole, &measured->rows[i].whole);
        assert_same_counts(&loaded->rows[i].steady, &measured->rows[i].steady);
    }
    assert_true(loaded->run.steady_seconds == measured->run.steady_seconds);
    assert_true(loaded->run.seconds == measured->run.seconds);
    assert_int_equal(loaded->run.seed, UINT64_MAX);
    assert_memory_equal(loaded->run.run_id, measured->run.run_id, RUN_ID_SIZE);
    assert_string_equal(loaded->run.name, "test");
    assert_int_equal(loaded->error_count, 1);
    assert_int_equal(loaded->errors[0].failure.count, 15);
    assert_int_equal(loaded->errors[0].failure.error, SHOAL_E_REJECTED);
    assert_string_equal(loaded->errors[0].failure.first, "no \"funds\"\n");
    assert_same_times(&loaded->generator.lag, &measured->generator.lag);
    assert_same_times(&loaded->generator.phases[PHASE_FIRST_BYTE],
                      &measured->generator.phases[PHASE_FIRST_BYTE]);
    assert_int_equal(loaded->generator.events[EVENT_INTENTS], 35);
    assert_true(loaded->accounting);
    assert_int_equal(loaded->generator.lane_count, LANES);
    summary_free(measured);
    summary_free(loaded);
    reporter_free(reader);
    part_end(&p);
}

static void append_raw(const char *name, const char *file, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s/%s", base, name, file);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A copy of the first histogram line, moved beyond the timeline, as a kill between two writes
 * leaves it. */
static void append_histogram_beyond(struct part *p, const char *name)
{
    struct buf text = {0};
    assert_int_equal(run_folder_read(p->folder, RUN_HISTOGRAMS, &text), 0);
    const char *line = strstr((const char *)text.data, "\nTag=") + 1;
    const char *comma = strchr(line, ','), *rest = strchr(comma + 1, ',');
    char moved[65536];
    snprintf(moved, sizeof moved, "%.*s,99.000%.*s\n", (int)(comma - line), line,
             (int)(strchr(rest, '\n') - rest), rest);
    append_raw(name, "histograms.hlog", moved);
    buf_free(&text);
}

static void a_killed_run_goes_on(void **state)
{
    struct part p, q;
    struct summary *summary;
    struct reporter_counts counts;
    part_start(&p, "killed", false);
    play_seconds(&p, 3);
    append_raw("killed", "timeline.jsonl", "{\"t\":4.0,\"seconds\":1.0,\"ser");
    append_histogram_beyond(&p, "killed");
    append_raw("killed", "histograms.hlog", "Tag=wallets/step/pay,3.000,1.0");
    part_end(&p); /* no finish: the process died */

    part_start(&q, "killed", true);
    assert_int_equal(reporter_elapsed(q.reporter), 3 * NS_PER_S);
    reporter_counts(q.reporter, PAY, &counts);
    assert_int_equal(counts.started, 300);
    reporter_counts(q.reporter, ITERATION, &counts);
    assert_int_equal(counts.cancelled, 1);
    assert_int_equal(counts.in_flight, 0);
    play_seconds(&q, 2);
    assert_int_equal(reporter_finish(q.reporter, &the_end, &summary), 0);
    assert_true(summary->accounting);
    assert_int_equal(summary->run.gaps, 1);
    assert_true(summary->run.seconds == 5);
    assert_int_equal(summary->rows[PAY].whole.started, 500);
    assert_int_equal(summary->rows[PAY].steady.started, 200);
    assert_int_equal(summary->rows[PAY].whole.times[TIME_LATENCY].count, 485);
    assert_int_equal(summary->errors[0].failure.count, 15);
    assert_int_equal(summary->generator.events[EVENT_INTENTS], 35);
    /* All of it is in the files. */
    struct reporter *reader;
    struct summary *loaded;
    assert_int_equal(reporter_load(&reader, q.folder), 0);
    assert_int_equal(reporter_rebuild(reader, &loaded), 0);
    assert_true(loaded->accounting);
    assert_int_equal(loaded->rows[PAY].whole.started, 500);
    assert_same_times(&loaded->rows[PAY].whole.times[TIME_LATENCY],
                      &summary->rows[PAY].whole.times[TIME_LATENCY]);
    summary_free(loaded);
    reporter_free(reader);
    summary_free(summary);
    part_end(&q);
}

static void a_run_killed_before_its_first_second_goes_on(void **state)
{
    struct part p, q;
    struct summary *summary;
    part_start(&p, "early", false);
    part_end(&p);
    part_start(&q, "early", true);
    play_seconds(&q, 1);
    assert_int_equal(reporter_finish(q.reporter, &the_end, &summary), 0);
    assert_int_equal(summary->rows[PAY].whole.started, 100);
    summary_free(summary);
    part_end(&q);
}

static void a_damaged_timeline_is_refused(void **state)
{
    struct part p;
    struct reporter *reporter;
    part_start(&p, "damaged", false);
    play_seconds(&p, 2);
    append_raw("damaged", "timeline.jsonl", "not json\n");
    struct reporter_options options = {.folder = p.folder, .series = &p.table, .lanes = LANES};
    assert_int_equal(reporter_resume(&reporter, &options), SHOAL_E_CORRUPT);
    assert_non_null(strstr(run_folder_error(p.folder), "line 3 of timeline.jsonl is damaged"));
    part_end(&p);
}

/* Forty minutes: after half an hour a line of the histogram log covers ten seconds, and what was
 * not full yet is there as seconds. */
static void long_runs_have_small_histogram_logs(void **state)
{
    struct part p;
    struct summary *measured, *loaded;
    struct reporter *reader;
    part_start(&p, "long", false);
    for (int s = 0; s < 2405; s++) {
        play(p.meters[0], PAY, (1 + s) * 1000, NULL);
        assert_int_equal(part_collect(&p, NS_PER_S), 0);
    }
    struct buf text = {0};
    unsigned lines = 0;
    assert_int_equal(run_folder_read(p.folder, RUN_HISTOGRAMS, &text), 0);
    for (const char *s = (const char *)text.data; (s = strstr(s, "Tag=wallets/step/pay,")); s++)
        lines++;
    buf_free(&text);
    assert_in_range(lines, 1800 + 60, 1800 + 70);
    assert_int_equal(reporter_finish(p.reporter, &the_end, &measured), 0);
    assert_int_equal(reporter_load(&reader, p.folder), 0);
    assert_int_equal(reporter_rebuild(reader, &loaded), 0);
    assert_true(loaded->accounting);
    assert_same_times(&loaded->rows[0].whole.times[TIME_LATENCY],
                      &measured->rows[PAY].whole.times[TIME_LATENCY]);
    assert_same_times(&loaded->rows[0].steady.times[TIME_LATENCY],
                      &measured->rows[PAY].steady.times[TIME_LATENCY]);
    summary_free(measured);
    summary_free(loaded);
    reporter_free(reader);
    part_end(&p);
}

static void a_full_disk_is_told_and_totals_go_on(void **state)
{
    struct part p;
    struct summary *summary = NULL;
    struct rlimit limit, small;
    part_start(&p, "nospace", false);
    play_seconds(&p, 2);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){1024, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    play(p.meters[0], PAY, 1000, NULL);
    int collected = part_collect(&p, NS_PER_S);
    int finished = reporter_finish(p.reporter, &the_end, &summary);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(collected, SHOAL_E_IO);
    assert_int_equal(finished, SHOAL_E_IO);
    assert_non_null(strstr(run_folder_error(p.folder), "cannot write"));
    assert_int_equal(summary->rows[PAY].whole.started, 201);
    summary_free(summary);
    part_end(&p);
}

static void a_lane_that_is_late_is_taken_next_time(void **state)
{
    struct part p;
    struct summary *summary;
    part_start(&p, "late", false);
    play(p.meters[0], PAY, 1000, NULL);
    play(p.meters[1], PAY, 1000, NULL);
    meter_started(p.meters[1], PAY);
    struct interval *only_first[LANES] = {meter_publish(p.meters[0]), NULL};
    p.now_ns += NS_PER_S;
    struct reporter_tick tick = {only_first, LANES, p.now_ns};
    assert_int_equal(reporter_collect(p.reporter, &tick), 0);
    assert_true(reporter_accounting(p.reporter));
    assert_int_equal(part_collect(&p, NS_PER_S), 0);
    assert_int_equal(reporter_finish(p.reporter, &the_end, &summary), 0);
    assert_int_equal(summary->rows[PAY].whole.started, 3);
    assert_int_equal(summary->rows[PAY].whole.in_flight, 1);
    assert_true(summary->accounting);
    summary_free(summary);
    part_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_summary_keeps_its_contract),
        cmocka_unit_test(without_a_window_steady_is_null),
        cmocka_unit_test(the_whole_is_the_sum_of_the_lines),
        cmocka_unit_test(what_does_not_add_up_is_said),
        cmocka_unit_test(a_folder_reads_back_as_it_was_measured),
        cmocka_unit_test(a_killed_run_goes_on),
        cmocka_unit_test(a_run_killed_before_its_first_second_goes_on),
        cmocka_unit_test(a_damaged_timeline_is_refused),
        cmocka_unit_test(long_runs_have_small_histogram_logs),
        cmocka_unit_test(a_full_disk_is_told_and_totals_go_on),
        cmocka_unit_test(a_lane_that_is_late_is_taken_next_time),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
