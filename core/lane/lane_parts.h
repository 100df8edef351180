/* What the files of core/lane know of a lane. Internal to core/lane. */
#ifndef SHOAL_CORE_LANE_LANE_PARTS_H
#define SHOAL_CORE_LANE_LANE_PARTS_H

#include <stdatomic.h>

#include "core/lane/lane.h"
#include "core/lane/posts.h"
#include "core/lane/timers.h"

/* A fiber as the scheduler sees it; lies beside the fiber, on its stack's first page. */
struct fiber_task {
    struct lane *lane;
    struct fiber *fiber;
    fiber_fn fn;
    void *arg;
    struct fiber_task *next; /* in the run queue */
    int64_t runnable_since_ns;
    struct fiber_wait *wait; /* what it is parked on */
    struct lane_timer timer; /* that wait's deadline */
    struct fiber_group *group;
    struct fiber_task *before, *after; /* in the group */
    uint32_t shields;
    bool cancelled;
};

struct run_queue {
    struct fiber_task *first, *last;
    size_t count;
};

struct turn_end {
    lane_fn fn;
    void *arg;
};

struct lane {
    uv_loop_t loop;
    uv_prepare_t prepare; /* the turn: after everything that was ready, before the poll */
    uv_idle_t idle;       /* active while the poll must not block */
    uv_async_t async;     /* wakes the poll; also what keeps uv_run going */
    uv_poll_t clock;      /* on timer_fd */
    int timer_fd;
    bool clock_fired; /* and was not set since */
    int64_t armed_ns; /* what timer_fd is set to; CLOCK_NEVER: nothing */
    int index;

    struct fiber_pool *stacks;
    struct run_queue run;
    struct timers timers;
    int64_t now_ns; /* the clock, read once for many uses; see lane_now */
    bool now_known;

    struct turn_end turn_ends[LANE_TURN_ENDS_MAX];
    size_t turn_end_count;
    void (*on_lag)(void *arg, int64_t late_ns);
    void *on_lag_arg;

    struct lane_health health;
    int64_t started_ns;      /* of the current lane_run */
    uint64_t idle_before_ns; /* the loop's idle time by then */
    size_t fibers_peak;      /* since the last read of health */

    atomic_bool stop;
    atomic_bool signalled; /* a wake of the poll is under way */
    struct posts posts;
};

/* The clock as of the last time it was read in this turn. */
int64_t lane_now(struct lane *lane);

/* Hands over a node that its owner provides; never full. [any thread] */
void lane_post_node(struct lane *lane, struct post_node *node);

/* Runs what is in the run queue, within a turn's bounds. */
void lane_run_fibers(struct lane *lane);

#endif
