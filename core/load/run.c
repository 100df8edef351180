/* The phases of a run, driven from the main thread. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/load/run_part.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

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

void run_broken(void *arg, int error, const char *text)
{
    struct load_run *run = arg;

    pthread_mutex_lock(&run->lock);
    if (!run->status.broken) { /* the first tells most */
        run->status.broken = error;
        snprintf(run->status.broken_text, sizeof(run->status.broken_text), "%s", text);
    }
    pthread_mutex_unlock(&run->lock);
}

void run_lane_drained(struct load_lane *l)
{
    struct load_run *run = l->arg;

    pthread_mutex_lock(&run->lock);
    if (++run->lanes_drained == run->options.lanes && run->status.phase == LOAD_RUNNING)
        run->status.phase = LOAD_DRAINED;
    pthread_mutex_unlock(&run->lock);
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
            int error = run->options.store->bind(s->fleet.store, l->load.lane, l->load.meter,
                                                 run_broken, run);
            if (error)
                run_broken(run, error, error_text(error));
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
