/* The engine's client_store on top of state/: flows stage records on their own lane, the lane
 * commits them together at the end of its turn and wakes who waits for that. One slot per lane
 * holds all that changes, so lanes share nothing but the folder. */
#include "simulators/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/load/simulator.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "state/policy.h"
#include "state/state.h"

#define PURPOSE_MAX 256

/* A fiber that waits for a commit; in its own frame, in its lane's list. */
struct durable_wait {
    struct fiber_wait wait;
    const struct state_shard *shard;
    uint64_t commit;
    struct durable_wait *next;
};

/* One lane's part of the store. */
struct store_lane {
    struct client_store *store;
    unsigned index;
    struct lane *lane;
    struct meter *meter;
    void (*broken)(void *arg, int error, const char *text);
    void *broken_arg;
    int error; /* the first failure; nothing is tried after it */
    struct durable_wait *waiting;
    int64_t synced_ns; /* when the last sync began */
    uint64_t synced;   /* commits of all shards by then */
    bool syncing;      /* on the thread pool now */
    uv_work_t sync;
    int sync_error; /* of the running sync; read when it is done */
};

struct client_store {
    struct state_store *state;
    struct state_policy policy;
    unsigned numbers; /* the table of iteration numbers, behind the simulator's */
    unsigned lane_count;
    int64_t sync_ns;
    uint8_t run_id[RUN_ID_SIZE];
    struct store_lane lanes[];
};

/* --- open and close -------------------------------------------------------------------------- */

static struct state_policy policy_of(const struct plan_purge *purge, uint32_t tables)
{
    struct state_policy policy = {.tables = tables};
    switch (purge->kind) {
    case PLAN_PURGE_NEVER:
        break;
    case PLAN_PURGE_EVERY_ITERATION:
        policy.kind = STATE_PURGE_EVERY;
        policy.every = 1;
        break;
    case PLAN_PURGE_EVERY:
        policy.kind = STATE_PURGE_EVERY;
        policy.every = (uint64_t)purge->every;
        break;
    case PLAN_PURGE_OLDER_THAN:
        policy.kind = STATE_PURGE_OLDER_THAN;
        policy.older_than_us = purge->older_than_ns / NS_PER_US;
        break;
    }
    return policy;
}

static int open_state(struct client_store *store, const struct client_store_options *o,
                      const char *const *tables, char error[STORE_ERROR_MAX])
{
    char purpose[PURPOSE_MAX];
    const struct client_layout *l = &o->layout;
    _Static_assert(STORE_ERROR_MAX >= STATE_ERROR_TEXT_MAX, "state_open fills it");
    (void)snprintf(purpose, sizeof purpose, "%s of scenario %s, segment %u of %u",
                   o->simulator->name, o->scenario, l->segment + 1, l->segments);
    return state_open(&store->state,
                      &(struct state_options){.path = o->path,
                                              .purpose = purpose,
                                              .tables = tables,
                                              .shards = l->shards,
                                              .partitions = l->partitions,
                                              .segments = l->segments,
                                              .expect = o->existing ? STATE_EXISTING : STATE_NEW},
                      error);
}

static int store_open(struct client_store **out, const struct client_store_options *o,
                      char error[STORE_ERROR_MAX])
{
    const char *tables[STATE_TABLES_MAX + 1] = {NULL};
    unsigned count = 0;
    for (const char *const *name = o->simulator->tables; name && *name; name++) {
        assert(count < STATE_TABLES_MAX - 1);
        tables[count++] = *name;
    }
    tables[count] = "iterations";
    struct client_store *store =
        calloc(1, sizeof *store + o->layout.lanes * sizeof store->lanes[0]);
    if (!store) {
        (void)snprintf(error, STORE_ERROR_MAX, "out of memory");
        return SHOAL_E_NOMEM;
    }
    store->numbers = count;
    store->lane_count = o->layout.lanes;
    store->sync_ns = o->sync_ns;
    memcpy(store->run_id, o->run_id, RUN_ID_SIZE);
    assert(o->simulator->purge_tables >> count == 0);
    store->policy = policy_of(o->purge, o->simulator->purge_tables);
    for (unsigned i = 0; i < store->lane_count; i++) {
        store->lanes[i].store = store;
        store->lanes[i].index = i;
    }
    int rc = open_state(store, o, tables, error);
    if (rc) {
        free(store);
        return rc;
    }
    *out = store;
    return 0;
}

static unsigned store_shards(const struct client_store *store)
{
    return state_shards(store->state);
}

static void store_close(struct client_store *store)
{
    for (unsigned i = 0; i < state_shards(store->state); i++) {
        struct state_shard *shard = state_shard(store->state, i);
        if (state_commit(shard) || (store->sync_ns && state_sync(shard)))
            log_line("%s", state_failure(shard));
    }
    for (unsigned i = 0; i < store->lane_count; i++)
        assert(!store->lanes[i].syncing && !store->lanes[i].waiting);
    state_close(store->state);
    free(store);
}

/* --- a lane's turn ---------------------------------------------------------------------------- */

/* Says the first failure of a lane, once. */
static int fail(struct store_lane *l, int error, const char *text)
{
    if (!l->error) {
        l->error = error;
        l->broken(l->broken_arg, error, text[0] ? text : error_text(error));
    }
    return error;
}

/* Wakes who waited for a commit that is done, or everybody when none will come. */
static void wake_durable(struct store_lane *l)
{
    struct durable_wait **place = &l->waiting;
    while (*place) {
        struct durable_wait *w = *place;
        if (!l->error && state_committed(w->shard) < w->commit) {
            place = &w->next;
            continue;
        }
        *place = w->next;
        wait_wake(&w->wait, l->error);
    }
}

static void sync_work(uv_work_t *work)
{
    struct store_lane *l = work->data;
    unsigned shards = state_shards(l->store->state);
    l->sync_error = 0;
    for (unsigned i = l->index; i < shards && !l->sync_error; i += l->store->lane_count)
        l->sync_error = state_sync(state_shard(l->store->state, i));
}

static void sync_done(uv_work_t *work, int status)
{
    struct store_lane *l = work->data;
    l->syncing = false;
    if (l->sync_error)
        fail(l, l->sync_error, "the state cannot be synced to its disk");
}

/* fdatasync on the thread pool, when it is time and something was committed since the last one. */
static void maybe_sync(struct store_lane *l, uint64_t committed)
{
    if (l->syncing || committed == l->synced)
        return;
    int64_t now_ns = clock_ns();
    if (now_ns - l->synced_ns < l->store->sync_ns)
        return;
    l->sync.data = l;
    if (uv_queue_work(lane_loop(l->lane), &l->sync, sync_work, sync_done))
        return;
    l->syncing = true;
    l->synced_ns = now_ns;
    l->synced = committed;
}

static void turn_end(void *arg)
{
    struct store_lane *l = arg;
    struct state_store *state = l->store->state;
    unsigned shards = state_shards(state);
    uint64_t committed = 0;
    int64_t start_ns = 0;
    for (unsigned i = l->index; i < shards && !l->error; i += l->store->lane_count) {
        struct state_shard *shard = state_shard(state, i);
        if (state_is_dirty(shard)) {
            if (!start_ns)
                start_ns = clock_ns();
            int rc = state_commit(shard);
            if (rc)
                fail(l, rc, state_failure(shard));
        }
        committed += state_committed(shard);
    }
    if (start_ns)
        meter_clock(l->meter, METER_STATE, clock_ns() - start_ns);
    if (l->waiting)
        wake_durable(l);
    if (l->store->sync_ns && !l->error)
        maybe_sync(l, committed);
}

static int store_bind(struct client_store *store, struct lane *lane, struct meter *meter,
                      void (*broken)(void *arg, int error, const char *text), void *arg)
{
    assert(lane_index(lane) >= 0 && (unsigned)lane_index(lane) < store->lane_count);
    struct store_lane *l = &store->lanes[lane_index(lane)];
    l->lane = lane;
    l->meter = meter;
    l->broken = broken;
    l->broken_arg = arg;
    l->synced_ns = clock_ns();
    return lane_on_turn_end(lane, turn_end, l);
}

static void store_stats_of(struct client_store *store, unsigned lane, struct store_stats *out)
{
    *out = (struct store_stats){0};
    for (unsigned i = lane; i < state_shards(store->state); i += store->lane_count) {
        struct state_stats s;
        state_stats(state_shard(store->state, i), &s);
        out->records += s.records;
        out->used_bytes += s.used_bytes;
        out->file_bytes += s.file_bytes;
        out->mapped_bytes += s.map_bytes;
        out->commits += s.commits;
        out->purged += s.purged;
    }
}

/* --- calls into the state: on the lane's stack, their time counted ------------------------------
 */

struct store_call {
    struct store_lane *lane;
    struct state_shard *shard;
    int (*fn)(struct store_call *call);
    struct state_key key;
    struct slice value;
    struct arena *arena;
    struct store_record *records;
    size_t count, cap;
    uint64_t number;
    int64_t spent_ns;
    int result;
};

static void run_call(void *arg)
{
    struct store_call *call = arg;
    int64_t start_ns = clock_ns();
    call->result = call->fn(call);
    call->spent_ns = clock_ns() - start_ns;
}

/* What is not a failure of disk or memory is the caller's to handle. */
static bool breaks(int error)
{
    return error && error != SHOAL_E_NOT_FOUND && error != SHOAL_E_LIMIT;
}

static int call_state(struct store_call *call, struct client_store *store, uint64_t client,
                      int (*fn)(struct store_call *call))
{
    unsigned index = state_shard_of(store->state, client);
    call->lane = &store->lanes[index % store->lane_count];
    assert(call->lane->lane == lane_current());
    if (call->lane->error)
        return call->lane->error;
    call->shard = state_shard(store->state, index);
    call->fn = fn;
    call->key.client = client;
    fiber_deep(run_call, call);
    meter_clock(call->lane->meter, METER_STATE, call->spent_ns);
    if (breaks(call->result))
        fail(call->lane, call->result, state_failure(call->shard));
    return call->result;
}

static int do_put(struct store_call *call)
{
    return state_put(call->shard, &call->key, call->value);
}

static int do_delete(struct store_call *call)
{
    return state_delete(call->shard, &call->key);
}

static struct slice copy(struct arena *arena, struct slice s)
{
    return slice_of(arena_dup(arena, s.data, s.len), s.len);
}

static int do_get(struct store_call *call)
{
    int rc = state_get(call->shard, &call->key, &call->value);
    if (rc == 0)
        call->value = copy(call->arena, call->value);
    return rc;
}

static int collect(void *arg, struct slice key, struct slice value)
{
    struct store_call *call = arg;
    if (call->count == call->cap) {
        size_t cap = call->cap ? 2 * call->cap : 16;
        struct store_record *grown = arena_alloc(call->arena, cap * sizeof *grown);
        if (call->count)
            memcpy(grown, call->records, call->count * sizeof *grown);
        call->records = grown;
        call->cap = cap;
    }
    call->records[call->count++] =
        (struct store_record){copy(call->arena, key), copy(call->arena, value)};
    return 0;
}

static int do_all(struct store_call *call)
{
    return state_each(call->shard, call->key.client, call->key.table, collect, call);
}

int store_put(struct flow *flow, unsigned table, struct slice key, struct slice value)
{
    struct store_call call = {.key = {.table = table, .key = key}, .value = value};
    assert(table < flow->fleet->store->numbers);
    return call_state(&call, flow->fleet->store, flow->client, do_put);
}

int store_delete(struct flow *flow, unsigned table, struct slice key)
{
    struct store_call call = {.key = {.table = table, .key = key}};
    assert(table < flow->fleet->store->numbers);
    return call_state(&call, flow->fleet->store, flow->client, do_delete);
}

int store_get(struct flow *flow, unsigned table, struct slice key, struct slice *value)
{
    struct store_call call = {.key = {.table = table, .key = key}, .arena = flow->arena};
    assert(table < flow->fleet->store->numbers);
    int rc = call_state(&call, flow->fleet->store, flow->client, do_get);
    *value = rc ? slice_of(NULL, 0) : call.value;
    return rc;
}

int store_all(struct flow *flow, unsigned table, struct store_record **records, size_t *count)
{
    struct store_call call = {.key = {.table = table}, .arena = flow->arena};
    assert(table < flow->fleet->store->numbers);
    int rc = call_state(&call, flow->fleet->store, flow->client, do_all);
    *records = call.records;
    *count = rc ? 0 : call.count;
    return rc;
}

int store_durable(struct flow *flow)
{
    struct client_store *store = flow->fleet->store;
    unsigned index = state_shard_of(store->state, flow->client);
    struct store_lane *l = &store->lanes[index % store->lane_count];
    assert(l->lane == lane_current());
    if (l->error)
        return l->error;
    struct durable_wait w = {.shard = state_shard(store->state, index)};
    w.commit = state_staged_commit(w.shard);
    if (state_committed(w.shard) >= w.commit)
        return 0;
    wait_init(&w.wait);
    w.next = l->waiting;
    l->waiting = &w;
    int rc = wait_until(&w.wait, CLOCK_NEVER);
    /* Woken by the commit it is out of the list already; by a cancel it is not. */
    for (struct durable_wait **place = &l->waiting; *place; place = &(*place)->next) {
        if (*place == &w) {
            *place = w.next;
            break;
        }
    }
    return rc;
}

/* --- iterations ------------------------------------------------------------------------------- */

/* The record holds the number of the next iteration; it is written as this one begins. */
static int do_begin(struct store_call *call)
{
    struct slice value;
    uint8_t next[8];
    int rc = state_get(call->shard, &call->key, &value);
    if (rc == 0 && value.len != sizeof next)
        return SHOAL_E_CORRUPT;
    if (rc && rc != SHOAL_E_NOT_FOUND)
        return rc;
    call->number = rc ? 0 : get_u64be(value.data);
    put_u64be(next, call->number + 1);
    return state_put(call->shard, &call->key, slice_of(next, sizeof next));
}

static int store_iteration_begin(struct client_store *store, uint64_t client, uint64_t *number)
{
    struct store_call call = {.key = {.table = store->numbers}};
    int rc = call_state(&call, store, client, do_begin);
    *number = call.number;
    return rc;
}

/* Beside that number lies, by run, how many iterations have ended. */
static int do_ended(struct store_call *call)
{
    struct slice value;
    int rc = state_get(call->shard, &call->key, &value);
    if (rc == SHOAL_E_NOT_FOUND)
        return 0;
    if (rc == 0 && value.len != sizeof(uint64_t))
        return SHOAL_E_CORRUPT;
    if (rc == 0)
        call->number = get_u64be(value.data);
    return rc;
}

static struct state_key ended_key(const struct client_store *store)
{
    return (struct state_key){.table = store->numbers, .key = slice_of(store->run_id, RUN_ID_SIZE)};
}

static int store_ended(struct client_store *store, uint64_t client, uint64_t *count)
{
    struct store_call call = {.key = ended_key(store)};
    int rc = call_state(&call, store, client, do_ended);
    *count = call.number;
    return rc;
}

static int store_note_ended(struct client_store *store, uint64_t client, uint64_t count)
{
    uint8_t value[8];
    put_u64be(value, count);
    struct store_call call = {.key = ended_key(store), .value = slice_of(value, sizeof value)};
    return call_state(&call, store, client, do_put);
}

static int do_purge(struct store_call *call)
{
    struct state_purge what;
    const struct state_policy_moment moment = {.iterations = call->number + 1,
                                               .now_us = clock_wall_us()};
    if (!state_policy_due(&call->lane->store->policy, &moment, &what))
        return 0;
    return state_purge(call->shard, call->key.client, &what);
}

static int store_iteration_end(struct client_store *store, uint64_t client, uint64_t number)
{
    struct store_call call = {.number = number};
    if (store->policy.kind == STATE_PURGE_NEVER || store->policy.tables == 0)
        return 0;
    return call_state(&call, store, client, do_purge);
}

const struct client_store_class simulators_store = {
    .open = store_open,
    .shards = store_shards,
    .bind = store_bind,
    .iteration_begin = store_iteration_begin,
    .ended = store_ended,
    .note_ended = store_note_ended,
    .iteration_end = store_iteration_end,
    .stats = store_stats_of,
    .close = store_close,
};
