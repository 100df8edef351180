/* One iteration of one client, in its fiber. */
#include <stdio.h>
#include <stdlib.h>

#include "core/load/group.h"
#include "core/load/run.h"
#include "core/load/simulator.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

#define ARENAS_KEPT 256 /* free ones kept warm per lane; the rest goes back */

struct arena *load_lane_arena(struct load_lane *l)
{
    if (l->arena_count)
        return l->arenas[--l->arena_count];
    struct arena *arena = arena_new();
    if (!arena)
        die("no memory for an iteration");
    return arena;
}

void load_lane_arena_back(struct load_lane *l, struct arena *arena)
{
    arena_reset(arena);
    if (l->arena_count >= ARENAS_KEPT) {
        arena_free(arena);
        return;
    }
    if (l->arena_count == l->arena_cap) {
        size_t cap = l->arena_cap ? 2 * l->arena_cap : 16;
        struct arena **grown = realloc(l->arenas, cap * sizeof(struct arena *));
        if (!grown)
            die("no memory for an iteration");
        l->arenas = grown;
        l->arena_cap = cap;
    }
    l->arenas[l->arena_count++] = arena;
}

/* Errors that only our own disk or memory can bring: the run cannot be trusted after them. */
static bool is_ours(int error)
{
    return error == SHOAL_E_NOMEM || error == SHOAL_E_IO || error == SHOAL_E_NO_SPACE ||
           error == SHOAL_E_CORRUPT || error == SHOAL_E_INTERNAL;
}

static void make_http_client(void *arg)
{
    struct load_client *client = arg;

    if (http_client_new(&client->http, client->group->lane->net, client->id) != SHOAL_OK)
        client->http = NULL;
}

/* What comes before the flow itself: the client's connections, its number, its older state. */
static int begin(struct load_client *client, struct flow *flow)
{
    struct load_group *g = client->group;

    if (!client->http)
        fiber_deep(make_http_client, client);
    if (!client->http)
        return SHOAL_E_NOMEM;
    flow->http = client->http;
    flow->iteration = client->started - 1;
    if (flow->fleet->store) {
        int error =
            g->store_class->iteration_begin(flow->fleet->store, client->id, &flow->iteration);
        if (error)
            return error;
    }
    flow->secrets.iteration = flow->iteration;
    rng_init(&flow->rng, &(struct rng_source){.seed = flow->fleet->seed,
                                              .scenario = flow->fleet->scenario,
                                              .purpose = "iteration",
                                              .client = client->id,
                                              .iteration = flow->iteration});
    if (!client->recovered && g->existing_state && flow->fleet->simulator->recover) {
        int error = flow->fleet->simulator->recover(flow);
        if (error)
            return error;
    }
    client->recovered = true;
    return SHOAL_OK;
}

/* Thinking clients keep their connection only where the plan keeps one. */
static void end_connections(void *arg)
{
    struct load_client *client = arg;

    http_client_iteration_end(client->http);
    if (client->group->plan->connections.lifetime == PLAN_KEEP_ITERATION) {
        http_client_free(client->http);
        client->http = NULL;
    }
}

static void count_end(struct load_client *client, struct flow *flow, int error, int64_t started_ns)
{
    const struct fleet *fleet = flow->fleet;
    struct load_group *g = client->group;
    struct outcome outcome = {
        .kind = error == SHOAL_OK            ? OUTCOME_SUCCEEDED
                : error == SHOAL_E_CANCELLED ? OUTCOME_CANCELLED
                                             : OUTCOME_FAILED,
        .latency_ns = clock_ns() - client->intended_ns,
        .start_delay_ns =
            g->plan->load.model == PLAN_OPEN ? started_ns - client->intended_ns : START_DELAY_NONE,
        .bytes_sent = flow->bytes_sent,
        .bytes_received = flow->bytes_received,
    };

    if (outcome.kind == OUTCOME_FAILED) {
        if (flow->failure.error != error) {
            flow->failure = (struct failure){.kind = error_name(error), .error = error};
            snprintf(flow->failure.text, sizeof(flow->failure.text), "%s", error_text(error));
        }
        meter_failure(g->lane->meter, series_at(fleet->series_iteration, 0, SERIES_ITERATION),
                      &flow->failure);
        if (is_ours(error))
            g->lane->broken(g->lane->arg, error, flow->failure.text);
    }
    meter_ended(g->lane->meter, series_at(fleet->series_iteration, 0, SERIES_ITERATION), &outcome);
}

/* Where the plan bounds the iterations of a client, its state knows how many it had. */
static void note_ended(struct load_client *client, int error)
{
    struct load_group *g = client->group;

    if (error == SHOAL_E_CANCELLED || is_ours(error))
        return;
    client->ended++;
    if (g->fleet->store && g->plan->load.model == PLAN_CLOSED && g->plan->load.iterations > 0)
        g->store_class->note_ended(g->fleet->store, client->id, client->ended);
}

static void iteration_main(void *arg)
{
    struct load_client *client = arg;
    struct load_group *g = client->group;
    struct fleet *fleet = g->fleet;
    int64_t started_ns = clock_ns();
    struct flow flow = {
        .fleet = fleet,
        .client = client->id,
        .arena = load_lane_arena(g->lane),
        .meter = g->lane->meter,
        .lane = g->lane->lane,
        .trace = g->single ? g->single->trace : NULL,
        .secrets = {.seed = fleet->seed, .scenario = fleet->scenario, .client = client->id},
    };

    memcpy(flow.secrets.run_id, fleet->run_id, RUN_ID_SIZE);
    meter_started(flow.meter, series_at(fleet->series_iteration, 0, SERIES_ITERATION));
    int error = begin(client, &flow);
    if (error == SHOAL_OK)
        error = fleet->simulator->iterate(&flow);
    if (fleet->store && !is_ours(error)) {
        int ended = g->store_class->iteration_end(fleet->store, client->id, flow.iteration);
        if (ended && error != SHOAL_E_CANCELLED)
            error = ended;
    }
    note_ended(client, error);
    count_end(client, &flow, error, started_ns);
    load_lane_arena_back(g->lane, flow.arena);
    if (client->http)
        fiber_deep(end_connections, client);
    load_group_iteration_over(client, started_ns, &flow.rng);
}

int iteration_spawn(struct load_client *client, int64_t intended_ns)
{
    struct load_lane *l = client->group->lane;

    client->intended_ns = intended_ns;
    client->started++;
    int error = lane_spawn(l->lane, &client->group->fibers, iteration_main, client);
    if (error)
        client->started--;
    return error;
}
