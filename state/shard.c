/* One shard: what a lane calls. Writes are staged (staged.c), reads look there first and then on
 * the disk through one read transaction that is reset at each commit and renewed at the next read.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/util/error.h"
#include "state/internal.h"

size_t shard_key(uint8_t out[STATE_FULL_KEY_MAX], const struct state_key *key)
{
    put_u64be(out, key->client);
    out[STATE_CLIENT_SIZE] = (uint8_t)key->table;
    if (key->key.len)
        memcpy(out + STATE_KEY_HEAD, key->key.data, key->key.len);
    return STATE_KEY_HEAD + key->key.len;
}

static struct staged_key staged_key_of(const struct state_key *key,
                                       const uint8_t full[STATE_FULL_KEY_MAX], size_t len)
{
    return (struct staged_key){key->client, full + STATE_CLIENT_SIZE, len - STATE_CLIENT_SIZE};
}

static void check_key(const struct state_shard *shard, uint64_t client, unsigned table)
{
    assert(state_spread_shard(&shard->spread, client) == shard->index);
    assert(table < shard->tables);
}

/* Room for one more write; commits when the buffer is full. */
static int make_room(struct state_shard *shard, size_t need)
{
    if (shard->broken)
        return shard->broken;
    if (shard->staged.count == 0 || shard->staged.bytes + need <= shard->staged_max)
        return 0;
    return state_commit(shard);
}

int state_put(struct state_shard *shard, const struct state_key *key, struct slice value)
{
    check_key(shard, key->client, key->table);
    if (key->key.len > STATE_KEY_MAX || value.len > STATE_VALUE_MAX)
        return SHOAL_E_LIMIT;
    uint8_t full[STATE_FULL_KEY_MAX];
    size_t len = shard_key(full, key);
    int rc = make_room(shard, staged_need(len, value.len));
    if (rc)
        return rc;
    struct staged_key at = staged_key_of(key, full, len);
    if (staged_put(&shard->staged, &at, value))
        return shard_fail(shard, "hold another write", ENOMEM);
    shard->puts++;
    return 0;
}

int state_delete(struct state_shard *shard, const struct state_key *key)
{
    check_key(shard, key->client, key->table);
    if (key->key.len > STATE_KEY_MAX)
        return SHOAL_E_LIMIT;
    uint8_t full[STATE_FULL_KEY_MAX];
    size_t len = shard_key(full, key);
    int rc = make_room(shard, staged_need(len, 0));
    if (rc)
        return rc;
    struct staged_key at = staged_key_of(key, full, len);
    if (staged_delete(&shard->staged, &at))
        return shard_fail(shard, "hold another write", ENOMEM);
    shard->deletes++;
    return 0;
}

int shard_begin_read(struct state_shard *shard)
{
    if (shard->broken)
        return shard->broken;
    if (shard->reading)
        return 0;
    int rc;
    if (!shard->read) {
        rc = mdb_txn_begin(shard->env, NULL, MDB_RDONLY, &shard->read);
        if (rc == 0)
            rc = mdb_cursor_open(shard->read, shard->dbi, &shard->cursor);
    } else {
        rc = mdb_txn_renew(shard->read);
        if (rc == 0)
            rc = mdb_cursor_renew(shard->read, shard->cursor);
    }
    if (rc)
        return shard_fail(shard, "be read", rc);
    shard->reading = true;
    return 0;
}

void shard_end_read(struct state_shard *shard)
{
    if (shard->reading)
        mdb_txn_reset(shard->read);
    shard->reading = false;
}

/* Has a staged purge hidden this record of the disk? */
static bool hidden(const struct staged_cutoffs *cutoffs, unsigned table, const MDB_val *value)
{
    return cutoffs && purge_covers(cutoffs->before_us[table], value->mv_data, value->mv_size);
}

int state_get(struct state_shard *shard, const struct state_key *key, struct slice *value)
{
    check_key(shard, key->client, key->table);
    if (key->key.len > STATE_KEY_MAX)
        return SHOAL_E_LIMIT;
    shard->gets++;
    uint8_t full[STATE_FULL_KEY_MAX];
    size_t len = shard_key(full, key);
    const struct staged_cutoffs *cutoffs = NULL;
    if (shard->staged.count) {
        struct staged_key at = staged_key_of(key, full, len);
        const struct staged_node *node = staged_find(&shard->staged, &at);
        if (node && node->kind != STAGED_PUT)
            return SHOAL_E_NOT_FOUND;
        if (node) {
            *value = slice_of(node->value, node->value_len);
            return 0;
        }
        cutoffs = staged_cutoffs(&shard->staged, key->client);
    }
    int rc = shard_begin_read(shard);
    if (rc)
        return rc;
    MDB_val k = {len, full}, v;
    rc = mdb_get(shard->read, shard->dbi, &k, &v);
    if (rc == MDB_NOTFOUND || (rc == 0 && hidden(cutoffs, key->table, &v)))
        return SHOAL_E_NOT_FOUND;
    if (rc)
        return shard_fail(shard, "be read", rc);
    *value = slice_of(v.mv_data, v.mv_size);
    return 0;
}

/* A walk over one table of one client: the disk's next record beside the next staged one. */
struct walk {
    MDB_cursor *cursor;
    uint8_t head[STATE_KEY_HEAD];
    uint64_t client;
    MDB_val key, value;
    int rc; /* of the cursor; 0: key and value are a record of the table */
    struct staged_node *node;
};

static void step_disk(struct walk *w, MDB_cursor_op op)
{
    w->rc = mdb_cursor_get(w->cursor, &w->key, &w->value, op);
    if (w->rc == 0 &&
        (w->key.mv_size < STATE_KEY_HEAD || memcmp(w->key.mv_data, w->head, STATE_KEY_HEAD) != 0))
        w->rc = MDB_NOTFOUND;
}

/* The staged node while it belongs to the table. */
static const struct staged_node *node_here(const struct walk *w)
{
    const struct staged_node *node = w->node;
    bool here = node && node->client == w->client && node->key_len &&
                staged_node_key(node)[0] == w->head[STATE_CLIENT_SIZE];
    return here ? node : NULL;
}

/* Key order of the staged node and the disk's record. */
static int order_of(const struct staged_node *node, const MDB_val *key)
{
    const uint8_t *disk = (const uint8_t *)key->mv_data + STATE_CLIENT_SIZE;
    size_t disk_len = key->mv_size - STATE_CLIENT_SIZE;
    size_t shorter = node->key_len < disk_len ? node->key_len : disk_len;
    int order = memcmp(staged_node_key(node), disk, shorter);
    return order ? order : (node->key_len > disk_len) - (node->key_len < disk_len);
}

int state_each(struct state_shard *shard, uint64_t client, unsigned table, state_each_fn fn,
               void *arg)
{
    check_key(shard, client, table);
    int rc = shard_begin_read(shard);
    if (rc)
        return rc;
    struct walk w = {.cursor = shard->cursor, .client = client};
    put_u64be(w.head, client);
    w.head[STATE_CLIENT_SIZE] = (uint8_t)table;
    const struct staged_cutoffs *cutoffs = staged_cutoffs(&shard->staged, client);
    w.node =
        staged_seek(&shard->staged, &(struct staged_key){client, w.head + STATE_CLIENT_SIZE, 1});
    w.key = (MDB_val){sizeof w.head, w.head};
    step_disk(&w, MDB_SET_RANGE);
    for (rc = 0; rc == 0;) {
        const struct staged_node *node = node_here(&w);
        if (!node && w.rc)
            break;
        int order = !node ? 1 : w.rc ? -1 : order_of(node, &w.key);
        if (order <= 0) {
            const uint8_t *key = staged_node_key(node) + 1;
            if (node->kind == STAGED_PUT)
                rc = fn(arg, slice_of(key, node->key_len - 1u),
                        slice_of(node->value, node->value_len));
            w.node = node->next[0];
        } else if (!hidden(cutoffs, table, &w.value)) {
            rc = fn(arg,
                    slice_of((const uint8_t *)w.key.mv_data + STATE_KEY_HEAD,
                             w.key.mv_size - STATE_KEY_HEAD),
                    slice_of(w.value.mv_data, w.value.mv_size));
        }
        if (order >= 0)
            step_disk(&w, MDB_NEXT);
    }
    if (rc == 0 && w.rc && w.rc != MDB_NOTFOUND)
        rc = shard_fail(shard, "be read", w.rc);
    return rc;
}

int state_each_client(struct state_shard *shard, int (*fn)(void *arg, uint64_t client), void *arg)
{
    if (shard->staged.count)
        return SHOAL_E_BUSY;
    uint8_t head[STATE_CLIENT_SIZE] = {0};
    for (;;) {
        /* fn may have committed, so each step begins a read and seeks anew. */
        int rc = shard_begin_read(shard);
        if (rc)
            return rc;
        MDB_val key = {sizeof head, head}, value;
        rc = mdb_cursor_get(shard->cursor, &key, &value, MDB_SET_RANGE);
        if (rc == MDB_NOTFOUND)
            return 0;
        if (rc)
            return shard_fail(shard, "be read", rc);
        uint64_t client = get_u64be(key.mv_data);
        rc = fn(arg, client);
        if (rc || client == UINT64_MAX)
            return rc;
        put_u64be(head, client + 1);
    }
}

void state_stats(struct state_shard *shard, struct state_stats *out)
{
    *out = (struct state_stats){.puts = shard->puts,
                                .gets = shard->gets,
                                .deletes = shard->deletes,
                                .purged = shard->purged,
                                .commits = shard->commits,
                                .grows = shard->grows,
                                .map_bytes = shard->map_size};
    MDB_stat stat;
    if (!shard->broken && mdb_env_stat(shard->env, &stat) == 0) {
        uint64_t pages = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
        out->records = stat.ms_entries;
        out->used_bytes = pages * stat.ms_psize;
    }
    struct stat st;
    if (fstat(shard->fd, &st) == 0)
        out->file_bytes = (uint64_t)st.st_size;
}

const char *state_failure(const struct state_shard *shard)
{
    return shard->failure;
}
