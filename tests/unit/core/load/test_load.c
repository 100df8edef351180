/* A whole run with a simulator of the test's own: no target, no state, only time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/load/run.h"
#include "core/measure/interval.h"
#include "core/util/clock.h"
#include "core/util/error.h"

/* What the clients did, summed over lanes: (client, iteration) pairs and choices. */
struct toy_sums {
    _Atomic uint64_t iterations, choices, clients;
};

struct toy_options {
    int64_t work_ns;
    int64_t fail_every;
    struct toy_sums *sums;
};

static int toy_start(struct fleet *fleet, struct flow *flow, struct failure *why)
{
    (void)flow;
    (void)why;
    fleet->data = ((const struct toy_options *)fleet->options)->sums;
    return SHOAL_OK;
}

static int toy_fail_to_start(struct fleet *fleet, struct flow *flow, struct failure *why)
{
    (void)fleet;
    (void)flow;
    why->kind = "toy-refused";
    why->error = SHOAL_E_UNSUPPORTED;
    return SHOAL_E_UNSUPPORTED;
}

static int toy_work(struct flow *flow, void *arg)
{
    const struct toy_options *o = flow->fleet->options;

    (void)arg;
    int error = flow_sleep(flow, o->work_ns);
    if (error)
        return error;
    if (o->fail_every && flow->client % (uint64_t)o->fail_every == 0)
        return flow_fail(flow, &(struct flow_failure){.error = SHOAL_E_UNEXPECTED, .kind = "toy"},
                         "client %llu fails", (unsigned long long)flow->client);
    return SHOAL_OK;
}

static int toy_iterate(struct flow *flow)
{
    struct toy_sums *sums = flow->fleet->data;

    sums->iterations++;
    sums->clients += flow->client;
    sums->choices += rng_below(&flow->rng, 1000003);
    return flow_step(flow, 0, toy_work, NULL);
}

static const char *const toy_steps[] = {"work", NULL};
static const char *const toy_requests[] = {NULL};

static struct simulator toy(void)
{
    return (struct simulator){.name = "toy",
                              .system = "toy",
                              .steps = toy_steps,
                              .requests = toy_requests,
                              .fleet_start = toy_start,
                              .iterate = toy_iterate};
}

/* One run: what it is made of and what came out. */
struct toy_run {
    struct simulator simulator;
    struct toy_options options;
    struct plan_scenario scenario;
    unsigned lanes;
    uint32_t segment, segments;
    int64_t stop_after_ns, cancel_after_ns; /* 0: let it end by itself */
    enum load_phase phase;
    struct failure failure;
    uint64_t started[2], succeeded[2], failed[2], cancelled[2]; /* iteration, step */
    uint64_t events[EVENTS];
    struct toy_sums sums;
};

static void add_interval(struct toy_run *t, struct interval *interval)
{
    for (unsigned i = 0; i < 2; i++) {
        t->started[i] += interval->series[i].started;
        t->succeeded[i] += interval->series[i].succeeded;
        t->failed[i] += interval->series[i].failed;
        t->cancelled[i] += interval->series[i].cancelled;
    }
    for (unsigned e = 0; e < EVENTS; e++)
        t->events[e] += interval->events[e];
    interval_release(interval);
}

static void collect(struct toy_run *t, struct load_run *run)
{
    const struct timespec pause = {.tv_nsec = NS_PER_MS};

    load_collect(run);
    for (unsigned i = 0; i < t->lanes; i++) {
        struct interval *interval;
        while (!(interval = load_collected(run, i)))
            nanosleep(&pause, NULL);
        add_interval(t, interval);
    }
}

static void play(struct toy_run *t)
{
    struct plan plan = {.name = "toy", .scenarios = {&t->scenario, 1}, .dns = {30 * NS_PER_S}};
    const struct simulator *simulators[] = {&t->simulator};
    struct series_table series = {.count = 0};
    struct load_status status = {.phase = LOAD_PREPARING};
    struct load_totals totals;
    struct load_run *run;
    char why[LOAD_TEXT_MAX];
    const struct timespec pause = {.tv_nsec = NS_PER_MS};
    int64_t begun = 0;

    t->scenario.name = "toys";
    t->scenario.options = &t->options;
    t->options.sums = &t->sums;
    load_series(&series, &plan, simulators);
    assert_int_equal(series.count, 2);
    assert_int_equal(load_new(&run,
                              &(struct load_options){.plan = &plan,
                                                     .simulators = simulators,
                                                     .lanes = t->lanes,
                                                     .seed = 5,
                                                     .segment = t->segment,
                                                     .segments = t->segments,
                                                     .series = &series},
                              why),
                     0);
    load_prepare(run);
    while (status.phase != LOAD_DRAINED && status.phase != LOAD_FAILED) {
        nanosleep(&pause, NULL);
        load_status(run, &status);
        if (status.phase == LOAD_READY) {
            begun = clock_ns();
            load_begin(run, begun);
        }
        int64_t ran = clock_ns() - begun;
        if (begun && t->stop_after_ns && ran > t->stop_after_ns) {
            load_stop(run);
            t->stop_after_ns = 0;
        }
        if (begun && t->cancel_after_ns && ran > t->cancel_after_ns) {
            load_cancel(run);
            t->cancel_after_ns = 0;
        }
    }
    t->phase = status.phase;
    t->failure = status.failure;
    collect(t, run);
    load_finish(run, &totals);
    load_free(run);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(t->started[i], t->succeeded[i] + t->failed[i] + t->cancelled[i]);
}

static struct toy_run closed(int64_t clients, int64_t iterations)
{
    return (struct toy_run){
        .simulator = toy(),
        .lanes = 2,
        .scenario = {.clients = clients,
                     .load = {.model = PLAN_CLOSED,
                              .iterations = iterations,
                              .graceful_stop_ns = 5 * NS_PER_S,
                              .think = distribution_fixed(DISTRIBUTION_DURATION, 0)}}};
}

static struct toy_run open_model(int64_t clients, double rate, int64_t arrivals)
{
    struct toy_run t = closed(clients, arrivals);

    t.scenario.load.model = PLAN_OPEN;
    t.scenario.load.rate = rate;
    t.scenario.load.arrivals = PLAN_CONSTANT;
    t.scenario.load.max_active = clients;
    return t;
}

static void iterations_are_split_over_clients(void **state)
{
    struct toy_run t = closed(30, 1000);

    (void)state;
    play(&t);
    assert_int_equal(t.phase, LOAD_DRAINED);
    assert_int_equal(t.succeeded[0], 1000);
    assert_int_equal(t.succeeded[1], 1000);
    assert_int_equal(t.sums.iterations, 1000);
    /* 33 each, one more for the first ten: sum of client numbers. */
    assert_int_equal(t.sums.clients, 33 * (29 * 30 / 2) + 9 * 10 / 2);
}

static void lanes_and_segments_change_nothing(void **state)
{
    struct toy_run whole = closed(100, 2000);
    uint64_t iterations = 0, choices = 0, clients = 0;

    (void)state;
    play(&whole);
    struct toy_run one_lane = closed(100, 2000);
    one_lane.lanes = 1;
    play(&one_lane);
    assert_int_equal(one_lane.sums.choices, whole.sums.choices);
    for (uint32_t s = 0; s < 4; s++) {
        struct toy_run part = closed(100, 2000);
        part.segment = s;
        part.segments = 4;
        play(&part);
        assert_true(part.sums.iterations > 0);
        iterations += part.sums.iterations;
        choices += part.sums.choices;
        clients += part.sums.clients;
    }
    assert_int_equal(iterations, 2000);
    assert_int_equal(choices, whole.sums.choices);
    assert_int_equal(clients, whole.sums.clients);
}

static void open_segments_make_the_same_arrivals(void **state)
{
    uint64_t iterations = 0;

    (void)state;
    for (uint32_t s = 0; s < 3; s++) {
        struct toy_run part = open_model(64, 2000, 500);
        part.segment = s;
        part.segments = 3;
        play(&part);
        iterations += part.sums.iterations + part.events[EVENT_NOT_STARTED];
    }
    assert_int_equal(iterations, 500);
}

static void arrivals_beyond_the_cap_are_counted(void **state)
{
    struct toy_run t = open_model(8, 400, 200);

    (void)state;
    t.options.work_ns = 200 * NS_PER_MS; /* 8 clients do 40/s at most, 400/s arrive */
    play(&t);
    assert_true(t.events[EVENT_NOT_STARTED] > 50);
    assert_int_equal(t.started[0] + t.events[EVENT_NOT_STARTED], 200);
    assert_int_equal(t.succeeded[0], t.started[0]);
}

static void failures_are_data(void **state)
{
    struct toy_run t = closed(10, 100);

    (void)state;
    t.options.fail_every = 5; /* clients 0 and 5 */
    play(&t);
    assert_int_equal(t.failed[0], 20);
    assert_int_equal(t.failed[1], 20);
    assert_int_equal(t.succeeded[0], 80);
}

static void stopping_lets_what_runs_finish(void **state)
{
    struct toy_run t = closed(20, 0);

    (void)state;
    t.options.work_ns = 30 * NS_PER_MS;
    t.stop_after_ns = 100 * NS_PER_MS;
    play(&t);
    assert_true(t.succeeded[0] >= 20);
    assert_int_equal(t.cancelled[0], 0);
}

static void what_does_not_finish_gracefully_is_cancelled(void **state)
{
    struct toy_run t = closed(20, 0);

    (void)state;
    t.options.work_ns = 60 * NS_PER_S;
    t.scenario.load.graceful_stop_ns = 50 * NS_PER_MS;
    t.scenario.load.duration_ns = 100 * NS_PER_MS;
    int64_t start = clock_ns();
    play(&t);
    assert_true(clock_ns() - start < 10 * NS_PER_S);
    assert_int_equal(t.cancelled[0], 20);
    assert_int_equal(t.cancelled[1], 20);
}

static void cancelling_ends_at_once(void **state)
{
    struct toy_run t = closed(20, 0);

    (void)state;
    t.options.work_ns = 60 * NS_PER_S;
    t.cancel_after_ns = 50 * NS_PER_MS;
    int64_t start = clock_ns();
    play(&t);
    assert_true(clock_ns() - start < 4 * NS_PER_S);
    assert_int_equal(t.cancelled[0], 20);
}

static void stages_bring_and_take_clients(void **state)
{
    struct toy_run t = closed(50, 0);
    struct plan_stage stages[] = {{.duration_ns = 100 * NS_PER_MS, .clients = 50},
                                  {.duration_ns = 100 * NS_PER_MS, .clients = 50},
                                  {.duration_ns = 100 * NS_PER_MS, .clients = 0}};

    (void)state;
    t.scenario.load.stages = (struct plan_stages){stages, 3};
    t.options.work_ns = 5 * NS_PER_MS;
    t.scenario.load.graceful_stop_ns = NS_PER_S;
    play(&t);
    /* 10 client-seconds at most 200 iterations/s each; a busy machine does fewer, never more. */
    assert_in_range(t.succeeded[0], 50, 2050);
    assert_int_equal(t.cancelled[0], 0);
}

static void a_fleet_that_does_not_start_says_why(void **state)
{
    struct toy_run t = closed(5, 10);

    (void)state;
    t.simulator.fleet_start = toy_fail_to_start;
    play(&t);
    assert_int_equal(t.phase, LOAD_FAILED);
    assert_string_equal(t.failure.kind, "toy-refused");
    assert_int_equal(t.started[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iterations_are_split_over_clients),
        cmocka_unit_test(lanes_and_segments_change_nothing),
        cmocka_unit_test(open_segments_make_the_same_arrivals),
        cmocka_unit_test(arrivals_beyond_the_cap_are_counted),
        cmocka_unit_test(failures_are_data),
        cmocka_unit_test(stopping_lets_what_runs_finish),
        cmocka_unit_test(what_does_not_finish_gracefully_is_cancelled),
        cmocka_unit_test(cancelling_ends_at_once),
        cmocka_unit_test(stages_bring_and_take_clients),
        cmocka_unit_test(a_fleet_that_does_not_start_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
