/* Per-client durable state in LMDB.
 *
 * A store is a folder of shards; how clients spread over them is fixed when the folder is made and
 * kept in its manifest, so the number of lanes may change between runs. A lane owns whole shards,
 * and a shard is used by one thread only. Key = client id (8 bytes, big-endian) | table (1 byte) |
 * record key, so a client's records are one range and a purge is one range delete.
 *
 * Writes are staged in a bounded buffer which reads consult first, and go to disk together in
 * state_commit, once per loop turn. A commit survives the death of the process (MDB_NOSYNC: not the
 * loss of power; state_sync is for that). When the map is full the transaction is aborted, the map
 * grows with no transaction open, and the staged writes are applied again.
 *
 * This module knows no lane, no fiber and no clock: `now_us` is an argument.
 */
#ifndef SHOAL_STATE_STATE_H
#define SHOAL_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/util/bytes.h"

#define STATE_KEY_MAX 64          /* bytes of a record key */
#define STATE_VALUE_MAX (1 << 20) /* bytes of a record */
#define STATE_TABLES_MAX 16       /* tables of one simulator */
#define STATE_SHARDS_MAX 64

struct state_store; /* the folder; thread-safe: open and close only */
struct state_shard; /* one LMDB environment; one thread */

/* shard of a client = (client mod partitions) / segments mod shards; without partitions (0), client
 * / segments mod shards. Segments 0 mean 1. */
struct state_spread {
    uint32_t partitions, segments, shards;
};

static inline unsigned state_spread_shard(const struct state_spread *s, uint64_t client)
{
    uint64_t place = s->partitions ? client % s->partitions : client;
    return (unsigned)(place / (s->segments ? s->segments : 1) % s->shards);
}

enum state_expect {
    STATE_ANY,      /* opened when it is there, made when not */
    STATE_NEW,      /* one that is there is refused */
    STATE_EXISTING, /* must be there; one whose making was interrupted is finished */
};

/* Tables by name; the index in this list is the byte in the key. The list is kept in the manifest:
 * a folder with other tables is refused. Names end at the first NULL. */
struct state_options {
    const char *path;    /* created when missing */
    const char *purpose; /* "taler-wallet of scenario wallets": a folder for another is refused */
    const char *const *tables;
    unsigned shards;               /* for a new folder; an old folder keeps its own */
    uint32_t partitions, segments; /* of struct state_spread; a folder with others is refused */
    enum state_expect expect;
    size_t map_size;   /* first size of a shard's map in bytes; 0: 16 MiB */
    size_t staged_max; /* bytes staged before a put commits by itself; 0: 4 MiB */
};

#define STATE_ERROR_TEXT_MAX 320

/* On failure *error holds one clear sentence: what, where, what would be right. Codes: BAD_INPUT
 * (foreign folder, other tables or purpose), CORRUPT (damaged file), BUSY (another process has it),
 * NO_SPACE, IO (read-only folder, network file system named with its type), NOMEM. */
int state_open(struct state_store **out, const struct state_options *options,
               char error[STATE_ERROR_TEXT_MAX]);
void state_close(struct state_store *store); /* commits what is staged */
unsigned state_shards(const struct state_store *store);
struct state_shard *state_shard(struct state_store *store, unsigned index);
/* The shard that holds a client's records. */
unsigned state_shard_of(const struct state_store *store, uint64_t client);

struct state_key {
    uint64_t client;
    unsigned table;
    struct slice key;
};

/* Staged; durable after the next state_commit that returns 0. LIMIT for an oversized key or value;
 * NO_SPACE/IO/NOMEM when the buffer was full and committing it failed. */
int state_put(struct state_shard *shard, const struct state_key *key, struct slice value);
int state_delete(struct state_shard *shard, const struct state_key *key);

/* The value is valid until the next call on this shard: copy it before anything else. NOT_FOUND. */
int state_get(struct state_shard *shard, const struct state_key *key, struct slice *value);

/* Every record of one table of one client in key order, staged ones included. fn returns 0 to go
 * on, anything else stops and is returned. fn must not call into the shard. */
typedef int (*state_each_fn)(void *arg, struct slice key, struct slice value);
int state_each(struct state_shard *shard, uint64_t client, unsigned table, state_each_fn fn,
               void *arg);

/* Every client that has records in this shard, ascending. Only with nothing staged (else BUSY).
 * fn may read, stage and commit in this shard. */
int state_each_client(struct state_shard *shard, int (*fn)(void *arg, uint64_t client), void *arg);

/* What a purge removes: all of a client's records in the tables of the mask; with older_than_us,
 * only records whose first 8 value bytes (big-endian microseconds since 1970) are before it. */
struct state_purge {
    uint32_t tables;       /* bit i: table i */
    int64_t older_than_us; /* 0: regardless of age */
};
int state_purge(struct state_shard *shard, uint64_t client, const struct state_purge *what);

/* Writes everything staged in one transaction. Cheap when nothing is staged. On failure nothing is
 * lost: what was staged stays staged and readable, and a later commit tries again. */
int state_commit(struct state_shard *shard);
/* The last failure of this shard as one sentence; empty when there was none. */
const char *state_failure(const struct state_shard *shard);
/* Number of the commit that will hold what is staged now, and of the last one done: a fiber that
 * wants its intent durable waits until committed >= staged. */
uint64_t state_staged_commit(const struct state_shard *shard);
uint64_t state_committed(const struct state_shard *shard);
bool state_is_dirty(const struct state_shard *shard);

/* fdatasync of the shard's file; may run on another thread than the shard's. */
int state_sync(struct state_shard *shard);

/* Records and bytes as of the last commit. `used_bytes` are the pages that hold records, the rest
 * of the file is free for later ones. `purged` counts records that purges took off the disk; one
 * that was put and purged between two commits never got there. */
struct state_stats {
    uint64_t records, used_bytes, file_bytes, map_bytes;
    uint64_t puts, gets, deletes, purged, commits, grows;
};
void state_stats(struct state_shard *shard, struct state_stats *out);

#endif
