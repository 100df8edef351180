/* kill -9 at any moment: what was reported as committed is there, each commit is there whole or not
 * at all, and the store opens and goes on. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "core/util/random.h"
#include "tests/unit/state/folder.h"

#define ROUNDS 40
#define CLIENTS 8
#define KEPT 20 /* turns whose records stay; older ones are deleted */
#define VALUE_MAX 5000

static struct state_options crash_options(const struct folder *f)
{
    struct state_options options = folder_options(f);
    options.shards = 2;
    options.map_size = 1 << 18; /* grows while it is being killed */
    return options;
}

static size_t value_of(uint8_t out[VALUE_MAX], uint64_t client, uint64_t turn)
{
    size_t len = 16 + (size_t)((client * 977 + turn * 131) % (VALUE_MAX - 16));
    put_u64be(out, turn);
    put_u64be(out + 8, client);
    for (size_t i = 16; i < len; i++)
        out[i] = (uint8_t)(turn + i);
    return len;
}

static struct state_key turn_key(uint64_t client, unsigned table, uint8_t key[8], uint64_t turn)
{
    put_u64be(key, turn);
    return (struct state_key){client, table, slice_of(key, 8)};
}

/* One turn of a client: a numbered record, an old one deleted, a table purged and filled again. */
static int write_turn(struct state_store *store, uint64_t client, uint64_t turn)
{
    uint8_t key[8], value[VALUE_MAX];
    struct state_shard *shard = shard_for(store, client);
    struct state_key k = turn_key(client, 0, key, turn);
    int rc = state_put(shard, &k, slice_of(value, value_of(value, client, turn)));
    if (turn > KEPT) {
        k = turn_key(client, 0, key, turn - KEPT);
        rc = rc ? rc : state_delete(shard, &k);
    }
    rc = rc ? rc : state_purge(shard, client, &(struct state_purge){.tables = 2});
    k = turn_key(client, 1, key, turn);
    return rc ? rc : state_put(shard, &k, slice_of(key, 8));
}

/* The child: never returns. Exit 0 cannot happen, it is killed or says what failed. */
static void write_until_killed(const struct state_options *options, uint64_t turn, int report)
{
    struct state_store *store;
    char error[STATE_ERROR_TEXT_MAX];
    if (state_open(&store, options, error)) {
        (void)fprintf(stderr, "child: %s\n", error);
        _exit(2);
    }
    for (;; turn++) {
        for (uint64_t client = 0; client < CLIENTS; client++) {
            if (write_turn(store, client, turn))
                _exit(3);
        }
        for (unsigned i = 0; i < state_shards(store); i++) {
            if (state_commit(state_shard(store, i)))
                _exit(4);
        }
        if (write(report, &turn, sizeof turn) != sizeof turn)
            _exit(5);
    }
}

static void sleep_us(uint64_t us)
{
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    while (nanosleep(&t, &t))
        ;
}

struct kill_when {
    bool reported;    /* first waits for one report */
    uint64_t then_us; /* and then this long */
};

/* Runs a child from `turn` for a while and kills it; the last turn it reported, 0 for none. */
static uint64_t run_and_kill(const struct state_options *options, uint64_t turn,
                             const struct kill_when *when)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        write_until_killed(options, turn, ends[1]);
    }
    close(ends[1]);
    uint64_t last = 0, one;
    if (when->reported && read(ends[0], &one, sizeof one) == sizeof one)
        last = one;
    sleep_us(when->then_us);
    assert_int_equal(kill(pid, SIGKILL), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(ends[0], &one, sizeof one) == sizeof one)
        last = one;
    close(ends[0]);
    return last;
}

static int note_turn(void *arg, struct slice key, struct slice value)
{
    assert_true(slice_equal(key, value));
    uint64_t *turn = arg;
    assert_int_equal(*turn, 0); /* a purge removed all but one */
    *turn = get_u64be(key.data);
    return 0;
}

static int count_record(void *arg, struct slice key, struct slice value)
{
    (void)key, (void)value;
    ++*(uint64_t *)arg;
    return 0;
}

/* The turn that a client has reached; all that belongs to it is there, and nothing else. */
static uint64_t check_client(struct state_store *store, uint64_t client)
{
    struct state_shard *shard = shard_for(store, client);
    uint64_t turn = 0, count = 0;
    assert_int_equal(state_each(shard, client, 1, note_turn, &turn), 0);
    uint64_t first = turn > KEPT ? turn - KEPT + 1 : 1;
    for (uint64_t t = first; t <= turn; t++) {
        uint8_t key[8], want[VALUE_MAX];
        struct state_key k = turn_key(client, 0, key, t);
        struct slice value;
        assert_int_equal(state_get(shard, &k, &value), 0);
        assert_true(slice_equal(value, slice_of(want, value_of(want, client, t))));
    }
    assert_int_equal(state_each(shard, client, 0, count_record, &count), 0);
    assert_int_equal(count, turn ? turn - first + 1 : 0);
    return turn;
}

static void everything_committed_survives_kill(void **state)
{
    struct state_options options = crash_options(*state);
    struct rng rng;
    rng_init(&rng, &(struct rng_source){.seed = 9, .scenario = "crash", .purpose = "kill"});
    uint64_t reached = 0, rounds_with_work = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct kill_when when = {round % 8 != 0, rng_below(&rng, 20000)};
        uint64_t last = run_and_kill(&options, reached + 1, &when);
        struct state_store *store = open_with(&options);
        uint64_t of_shard[2] = {check_client(store, 0), check_client(store, 1)};
        for (uint64_t client = 2; client < CLIENTS; client++)
            assert_int_equal(check_client(store, client), of_shard[client % 2]);
        /* The shards commit one after the other, so the first may be one turn ahead. */
        assert_true(of_shard[0] == of_shard[1] || of_shard[0] == of_shard[1] + 1);
        uint64_t least = last ? last : reached;
        assert_true(of_shard[1] >= least && of_shard[1] <= least + 1);
        rounds_with_work += last > 0;
        for (uint64_t client = 1; client < CLIENTS && of_shard[0] > of_shard[1]; client += 2)
            assert_int_equal(write_turn(store, client, of_shard[0]), 0); /* catch up */
        reached = of_shard[0];
        state_close(store);
    }
    assert_true(rounds_with_work >= 30);
}

static void a_kill_while_the_folder_is_made(void **state)
{
    const struct folder *f = *state;
    struct rng rng;
    rng_init(&rng, &(struct rng_source){.seed = 4, .scenario = "crash", .purpose = "create"});
    for (int round = 0; round < ROUNDS; round++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/new-%d", f->path, round);
        struct state_options options = crash_options(f);
        options.path = path;
        options.shards = 16;
        struct kill_when when = {.then_us = rng_below(&rng, 4000)};
        uint64_t last = run_and_kill(&options, 1, &when);
        struct state_store *store = open_with(&options);
        assert_true(check_client(store, 0) >= last);
        assert_int_equal(put_text(store, 3, 2, "goes", "on"), 0);
        commit_all(store);
        state_close(store);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_committed_survives_kill),
        TEST(a_kill_while_the_folder_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
