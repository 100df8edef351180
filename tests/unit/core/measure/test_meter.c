/* Meters: nothing lost between threads, nothing grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/measure/health.h"
#include "core/measure/interval.h"
#include "core/util/error.h"

#define LANES 4
#define ROUNDS 200
#define PER_ROUND 500

static void make_table(struct series_table *table)
{
    memset(table, 0, sizeof *table);
    assert_int_equal(series_add(table, "wallets", SERIES_ITERATION, "iteration"), 0);
    assert_int_equal(series_add(table, "wallets", SERIES_STEP, "pay"), 1);
}

struct lane_thread {
    struct meter *meter;
    _Atomic(struct interval *) mailbox; /* published, not collected yet */
    atomic_int asked;                   /* the reporter wants a publish */
    atomic_bool done;
};

/* What a lane does: record, and publish when asked. Every third outcome fails, every seventh is
 * cancelled; the last iteration of each round stays in flight until the next. */
static void *run_lane(void *arg)
{
    struct lane_thread *lane = arg;
    struct failure failure = {.kind = "refused", .error = SHOAL_E_REFUSED, .text = "no"};
    for (int i = 0; i < ROUNDS * PER_ROUND; i++) {
        struct outcome outcome = {
            .latency_ns = 1000 + i, .start_delay_ns = START_DELAY_NONE, .bytes_sent = 1};
        outcome.kind = i % 3 == 0   ? OUTCOME_FAILED
                       : i % 7 == 0 ? OUTCOME_CANCELLED
                                    : OUTCOME_SUCCEEDED;
        meter_started(lane->meter, 1);
        if (i > 0)
            meter_ended(lane->meter, 1, &outcome);
        if (i > 0 && outcome.kind == OUTCOME_FAILED)
            meter_failure(lane->meter, 1, &failure);
        if (atomic_load(&lane->asked)) {
            struct interval *interval = meter_publish(lane->meter);
            if (interval) {
                atomic_store(&lane->asked, 0);
                atomic_store(&lane->mailbox, interval);
            }
        }
    }
    atomic_store(&lane->done, true);
    return NULL;
}

struct sums {
    uint64_t started, succeeded, failed, cancelled, failures, bytes, times;
    int64_t in_flight[LANES];
    unsigned published;
};

static void take(struct sums *sums, int lane, struct interval *v)
{
    const struct interval_series *s = &v->series[1];
    sums->started += s->started;
    sums->succeeded += s->succeeded;
    sums->failed += s->failed;
    sums->cancelled += s->cancelled;
    sums->bytes += s->bytes_sent;
    sums->in_flight[lane] = s->in_flight;
    for (int t = 0; t < SERIES_TIMES; t++)
        sums->times += s->times[t] ? s->times[t]->count : 0;
    for (unsigned i = 0; i < v->failures.count; i++)
        sums->failures += v->failures.entries[i].count;
    sums->published++;
    interval_release(v);
}

static void check_identity(const struct sums *sums)
{
    int64_t in_flight = 0;
    for (int i = 0; i < LANES; i++)
        in_flight += sums->in_flight[i];
    assert_int_equal(sums->started,
                     sums->succeeded + sums->failed + sums->cancelled + (uint64_t)in_flight);
    assert_int_equal(sums->failures, sums->failed);
    assert_int_equal(sums->times, sums->succeeded + sums->failed);
}

static void threads_publish_without_loss(void **state)
{
    struct series_table table;
    struct lane_thread lanes[LANES] = {0};
    pthread_t threads[LANES];
    struct sums sums = {0};
    make_table(&table);
    for (int i = 0; i < LANES; i++)
        lanes[i].meter = meter_new(&table);
    for (int i = 0; i < LANES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_lane, &lanes[i]), 0);
    for (bool running = true; running;) {
        running = false;
        for (int i = 0; i < LANES; i++) {
            running |= !atomic_load(&lanes[i].done);
            struct interval *interval = atomic_exchange(&lanes[i].mailbox, NULL);
            if (interval) {
                take(&sums, i, interval);
                check_identity(&sums);
            }
            atomic_store(&lanes[i].asked, 1);
        }
    }
    for (int i = 0; i < LANES; i++) {
        pthread_join(threads[i], NULL);
        struct interval *interval = atomic_exchange(&lanes[i].mailbox, NULL);
        if (interval)
            take(&sums, i, interval);
        interval = meter_publish(lanes[i].meter);
        assert_non_null(interval);
        take(&sums, i, interval);
        assert_int_equal(meter_in_flight(lanes[i].meter, 1), 1);
        meter_free(lanes[i].meter);
    }
    check_identity(&sums);
    assert_int_equal(sums.started, LANES * ROUNDS * PER_ROUND);
    assert_int_equal(sums.bytes, LANES * (ROUNDS * PER_ROUND - 1));
    assert_true(sums.published > LANES);
}

static void a_slow_reporter_loses_nothing(void **state)
{
    struct series_table table;
    struct outcome ok = {.kind = OUTCOME_SUCCEEDED, .latency_ns = 5, .start_delay_ns = 7};
    make_table(&table);
    struct meter *m = meter_new(&table);
    struct meter_gauges gauges = {.fibers = 3, .switches = 10};
    meter_started(m, 0);
    meter_ended(m, 0, &ok);
    struct interval *first = meter_publish(m);
    assert_non_null(first);
    meter_started(m, 0);
    meter_ended(m, 0, &ok);
    meter_gauges(m, &gauges);
    assert_null(meter_publish(m)); /* the other one is still held */
    meter_gauges(m, &gauges);
    assert_int_equal(first->series[0].started, 1);
    meter_started(m, 0);
    meter_ended(m, 0, &ok);
    interval_release(first);
    struct interval *second = meter_publish(m);
    assert_non_null(second);
    assert_int_equal(second->series[0].started, 2);
    assert_int_equal(second->series[0].times[TIME_DELAY]->count, 2);
    assert_int_equal(second->gauges.switches, 20);
    assert_int_equal(second->gauges.fibers, 3);
    interval_release(second);
    struct interval *third = meter_publish(m);
    assert_int_equal(third->series[0].started, 0);
    assert_int_equal(third->gauges.switches, 0);
    interval_release(third);
    meter_free(m);
}

static uint64_t failures_of(const struct failure_table *t, unsigned series)
{
    uint64_t sum = t->other[series];
    for (unsigned i = 0; i < t->count; i++)
        sum += t->entries[i].series == series ? t->entries[i].count : 0;
    return sum;
}

static void a_million_distinct_failures_stay_bounded(void **state)
{
    struct series_table table;
    make_table(&table);
    struct meter *m = meter_new(&table);
    struct outcome failed = {.kind = OUTCOME_FAILED, .start_delay_ns = START_DELAY_NONE};
    struct failure failure = {.kind = "taler-error", .error = SHOAL_E_REJECTED};
    struct failure_table total = {0};
    uint64_t memory = 0;
    for (int i = 0; i < 1000000; i++) {
        failed.latency_ns = 1 + i % 1000000;
        failure.code = i;
        snprintf(failure.text, sizeof failure.text, "example %d", i);
        meter_started(m, (unsigned)i % 2);
        meter_ended(m, (unsigned)i % 2, &failed);
        meter_failure(m, (unsigned)i % 2, &failure);
        if (i % 10000 == 9999) {
            struct interval *interval = meter_publish(m);
            assert_int_equal(failures_of(&interval->failures, 0), 5000);
            failures_merge(&total, &interval->failures);
            interval_release(interval);
        }
        if (i == 100000)
            memory = rss_anon_bytes();
    }
    assert_true(memory > 0);
    assert_true(rss_anon_bytes() <= memory + 256 * 1024);
    assert_int_equal(total.count, FAILURE_KINDS_MAX);
    assert_int_equal(failures_of(&total, 0), 500000);
    assert_int_equal(failures_of(&total, 1), 500000);
    assert_string_equal(total.entries[0].first, "example 0");
    failures_free(&total);
    meter_free(m);
}

static void series_beyond_the_table_become_other(void **state)
{
    struct series_table table = {0};
    char name[32];
    for (unsigned i = 0; i < SERIES_OTHER; i++) {
        snprintf(name, sizeof name, "step %u", i);
        assert_int_equal(series_add(&table, "s", SERIES_STEP, name), i);
        assert_int_equal(series_at(0, i, SERIES_STEP), i);
    }
    for (unsigned i = 0; i < 6; i++) {
        enum series_kind kind = i % 3;
        unsigned index = series_add(&table, "s", kind, "one more");
        assert_int_equal(index, SERIES_OTHER + i % 3);
        assert_int_equal(series_at(SERIES_OTHER, i, kind), index);
        assert_int_equal(table.series[index].kind, kind);
        assert_string_equal(table.series[index].name, "other");
    }
    assert_int_equal(table.count, SERIES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_publish_without_loss),
        cmocka_unit_test(a_slow_reporter_loses_nothing),
        cmocka_unit_test(a_million_distinct_failures_stay_bounded),
        cmocka_unit_test(series_beyond_the_table_become_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
