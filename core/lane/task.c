/* Fibers on a lane: the run queue, waits, groups. */
#include <assert.h>
#include <stddef.h>

#include "core/lane/lane_parts.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

static struct fiber_task *current_task(void)
{
    struct fiber *f = fiber_current();

    return f ? fiber_user(f) : NULL;
}

static bool interrupted(const struct fiber_task *task)
{
    return task->cancelled && task->shields == 0;
}

/* --- the run queue -------------------------------------------------------------------------- */

static void make_runnable(struct fiber_task *task)
{
    struct run_queue *run = &task->lane->run;

    task->runnable_since_ns = lane_now(task->lane);
    task->next = NULL;
    if (run->last)
        run->last->next = task;
    else
        run->first = task;
    run->last = task;
    run->count++;
}

static struct fiber_task *next_runnable(struct run_queue *run)
{
    struct fiber_task *task = run->first;

    run->first = task->next;
    if (!run->first)
        run->last = NULL;
    run->count--;
    return task;
}

void lane_run_fibers(struct lane *lane)
{
    int64_t end_ns = lane_now(lane) + LANE_TURN_NS;

    for (int round = 0; round < LANE_ROUNDS_MAX && lane->run.count > 0; round++) {
        for (size_t n = lane->run.count; n > 0; n--) {
            struct fiber_task *task = next_runnable(&lane->run);

            lane->health.switches++;
            lane->health.runnable_ns += lane->now_ns - task->runnable_since_ns;
            fiber_resume(task->fiber);
            lane->now_ns = clock_ns();
            if (lane->now_ns > end_ns)
                return;
        }
    }
}

/* --- groups --------------------------------------------------------------------------------- */

static void join_group(struct fiber_task *task, struct fiber_group *group)
{
    task->group = group;
    task->cancelled = group->cancelled;
    task->after = group->first;
    if (group->first)
        group->first->before = task;
    group->first = task;
    group->count++;
}

static void leave_group(struct fiber_task *task)
{
    struct fiber_group *group = task->group;

    if (task->before)
        task->before->after = task->after;
    else
        group->first = task->after;
    if (task->after)
        task->after->before = task->before;
    if (--group->count > 0)
        return;
    group->cancelled = false;
    if (group->joiner)
        wait_wake(group->joiner, 0);
}

void group_cancel(struct fiber_group *group)
{
    group->cancelled = group->count > 0;
    for (struct fiber_task *task = group->first; task; task = task->after) {
        task->cancelled = true;
        if (task->wait && task->shields == 0)
            wait_wake(task->wait, SHOAL_E_CANCELLED);
    }
}

int group_join(struct fiber_group *group, int64_t deadline_ns)
{
    struct fiber_task *task = current_task();
    struct fiber_wait wait;

    if (group->count == 0)
        return 0;
    if (group->joiner || (task && task->group == group))
        die("a group is joined twice at once, or by its own member");
    wait_init(&wait);
    group->joiner = &wait;

    int rc = wait_until(&wait, deadline_ns);

    group->joiner = NULL;
    return rc;
}

void group_end(struct fiber_group *group)
{
    group_cancel(group);
    if (group->count == 0)
        return;
    fiber_shield(true);
    group_join(group, CLOCK_NEVER);
    fiber_shield(false);
}

/* --- fibers --------------------------------------------------------------------------------- */

static void task_main(void *arg)
{
    struct fiber_task *task = current_task();

    (void)arg;
    task->fn(task->arg);
    assert(task->shields == 0);
    if (task->group)
        leave_group(task);
}

int lane_spawn(struct lane *lane, struct fiber_group *group, fiber_fn fn, void *arg)
{
    struct fiber *fiber = fiber_new(lane->stacks, task_main, NULL);

    if (!fiber)
        return SHOAL_E_FULL;
    struct fiber_task *task = fiber_user(fiber);
    size_t fibers = fiber_pool_running(lane->stacks);

    task->lane = lane;
    task->fiber = fiber;
    task->fn = fn;
    task->arg = arg;
    if (group)
        join_group(task, group);
    lane->health.spawned++;
    if (fibers > lane->fibers_peak)
        lane->fibers_peak = fibers;
    if (fibers > lane->health.fibers_max)
        lane->health.fibers_max = fibers;
    make_runnable(task);
    return 0;
}

bool fiber_cancelled(void)
{
    const struct fiber_task *task = current_task();

    return task && task->cancelled;
}

void fiber_shield(bool on)
{
    struct fiber_task *task = current_task();

    assert(task != NULL);
    assert(on || task->shields > 0);
    task->shields += on ? 1u : (uint32_t)-1;
}

/* --- waits ---------------------------------------------------------------------------------- */

void wait_init(struct fiber_wait *w)
{
    *w = (struct fiber_wait){0};
}

bool wait_wake(struct fiber_wait *w, int result)
{
    if (w->done)
        return false;
    w->done = true;
    w->result = result;
    if (w->task) {
        assert(w->task->lane == lane_current());
        w->task->wait = NULL; /* it is decided: a cancel that comes now finds no wait */
        make_runnable(w->task);
    }
    return true;
}

static void on_deadline(struct lane_timer *timer)
{
    struct fiber_task *task =
        (struct fiber_task *)(void *)((char *)timer - offsetof(struct fiber_task, timer));

    if (task->wait)
        wait_wake(task->wait, SHOAL_E_TIMEOUT);
}

int wait_until(struct fiber_wait *w, int64_t deadline_ns)
{
    struct fiber_task *task = current_task();

    if (!task)
        die("a wait outside a fiber, or inside fiber_deep");
    if (w->done)
        return w->result;
    if (interrupted(task)) {
        wait_wake(w, SHOAL_E_CANCELLED);
        return w->result;
    }
    if (deadline_ns <= lane_now(task->lane)) {
        wait_wake(w, SHOAL_E_TIMEOUT);
        return w->result;
    }
    assert(w->task == NULL);
    w->task = task;
    task->wait = w;
    if (deadline_ns != CLOCK_NEVER) {
        task->timer.fn = on_deadline;
        lane_timer_set(task->lane, &task->timer, deadline_ns);
    }
    fiber_park();
    lane_timer_stop(task->lane, &task->timer);
    assert(w->done && task->wait == NULL);
    w->task = NULL;
    return w->result;
}

int lane_sleep_until(int64_t deadline_ns)
{
    struct fiber_wait wait;

    wait_init(&wait);
    int rc = wait_until(&wait, deadline_ns);

    return rc == SHOAL_E_TIMEOUT ? 0 : rc;
}

void lane_yield(void)
{
    struct fiber_task *task = current_task();

    if (!task)
        die("a yield outside a fiber, or inside fiber_deep");
    make_runnable(task);
    fiber_park();
}
