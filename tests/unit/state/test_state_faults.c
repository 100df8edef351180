/* Faults from outside: full disks, folders and files that are not ours or damaged, a second
 * process, read-only and network file systems. Each ends in one clear sentence, and never in a
 * crash. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/util/random.h"
#include "state/internal.h"
#include "tests/unit/state/folder.h"

/* Opening fails with this code, and the sentence has these words, in order. */
static void refused(const struct state_options *options, int code, const char *const *words)
{
    struct state_store *store;
    char error[STATE_ERROR_TEXT_MAX];
    int rc = state_open(&store, options, error);
    if (rc != code)
        print_error("%s instead of %s: %s\n", error_name(rc), error_name(code), error);
    assert_int_equal(rc, code);
    assert_null(store);
    assert_null(strchr(error, '\n'));
    const char *at = error;
    for (; *words; words++) {
        const char *found = strstr(at, *words);
        if (!found)
            print_error("'%s' is not in: %s\n", *words, error);
        assert_non_null(found);
        at = found + strlen(*words);
    }
}

#define REFUSED(options, code, ...) refused(options, code, (const char *const[]){__VA_ARGS__, NULL})

static const char *file_of(const struct folder *f, const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", f->state, name);
    return path;
}

static void write_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
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

/* A small file system of its own at `path`; false when that is not permitted here. */
static bool mount_small(const char *path, const char *options)
{
    if (mkdir(path, 0700) || mount("tmpfs", path, "tmpfs", 0, options)) {
        print_message("no mount permitted here (%s): skipped\n", strerror(errno));
        return false;
    }
    return true;
}

static void a_read_only_folder(void **state)
{
    const struct folder *f = *state;
    char mnt[160];
    (void)snprintf(mnt, sizeof mnt, "%s/mnt", f->path);
    struct state_options o = folder_options(f);
    char path[200];
    (void)snprintf(path, sizeof path, "%s/s", mnt);
    o.path = path;
    if (geteuid() != 0) {
        assert_int_equal(mkdir(mnt, 0500), 0);
        REFUSED(&o, SHOAL_E_IO, path, "cannot be made: Permission denied");
        return;
    }
    if (!mount_small(mnt, "size=4m"))
        return;
    state_close(open_with(&o));
    int rc = mount("tmpfs", mnt, "tmpfs", MS_REMOUNT | MS_RDONLY, "");
    struct state_store *store = NULL;
    char error[STATE_ERROR_TEXT_MAX] = "", fresh[STATE_ERROR_TEXT_MAX] = "";
    int opened = state_open(&store, &o, error);
    char other[220];
    (void)snprintf(other, sizeof other, "%s/t", mnt);
    o.path = other;
    int made = state_open(&store, &o, fresh);
    assert_int_equal(umount2(mnt, MNT_DETACH), 0);
    assert_int_equal(rc, 0);
    assert_int_equal(opened, SHOAL_E_IO);
    assert_non_null(strstr(error, "/mnt/s cannot be written: Read-only file system"));
    assert_int_equal(made, SHOAL_E_IO);
    assert_non_null(strstr(fresh, "/mnt/t cannot be made: Read-only file system"));
}

/* Writes numbered records until a commit fails; the number of the first that is not committed. */
static uint64_t write_until_full(struct state_store *store, int *failed)
{
    struct state_shard *shard = state_shard(store, 0);
    static uint8_t value[3000];
    uint64_t n = 0;
    for (uint64_t committed = 0;; committed = n) {
        for (int i = 0; i < 10; i++, n++) {
            uint8_t key[8];
            put_u64be(key, n);
            put_u64be(value, n);
            struct state_key k = {.key = slice_of(key, 8)};
            assert_int_equal(state_put(shard, &k, slice_of(value, sizeof value)), 0);
        }
        *failed = state_commit(shard);
        if (*failed || n > 100000)
            return committed;
    }
}

static int count_in_order(void *arg, struct slice key, struct slice value)
{
    uint64_t *n = arg;
    assert_int_equal(get_u64be(key.data), *n);
    assert_int_equal(get_u64be(value.data), *n);
    ++*n;
    return 0;
}

static uint64_t count_records(struct state_store *store)
{
    uint64_t n = 0;
    assert_int_equal(state_each(state_shard(store, 0), 0, 0, count_in_order, &n), 0);
    return n;
}

/* After the failed commit: staged is still there, a retry fails the same, room makes it pass. */
static void check_full(const struct state_options *o, void (*make_room)(void *arg), void *arg)
{
    struct state_store *store = open_with(o);
    struct state_shard *shard = state_shard(store, 0);
    int failed;
    uint64_t committed = write_until_full(store, &failed);
    assert_int_equal(failed, SHOAL_E_NO_SPACE);
    assert_true(committed > 0);
    assert_non_null(strstr(state_failure(shard), "cannot be written: the disk is full"));
    assert_non_null(strstr(state_failure(shard), "/shard-00.mdb"));
    assert_true(state_is_dirty(shard));
    assert_int_equal(state_commit(shard), SHOAL_E_NO_SPACE);
    assert_int_equal(count_records(store), committed + 10);
    make_room(arg);
    assert_int_equal(state_commit(shard), 0);
    assert_int_equal(count_records(store), committed + 10);
    state_close(store);
    store = open_with(o);
    assert_int_equal(count_records(store), committed + 10);
    state_close(store);
}

static void remove_filler(void *arg)
{
    assert_int_equal(unlink(arg), 0);
}

static void a_full_disk(void **state)
{
    const struct folder *f = *state;
    char mnt[160], path[200], filler[200];
    (void)snprintf(mnt, sizeof mnt, "%s/full", f->path);
    (void)snprintf(path, sizeof path, "%s/s", mnt);
    (void)snprintf(filler, sizeof filler, "%s/filler", mnt);
    if (!mount_small(mnt, "size=3m"))
        return;
    static uint8_t mib[1 << 20];
    write_file(filler, mib, sizeof mib);
    struct state_options o = folder_options(f);
    o.path = path;
    o.shards = 1;
    o.map_size = 1 << 18;
    check_full(&o, remove_filler, filler);
    /* Full to the last page: opening anew is an error or works, and never a signal. */
    int fd = open(filler, O_WRONLY | O_CREAT, 0600);
    while (write(fd, mib, 4096) > 0)
        ;
    close(fd);
    state_close(open_with(&o)); /* what is there can be read */
    (void)snprintf(path, sizeof path, "%s/t", mnt);
    for (int round = 0; round < 12; round++) { /* with 0 to 11 pages left */
        struct state_store *store;
        char error[STATE_ERROR_TEXT_MAX];
        o.shards = 4;
        int rc = state_open(&store, &o, error);
        assert_true(rc == 0 || rc == SHOAL_E_NO_SPACE);
        assert_true(rc == 0 || strstr(error, path));
        assert_true(round > 0 || rc == SHOAL_E_NO_SPACE);
        state_close(store);
        struct stat st;
        assert_int_equal(stat(filler, &st), 0);
        assert_int_equal(truncate(filler, st.st_size - 4096), 0);
    }
    assert_int_equal(umount2(mnt, MNT_DETACH), 0);
}

static void lift_limit(void *arg)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, arg), 0);
}

static void a_file_size_limit(void **state)
{
    struct state_options o = folder_options(*state);
    o.shards = 1;
    o.map_size = 1 << 18;
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 3 << 20;
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    check_full(&o, lift_limit, &before);
    (void)signal(SIGXFSZ, old);
}

/* The staged buffer's own commit fails: the put says so and nothing is lost. */
static void a_full_buffer_on_a_full_disk(void **state)
{
    struct state_options o = folder_options(*state);
    o.shards = 1;
    o.staged_max = 64 * 1024;
    struct state_store *store = open_with(&o);
    struct state_shard *shard = state_shard(store, 0);
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 8192;
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    static uint8_t value[1000];
    uint64_t n = 0;
    int rc = 0;
    for (; rc == 0 && n < 1000; n += rc == 0) {
        uint8_t key[8];
        put_u64be(key, n);
        put_u64be(value, n);
        struct state_key k = {.key = slice_of(key, 8)};
        rc = state_put(shard, &k, slice_of(value, sizeof value));
    }
    assert_int_equal(rc, SHOAL_E_NO_SPACE);
    assert_true(n > 10);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, old);
    assert_int_equal(count_records(store), n);
    assert_int_equal(state_commit(shard), 0);
    assert_int_equal(count_records(store), n);
    state_close(store);
}

/* The map cannot grow: the staged writes stay, and the shard goes on when it can. */
static void no_address_space(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    (void)state;
    print_message("not with AddressSanitizer's address space: skipped\n");
#else
    struct state_options o = folder_options(*state);
    o.shards = 1;
    o.map_size = (size_t)1 << 22;
    struct state_store *store = open_with(&o);
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    low = before;
    low.rlim_cur = (rlim_t)64 << 20;
    assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);
    int failed;
    uint64_t committed = write_until_full(store, &failed);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(failed, SHOAL_E_NOMEM);
    assert_int_equal(count_records(store), committed + 10);
    commit_all(store);
    assert_int_equal(count_records(store), committed + 10);
    state_close(store);
#endif
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wrong_options_are_refused),
        TEST(another_purpose_and_other_tables),
        TEST(a_folder_of_somebody_else),
        TEST(a_damaged_manifest),
        TEST(damaged_files),
        TEST(another_lmdb_version),
        TEST(foreign_lmdb_files),
        TEST(random_damage_never_crashes),
        TEST(a_second_process_is_kept_out),
        TEST(network_file_systems_have_names),
        TEST(a_read_only_folder),
        TEST(a_full_disk),
        TEST(a_file_size_limit),
        TEST(a_full_buffer_on_a_full_disk),
        TEST(no_address_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
