/* Each way an exchange can fail has its own kind, whatever the other side does. */
#include <sys/resource.h>

#include "tests/unit/core/net/hostile.h"
#include "tests/unit/core/net/net_fixture.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

/* --- what the other side does ----------------------------------------------------------------- */

static void reset_at_once(struct hostile *h, int fd, int nth)
{
    hostile_reset(fd);
}

static void reset_after_request(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_reset(fd);
}

static void close_after_request(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
}

static void half_head(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "Content-Le");
}

static void half_body(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "Content-Length: 100\r\n\r\nonly this");
}

static void reset_in_body(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "Content-Length: 100\r\n\r\nonly this");
    usleep(20000); /* let it be read before the reset overtakes it */
    hostile_reset(fd);
}

static void half_chunk(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n64\r\nonly this");
}

static void no_last_chunk(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n");
}

static void garbage(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
    hostile_linger(h, fd);
}

static void no_status(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, "HTTP/1.1 banana\r\n\r\n");
}

static void speaks_first(struct hostile *h, int fd, int nth)
{
    hostile_say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
    hostile_linger(h, fd);
}

static void bad_length(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "Content-Length: -7\r\n\r\nseven..");
}

static void bad_chunk(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\nbody\r\n0\r\n\r\n");
    hostile_linger(h, fd);
}

static void bad_second_chunk(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nxyz\r\n");
    hostile_linger(h, fd);
}

static void bad_coding(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\nnot gzip 123");
}

static void many_headers(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD);
    for (int i = 0; i < 100000 && !atomic_load(&h->stop); i++) {
        hostile_say(fd, "X-Again: and again and again\r\n");
    }
}

static void long_header(struct hostile *h, int fd, int nth)
{
    char block[1001];
    memset(block, 'x', 1000);
    block[1000] = '\0';
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "X-Long: ");
    for (int i = 0; i < 1000 && !atomic_load(&h->stop); i++) {
        hostile_say(fd, block);
    }
}

static void pour(struct hostile *h, int fd, const char *head, const char *each)
{
    hostile_hear(h, fd);
    hostile_say(fd, head);
    for (int i = 0; i < 100000 && !atomic_load(&h->stop); i++) {
        char c;
        hostile_say(fd, each);
        if (recv(fd, &c, 1, MSG_DONTWAIT) == 0) {
            return;
        }
    }
}

static void large_announced(struct hostile *h, int fd, int nth)
{
    pour(h, fd, OK_HEAD "Content-Length: 100000000\r\n\r\n", "0123456789");
}

static void large_chunked(struct hostile *h, int fd, int nth)
{
    pour(h, fd, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n", "a\r\n0123456789\r\n");
}

static void large_until_close(struct hostile *h, int fd, int nth)
{
    pour(h, fd, OK_HEAD "\r\n", "0123456789");
}

static void silence(struct hostile *h, int fd, int nth)
{
    hostile_linger(h, fd);
}

static void trickle(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, OK_HEAD "Content-Length: 1000\r\n\r\n");
    for (int i = 0; i < 200 && !atomic_load(&h->stop); i++) {
        hostile_say(fd, "x");
        usleep(5000);
    }
}

static void endless_continue(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    for (int i = 0; i < 200 && !atomic_load(&h->stop); i++) {
        hostile_say(fd, "HTTP/1.1 100 Continue\r\n\r\n");
        usleep(5000);
    }
}

static void redirect_loop(struct hostile *h, int fd, int nth)
{
    while (hostile_hear(h, fd)) {
        hostile_say(fd, "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n");
    }
}

static void forbids_connect(struct hostile *h, int fd, int nth)
{
    hostile_hear(h, fd);
    hostile_say(fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
}

/* --- the cases ---------------------------------------------------------------------------------
 */

struct attempt {
    struct net_fixture f;
    struct http_target *target;
    int64_t patience_ms;
    size_t reply_max;
    struct http_response response;
    struct http_stats stats;
    int calls;
    bool no_resend;
    const char *path;
    struct arena *arena;
};

static void try_it(struct net_fixture *f, void *arg)
{
    struct attempt *a = arg;
    struct http_client *client;
    assert_int_equal(http_client_new(&client, f->net, 0), 0);
    for (int i = 0; i < a->calls; i++) {
        struct http_request q = {.method = "GET",
                                 .target = a->target,
                                 .path = a->path ? a->path : "/",
                                 .reply_max = a->reply_max,
                                 .no_resend = a->no_resend};
        int64_t start_ns = clock_ns();
        http_call(client, &q, &a->response, a->arena,
                  clock_after(start_ns, a->patience_ms * NS_PER_MS));
        assert_true(clock_ns() - start_ns < (a->patience_ms + 2000) * NS_PER_MS);
        if (i + 1 < a->calls) {
            lane_sleep_until(clock_after(clock_ns(), 30 * NS_PER_MS));
        }
    }
    http_net_stats(f->net, &a->stats);
    http_client_free(client);
}

static void attempt_run(struct attempt *a, const char *base, const struct http_options *options,
                        const struct names_options *names)
{
    a->patience_ms = a->patience_ms ? a->patience_ms : 5000;
    a->calls = a->calls ? a->calls : 1;
    a->arena = arena_new();
    fixture_open(&a->f, names);
    a->target = fixture_target(base, options);
    fixture_spawn(&a->f, try_it, a);
    fixture_run(&a->f);
    fixture_close(&a->f);
    http_target_free(a->target);
    if (a->response.error && !a->response.redirects) {
        if (a->stats.connections) { /* what failed is not kept */
            fail_msg("%zu kept after: %s", a->stats.connections, a->response.detail);
        }
    }
}

static void attempt_end(struct attempt *a)
{
    arena_free(a->arena);
}

static void expect_kind(const char *what, const struct attempt *a, int kind)
{
    if (a->response.error != kind) {
        fail_msg("%s: expected %s, got %s (%s)", what, error_name(kind),
                 error_name(a->response.error), a->response.detail);
    }
    assert_true(a->response.detail[0] != '\0');
    assert_null(strstr(a->response.detail, ".invalid")); /* our aliases are nobody's business */
    assert_int_equal(a->response.status, 0);
}

static void test_hostile(void **state)
{
    static const struct {
        const char *what;
        hostile_fn fn;
        int kind;
        int64_t patience_ms;
    } cases[] = {
        {"reset at once", reset_at_once, SHOAL_E_RESET, 0},
        {"reset after the request", reset_after_request, SHOAL_E_RESET, 0},
        {"closed after the request", close_after_request, SHOAL_E_RESET, 0},
        {"half a head", half_head, SHOAL_E_RESET, 0},
        {"half a body", half_body, SHOAL_E_SHORT_BODY, 0},
        {"reset in the body", reset_in_body, SHOAL_E_SHORT_BODY, 0},
        {"half a chunk", half_chunk, SHOAL_E_SHORT_BODY, 0},
        {"no last chunk", no_last_chunk, SHOAL_E_SHORT_BODY, 0},
        {"garbage", garbage, SHOAL_E_BAD_HTTP, 0},
        {"no status", no_status, SHOAL_E_BAD_HTTP, 0},
        {"bad length", bad_length, SHOAL_E_BAD_HTTP, 0},
        {"bad chunk", bad_chunk, SHOAL_E_BAD_HTTP, 0},
        {"bad second chunk", bad_second_chunk, SHOAL_E_BAD_HTTP, 0},
        {"bad coding", bad_coding, SHOAL_E_BAD_HTTP, 0},
        {"many headers", many_headers, SHOAL_E_BAD_HTTP, 0},
        {"a long header", long_header, SHOAL_E_BAD_HTTP, 0},
        {"large, announced", large_announced, SHOAL_E_TOO_LARGE, 0},
        {"large, chunked", large_chunked, SHOAL_E_TOO_LARGE, 0},
        {"large until close", large_until_close, SHOAL_E_TOO_LARGE, 0},
        {"silence", silence, SHOAL_E_TIMEOUT, 60},
        {"trickle", trickle, SHOAL_E_TIMEOUT, 60},
        {"endless 100 Continue", endless_continue, SHOAL_E_TIMEOUT, 60},
        {"redirect loop", redirect_loop, SHOAL_E_REDIRECTS, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hostile h;
        struct attempt a = {.patience_ms = cases[i].patience_ms, .reply_max = 100000};
        char base[64];
        hostile_open(&h, cases[i].fn);
        snprintf(base, sizeof base, "http://127.0.0.1:%u", h.port);
        attempt_run(&a, base, NULL, NULL);
        expect_kind(cases[i].what, &a, cases[i].kind);
        hostile_close(&h);
        attempt_end(&a);
    }
}

static unsigned closed_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static void test_refused(void **state)
{
    struct attempt a = {0};
    char base[64];
    snprintf(base, sizeof base, "http://127.0.0.1:%u", closed_port());
    attempt_run(&a, base, NULL, NULL);
    expect_kind("refused", &a, SHOAL_E_REFUSED);
    assert_false(a.response.sent);
    assert_int_equal(a.stats.connect_failures, 1);
    assert_int_equal(a.stats.connects, 0);
    attempt_end(&a);
}

static void test_unreachable(void **state)
{
    struct attempt a = {0};
    attempt_run(&a, "http://255.255.255.255:9", NULL, NULL);
    expect_kind("unreachable", &a, SHOAL_E_UNREACHABLE);
    attempt_end(&a);
}

static void starved(struct net_fixture *f, void *arg)
{
    struct rlimit before, none;
    int spare = dup(0);
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = (rlim_t)spare;
    close(spare);
    setrlimit(RLIMIT_NOFILE, &none);
    try_it(f, arg);
    setrlimit(RLIMIT_NOFILE, &before);
}

static void test_no_descriptors(void **state)
{
    struct attempt a = {.patience_ms = 2000, .calls = 1};
    char base[64];
    snprintf(base, sizeof base, "http://127.0.0.1:%u", closed_port());
    a.arena = arena_new();
    fixture_open(&a.f, NULL);
    a.target = fixture_target(base, NULL);
    fixture_spawn(&a.f, starved, &a);
    fixture_run(&a.f);
    fixture_close(&a.f);
    http_target_free(a.target);
    expect_kind("no descriptors", &a, SHOAL_E_UNREACHABLE);
    attempt_end(&a);
}

/* A listener that accepts nothing and whose queue is full answers no more SYNs. */
static void test_connect_timeout(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    struct attempt a = {.patience_ms = 100};
    char base[64];
    int fillers[4], fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&at, len);
    }
    snprintf(base, sizeof base, "http://127.0.0.1:%u", ntohs(at.sin_port));
    attempt_run(&a, base, NULL, NULL);
    expect_kind("connect timeout", &a, SHOAL_E_CONNECT_TIMEOUT);
    assert_false(a.response.sent);
    attempt_end(&a);
    for (int i = 0; i < 4; i++) {
        close(fillers[i]);
    }
    close(fd);
}

static int no_such_name(void *arg, const char *host, struct names_answer *out)
{
    snprintf(out->why, sizeof out->why, "%.40s: no such name", host);
    return SHOAL_E_RESOLVE;
}

static int slow_name(void *arg, const char *host, struct names_answer *out)
{
    usleep(200000);
    return no_such_name(arg, host, out);
}

static void test_resolve(void **state)
{
    struct names_options names = {.lookup = no_such_name};
    struct attempt a = {0};
    attempt_run(&a, "http://nowhere.test:80", NULL, &names);
    expect_kind("resolve", &a, SHOAL_E_RESOLVE);
    assert_string_equal(a.response.detail, "nowhere.test: no such name");
    attempt_end(&a);

    a = (struct attempt){.patience_ms = 50};
    names.lookup = slow_name;
    attempt_run(&a, "http://nowhere.test:80", NULL, &names);
    expect_kind("slow resolve", &a, SHOAL_E_CONNECT_TIMEOUT);
    attempt_end(&a);
}

static void test_tls_to_plain(void **state)
{
    struct hostile h;
    struct attempt a = {0};
    char base[64];
    hostile_open(&h, speaks_first);
    snprintf(base, sizeof base, "https://127.0.0.1:%u", h.port);
    attempt_run(&a, base, NULL, NULL);
    expect_kind("TLS to a plain server", &a, SHOAL_E_TLS);
    assert_false(a.response.sent);
    hostile_close(&h);
    attempt_end(&a);
}

static void test_proxy(void **state)
{
    struct hostile h;
    struct attempt a = {0};
    char proxy[64];
    struct http_options options = {.proxy = proxy};
    hostile_open(&h, forbids_connect);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", h.port);
    attempt_run(&a, "https://somewhere.test", &options, NULL);
    expect_kind("a proxy that forbids", &a, SHOAL_E_PROXY);
    hostile_close(&h);
    attempt_end(&a);

    a = (struct attempt){0};
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", closed_port());
    attempt_run(&a, "http://somewhere.test", &options, NULL);
    expect_kind("no proxy there", &a, SHOAL_E_PROXY);
    attempt_end(&a);
}

/* --- kept connections that the other side closes -----------------------------------------------
 */

static void one_reply_each(struct hostile *h, int fd, int nth)
{
    if (hostile_hear(h, fd)) {
        hostile_say(fd, OK_HEAD "Content-Length: 2\r\n\r\nok");
    }
}

/* Hears the second request of a connection and then closes it. */
static void drops_second(struct hostile *h, int fd, int nth)
{
    one_reply_each(h, fd, nth);
    if (nth == 0) {
        hostile_hear(h, fd);
    } else {
        hostile_linger(h, fd);
    }
}

static void test_closed_while_idle(void **state)
{
    struct hostile h;
    struct attempt a = {.calls = 3};
    char base[64];
    hostile_open(&h, one_reply_each);
    snprintf(base, sizeof base, "http://127.0.0.1:%u", h.port);
    attempt_run(&a, base, NULL, NULL);
    assert_int_equal(a.response.error, 0);
    assert_int_equal(a.stats.connects, 3);
    assert_int_equal(a.stats.retries, 0);
    hostile_close(&h);
    attempt_end(&a);
}

static void test_closed_under_request(void **state)
{
    struct hostile h;
    struct attempt a = {.calls = 2};
    char base[64];
    hostile_open(&h, drops_second);
    snprintf(base, sizeof base, "http://127.0.0.1:%u", h.port);
    attempt_run(&a, base, NULL, NULL);
    assert_int_equal(a.response.error, 0);
    assert_int_equal(a.stats.retries, 1);
    assert_int_equal(a.response.retries, 1);
    assert_int_equal(a.stats.connects, 2);
    assert_int_equal(a.stats.requests, 2);
    hostile_close(&h);
    attempt_end(&a);
}

/* Asked not to, it is not sent again, and the caller knows that it may have been executed. */
static void test_not_sent_again(void **state)
{
    struct hostile h;
    struct attempt a = {.calls = 2, .no_resend = true};
    char base[64];
    hostile_open(&h, drops_second);
    snprintf(base, sizeof base, "http://127.0.0.1:%u", h.port);
    attempt_run(&a, base, NULL, NULL);
    expect_kind("not sent again", &a, SHOAL_E_RESET);
    assert_string_equal(a.response.detail, error_text(SHOAL_E_RESET));
    assert_true(a.response.sent);
    assert_int_equal(a.response.retries, 0);
    assert_int_equal(a.stats.retries, 0);
    hostile_close(&h);
    attempt_end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unreachable),       cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_connect_timeout),   cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_tls_to_plain),      cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_closed_while_idle), cmocka_unit_test(test_closed_under_request),
        cmocka_unit_test(test_not_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
