/* Through a proxy: what it sees, that clients stay apart, and that it alone knows the names. */
#include <pthread.h>
#include <string.h>

#include "tests/unit/core/net/net_fixture.h"

#define CLIENTS 40
#define REQUESTS 3

struct world {
    struct net_fixture f; /* its listener plays the proxy */
    struct http_target *target;
    int asked; /* names, at the resolver */
    char asked_for[64], host[64];
    uint64_t owner[CLIENTS * REQUESTS + 1];
    int mixed, served;
    uint64_t next_client;
};

static int lookup(void *arg, const char *host, struct names_answer *out)
{
    struct world *w = arg;
    w->asked++;
    snprintf(w->asked_for, sizeof w->asked_for, "%s", host);
    snprintf(out->address[out->count++], sizeof out->address[0], "127.0.0.1");
    return SHOAL_OK;
}

static void proxy(void *arg, struct exchange *x)
{
    struct world *w = arg;
    uint64_t connection = exchange_connection(x);
    uint64_t client = strtoull(exchange_header(x, "X-Client"), NULL, 10) + 1;
    assert_true(connection < sizeof w->owner / sizeof *w->owner);
    snprintf(w->host, sizeof w->host, "%s", exchange_header(x, "Host"));
    w->mixed += w->owner[connection] && w->owner[connection] != client;
    w->owner[connection] = client;
    w->served++;
    exchange_answer(x,
                    &(struct exchange_reply){.status = 200, .body = slice_str(exchange_path(x))});
}

static void client_fiber(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    struct http_client *c;
    char number[24];
    uint64_t id = w->next_client++;
    snprintf(number, sizeof number, "%llu", (unsigned long long)id);
    struct http_header header = {"X-Client", number};
    struct http_request q = {
        .method = "GET", .target = w->target, .path = "/p", .headers = &header, .header_count = 1};
    assert_int_equal(http_client_new(&c, f->net, id), 0);
    for (int i = 0; i < REQUESTS; i++) {
        struct http_response r;
        assert_int_equal(http_call(c, &q, &r, a, clock_after(clock_ns(), 10 * NS_PER_S)), 0);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.new_connection, i == 0);
        assert_string_equal((const char *)r.body.data, "http://far.test:8080/base/p");
        lane_sleep_until(clock_after(clock_ns(), NS_PER_MS));
    }
    http_client_free(c);
    arena_free(a);
}

static void test_plain(void **state)
{
    struct world w = {0};
    char url[64];
    struct http_options options = {.proxy = url};
    struct http_stats stats;
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* the environment's is never used */
    fixture_open(&w.f, &(struct names_options){.lookup = lookup, .lookup_arg = &w});
    fixture_listen(&w.f, (struct listener_options){.handler = proxy, .arg = &w});
    snprintf(url, sizeof url, "http://proxy.test:%u", listener_port(w.f.listener));
    w.target = fixture_target("http://far.test:8080/base/", &options);
    for (int i = 0; i < CLIENTS; i++) {
        fixture_spawn(&w.f, client_fiber, &w);
    }
    fixture_run(&w.f);
    http_net_stats(w.f.net, &stats);
    fixture_close(&w.f);
    http_target_free(w.target);
    unsetenv("http_proxy");
    assert_int_equal(w.served, CLIENTS * REQUESTS);
    assert_int_equal(w.mixed, 0);
    assert_int_equal(stats.connects, CLIENTS);
    assert_string_equal(w.host, "far.test:8080");
    assert_int_equal(w.asked, 1);
    assert_string_equal(w.asked_for, "proxy.test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
