/* Opening and closing one shard's LMDB environment, carefully: nothing is mapped before the file
 * has been looked through (verify.c), and nothing is written through a mapping that a full disk
 * could take away. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/error.h"
#include "state/internal.h"

#define LOCK_FILE_SIZE 8192 /* what LMDB needs for its usual number of readers */
#define MAP_SIZE_MIN ((size_t)256 * 1024)
#define SMALLEST_FILE 8192 /* LMDB's two meta pages; with less there is no record in it */

static int refuse_file(const char *path, char *error, const char *doing, int rc)
{
    char shown[STATE_SHOWN_MAX];
    return state_refuse(error, state_error_from(rc), "the state file %s cannot be %s: %s",
                        state_shown(path, shown), doing, mdb_strerror(rc));
}

/* LMDB maps its lock file and writes to it there: give it real blocks first, so that a full disk
 * is an error here and not a signal later. */
static int reserve_lock_file(const char *path, char *error)
{
    char lock[STATE_PATH_MAX + 8];
    (void)snprintf(lock, sizeof lock, "%s-lock", path);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse_file(lock, error, "made", errno);
    struct stat st;
    int rc = fstat(fd, &st) ? errno : 0;
    if (rc == 0 && st.st_size < LOCK_FILE_SIZE) {
        static const uint8_t zeros[LOCK_FILE_SIZE];
        ssize_t n = pwrite(fd, zeros, sizeof zeros, 0);
        rc = n == (ssize_t)sizeof zeros ? 0 : n < 0 ? errno : ENOSPC;
        if (rc)
            (void)!ftruncate(fd, 0);
    }
    close(fd);
    return rc ? refuse_file(lock, error, "made", rc) : 0;
}

/* What the file must be before LMDB may see it. `*size` is 0 for a file that is to be made. */
static int check_file(const struct shard_options *o, size_t *size, char *error)
{
    struct stat st;
    char shown[STATE_SHOWN_MAX];
    *size = 0;
    if (stat(o->path, &st)) {
        if (errno != ENOENT)
            return refuse_file(o->path, error, "read", errno);
        if (!o->existing)
            return 0;
        return state_refuse(error, SHOAL_E_CORRUPT,
                            "the state file %s is missing: restore the folder or start with a new "
                            "one (--state-dir)",
                            state_shown(o->path, shown));
    }
    if (!o->existing && st.st_size < SMALLEST_FILE) /* left by an interrupted creation */
        return unlink(o->path) ? refuse_file(o->path, error, "made anew", errno) : 0;
    *size = (size_t)st.st_size;
    const struct verify_options verify = {
        .path = o->path, .index = o->index, .spread = o->spread, .tables = o->tables};
    return verify_file(&verify, error);
}

/* The smallest double of the wanted size that leaves room behind what is there. */
static size_t first_map_size(size_t wanted, size_t file)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = wanted < MAP_SIZE_MIN ? MAP_SIZE_MIN : wanted;
    size = (size + page - 1) / page * page;
    while (size < file + file / 4)
        size *= 2;
    return size;
}

static int open_environment(struct state_shard *shard, size_t file, char *error)
{
    int rc = mdb_env_create(&shard->env);
    if (rc)
        return refuse_file(shard->path, error, "opened", rc);
    shard->map_size = first_map_size(shard->map_size, file);
    rc = mdb_env_set_mapsize(shard->env, shard->map_size);
    if (rc == 0)
        rc = mdb_env_open(shard->env, shard->path, MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS, 0600);
    int dead;
    if (rc == 0)
        rc = mdb_reader_check(shard->env, &dead);
    MDB_txn *txn = NULL;
    if (rc == 0)
        rc = mdb_txn_begin(shard->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, NULL, 0, &shard->dbi);
    if (txn)
        mdb_txn_abort(txn);
    if (rc == 0)
        rc = mdb_env_get_fd(shard->env, &shard->fd);
    return rc ? refuse_file(shard->path, error, "opened", rc) : 0;
}

int shard_open(struct state_shard **out, const struct shard_options *o, char *error)
{
    size_t file = 0;
    int rc = check_file(o, &file, error);
    if (rc == 0)
        rc = reserve_lock_file(o->path, error);
    if (rc)
        return rc;
    struct state_shard *shard = calloc(1, sizeof *shard);
    if (!shard)
        return state_refuse(error, SHOAL_E_NOMEM, "out of memory");
    shard->index = o->index;
    shard->spread = o->spread;
    shard->tables = o->tables;
    shard->map_size = o->map_size;
    shard->staged_max = o->staged_max;
    (void)snprintf(shard->path, sizeof shard->path, "%s", o->path);
    staged_init(&shard->staged);
    rc = open_environment(shard, file, error);
    struct state_stats stats;
    if (rc == 0 && !o->existing && (state_stats(shard, &stats), stats.records)) {
        char shown[STATE_SHOWN_MAX];
        rc = state_refuse(error, SHOAL_E_CORRUPT,
                          "%s holds records and its folder has no manifest.json: restore that or "
                          "give a new folder",
                          state_shown(o->path, shown));
    }
    if (rc) {
        shard_close(shard);
        return rc;
    }
    *out = shard;
    return 0;
}

void shard_close(struct state_shard *shard)
{
    if (!shard)
        return;
    if (shard->cursor)
        mdb_cursor_close(shard->cursor);
    if (shard->read)
        mdb_txn_abort(shard->read);
    if (shard->env)
        mdb_env_close(shard->env);
    staged_free(&shard->staged);
    free(shard);
}
