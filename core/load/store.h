/* The client state as the engine sees it; simulators/store.c implements it with state/.
 *
 * One store per scenario that keeps state. Flows reach their records through simulators/store.h;
 * the engine opens, binds to lanes, asks for iteration numbers, applies the purge policy and
 * closes. Every failure of a store is a failure of ours: the run stops with exit status 5.
 */
#ifndef SHOAL_CORE_LOAD_STORE_H
#define SHOAL_CORE_LOAD_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/lane/lane.h"
#include "core/measure/meter.h"
#include "core/plan/plan.h"

struct client_store;
struct simulator;

/* How clients are split. Partition of a client = client mod partitions (plan.h); segment I of N
 * plays the partitions p with p mod N = I; the j-th of those lies in shard j mod shards; lane of a
 * shard = shard mod lanes. So state, segments and lanes split alike, and only the lanes may change
 * later. */
struct client_layout {
    uint32_t partitions, segment, segments, shards, lanes;
};

static inline uint32_t layout_shard(const struct client_layout *l, uint64_t client)
{
    return (uint32_t)(client % l->partitions) / l->segments % l->shards;
}

static inline uint32_t layout_lane(const struct client_layout *l, uint64_t client)
{
    return layout_shard(l, client) % l->lanes;
}

#define STORE_ERROR_MAX 320

struct client_store_options {
    const char *path; /* DIR/state/<scenario> */
    const char *scenario;
    const struct simulator *simulator;
    struct client_layout layout; /* shards: for a new folder; an existing one keeps its own */
    const struct plan_purge *purge;
    uint8_t run_id[RUN_ID_SIZE];
    int64_t sync_ns; /* 0: never; else fdatasync off the lane every so often */
    bool existing;   /* resume or state-from: it must be there */
};

struct store_stats {
    uint64_t records, used_bytes, file_bytes, mapped_bytes, commits, purged;
};

struct client_store_class {
    int (*open)(struct client_store **out, const struct client_store_options *options,
                char error[STORE_ERROR_MAX]);
    unsigned (*shards)(const struct client_store *store); /* as the folder has them */
    /* On each lane's thread before its loop runs: takes the lane's shards, registers the commit at
     * turn end. Commit errors call `broken` once, on the lane. */
    int (*bind)(struct client_store *store, struct lane *lane, struct meter *meter,
                void (*broken)(void *arg, int error, const char *text), void *arg);
    /* The number of the client's next iteration over the state's life, and the note that it has
     * begun (staged). */
    int (*iteration_begin)(struct client_store *store, uint64_t client, uint64_t *number);
    /* How many iterations the client has brought to an end in this run, for plans that bound them:
     * 0 before it was noted, also in the state of another run. What was cut off by the process's
     * end is not among them, so a resumed run plays it again and first replays its intents. */
    int (*ended)(struct client_store *store, uint64_t client, uint64_t *count);
    int (*note_ended)(struct client_store *store, uint64_t client, uint64_t count);
    /* Applies the purge policy after iteration `number` of the client. */
    int (*iteration_end)(struct client_store *store, uint64_t client, uint64_t number);
    /* Of this lane's shards, on its thread or after it stopped. */
    void (*stats)(struct client_store *store, unsigned lane, struct store_stats *out);
    void (*close)(struct client_store *store); /* after all lanes have stopped */
};

#endif
