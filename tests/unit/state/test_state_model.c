/* Random operations against a model in memory: whatever the order of puts, deletes, purges,
 * commits, growths and reopenings, the store says what the model says. */
#include "core/util/random.h"
#include "tests/unit/state/folder.h"

#define CLIENTS 24
#define TABLES 3
#define KEYS 40
#define STEPS 60000

struct record {
    bool there;
    uint32_t len;
    uint64_t age_us, seed;
};

struct model {
    struct state_options options;
    struct state_store *store;
    struct rng rng;
    uint64_t clock_us;
    uint8_t keys[KEYS][STATE_KEY_MAX];
    size_t key_lens[KEYS]; /* keys are in order, several are prefixes of others */
    struct record records[CLIENTS][TABLES][KEYS];
    uint8_t value[8192];
    uint64_t reopened, committed, purges;
};

static int order_keys(const void *a, const void *b)
{
    const uint8_t *x = a, *y = b; /* a length byte, then the key */
    int order = memcmp(x + 1, y + 1, x[0] < y[0] ? x[0] : y[0]);
    return order ? order : (x[0] > y[0]) - (x[0] < y[0]);
}

static void make_keys(struct model *m)
{
    uint8_t rows[KEYS][1 + STATE_KEY_MAX] = {{0}};
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t *row = rows[i];
        row[0] = (uint8_t)(i == 1 ? STATE_KEY_MAX : i * 7 % 33);
        for (unsigned j = 0; j < row[0]; j++)
            row[1 + j] = (uint8_t)(i % 3 == 0 ? 'p' : rng_below(&m->rng, 256));
        for (unsigned other = 0; other < i; other++) {
            if (order_keys(rows[other], row) == 0) { /* make it a key of its own */
                row[0] = 33;
                put_u32be(row + 1, i);
            }
        }
    }
    qsort(rows, KEYS, sizeof rows[0], order_keys);
    for (unsigned i = 0; i < KEYS; i++) {
        m->key_lens[i] = rows[i][0];
        memcpy(m->keys[i], rows[i] + 1, rows[i][0]);
    }
}

static struct state_key model_key(const struct model *m, unsigned client, unsigned table,
                                  unsigned key)
{
    return (struct state_key){client, table, slice_of(m->keys[key], m->key_lens[key])};
}

static struct slice model_value(struct model *m, const struct record *r)
{
    put_u64be(m->value, r->age_us);
    for (uint32_t i = 8; i < r->len; i++)
        m->value[i] = (uint8_t)((r->seed * (i + 1)) >> 5);
    return slice_of(m->value, r->len);
}

static void check_record(struct model *m, unsigned client, unsigned table, unsigned key)
{
    const struct record *r = &m->records[client][table][key];
    struct state_key k = model_key(m, client, table, key);
    struct slice value;
    int rc = state_get(shard_for(m->store, client), &k, &value);
    assert_int_equal(rc, r->there ? 0 : SHOAL_E_NOT_FOUND);
    if (r->there)
        assert_true(slice_equal(value, model_value(m, r)));
}

struct walk_check {
    struct model *m;
    unsigned client, table, next;
};

static int check_next(void *arg, struct slice key, struct slice value)
{
    struct walk_check *w = arg;
    const struct record *records = w->m->records[w->client][w->table];
    while (w->next < KEYS && !records[w->next].there)
        w->next++;
    assert_true(w->next < KEYS);
    assert_true(slice_equal(key, slice_of(w->m->keys[w->next], w->m->key_lens[w->next])));
    assert_true(slice_equal(value, model_value(w->m, &records[w->next])));
    w->next++;
    return 0;
}

static void check_table(struct model *m, unsigned client, unsigned table)
{
    struct walk_check w = {m, client, table, 0};
    struct state_shard *shard = shard_for(m->store, client);
    assert_int_equal(state_each(shard, client, table, check_next, &w), 0);
    for (; w.next < KEYS; w.next++)
        assert_false(m->records[client][table][w.next].there);
}

static void check_all(struct model *m)
{
    for (unsigned client = 0; client < CLIENTS; client++) {
        for (unsigned table = 0; table < TABLES; table++)
            check_table(m, client, table);
    }
}

static void step_put(struct model *m, unsigned client, unsigned table, unsigned key)
{
    struct record *r = &m->records[client][table][key];
    static const uint32_t spans[] = {20, 300, 6000};
    uint64_t back = rng_below(&m->rng, 50); /* ages are out of order a little */
    r->there = true;
    r->len = 8 + (uint32_t)rng_below(&m->rng, spans[rng_below(&m->rng, 3)]);
    r->age_us = m->clock_us - back;
    r->seed = rng_u64(&m->rng);
    struct state_key k = model_key(m, client, table, key);
    assert_int_equal(state_put(shard_for(m->store, client), &k, model_value(m, r)), 0);
}

static void step_purge(struct model *m, unsigned client)
{
    struct state_purge what = {.tables = (uint32_t)rng_below(&m->rng, 1 << TABLES)};
    if (rng_below(&m->rng, 2))
        what.older_than_us = (int64_t)(m->clock_us - rng_below(&m->rng, 2000));
    assert_int_equal(state_purge(shard_for(m->store, client), client, &what), 0);
    for (unsigned table = 0; table < TABLES; table++) {
        for (unsigned key = 0; key < KEYS && (what.tables >> table & 1); key++) {
            struct record *r = &m->records[client][table][key];
            if (!what.older_than_us || (int64_t)r->age_us < what.older_than_us)
                r->there = false;
        }
    }
    m->purges++;
}

static void step(struct model *m)
{
    unsigned client = (unsigned)rng_below(&m->rng, CLIENTS);
    unsigned table = (unsigned)rng_below(&m->rng, TABLES);
    unsigned key = (unsigned)rng_below(&m->rng, KEYS);
    struct state_key k = model_key(m, client, table, key);
    uint64_t die = rng_below(&m->rng, 1000);
    m->clock_us++;
    if (die < 450) {
        step_put(m, client, table, key);
    } else if (die < 600) {
        assert_int_equal(state_delete(shard_for(m->store, client), &k), 0);
        m->records[client][table][key].there = false;
    } else if (die < 800) {
        check_record(m, client, table, key);
    } else if (die < 850) {
        check_table(m, client, table);
    } else if (die < 900) {
        step_purge(m, client);
    } else if (die < 998) {
        assert_int_equal(state_commit(shard_for(m->store, client)), 0);
        m->committed++;
    } else {
        state_close(m->store);
        m->store = open_with(&m->options);
        m->reopened++;
        check_all(m);
    }
}

static void run(void **state, uint64_t seed, size_t map_size, size_t staged_max)
{
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->options = folder_options(*state);
    m->options.map_size = map_size;
    m->options.staged_max = staged_max;
    m->clock_us = 1000000;
    rng_init(&m->rng, &(struct rng_source){.seed = seed, .scenario = "model", .purpose = "test"});
    make_keys(m);
    m->store = open_with(&m->options);
    for (int i = 0; i < STEPS; i++)
        step(m);
    check_all(m);
    assert_true(m->reopened > 20 && m->committed > 1000 && m->purges > 500);
    state_close(m->store);
    free(m);
}

static void agrees_with_the_model(void **state)
{
    run(state, 1, 0, 0);
}

static void agrees_with_a_tiny_map_and_buffer(void **state)
{
    run(state, 2, 1, 16 * 1024);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(agrees_with_the_model),
        TEST(agrees_with_a_tiny_map_and_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
