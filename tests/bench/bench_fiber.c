/* What fibers and lanes cost, in nanoseconds of CPU time each. `--json` prints one object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/lane/lane.h"
#include "core/util/clock.h"
#include "core/util/log.h"
#include "tests/bench/bench.h"

#define ROUNDS 2000000u
#define BATCH 1000u
#define SLEEPERS_FEW 1000u
#define SLEEPERS_MANY 1000000u

#define RESULTS(X)                                         \
    X(SWITCH, "one-way switch")                            \
    X(DEEP, "deep call, there and back")                   \
    X(FIBER, "fiber made, run, ended")                     \
    X(SPAWN, "spawn and finish on a lane")                 \
    X(WAIT, "wait and wake, no deadline")                  \
    X(DEADLINE, "wait and wake with a deadline")           \
    X(YIELD, "yield")                                      \
    X(TIMER_FEW, "timer set and stopped among 1,000")      \
    X(TIMER_MANY, "timer set and stopped among 1,000,000") \
    X(TIMER_EARLY, "the same, always the earliest")        \
    X(POST, "post to the own lane and run")

enum result {
#define RESULT_ENUM(id, text) RESULT_##id,
    RESULTS(RESULT_ENUM)
#undef RESULT_ENUM
        RESULT_COUNT
};

struct bench {
    struct lane *lane;
    double ns[RESULT_COUNT];
    struct fiber_wait *ping, *pong; /* who waits on which side */
    bool deadline;
    size_t count;
};

static void set_result(struct bench *b, enum result which, int64_t start_ns, size_t count)
{
    b->ns[which] = (double)(clock_thread_cpu_ns() - start_ns) / (double)count;
}

/* --- bare fibers --------------------------------------------------------------------------------
 */

static void parks(void *arg)
{
    for (size_t i = 0; i < *(size_t *)arg; i++)
        fiber_park();
}

static void adds_one(void *arg)
{
    ++*(volatile size_t *)arg;
}

static void dives(void *arg)
{
    size_t sum = 0;

    for (size_t i = 0; i < *(size_t *)arg; i++)
        fiber_deep(adds_one, &sum);
}

static void bench_fibers(struct bench *b)
{
    struct fiber_pool *pool = fiber_pool_new(NULL);
    size_t rounds = ROUNDS, none = 0;

    if (!pool)
        die("no stacks");
    struct fiber *f = fiber_new(pool, parks, &rounds);
    int64_t start_ns = clock_thread_cpu_ns();

    while (!fiber_resume(f))
        continue;
    set_result(b, RESULT_SWITCH, start_ns, 2 * (size_t)ROUNDS);

    f = fiber_new(pool, dives, &rounds);
    start_ns = clock_thread_cpu_ns();
    fiber_resume(f);
    set_result(b, RESULT_DEEP, start_ns, ROUNDS);

    start_ns = clock_thread_cpu_ns();
    for (size_t i = 0; i < ROUNDS; i++)
        fiber_resume(fiber_new(pool, parks, &none));
    set_result(b, RESULT_FIBER, start_ns, ROUNDS);
    fiber_pool_free(pool);
}

/* --- on a lane ----------------------------------------------------------------------------------
 */

static void wait_turn(struct bench *b, struct fiber_wait **mine, struct fiber_wait **theirs)
{
    struct fiber_wait w;

    wait_init(&w);
    *mine = &w;
    if (*theirs) {
        struct fiber_wait *other = *theirs;

        *theirs = NULL;
        wait_wake(other, 0);
    }
    wait_until(&w, b->deadline ? clock_ns() + 30 * NS_PER_S : CLOCK_NEVER);
}

static void pings(void *arg)
{
    struct bench *b = arg;

    for (size_t i = 0; i < b->count; i++)
        wait_turn(b, &b->ping, &b->pong);
    if (b->pong)
        wait_wake(b->pong, 0);
}

static void pongs(void *arg)
{
    struct bench *b = arg;

    for (size_t i = 0; i < b->count; i++)
        wait_turn(b, &b->pong, &b->ping);
    if (b->ping)
        wait_wake(b->ping, 0);
}

static void bench_waits(struct bench *b, enum result which, bool deadline)
{
    struct fiber_group group = {0};
    int64_t start_ns = clock_thread_cpu_ns();

    b->ping = b->pong = NULL;
    b->deadline = deadline;
    b->count = ROUNDS / 4;
    if (lane_spawn(b->lane, &group, pings, b) != 0 || lane_spawn(b->lane, &group, pongs, b) != 0)
        die("no fibers");
    group_join(&group, CLOCK_NEVER);
    set_result(b, which, start_ns, 2 * b->count);
}

static void yields(void *arg)
{
    for (size_t i = 0; i < *(size_t *)arg; i++)
        lane_yield();
}

static void bench_spawns(struct bench *b)
{
    struct fiber_group group = {0};
    size_t done = 0;
    int64_t start_ns = clock_thread_cpu_ns();

    for (size_t i = 0; i < ROUNDS; i += BATCH) {
        for (size_t k = 0; k < BATCH; k++)
            if (lane_spawn(b->lane, &group, adds_one, &done) != 0)
                die("no fiber");
        group_join(&group, CLOCK_NEVER);
    }
    set_result(b, RESULT_SPAWN, start_ns, done);

    size_t count = ROUNDS / 16;

    start_ns = clock_thread_cpu_ns();
    for (int i = 0; i < 16; i++)
        if (lane_spawn(b->lane, &group, yields, &count) != 0)
            die("no fiber");
    group_join(&group, CLOCK_NEVER);
    set_result(b, RESULT_YIELD, start_ns, ROUNDS);
}

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static void never_fires(struct lane_timer *timer)
{
    die("timer %p fired in the benchmark", (void *)timer);
}

/* Like requests' deadlines among sleepers: anywhere in the next hour, or before all others. */
static void bench_timers(struct bench *b, size_t sleepers, enum result anywhere, int earliest)
{
    struct lane_timer *timers = calloc(sleepers, sizeof *timers);
    struct lane_timer one = {.fn = never_fires};
    int64_t base_ns = clock_ns() + 600 * NS_PER_S;
    uint64_t random = 1;

    if (!timers)
        die("no memory");
    for (size_t i = 0; i < sleepers; i++) {
        timers[i].fn = never_fires;
        lane_timer_set(b->lane, &timers[i],
                       base_ns + (int64_t)(next_random(&random) % (3600 * (uint64_t)NS_PER_S)));
    }
    int64_t start_ns = clock_thread_cpu_ns();

    for (size_t i = 0; i < ROUNDS; i++) {
        lane_timer_set(b->lane, &one,
                       base_ns + (int64_t)(next_random(&random) % (3600 * (uint64_t)NS_PER_S)));
        lane_timer_stop(b->lane, &one);
    }
    set_result(b, anywhere, start_ns, ROUNDS);
    if (earliest >= 0) {
        start_ns = clock_thread_cpu_ns();
        for (size_t i = 0; i < ROUNDS; i++) {
            lane_timer_set(b->lane, &one, base_ns - 1);
            lane_timer_stop(b->lane, &one);
        }
        set_result(b, (enum result)earliest, start_ns, ROUNDS);
    }
    for (size_t i = 0; i < sleepers; i++)
        lane_timer_stop(b->lane, &timers[i]);
    free(timers);
}

static void bench_posts(struct bench *b)
{
    size_t done = 0;
    int64_t start_ns = clock_thread_cpu_ns();

    while (done < ROUNDS) {
        while (lane_post(b->lane, adds_one, &done) == 0)
            continue;
        lane_sleep_until(clock_ns() + 1);
    }
    set_result(b, RESULT_POST, start_ns, done);
}

static void bench_lane(void *arg)
{
    struct bench *b = arg;

    bench_spawns(b);
    bench_waits(b, RESULT_WAIT, false);
    bench_waits(b, RESULT_DEADLINE, true);
    bench_timers(b, SLEEPERS_FEW, RESULT_TIMER_FEW, -1);
    bench_timers(b, SLEEPERS_MANY, RESULT_TIMER_MANY, RESULT_TIMER_EARLY);
    bench_posts(b);
}

int main(int argc, char **argv)
{
    static const char *const texts[] = {
#define RESULT_TEXT(id, text) (text),
        RESULTS(RESULT_TEXT)
#undef RESULT_TEXT
    };
    struct bench_row rows[RESULT_COUNT];
    struct bench b = {0};

    bench_fibers(&b);
    if (lane_new(&b.lane, NULL) != 0 || lane_spawn(b.lane, NULL, bench_lane, &b) != 0)
        die("no lane");
    lane_stop(b.lane);
    lane_run(b.lane);
    lane_free(b.lane);
    for (int i = 0; i < RESULT_COUNT; i++)
        rows[i] = (struct bench_row){.name = texts[i], .unit = "ns", .value = b.ns[i]};
    rows[RESULT_SWITCH].yardstick = "ucontext: 172 ns, a system call each";
    bench_print("fiber", rows, RESULT_COUNT, bench_json(argc, argv));
    return 0;
}
