/* A lane's life, turns and health. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "core/lane/lane.h"
#include "core/util/clock.h"
#include "core/util/error.h"

static int64_t in_ms(int64_t ms)
{
    return clock_ns() + ms * NS_PER_MS;
}

static void hold_lane_until(int64_t until_ns)
{
    while (clock_ns() < until_ns)
        continue;
}

static struct lane *lane_of(size_t posts_max)
{
    struct lane *lane;

    assert_int_equal(lane_new(&lane, &(struct lane_options){.index = 3, .posts_max = posts_max}),
                     0);
    return lane;
}

static void run_lane(fiber_fn fn, void *arg)
{
    struct lane *lane = lane_of(0);

    assert_int_equal(lane_spawn(lane, NULL, fn, arg), 0);
    lane_stop(lane);
    lane_run(lane);
    lane_free(lane);
}

/* --- life ------------------------------------------------------------------------------------- */

static void counts(void *arg)
{
    ++*(int *)arg;
}

static void stops_after_a_while(void *arg)
{
    assert_int_equal(lane_index(lane_current()), 3);
    assert_int_equal(lane_sleep_until(in_ms(5)), 0);
    counts(arg);
    lane_stop(lane_current());
    assert_int_equal(lane_sleep_until(in_ms(5)), 0); /* a fiber that is left holds the lane */
    counts(arg);
}

static void test_runs_stops_and_runs_again(void **state)
{
    struct lane *lane = lane_of(0);
    int done = 0;

    lane_free(lane); /* never run */
    lane = lane_of(0);
    assert_null(lane_current());
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(lane_spawn(lane, NULL, stops_after_a_while, &done), 0);
        lane_run(lane);
        assert_int_equal(done, 2 * i);
        assert_null(lane_current());
    }
    assert_int_equal(lane_post(lane, counts, &done), 0); /* too late to run, but not lost */
    lane_free(lane);
    assert_int_equal(done, 5);
}

static void *stop_from_outside(void *arg)
{
    usleep(10000);
    lane_stop(arg);
    return NULL;
}

static void test_stopped_by_another_thread(void **state)
{
    struct lane *lane = lane_of(0);
    pthread_t thread;
    struct lane_health health;

    assert_int_equal(pthread_create(&thread, NULL, stop_from_outside, lane), 0);
    lane_run(lane);
    pthread_join(thread, NULL);
    lane_health_read(lane, &health);
    assert_true(health.turns < 10); /* it slept meanwhile */
    lane_free(lane);
}

struct foreign {
    uv_timer_t timer;
    int steps;
    bool closed;
};

static void foreign_closed(uv_handle_t *handle)
{
    struct foreign *f = handle->data;

    f->closed = true;
}

static void foreign_fiber(void *arg)
{
    struct foreign *f = arg;

    assert_int_equal(lane_sleep_until(in_ms(5)), 0);
    f->steps++;
    uv_close((uv_handle_t *)&f->timer, foreign_closed);
}

static void foreign_fires(uv_timer_t *timer)
{
    assert_int_equal(lane_spawn(lane_current(), NULL, foreign_fiber, timer->data), 0);
}

/* The lane goes on serving while a handle that is not its own is open, though it was stopped. */
static void test_waits_for_foreign_handles(void **state)
{
    struct lane *lane = lane_of(0);
    struct foreign f = {.steps = 0};

    uv_timer_init(lane_loop(lane), &f.timer);
    f.timer.data = &f;
    uv_timer_start(&f.timer, foreign_fires, 20, 0);
    lane_stop(lane);
    lane_run(lane);
    assert_int_equal(f.steps, 1);
    assert_true(f.closed);
    lane_free(lane);
}

/* --- turns ------------------------------------------------------------------------------------ */

struct turns {
    struct fiber_wait wait;
    bool staged;
    int commits, ran, order;
    int64_t start_ns;
};

static void commit(void *arg)
{
    struct turns *t = arg;

    if (t->staged) {
        t->staged = false;
        t->commits++;
        if (clock_ns() - t->start_ns < LANE_TURN_NS)
            assert_int_equal(t->ran, 10); /* all that could run did */
        wait_wake(&t->wait, 0);
    }
    t->order = 1;
}

static void after_commit(void *arg)
{
    struct turns *t = arg;

    assert_int_equal(t->order, 1);
    t->order = 2;
}

static void runs_in_the_same_turn(void *arg)
{
    struct turns *t = arg;

    if (++t->ran % 2 == 1) {
        assert_int_equal(lane_spawn(lane_current(), NULL, runs_in_the_same_turn, t), 0);
    }
}

static void waits_durable(void *arg)
{
    struct turns *t = arg;

    t->start_ns = clock_ns();
    for (int i = 0; i < 5; i++)
        assert_int_equal(lane_spawn(lane_current(), NULL, runs_in_the_same_turn, t), 0);
    t->staged = true;
    wait_init(&t->wait);
    assert_int_equal(wait_until(&t->wait, in_ms(5000)), 0);
    assert_int_equal(t->commits, 1);
    assert_true(clock_ns() - t->start_ns < 1000 * NS_PER_MS); /* the poll did not block */
}

static void test_turn_ends_come_after_the_fibers(void **state)
{
    struct lane *lane = lane_of(0);
    struct turns t = {.ran = 0};

    assert_int_equal(lane_on_turn_end(lane, commit, &t), 0);
    assert_int_equal(lane_on_turn_end(lane, after_commit, &t), 0);
    for (int i = 2; i < LANE_TURN_ENDS_MAX; i++)
        assert_int_equal(lane_on_turn_end(lane, counts, &t.order), 0);
    assert_int_equal(lane_on_turn_end(lane, counts, &t.order), SHOAL_E_FULL);
    assert_int_equal(lane_spawn(lane, NULL, waits_durable, &t), 0);
    lane_stop(lane);
    lane_run(lane);
    assert_int_equal(t.commits, 1);
    lane_free(lane);
}

struct starved {
    struct lane *lane;
    atomic_bool posted;
    bool seen;
    int64_t until_ns;
};

static void sees(void *arg)
{
    struct starved *s = arg;

    s->seen = true;
}

static void *posts_once(void *arg)
{
    struct starved *s = arg;

    usleep(5000);
    assert_int_equal(lane_post(s->lane, sees, s), 0);
    return NULL;
}

static void never_rests(void *arg)
{
    struct starved *s = arg;

    while (!s->seen && clock_ns() < s->until_ns)
        lane_yield();
}

static void test_runnable_fibers_do_not_starve_the_rest(void **state)
{
    struct starved s = {.lane = lane_of(0), .until_ns = in_ms(10000)};
    pthread_t thread;

    assert_int_equal(lane_spawn(s.lane, NULL, never_rests, &s), 0);
    assert_int_equal(lane_spawn(s.lane, NULL, never_rests, &s), 0);
    assert_int_equal(pthread_create(&thread, NULL, posts_once, &s), 0);
    lane_stop(s.lane);
    lane_run(s.lane);
    pthread_join(thread, NULL);
    assert_true(s.seen);
    assert_true(clock_ns() < s.until_ns);
    lane_free(s.lane);
}

/* --- health ----------------------------------------------------------------------------------- */

static void works_2_ms(void *arg)
{
    hold_lane_until(clock_ns() + 2 * NS_PER_MS);
}

static void note_lag(void *arg, int64_t late_ns)
{
    if (late_ns > *(int64_t *)arg)
        *(int64_t *)arg = late_ns;
}

static void fiber_health(void *arg)
{
    struct lane *lane = lane_current();
    struct fiber_group group = {0};
    struct lane_health h;
    int64_t lag_ns = 0;

    lane_on_lag(lane, note_lag, &lag_ns);
    for (int i = 0; i < 10; i++)
        assert_int_equal(lane_spawn(lane, &group, works_2_ms, NULL), 0);
    assert_int_equal(lane_sleep_until(in_ms(3)), 0); /* late: 20 ms of work are before it */
    assert_int_equal(group_join(&group, CLOCK_NEVER), 0);
    lane_health_read(lane, &h);
    assert_true(h.busy_ns >= 20 * NS_PER_MS);
    assert_true(h.runnable_ns >= (2 + 4 + 6 + 8 + 10 + 12 + 14 + 16 + 18) * NS_PER_MS);
    assert_int_equal(h.spawned, 11);
    assert_true(h.switches >= 12);
    assert_int_equal(h.fibers, 1);
    assert_int_equal(h.fibers_max, 11);
    assert_int_equal(h.loop_lag_count, 1);
    assert_true(h.loop_lag_max_ns >= NS_PER_MS);
    assert_int_equal(h.loop_lag_max_ns, lag_ns);

    int64_t busy_ns = h.busy_ns;

    assert_int_equal(lane_sleep_until(in_ms(100)), 0);
    lane_health_read(lane, &h);
    assert_int_equal(h.loop_lag_count, 1); /* anew */
    assert_true(h.busy_ns >= busy_ns);
    assert_true(h.busy_ns < busy_ns + 90 * NS_PER_MS); /* sleeping is not being busy */
    lane_on_lag(lane, NULL, NULL);
    ++*(int *)arg;
}

static void test_health(void **state)
{
    int done = 0;

    run_lane(fiber_health, &done);
    assert_int_equal(done, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_stops_and_runs_again),
        cmocka_unit_test(test_stopped_by_another_thread),
        cmocka_unit_test(test_waits_for_foreign_handles),
        cmocka_unit_test(test_turn_ends_come_after_the_fibers),
        cmocka_unit_test(test_runnable_fibers_do_not_starve_the_rest),
        cmocka_unit_test(test_health),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
