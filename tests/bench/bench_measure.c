/* What measuring costs in CPU time. `--json` prints one object, as tests/bench/run.py reads it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/measure/interval.h"
#include "core/report/reporter.h"
#include "core/report/second.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "core/util/random.h"
#include "tests/bench/bench.h"
#include "tests/unit/core/report/folder.h"

#define RECORDS 5000000
#define LATENCIES 65536 /* prepared, so that making them is not measured */
#define LANES 64
#define SERIES 50
#define BUCKETS 1000
#define MERGE_ROUNDS 5
#define SECONDS 30

static void die_if(bool failed, const char *what)
{
    if (failed)
        die("bench_measure: %s", what);
}

static void make_table(struct series_table *table, unsigned count)
{
    char name[32];
    memset(table, 0, sizeof *table);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "step %u", i);
        series_add(table, "bench", SERIES_STEP, name);
    }
}

/* Latencies as they are: most near a millisecond, a tail of a second. */
static int64_t *make_latencies(void)
{
    int64_t *list = malloc(LATENCIES * sizeof *list);
    struct rng_source source = {.seed = 1, .scenario = "bench", .purpose = "latencies"};
    struct rng r;
    die_if(!list, "memory");
    rng_init(&r, &source);
    for (int i = 0; i < LATENCIES; i++)
        list[i] = (int64_t)(1e6 + rng_exponential(&r, 1e6) * (i % 100 ? 1 : 100));
    return list;
}

static double record_ns(bool failing)
{
    struct series_table table;
    int64_t *latencies = make_latencies();
    struct failure failure = {.kind = "http-status",
                              .error = SHOAL_E_HTTP_STATUS,
                              .status = 500,
                              .text = "the target answered with an error status"};
    make_table(&table, 20);
    struct meter *m = meter_new(&table);
    int64_t start = clock_thread_cpu_ns();
    for (int i = 0; i < RECORDS; i++) {
        unsigned series = (unsigned)i % 20;
        struct outcome o = {.kind = failing ? OUTCOME_FAILED : OUTCOME_SUCCEEDED,
                            .latency_ns = latencies[i % LATENCIES],
                            .start_delay_ns = START_DELAY_NONE,
                            .bytes_sent = 100,
                            .bytes_received = 200};
        meter_started(m, series);
        if (failing)
            meter_failure(m, series, &failure);
        meter_ended(m, series, &o);
    }
    double ns = (double)(clock_thread_cpu_ns() - start) / RECORDS;
    meter_free(m);
    free(latencies);
    return ns;
}

/* A thousand buckets of each series, over the three octaves that latencies of a step span. */
static void fill(struct meter *m, int64_t spread)
{
    struct outcome o = {.start_delay_ns = START_DELAY_NONE};
    for (unsigned s = 0; s < SERIES; s++) {
        for (int i = 0; i < BUCKETS; i++) {
            o.latency_ns = histogram_lowest(histogram_index(1000000) + i * (int)spread);
            meter_started(m, s);
            meter_ended(m, s, &o);
        }
    }
}

static double merge_ms(int64_t spread)
{
    struct series_table table;
    struct meter *meters[LANES];
    struct interval *intervals[LANES];
    struct second second;
    double best = INFINITY;
    make_table(&table, SERIES);
    second_init(&second, &table, LANES);
    for (int i = 0; i < LANES; i++)
        meters[i] = meter_new(&table);
    for (int round = 0; round < MERGE_ROUNDS; round++) {
        for (int i = 0; i < LANES; i++)
            fill(meters[i], spread);
        second_clear(&second);
        int64_t start = clock_thread_cpu_ns();
        for (int i = 0; i < LANES; i++) {
            intervals[i] = meter_publish(meters[i]);
            second_take(&second, intervals[i]);
            interval_release(intervals[i]);
        }
        best = fmin(best, (double)(clock_thread_cpu_ns() - start) / NS_PER_MS);
        die_if(second.rows[0].times[TIME_LATENCY].count != (uint64_t)LANES * BUCKETS, "lost");
    }
    for (int i = 0; i < LANES; i++)
        meter_free(meters[i]);
    second_free(&second);
    return best;
}

/* Everything the main thread does for a second in which each of 20 series ended 1,000 times. */
static double second_ms(void)
{
    char path[] = "/tmp/shoal-bench-XXXXXX", error[RUN_ERROR_MAX], folder_path[64];
    struct series_table table;
    struct run_folder *folder;
    struct reporter *reporter;
    struct meter *meters[2];
    int64_t *latencies = make_latencies(), now = clock_ns(), spent = 0;
    make_table(&table, 20);
    die_if(!mkdtemp(path), "no temporary folder");
    snprintf(folder_path, sizeof folder_path, "%s/run", path);
    die_if(run_folder_create(&folder, folder_path, error), error);
    struct reporter_options options = {.folder = folder,
                                       .series = &table,
                                       .lanes = 2,
                                       .start_ns = now,
                                       .start_wall_us = clock_wall_us()};
    die_if(reporter_new(&reporter, &options), "reporter");
    for (int i = 0; i < 2; i++)
        meters[i] = meter_new(&table);
    for (int s = 0; s < SECONDS; s++) {
        for (int i = 0; i < 20000; i++) {
            struct outcome o = {.latency_ns = latencies[(i * 7 + s * 999) % LATENCIES],
                                .start_delay_ns = START_DELAY_NONE};
            meter_started(meters[i % 2], (unsigned)i % 20);
            meter_ended(meters[i % 2], (unsigned)i % 20, &o);
        }
        struct interval *intervals[] = {meter_publish(meters[0]), meter_publish(meters[1])};
        struct reporter_tick tick = {intervals, 2, now += NS_PER_S};
        int64_t start = clock_thread_cpu_ns();
        die_if(reporter_collect(reporter, &tick), "collect");
        spent += clock_thread_cpu_ns() - start;
    }
    for (int i = 0; i < 2; i++)
        meter_free(meters[i]);
    reporter_free(reporter);
    run_folder_close(folder);
    free(latencies);
    folder_remove(path);
    return (double)spent / SECONDS / NS_PER_MS;
}

int main(int argc, char **argv)
{
    const struct bench_row rows[] = {
        {"record one step or request", "ns", record_ns(false), 100, NULL},
        {"record one that failed", "ns", record_ns(true), 100, NULL},
        {"merge 64 lanes x 50 series x 1,000 buckets", "ms", merge_ms(1), 20, NULL},
        {"the same, every third bucket touched", "ms", merge_ms(3), 0, NULL},
        {"a second of 20,000 outcomes, with its files", "ms", second_ms(), 0, NULL},
    };
    bench_print("measure", rows, sizeof rows / sizeof rows[0], bench_json(argc, argv));
    return 0;
}
