/* Exchanges between our own two ends: methods, bodies, headers, compression, redirects, deadlines.
 */
#include <string.h>
#include <zlib.h>

#include "tests/unit/core/net/net_fixture.h"

struct world {
    struct net_fixture f;
    struct http_target *target;
    struct http_client *client;
    struct exchange *kept;
    int gone;
};

static struct slice compressed(const void *data, size_t len, uint8_t *out, size_t max)
{
    uLongf size = max;
    assert_int_equal(compress(out, &size, data, len), Z_OK);
    return slice_of(out, size);
}

static void answer_echo(struct exchange *x)
{
    char text[200];
    const char *query = exchange_query(x, "q");
    const char *credential = exchange_header(x, "Authorization");
    snprintf(text, sizeof text, "%s %s q=%s auth=%s n=%s body=%.*s", exchange_method(x),
             exchange_path(x), query ? query : "-", credential ? credential : "-",
             exchange_header(x, "X-Number") ? exchange_header(x, "X-Number") : "-",
             (int)exchange_body(x).len, (const char *)exchange_body(x).data);
    struct http_header headers[] = {{"X-One", "1"}, {"X-Two", "two words"}};
    exchange_answer(x, &(struct exchange_reply){.status = 200,
                                                .content_type = "text/plain",
                                                .body = slice_str(text),
                                                .headers = headers,
                                                .header_count = 2});
}

static void answer_large(struct exchange *x, size_t len, bool deflated)
{
    uint8_t *data = malloc(len);
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)("abcdefghij"[i % 10]);
    }
    if (deflated) {
        uint8_t *out = malloc(len);
        struct http_header coding = {"Content-Encoding", "deflate"};
        exchange_answer(x, &(struct exchange_reply){.status = 200,
                                                    .body = compressed(data, len, out, len),
                                                    .headers = &coding,
                                                    .header_count = 1});
        free(out);
    } else {
        exchange_answer(x, &(struct exchange_reply){.status = 200, .body = slice_of(data, len)});
    }
    free(data);
}

static void on_gone(struct exchange *x)
{
    ++*(int *)exchange_user(x);
}

static void answer_redirect(struct exchange *x, struct world *w)
{
    char to[200];
    int status = atoi(exchange_query(x, "status"));
    const char *where = exchange_query(x, "to");
    snprintf(to, sizeof to, "%s", where);
    struct http_header location = {"Location", to};
    exchange_answer(
        x, &(struct exchange_reply){.status = status, .headers = &location, .header_count = 1});
}

static void handler(void *arg, struct exchange *x)
{
    struct world *w = arg;
    const char *path = exchange_path(x);
    if (strcmp(path, "/large") == 0) {
        answer_large(x, 1000000, false);
    } else if (strcmp(path, "/deflated") == 0) {
        answer_large(x, 1000000, true);
    } else if (strcmp(path, "/empty") == 0) {
        exchange_answer(x, &(struct exchange_reply){.status = 204});
    } else if (strcmp(path, "/keep") == 0) {
        w->kept = x;
        exchange_set_user(x, &w->gone);
        exchange_on_gone(x, on_gone);
    } else if (strcmp(path, "/redirect") == 0) {
        answer_redirect(x, w);
    } else if (strcmp(path, "/close") == 0) {
        exchange_answer(x, &(struct exchange_reply){.status = 200, .close = true});
    } else {
        answer_echo(x);
    }
}

static void world_open(struct world *w, const struct http_options *options)
{
    memset(w, 0, sizeof *w);
    fixture_open(&w->f, NULL);
    fixture_listen(&w->f, (struct listener_options){.handler = handler, .arg = w});
    w->target = fixture_target(w->f.base, options);
    assert_int_equal(http_client_new(&w->client, w->f.net, 7), 0);
}

static void world_close(struct world *w)
{
    http_client_free(w->client);
    fixture_close(&w->f);
    http_target_free(w->target);
}

/* Runs one fiber in a world of its own. */
static void in_world(void (*fn)(struct net_fixture *f, void *arg),
                     const struct http_options *options)
{
    struct world w;
    world_open(&w, options);
    fixture_spawn(&w.f, fn, &w);
    fixture_run(&w.f);
    world_close(&w);
}

static int64_t in_ms(int64_t ms)
{
    return clock_after(clock_ns(), ms * NS_PER_MS);
}

static struct http_response call(struct world *w, struct http_request q, struct arena *a)
{
    struct http_response r;
    q.target = w->target;
    q.method = q.method ? q.method : "GET";
    int error = http_call(w->client, &q, &r, a, in_ms(5000));
    assert_int_equal(error, r.error);
    if (error) {
        print_message("%s: %s\n", error_name(error), r.detail);
    }
    return r;
}

static void methods(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    struct http_header headers[] = {{"X-Number", "42"}};
    struct http_response r = call(w, (struct http_request){.path = "/a%20b?q=1%2B1"}, a);
    assert_int_equal(r.error, 0);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.http_version, 11);
    assert_string_equal((const char *)r.body.data, "GET /a b q=1+1 auth=- n=- body=");
    assert_string_equal(http_header(&r, "x-two"), "two words");
    assert_string_equal(http_header(&r, "Content-Type"), "text/plain");
    assert_null(http_header(&r, "x-three"));
    assert_true(r.new_connection && r.sent);
    assert_string_equal(r.remote, f->base + strlen("http://"));
    assert_true(r.times.connect > 0 && r.times.first_byte >= r.times.connect);
    assert_true(r.times.total >= r.times.first_byte && r.times.tls == 0);
    assert_int_equal(r.ended_ns - r.started_ns, r.times.total);
    assert_true(r.bytes_sent > 50 && r.bytes_received > r.body.len + 50);

    r = call(w,
             (struct http_request){.method = "POST",
                                   .path = "/p",
                                   .body = slice_str("{\"a\":1}"),
                                   .headers = headers,
                                   .header_count = 1},
             a);
    assert_string_equal((const char *)r.body.data, "POST /p q=- auth=- n=42 body={\"a\":1}");
    assert_false(r.new_connection);
    assert_int_equal(r.times.connect, 0);
    r = call(w, (struct http_request){.method = "PUT", .path = "/p", .body = slice_str("x")}, a);
    assert_string_equal((const char *)r.body.data, "PUT /p q=- auth=- n=- body=x");
    r = call(w, (struct http_request){.method = "DELETE", .path = "/d"}, a);
    assert_string_equal((const char *)r.body.data, "DELETE /d q=- auth=- n=- body=");
    r = call(w, (struct http_request){.method = "HEAD", .path = "/h"}, a);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, 0);
    r = call(w, (struct http_request){.method = "POST", .path = "/p"}, a);
    assert_string_equal((const char *)r.body.data, "POST /p q=- auth=- n=- body=");
    r = call(w, (struct http_request){.path = "/empty"}, a);
    assert_int_equal(r.status, 204);
    assert_non_null(r.body.data);
    r = call(w, (struct http_request){.path = "/g"}, a);
    assert_string_equal((const char *)r.body.data, "GET /g q=- auth=- n=- body=");

    struct http_stats stats;
    http_net_stats(f->net, &stats);
    assert_int_equal(stats.connects, 1);
    assert_int_equal(stats.requests, 8);
    assert_int_equal(stats.connections, 1);
    arena_free(a);
}

static void test_methods(void **state)
{
    in_world(methods, NULL);
}

static void sizes(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    struct http_response r = call(w, (struct http_request){.path = "/large"}, a);
    assert_int_equal(r.error, 0);
    assert_int_equal(r.body.len, 1000000);
    assert_int_equal(r.body.data[999999], 'j');
    r = call(w, (struct http_request){.path = "/deflated"}, a);
    assert_int_equal(r.error, 0);
    assert_int_equal(r.body.len, 1000000);
    assert_true(r.bytes_received < 100000);
    r = call(w, (struct http_request){.path = "/large", .reply_max = 999999}, a);
    assert_int_equal(r.error, SHOAL_E_TOO_LARGE);
    assert_int_equal(r.status, 0);
    r = call(w, (struct http_request){.path = "/deflated", .reply_max = 999999}, a);
    assert_int_equal(r.error, SHOAL_E_TOO_LARGE);
    r = call(w, (struct http_request){.path = "/large", .reply_max = 1000000}, a);
    assert_int_equal(r.error, 0);
    arena_free(a);
}

static void test_sizes(void **state)
{
    in_world(sizes, NULL);
}

static void deflated_request(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    struct http_response r =
        call(w,
             (struct http_request){
                 .method = "POST", .path = "/p", .body = slice_str("squeeze me"), .deflate = true},
             a);
    assert_string_equal((const char *)r.body.data, "POST /p q=- auth=- n=- body=squeeze me");
    arena_free(a);
}

static void test_deflated_request(void **state)
{
    in_world(deflated_request, NULL);
}

static void expect_redirect(struct world *w, const char *path, const char *method,
                            const char *expected, int redirects)
{
    struct arena *a = arena_new();
    struct http_header auth = {"Authorization", "secret"};
    struct http_response r = call(w,
                                  (struct http_request){.method = method,
                                                        .path = path,
                                                        .body = slice_str("b"),
                                                        .headers = &auth,
                                                        .header_count = 1},
                                  a);
    assert_int_equal(r.error, 0);
    assert_string_equal((const char *)r.body.data, expected);
    assert_int_equal(r.redirects, redirects);
    arena_free(a);
}

static void redirects(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    expect_redirect(w, "/redirect?status=301&to=/n?q=5", "POST",
                    "GET /n q=5 auth=secret n=- body=", 1);
    expect_redirect(w, "/redirect?status=303&to=/n", "PUT", "GET /n q=- auth=secret n=- body=", 1);
    expect_redirect(w, "/redirect?status=307&to=/n", "POST", "POST /n q=- auth=secret n=- body=b",
                    1);
    expect_redirect(w, "/redirect?status=308&to=n", "PUT", "PUT /n q=- auth=secret n=- body=b", 1);
    expect_redirect(w, "/redirect?status=307&to=/redirect?status=307%26to=/n", "POST",
                    "POST /n q=- auth=secret n=- body=b", 2);
    /* Another host name is another origin, though it leads to the same listener. */
    char path[200];
    snprintf(path, sizeof path, "/redirect?status=307&to=http://elsewhere.test:%u/n",
             listener_port(f->listener));
    expect_redirect(w, path, "POST", "POST /n q=- auth=- n=- body=b", 1);

    struct arena *a = arena_new();
    struct http_response r = call(
        w, (struct http_request){.path = "/redirect?status=302&to=/n", .no_redirects = true}, a);
    assert_int_equal(r.status, 302);
    assert_string_equal(http_header(&r, "location"), "/n");
    r = call(w, (struct http_request){.path = "/redirect?status=302&to=gopher://x/"}, a);
    assert_int_equal(r.error, SHOAL_E_BAD_HTTP);
    arena_free(a);
}

static void test_redirects(void **state)
{
    struct world w = {0};
    const char *addresses[] = {"127.0.0.1", NULL};
    struct names_host host = {"elsewhere.test", addresses};
    fixture_open(&w.f, &(struct names_options){.hosts = &host, .host_count = 1});
    fixture_listen(&w.f, (struct listener_options){.handler = handler, .arg = &w});
    w.target = fixture_target(w.f.base, NULL);
    assert_int_equal(http_client_new(&w.client, w.f.net, 7), 0);
    fixture_spawn(&w.f, redirects, &w);
    fixture_run(&w.f);
    world_close(&w);
}

static void absolute_url(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    char url[120];
    snprintf(url, sizeof url, "%s/abs?q=2", f->base);
    struct http_response r = call(w, (struct http_request){.url = url}, a);
    assert_string_equal((const char *)r.body.data, "GET /abs q=2 auth=- n=- body=");
    r = call(w, (struct http_request){.path = "/rel"}, a);
    assert_string_equal((const char *)r.body.data, "GET /rel q=- auth=- n=- body=");
    assert_false(r.new_connection);
    arena_free(a);
}

static void test_absolute_url(void **state)
{
    in_world(absolute_url, NULL);
}

static void long_poll(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    struct http_response r;
    struct http_request q = {.method = "GET", .target = w->target, .path = "/keep"};
    assert_int_equal(http_call(w->client, &q, &r, a, in_ms(50)), SHOAL_E_TIMEOUT);
    assert_true(r.sent);
    assert_true(r.times.total >= 50 * NS_PER_MS);
    lane_sleep_until(in_ms(50));
    assert_int_equal(w->gone, 1); /* the listener saw us leave */
    r = call(w, (struct http_request){.path = "/after"}, a);
    assert_int_equal(r.status, 200);
    assert_true(r.new_connection);
    arena_free(a);
}

static void test_deadline(void **state)
{
    in_world(long_poll, NULL);
}

static void keeper(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    struct http_response r = call(w, (struct http_request){.path = "/keep"}, a);
    assert_int_equal(r.error, 0);
    assert_int_equal(r.status, 202);
    assert_true(r.times.first_byte >= 30 * NS_PER_MS);
    arena_free(a);
}

static void answerer(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    while (!w->kept) {
        lane_sleep_until(in_ms(1));
    }
    lane_sleep_until(in_ms(30));
    exchange_answer(w->kept, &(struct exchange_reply){.status = 202});
}

static void test_late_answer(void **state)
{
    struct world w;
    world_open(&w, NULL);
    fixture_spawn(&w.f, keeper, &w);
    fixture_spawn(&w.f, answerer, &w);
    fixture_run(&w.f);
    assert_int_equal(w.gone, 0);
    world_close(&w);
}

static void cancelled_caller(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    struct http_response r;
    struct http_request q = {.method = "GET", .target = w->target, .path = "/keep"};
    assert_int_equal(http_call(w->client, &q, &r, a, CLOCK_NEVER), SHOAL_E_CANCELLED);
    struct http_stats before, after;
    http_net_stats(f->net, &before);
    assert_int_equal(http_call(w->client, &q, &r, a, CLOCK_NEVER), SHOAL_E_CANCELLED);
    assert_false(r.sent);
    http_net_stats(f->net, &after);
    assert_int_equal(before.requests, after.requests);
    fiber_shield(true); /* a clean-up may still talk */
    r = call(w, (struct http_request){.path = "/clean-up"}, a);
    assert_int_equal(r.error, 0);
    fiber_shield(false);
    arena_free(a);
}

static void canceller(struct lane_timer *timer)
{
    struct net_fixture *f = *(struct net_fixture **)(void *)(timer + 1);
    group_cancel(&f->group);
}

static void test_cancel(void **state)
{
    struct world w;
    struct {
        struct lane_timer timer;
        struct net_fixture *f;
    } cancel = {{.fn = canceller}, &w.f};
    world_open(&w, NULL);
    fixture_spawn(&w.f, cancelled_caller, &w);
    lane_timer_set(w.f.lane, &cancel.timer, in_ms(30));
    fixture_run(&w.f);
    world_close(&w);
}

static void expect_new(struct world *w, const char *pattern)
{
    struct arena *a = arena_new();
    for (const char *p = pattern; *p; p++) {
        if (*p == '/') {
            http_client_iteration_end(w->client);
            continue;
        }
        if (*p == 'z') {
            lane_sleep_until(in_ms(60));
            continue;
        }
        struct http_response r = call(w, (struct http_request){.path = "/x"}, a);
        assert_int_equal(r.error, 0);
        assert_int_equal(r.new_connection, *p == 'n');
    }
    arena_free(a);
}

static void of_client(struct net_fixture *f, void *arg)
{
    expect_new(arg, "nkk/kkzk");
}

static void of_iteration(struct net_fixture *f, void *arg)
{
    expect_new(arg, "nkk/nkz/n/n");
}

static void of_requests(struct net_fixture *f, void *arg)
{
    expect_new(arg, "nkknkkn/kk");
}

static void of_one_request(struct net_fixture *f, void *arg)
{
    expect_new(arg, "nnn");
}

static void of_time(struct net_fixture *f, void *arg)
{
    expect_new(arg, "nkkznkkzn");
}

static void test_lifetimes(void **state)
{
    in_world(of_client, &(struct http_options){.lifetime = HTTP_KEEP_CLIENT});
    in_world(of_iteration, &(struct http_options){.lifetime = HTTP_KEEP_ITERATION});
    in_world(of_requests,
             &(struct http_options){.lifetime = HTTP_KEEP_REQUESTS, .lifetime_requests = 3});
    in_world(of_one_request,
             &(struct http_options){.lifetime = HTTP_KEEP_REQUESTS, .lifetime_requests = 1});
    in_world(of_time,
             &(struct http_options){.lifetime = HTTP_KEEP_TIME, .lifetime_ns = 50 * NS_PER_MS});
}

static void close_header(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    for (int i = 0; i < 3; i++) {
        struct http_response r = call(w, (struct http_request){.path = "/close"}, a);
        assert_int_equal(r.status, 200);
        assert_true(r.new_connection);
    }
    struct http_stats stats;
    http_net_stats(f->net, &stats);
    assert_int_equal(stats.connections, 0);
    assert_int_equal(stats.connects, 3);
    arena_free(a);
}

static void test_connection_close(void **state)
{
    in_world(close_header, NULL);
}

static void test_bad_bases(void **state)
{
    static const char *const bad[] = {
        "ftp://x/",      "http://",     "example.org",    "http://u:p@h/",
        "http://h/?a=1", "http://h/#f", "http://h:99999", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_target *t;
        const char *why = NULL;
        assert_int_equal(http_target_new(&t, bad[i], NULL, &why), SHOAL_E_BAD_INPUT);
        assert_null(t);
        assert_non_null(why);
    }
    struct http_target *t = fixture_target("http://[::1]:8080/base//", NULL);
    assert_string_equal(http_target_url(t), "http://[::1]:8080/base");
    http_target_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods),      cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_absolute_url), cmocka_unit_test(test_deflated_request),
        cmocka_unit_test(test_redirects),    cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_late_answer),  cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_lifetimes),    cmocka_unit_test(test_connection_close),
        cmocka_unit_test(test_bad_bases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
