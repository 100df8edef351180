/* The store: a folder with a lock, a manifest and its shards. Opening looks before it writes, so
 * that a folder that is not ours stays as it was. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/error.h"
#include "state/internal.h"

#define DEFAULT_MAP_SIZE ((size_t)16 << 20)
#define DEFAULT_STAGED_MAX ((size_t)4 << 20)
#define FILE_NAME_ROOM 32 /* for "/shard-00.mdb-lock" */

struct state_store {
    int lock;
    struct state_spread spread;
    struct state_shard *shards[STATE_SHARDS_MAX];
};

static int check_options(const struct state_options *o, struct manifest *want, char *error)
{
    uint32_t segments = o->segments ? o->segments : 1;
    *want = (struct manifest){.spread = {o->partitions, segments, o->shards}};
    if (!o->path || !o->path[0] || strlen(o->path) + FILE_NAME_ROOM > STATE_PATH_MAX)
        return state_refuse(error, SHOAL_E_BAD_INPUT, "the path of the state folder is %s",
                            o->path && o->path[0] ? "too long" : "empty");
    if (o->shards < 1 || o->shards > STATE_SHARDS_MAX)
        return state_refuse(error, SHOAL_E_BAD_INPUT, "%u shards: 1 to %d are possible", o->shards,
                            STATE_SHARDS_MAX);
    if (!o->purpose || strlen(o->purpose) >= sizeof want->purpose)
        return state_refuse(error, SHOAL_E_BAD_INPUT, "a state folder's purpose is 1 to %d bytes",
                            STATE_PURPOSE_MAX - 1);
    (void)snprintf(want->purpose, sizeof want->purpose, "%s", o->purpose);
    for (const char *const *table = o->tables; table && *table; table++) {
        if (want->table_count == STATE_TABLES_MAX || strlen(*table) >= STATE_NAME_MAX)
            return state_refuse(error, SHOAL_E_BAD_INPUT,
                                "at most %d tables with names below %d bytes are possible",
                                STATE_TABLES_MAX, STATE_NAME_MAX);
        (void)snprintf(want->tables[want->table_count++], STATE_NAME_MAX, "%s", *table);
    }
    if (want->table_count == 0)
        return state_refuse(error, SHOAL_E_BAD_INPUT, "a state folder needs at least one table");
    return 0;
}

/* mkdir -p: the folder and what is missing above it. */
static int make_folder(const char *path, char *error)
{
    char part[STATE_PATH_MAX], shown[STATE_SHOWN_MAX];
    size_t len = strlen(path);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0700) == 0 || errno == EEXIST)
            continue;
        int err = errno;
        struct stat there;
        if (err == EROFS && stat(part, &there) == 0) /* it is there, on a read-only mount */
            continue;
        return state_refuse(error, error_from_errno(err), "the state folder %s cannot be made: %s",
                            state_shown(path, shown), strerror(err));
    }
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return state_refuse(error, SHOAL_E_BAD_INPUT,
                            "%s is not a folder: give a new or an empty one with --state-dir",
                            state_shown(path, shown));
    return 0;
}

static int open_shards(struct state_store *store, const struct state_options *o,
                       const struct manifest *m, bool existing, char *error)
{
    store->spread = m->spread;
    for (unsigned i = 0; i < m->spread.shards; i++) {
        char path[STATE_PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/shard-%02u.mdb", o->path, i);
        const struct shard_options shard = {
            .path = path,
            .index = i,
            .spread = m->spread,
            .tables = m->table_count,
            .map_size = o->map_size ? o->map_size : DEFAULT_MAP_SIZE,
            .staged_max = o->staged_max ? o->staged_max : DEFAULT_STAGED_MAX,
            .existing = existing,
        };
        int rc = shard_open(&store->shards[i], &shard, error);
        if (rc)
            return rc;
    }
    return 0;
}

/* The manifest is written last: with it, every shard is there. */
static int open_locked(struct state_store *store, const struct state_options *o,
                       const struct manifest *want, char *error)
{
    struct manifest have;
    int rc = manifest_read(o->path, &have, error);
    if (rc == SHOAL_E_NOT_FOUND) {
        rc = open_shards(store, o, want, false, error);
        return rc ? rc : manifest_write(o->path, want, error);
    }
    if (rc == 0)
        rc = manifest_check(o->path, &have, want, error);
    return rc ? rc : open_shards(store, o, &have, true, error);
}

/* All that can be refused before anything is written into the folder. */
static int look(const struct state_options *o, char *error)
{
    struct manifest have;
    struct stat st;
    char shown[STATE_SHOWN_MAX];
    if (o->expect == STATE_EXISTING && stat(o->path, &st) && errno == ENOENT)
        return state_refuse(error, SHOAL_E_BAD_INPUT,
                            "there is no state in %s to go on with: name the folder of the earlier "
                            "run or start a new one",
                            state_shown(o->path, shown));
    int rc = make_folder(o->path, error);
    if (rc == 0)
        rc = guard_file_system(o->path, error);
    if (rc)
        return rc;
    rc = manifest_read(o->path, &have, error);
    if (rc == SHOAL_E_NOT_FOUND)
        return guard_unfinished(o->path, error);
    if (rc == 0 && o->expect == STATE_NEW)
        return state_refuse(error, SHOAL_E_BAD_INPUT,
                            "%s holds the state of an earlier run: go on with --resume or "
                            "--state-from, or give a new folder with --state-dir",
                            state_shown(o->path, shown));
    return rc;
}

int state_open(struct state_store **out, const struct state_options *options,
               char error[STATE_ERROR_TEXT_MAX])
{
    *out = NULL;
    error[0] = 0;
    struct manifest want;
    int rc = check_options(options, &want, error);
    if (rc == 0)
        rc = look(options, error);
    if (rc)
        return rc;
    struct state_store *store = calloc(1, sizeof *store);
    if (!store)
        return state_refuse(error, SHOAL_E_NOMEM, "out of memory");
    store->lock = -1;
    rc = guard_lock(options->path, &store->lock, error);
    if (rc == 0)
        rc = open_locked(store, options, &want, error);
    if (rc) {
        state_close(store);
        return rc;
    }
    *out = store;
    return 0;
}

void state_close(struct state_store *store)
{
    if (!store)
        return;
    for (unsigned i = 0; i < store->spread.shards; i++) {
        if (store->shards[i])
            (void)state_commit(store->shards[i]);
        shard_close(store->shards[i]);
    }
    if (store->lock >= 0)
        close(store->lock);
    free(store);
}

unsigned state_shards(const struct state_store *store)
{
    return store->spread.shards;
}

struct state_shard *state_shard(struct state_store *store, unsigned index)
{
    assert(index < store->spread.shards);
    return store->shards[index];
}

unsigned state_shard_of(const struct state_store *store, uint64_t client)
{
    return state_spread_shard(&store->spread, client);
}

int state_refuse(char *error, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error, STATE_ERROR_TEXT_MAX, format, args);
    va_end(args);
    return code;
}

const char *state_shown(const char *path, char out[STATE_SHOWN_MAX])
{
    size_t len = strlen(path);
    const char *end = len < STATE_SHOWN_MAX ? path : path + len - (STATE_SHOWN_MAX - 4);
    (void)snprintf(out, STATE_SHOWN_MAX, "%s%s", end == path ? "" : "...", end);
    return out;
}
