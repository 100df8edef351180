/* A run from its plan: series, options of the targets, state, names, lanes that do not run yet. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/load/run_part.h"
#include "core/util/clock.h"
#include "core/util/error.h"

#define SHARDS_PER_LANE 2 /* of a new state folder, so that lanes may grow later */

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
                                     .drained = run_lane_drained,
                                     .broken = run_broken,
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
