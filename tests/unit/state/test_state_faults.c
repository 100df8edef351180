/* Faults from outside: full disks, folders and files that are not ours or damaged, a second
 * process, read-only and network file systems. Each ends in one clear sentence, and never in a
 * crash. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/util/random.h"
#include "state/internal.h"
#include "tests/unit/state/folder.h"

static const char *file_of(const struct folder *f, const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", f->state, name);
    return path;
}

/* A store with some records, closed. */
static void make_store(const struct folder *f)
{
    struct state_options options = folder_options(f);
    options.shards = 1;
    struct state_store *store = open_with(&options);
    static uint8_t value[6000];
    for (uint64_t i = 0; i < 400; i++) {
        uint8_t key[8];
        put_u64be(key, i);
        put_u64be(value, i);
        struct state_key k = {i % 20, (unsigned)i % 3, slice_of(key, 8)};
        assert_int_equal(state_put(state_shard(store, 0), &k, slice_of(value, i * 97 % 6000)), 0);
        if (i % 50 == 49)
            commit_all(store);
    }
    for (uint64_t client = 0; client < 20; client += 3)
        state_purge(state_shard(store, 0), client, &(struct state_purge){.tables = 3});
    state_close(store);
}

static void wrong_options_are_refused(void **state)
{
    struct state_options o = folder_options(*state);
    o.shards = 0;
    REFUSED(&o, SHOAL_E_BAD_INPUT, "0 shards", "1 to 64");
    o.shards = 65;
    REFUSED(&o, SHOAL_E_BAD_INPUT, "65 shards");
    o = folder_options(*state);
    o.path = "";
    REFUSED(&o, SHOAL_E_BAD_INPUT, "empty");
    o = folder_options(*state);
    const char *const none[] = {NULL};
    o.tables = none;
    REFUSED(&o, SHOAL_E_BAD_INPUT, "at least one table");
}

static void another_purpose_and_other_tables(void **state)
{
    const struct folder *f = *state;
    make_store(f);
    struct state_options o = folder_options(f);
    o.purpose = "mojaloop-payee of scenario p";
    REFUSED(&o, SHOAL_E_BAD_INPUT, f->state, "is for 'test of scenario t'",
            "not for 'mojaloop-payee of scenario p'", "--state-dir");
    o = folder_options(f);
    const char *const others[] = {"purse", "intent", NULL};
    o.tables = others;
    REFUSED(&o, SHOAL_E_BAD_INPUT, f->state, "has the tables purse, history, intent",
            "where purse, intent are needed");
}

static void another_spread_of_clients(void **state)
{
    const struct folder *f = *state;
    struct state_options o = folder_options(f);
    o.partitions = 62;
    o.segments = 4;
    struct state_store *store = open_with(&o);
    /* Partition 9 of 62 is the third of its segment of four, and lies in the third shard of four.
     */
    assert_int_equal(state_shard_of(store, 62 + 9), 2);
    assert_int_equal(put_text(store, 62 + 9, 0, "k", "v"), 0);
    state_close(store);
    store = open_with(&o);
    assert_string_equal(get_text(store, 62 + 9, 0, "k"), "v");
    state_close(store);
    o.segments = 2;
    REFUSED(&o, SHOAL_E_BAD_INPUT, f->state, "over 62 partitions and 4 segments, not 62 and 2");
    o.segments = 4;
    o.partitions = 64;
    REFUSED(&o, SHOAL_E_BAD_INPUT, f->state, "over 62 partitions and 4 segments, not 64 and 4");
}

static void new_and_existing_are_told_apart(void **state)
{
    const struct folder *f = *state;
    struct state_options o = folder_options(f);
    o.expect = STATE_EXISTING;
    REFUSED(&o, SHOAL_E_BAD_INPUT, "there is no state in", f->state);
    assert_int_equal(access(f->state, F_OK), -1);
    o.expect = STATE_NEW;
    state_close(open_with(&o));
    REFUSED(&o, SHOAL_E_BAD_INPUT, f->state, "holds the state of an earlier run", "--state-dir");
    o.expect = STATE_EXISTING;
    state_close(open_with(&o));
    assert_int_equal(unlink(file_of(f, "manifest.json")), 0); /* as if made half */
    state_close(open_with(&o));
}

static void a_folder_of_somebody_else(void **state)
{
    const struct folder *f = *state;
    struct state_options o = folder_options(f);
    assert_int_equal(mkdir(f->state, 0700), 0);
    write_file(file_of(f, "thesis.tex"), "x", 1);
    REFUSED(&o, SHOAL_E_BAD_INPUT, f->state, "is not a state folder", "'thesis.tex'", "new");
    assert_int_equal(access(file_of(f, "lock"), F_OK), -1); /* nothing was left in it */
    o.path = file_of(f, "thesis.tex");
    REFUSED(&o, SHOAL_E_BAD_INPUT, "thesis.tex is not a folder");
    char below[300];
    (void)snprintf(below, sizeof below, "%s/sub", file_of(f, "thesis.tex"));
    o.path = below;
    REFUSED(&o, SHOAL_E_IO, "thesis.tex/sub cannot be made", "Not a directory");
}

static void a_damaged_manifest(void **state)
{
    const struct folder *f = *state;
    make_store(f);
    struct state_options o = folder_options(f);
    const struct {
        const char *text, *words;
        int code;
    } cases[] = {
        {"", "it is empty", SHOAL_E_CORRUPT},
        {"{\"format\": 1", "damaged or not ours", SHOAL_E_CORRUPT},
        {"[]", "it has no format", SHOAL_E_CORRUPT},
        {"{\"format\": 2}", "has format 2 and this shoal knows format 1", SHOAL_E_BAD_INPUT},
        {"{\"format\": 1, \"shards\": 1, \"tables\": [\"a\"]}", "no purpose", SHOAL_E_CORRUPT},
        {"{\"format\": 1, \"purpose\": \"p\", \"shards\": 65, \"tables\": [\"a\"]}", "shards",
         SHOAL_E_CORRUPT},
        {"{\"format\": 1, \"purpose\": \"p\", \"segments\": 1, \"partitions\": 0, \"shards\": 1, "
         "\"tables\": []}",
         "tables", SHOAL_E_CORRUPT},
        {"{\"format\": 1, \"purpose\": \"p\", \"segments\": 1, \"partitions\": 0, \"shards\": 1, "
         "\"tables\": [1]}",
         "tables", SHOAL_E_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(file_of(f, "manifest.json"), cases[i].text, strlen(cases[i].text));
        REFUSED(&o, cases[i].code, f->state, cases[i].words);
    }
    assert_int_equal(unlink(file_of(f, "manifest.json")), 0);
    o.shards = 1;
    REFUSED(&o, SHOAL_E_CORRUPT, "shard-00.mdb holds records", "no manifest.json");
}

static void damaged_files(void **state)
{
    const struct folder *f = *state;
    make_store(f);
    struct state_options o = folder_options(f);
    char path[256], lost[256];
    (void)snprintf(path, sizeof path, "%s", file_of(f, "shard-00.mdb"));
    (void)snprintf(lost, sizeof lost, "%s", file_of(f, "lost"));
    assert_int_equal(rename(path, lost), 0);
    REFUSED(&o, SHOAL_E_CORRUPT, "shard-00.mdb is missing", "--state-dir");
    write_file(path, "", 0);
    REFUSED(&o, SHOAL_E_CORRUPT, "shard-00.mdb is damaged or not ours: it is cut short");
    uint8_t garbage[65536];
    memset(garbage, 0xa5, sizeof garbage);
    write_file(path, garbage, sizeof garbage);
    REFUSED(&o, SHOAL_E_CORRUPT, "shard-00.mdb", "it is not an LMDB file");
    assert_int_equal(rename(lost, path), 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
    REFUSED(&o, SHOAL_E_CORRUPT, "shard-00.mdb", "it is cut short");
    assert_int_equal(truncate(path, st.st_size), 0); /* now with zeros where records were */
    REFUSED(&o, SHOAL_E_CORRUPT, "shard-00.mdb", "damaged");
    assert_int_equal(truncate(path, 4096 + 100), 0);
    REFUSED(&o, SHOAL_E_CORRUPT, "shard-00.mdb", "it is cut short");
}

static void another_lmdb_version(void **state)
{
    const struct folder *f = *state;
    make_store(f);
    struct state_options o = folder_options(f);
    int fd = open(file_of(f, "shard-00.mdb"), O_RDWR);
    const uint32_t version = 999;
    const off_t place = sizeof(size_t) + 8 + 4; /* behind the page's header and the magic number */
    assert_int_equal(pwrite(fd, &version, sizeof version, place), sizeof version);
    close(fd);
    REFUSED(&o, SHOAL_E_CORRUPT, "shard-00.mdb", "its LMDB format is of another version");
}

/* A whole LMDB file, of another program, and one of another shard. */
static void foreign_lmdb_files(void **state)
{
    const struct folder *f = *state;
    struct state_store *store = open_default(f);
    put_text(store, 1, 0, "k", "v");
    state_close(store);
    struct state_options o = folder_options(f);
    char path[256];
    (void)snprintf(path, sizeof path, "%s", file_of(f, "shard-01.mdb"));
    assert_int_equal(rename(path, file_of(f, "shard-02.mdb")), 0);
    assert_int_equal(link(file_of(f, "shard-00.mdb"), path), 0);
    REFUSED(&o, SHOAL_E_CORRUPT, "shard-02.mdb", "it is another shard's file");
    for (int named = 0; named < 2; named++) {
        MDB_env *env;
        MDB_txn *txn;
        MDB_dbi dbi;
        char other[256];
        (void)snprintf(other, sizeof other, "%s/other-%d", f->path, named);
        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
        assert_int_equal(mdb_env_open(env, other, MDB_NOSUBDIR, 0600), 0);
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        assert_int_equal(mdb_dbi_open(txn, named ? "cn=config" : NULL, MDB_CREATE, &dbi), 0);
        char key[] = "uid", data[] = "someone";
        MDB_val k = {3, key}, v = {7, data};
        assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
        assert_int_equal(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
        assert_int_equal(rename(other, file_of(f, "shard-02.mdb")), 0);
        REFUSED(&o, SHOAL_E_CORRUPT, "shard-02.mdb", "another program");
    }
}

static int read_through(void *arg, struct slice key, struct slice value)
{
    uint64_t *sum = arg;
    for (size_t i = 0; i < key.len; i++)
        *sum += key.data[i];
    for (size_t i = 0; i < value.len; i++)
        *sum += value.data[i];
    return 0;
}

/* All that a run would do to a store that opened. */
static void use(struct state_store *store, uint64_t *sum)
{
    struct state_shard *shard = state_shard(store, 0);
    static uint8_t value[6000];
    for (uint64_t client = 0; client < 20; client++) {
        for (unsigned table = 0; table < 3; table++)
            assert_int_equal(state_each(shard, client, table, read_through, sum), 0);
        struct state_key k = key_of(client, 1, "new");
        assert_int_equal(state_put(shard, &k, slice_of(value, client * 300)), 0);
        if (client % 3 == 0)
            assert_int_equal(state_commit(shard), 0);
        assert_int_equal(state_purge(shard, client, &(struct state_purge){.tables = 7}), 0);
    }
    assert_int_equal(state_commit(shard), 0);
}

/* Bits flipped, pages swapped, tails cut: it is refused in a sentence, or all of it works. */
static void random_damage_never_crashes(void **state)
{
    const struct folder *f = *state;
    make_store(f);
    struct state_options o = folder_options(f);
    char path[256];
    (void)snprintf(path, sizeof path, "%s", file_of(f, "shard-00.mdb"));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    size_t size = (size_t)st.st_size;
    uint8_t *whole = malloc(size), *bad = malloc(size);
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, whole, size), size);
    close(fd);
    struct rng rng;
    rng_init(&rng, &(struct rng_source){.seed = 3, .scenario = "damage", .purpose = "bits"});
    unsigned refusals = 0, opened = 0;
    uint64_t sum = 0;
    for (int round = 0; round < 600; round++) {
        memcpy(bad, whole, size);
        size_t len = size, pages = size / 4096;
        switch (round % 4) {
        case 0: /* anywhere */
            bad[rng_below(&rng, size)] ^= (uint8_t)(1 << rng_below(&rng, 8));
            break;
        case 1: /* where headers and offsets are */
            bad[rng_below(&rng, pages) * 4096 + rng_below(&rng, 40)] = (uint8_t)rng_u64(&rng);
            break;
        case 2:
            memcpy(bad + rng_below(&rng, pages) * 4096, whole + rng_below(&rng, pages) * 4096,
                   4096);
            break;
        default:
            len = rng_below(&rng, size);
        }
        write_file(path, bad, len);
        struct state_store *store;
        char error[STATE_ERROR_TEXT_MAX];
        if (state_open(&store, &o, error)) {
            assert_non_null(strstr(error, "shard-00.mdb"));
            refusals++;
            continue;
        }
        use(store, &sum);
        state_close(store);
        opened++;
    }
    free(whole);
    free(bad);
    print_message("refused %u, opened %u (sum %llu)\n", refusals, opened, (unsigned long long)sum);
    assert_true(refusals > 200 && opened > 50);
}

static void a_second_process_is_kept_out(void **state)
{
    const struct folder *f = *state;
    struct state_options o = folder_options(f);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct state_store *store;
        char error[STATE_ERROR_TEXT_MAX];
        char said = state_open(&store, &o, error) ? 'n' : 'y';
        if (write(ready[1], &said, 1) == 1)
            pause();
        _exit(1);
    }
    char said = 0;
    assert_int_equal(read(ready[0], &said, 1), 1);
    assert_int_equal(said, 'y');
    char holder[64];
    (void)snprintf(holder, sizeof holder, "is in use by process %ld:", (long)pid);
    REFUSED(&o, SHOAL_E_BUSY, f->state, holder, "--state-dir");
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ready[0]);
    close(ready[1]);
    struct state_store *store = open_default(f);
    REFUSED(&o, SHOAL_E_BUSY, "in use by this process already");
    state_close(store);
    state_close(open_default(f));
}

static void network_file_systems_have_names(void **state)
{
    (void)state;
    assert_string_equal(guard_network_name(0x6969, ""), "NFS");
    assert_string_equal(guard_network_name((long)(int32_t)0xff534d42, ""), "CIFS");
    assert_string_equal(guard_network_name(0xfe534d42, ""), "SMB2");
    assert_string_equal(guard_network_name(0x01021997, ""), "9p");
    assert_string_equal(guard_network_name(0x65735546, "fuse.sshfs"), "fuse.sshfs");
    assert_string_equal(guard_network_name(0x65735546, "virtiofs"), "virtiofs");
    assert_string_equal(guard_network_name(0x65735546, ""), "FUSE");
    assert_null(guard_network_name(0x65735546, "fuseblk"));
    assert_null(guard_network_name(0xef53, ""));     /* ext4 */
    assert_null(guard_network_name(0x01021994, "")); /* tmpfs */
    assert_null(guard_network_name(0x794c7630, "")); /* overlay */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wrong_options_are_refused),
        TEST(another_purpose_and_other_tables),
        TEST(another_spread_of_clients),
        TEST(new_and_existing_are_told_apart),
        TEST(a_folder_of_somebody_else),
        TEST(a_damaged_manifest),
        TEST(damaged_files),
        TEST(another_lmdb_version),
        TEST(foreign_lmdb_files),
        TEST(random_damage_never_crashes),
        TEST(a_second_process_is_kept_out),
        TEST(network_file_systems_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
