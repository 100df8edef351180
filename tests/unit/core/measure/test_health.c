/* The verdict about ourselves: each condition alone, and the share of seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sched.h>
#include <unistd.h>

#include "core/measure/health.h"
#include "core/util/clock.h"

#define BIT(flag) (1u << (flag))

static void each_condition_has_its_flag(void **state)
{
    static const struct {
        struct health_second second;
        uint32_t flags;
    } cases[] = {
        {{.lane_cpu_max = 0.89,
          .lane_wait_max = 0.2,
          .lag_p99_ns = 5000000,
          .delay_p99_ns = 10000000},
         0},
        {{.lane_cpu_max = 0.90}, BIT(HEALTH_CPU)},
        {{.lane_wait_max = 0.21}, BIT(HEALTH_CPU_STOLEN)},
        {{.lane_wait_max = 0.21, .process_share = 0.95}, BIT(HEALTH_CPU)},
        {{.steal_share = 0.21}, BIT(HEALTH_CPU_STOLEN)},
        {{.steal_share = 0.06}, 0},
        {{.steal_share = 0.06, .lag_p99_ns = 5000001},
         BIT(HEALTH_CPU_STOLEN) | BIT(HEALTH_LOOP_LAG)},
        {{.lag_p99_ns = 5000001}, BIT(HEALTH_LOOP_LAG)},
        {{.lag_p99_ns = 9000000, .step_p50_ns = 100000000}, 0},
        {{.lag_p99_ns = 10000001, .step_p50_ns = 100000000}, BIT(HEALTH_LOOP_LAG)},
        {{.delay_p99_ns = 10000001}, BIT(HEALTH_START_DELAY)},
        {{.not_started = 1}, BIT(HEALTH_MAX_ACTIVE)},
        {{.descriptors_gone = true, .unreachable = 1, .ports_scarce = true},
         BIT(HEALTH_DESCRIPTORS)},
        {{.unreachable = 1, .ports_scarce = true}, BIT(HEALTH_PORTS)},
        {{.unreachable = 1}, 0},
        {{.ports_scarce = true}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(health_judge(&cases[i].second), cases[i].flags);
}

static void verdict_of(struct health_verdict *v, int flagged, int clean, uint32_t flags,
                       bool steady)
{
    struct health_tally tally = {0};
    for (int i = 0; i < flagged; i++)
        health_count(&tally, flags, steady);
    for (int i = 0; i < clean; i++)
        health_count(&tally, 0, steady);
    health_verdict(&tally, v);
}

static void five_percent_of_the_seconds_decide(void **state)
{
    struct health_verdict v;
    verdict_of(&v, 5, 95, BIT(HEALTH_LOOP_LAG), true);
    assert_true(v.bottleneck);
    assert_int_equal(v.reason, HEALTH_LOOP_LAG);
    assert_int_equal(v.seconds, 100);
    assert_int_equal(v.flagged, 5);
    verdict_of(&v, 4, 96, BIT(HEALTH_LOOP_LAG), true);
    assert_false(v.bottleneck);
    verdict_of(&v, 0, 0, 0, true);
    assert_false(v.bottleneck);
    verdict_of(&v, 5, 95, BIT(HEALTH_CPU), false);
    assert_true(v.bottleneck);
}

static void ramp_seconds_do_not_count_beside_steady_ones(void **state)
{
    struct health_tally tally = {0};
    struct health_verdict v;
    for (int i = 0; i < 50; i++)
        health_count(&tally, BIT(HEALTH_CPU), false);
    for (int i = 0; i < 50; i++)
        health_count(&tally, 0, true);
    health_verdict(&tally, &v);
    assert_false(v.bottleneck);
    assert_int_equal(v.seconds, 50);
}

static void causes_come_before_symptoms(void **state)
{
    struct health_tally tally = {0};
    struct health_verdict v;
    for (int i = 0; i < 10; i++)
        health_count(&tally, BIT(HEALTH_LOOP_LAG) | (i < 6 ? BIT(HEALTH_CPU) : 0), true);
    health_verdict(&tally, &v);
    assert_int_equal(v.reason, HEALTH_CPU);
    for (int i = 0; i < 10; i++)
        health_count(&tally, BIT(HEALTH_LOOP_LAG), true);
    health_verdict(&tally, &v);
    assert_int_equal(v.reason, HEALTH_LOOP_LAG);
}

static void the_machine_answers(void **state)
{
    struct machine_sample a, b;
    int64_t waited = -1;
    machine_sample(&a);
    int64_t until = clock_ns() + 50 * NS_PER_MS;
    while (clock_ns() < until)
        sched_yield();
    machine_sample(&b);
    assert_true(a.rss_anon_bytes > 10000);
    assert_true(b.cpu_ns > a.cpu_ns);
    assert_true(b.total_ticks >= a.total_ticks && a.total_ticks > 0);
    assert_true(a.processors > 0);
    assert_in_range(a.descriptors, 3, 1000);
    assert_false(a.descriptors_gone);
    if (thread_run_wait_ns(gettid(), &waited))
        assert_true(waited >= 0);
    assert_false(thread_run_wait_ns(1 << 30, &waited));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_has_its_flag),
        cmocka_unit_test(five_percent_of_the_seconds_decide),
        cmocka_unit_test(ramp_seconds_do_not_count_beside_steady_ones),
        cmocka_unit_test(causes_come_before_symptoms),
        cmocka_unit_test(the_machine_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
