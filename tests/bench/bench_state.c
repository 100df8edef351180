/* What client state costs: CPU time of put, get, each, purge and commit, with few and many clients.
 *
 * A turn stages the records of 32 random clients and commits them, as a lane does. `--json` prints
 * one object. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "core/util/random.h"
#include "state/state.h"
#include "tests/bench/bench.h"

#define TURN_CLIENTS 32
#define VALUE_SIZE 300
#define RECORDS_PER_CLIENT 4
#define OPERATIONS 100000
#define PUT_FEW_LIMIT_US 5.0 /* with 2,500 clients; 1.7 on a quiet 2-core machine */
#define PUT_MANY_LIMIT_US                                                              \
    20.0             /* with 100,000; 6.6 there, and twice that beside busy neighbours \
                      */
#define PUT_ROUNDS 5 /* the best one counts: neighbours on the machine only ever add */

struct row {
    uint64_t clients;
    double put_us, commit_us, durable_put_us, get_us, each_us, purge_us, idle_commit_us;
    double file_mib, open_ms;
};

struct bench {
    struct state_store *store;
    struct state_shard *shard;
    struct rng rng;
    uint64_t clients;
};

static void must(int rc, const char *what)
{
    if (rc)
        die("%s: %s", what, error_text(rc));
}

static struct state_store *open_store(const char *path)
{
    static const char *const tables[] = {"a", "b", NULL};
    struct state_options options = {
        .path = path, .purpose = "bench", .tables = tables, .shards = 1};
    struct state_store *store;
    char error[STATE_ERROR_TEXT_MAX];
    if (state_open(&store, &options, error))
        die("%s", error);
    return store;
}

static void put(struct bench *b, uint64_t client, uint64_t number)
{
    static uint8_t value[VALUE_SIZE];
    uint8_t key[8];
    put_u64be(key, number);
    struct state_key k = {client, (unsigned)number % 2, slice_of(key, sizeof key)};
    must(state_put(b->shard, &k, slice_of(value, sizeof value)), "put");
}

/* Every client gets its records, in the order of turns. */
static void fill(struct bench *b)
{
    for (uint64_t number = 0; number < RECORDS_PER_CLIENT; number++) {
        for (uint64_t client = 0; client < b->clients; client++) {
            put(b, client, number);
            if (client % 1024 == 1023)
                must(state_commit(b->shard), "commit");
        }
    }
    must(state_commit(b->shard), "commit");
}

static void bench_put(struct bench *b, struct row *row)
{
    int64_t puts = 0, commits = 0;
    for (int i = 0; i < OPERATIONS / TURN_CLIENTS; i++) {
        int64_t t0 = clock_thread_cpu_ns();
        for (int j = 0; j < TURN_CLIENTS; j++)
            put(b, rng_below(&b->rng, b->clients), rng_below(&b->rng, RECORDS_PER_CLIENT));
        int64_t t1 = clock_thread_cpu_ns();
        must(state_commit(b->shard), "commit");
        puts += t1 - t0;
        commits += clock_thread_cpu_ns() - t1;
    }
    double durable_us = (double)(puts + commits) / 1e3 / OPERATIONS;
    if (row->durable_put_us > 0 && row->durable_put_us <= durable_us)
        return;
    row->put_us = (double)puts / 1e3 / OPERATIONS;
    row->commit_us = (double)commits / 1e3 / (OPERATIONS / TURN_CLIENTS);
    row->durable_put_us = durable_us;
}

static int sum_value(void *arg, struct slice key, struct slice value)
{
    *(uint64_t *)arg += key.len + value.data[0];
    return 0;
}

static void bench_read(struct bench *b, struct row *row)
{
    uint64_t sum = 0;
    int64_t t0 = clock_thread_cpu_ns();
    for (int i = 0; i < OPERATIONS; i++) {
        uint8_t key[8];
        uint64_t number = rng_below(&b->rng, RECORDS_PER_CLIENT);
        put_u64be(key, number);
        struct state_key k = {rng_below(&b->rng, b->clients), (unsigned)number % 2,
                              slice_of(key, sizeof key)};
        struct slice value;
        must(state_get(b->shard, &k, &value), "get");
        sum += value.data[0];
    }
    int64_t t1 = clock_thread_cpu_ns();
    for (int i = 0; i < OPERATIONS; i++)
        must(state_each(b->shard, rng_below(&b->rng, b->clients), 0, sum_value, &sum), "each");
    int64_t t2 = clock_thread_cpu_ns();
    for (int i = 0; i < OPERATIONS; i++)
        must(state_commit(b->shard), "commit");
    int64_t t3 = clock_thread_cpu_ns();
    row->get_us = (double)(t1 - t0) / 1e3 / OPERATIONS;
    row->each_us = (double)(t2 - t1) / 1e3 / OPERATIONS;
    row->idle_commit_us = (double)(t3 - t2) / 1e3 / OPERATIONS;
    if (sum == 0)
        die("nothing was read");
}

/* Purges every client once, a turn's worth per commit; per record. */
static void bench_purge(struct bench *b, struct row *row)
{
    struct state_stats before, after;
    state_stats(b->shard, &before);
    int64_t t0 = clock_thread_cpu_ns();
    for (uint64_t client = 0; client < b->clients; client++) {
        must(state_purge(b->shard, client, &(struct state_purge){.tables = 3}), "purge");
        if (client % TURN_CLIENTS == TURN_CLIENTS - 1)
            must(state_commit(b->shard), "commit");
    }
    must(state_commit(b->shard), "commit");
    int64_t t1 = clock_thread_cpu_ns();
    state_stats(b->shard, &after);
    row->purge_us = (double)(t1 - t0) / 1e3 / (double)(after.purged - before.purged);
    row->file_mib = (double)after.file_bytes / (1 << 20);
}

static struct row run(const char *folder, uint64_t clients)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%llu", folder, (unsigned long long)clients);
    struct row row = {.clients = clients};
    struct bench b = {.store = open_store(path), .clients = clients};
    b.shard = state_shard(b.store, 0);
    rng_init(&b.rng, &(struct rng_source){.seed = 1, .scenario = "bench", .purpose = "state"});
    fill(&b);
    for (int round = 0; round < PUT_ROUNDS; round++)
        bench_put(&b, &row);
    bench_read(&b, &row);
    state_close(b.store);
    int64_t t0 = clock_thread_cpu_ns();
    b.store = open_store(path);
    row.open_ms = (double)(clock_thread_cpu_ns() - t0) / 1e6;
    b.shard = state_shard(b.store, 0);
    bench_purge(&b, &row);
    state_close(b.store);
    return row;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

#define ROWS_PER_SIZE 8

static void add_rows(struct bench_row *out, const struct row *r, bool many)
{
    const char *const names[] = {
        many ? "durable put, 100,000 clients" : "durable put, 2,500 clients",
        many ? "put, staged, 100,000 clients" : "put, staged, 2,500 clients",
        many ? "commit of a turn, 100,000 clients" : "commit of a turn, 2,500 clients",
        many ? "get, 100,000 clients" : "get, 2,500 clients",
        many ? "all of a client, 100,000 clients" : "all of a client, 2,500 clients",
        many ? "purge of a record, 100,000 clients" : "purge of a record, 2,500 clients",
        many ? "commit of nothing, 100,000 clients" : "commit of nothing, 2,500 clients",
        many ? "open, 100,000 clients" : "open, 2,500 clients",
    };
    const double values[] = {r->durable_put_us, r->put_us,   r->commit_us,      r->get_us,
                             r->each_us,        r->purge_us, r->idle_commit_us, r->open_ms * 1000};
    _Static_assert(sizeof values / sizeof values[0] == ROWS_PER_SIZE, "each has a name");
    for (size_t i = 0; i < ROWS_PER_SIZE; i++)
        out[i] = (struct bench_row){.name = names[i], .unit = "us", .value = values[i]};
    out[0].limit = many ? PUT_MANY_LIMIT_US : PUT_FEW_LIMIT_US;
    out[0].yardstick = many ? "a random put of LMDB: 10 us" : "a random put of LMDB: 2 us";
}

int main(int argc, char **argv)
{
    struct bench_row printed[2 * ROWS_PER_SIZE];
    char folder[] = "/tmp/shoal-bench-state-XXXXXX";
    if (!mkdtemp(folder))
        die("cannot make a folder in /tmp");
    const struct row rows[] = {run(folder, 2500), run(folder, 100000)};
    add_rows(printed, &rows[0], false);
    add_rows(printed + ROWS_PER_SIZE, &rows[1], true);
    bench_print("state", printed, 2 * ROWS_PER_SIZE, bench_json(argc, argv));
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
