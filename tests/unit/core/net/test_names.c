/* Names to addresses: literals, hosts, sharing one question, refreshing, failing; spread and the
 * next address in HTTP. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/core/net/net_fixture.h"

struct lookups {
    atomic_int count, answers; /* how many addresses to give; 0: fail */
    atomic_int delay_us;
};

static int lookup(void *arg, const char *host, struct names_answer *out)
{
    struct lookups *l = arg;
    int answers = atomic_load(&l->answers);
    atomic_fetch_add(&l->count, 1);
    usleep((useconds_t)atomic_load(&l->delay_us));
    if (!answers) {
        snprintf(out->why, sizeof out->why, "%.40s is unknown", host);
        return SHOAL_E_RESOLVE;
    }
    for (int i = 0; i < answers; i++) {
        snprintf(out->address[out->count++], sizeof out->address[0], "127.0.0.%d", i + 1);
    }
    return SHOAL_OK;
}

struct world {
    struct net_fixture f;
    struct lookups lookups;
    struct http_target *target;
    int waited, failed;
    uint64_t next_client;
};

static int64_t in_ms(int64_t ms)
{
    return clock_after(clock_ns(), ms * NS_PER_MS);
}

static void world_run(struct world *w, int64_t ttl_ns, void (*fn)(struct net_fixture *, void *),
                      int fibers)
{
    const char *two[] = {"127.0.0.9", "::1", NULL};
    struct names_host host = {"fixed.test", two};
    fixture_open(&w->f, &(struct names_options){.hosts = &host,
                                                .host_count = 1,
                                                .ttl_ns = ttl_ns,
                                                .lookup = lookup,
                                                .lookup_arg = &w->lookups});
    for (int i = 0; i < fibers; i++) {
        fixture_spawn(&w->f, fn, w);
    }
    fixture_run(&w->f);
    fixture_close(&w->f);
}

static void literals_and_hosts(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct names_answer a;
    assert_int_equal(names_resolve(f->names, "10.1.2.3", CLOCK_NEVER, &a), 0);
    assert_int_equal(a.count, 1);
    assert_string_equal(a.address[0], "10.1.2.3");
    assert_int_equal(names_resolve(f->names, "fe80::1", CLOCK_NEVER, &a), 0);
    assert_string_equal(a.address[0], "fe80::1");
    assert_int_equal(names_resolve(f->names, "FIXED.test", CLOCK_NEVER, &a), 0);
    assert_int_equal(a.count, 2);
    assert_string_equal(a.address[1], "::1");
    assert_int_equal(a.expires_ns, CLOCK_NEVER);
    assert_int_equal(atomic_load(&w->lookups.count), 0);
}

static void test_literals_and_hosts(void **state)
{
    struct world w = {0};
    world_run(&w, 0, literals_and_hosts, 1);
}

static void test_bad_hosts(void **state)
{
    const char *bad[] = {"not-an-address", NULL}, *none[] = {NULL};
    struct names_host hosts[] = {{"a.test", bad}, {"b.test", none}};
    struct names *n;
    for (int i = 0; i < 2; i++) {
        struct names_options o = {.hosts = &hosts[i], .host_count = 1};
        assert_int_equal(names_new(&n, &o), SHOAL_E_BAD_INPUT);
        assert_null(n);
    }
}

static void wait_for_name(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct names_answer a;
    int error = names_resolve(f->names, "many.test", in_ms(2000), &a);
    w->failed += error == SHOAL_E_RESOLVE;
    if (!error) {
        assert_int_equal(a.count, 3);
        w->waited++;
    } else {
        assert_string_equal(a.why, "many.test is unknown");
    }
}

static void test_one_question_for_all(void **state)
{
    struct world w = {.lookups = {.answers = 3, .delay_us = 30000}};
    world_run(&w, 0, wait_for_name, 500);
    assert_int_equal(w.waited, 500);
    assert_int_equal(atomic_load(&w.lookups.count), 1);

    w = (struct world){.lookups = {.delay_us = 30000}};
    world_run(&w, 0, wait_for_name, 500);
    assert_int_equal(w.failed, 500);
    assert_int_equal(atomic_load(&w.lookups.count), 1);
}

/* Asks again and again until so many questions have been answered. */
static void ask_until(struct net_fixture *f, struct world *w, int questions, struct names_answer *a)
{
    while (atomic_load(&w->lookups.count) < questions) {
        assert_int_equal(names_resolve(f->names, "moves.test", in_ms(5000), a), 0);
        lane_sleep_until(in_ms(1));
    }
}

static void refreshes(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct names_answer first, a;
    assert_int_equal(names_resolve(f->names, "moves.test", in_ms(5000), &first), 0);
    assert_int_equal(first.count, 1);
    atomic_store(&w->lookups.answers, 2);
    atomic_store(&w->lookups.delay_us, 50000);
    while (clock_ns() < first.expires_ns) {
        lane_sleep_until(in_ms(1));
    }
    /* The old answer is given at once while the new one is asked for. */
    assert_int_equal(names_resolve(f->names, "moves.test", in_ms(0), &a), 0);
    assert_int_equal(a.version, first.version);
    assert_int_equal(a.count, 1);
    atomic_store(&w->lookups.delay_us, 0);
    ask_until(f, w, 3, &a);
    assert_int_equal(a.count, 2);
    assert_true(a.version != first.version);
    uint64_t version = a.version;
    /* The same addresses again are no new version, and a failing refresh leaves the old. */
    ask_until(f, w, 5, &a);
    assert_int_equal(a.version, version);
    atomic_store(&w->lookups.answers, 0);
    ask_until(f, w, 8, &a);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.version, version);
}

static void test_refresh(void **state)
{
    struct world w = {.lookups = {.answers = 1}};
    world_run(&w, 20 * NS_PER_MS, refreshes, 1);
}

static void leaves_early(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct names_answer a;
    int64_t start_ns = clock_ns();
    int error = names_resolve(f->names, "slow.test", in_ms(20), &a);
    assert_int_equal(error, SHOAL_E_TIMEOUT);
    assert_true(clock_ns() - start_ns < 150 * NS_PER_MS);
    w->waited++;
}

static void test_deadline(void **state)
{
    struct world w = {.lookups = {.answers = 1, .delay_us = 200000}};
    world_run(&w, 0, leaves_early, 50);
    assert_int_equal(w.waited, 50);
}

/* Several lanes ask for the same names at once; half of their fibers do not wait long enough. */
struct asker {
    pthread_t thread;
    struct names *names;
    struct net_fixture f;
    int answered, late;
    bool impatient;
};

static void ask_many(struct net_fixture *f, void *arg)
{
    struct asker *asker = arg;
    struct names_answer a;
    asker->impatient = !asker->impatient;
    int error = names_resolve(asker->names, "shared.test", in_ms(asker->impatient ? 5 : 5000), &a);
    asker->answered += error == SHOAL_OK;
    asker->late += error == SHOAL_E_TIMEOUT;
}

static void *asker_main(void *arg)
{
    struct asker *a = arg;
    if (lane_new(&a->f.lane, &(struct lane_options){0}) != 0) {
        abort();
    }
    for (int i = 0; i < 200; i++) {
        fixture_spawn(&a->f, ask_many, a);
    }
    lane_run(a->f.lane);
    return NULL;
}

static void test_lanes_share(void **state)
{
    struct lookups lookups = {.answers = 1, .delay_us = 50000};
    struct names *names;
    struct asker askers[3] = {0};
    assert_int_equal(
        names_new(&names, &(struct names_options){.lookup = lookup, .lookup_arg = &lookups}), 0);
    for (int i = 0; i < 3; i++) {
        askers[i].names = names;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, asker_main, &askers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].answered + askers[i].late, 200);
        assert_true(askers[i].answered >= 100); /* the patient half at least */
    }
    for (int i = 0; i < 3; i++) {
        lane_free(askers[i].f.lane);
    }
    assert_int_equal(atomic_load(&lookups.count), 1);
    names_free(names);
}

static void system_names(struct net_fixture *f, void *arg)
{
    struct names_answer a;
    assert_int_equal(names_resolve(f->names, "localhost", in_ms(5000), &a), 0);
    assert_true(a.count >= 1);
    assert_int_equal(names_resolve(f->names, "nothing.invalid", in_ms(20000), &a), SHOAL_E_RESOLVE);
    assert_non_null(strstr(a.why, "nothing.invalid: "));
}

static void test_system(void **state)
{
    struct net_fixture f = {0};
    fixture_open(&f, NULL);
    fixture_spawn(&f, system_names, NULL);
    fixture_run(&f);
    fixture_close(&f);
}

/* --- in HTTP -----------------------------------------------------------------------------------
 */

static void answer(void *arg, struct exchange *x)
{
    exchange_answer(x, &(struct exchange_reply){.status = 204});
}

static void spread(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *arena = arena_new();
    struct http_client *c;
    struct http_response r;
    char expected[32];
    uint64_t number = w->next_client++;
    struct http_request q = {.method = "GET", .target = w->target};
    assert_int_equal(http_client_new(&c, f->net, number), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(http_call(c, &q, &r, arena, in_ms(5000)), 0);
        snprintf(expected, sizeof expected, "127.0.0.%d:", (int)(number % 3) + 1);
        assert_memory_equal(r.remote, expected, strlen(expected));
        assert_int_equal(r.new_connection, i == 0);
    }
    http_client_free(c);
    arena_free(arena);
}

static void http_world(struct world *w, const char *listen, const struct http_options *options,
                       void (*fn)(struct net_fixture *, void *), int fibers)
{
    char url[64];
    fixture_open(&w->f, &(struct names_options){
                            .lookup = lookup, .lookup_arg = &w->lookups, .ttl_ns = 20 * NS_PER_MS});
    fixture_listen(&w->f, (struct listener_options){.address = listen, .handler = answer});
    snprintf(url, sizeof url, "http://balanced.test:%u", listener_port(w->f.listener));
    w->target = fixture_target(url, options);
    for (int i = 0; i < fibers; i++) {
        fixture_spawn(&w->f, fn, w);
    }
    fixture_run(&w->f);
    fixture_close(&w->f);
    http_target_free(w->target);
}

static void test_spread_over_addresses(void **state)
{
    struct world w = {.lookups = {.answers = 3}};
    http_world(&w, "0.0.0.0", NULL, spread, 30);
}

/* Only 127.0.0.3 listens; the clients that begin with another address get there, too. */
static void next_address(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *arena = arena_new();
    struct http_client *c;
    struct http_response r;
    struct http_request q = {.method = "GET", .target = w->target};
    assert_int_equal(http_client_new(&c, f->net, w->next_client++), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(http_call(c, &q, &r, arena, in_ms(5000)), 0);
        assert_memory_equal(r.remote, "127.0.0.3:", 10);
        assert_int_equal(r.new_connection, i == 0);
    }
    http_client_free(c);
    arena_free(arena);
}

static void test_next_address(void **state)
{
    struct world w = {.lookups = {.answers = 3}};
    http_world(&w, "127.0.0.3", NULL, next_address, 9);
}

/* A service that moves is followed by the next connects, also of a client with a known alias. */
static void moves(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *arena = arena_new();
    struct http_client *c;
    struct http_response r;
    struct http_request q = {.method = "GET", .target = w->target};
    assert_int_equal(http_client_new(&c, f->net, 2), 0);
    assert_int_equal(http_call(c, &q, &r, arena, in_ms(5000)), 0);
    assert_memory_equal(r.remote, "127.0.0.1:", 10);
    atomic_store(&w->lookups.answers, 3);
    int64_t patience_ns = in_ms(10000);
    do {
        http_client_iteration_end(c);
        lane_sleep_until(in_ms(5));
        assert_int_equal(http_call(c, &q, &r, arena, in_ms(5000)), 0);
        assert_true(clock_ns() < patience_ns);
    } while (memcmp(r.remote, "127.0.0.3:", 10) != 0);
    http_client_free(c);
    arena_free(arena);
}

static void test_moves(void **state)
{
    struct world w = {.lookups = {.answers = 1}};
    http_world(&w, "0.0.0.0", &(struct http_options){.lifetime = HTTP_KEEP_ITERATION}, moves, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_and_hosts),
        cmocka_unit_test(test_bad_hosts),
        cmocka_unit_test(test_one_question_for_all),
        cmocka_unit_test(test_refresh),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_lanes_share),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_spread_over_addresses),
        cmocka_unit_test(test_next_address),
        cmocka_unit_test(test_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
