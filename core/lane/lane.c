#include "core/lane/lane.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/lane/lane_parts.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

#define POSTS_PER_TURN 4096u
#define TIMERS_PER_TURN 4096u
#define TIMERS_PER_CLOCK 64u /* the clock is read again after so many */
#define IDLE_STACKS_KEPT 256u

/* Which lane runs on this thread; a function called by a library has no other way to know. */
static _Thread_local struct lane *this_lane;

/* --- a turn --------------------------------------------------------------------------------- */

static void fire_timers(struct lane *lane)
{
    const struct timer_entry *first;
    int64_t now_ns = lane_now(lane);
    size_t fired = 0;

    while (fired < TIMERS_PER_TURN && (first = timers_first(&lane->timers)) != NULL &&
           first->key_ns <= now_ns) {
        struct lane_timer *timer = first->timer;
        int64_t late_ns = now_ns - first->key_ns;

        timers_stop(&lane->timers, timer);
        lane->health.loop_lag_count++;
        if (late_ns > lane->health.loop_lag_max_ns)
            lane->health.loop_lag_max_ns = late_ns;
        if (lane->on_lag)
            lane->on_lag(lane->on_lag_arg, late_ns);
        timer->fn(timer);
        if (++fired % TIMERS_PER_CLOCK == 0)
            lane->now_ns = now_ns = clock_ns();
    }
}

/* Setting it also clears what was readable, so it is never read. */
static void arm(struct lane *lane, int64_t deadline_ns)
{
    struct itimerspec when = {0};

    if (deadline_ns != CLOCK_NEVER) {
        when.it_value.tv_sec = deadline_ns / NS_PER_S;
        when.it_value.tv_nsec = deadline_ns % NS_PER_S;
    }
    if (timerfd_settime(lane->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        die("timerfd_settime: %m");
    lane->armed_ns = deadline_ns;
    lane->clock_fired = false;
}

static void on_clock(uv_poll_t *handle, int status, int events)
{
    struct lane *lane = handle->data;

    (void)status;
    (void)events;
    lane->clock_fired = true;
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle; /* being active is its work */
}

static bool has_reason_to_live(struct lane *lane)
{
    return !atomic_load(&lane->stop) || fiber_pool_running(lane->stacks) > 0 ||
           !posts_empty(&lane->posts);
}

/* What the poll that follows may do: block, and until when. The timer is armed when a deadline is
 * earlier than what it is set to, or after it went off; one that goes off for a deadline which was
 * withdrawn costs one empty turn, less than withdrawing it each time. A handle without a reference
 * does its work but does not keep uv_run going. */
static void before_poll(struct lane *lane)
{
    const struct timer_entry *first = timers_first(&lane->timers);
    int64_t next_ns = first ? first->key_ns : CLOCK_NEVER;

    if (lane->run.count > 0 || next_ns <= lane_now(lane) || !posts_empty(&lane->posts)) {
        uv_idle_start(&lane->idle, on_idle);
    } else {
        uv_idle_stop(&lane->idle);
        if (lane->clock_fired || next_ns < lane->armed_ns)
            arm(lane, next_ns);
    }
    if (has_reason_to_live(lane))
        uv_ref((uv_handle_t *)&lane->async);
    else
        uv_unref((uv_handle_t *)&lane->async);
    lane->now_known = false;
}

static void on_turn(uv_prepare_t *handle)
{
    struct lane *lane = handle->data;

    lane->now_ns = clock_ns();
    lane->now_known = true;
    lane->health.turns++;
    /* First the mark, then the queue: who posts after this sees no mark and wakes the poll. */
    atomic_store(&lane->signalled, false);
    posts_run(&lane->posts, POSTS_PER_TURN);
    fire_timers(lane);
    lane_run_fibers(lane);
    for (size_t i = 0; i < lane->turn_end_count; i++)
        lane->turn_ends[i].fn(lane->turn_ends[i].arg);
    before_poll(lane);
}

int64_t lane_now(struct lane *lane)
{
    if (!lane->now_known) {
        lane->now_ns = clock_ns();
        lane->now_known = true;
    }
    return lane->now_ns;
}

/* --- posts ---------------------------------------------------------------------------------- */

static void on_async(uv_async_t *handle)
{
    (void)handle; /* the turn that follows looks into the queue */
}

static void wake_poll(struct lane *lane)
{
    if (!atomic_exchange(&lane->signalled, true))
        uv_async_send(&lane->async);
}

int lane_post(struct lane *lane, lane_fn fn, void *arg)
{
    if (!posts_put(&lane->posts, fn, arg))
        return SHOAL_E_FULL;
    wake_poll(lane);
    return 0;
}

void lane_post_node(struct lane *lane, struct post_node *node)
{
    posts_put_node(&lane->posts, node);
    wake_poll(lane);
}

int lane_on_turn_end(struct lane *lane, lane_fn fn, void *arg)
{
    if (lane->turn_end_count == LANE_TURN_ENDS_MAX)
        return SHOAL_E_FULL;
    lane->turn_ends[lane->turn_end_count++] = (struct turn_end){fn, arg};
    return 0;
}

/* --- timers --------------------------------------------------------------------------------- */

void lane_timer_set(struct lane *lane, struct lane_timer *timer, int64_t deadline_ns)
{
    int64_t now_ns = lane_now(lane);

    /* One that is set too late fires at once, and that is no lateness of the loop. */
    timer->deadline_ns = deadline_ns;
    timers_set(&lane->timers, timer, deadline_ns > now_ns ? deadline_ns : now_ns);
}

void lane_timer_stop(struct lane *lane, struct lane_timer *timer)
{
    timers_stop(&lane->timers, timer);
}

/* --- life ----------------------------------------------------------------------------------- */

static int open_handles(struct lane *lane)
{
    lane->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (lane->timer_fd < 0)
        return error_from_errno(errno);
    if (uv_loop_init(&lane->loop) != 0) {
        close(lane->timer_fd);
        return SHOAL_E_NOMEM;
    }
    uv_loop_configure(&lane->loop, UV_METRICS_IDLE_TIME);
    /* From here on nothing but running out of descriptors at the very first can fail. */
    if (uv_async_init(&lane->loop, &lane->async, on_async) != 0 ||
        uv_poll_init(&lane->loop, &lane->clock, lane->timer_fd) != 0)
        die("no descriptors for a lane");
    uv_prepare_init(&lane->loop, &lane->prepare);
    uv_idle_init(&lane->loop, &lane->idle);
    lane->prepare.data = lane;
    lane->clock.data = lane;
    uv_prepare_start(&lane->prepare, on_turn);
    uv_poll_start(&lane->clock, UV_READABLE, on_clock);
    uv_unref((uv_handle_t *)&lane->prepare);
    uv_unref((uv_handle_t *)&lane->clock);
    uv_unref((uv_handle_t *)&lane->idle);
    return 0;
}

int lane_new(struct lane **out, const struct lane_options *options)
{
    static const struct lane_options defaults;
    struct lane *lane = aligned_alloc(64, (sizeof *lane + 63) / 64 * 64);
    int rc = SHOAL_E_NOMEM;

    if (!options)
        options = &defaults;
    if (!lane)
        return SHOAL_E_NOMEM;
    memset(lane, 0, sizeof *lane);
    lane->index = options->index;
    lane->armed_ns = CLOCK_NEVER;
    atomic_init(&lane->stop, false);
    atomic_init(&lane->signalled, false);

    struct fiber_pool_options stacks = options->stacks;

    stacks.task_size = sizeof(struct fiber_task);
    lane->stacks = fiber_pool_new(&stacks);
    if (!lane->stacks)
        goto no_stacks;
    if (!posts_open(&lane->posts, options->posts_max ? options->posts_max : LANE_POSTS_MAX))
        goto no_posts;
    rc = open_handles(lane);
    if (rc != 0)
        goto no_handles;
    *out = lane;
    return 0;

no_handles:
    posts_close(&lane->posts);
no_posts:
    fiber_pool_free(lane->stacks);
no_stacks:
    free(lane);
    return rc;
}

static int64_t busy_since_start(struct lane *lane)
{
    uint64_t idle_ns = uv_metrics_idle_time(&lane->loop) - lane->idle_before_ns;

    return clock_ns() - lane->started_ns - (int64_t)idle_ns;
}

void lane_run(struct lane *lane)
{
    assert(this_lane == NULL);
    this_lane = lane;
    lane->started_ns = clock_ns();
    lane->idle_before_ns = uv_metrics_idle_time(&lane->loop);
    do {
        uv_ref((uv_handle_t *)&lane->async);
        uv_run(&lane->loop, UV_RUN_DEFAULT);
    } while (has_reason_to_live(lane));
    lane->health.busy_ns += busy_since_start(lane);
    atomic_store(&lane->stop, false);
    this_lane = NULL;
}

void lane_stop(struct lane *lane)
{
    atomic_store(&lane->stop, true);
    wake_poll(lane);
}

void lane_free(struct lane *lane)
{
    if (!lane)
        return;
    assert(this_lane == NULL);
    this_lane = lane;
    while (!posts_empty(&lane->posts))
        posts_run(&lane->posts, POSTS_PER_TURN);
    this_lane = NULL;
    if (fiber_pool_running(lane->stacks) > 0)
        die("lane %d is freed with %zu fibers", lane->index, fiber_pool_running(lane->stacks));

    uv_close((uv_handle_t *)&lane->prepare, NULL);
    uv_close((uv_handle_t *)&lane->idle, NULL);
    uv_close((uv_handle_t *)&lane->async, NULL);
    uv_close((uv_handle_t *)&lane->clock, NULL);
    uv_run(&lane->loop, UV_RUN_NOWAIT);
    if (uv_loop_close(&lane->loop) != 0) {
        uv_print_all_handles(&lane->loop, stderr);
        die("lane %d is freed with the handles above", lane->index);
    }
    close(lane->timer_fd);
    timers_free(&lane->timers);
    posts_close(&lane->posts);
    fiber_pool_free(lane->stacks);
    free(lane);
}

struct lane *lane_current(void)
{
    return this_lane;
}

int lane_index(const struct lane *lane)
{
    return lane->index;
}

uv_loop_t *lane_loop(struct lane *lane)
{
    return &lane->loop;
}

struct fiber_pool *lane_stacks(struct lane *lane)
{
    return lane->stacks;
}

/* --- health --------------------------------------------------------------------------------- */

void lane_health_read(struct lane *lane, struct lane_health *out)
{
    size_t fibers = fiber_pool_running(lane->stacks);

    *out = lane->health;
    out->fibers = fibers;
    out->timers = lane->timers.count;
    out->posts_refused = atomic_load_explicit(&lane->posts.refused, memory_order_relaxed);
    if (this_lane == lane)
        out->busy_ns += busy_since_start(lane);
    lane->health.loop_lag_max_ns = 0;
    lane->health.loop_lag_count = 0;

    /* Stacks beyond what the time since the last read needed go back to the system. */
    size_t peak = lane->fibers_peak;

    lane->fibers_peak = fibers;
    fiber_pool_trim(lane->stacks, (peak > fibers ? peak - fibers : 0) + IDLE_STACKS_KEPT);
}

void lane_on_lag(struct lane *lane, void (*fn)(void *arg, int64_t late_ns), void *arg)
{
    lane->on_lag = fn;
    lane->on_lag_arg = arg;
}
