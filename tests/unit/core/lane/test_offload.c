/* Work on the thread pool, and jobs whose fiber did not wait for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
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

static void run_lane(fiber_fn fn, void *arg)
{
    struct lane *lane;

    assert_int_equal(lane_new(&lane, NULL), 0);
    assert_int_equal(lane_spawn(lane, NULL, fn, arg), 0);
    lane_stop(lane);
    lane_run(lane);
    lane_free(lane);
}

struct sum_job {
    struct lane_job job;
    useconds_t takes_us;
    int result;
    atomic_int *worked;
    int *dropped;
};

static void sum_work(struct lane_job *job)
{
    struct sum_job *self = (struct sum_job *)job;

    usleep(self->takes_us);
    assert_null(lane_current());
    self->result = 42;
    atomic_fetch_add(self->worked, 1);
}

static void sum_drop(struct lane_job *job)
{
    struct sum_job *self = (struct sum_job *)job;

    assert_non_null(lane_current());
    ++*self->dropped;
    free(self);
}

struct offloads {
    atomic_int worked;
    int dropped;
    int done;
};

static struct sum_job *job_of(struct offloads *o, useconds_t takes_us)
{
    struct sum_job *job = calloc(1, sizeof *job);

    assert_non_null(job);
    job->job.work = sum_work;
    job->job.drop = sum_drop;
    job->takes_us = takes_us;
    job->worked = &o->worked;
    job->dropped = &o->dropped;
    return job;
}

static void offloads_well(void *arg)
{
    struct offloads *o = arg;
    struct sum_job *job = job_of(o, 1000);

    assert_int_equal(lane_offload(&job->job, in_ms(10000)), 0);
    assert_int_equal(job->result, 42);
    free(job);
    o->done++;
}

static void offloads_too_long(void *arg)
{
    struct offloads *o = arg;
    struct sum_job *job = job_of(o, 50000);

    assert_int_equal(lane_offload(&job->job, in_ms(5)), SHOAL_E_TIMEOUT);
    o->done++;
}

static void offloads_until_cancelled(void *arg)
{
    struct offloads *o = arg;
    struct sum_job *job = job_of(o, 50000);

    assert_int_equal(lane_offload(&job->job, CLOCK_NEVER), SHOAL_E_CANCELLED);
    job = job_of(o, 1000);
    assert_int_equal(lane_offload(&job->job, CLOCK_NEVER), SHOAL_E_CANCELLED); /* given away */
    o->done++;
}

static void fiber_offloads(void *arg)
{
    struct offloads *o = arg;
    struct fiber_group group = {0};
    struct lane *lane = lane_current();

    for (int i = 0; i < 20; i++)
        assert_int_equal(lane_spawn(lane, &group, offloads_well, o), 0);
    assert_int_equal(group_join(&group, CLOCK_NEVER), 0);
    assert_int_equal(o->done, 20);
    assert_int_equal(o->dropped, 0);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(lane_spawn(lane, &group, offloads_too_long, o), 0);
        assert_int_equal(lane_spawn(lane, &group, offloads_until_cancelled, o), 0);
    }
    assert_int_equal(lane_sleep_until(in_ms(20)), 0);
    group_end(&group);
    assert_int_equal(o->done, 24);
}

static void test_offload_and_orphans(void **state)
{
    struct offloads o = {.done = 0};

    run_lane(fiber_offloads, &o); /* returns when the orphans are done */
    assert_int_equal(o.done, 24);
    assert_int_equal(o.dropped, 6);
    assert_in_range(atomic_load(&o.worked), 20, 26);
}

struct late_job {
    struct offloads o;
    int64_t at_ns;
};

static void holds_the_lane(void *arg)
{
    struct late_job *late = arg;

    assert_int_equal(lane_sleep_until(late->at_ns), 0);
    hold_lane_until(clock_ns() + 60 * NS_PER_MS); /* longer than a turn: a poll comes next */
}

static void offloads_late(void *arg)
{
    struct late_job *late = arg;
    struct sum_job *job = job_of(&late->o, 40000);

    assert_int_equal(lane_offload(&job->job, late->at_ns + 10), SHOAL_E_TIMEOUT);
    assert_int_equal(late->o.dropped, 1); /* it was done before this fiber ran */
    late->o.done++;
}

/* The deadline decides, and the job is done before the fiber gets to run. */
static void fiber_job_done_behind_its_back(void *arg)
{
    struct late_job *late = arg;
    struct fiber_group group = {0};

    late->at_ns = in_ms(10);
    assert_int_equal(lane_spawn(lane_current(), &group, offloads_late, late), 0);
    assert_int_equal(lane_spawn(lane_current(), &group, holds_the_lane, late), 0);
    lane_yield();
    hold_lane_until(late->at_ns + NS_PER_MS);
    assert_int_equal(group_join(&group, CLOCK_NEVER), 0);
}

static void test_offload_done_after_its_deadline(void **state)
{
    struct late_job late = {.at_ns = 0};

    run_lane(fiber_job_done_behind_its_back, &late);
    assert_int_equal(late.o.done, 1);
    assert_int_equal(late.o.dropped, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offload_and_orphans),
        cmocka_unit_test(test_offload_done_after_its_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
