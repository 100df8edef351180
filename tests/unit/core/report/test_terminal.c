/* What people read: the live line, the end table, and what goes where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/report/terminal.h"
#include "core/util/json.h"

#define WIDTH 120

static struct summary_times times(uint64_t count, double base)
{
    if (count == 0)
        return (struct summary_times){0, 0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    return (struct summary_times){.count = count,
                                  .min = base / 2,
                                  .mean = base,
                                  .stddev = 1,
                                  .p50 = base,
                                  .p90 = base * 2,
                                  .p95 = base * 3,
                                  .p99 = base * 5,
                                  .p999 = base * 20,
                                  .max = base * 100};
}

static struct summary_counts counts(uint64_t succeeded, uint64_t failed, double base)
{
    struct summary_counts c = {.started = succeeded + failed,
                               .succeeded = succeeded,
                               .failed = failed,
                               .per_second = (double)succeeded / 30,
                               .bytes_sent = succeeded * 300,
                               .bytes_received = succeeded * 500};
    for (int t = 0; t < SERIES_TIMES; t++)
        c.times[t] = times(t == TIME_LATENCY ? succeeded : 0, base);
    return c;
}

static struct summary_row row(enum series_kind kind, const char *name, struct summary_counts c)
{
    struct summary_row r = {.series = {.scenario = "wallets", .kind = kind},
                            .used = c.started > 0,
                            .whole = c,
                            .steady = c};
    snprintf(r.series.name, sizeof r.series.name, "%s", name);
    return r;
}

static struct summary_error error(enum series_kind kind, const char *name, uint64_t count)
{
    struct summary_error e = {.series = {.scenario = "wallets", .kind = kind},
                              .failure = {.kind = "refused-coin",
                                          .code = 1234,
                                          .status = 409,
                                          .count = count,
                                          .first = "coin is spent\nalready"}};
    snprintf(e.series.name, sizeof e.series.name, "%s", name);
    return e;
}

struct example {
    struct summary_scenario scenario;
    struct summary_row rows[5];
    struct summary_error errors[3];
    struct summary_lane lanes[2];
    struct summary summary;
};

static void make_example(struct example *x)
{
    memset(x, 0, sizeof *x);
    x->scenario = (struct summary_scenario){"wallets", "taler-wallet", "closed", 1000};
    x->rows[0] = row(SERIES_ITERATION, "iteration", counts(9000, 12, 12.34));
    x->rows[1] = row(SERIES_STEP, "withdraw", counts(12345678, 0, 0.25));
    x->rows[2] = row(SERIES_STEP, "pay", counts(0, 12, 0));
    x->rows[3] =
        row(SERIES_REQUEST, "POST reserves/{reserve}/batch-withdraw", counts(9000, 12, 15000));
    x->rows[4] = row(SERIES_REQUEST, "GET never", counts(0, 0, 0));
    x->errors[0] = error(SERIES_REQUEST, "POST reserves", 12);
    x->errors[1] = error(SERIES_STEP, "pay", 12);
    x->errors[2] = error(SERIES_ITERATION, "iteration", 12);
    x->lanes[0] = (struct summary_lane){3.1, 0.103, 0.5, 0.01, 0.02, 0, 0};
    x->lanes[1] = (struct summary_lane){3.2, 0.107, 0.5, 0.02, 0.03, 0, 1};
    x->summary =
        (struct summary){.run = {.name = "golden",
                                 .folder = "runs/golden",
                                 .seconds = 30,
                                 .steady_seconds = 27,
                                 .steady_start = 3,
                                 .steady_end = 30,
                                 .outcome = "completed"},
                         .scenarios = &x->scenario,
                         .scenario_count = 1,
                         .rows = x->rows,
                         .row_count = 5,
                         .errors = x->errors,
                         .error_count = 3,
                         .generator = {.cpu_s = 6.3,
                                       .crypto_s = 2.5,
                                       .state_s = 0.5,
                                       .lanes = x->lanes,
                                       .lane_count = 2,
                                       .lag = times(100, 0.1),
                                       .rss_anon = 50 << 20,
                                       .rss_anon_max = 51 << 20,
                                       .events = {[EVENT_INTENTS] = 9000},
                                       .verdict = {.seconds = 27},
                                       .tally = {.seconds = {30, 27}}},
                         .accounting = true,
                         .detail_count = 1,
                         .detail = {"requests sent 9012, served by the stand-in for taler 9012"}};
}

static void the_end_table_looks_as_it_should(void **state)
{
    struct example x;
    struct buf text = {0}, golden = {0};
    char chunk[4096];
    size_t n;
    make_example(&x);
    summary_table(&x.summary, &text);
    FILE *f = fopen("tests/unit/core/report/end_table.txt", "r");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_put(&golden, chunk, n);
    fclose(f);
    assert_string_equal((const char *)text.data, (const char *)golden.data);
    for (const char *line = (const char *)text.data; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, WIDTH);
    buf_free(&text);
    buf_free(&golden);
}

static void a_bottleneck_and_broken_books_cannot_be_missed(void **state)
{
    struct example x;
    struct buf text = {0};
    make_example(&x);
    x.summary.generator.verdict = (struct health_verdict){true, HEALTH_CPU_STOLEN, 27, 9};
    x.summary.accounting = false;
    summary_table(&x.summary, &text);
    const char *all = (const char *)text.data;
    assert_non_null(strstr(all, "Bottleneck  YES: cpu-stolen (in 9 of 27 steady seconds)"));
    assert_non_null(strstr(all, "Accounting  DOES NOT HOLD"));
    buf_free(&text);
}

static void assert_line(const struct live *live, const char *expected)
{
    struct buf text = {0};
    live_line(live, &text);
    assert_string_equal((const char *)text.data, expected);
    buf_free(&text);
}

static void the_live_line_says_what_matters(void **state)
{
    struct live live = {.elapsed_s = 12,
                        .planned_s = 30,
                        .iterations = 480,
                        .iterations_per_second = 40.25,
                        .p95_ms = 3.456,
                        .running = 3,
                        .thinking = 997,
                        .steps = {{"withdraw", 40}, {"pay", 201.5}},
                        .step_count = 2};
    assert_line(&live, "  12s/30s  40% | 480 it 40.2/s | withdraw 40.0  pay 201.5 | p95 3.46 ms | "
                       "failed 0 | running 3 thinking 997");
    live = (struct live){.elapsed_s = 90,
                         .iterations = 5,
                         .iterations_planned = 10,
                         .p95_ms = NAN,
                         .failed = 7,
                         .failed_per_second = 3.5,
                         .done = 1,
                         .flags = 1u << HEALTH_CPU | 1u << HEALTH_LOOP_LAG};
    assert_line(&live, "  90s  50% | 5 it 0.0/s | p95 - | failed 7 (3.5/s) | running 0 thinking 0 "
                       "done 1 | ! cpu,loop-lag");
}

/* A terminal whose two outputs are files. */
struct outputs {
    int progress, result;
    struct terminal *terminal;
};

static void open_outputs(struct outputs *o, bool quiet, bool json)
{
    o->progress = fileno(tmpfile());
    o->result = fileno(tmpfile());
    struct terminal_options options = {o->progress, o->result, quiet, json};
    o->terminal = terminal_new(&options);
}

static size_t content(int fd, char *out, size_t size)
{
    ssize_t n = pread(fd, out, size - 1, 0);
    assert_true(n >= 0);
    out[n] = '\0';
    return (size_t)n;
}

static void json_is_alone_on_its_output(void **state)
{
    struct example x;
    struct outputs o;
    char text[32768];
    cJSON *json;
    make_example(&x);
    open_outputs(&o, false, true);
    terminal_say(o.terminal, "starting %s", "it");
    assert_int_equal(terminal_finish(o.terminal, &x.summary), 0);
    content(o.result, text, sizeof text);
    assert_int_equal(json_parse(&json, slice_str(text), NULL), 0);
    cJSON_Delete(json);
    content(o.progress, text, sizeof text);
    assert_string_equal(text, "starting it\n");
    terminal_free(o.terminal);
}

static void quiet_leaves_the_table(void **state)
{
    struct example x;
    struct outputs o;
    struct live live = {.elapsed_s = 1};
    char text[32768];
    make_example(&x);
    open_outputs(&o, true, false);
    terminal_say(o.terminal, "starting");
    terminal_live(o.terminal, &live);
    assert_int_equal(terminal_finish(o.terminal, &x.summary), 0);
    assert_int_equal(content(o.progress, text, sizeof text), 0);
    assert_true(content(o.result, text, sizeof text) > 1000);
    terminal_free(o.terminal);
}

static void a_log_gets_a_line_a_second_then_every_five(void **state)
{
    struct outputs o;
    struct live live = {.p95_ms = NAN};
    char text[65536];
    unsigned lines = 0;
    open_outputs(&o, false, false);
    for (int s = 1; s <= 120; s++) {
        live.elapsed_s = s + (s % 3) * 0.01;
        terminal_live(o.terminal, &live);
    }
    content(o.progress, text, sizeof text);
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 60 + 12);
    assert_null(strchr(text, '\r'));
    terminal_free(o.terminal);
}

static void an_output_that_is_full_is_an_error(void **state)
{
    struct example x;
    make_example(&x);
    struct terminal_options options = {-1, open("/dev/full", O_WRONLY), false, false};
    struct terminal *t = terminal_new(&options);
    assert_int_not_equal(terminal_finish(t, &x.summary), 0);
    close(options.result_fd);
    terminal_free(t);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--print") == 0) { /* the golden text, to look at */
        struct example x;
        struct buf text = {0};
        make_example(&x);
        summary_table(&x.summary, &text);
        fputs((const char *)text.data, stdout);
        buf_free(&text);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_table_looks_as_it_should),
        cmocka_unit_test(a_bottleneck_and_broken_books_cannot_be_missed),
        cmocka_unit_test(the_live_line_says_what_matters),
        cmocka_unit_test(json_is_alone_on_its_output),
        cmocka_unit_test(quiet_leaves_the_table),
        cmocka_unit_test(a_log_gets_a_line_a_second_then_every_five),
        cmocka_unit_test(an_output_that_is_full_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
