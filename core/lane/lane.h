/* A lane: one thread, one libuv loop, one share of the clients, no locks with its neighbours.
 *
 * A turn of the loop runs the handles that are ready, then the timers that are due, then every
 * runnable fiber, in rounds in which each runs once, until none is left or the turn has had
 * LANE_ROUNDS_MAX rounds or LANE_TURN_NS (so that I/O never starves); then the turn-end functions
 * (state commits there; measuring publishes there). All functions here are for the lane's own
 * thread unless marked [any thread]; until lane_run, the lane belongs to the thread that made it.
 *
 * Everything that waits takes an absolute deadline (clock_ns; CLOCK_NEVER for none) and returns 0,
 * SHOAL_E_TIMEOUT or SHOAL_E_CANCELLED or what the waker said. Of completion, deadline and cancel
 * exactly one wins.
 */
#ifndef SHOAL_CORE_LANE_LANE_H
#define SHOAL_CORE_LANE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/fiber/fiber.h"

struct lane;

struct lane_options {
    int index; /* 0 .. lanes-1 */
    struct fiber_pool_options stacks;
    size_t posts_max; /* bound of the cross-lane queue; 0: LANE_POSTS_MAX */
};

#define LANE_POSTS_MAX 65536
#define LANE_ROUNDS_MAX 16
#define LANE_TURN_NS INT64_C(5000000)

/* Life. lane_run returns when lane_stop was called, no fiber is left and no uv handle but the
 * lane's own is active; handles on its loop are closed by who opened them. Timers that are still
 * set do not hold it. It may run again. lane_new also works on the main thread (tests, `shoal
 * serve`); options may be NULL. */
int lane_new(struct lane **out, const struct lane_options *options);
void lane_run(struct lane *lane);
void lane_stop(struct lane *lane); /* [any thread], also in a signal handler */

/* After every lane that might post to this one has stopped. Posts that came after lane_run returned
 * are run here, so that what they own is not lost. Dies when a fiber or a foreign handle is left.
 */
void lane_free(struct lane *lane);

struct lane *lane_current(void); /* the lane that runs on this thread; NULL elsewhere */
int lane_index(const struct lane *lane);
uv_loop_t *lane_loop(struct lane *lane);
struct fiber_pool *lane_stacks(struct lane *lane);

/* --- fibers ------------------------------------------------------------------------------- */

/* A set of fibers that are cancelled and joined together; embedded by its owner, zeroed. A child
 * never outlives its group: join before the group's memory goes. */
struct fiber_group {
    struct fiber_task *first;
    size_t count;
    struct fiber_wait *joiner; /* one at a time */
    bool cancelled; /* until it is empty: who is spawned into it meanwhile is born cancelled */
};

/* Make a fiber runnable; it runs in this turn, or the next when this one's bounds are reached.
 * SHOAL_E_FULL without a free stack. `group` may be NULL. */
int lane_spawn(struct lane *lane, struct fiber_group *group, fiber_fn fn, void *arg);

/* Sets the cancelled flag of every member and wakes each from its wait. A cancelled fiber's later
 * waits return SHOAL_E_CANCELLED at once, except inside fiber_shield. */
void group_cancel(struct fiber_group *group);
/* Waits (in a fiber) until the group is empty. */
int group_join(struct fiber_group *group, int64_t deadline_ns);
/* Cancels every member and waits, shielded, until the group is empty: what an owner calls before
 * the group's memory goes, also when it was cancelled itself. */
void group_end(struct fiber_group *group);

bool fiber_cancelled(void); /* of the current fiber; false on the lane's stack, so in fiber_deep */

/* Between shield(true) and shield(false) waits are not ended by cancellation: for clean-ups that
 * wait, which must use a short deadline of their own. Nests. */
void fiber_shield(bool on);

/* --- waiting and waking ------------------------------------------------------------------- */

/* One wait of one fiber, in the waiter's frame or struct. wait_init, hand it to the waker, then
 * wait_until. A wake before the wait is kept. When wait_until returns an error of its own, the
 * waiter takes the wait back from the waker before its memory goes. */
struct fiber_wait {
    struct fiber_task *task; /* who waits, NULL when nobody yet */
    int result;
    bool done;
};

void wait_init(struct fiber_wait *w);
/* Dies outside a fiber. A deadline that has passed is a timeout at once, unless woken before. */
int wait_until(struct fiber_wait *w, int64_t deadline_ns);
/* true when this wake decided the wait; false when it was decided before. `result` is the waker's
 * word: 0, a negative code, or anything both sides agree on. */
bool wait_wake(struct fiber_wait *w, int result);

/* 0 when the time came, or SHOAL_E_CANCELLED. */
int lane_sleep_until(int64_t deadline_ns);
void lane_yield(void); /* lets every other runnable fiber run first */

/* --- timers: one timerfd over a heap, for a million sleepers --------------------------------- */

struct lane_timer {
    int64_t deadline_ns;
    void (*fn)(struct lane_timer *timer); /* on the lane's stack; the timer is stopped by then */
    uint32_t place;                       /* in the heap, from 1; 0: not set */
};

void lane_timer_set(struct lane *lane, struct lane_timer *timer, int64_t deadline_ns);
void lane_timer_stop(struct lane *lane, struct lane_timer *timer);

/* --- turns and posts ---------------------------------------------------------------------- */

typedef void (*lane_fn)(void *arg);

/* Called at the end of every turn, in order of registration, for the lane's life. Registered
 * before lane_run. What they wake runs in the next turn, which then does not block. SHOAL_E_FULL
 * beyond LANE_TURN_ENDS_MAX. */
#define LANE_TURN_ENDS_MAX 80
int lane_on_turn_end(struct lane *lane, lane_fn fn, void *arg);

/* [any thread] Run fn(arg) on the lane's stack. SHOAL_E_FULL when posts_max are waiting (the
 * caller still owns arg), else 0. */
int lane_post(struct lane *lane, lane_fn fn, void *arg);

/* --- work over a millisecond -------------------------------------------------------------- */

/* A job for the thread pool. work(job) runs on a pool thread; the fiber waits. 0: it was done and
 * the waiter owns it again. Any error: the job is given away, and drop(job) is called on the lane,
 * when the work is done or (had it not begun) without it; possibly before lane_offload returns. So
 * a job lives on the heap, never in a frame. */
struct lane_job {
    void (*work)(struct lane_job *job);
    void (*drop)(struct lane_job *job);
    uv_work_t request;       /* ours */
    struct fiber_wait *wait; /* ours */
};

/* Dies outside a fiber. lane_run does not return before its jobs are done. */
int lane_offload(struct lane_job *job, int64_t deadline_ns);

/* --- health ------------------------------------------------------------------------------- */

struct lane_health {
    uint64_t turns, switches, spawned;
    int64_t busy_ns;         /* wall time outside the poll */
    int64_t runnable_ns;     /* summed time fibers were runnable before they ran */
    int64_t loop_lag_max_ns; /* the worst lateness of a timer since the last read */
    uint64_t loop_lag_count; /* timers fired since the last read */
    uint64_t posts_refused;
    size_t fibers, fibers_max, timers;
};

/* Reads and starts the "since the last read" members anew. */
void lane_health_read(struct lane *lane, struct lane_health *out);

/* Called with each fired timer's lateness; the measuring module records it. NULL for none. */
void lane_on_lag(struct lane *lane, void (*fn)(void *arg, int64_t late_ns), void *arg);

#endif
