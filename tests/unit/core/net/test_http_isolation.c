/* No connection ever carries two clients, and kept connections are really used again. */
#include <string.h>

#include "tests/unit/core/net/net_fixture.h"

#define CLIENTS 400
#define REQUESTS 10
#define CONNECTIONS_SEEN (16 * CLIENTS)

struct world {
    struct net_fixture f;
    struct http_target *target;
    uint64_t owner[CONNECTIONS_SEEN]; /* of each connection: client + 1 */
    uint64_t connections, mixed, served;
    uint64_t next_client;
    int rounds;
    bool end_iterations;
    int64_t pause_ns;
};

static void handler(void *arg, struct exchange *x)
{
    struct world *w = arg;
    uint64_t connection = exchange_connection(x);
    uint64_t client = strtoull(exchange_header(x, "X-Client"), NULL, 10) + 1;
    assert_true(connection < CONNECTIONS_SEEN);
    w->served++;
    if (!w->owner[connection]) {
        w->owner[connection] = client;
        w->connections++;
    } else if (w->owner[connection] != client) {
        w->mixed++;
    }
    exchange_answer(x, &(struct exchange_reply){.status = 200, .body = slice_str("{}")});
}

static void one_client(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    struct http_client *client;
    char number[24];
    uint64_t id = w->next_client++;
    snprintf(number, sizeof number, "%llu", (unsigned long long)id);
    assert_int_equal(http_client_new(&client, f->net, id), 0);
    struct http_header header = {"X-Client", number};
    struct http_request q = {
        .method = "GET", .target = w->target, .path = "/", .headers = &header, .header_count = 1};
    for (int i = 0; i < w->rounds; i++) {
        struct http_response r;
        int error = http_call(client, &q, &r, a, clock_after(clock_ns(), 30 * NS_PER_S));
        if (error) {
            fail_msg("client %s: %s: %s", number, error_name(error), r.detail);
        }
        assert_int_equal(r.status, 200);
        if (w->end_iterations) {
            http_client_iteration_end(client);
        }
        lane_sleep_until(clock_after(clock_ns(), w->pause_ns));
        arena_reset(a);
    }
    http_client_free(client);
    arena_free(a);
}

static void world_open(struct world *w, const struct http_options *options)
{
    memset(w, 0, sizeof *w);
    w->rounds = REQUESTS;
    fixture_open(&w->f, NULL);
    fixture_listen(&w->f, (struct listener_options){.handler = handler, .arg = w});
    w->target = fixture_target(w->f.base, options);
}

static struct http_stats world_run(struct world *w)
{
    struct http_stats stats;
    fixture_run(&w->f);
    http_net_stats(w->f.net, &stats);
    assert_int_equal(stats.clients, 0);
    fixture_close(&w->f);
    http_target_free(w->target);
    return stats;
}

static void test_own_connections(void **state)
{
    static struct world w;
    world_open(&w, NULL);
    w.pause_ns = NS_PER_MS;
    for (int i = 0; i < CLIENTS; i++) {
        fixture_spawn(&w.f, one_client, &w);
    }
    struct http_stats stats = world_run(&w);
    assert_int_equal(w.mixed, 0);
    assert_int_equal(w.served, CLIENTS * REQUESTS);
    assert_int_equal(w.connections, CLIENTS);
    assert_int_equal(stats.connects, CLIENTS);
    assert_int_equal(stats.requests, CLIENTS * REQUESTS);
    assert_int_equal(stats.multis, (CLIENTS + 31) / 32);
}

static void test_small_and_large_handles(void **state)
{
    static struct world w;
    uint32_t sizes[] = {1, 8, 64, CLIENTS};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        world_open(&w, &(struct http_options){.per_multi = sizes[i]});
        for (int c = 0; c < CLIENTS; c++) {
            fixture_spawn(&w.f, one_client, &w);
        }
        struct http_stats stats = world_run(&w);
        assert_int_equal(w.mixed, 0);
        assert_int_equal(w.connections, CLIENTS);
        assert_int_equal(stats.multis, (CLIENTS + sizes[i] - 1) / sizes[i]);
    }
}

/* Clients end and others take their places: nothing of theirs is inherited. */
static void generations(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    for (int generation = 0; generation < 8; generation++) {
        one_client(f, w);
    }
}

static void test_places_are_taken_again(void **state)
{
    static struct world w;
    world_open(&w, NULL);
    w.rounds = 3;
    for (int c = 0; c < 100; c++) {
        fixture_spawn(&w.f, generations, &w);
    }
    struct http_stats stats = world_run(&w);
    assert_int_equal(w.mixed, 0);
    assert_int_equal(w.served, 100 * 8 * 3);
    assert_int_equal(w.connections, 800);
    assert_int_equal(stats.connects, 800);
    assert_int_equal(stats.multis, 4); /* and the handles, too */
}

static void test_iterations(void **state)
{
    static struct world w;
    world_open(&w, &(struct http_options){.lifetime = HTTP_KEEP_ITERATION});
    w.end_iterations = true;
    for (int c = 0; c < CLIENTS; c++) {
        fixture_spawn(&w.f, one_client, &w);
    }
    world_run(&w);
    assert_int_equal(w.mixed, 0);
    assert_int_equal(w.connections, CLIENTS * REQUESTS);
}

static void test_shared(void **state)
{
    static struct world w;
    world_open(&w, &(struct http_options){.lifetime = HTTP_SHARED});
    fixture_spawn(&w.f, generations, &w); /* one client after the other */
    struct http_stats stats = world_run(&w);
    assert_int_equal(w.served, 8 * REQUESTS);
    assert_int_equal(w.connections, 1);
    assert_int_equal(w.mixed, 7 * REQUESTS);
    assert_int_equal(stats.connects, 1);

    world_open(&w, &(struct http_options){.lifetime = HTTP_SHARED});
    w.pause_ns = 5 * NS_PER_MS;
    for (int c = 0; c < 100; c++) {
        fixture_spawn(&w.f, one_client, &w);
    }
    stats = world_run(&w);
    assert_int_equal(w.served, 100 * REQUESTS);
    assert_true(stats.connects <= 100);
    assert_int_equal(stats.multis, 1);
}

/* The bound on connects holds, and who waits for it gets a turn. */
static void test_connects_are_bounded(void **state)
{
    static struct world w;
    world_open(&w, &(struct http_options){.connecting_max = 2});
    w.rounds = 2;
    for (int c = 0; c < CLIENTS; c++) {
        fixture_spawn(&w.f, one_client, &w);
    }
    struct http_stats stats = world_run(&w);
    assert_int_equal(w.served, 2 * CLIENTS);
    assert_int_equal(stats.connects, CLIENTS);
    assert_int_equal(stats.refused_by_bound, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_connections),
        cmocka_unit_test(test_small_and_large_handles),
        cmocka_unit_test(test_places_are_taken_again),
        cmocka_unit_test(test_iterations),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_connects_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
