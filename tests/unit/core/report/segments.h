/* Folders of segments for the tests of merging: made by the reporter itself, with lanes that are
 * played by hand, and counted by the test as well. Included by one test program. */
#ifndef SHOAL_TESTS_REPORT_SEGMENTS_H
#define SHOAL_TESTS_REPORT_SEGMENTS_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/report/manifest.h"
#include "core/report/reporter.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "tests/unit/core/report/folder.h"

#define ZERO_US INT64_C(1795207895123000)
#define PLAN "{\"scenarios\": [{\"name\": \"wallets\", \"simulator\": \"toy\", \"clients\": 9}]}\n"

enum { ITERATION, PAY };

static char base[FOLDER_SIZE];

static int make_base(void **state)
{
    return folder_make(base);
}

static int remove_base(void **state)
{
    return folder_remove(base);
}

/* --- a segment ---------------------------------------------------------------------------- */

struct made {
    const char *name;
    unsigned index, count;
    int64_t offset_us; /* of its load's begin */
    uint64_t seed;
    uint8_t id;
    const char *plan;
    bool long_run; /* ten seconds a histogram */
    int seconds;
    int planned;     /* seconds, when it was killed before them */
    bool overloaded; /* arrivals could not start */
    bool killed;     /* it never ended */
    bool unbalanced; /* something beside the counts did not hold */
};

/* What was recorded, counted by the test itself. */
struct expected {
    uint64_t paid, failed;
    struct histogram pay;
};

struct playing {
    struct series_table table;
    struct run_folder *folder;
    struct reporter *reporter;
    struct meter *meter;
    int64_t now_ns;
};

static const char *path_of(const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", base, name);
    return out;
}

static struct manifest manifest_of(const struct made *s)
{
    struct manifest m = {.name = "test",
                         .run_id = {s->id},
                         .seed = s->seed ? s->seed : UINT64_MAX,
                         .lanes = 1,
                         .segment = s->index,
                         .segments = s->count,
                         .start_skew_ns = 5 * NS_PER_MS,
                         .started_wall_us = ZERO_US + s->offset_us,
                         .command_line = "shoal run",
                         .plan = slice_str(s->plan ? s->plan : PLAN)};
    return m;
}

static void begin(struct playing *p, const struct made *s, bool resume)
{
    char path[256], error[RUN_ERROR_MAX];
    memset(p, 0, sizeof *p);
    series_add(&p->table, "wallets", SERIES_ITERATION, "iteration");
    series_add(&p->table, "wallets", SERIES_STEP, "pay");
    series_add(&p->table, "wallets", SERIES_REQUEST, "POST /pay, now");
    path_of(s->name, path);
    assert_int_equal((resume ? run_folder_open : run_folder_create)(&p->folder, path, error), 0);
    struct manifest m = manifest_of(s);
    assert_int_equal(run_folder_write(p->folder, RUN_PLAN, m.plan), 0);
    assert_int_equal(manifest_save(p->folder, &m), 0);
    p->meter = meter_new(&p->table);
    p->now_ns = 100 * NS_PER_S;
    struct reporter_options options = {.folder = p->folder,
                                       .series = &p->table,
                                       .lanes = 1,
                                       .start_ns = p->now_ns,
                                       .planned_ns = s->long_run ? 3600 * NS_PER_S : 0,
                                       .steady_start_ns = 2 * NS_PER_S,
                                       .steady_end_ns =
                                           ((s->planned ? s->planned : s->seconds) - 1) * NS_PER_S};
    assert_int_equal((resume ? reporter_resume : reporter_new)(&p->reporter, &options), 0);
    reporter_begin(p->reporter, p->now_ns, options.start_wall_us);
}

static void collect(struct playing *p, int64_t step_ns)
{
    struct interval *interval = meter_publish(p->meter);
    p->now_ns += step_ns;
    struct reporter_tick tick = {&interval, 1, p->now_ns};
    assert_int_equal(reporter_collect(p->reporter, &tick), 0);
}

static void play(struct playing *p, struct expected *e, int64_t latency_ns, bool fails)
{
    struct outcome o = {.kind = fails ? OUTCOME_FAILED : OUTCOME_SUCCEEDED,
                        .latency_ns = latency_ns,
                        .start_delay_ns = START_DELAY_NONE,
                        .bytes_sent = 10,
                        .bytes_received = 20};
    struct failure f = {.kind = "refused-coin",
                        .error = SHOAL_E_REJECTED,
                        .code = 1234,
                        .status = 409,
                        .text = "no \"funds\"\n"};
    meter_started(p->meter, PAY);
    meter_ended(p->meter, PAY, &o);
    if (fails) {
        meter_failure(p->meter, PAY, &f);
        e->failed++;
    } else {
        e->paid++;
        histogram_record(&e->pay, latency_ns);
    }
}

/* Payments of one second, each segment's and second's with latencies of their own. */
static void play_second(struct playing *p, const struct made *s, struct expected *e, int second)
{
    for (int i = 0; i < 100; i++)
        play(p, e, (s->index * 7 + second) * NS_PER_MS + i * i * 1013, i % 40 == 0);
    meter_lag(p->meter, 50000);
    meter_phase(p->meter, PHASE_FIRST_BYTE, 5000 + second);
    meter_event(p->meter, EVENT_INTENTS, 7);
    meter_clients(p->meter, &(struct meter_clients){.running = 3});
    if (s->overloaded)
        meter_event(p->meter, EVENT_NOT_STARTED, 1);
    collect(p, NS_PER_S + (second % 3 - 1) * 3 * NS_PER_MS); /* ticks are not exact */
}

/* The wall clock of the lines is the test's own: as if the load had begun at ZERO_US + offset. */
static void rewrite_walls(struct playing *p, const struct made *s)
{
    struct buf text = {0}, out = {0};
    assert_int_equal(run_folder_read(p->folder, RUN_TIMELINE, &text), 0);
    for (char *line = (char *)text.data, *rest; line && *line; line = rest) {
        char utc[UTC_TEXT_MAX];
        double t = 0;
        rest = strchr(line, '\n') + 1;
        assert_int_equal(sscanf(line, "{\"t\":%lf", &t), 1);
        char *wall = strstr(line, "\"wall\":\"");
        assert_non_null(wall);
        wall += strlen("\"wall\":\"");
        utc_format(ZERO_US + s->offset_us + llround(t * 1e6), utc);
        memcpy(wall, utc, strlen(utc));
        buf_put(&out, line, (size_t)(rest - line));
    }
    assert_int_equal(run_folder_write(p->folder, RUN_TIMELINE, buf_slice(&out)), 0);
    buf_free(&text);
    buf_free(&out);
}

static void end(struct playing *p, const struct made *s)
{
    struct manifest m = manifest_of(s);
    struct summary *summary = NULL;
    struct reporter_end last = {.name = "test",
                                .run_id = {s->id},
                                .seed = m.seed,
                                .ended_wall_us = ZERO_US + s->offset_us + s->seconds * 1000000,
                                .outcome = "completed"};
    reporter_check(p->reporter, !s->unbalanced, "the books %sbalance",
                   s->unbalanced ? "do not " : "");
    if (!s->killed) {
        m.ended_wall_us = last.ended_wall_us;
        assert_int_equal(reporter_finish(p->reporter, &last, &summary), 0);
        assert_int_equal(manifest_save(p->folder, &m), 0);
        summary_free(summary);
    }
    rewrite_walls(p, s);
    reporter_free(p->reporter);
    meter_free(p->meter);
    run_folder_close(p->folder);
}

static void make(const struct made *s, struct expected *e)
{
    struct playing p;
    begin(&p, s, false);
    meter_started(p.meter, ITERATION);
    for (int second = 0; second < s->seconds; second++)
        play_second(&p, s, e, second);
    if (!s->killed)
        meter_ended(p.meter, ITERATION,
                    &(struct outcome){.kind = OUTCOME_SUCCEEDED,
                                      .latency_ns = s->seconds * NS_PER_S,
                                      .start_delay_ns = START_DELAY_NONE});
    collect(&p, 20 * NS_PER_MS);
    end(&p, s);
}

#endif
