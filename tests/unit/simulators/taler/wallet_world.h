/* A world for one wallet at a time: the stand-in behind a listener, a lane, and a state in memory
 * that can die at any of its calls, all in this process. */
#ifndef SHOAL_TESTS_WALLET_WORLD_H
#define SHOAL_TESTS_WALLET_WORLD_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/faults.h"
#include "core/net/listener.h"
#include "core/net/names.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/json.h"
#include "simulators/store.h"
#include "simulators/taler/standin.h"
#include "simulators/taler/wallet.h"

#define RECORDS_MAX 512

struct memory_record {
    unsigned table;
    struct slice key, value; /* owned; a NULL value: none */
};

/* The state of one client. What a crash leaves is what was committed: everything at store_durable,
 * or each call at once, the two extremes of what a lane does. */
struct client_store {
    struct memory_record now[RECORDS_MAX], committed[RECORDS_MAX];
    size_t count, committed_count;
    bool commits_each;
    uint64_t calls, dies_at; /* the call that does not return, 0: none */
    struct arena *memory;    /* of all records, until the client is gone */
};

static inline bool memory_dies(struct client_store *s)
{
    return s->dies_at && ++s->calls >= s->dies_at;
}

static inline void memory_commit(struct client_store *s)
{
    memcpy(s->committed, s->now, sizeof s->now);
    s->committed_count = s->count;
}

static inline void memory_crash(struct client_store *s)
{
    memcpy(s->now, s->committed, sizeof s->now);
    s->count = s->committed_count;
    s->dies_at = 0;
}

static inline int memory_set(struct flow *flow, unsigned table, struct slice key,
                             struct slice value)
{
    struct client_store *s = flow->fleet->store;
    size_t i = 0;

    if (memory_dies(s))
        return SHOAL_E_CANCELLED;
    while (i < s->count && (s->now[i].table != table || !slice_equal(s->now[i].key, key)))
        i++;
    if (i == s->count) {
        assert(s->count < RECORDS_MAX);
        s->now[s->count++] = (struct memory_record){
            table, slice_of(arena_dup(s->memory, key.data, key.len), key.len), {NULL, 0}};
    }
    s->now[i].value = (struct slice){NULL, 0};
    if (value.data)
        s->now[i].value = slice_of(arena_dup(s->memory, value.data, value.len), value.len);
    if (s->commits_each)
        memory_commit(s);
    return SHOAL_OK;
}

int store_put(struct flow *flow, unsigned table, struct slice key, struct slice value)
{
    return memory_set(flow, table, key, value);
}

int store_delete(struct flow *flow, unsigned table, struct slice key)
{
    return memory_set(flow, table, key, (struct slice){NULL, 0});
}

int store_get(struct flow *flow, unsigned table, struct slice key, struct slice *value)
{
    struct client_store *s = flow->fleet->store;

    for (size_t i = 0; i < s->count; i++)
        if (s->now[i].value.data && s->now[i].table == table && slice_equal(s->now[i].key, key)) {
            *value = s->now[i].value;
            return SHOAL_OK;
        }
    return SHOAL_E_NOT_FOUND;
}

static inline int memory_order(const void *a, const void *b)
{
    const struct store_record *x = a, *y = b;

    assert(x->key.len == y->key.len);
    return memcmp(x->key.data, y->key.data, x->key.len);
}

int store_all(struct flow *flow, unsigned table, struct store_record **records, size_t *count)
{
    struct client_store *s = flow->fleet->store;

    *records = arena_alloc(flow->arena, RECORDS_MAX * sizeof **records);
    *count = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->now[i].value.data && s->now[i].table == table)
            (*records)[(*count)++] = (struct store_record){s->now[i].key, s->now[i].value};
    qsort(*records, *count, sizeof **records, memory_order);
    return SHOAL_OK;
}

int store_durable(struct flow *flow)
{
    struct client_store *s = flow->fleet->store;

    memory_commit(s);
    lane_yield();
    return memory_dies(s) ? SHOAL_E_CANCELLED : SHOAL_OK;
}

/* --- the world -------------------------------------------------------------------------------- */

struct world {
    struct arena *arena;
    struct lane *lane;
    struct listener *listener;
    struct faults faults;
    struct names *names;
    struct http_net *net;
    struct http_options http;
    struct series_table series;
    struct meter *meter;
    void *service;
    struct wallet_options options;
    struct fleet fleet;
    struct fiber_group group;
    struct http_client *http_client;
    uint64_t client;
    void (*script)(struct world *w);
    void *arg;              /* the script's own */
    struct failure failure; /* of the last work */
    cJSON *ledger;
    char said[4096];
};

static inline void world_handle(void *arg, struct exchange *x)
{
    struct world *w = arg;

    taler_standin.handle(w->service, x);
}

static inline struct client_store *client_new(bool commits_each, uint64_t dies_at)
{
    struct client_store *s = calloc(1, sizeof *s);

    s->memory = arena_new();
    s->commits_each = commits_each;
    s->dies_at = dies_at;
    return s;
}

static inline void client_free(struct client_store *s)
{
    arena_free(s->memory);
    free(s);
}

static inline void world_bind(const struct option_table *table, struct arena *arena,
                              const char *const *sets, void *out)
{
    struct plan_errors errors = {0};
    size_t count = 0;

    while (sets && sets[count])
        count++;
    if (options_from_sets(table, sets, count, arena, out, &errors)) {
        fprintf(stderr, "%s\n", errors.count ? errors.lines[0] : "options");
        abort();
    }
    plan_errors_free(&errors);
}

/* Stand-in options, wallet options and faults are "key=value", NULL-terminated. */
static inline struct world *world_new(const char *const *standin, const char *const *wallet,
                                      const struct faults_options *faults)
{
    struct world *w = calloc(1, sizeof *w);
    void *standin_options;
    char error[LISTENER_ERROR_MAX], base[64];
    const char *why = "";

    w->arena = arena_new();
    standin_options = arena_zalloc(w->arena, taler_standin.options->size);
    world_bind(taler_standin.options, w->arena, standin, standin_options);
    world_bind(taler_wallet.options, w->arena, wallet, &w->options);
    struct listener_options listen = {.address = "127.0.0.1", .handler = world_handle, .arg = w};
    if (faults) {
        faults_init(&w->faults, faults);
        listen.faults = &w->faults;
    }
    if (lane_new(&w->lane, NULL) || listener_new(&w->listener, w->lane, &listen, error))
        abort();
    snprintf(base, sizeof base, "http://127.0.0.1:%u", listener_port(w->listener));
    if (taler_standin.start(&w->service, standin_options, NULL, w->lane, base, &why)) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
    for (const struct standin_role *r = taler_standin.roles; r->option; r++)
        option_set_text(taler_wallet.options, &w->options, r->option,
                        arena_printf(w->arena, "%s%s", base, r->path));
    if (names_new(&w->names, &(struct names_options){0}) ||
        http_net_new(&w->net, w->lane, w->names))
        abort();
    w->fleet = (struct fleet){.simulator = &taler_wallet,
                              .scenario = "wallets",
                              .options = &w->options,
                              .http = &w->http,
                              .clients = 1000,
                              .seed = 1};
    w->fleet.series_iteration = series_add(&w->series, "wallets", SERIES_ITERATION, "iteration");
    w->fleet.series_steps = w->series.count;
    for (const char *const *s = taler_wallet.steps; *s; s++)
        series_add(&w->series, "wallets", SERIES_STEP, *s);
    w->fleet.series_requests = w->series.count;
    for (const char *const *s = taler_wallet.requests; *s; s++)
        series_add(&w->series, "wallets", SERIES_REQUEST, *s);
    w->meter = meter_new(&w->series);
    return w;
}

static inline int world_start(struct world *w, struct flow *flow);

static inline void world_client(void *arg)
{
    struct world *w = arg;

    if (http_client_new(&w->http_client, w->net, w->client))
        abort();
}

static inline void world_client_end(void *arg)
{
    struct world *w = arg;

    http_client_free(w->http_client);
}

/* One piece of work of one client with a flow of its own; in the script's fiber. */
static inline int world_do(struct world *w, int (*work)(struct world *w, struct flow *flow),
                           struct client_store *store, uint64_t client, uint64_t iteration)
{
    struct flow flow = {
        .fleet = &w->fleet,
        .client = client,
        .iteration = iteration,
        .arena = arena_new(),
        .meter = w->meter,
        .lane = w->lane,
        .secrets = {.seed = 1, .scenario = "wallets", .client = client, .iteration = iteration},
    };

    rng_init(&flow.rng, &(struct rng_source){1, "wallets", "iteration", client, iteration});
    w->fleet.store = store;
    w->client = client;
    fiber_deep(world_client, w);
    flow.http = w->http_client;
    int error = work(w, &flow);
    if (work != world_start)
        w->failure = flow.failure;
    fiber_deep(world_client_end, w);
    arena_free(flow.arena);
    if (error && work == world_start)
        taler_wallet.fleet_stop(&w->fleet);
    return error;
}

static inline int world_start(struct world *w, struct flow *flow)
{
    return taler_wallet.fleet_start(&w->fleet, flow, &w->failure);
}

static inline int world_iterate(struct world *w, struct flow *flow)
{
    return taler_wallet.iterate(flow);
}

static inline int world_recover(struct world *w, struct flow *flow)
{
    return taler_wallet.recover(flow);
}

static inline void world_ledger_read(void *arg)
{
    struct world *w = arg;
    struct buf text = {0};

    cJSON_Delete(w->ledger);
    taler_standin.ledger(w->service, &text);
    if (json_parse(&w->ledger, buf_slice(&text), NULL))
        abort();
    buf_free(&text);
}

/* The stand-in's ledger as it is now; valid until the next call. */
static inline const cJSON *world_ledger(struct world *w)
{
    fiber_deep(world_ledger_read, w);
    return w->ledger;
}

static inline void world_close(void *arg)
{
    struct world *w = arg;

    taler_standin.stop(w->service);
    http_net_free(w->net);
    listener_free(w->listener);
}

static inline void world_main(void *arg)
{
    struct world *w = arg;

    w->script(w);
    fiber_deep(world_close, w);
    lane_stop(w->lane);
}

/* Runs the script in a fiber and takes the world down. What the script noted with world_note is in
 * `said`, which the caller asserts to be empty. */
static inline void world_run(struct world *w, void (*script)(struct world *w))
{
    w->script = script;
    if (lane_spawn(w->lane, &w->group, world_main, w))
        abort();
    lane_run(w->lane);
    if (w->fleet.data)
        taler_wallet.fleet_stop(&w->fleet);
    meter_free(w->meter);
    names_free(w->names);
    lane_free(w->lane);
    cJSON_Delete(w->ledger);
    arena_free(w->arena);
}

#define world_note(w, ...) \
    snprintf((w)->said + strlen((w)->said), sizeof((w)->said) - strlen((w)->said), __VA_ARGS__)

#endif
