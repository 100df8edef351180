/* A purge is staged like a write: one node of the client with a cutoff per table. Reads hide what
 * it covers, and the commit removes it from the disk in one walk over the client's range. */
#include <assert.h>
#include <errno.h>

#include "core/util/error.h"
#include "state/internal.h"

/* A record too short to have an age never grows old. */
bool purge_covers(int64_t before_us, const uint8_t *value, size_t len)
{
    if (before_us == STAGED_AGE_ALL)
        return true;
    return len >= 8 && before_us > 0 && get_u64be(value) < (uint64_t)before_us;
}

static bool in_mask(uint32_t mask, unsigned table)
{
    return table < STATE_TABLES_MAX && (mask >> table & 1);
}

int state_purge(struct state_shard *shard, uint64_t client, const struct state_purge *what)
{
    assert(state_spread_shard(&shard->spread, client) == shard->index);
    if (what->older_than_us < 0 || what->tables == 0)
        return 0;
    struct staged *s = &shard->staged;
    if (s->count && s->bytes + staged_need(0, sizeof(struct staged_cutoffs)) > shard->staged_max) {
        int rc = state_commit(shard);
        if (rc)
            return rc;
    }
    struct staged_cutoffs *cutoffs = staged_purge(s, client);
    if (!cutoffs)
        return shard_fail(shard, "hold another write", ENOMEM);
    int64_t before_us = what->older_than_us ? what->older_than_us : STAGED_AGE_ALL;
    for (unsigned table = 0; table < shard->tables; table++) {
        if (in_mask(what->tables, table) && cutoffs->before_us[table] < before_us)
            cutoffs->before_us[table] = before_us;
    }
    /* Staged records that it covers become deletions: an older one may lie on the disk below. */
    struct staged_node *node = staged_seek(s, &(struct staged_key){.client = client});
    for (; node && node->client == client; node = node->next[0]) {
        if (node->kind == STAGED_PUT && in_mask(what->tables, staged_node_key(node)[0]) &&
            purge_covers(before_us, node->value, node->value_len))
            node->kind = STAGED_DELETE;
    }
    return 0;
}

/* The first table from `table` on that the purge touches, or STATE_TABLES_MAX. */
static unsigned touched_from(const struct staged_cutoffs *cutoffs, unsigned table)
{
    while (table < STATE_TABLES_MAX && cutoffs->before_us[table] == 0)
        table++;
    return table;
}

static int seek_table(MDB_cursor *cursor, uint64_t client, unsigned table, MDB_val *key,
                      MDB_val *value)
{
    uint8_t head[STATE_KEY_HEAD];
    put_u64be(head, client);
    head[STATE_CLIENT_SIZE] = (uint8_t)table;
    *key = (MDB_val){sizeof head, head};
    return mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
}

int shard_apply_purge(MDB_cursor *cursor, uint64_t client, const struct staged_cutoffs *cutoffs,
                      uint64_t *removed)
{
    unsigned table = touched_from(cutoffs, 0);
    if (table == STATE_TABLES_MAX)
        return 0;
    MDB_val key, value;
    int rc = seek_table(cursor, client, table, &key, &value);
    while (rc == 0 && key.mv_size >= STATE_KEY_HEAD && get_u64be(key.mv_data) == client) {
        unsigned here = ((const uint8_t *)key.mv_data)[STATE_CLIENT_SIZE];
        table = touched_from(cutoffs, here);
        if (table == STATE_TABLES_MAX)
            return 0;
        if (table != here) {
            rc = seek_table(cursor, client, table, &key, &value);
            continue;
        }
        if (purge_covers(cutoffs->before_us[table], value.mv_data, value.mv_size)) {
            rc = mdb_cursor_del(cursor, 0);
            if (rc)
                return rc;
            ++*removed;
        }
        /* After a deletion the cursor stands before the next record. */
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}
