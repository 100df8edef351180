/* Timers: the heap, a million of them, and what fires on a lane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/lane/lane.h"
#include "core/lane/timers.h"
#include "core/util/clock.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MANY 100000
#else
#define MANY 1000000
#endif

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* --- the heap --------------------------------------------------------------------------------- */

static void test_heap_gives_the_earliest_first(void **state)
{
    struct lane_timer *timers = calloc(MANY, sizeof *timers);
    struct timers heap = {0};
    uint64_t random = 88172645463325252u;
    size_t stopped = 0;
    int64_t last = INT64_MIN;

    assert_non_null(timers);
    assert_null(timers_first(&heap));
    for (size_t i = 0; i < MANY; i++)
        timers_set(&heap, &timers[i], (int64_t)(next_random(&random) % MANY));
    assert_int_equal(heap.count, MANY);
    for (size_t i = 0; i < MANY; i += 3) {
        timers_stop(&heap, &timers[i]);
        timers_stop(&heap, &timers[i]); /* again: nothing */
        stopped++;
    }
    for (size_t i = 1; i < MANY; i += 3) /* moved both ways */
        timers_set(&heap, &timers[i], (int64_t)(next_random(&random) % MANY));
    assert_int_equal(heap.count, MANY - stopped);

    size_t fired = 0;

    for (const struct timer_entry *first; (first = timers_first(&heap)) != NULL; fired++) {
        assert_true(first->key_ns >= last);
        last = first->key_ns;
        timers_stop(&heap, first->timer);
    }
    assert_int_equal(fired, MANY - stopped);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(timers[i].place, 0);
    timers_free(&heap);
    free(timers);
}

/* Against a plain array, so that a wrong place of any entry shows. */
static void test_heap_agrees_with_a_model(void **state)
{
    enum { N = 60 };
    struct lane_timer timers[N] = {0};
    int64_t model[N];
    struct timers heap = {0};
    uint64_t random = 42;

    for (int i = 0; i < N; i++)
        model[i] = -1;
    for (int step = 0; step < 200000; step++) {
        size_t i = next_random(&random) % N;

        if (next_random(&random) % 3 == 0) {
            timers_stop(&heap, &timers[i]);
            model[i] = -1;
        } else {
            model[i] = (int64_t)(next_random(&random) % 50);
            timers_set(&heap, &timers[i], model[i]);
        }
        int64_t least = -1;
        size_t count = 0;

        for (int k = 0; k < N; k++) {
            count += model[k] >= 0;
            if (model[k] >= 0 && (least < 0 || model[k] < least))
                least = model[k];
        }
        const struct timer_entry *first = timers_first(&heap);

        assert_int_equal(heap.count, count);
        assert_int_equal(first ? first->key_ns : -1, least);
    }
    timers_free(&heap);
}

/* --- on a lane -------------------------------------------------------------------------------- */

struct sleeper {
    struct lane_timer timer;
    struct crowd *crowd;
    bool stopped;
};

struct crowd {
    struct lane *lane;
    size_t fired, expected;
    int64_t last_ns, late_max_ns, late_sum_ns;
};

static void on_sleeper(struct lane_timer *timer)
{
    struct sleeper *s = (struct sleeper *)timer;
    struct crowd *crowd = s->crowd;
    int64_t late_ns = clock_ns() - timer->deadline_ns;

    assert_false(s->stopped);
    assert_int_equal(timer->place, 0);
    assert_true(timer->deadline_ns >= crowd->last_ns); /* in order */
    assert_true(late_ns >= 0);                         /* never early */
    crowd->last_ns = timer->deadline_ns;
    crowd->late_sum_ns += late_ns;
    if (late_ns > crowd->late_max_ns)
        crowd->late_max_ns = late_ns;
    if (++crowd->fired == crowd->expected)
        lane_stop(crowd->lane);
}

static void test_a_million_sleepers_on_a_lane(void **state)
{
    struct sleeper *sleepers = calloc(MANY, sizeof *sleepers);
    struct crowd crowd = {0};
    uint64_t random = 7;
    struct lane_health health;

    assert_non_null(sleepers);
    assert_int_equal(lane_new(&crowd.lane, NULL), 0);
    int64_t start_ns = clock_ns() + 2 * NS_PER_S; /* setting them takes a while itself */

    for (size_t i = 0; i < MANY; i++) {
        sleepers[i].crowd = &crowd;
        sleepers[i].timer.fn = on_sleeper;
        lane_timer_set(crowd.lane, &sleepers[i].timer,
                       start_ns + (int64_t)(next_random(&random) % (uint64_t)NS_PER_S));
    }
    for (size_t i = 0; i < MANY; i += 2) {
        lane_timer_stop(crowd.lane, &sleepers[i].timer);
        sleepers[i].stopped = true;
    }
    crowd.expected = MANY / 2;
    lane_run(crowd.lane);
    assert_int_equal(crowd.fired, crowd.expected);
    lane_health_read(crowd.lane, &health);
    assert_int_equal(health.timers, 0);
    assert_int_equal(health.loop_lag_count, crowd.expected);
    print_message("%zu fired, %.3f ms late on average, %.3f at most, %lu turns\n", crowd.fired,
                  (double)crowd.late_sum_ns / (double)crowd.fired / 1e6,
                  (double)crowd.late_max_ns / 1e6, (unsigned long)health.turns);
    assert_true(crowd.late_sum_ns / (int64_t)crowd.fired < 500 * NS_PER_MS);
    lane_free(crowd.lane);
    free(sleepers);
}

struct script;

struct scripted_timer {
    struct lane_timer timer;
    struct script *script;
};

struct script {
    struct lane *lane;
    struct scripted_timer timers[4];
    char text[16]; /* the letters of those that fired */
};

static void on_script(struct lane_timer *timer)
{
    struct scripted_timer *self = (struct scripted_timer *)timer;
    struct script *script = self->script;

    script->text[strlen(script->text)] = (char)('a' + (self - script->timers));
}

static void fiber_reorders(void *arg)
{
    struct script *s = arg;
    int64_t now_ns = clock_ns();

    for (int i = 0; i < 4; i++)
        s->timers[i] = (struct scripted_timer){.timer.fn = on_script, .script = s};
    lane_timer_set(s->lane, &s->timers[0].timer, now_ns + 20 * NS_PER_MS);
    lane_timer_set(s->lane, &s->timers[1].timer, now_ns + 30 * NS_PER_MS);
    lane_timer_set(s->lane, &s->timers[2].timer, now_ns + 10 * NS_PER_MS);
    lane_timer_set(s->lane, &s->timers[3].timer, now_ns - 10 * NS_PER_S); /* at once */
    assert_int_equal(lane_sleep_until(now_ns + 5 * NS_PER_MS), 0);
    assert_string_equal(s->text, "d");
    lane_timer_set(s->lane, &s->timers[1].timer, now_ns + 15 * NS_PER_MS); /* earlier than it was */
    lane_timer_stop(s->lane, &s->timers[2].timer);                         /* what is armed now */
    assert_int_equal(lane_sleep_until(now_ns + 40 * NS_PER_MS), 0);
    assert_string_equal(s->text, "dba");
    struct lane_health health;

    lane_health_read(s->lane, &health);
    assert_true(health.loop_lag_max_ns < 5 * NS_PER_S); /* set too late is not lateness */
    lane_stop(s->lane);
}

static void test_timers_are_moved_and_withdrawn(void **state)
{
    struct script script = {0};

    assert_int_equal(lane_new(&script.lane, NULL), 0);
    assert_int_equal(lane_spawn(script.lane, NULL, fiber_reorders, &script), 0);
    lane_run(script.lane);
    lane_free(script.lane);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void fiber_sleeps_often(void *arg)
{
    enum { N = 101 };
    int64_t *median_ns = arg;
    int64_t late_ns[N];

    for (int i = 0; i < N; i++) {
        int64_t deadline_ns = clock_ns() + NS_PER_MS;

        assert_int_equal(lane_sleep_until(deadline_ns), 0);
        late_ns[i] = clock_ns() - deadline_ns;
        assert_true(late_ns[i] >= 0);
    }
    qsort(late_ns, N, sizeof late_ns[0], by_value);
    *median_ns = late_ns[N / 2];
    lane_stop(lane_current());
}

static void test_sleeps_are_exact_in_the_median(void **state)
{
    struct lane *lane;
    int64_t median_ns = 0;

    assert_int_equal(lane_new(&lane, NULL), 0);
    assert_int_equal(lane_spawn(lane, NULL, fiber_sleeps_often, &median_ns), 0);
    lane_run(lane);
    print_message("1 ms sleeps were %.3f ms late in the median\n", (double)median_ns / 1e6);
    assert_true(median_ns < 10 * NS_PER_MS);
    lane_free(lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_gives_the_earliest_first),
        cmocka_unit_test(test_heap_agrees_with_a_model),
        cmocka_unit_test(test_a_million_sleepers_on_a_lane),
        cmocka_unit_test(test_timers_are_moved_and_withdrawn),
        cmocka_unit_test(test_sleeps_are_exact_in_the_median),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
