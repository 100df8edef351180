/* The group commit: everything staged in one transaction, in key order. When the map is too small
 * the transaction is aborted, the map grows with no transaction open, and all is applied again.
 * When anything else fails the staged writes stay where they are. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/util/error.h"
#include "state/internal.h"

#define MAP_SIZE_LIMIT ((size_t)1 << 44) /* 16 TiB: beyond this something else is wrong */

static int apply_node(MDB_cursor *cursor, const struct staged_node *node, uint64_t *removed)
{
    if (node->kind == STAGED_PURGE)
        return shard_apply_purge(cursor, node->client, node->cutoffs, removed);
    uint8_t full[STATE_FULL_KEY_MAX];
    put_u64be(full, node->client);
    memcpy(full + STATE_CLIENT_SIZE, staged_node_key(node), node->key_len);
    MDB_val key = {STATE_CLIENT_SIZE + (size_t)node->key_len, full}, value;
    if (node->kind == STAGED_PUT) {
        value = (MDB_val){node->value_len, node->value};
        return mdb_cursor_put(cursor, &key, &value, 0);
    }
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET);
    if (rc == 0)
        rc = mdb_cursor_del(cursor, 0);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* One attempt; after a failure nothing of it is on the disk. Returns LMDB's code. */
static int write_once(struct state_shard *shard, uint64_t *removed)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    *removed = 0;
    int rc = mdb_txn_begin(shard->env, NULL, 0, &txn);
    if (rc)
        return rc;
    rc = mdb_cursor_open(txn, shard->dbi, &cursor);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    for (const struct staged_node *node = shard->staged.head[0]; node && !rc; node = node->next[0])
        rc = apply_node(cursor, node, removed);
    mdb_cursor_close(cursor);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* Twice the map. A trial mapping comes first, because LMDB drops the old map before it makes the
 * new one and is lost when that fails. */
static int grow(struct state_shard *shard)
{
    size_t size = shard->map_size * 2;
    if (size > MAP_SIZE_LIMIT)
        return ENOSPC;
    void *trial = mmap(NULL, size, PROT_READ, MAP_SHARED, shard->fd, 0);
    if (trial == MAP_FAILED)
        return errno;
    munmap(trial, size);
    int rc = mdb_env_set_mapsize(shard->env, size);
    if (rc) {
        shard->broken = SHOAL_E_NOMEM;
        return ENOMEM;
    }
    shard->map_size = size;
    shard->grows++;
    return 0;
}

/* LMDB reports a write cut short by a full disk or a file size limit as EIO; tell them apart. */
static int refine_io(const struct state_shard *shard, int rc)
{
    if (rc != EIO)
        return rc;
    struct stat st;
    struct rlimit limit;
    struct statvfs fs;
    size_t margin = shard->staged.bytes + ((size_t)1 << 20);
    if (fstat(shard->fd, &st) == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY && (rlim_t)st.st_size + margin > limit.rlim_cur)
        return EFBIG;
    if (fstatvfs(shard->fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < margin)
        return ENOSPC;
    return rc;
}

int state_commit(struct state_shard *shard)
{
    if (shard->broken)
        return shard->broken;
    if (shard->staged.count == 0)
        return 0;
    shard_end_read(shard);
    uint64_t removed;
    int rc = write_once(shard, &removed);
    while (rc == MDB_MAP_FULL) {
        rc = grow(shard);
        if (rc == 0)
            rc = write_once(shard, &removed);
    }
    if (rc)
        return shard_fail(shard, "be written", refine_io(shard, rc));
    staged_reset(&shard->staged);
    shard->purged += removed;
    shard->commits++;
    shard->committed++;
    return 0;
}

uint64_t state_staged_commit(const struct state_shard *shard)
{
    return shard->committed + (shard->staged.count ? 1 : 0);
}

uint64_t state_committed(const struct state_shard *shard)
{
    return shard->committed;
}

bool state_is_dirty(const struct state_shard *shard)
{
    return shard->staged.count != 0;
}

int state_sync(struct state_shard *shard)
{
    /* No other member is touched: the shard's own thread goes on meanwhile. */
    return fdatasync(shard->fd) ? error_from_errno(errno) : 0;
}

int state_error_from(int rc)
{
    switch (rc) {
    case 0:
        return 0;
    case MDB_NOTFOUND:
        return SHOAL_E_NOT_FOUND;
    case EFBIG:
    case MDB_MAP_FULL:
        return SHOAL_E_NO_SPACE;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return SHOAL_E_CORRUPT;
    case MDB_TXN_FULL:
        return SHOAL_E_LIMIT;
    case MDB_PANIC:
    case MDB_BAD_TXN:
        return SHOAL_E_IO;
    default:
        return error_from_errno(rc);
    }
}

int shard_fail(struct state_shard *shard, const char *doing, int rc)
{
    int code = state_error_from(rc);
    if (rc == MDB_PANIC)
        shard->broken = code;
    const char *why = code == SHOAL_E_NO_SPACE ? "the disk is full, or a quota or limit is reached"
                                               : mdb_strerror(rc);
    char shown[STATE_SHOWN_MAX];
    return state_refuse(shard->failure, code, "the state in %s cannot %s: %s",
                        state_shown(shard->path, shown), doing, why);
}
