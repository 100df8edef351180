/* The client store as flows and the engine use it, on real lanes. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/load/simulator.h"
#include "core/util/clock.h"
#include "simulators/store.h"
#include "tests/unit/state/folder.h"

#define LANES_MAX 4

static const char *const tables[] = {"coins", "intents", NULL};
static const struct simulator fake = {.name = "fake", .tables = tables, .purge_tables = 1};
static const struct plan_purge never = {.kind = PLAN_PURGE_NEVER};

/* One lane of a test, and what its fiber shall do. */
struct station {
    struct world *world;
    struct lane *lane;
    struct meter *meter;
    struct fiber_group group;
    void (*fn)(struct flow *flow);
    struct flow flow;
    int broken, broken_count;
    char broken_text[STORE_ERROR_MAX];
};

struct world {
    struct client_store *store;
    struct fleet fleet;
    struct client_layout layout;
    struct series_table series;
    struct station stations[LANES_MAX];
};

static struct client_store_options options_of(const struct folder *f, const struct world *w)
{
    return (struct client_store_options){.path = f->state,
                                         .scenario = "wallets",
                                         .simulator = &fake,
                                         .layout = w->layout,
                                         .purge = &never};
}

static void note_broken(void *arg, int error, const char *text)
{
    struct station *s = arg;
    s->broken = error;
    s->broken_count++;
    (void)snprintf(s->broken_text, sizeof s->broken_text, "%s", text);
}

static void bind_station(struct world *w, unsigned lane)
{
    struct station *s = &w->stations[lane];
    *s = (struct station){.world = w, .meter = meter_new(&w->series)};
    assert_int_equal(lane_new(&s->lane, &(struct lane_options){.index = (int)lane}), 0);
    assert_int_equal(simulators_store.bind(w->store, s->lane, s->meter, note_broken, s), 0);
}

static void open_world(struct world *w, const struct client_store_options *o)
{
    char error[STORE_ERROR_MAX] = "";
    int rc = simulators_store.open(&w->store, o, error);
    if (rc)
        print_error("%s: %s\n", error_name(rc), error);
    assert_int_equal(rc, 0);
    w->layout.shards = simulators_store.shards(w->store);
    w->fleet = (struct fleet){.simulator = &fake, .scenario = "wallets", .store = w->store};
    for (unsigned i = 0; i < w->layout.lanes; i++)
        bind_station(w, i);
}

static void close_world(struct world *w)
{
    for (unsigned i = 0; i < w->layout.lanes; i++) {
        lane_free(w->stations[i].lane);
        meter_free(w->stations[i].meter);
    }
    simulators_store.close(w->store);
}

static struct world world_of(unsigned lanes)
{
    return (struct world){.layout = {.partitions = 8, .segments = 1, .shards = 4, .lanes = lanes}};
}

static void flow_main(void *arg)
{
    struct station *s = arg;
    s->flow.arena = arena_new();
    s->fn(&s->flow);
    arena_free(s->flow.arena);
    lane_stop(s->lane);
}

/* Runs fn as a flow of this client on its lane, here, until it has returned. */
static void play(struct world *w, uint64_t client, void (*fn)(struct flow *flow))
{
    struct station *s = &w->stations[layout_lane(&w->layout, client)];
    s->fn = fn;
    s->flow =
        (struct flow){.fleet = &w->fleet, .client = client, .lane = s->lane, .meter = s->meter};
    assert_int_equal(lane_spawn(s->lane, &s->group, flow_main, s), 0);
    lane_run(s->lane);
}

static struct store_stats stats_of(struct world *w)
{
    struct store_stats sum = {0}, one;
    for (unsigned i = 0; i < w->layout.lanes; i++) {
        simulators_store.stats(w->store, i, &one);
        sum.records += one.records;
        sum.commits += one.commits;
        sum.purged += one.purged;
    }
    return sum;
}

static struct slice text(const char *s)
{
    return slice_str(s);
}

static void put_and_read(struct flow *flow)
{
    struct slice value;
    assert_int_equal(store_get(flow, 0, text("a"), &value), SHOAL_E_NOT_FOUND);
    assert_int_equal(store_put(flow, 0, text("a"), text("one")), 0);
    assert_int_equal(store_put(flow, 0, text("b"), text("two")), 0);
    assert_int_equal(store_put(flow, 1, text("a"), text("other table")), 0);
    assert_int_equal(store_get(flow, 0, text("a"), &value), 0);
    assert_int_equal(store_put(flow, 0, text("a"), text("changed")), 0);
    assert_true(slice_equal(value, text("one"))); /* a copy */
    assert_int_equal(store_delete(flow, 1, text("a")), 0);
    assert_int_equal(store_durable(flow), 0);
    struct store_record *records;
    size_t count;
    assert_int_equal(store_all(flow, 0, &records, &count), 0);
    assert_int_equal(count, 2);
    assert_true(slice_equal(records[0].key, text("a")));
    assert_true(slice_equal(records[0].value, text("changed")));
    assert_true(slice_equal(records[1].value, text("two")));
    assert_int_equal(store_all(flow, 1, &records, &count), 0);
    assert_int_equal(count, 0);
    static const uint8_t big[STATE_KEY_MAX + 1];
    assert_int_equal(store_put(flow, 0, slice_of(big, sizeof big), text("x")), SHOAL_E_LIMIT);
}

static void flows_read_what_they_wrote(void **state)
{
    struct world w = world_of(2);
    struct client_store_options o = options_of(*state, &w);
    open_world(&w, &o);
    for (uint64_t client = 0; client < 20; client++)
        play(&w, client, put_and_read);
    assert_int_equal(stats_of(&w).records, 40);
    assert_int_equal(w.stations[0].broken_count + w.stations[1].broken_count, 0);
    close_world(&w);
}

static void put_many(struct flow *flow)
{
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t key[4];
        put_u32be(key, i);
        assert_int_equal(store_put(flow, 0, slice_of(key, 4), slice_of(key, 4)), 0);
    }
    assert_int_equal(store_durable(flow), 0);
    struct store_record *records;
    size_t count;
    assert_int_equal(store_all(flow, 0, &records, &count), 0);
    assert_int_equal(count, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(get_u32be(records[i].value.data), i);
}

static void all_records_in_order(void **state)
{
    struct world w = world_of(1);
    struct client_store_options o = options_of(*state, &w);
    open_world(&w, &o);
    play(&w, 3, put_many);
    close_world(&w);
}

static void put_durable_and_die(struct flow *flow)
{
    (void)store_put(flow, 1, text("intent"), text("stored before it is sent"));
    int rc = store_durable(flow);
    (void)store_put(flow, 1, text("later"), text("not committed"));
    _exit(rc ? 1 : 42); /* as kill -9 would: nothing is closed */
}

static void find_intent(struct flow *flow)
{
    struct slice value;
    assert_int_equal(store_get(flow, 1, text("intent"), &value), 0);
    assert_true(slice_equal(value, text("stored before it is sent")));
    assert_int_equal(store_get(flow, 1, text("later"), &value), SHOAL_E_NOT_FOUND);
}

static void durable_outlives_the_process(void **state)
{
    struct world w = world_of(1);
    struct client_store_options o = options_of(*state, &w);
    pid_t pid = fork();
    if (pid == 0) {
        open_world(&w, &o);
        play(&w, 7, put_durable_and_die);
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    o.existing = true;
    open_world(&w, &o);
    play(&w, 7, find_intent);
    close_world(&w);
}

struct crowd {
    struct flow flow;
    int *left;
    int result;
};

static void crowd_main(void *arg)
{
    struct crowd *c = arg;
    c->result = store_put(&c->flow, 0, text("k"), text("v"));
    if (!c->result)
        c->result = store_durable(&c->flow);
    if (--*c->left == 0)
        lane_stop(c->flow.lane);
}

/* Starts `count` flows of clients 0, 1, ... on lane 0 of a world with one lane. */
static void start_crowd(struct world *w, struct crowd *crowd, int count, int *left)
{
    struct station *s = &w->stations[0];
    *left = count;
    for (int i = 0; i < count; i++) {
        crowd[i] = (struct crowd){
            .left = left,
            .flow = {
                .fleet = &w->fleet, .client = (uint64_t)i, .lane = s->lane, .meter = s->meter}};
        assert_int_equal(lane_spawn(s->lane, &s->group, crowd_main, &crowd[i]), 0);
    }
}

static void one_commit_serves_all_who_wait(void **state)
{
    struct world w = world_of(1);
    struct client_store_options o = options_of(*state, &w);
    struct crowd crowd[500];
    int left;
    open_world(&w, &o);
    start_crowd(&w, crowd, 500, &left);
    lane_run(w.stations[0].lane);
    for (int i = 0; i < 500; i++)
        assert_int_equal(crowd[i].result, 0);
    struct store_stats s = stats_of(&w);
    assert_int_equal(s.records, 500);
    assert_in_range(s.commits, 4, 100); /* four shards, a few turns; not one for each */
    close_world(&w);
}

static void cancel_crowd(void *arg)
{
    struct station *s = arg;
    group_cancel(&s->group);
}

static void a_cancelled_wait_leaves_nothing_behind(void **state)
{
    struct world w = world_of(1);
    struct client_store_options o = options_of(*state, &w);
    struct crowd crowd[10];
    int left;
    open_world(&w, &o);
    start_crowd(&w, crowd, 10, &left);
    group_cancel(&w.stations[0].group); /* before they run: they wait for nothing */
    lane_run(w.stations[0].lane);
    for (int i = 0; i < 10; i++)
        assert_int_equal(crowd[i].result, SHOAL_E_CANCELLED);
    assert_int_equal(stats_of(&w).records, 10); /* committed all the same */
    start_crowd(&w, crowd, 10, &left);
    assert_int_equal(lane_post(w.stations[0].lane, cancel_crowd, &w.stations[0]), 0);
    lane_run(w.stations[0].lane);
    play(&w, 20, put_many); /* the list is whole: a commit wakes nobody who is gone */
    close_world(&w);
}

static uint64_t begin_one(struct world *w, uint64_t client)
{
    uint64_t number = 999;
    assert_int_equal(simulators_store.iteration_begin(w->store, client, &number), 0);
    return number;
}

static void count_iterations(struct flow *flow)
{
    struct station *s = (struct station *)((char *)flow - offsetof(struct station, flow));
    uint64_t first = begin_one(s->world, flow->client);
    assert_int_equal(first % 3, 0);
    assert_int_equal(begin_one(s->world, flow->client), first + 1);
    assert_int_equal(store_durable(flow), 0);
    assert_int_equal(begin_one(s->world, flow->client), first + 2);
}

static uint64_t ended_of(struct flow *flow)
{
    uint64_t count = 999;
    assert_int_equal(simulators_store.ended(flow->fleet->store, flow->client, &count), 0);
    return count;
}

static void end_five(struct flow *flow)
{
    assert_int_equal(ended_of(flow), 0);
    for (uint64_t i = 1; i <= 5; i++)
        assert_int_equal(simulators_store.note_ended(flow->fleet->store, flow->client, i), 0);
    assert_int_equal(ended_of(flow), 5);
}

static void find_five(struct flow *flow)
{
    assert_int_equal(ended_of(flow), 5);
}

static void find_none(struct flow *flow)
{
    assert_int_equal(ended_of(flow), 0);
}

static void ended_iterations_are_the_runs_own(void **state)
{
    struct world w = world_of(2);
    struct client_store_options o = options_of(*state, &w);
    o.run_id[0] = 1;
    open_world(&w, &o);
    play(&w, 3, end_five);
    play(&w, 4, find_none);
    close_world(&w);
    o.existing = true; /* a resumed run */
    open_world(&w, &o);
    play(&w, 3, find_five);
    close_world(&w);
    o.run_id[0] = 2; /* another run on its state */
    open_world(&w, &o);
    play(&w, 3, find_none);
    close_world(&w);
}

static void iteration_numbers_go_on_after_a_restart(void **state)
{
    struct world w = world_of(2);
    struct client_store_options o = options_of(*state, &w);
    open_world(&w, &o);
    play(&w, 3, count_iterations);
    play(&w, 4, count_iterations);
    close_world(&w);
    w.layout.lanes = o.layout.lanes = 1; /* other lanes, the same shards */
    o.layout.shards = 2;
    o.existing = true;
    open_world(&w, &o);
    assert_int_equal(w.layout.shards, 4);
    play(&w, 4, count_iterations);
    close_world(&w);
}

/* Plays six iterations that each store one record; how many records are left after each. */
static void six_iterations(struct flow *flow)
{
    struct station *s = (struct station *)((char *)flow - offsetof(struct station, flow));
    char left[8] = "";
    for (int i = 0; i < 6; i++) {
        uint64_t number;
        uint8_t key[8], value[8];
        assert_int_equal(
            simulators_store.iteration_begin(flow->fleet->store, flow->client, &number), 0);
        put_u64be(key, number);
        /* Records of even iterations look an hour old. */
        int64_t age_us = number % 2 ? 0 : INT64_C(3600) * 1000000;
        put_u64be(value, (uint64_t)(clock_wall_us() - age_us));
        assert_int_equal(store_put(flow, 0, slice_of(key, 8), slice_of(value, 8)), 0);
        assert_int_equal(store_put(flow, 1, slice_of(key, 8), slice_of(value, 8)), 0);
        if (i % 2)
            assert_int_equal(store_durable(flow), 0);
        assert_int_equal(simulators_store.iteration_end(flow->fleet->store, flow->client, number),
                         0);
        struct store_record *records;
        size_t count, others;
        assert_int_equal(store_all(flow, 0, &records, &count), 0);
        assert_int_equal(store_all(flow, 1, &records, &others), 0);
        assert_int_equal(others, i + 1); /* not in the simulator's mask */
        left[i] = (char)('0' + count);
    }
    (void)snprintf(s->broken_text, sizeof s->broken_text, "%s", left);
}

static void purge_policies_are_applied(void **state)
{
    const struct {
        struct plan_purge purge;
        const char *left;
    } cases[] = {
        {{.kind = PLAN_PURGE_NEVER}, "123456"},
        {{.kind = PLAN_PURGE_EVERY_ITERATION}, "000000"},
        {{.kind = PLAN_PURGE_EVERY, .every = 3}, "120120"},
        {{.kind = PLAN_PURGE_OLDER_THAN, .older_than_ns = 60 * NS_PER_S}, "011223"},
    };
    const struct folder *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[200];
        struct world w = world_of(1);
        struct client_store_options o = options_of(f, &w);
        (void)snprintf(path, sizeof path, "%s/%zu", f->path, i);
        o.path = path;
        o.purge = &cases[i].purge;
        open_world(&w, &o);
        play(&w, 5, six_iterations);
        assert_string_equal(w.stations[0].broken_text, cases[i].left);
        close_world(&w);
    }
}

static void fill_until_it_fails(struct flow *flow)
{
    static uint8_t value[10000];
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < 1000; i++) {
        uint8_t key[4];
        put_u32be(key, i);
        rc = store_put(flow, 0, slice_of(key, 4), slice_of(value, sizeof value));
        if (rc == 0)
            rc = store_durable(flow);
    }
    assert_int_equal(rc, SHOAL_E_NO_SPACE);
    assert_int_equal(store_put(flow, 0, text("k"), text("v")), SHOAL_E_NO_SPACE);
    assert_int_equal(store_durable(flow), SHOAL_E_NO_SPACE);
}

static void a_full_disk_is_said_once(void **state)
{
    struct world w = world_of(1);
    struct client_store_options o = options_of(*state, &w);
    struct rlimit before, low;
    open_world(&w, &o);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 1 << 20;
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    play(&w, 1, fill_until_it_fails);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, old);
    assert_int_equal(w.stations[0].broken_count, 1);
    assert_int_equal(w.stations[0].broken, SHOAL_E_NO_SPACE);
    assert_non_null(strstr(w.stations[0].broken_text, "cannot be written: the disk is full"));
    close_world(&w);
}

static void expect_refusal(const struct client_store_options *o, const char *words)
{
    struct client_store *store;
    char error[STORE_ERROR_MAX];
    assert_int_equal(simulators_store.open(&store, o, error), SHOAL_E_BAD_INPUT);
    if (!strstr(error, words))
        print_error("'%s' is not in: %s\n", words, error);
    assert_non_null(strstr(error, words));
}

static void a_store_of_another_run_is_refused(void **state)
{
    struct world w = world_of(1);
    struct client_store_options o = options_of(*state, &w);
    o.existing = true;
    expect_refusal(&o, "there is no state in");
    o.existing = false;
    open_world(&w, &o);
    close_world(&w);
    expect_refusal(&o, "holds the state of an earlier run");
    o.existing = true;
    o.scenario = "other";
    expect_refusal(&o, "is for 'fake of scenario wallets, segment 1 of 1'");
    o.scenario = "wallets";
    o.layout.partitions = 16;
    expect_refusal(&o, "over 8 partitions and 1 segments, not 16 and 1");
}

/* Clients of all lanes at work at once, with the disk synced beside them. */
struct worker {
    struct world *world;
    unsigned lane;
    pthread_t thread;
    struct crowd crowd[64];
    int left, count;
};

static void work_main(void *arg)
{
    struct crowd *c = arg;
    for (uint32_t i = 0; i < 50 && !c->result; i++) {
        uint8_t key[4];
        put_u32be(key, i);
        c->result = store_put(&c->flow, 0, slice_of(key, 4), slice_of(key, 4));
        c->result = c->result ? c->result : store_durable(&c->flow);
    }
    if (--*c->left == 0)
        lane_stop(c->flow.lane);
}

static void *work_on_lane(void *arg)
{
    struct worker *k = arg;
    struct world *w = k->world;
    bind_station(w, k->lane);
    struct station *s = &w->stations[k->lane];
    for (uint64_t client = 0; client < 64; client++) {
        if (layout_lane(&w->layout, client) != k->lane)
            continue;
        struct crowd *c = &k->crowd[k->count++];
        *c = (struct crowd){
            .left = &k->left,
            .flow = {.fleet = &w->fleet, .client = client, .lane = s->lane, .meter = s->meter}};
        k->left++;
        if (lane_spawn(s->lane, &s->group, work_main, c))
            abort();
    }
    lane_run(s->lane);
    return NULL;
}

static void lanes_work_side_by_side(void **state)
{
    struct world w = world_of(2);
    struct client_store_options o = options_of(*state, &w);
    char error[STORE_ERROR_MAX];
    static struct worker workers[2];
    o.sync_ns = NS_PER_MS;
    assert_int_equal(simulators_store.open(&w.store, &o, error), 0);
    w.fleet = (struct fleet){.simulator = &fake, .scenario = "wallets", .store = w.store};
    for (unsigned i = 0; i < 2; i++) {
        workers[i] = (struct worker){.world = &w, .lane = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work_on_lane, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(workers[i].count, 32);
        assert_int_equal(w.stations[i].broken_count, 0);
        for (int c = 0; c < workers[i].count; c++)
            assert_int_equal(workers[i].crowd[c].result, 0);
    }
    assert_int_equal(stats_of(&w).records, 64 * 50);
    close_world(&w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest all[] = {
        TEST(flows_read_what_they_wrote),
        TEST(all_records_in_order),
        TEST(durable_outlives_the_process),
        TEST(one_commit_serves_all_who_wait),
        TEST(a_cancelled_wait_leaves_nothing_behind),
        TEST(iteration_numbers_go_on_after_a_restart),
        TEST(ended_iterations_are_the_runs_own),
        TEST(purge_policies_are_applied),
        TEST(a_full_disk_is_said_once),
        TEST(a_store_of_another_run_is_refused),
        TEST(lanes_work_side_by_side),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
