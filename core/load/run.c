#include "core/load/run.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/load/group.h"
#include "core/net/names.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

#define SHARDS_PER_LANE 2 /* of a new state folder, so that lanes may grow later */

struct scenario_run {
    struct fleet fleet;
    struct http_options http;
    struct client_layout layout;
};

struct lane_thread {
    struct load_run *run;
    struct load_lane load;
    struct load_group *groups; /* one per scenario */
    pthread_t thread;
    struct lane_health health; /* at the last publish */
    _Atomic(struct interval *) published;
    bool started;
};

struct load_run {
    struct load_options options;
    struct scenario_run *scenarios;
    size_t scenario_count;
    struct names *names;
    struct names_host *hosts;
    struct lane_thread *lanes;
    struct fiber_group preparing; /* of lane 0 */
    pthread_mutex_t lock;         /* of what follows: changes of phase and the one broken state */
    pthread_cond_t changed;
    struct load_status status;
    unsigned lanes_up, lanes_drained;
    struct load_totals totals;
    _Atomic int64_t zero_ns;
};

/* --- status -------------------------------------------------------------------------------- */

static void set_phase(struct load_run *run, enum load_phase phase)
{
    pthread_mutex_lock(&run->lock);
    run->status.phase = phase;
    pthread_mutex_unlock(&run->lock);
}

void load_status(struct load_run *run, struct load_status *out)
{
    pthread_mutex_lock(&run->lock);
    *out = run->status;
    pthread_mutex_unlock(&run->lock);
}

static void broken(void *arg, int error, const char *text)
{
    struct load_run *run = arg;

    pthread_mutex_lock(&run->lock);
    if (!run->status.broken) { /* the first tells most */
        run->status.broken = error;
        snprintf(run->status.broken_text, sizeof(run->status.broken_text), "%s", text);
    }
    pthread_mutex_unlock(&run->lock);
}

static void lane_drained(struct load_lane *l)
{
    struct load_run *run = l->arg;

    pthread_mutex_lock(&run->lock);
    if (++run->lanes_drained == run->options.lanes && run->status.phase == LOAD_RUNNING)
        run->status.phase = LOAD_DRAINED;
    pthread_mutex_unlock(&run->lock);
}

/* --- before the lanes ---------------------------------------------------------------------- */

static unsigned count_names(const char *const *names)
{
    unsigned n = 0;

    while (names[n])
        n++;
    return n;
}

static void http_options_of(struct http_options *out, const struct plan *plan,
                            const struct plan_scenario *s)
{
    static const enum http_lifetime lifetimes[] = {[PLAN_KEEP_CLIENT] = HTTP_KEEP_CLIENT,
                                                   [PLAN_KEEP_ITERATION] = HTTP_KEEP_ITERATION,
                                                   [PLAN_KEEP_SHARED] = HTTP_SHARED,
                                                   [PLAN_KEEP_REQUESTS] = HTTP_KEEP_REQUESTS,
                                                   [PLAN_KEEP_TIME] = HTTP_KEEP_TIME};
    static const int versions[] = {[PLAN_HTTP_AUTO] = 0, [PLAN_HTTP_1] = 1, [PLAN_HTTP_2] = 2};

    *out = (struct http_options){
        .lifetime = lifetimes[s->connections.lifetime],
        .lifetime_requests = (uint32_t)s->connections.requests,
        .lifetime_ns = s->connections.time_ns,
        .tls = {.ca_file = s->tls.ca,
                .cert_file = s->tls.client_cert,
                .key_file = s->tls.client_key,
                .insecure = s->tls.insecure},
        .proxy = plan->proxy,
        .http_version = versions[s->http],
        .connecting_max = (uint32_t)s->max_connecting,
    };
}

static int open_store(struct load_run *run, struct scenario_run *s,
                      const struct plan_scenario *plan, char why[LOAD_TEXT_MAX])
{
    const struct load_options *o = &run->options;
    char path[1024], error[STORE_ERROR_MAX];

    if (!s->fleet.simulator->tables)
        return SHOAL_OK;
    if ((size_t)snprintf(path, sizeof(path), "%s/%s", o->state_dir, plan->name) >= sizeof(path)) {
        snprintf(why, LOAD_TEXT_MAX, "the path of the state folder is too long");
        return SHOAL_E_BAD_INPUT;
    }
    struct client_store_options options = {.path = path,
                                           .scenario = plan->name,
                                           .simulator = s->fleet.simulator,
                                           .layout = s->layout,
                                           .purge = &plan->purge,
                                           .sync_ns = o->plan->sync_ns,
                                           .existing = o->existing_state};
    memcpy(options.run_id, o->run_id, RUN_ID_SIZE);
    int result = o->store->open(&s->fleet.store, &options, error);
    if (result) {
        snprintf(why, LOAD_TEXT_MAX, "%s", error);
        return result;
    }
    s->layout.shards = o->store->shards(s->fleet.store);
    return SHOAL_OK;
}

static int init_scenario(struct load_run *run, size_t index, unsigned *series,
                         char why[LOAD_TEXT_MAX])
{
    const struct load_options *o = &run->options;
    const struct plan_scenario *plan = &o->plan->scenarios.items[index];
    const struct simulator *simulator = o->simulators[index];
    struct scenario_run *s = &run->scenarios[index];
    uint32_t partitions = plan_partitions(plan->clients);
    uint32_t own = (partitions - o->segment + o->segments - 1) / o->segments;
    uint32_t shards = o->lanes * SHARDS_PER_LANE;

    http_options_of(&s->http, o->plan, plan);
    s->layout = (struct client_layout){.partitions = partitions,
                                       .segment = o->segment,
                                       .segments = o->segments,
                                       .shards = own < shards ? own : shards,
                                       .lanes = o->lanes};
    s->fleet = (struct fleet){.simulator = simulator,
                              .scenario = plan->name,
                              .options = plan->options,
                              .http = &s->http,
                              .clients = (uint64_t)plan->clients,
                              .seed = o->seed};
    memcpy(s->fleet.run_id, o->run_id, RUN_ID_SIZE);
    s->fleet.series_iteration = *series;
    s->fleet.series_steps = *series + 1;
    s->fleet.series_requests = s->fleet.series_steps + count_names(simulator->steps);
    *series = s->fleet.series_requests + count_names(simulator->requests);
    return open_store(run, s, plan, why);
}

static int make_names(struct load_run *run)
{
    const struct plan *plan = run->options.plan;

    run->hosts = calloc(plan->hosts.count + 1, sizeof(*run->hosts));
    if (!run->hosts)
        return SHOAL_E_NOMEM;
    for (size_t i = 0; i < plan->hosts.count; i++)
        run->hosts[i] =
            (struct names_host){plan->hosts.items[i].name, plan->hosts.items[i].addresses};
    return names_new(&run->names, &(struct names_options){.hosts = run->hosts,
                                                          .host_count = plan->hosts.count,
                                                          .ttl_ns = plan->dns.ttl_ns});
}

static int make_lanes(struct load_run *run)
{
    run->lanes = calloc(run->options.lanes, sizeof(*run->lanes));
    if (!run->lanes)
        return SHOAL_E_NOMEM;
    for (unsigned i = 0; i < run->options.lanes; i++) {
        struct lane_thread *l = &run->lanes[i];
        l->run = run;
        l->load = (struct load_lane){.index = i,
                                     .drained = lane_drained,
                                     .broken = broken,
                                     .arg = run,
                                     .groups_open = run->scenario_count};
        l->load.meter = meter_new(run->options.series);
        l->groups = calloc(run->scenario_count, sizeof(*l->groups));
        if (!l->load.meter || !l->groups)
            return SHOAL_E_NOMEM;
    }
    return SHOAL_OK;
}

int load_new(struct load_run **out, const struct load_options *options, char why[LOAD_TEXT_MAX])
{
    struct load_run *run = calloc(1, sizeof(*run));
    unsigned series = 0;
    int error = SHOAL_OK;

    snprintf(why, LOAD_TEXT_MAX, "%s", error_text(SHOAL_E_NOMEM));
    if (!run)
        return SHOAL_E_NOMEM;
    run->options = *options;
    if (!run->options.segments)
        run->options.segments = 1;
    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->changed, NULL);
    run->scenario_count = options->plan->scenarios.count;
    run->scenarios = calloc(run->scenario_count, sizeof(*run->scenarios));
    if (!run->scenarios)
        error = SHOAL_E_NOMEM;
    for (size_t i = 0; i < run->scenario_count && !error; i++)
        error = init_scenario(run, i, &series, why);
    if (!error)
        error = make_names(run);
    if (!error)
        error = make_lanes(run);
    if (error) {
        load_free(run);
        return error;
    }
    *out = run;
    return SHOAL_OK;
}

/* --- a lane's thread ----------------------------------------------------------------------- */

static void record_lag(void *arg, int64_t late_ns)
{
    meter_lag(arg, late_ns);
}

static void lane_up(struct lane_thread *l)
{
    struct load_run *run = l->run;

    pthread_mutex_lock(&run->lock);
    run->lanes_up++;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static void init_groups(struct lane_thread *l)
{
    struct load_run *run = l->run;

    static_assert(PLAN_SCENARIOS_MAX < LANE_TURN_ENDS_MAX, "every scenario's store has a place");
    for (size_t i = 0; i < run->scenario_count; i++) {
        struct scenario_run *s = &run->scenarios[i];
        l->groups[i] = (struct load_group){.lane = &l->load,
                                           .fleet = &s->fleet,
                                           .plan = &run->options.plan->scenarios.items[i],
                                           .store_class = run->options.store,
                                           .layout = s->layout,
                                           .existing_state = run->options.existing_state,
                                           .single = run->options.single};
        load_group_init(&l->groups[i]);
        if (s->fleet.store) {
            int error =
                run->options.store->bind(s->fleet.store, l->load.lane, l->load.meter, broken, run);
            if (error)
                broken(run, error, error_text(error));
        }
    }
}

static void *lane_main(void *arg)
{
    struct lane_thread *l = arg;

    if (lane_new(&l->load.lane, &(struct lane_options){.index = (int)l->load.index}) ||
        http_net_new(&l->load.net, l->load.lane, l->run->names))
        die("lane %u could not be made: no memory or no descriptors", l->load.index);
    lane_on_lag(l->load.lane, record_lag, l->load.meter);
    init_groups(l);
    lane_up(l);
    lane_run(l->load.lane);
    return NULL;
}

static void start_lanes(struct load_run *run)
{
    for (unsigned i = 0; i < run->options.lanes; i++) {
        struct lane_thread *l = &run->lanes[i];
        if (pthread_create(&l->thread, NULL, lane_main, l))
            die("a thread for lane %u could not be had", i);
        l->started = true;
    }
    pthread_mutex_lock(&run->lock);
    while (run->lanes_up < run->options.lanes)
        pthread_cond_wait(&run->changed, &run->lock);
    pthread_mutex_unlock(&run->lock);
}

/* The queue between main thread and lane holds few posts at a time, so full means lost control. */
static void post(struct lane_thread *l, lane_fn fn, void *arg)
{
    if (lane_post(l->load.lane, fn, arg))
        die("lane %u does not take messages any more", l->load.index);
}

/* --- preparing ----------------------------------------------------------------------------- */

static void prepare_failed(struct load_run *run, const struct scenario_run *s,
                           const struct failure *why)
{
    pthread_mutex_lock(&run->lock);
    run->status.failure = *why;
    run->status.scenario = s->fleet.scenario;
    run->status.phase = LOAD_FAILED;
    pthread_mutex_unlock(&run->lock);
}

struct setup_client {
    struct http_net *net;
    struct http_client *client;
};

static void make_client(void *arg)
{
    struct setup_client *setup = arg;

    if (http_client_new(&setup->client, setup->net, 0))
        setup->client = NULL;
}

static void drop_client(void *arg)
{
    http_client_free(arg);
}

static int prepare_scenario(struct load_run *run, struct scenario_run *s)
{
    struct load_lane *l = &run->lanes[0].load;
    struct setup_client setup = {.net = l->net};
    struct failure why = {.kind = NULL};
    struct flow flow = {
        .fleet = &s->fleet,
        .arena = load_lane_arena(l),
        .meter = l->meter,
        .lane = l->lane,
        .secrets = {.seed = s->fleet.seed, .scenario = s->fleet.scenario, .client = UINT64_MAX},
        .trace = run->options.single ? run->options.single->trace : NULL,
    };

    if (!s->fleet.simulator->fleet_start)
        return SHOAL_OK;
    memcpy(flow.secrets.run_id, s->fleet.run_id, RUN_ID_SIZE);
    fiber_deep(make_client, &setup);
    flow.http = setup.client;
    int error = flow.http ? s->fleet.simulator->fleet_start(&s->fleet, &flow, &why) : SHOAL_E_NOMEM;
    if (flow.http)
        fiber_deep(drop_client, flow.http);
    load_lane_arena_back(l, flow.arena);
    if (!error)
        return SHOAL_OK;
    if (!why.kind) {
        why = flow.failure.error == error ? flow.failure : (struct failure){.error = error};
        if (!why.kind) {
            why.kind = error_name(error);
            snprintf(why.text, sizeof(why.text), "%s", error_text(error));
        }
    }
    prepare_failed(run, s, &why);
    return error;
}

static void prepare_main(void *arg)
{
    struct load_run *run = arg;

    for (size_t i = 0; i < run->scenario_count; i++)
        if (prepare_scenario(run, &run->scenarios[i]))
            return;
    set_phase(run, LOAD_READY);
}

static void prepare_post(void *arg)
{
    struct load_run *run = arg;

    if (lane_spawn(run->lanes[0].load.lane, &run->preparing, prepare_main, run))
        die("no stack for the first fiber");
}

void load_prepare(struct load_run *run)
{
    start_lanes(run);
    post(&run->lanes[0], prepare_post, run);
}

/* --- running ------------------------------------------------------------------------------- */

static void begin_post(void *arg)
{
    struct lane_thread *l = arg;
    struct load_run *run = l->run;

    for (size_t i = 0; i < run->scenario_count; i++) {
        int64_t start_ns = run->options.plan->scenarios.items[i].start_ns;
        l->groups[i].elapsed_ns =
            run->options.elapsed_ns > start_ns ? run->options.elapsed_ns - start_ns : 0;
        load_group_begin(&l->groups[i], run->zero_ns + start_ns);
    }
}

void load_begin(struct load_run *run, int64_t zero_ns)
{
    run->zero_ns = zero_ns - run->options.elapsed_ns; /* earlier parts are behind us */
    set_phase(run, LOAD_RUNNING);
    for (unsigned i = 0; i < run->options.lanes; i++)
        post(&run->lanes[i], begin_post, &run->lanes[i]);
}

static void stop_post(void *arg)
{
    struct lane_thread *l = arg;

    for (size_t i = 0; i < l->run->scenario_count; i++)
        load_group_stop(&l->groups[i]);
}

static void cancel_post(void *arg)
{
    struct lane_thread *l = arg;

    if (l->load.index == 0)
        group_cancel(&l->run->preparing);
    for (size_t i = 0; i < l->run->scenario_count; i++)
        load_group_abort(&l->groups[i]);
}

void load_stop(struct load_run *run)
{
    for (unsigned i = 0; i < run->options.lanes; i++)
        post(&run->lanes[i], stop_post, &run->lanes[i]);
}

void load_cancel(struct load_run *run)
{
    for (unsigned i = 0; i < run->options.lanes; i++)
        post(&run->lanes[i], cancel_post, &run->lanes[i]);
}

/* What the lane did since the last publish. */
static void record_gauges(struct lane_thread *l)
{
    struct lane_health now, before = l->health;

    lane_health_read(l->load.lane, &now);
    meter_gauges(l->load.meter,
                 &(struct meter_gauges){.fibers = now.fibers,
                                        .switches = now.switches - before.switches,
                                        .fiber_wait_ns = now.runnable_ns - before.runnable_ns,
                                        .posts_refused = now.posts_refused - before.posts_refused});
    l->health = now;
}

static void publish_post(void *arg)
{
    struct lane_thread *l = arg;

    record_gauges(l);
    struct interval *interval = meter_publish(l->load.meter);

    /* NULL while the one before is not given back: a late lane answers two posts in a row, and the
     * interval that waits to be collected must not be overwritten. */
    if (interval)
        atomic_store(&l->published, interval);
}

void load_collect(struct load_run *run)
{
    for (unsigned i = 0; i < run->options.lanes; i++)
        post(&run->lanes[i], publish_post, &run->lanes[i]);
}

struct interval *load_collected(struct load_run *run, unsigned lane)
{
    return atomic_exchange(&run->lanes[lane].published, NULL);
}

/* --- the end ------------------------------------------------------------------------------- */

static void add_http_stats(struct http_stats *sum, const struct http_stats *s)
{
    sum->connects += s->connects;
    sum->connect_failures += s->connect_failures;
    sum->tls_full += s->tls_full;
    sum->tls_resumed += s->tls_resumed;
    sum->refused_by_bound += s->refused_by_bound;
    sum->requests += s->requests;
    sum->connections += s->connections;
    sum->clients += s->clients;
    sum->multis += s->multis;
}

static void end_post(void *arg)
{
    struct lane_thread *l = arg;
    struct http_stats stats;

    http_net_stats(l->load.net, &stats);
    pthread_mutex_lock(&l->run->lock);
    add_http_stats(&l->run->totals.http, &stats);
    l->run->totals.guard = fiber_pool_guard(lane_stacks(l->load.lane));
    pthread_mutex_unlock(&l->run->lock);
    for (size_t i = 0; i < l->run->scenario_count; i++)
        load_group_free(&l->groups[i]);
    for (size_t i = 0; i < l->load.arena_count; i++)
        arena_free(l->load.arenas[i]);
    free(l->load.arenas);
    http_net_free(l->load.net);
    lane_stop(l->load.lane);
}

void load_finish(struct load_run *run, struct load_totals *out)
{
    for (unsigned i = 0; i < run->options.lanes; i++)
        if (run->lanes && run->lanes[i].started)
            post(&run->lanes[i], end_post, &run->lanes[i]);
    for (unsigned i = 0; i < run->options.lanes; i++) {
        if (!run->lanes || !run->lanes[i].started)
            continue;
        pthread_join(run->lanes[i].thread, NULL);
    }
    for (unsigned i = 0; i < run->options.lanes;
         i++) { /* lanes may post to each other until then */
        if (!run->lanes || !run->lanes[i].started)
            continue;
        lane_free(run->lanes[i].load.lane);
        run->lanes[i].started = false;
    }
    for (size_t i = 0; run->scenarios && i < run->scenario_count; i++) {
        struct fleet *fleet = &run->scenarios[i].fleet;
        for (unsigned l = 0; fleet->store && l < run->options.lanes; l++) {
            struct store_stats s;
            run->options.store->stats(fleet->store, l, &s);
            run->totals.store.records += s.records;
            run->totals.store.used_bytes += s.used_bytes;
            run->totals.store.file_bytes += s.file_bytes;
            run->totals.store.mapped_bytes += s.mapped_bytes;
            run->totals.store.commits += s.commits;
            run->totals.store.purged += s.purged;
        }
    }
    *out = run->totals;
}

void load_free(struct load_run *run)
{
    struct load_totals ignored;

    if (!run)
        return;
    load_finish(run, &ignored);
    for (size_t i = 0; run->scenarios && i < run->scenario_count; i++) {
        struct fleet *fleet = &run->scenarios[i].fleet;
        if (fleet->data && fleet->simulator->fleet_stop)
            fleet->simulator->fleet_stop(fleet);
        if (fleet->store)
            run->options.store->close(fleet->store);
    }
    for (unsigned i = 0; run->lanes && i < run->options.lanes; i++) {
        if (run->lanes[i].load.meter)
            meter_free(run->lanes[i].load.meter);
        free(run->lanes[i].groups);
    }
    if (run->names)
        names_free(run->names);
    free(run->lanes);
    free(run->hosts);
    free(run->scenarios);
    pthread_cond_destroy(&run->changed);
    pthread_mutex_destroy(&run->lock);
    free(run);
}
