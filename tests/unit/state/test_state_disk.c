/* Disks and folders that cannot be written, and no address space: what was staged stays, the run is
 * told in one sentence, and nothing is ever a signal. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/unit/state/folder.h"

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
        TEST(a_read_only_folder),           TEST(a_full_disk),      TEST(a_file_size_limit),
        TEST(a_full_buffer_on_a_full_disk), TEST(no_address_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
