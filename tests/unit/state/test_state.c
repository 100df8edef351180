/* What each function of state/ promises, one behaviour a test. */
#include <fcntl.h>
#include <sys/stat.h>

#include "state/policy.h"
#include "tests/unit/state/folder.h"

static void staged_is_read_before_and_after_commit(void **state)
{
    struct state_store *store = open_default(*state);
    assert_null(get_text(store, 1, 0, "a"));
    assert_int_equal(put_text(store, 1, 0, "a", "one"), 0);
    assert_string_equal(get_text(store, 1, 0, "a"), "one");
    assert_null(get_text(store, 1, 1, "a")); /* another table */
    assert_null(get_text(store, 5, 0, "a")); /* another client of the same shard */
    commit_all(store);
    assert_string_equal(get_text(store, 1, 0, "a"), "one");
    assert_int_equal(put_text(store, 1, 0, "a", "two and longer"), 0);
    assert_string_equal(get_text(store, 1, 0, "a"), "two and longer");
    assert_int_equal(put_text(store, 1, 0, "a", "3"), 0);
    assert_string_equal(get_text(store, 1, 0, "a"), "3");
    commit_all(store);
    assert_string_equal(get_text(store, 1, 0, "a"), "3");
    state_close(store);
    store = open_default(*state);
    assert_string_equal(get_text(store, 1, 0, "a"), "3");
    state_close(store);
}

static void close_commits(void **state)
{
    struct state_store *store = open_default(*state);
    assert_int_equal(put_text(store, 7, 2, "k", "kept"), 0);
    state_close(store);
    store = open_default(*state);
    assert_string_equal(get_text(store, 7, 2, "k"), "kept");
    state_close(store);
}

static void delete_hides_at_once_and_lasts(void **state)
{
    struct state_store *store = open_default(*state);
    assert_int_equal(put_text(store, 1, 0, "a", "x"), 0);
    commit_all(store);
    assert_int_equal(delete_text(store, 1, 0, "a"), 0);
    assert_null(get_text(store, 1, 0, "a"));
    assert_int_equal(delete_text(store, 1, 0, "never there"), 0);
    commit_all(store);
    assert_null(get_text(store, 1, 0, "a"));
    assert_int_equal(delete_text(store, 1, 0, "a"), 0);
    assert_int_equal(put_text(store, 1, 0, "a", "again"), 0);
    commit_all(store);
    assert_string_equal(get_text(store, 1, 0, "a"), "again");
    state_close(store);
}

static void empty_key_and_empty_value(void **state)
{
    struct state_store *store = open_default(*state);
    assert_int_equal(put_text(store, 0, 0, "", ""), 0);
    assert_string_equal(get_text(store, 0, 0, ""), "");
    commit_all(store);
    assert_string_equal(get_text(store, 0, 0, ""), "");
    assert_int_equal(put_text(store, UINT64_MAX, 2, "", "last"), 0);
    commit_all(store);
    assert_string_equal(get_text(store, UINT64_MAX, 2, ""), "last");
    state_close(store);
}

static void sizes_have_limits(void **state)
{
    struct state_store *store = open_default(*state);
    struct state_shard *shard = shard_for(store, 4);
    static uint8_t big[STATE_VALUE_MAX + 1];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 31 >> 3);
    struct slice value;
    struct state_key key = {.client = 4, .key = slice_of(big, STATE_KEY_MAX)};
    assert_int_equal(state_put(shard, &key, slice_of(big, STATE_VALUE_MAX)), 0);
    assert_int_equal(state_put(shard, &key, slice_of(big, STATE_VALUE_MAX + 1)), SHOAL_E_LIMIT);
    assert_int_equal(state_get(shard, &key, &value), 0);
    assert_int_equal(state_commit(shard), 0);
    assert_int_equal(state_get(shard, &key, &value), 0);
    assert_true(slice_equal(value, slice_of(big, STATE_VALUE_MAX)));
    key.key.len = STATE_KEY_MAX + 1;
    assert_int_equal(state_put(shard, &key, slice_str("x")), SHOAL_E_LIMIT);
    assert_int_equal(state_get(shard, &key, &value), SHOAL_E_LIMIT);
    assert_int_equal(state_delete(shard, &key), SHOAL_E_LIMIT);
    assert_false(state_is_dirty(shard));
    state_close(store);
}

struct listing {
    char text[512];
    int stop_after; /* records; 0: never */
};

static int list_one(void *arg, struct slice key, struct slice value)
{
    struct listing *l = arg;
    size_t used = strlen(l->text);
    (void)snprintf(l->text + used, sizeof l->text - used, "%.*s=%.*s ", (int)key.len,
                   (const char *)key.data, (int)value.len, (const char *)value.data);
    return l->stop_after && --l->stop_after == 0 ? 77 : 0;
}

static const char *list(struct state_store *store, uint64_t client, unsigned table)
{
    static struct listing l;
    l = (struct listing){0};
    assert_int_equal(state_each(shard_for(store, client), client, table, list_one, &l), 0);
    return l.text;
}

static void each_merges_staged_with_disk_in_key_order(void **state)
{
    struct state_store *store = open_default(*state);
    put_text(store, 1, 1, "b", "disk");
    put_text(store, 1, 1, "d", "disk");
    put_text(store, 1, 1, "dd", "disk");
    put_text(store, 1, 1, "f", "disk");
    put_text(store, 1, 0, "other", "table");
    put_text(store, 1, 2, "other", "table");
    put_text(store, 5, 1, "other", "client");
    assert_string_equal(list(store, 1, 1), "b=disk d=disk dd=disk f=disk ");
    commit_all(store);
    assert_string_equal(list(store, 1, 1), "b=disk d=disk dd=disk f=disk ");
    put_text(store, 1, 1, "a", "new");
    put_text(store, 1, 1, "d", "new");
    put_text(store, 1, 1, "da", "new");
    put_text(store, 1, 1, "g", "new");
    delete_text(store, 1, 1, "f");
    delete_text(store, 1, 1, "c");
    assert_string_equal(list(store, 1, 1), "a=new b=disk d=new da=new dd=disk g=new ");
    commit_all(store);
    assert_string_equal(list(store, 1, 1), "a=new b=disk d=new da=new dd=disk g=new ");
    assert_string_equal(list(store, 1, 0), "other=table ");
    assert_string_equal(list(store, 9, 1), "");
    state_close(store);
}

static void each_stops_with_what_fn_returns(void **state)
{
    struct state_store *store = open_default(*state);
    put_text(store, 1, 0, "a", "1");
    commit_all(store);
    put_text(store, 1, 0, "b", "2");
    for (int after = 1; after <= 2; after++) {
        struct listing l = {.stop_after = after};
        assert_int_equal(state_each(shard_for(store, 1), 1, 0, list_one, &l), 77);
        assert_string_equal(l.text, after == 1 ? "a=1 " : "a=1 b=2 ");
    }
    state_close(store);
}

static void purge_takes_the_tables_of_the_mask(void **state)
{
    struct state_store *store = open_default(*state);
    for (unsigned table = 0; table < 3; table++) {
        put_text(store, 1, table, "disk", "x");
        put_text(store, 5, table, "disk", "neighbour");
    }
    commit_all(store);
    for (unsigned table = 0; table < 3; table++)
        put_text(store, 1, table, "staged", "x");
    assert_int_equal(state_purge(shard_for(store, 1), 1, &(struct state_purge){.tables = 5}), 0);
    for (int round = 0; round < 2; round++) {
        assert_string_equal(list(store, 1, 0), "");
        assert_string_equal(list(store, 1, 1), "disk=x staged=x ");
        assert_string_equal(list(store, 1, 2), "");
        assert_null(get_text(store, 1, 0, "disk"));
        assert_null(get_text(store, 1, 2, "staged"));
        assert_string_equal(get_text(store, 5, 0, "disk"), "neighbour");
        commit_all(store);
    }
    struct state_stats stats;
    state_stats(shard_for(store, 1), &stats);
    assert_int_equal(stats.purged, 2);
    assert_int_equal(stats.records, 5);
    state_close(store);
}

static void puts_after_a_purge_stay(void **state)
{
    struct state_store *store = open_default(*state);
    put_text(store, 1, 0, "a", "old");
    put_text(store, 1, 0, "b", "old");
    commit_all(store);
    put_text(store, 1, 0, "c", "staged before");
    state_purge(shard_for(store, 1), 1, &(struct state_purge){.tables = 7});
    put_text(store, 1, 0, "b", "new");
    assert_string_equal(list(store, 1, 0), "b=new ");
    commit_all(store);
    assert_string_equal(list(store, 1, 0), "b=new ");
    state_close(store);
}

static int put_aged(struct state_store *store, const char *key, uint64_t age_us)
{
    uint8_t value[12] = {0};
    put_u64be(value, age_us);
    struct state_key k = key_of(1, 0, key);
    return state_put(shard_for(store, 1), &k, slice_of(value, sizeof value));
}

static void purge_by_age_looks_at_each_record(void **state)
{
    struct state_store *store = open_default(*state);
    put_aged(store, "disk old", 100);
    put_aged(store, "disk on the edge", 200);
    put_aged(store, "disk young", 300);
    put_aged(store, "renewed", 100);
    put_aged(store, "made old", 300);
    put_text(store, 1, 0, "short", "1234567");
    commit_all(store);
    put_aged(store, "staged old", 199);
    put_aged(store, "staged young", 200);
    put_aged(store, "renewed", 400);
    put_aged(store, "made old", 50);
    struct state_purge what = {.tables = 1, .older_than_us = 200};
    assert_int_equal(state_purge(shard_for(store, 1), 1, &what), 0);
    what.older_than_us = 150; /* a later purge that asks for less changes nothing */
    assert_int_equal(state_purge(shard_for(store, 1), 1, &what), 0);
    for (int round = 0; round < 2; round++) {
        assert_null(get_text(store, 1, 0, "disk old"));
        assert_non_null(get_text(store, 1, 0, "disk on the edge"));
        assert_non_null(get_text(store, 1, 0, "disk young"));
        assert_non_null(get_text(store, 1, 0, "renewed"));
        assert_null(get_text(store, 1, 0, "made old")); /* and not its younger one below */
        assert_non_null(get_text(store, 1, 0, "short"));
        assert_null(get_text(store, 1, 0, "staged old"));
        assert_non_null(get_text(store, 1, 0, "staged young"));
        commit_all(store);
    }
    state_close(store);
}

struct clients {
    struct state_store *store;
    uint64_t seen[8];
    size_t count;
};

static int note_client(void *arg, uint64_t client)
{
    struct clients *c = arg;
    c->seen[c->count++] = client;
    /* It may write and commit meanwhile. */
    put_text(c->store, client, 2, "seen", "yes");
    return state_commit(shard_for(c->store, client));
}

static void each_client_is_met_once(void **state)
{
    struct state_store *store = open_default(*state);
    const uint64_t some[] = {8, 0, 4, 400, UINT64_MAX - 3, 5};
    for (size_t i = 0; i < 6; i++) {
        put_text(store, some[i], 0, "a", "x");
        put_text(store, some[i], 1, "b", "x");
    }
    struct clients c = {.store = store};
    assert_int_equal(state_each_client(state_shard(store, 0), note_client, &c), SHOAL_E_BUSY);
    commit_all(store);
    assert_int_equal(state_each_client(state_shard(store, 0), note_client, &c), 0);
    const uint64_t want[] = {0, 4, 8, 400, UINT64_MAX - 3};
    assert_int_equal(c.count, 5);
    assert_memory_equal(c.seen, want, sizeof want);
    assert_string_equal(get_text(store, 400, 2, "seen"), "yes");
    state_close(store);
}

static void commit_numbers_tell_what_is_durable(void **state)
{
    struct state_store *store = open_default(*state);
    struct state_shard *shard = shard_for(store, 1);
    assert_false(state_is_dirty(shard));
    assert_int_equal(state_staged_commit(shard), state_committed(shard));
    put_text(store, 1, 0, "a", "x");
    uint64_t mine = state_staged_commit(shard);
    assert_true(state_is_dirty(shard));
    assert_true(mine > state_committed(shard));
    assert_int_equal(state_commit(shard), 0);
    assert_int_equal(state_committed(shard), mine);
    assert_int_equal(state_commit(shard), 0); /* nothing staged: nothing happens */
    assert_int_equal(state_committed(shard), mine);
    assert_int_equal(state_sync(shard), 0);
    state_close(store);
}

static void a_full_buffer_commits_by_itself(void **state)
{
    struct state_options options = folder_options(*state);
    options.staged_max = 4096;
    struct state_store *store = open_with(&options);
    struct state_shard *shard = shard_for(store, 4);
    char key[16];
    for (int i = 0; i < 200; i++) {
        (void)snprintf(key, sizeof key, "%03d", i);
        assert_int_equal(put_text(store, 4, 0, key, "a value of some length"), 0);
    }
    assert_true(state_committed(shard) > 2);
    assert_string_equal(get_text(store, 4, 0, "000"), "a value of some length");
    /* One record larger than the buffer passes alone. */
    static uint8_t big[20000];
    struct state_key k = key_of(4, 1, "big");
    assert_int_equal(state_put(shard, &k, slice_of(big, sizeof big)), 0);
    assert_int_equal(state_purge(shard, 4, &(struct state_purge){.tables = 1}), 0);
    assert_null(get_text(store, 4, 0, "199"));
    assert_int_equal(state_commit(shard), 0);
    struct state_stats stats;
    state_stats(shard, &stats);
    assert_int_equal(stats.records, 1);
    state_close(store);
}

static void the_map_grows_from_1_to_64_mib(void **state)
{
    struct state_options options = folder_options(*state);
    options.map_size = 1 << 20;
    options.shards = 1;
    struct state_store *store = open_with(&options);
    struct state_shard *shard = state_shard(store, 0);
    struct state_stats stats;
    static uint8_t value[9000];
    uint64_t n = 0;
    for (state_stats(shard, &stats); stats.map_bytes < 64 << 20; state_stats(shard, &stats)) {
        for (int i = 0; i < 100; i++, n++) {
            uint8_t key[8];
            put_u64be(key, n);
            put_u64be(value, n * 7);
            struct state_key k = {.client = n % 50, .key = slice_of(key, sizeof key)};
            assert_int_equal(state_put(shard, &k, slice_of(value, n % sizeof value + 8)), 0);
        }
        /* A value that is read before the growth does not stop it. */
        struct slice got;
        uint8_t first[8] = {0};
        struct state_key k = {.key = slice_of(first, sizeof first)};
        assert_int_equal(state_get(shard, &k, &got), 0);
        assert_int_equal(state_commit(shard), 0);
    }
    assert_int_equal(stats.grows, 6);
    assert_int_equal(stats.records, n);
    assert_true(stats.file_bytes > 32 << 20 && stats.file_bytes <= stats.map_bytes);
    state_close(store);
    store = open_with(&options); /* with its first map size again */
    shard = state_shard(store, 0);
    for (uint64_t i = 0; i < n; i++) {
        uint8_t key[8];
        put_u64be(key, i);
        struct state_key k = {.client = i % 50, .key = slice_of(key, sizeof key)};
        struct slice got;
        assert_int_equal(state_get(shard, &k, &got), 0);
        assert_int_equal(got.len, (i < sizeof value ? i : i % sizeof value) + 8);
        assert_int_equal(get_u64be(got.data), i * 7);
    }
    state_close(store);
}

/* Clients write and are purged, round after round: the file must find its size and keep it. */
static void the_file_reaches_a_steady_size(void **state)
{
    struct state_options options = folder_options(*state);
    options.shards = 1;
    options.map_size = 1 << 20;
    struct state_store *store = open_with(&options);
    struct state_shard *shard = state_shard(store, 0);
    static uint8_t value[3000];
    struct state_stats stats;
    uint64_t warm = 0;
    for (uint64_t cycle = 0; cycle < 200; cycle++) {
        for (uint64_t client = 0; client < 300; client++) {
            for (uint64_t i = 0; i < 4; i++) {
                uint8_t key[16];
                put_u64be(key, cycle);
                put_u64be(key + 8, i);
                struct state_key k = {client, (unsigned)i % 3, slice_of(key, sizeof key)};
                size_t len = (size_t)((client * 37 + i * 911) % sizeof value);
                assert_int_equal(state_put(shard, &k, slice_of(value, len)), 0);
            }
            struct slice got;
            struct state_key k = key_of(client, 0, "none"); /* opens a reader between commits */
            assert_int_equal(state_get(shard, &k, &got), SHOAL_E_NOT_FOUND);
            if (client % 16 == 15)
                assert_int_equal(state_commit(shard), 0);
        }
        for (uint64_t client = 0; client < 300; client++) {
            assert_int_equal(state_purge(shard, client, &(struct state_purge){.tables = 7}), 0);
            if (client % 16 == 15)
                assert_int_equal(state_commit(shard), 0);
        }
        assert_int_equal(state_commit(shard), 0);
        state_stats(shard, &stats);
        assert_int_equal(stats.records, 0);
        if (cycle == 20)
            warm = stats.file_bytes;
    }
    assert_int_equal(stats.purged, 200 * 300 * 4);
    assert_true(warm > 0);
    assert_int_equal(stats.file_bytes, warm);
    state_close(store);
}

static void the_manifest_keeps_the_number_of_shards(void **state)
{
    struct state_options options = folder_options(*state);
    struct state_store *store = open_with(&options);
    for (uint64_t client = 0; client < 40; client++)
        put_text(store, client, 0, "k", "v");
    state_close(store);
    options.shards = 7;
    store = open_with(&options);
    assert_int_equal(state_shards(store), 4);
    for (uint64_t client = 0; client < 40; client++)
        assert_string_equal(get_text(store, client, 0, "k"), "v");
    state_close(store);
}

static void an_interrupted_creation_is_finished(void **state)
{
    const struct folder *f = *state;
    struct state_store *store = open_default(f);
    state_close(store);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/manifest.json", f->state);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/shard-01.mdb", f->state);
    assert_int_equal(truncate(path, 4096), 0);
    (void)snprintf(path, sizeof path, "%s/shard-02.mdb", f->state);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/manifest.json.tmp", f->state);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    store = open_default(f);
    put_text(store, 1, 0, "a", "x");
    state_close(store);
    store = open_default(f);
    assert_string_equal(get_text(store, 1, 0, "a"), "x");
    state_close(store);
}

static void folders_above_are_made_and_private(void **state)
{
    const struct folder *f = *state;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/a/b/", f->path);
    struct state_options options = folder_options(f);
    options.path = path;
    state_close(open_with(&options));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    (void)snprintf(path, sizeof path, "%s/a/b/shard-00.mdb", f->path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void policies_say_when(void **state)
{
    struct state_purge what;
    struct state_policy p = {.kind = STATE_PURGE_NEVER, .tables = 3};
    struct state_policy_moment m = {.iterations = 5, .now_us = 1000};
    assert_false(state_policy_due(&p, &m, &what));
    p = (struct state_policy){.kind = STATE_PURGE_EVERY, .every = 1, .tables = 3};
    assert_true(state_policy_due(&p, &m, &what));
    assert_int_equal(what.tables, 3);
    assert_int_equal(what.older_than_us, 0);
    p.every = 5;
    assert_true(state_policy_due(&p, &m, &what));
    p.every = 4;
    assert_false(state_policy_due(&p, &m, &what));
    p.every = 0;
    assert_false(state_policy_due(&p, &m, &what));
    p = (struct state_policy){.kind = STATE_PURGE_OLDER_THAN, .older_than_us = 400, .tables = 2};
    assert_true(state_policy_due(&p, &m, &what));
    assert_int_equal(what.tables, 2);
    assert_int_equal(what.older_than_us, 600);
    m.now_us = 400;
    assert_false(state_policy_due(&p, &m, &what));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(staged_is_read_before_and_after_commit),
        TEST(close_commits),
        TEST(delete_hides_at_once_and_lasts),
        TEST(empty_key_and_empty_value),
        TEST(sizes_have_limits),
        TEST(each_merges_staged_with_disk_in_key_order),
        TEST(each_stops_with_what_fn_returns),
        TEST(purge_takes_the_tables_of_the_mask),
        TEST(puts_after_a_purge_stay),
        TEST(purge_by_age_looks_at_each_record),
        TEST(each_client_is_met_once),
        TEST(commit_numbers_tell_what_is_durable),
        TEST(a_full_buffer_commits_by_itself),
        TEST(the_map_grows_from_1_to_64_mib),
        TEST(the_file_reaches_a_steady_size),
        TEST(the_manifest_keeps_the_number_of_shards),
        TEST(an_interrupted_creation_is_finished),
        TEST(folders_above_are_made_and_private),
        TEST(policies_say_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
