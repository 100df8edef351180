/* What the files of this module share. Nobody outside state/ and its tests includes this. */
#ifndef SHOAL_STATE_INTERNAL_H
#define SHOAL_STATE_INTERNAL_H

#include <lmdb.h>
#include <stdarg.h>

#include "state/state.h"

#define STATE_FORMAT 1
#define STATE_CLIENT_SIZE 8
#define STATE_KEY_HEAD 9 /* client, table */
#define STATE_FULL_KEY_MAX (STATE_KEY_HEAD + STATE_KEY_MAX)
#define STATE_PATH_MAX 4096
#define STATE_NAME_MAX 64 /* a table's name */
#define STATE_PURPOSE_MAX 256

/* --- staged.c: writes that wait for the commit, in key order --------------------------------- */

#define STAGED_LEVELS 10
#define STAGED_AGE_ALL INT64_MAX /* a cutoff that no record's age reaches */

enum staged_kind {
    STAGED_PUT,
    STAGED_DELETE,
    STAGED_PURGE, /* key_len 0: before every record of its client */
};

/* Value of a STAGED_PURGE: records on disk are gone when their age is before the table's cutoff;
 * 0 leaves the table alone. Records staged before the purge were dealt with when it came. */
struct staged_cutoffs {
    int64_t before_us[STATE_TABLES_MAX];
};

/* A node of a skip list; its links lie before its key in one piece of the arena. */
struct staged_node {
    uint64_t client;
    union {
        uint8_t *value;
        struct staged_cutoffs *cutoffs;
    };
    uint32_t value_len, value_cap;
    uint8_t kind, levels;
    uint8_t key_len; /* table byte and record key; 0 in a purge */
    struct staged_node *next[];
};

struct staged_chunk;

struct staged {
    struct staged_node *head[STAGED_LEVELS];
    unsigned levels;
    size_t count, purges;
    size_t bytes; /* taken from the arena since the last reset */
    struct staged_chunk *chunks, *spare;
    uint64_t dice;
};

/* A position in key order: `key` is the table byte and the record key. */
struct staged_key {
    uint64_t client;
    const uint8_t *key;
    size_t key_len;
};

void staged_init(struct staged *s);
void staged_free(struct staged *s);
void staged_reset(struct staged *s); /* forgets the writes, keeps some memory */
/* Bytes that a write may take at most. */
size_t staged_need(size_t key_len, size_t value_len);
int staged_put(struct staged *s, const struct staged_key *key, struct slice value);
int staged_delete(struct staged *s, const struct staged_key *key);
/* The client's purge node, made when there is none; NULL without memory. */
struct staged_cutoffs *staged_purge(struct staged *s, uint64_t client);
/* The client's cutoffs, or NULL. */
const struct staged_cutoffs *staged_cutoffs(const struct staged *s, uint64_t client);
/* Exactly this key, or NULL. */
struct staged_node *staged_find(const struct staged *s, const struct staged_key *key);
/* The first node at or behind this key. */
struct staged_node *staged_seek(const struct staged *s, const struct staged_key *key);

static inline const uint8_t *staged_node_key(const struct staged_node *node)
{
    return (const uint8_t *)&node->next[node->levels];
}

/* --- shard.c ------------------------------------------------------------------------------- */

struct state_shard {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *read;      /* kept for good, reset while not `reading` */
    MDB_cursor *cursor; /* of `read` */
    bool reading;
    int broken; /* LMDB gave up: every later call returns this */
    int fd;     /* LMDB's own, for fdatasync and fstat */
    unsigned index, tables;
    struct state_spread spread;
    size_t map_size, staged_max;
    struct staged staged;
    uint64_t committed;
    uint64_t puts, gets, deletes, purged, commits, grows;
    char failure[STATE_ERROR_TEXT_MAX];
    char path[STATE_PATH_MAX];
};

/* The folder of `shard` exists and is locked. With `existing` the file must be there and whole. */
struct shard_options {
    const char *path;
    unsigned index, tables;
    struct state_spread spread;
    size_t map_size, staged_max;
    bool existing;
};
int shard_open(struct state_shard **out, const struct shard_options *options, char *error);
void shard_close(struct state_shard *shard);

/* A read transaction that sees the last commit; the cursor belongs to it. */
int shard_begin_read(struct state_shard *shard);
void shard_end_read(struct state_shard *shard);

/* Notes what failed for state_failure and gives our code for LMDB's. */
int shard_fail(struct state_shard *shard, const char *doing, int rc);

/* client | table | record key; returns the length. */
size_t shard_key(uint8_t out[STATE_FULL_KEY_MAX], const struct state_key *key);

/* commit.c: removes what the cutoffs say from the disk, within a write transaction. */
int shard_apply_purge(MDB_cursor *cursor, uint64_t client, const struct staged_cutoffs *cutoffs,
                      uint64_t *removed);
/* Is a record of this value, on disk, gone under the cutoff? */
bool purge_covers(int64_t before_us, const uint8_t *value, size_t len);

/* Our code for a code of LMDB or errno. */
int state_error_from(int rc);

/* --- store.c and what it uses ----------------------------------------------------------------- */

/* Fills error (STATE_ERROR_TEXT_MAX bytes) and returns the code. */
int state_refuse(char *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define STATE_SHOWN_MAX 128
/* The path, or its end behind "..." when it is long, so that the sentence around it stays whole. */
const char *state_shown(const char *path, char out[STATE_SHOWN_MAX]);

/* manifest.c */
struct manifest {
    char purpose[STATE_PURPOSE_MAX];
    char tables[STATE_TABLES_MAX][STATE_NAME_MAX];
    unsigned table_count;
    struct state_spread spread;
};
/* NOT_FOUND (without a text) when there is none. */
int manifest_read(const char *folder, struct manifest *out, char *error);
int manifest_write(const char *folder, const struct manifest *m, char *error);
int manifest_check(const char *folder, const struct manifest *have, const struct manifest *want,
                   char *error);

/* guard.c: who may use the folder, and where it may be. */
int guard_file_system(const char *folder, char *error);
/* The name of a file system that is not local by its statfs number and its name in mountinfo
 * ("fuse.sshfs"; empty when unknown), or NULL. */
const char *guard_network_name(long type, const char *mount_type);
/* A folder without a manifest may hold nothing but what an interrupted creation left. */
int guard_unfinished(const char *folder, char *error);
int guard_lock(const char *folder, int *fd, char *error);

/* verify.c: is this file a whole LMDB file of ours? Reads the file, maps nothing. */
struct verify_options {
    const char *path;
    unsigned index, tables;
    struct state_spread spread;
};
int verify_file(const struct verify_options *options, char *error);

#endif
