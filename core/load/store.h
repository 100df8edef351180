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

#define STORE_ERROR_MAX 320

struct client_store_options {
    const char *path; /* DIR/state/<scenario> */
    const char *scenario;
    const struct simulator *simulator;
    unsigned lanes;
    const struct plan_purge *purge;
    int64_t sync_ns; /* 0: never; else fdatasync off the lane every so often */
    bool existing;   /* resume or state-from: it must be there */
};

struct store_stats {
    uint64_t records, used_bytes, file_bytes, mapped_bytes, commits, purged;
};

struct client_store_class {
    int (*open)(struct client_store **out, const struct client_store_options *options,
                char error[STORE_ERROR_MAX]);
    /* On each lane's thread before its loop runs: takes the lane's shards, registers the commit at
     * turn end. Commit errors call `broken` once, on the lane. */
    int (*bind)(struct client_store *store, struct lane *lane, struct meter *meter,
                void (*broken)(void *arg, int error, const char *text), void *arg);
    /* The number of the client's next iteration over the state's life, and the note that it has
     * begun (staged). */
    int (*iteration_begin)(struct client_store *store, uint64_t client, uint64_t *number);
    /* Applies the purge policy after iteration `number` of the client. */
    int (*iteration_end)(struct client_store *store, uint64_t client, uint64_t number);
    /* Clients that have anything stored in this lane's shards besides their iteration number. */
    void (*stats)(struct client_store *store, unsigned lane, struct store_stats *out);
    void (*close)(struct client_store *store); /* after all lanes have stopped */
};

/* Lane of a client: its partition decides, so state, segments and lanes split alike. */

#endif
