/* HTTP in, against a peer that speaks byte by byte. */
#include <stdatomic.h>
#include <zlib.h>

#include "tests/unit/core/net/raw.h"

struct world {
    struct net_fixture f;
    struct exchange *kept[64];
    struct exchange *untold;
    int kept_count;
    atomic_int gone, seen;
    uint64_t first_connection, last_connection;
    int64_t accepted_ns, handled_ns;
    size_t body_len;
};

static void count_gone(struct exchange *x)
{
    struct world *w = exchange_user(x);
    atomic_fetch_add(&w->gone, 1);
    int at = 0;
    while (w->kept[at] != x) {
        at++;
    }
    w->kept[at] = w->kept[--w->kept_count];
}

static void keep(struct world *w, struct exchange *x, bool tell)
{
    exchange_set_user(x, w);
    w->kept[w->kept_count++] = x;
    if (tell) {
        exchange_on_gone(x, count_gone);
    }
}

static void handler(void *arg, struct exchange *x)
{
    struct world *w = arg;
    const char *path = exchange_path(x);
    char text[256];
    w->last_connection = exchange_connection(x);
    w->first_connection = w->first_connection ? w->first_connection : w->last_connection;
    w->accepted_ns = exchange_accepted_ns(x);
    w->handled_ns = clock_ns();
    w->body_len = exchange_body(x).len;
    if (strcmp(path, "/keep") == 0) {
        keep(w, x, true);
    } else if (strcmp(path, "/keep-untold") == 0) {
        keep(w, x, false);
        w->untold = x;
    } else if (strcmp(path, "/wake") == 0) {
        while (w->kept_count) {
            exchange_answer(w->kept[--w->kept_count],
                            &(struct exchange_reply){.status = 200, .body = slice_str("late")});
        }
        exchange_answer(x, &(struct exchange_reply){.status = 200, .body = slice_str("woken")});
    } else if (strcmp(path, "/close") == 0) {
        exchange_answer(
            x, &(struct exchange_reply){.status = 200, .body = slice_str("bye"), .close = true});
    } else {
        const char *a = exchange_query(x, "a"), *host = exchange_header(x, "hOST");
        int len = snprintf(text, sizeof text, "%s|%s|%s|%s|", exchange_method(x), path,
                           a ? a : "none", host ? host : "none");
        struct slice body = exchange_body(x);
        if (body.len < 100) {
            memcpy(text + len, body.data ? (const char *)body.data : "", body.len);
            len += (int)body.len;
        }
        exchange_answer(
            x, &(struct exchange_reply){.status = 200, .body = slice_of(text, (size_t)len)});
    }
    atomic_fetch_add(&w->seen, 1);
}

static struct listener_stats world_run(struct world *w, struct listener_options options,
                                       void (*fn)(struct raw *raw))
{
    struct listener_stats stats;
    options.handler = handler;
    options.arg = w;
    fixture_open(&w->f, NULL);
    fixture_listen(&w->f, options);
    raw_run(&w->f, fn, w);
    listener_stats(w->f.listener, &stats);
    fixture_close(&w->f);
    return stats;
}

static void several_on_one(struct raw *raw)
{
    int fd = raw_connect(raw);
    raw_say(fd, "GET /one?a=x%20y HTTP/1.1\r\nHost: here\r\n\r\n");
    RAW_CHECK(raw_hear(raw, fd) == 200);
    RAW_CHECK(strcmp(raw_body(raw), "GET|/one|x y|here|") == 0);
    RAW_CHECK(strstr(raw->reply, "Content-Type: application/json\r\n"));
    raw_say(fd, "PO");
    usleep(20000);
    raw_say(fd, "ST /two/%41%2fb?b=1 HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhe");
    usleep(20000);
    raw_say(fd, "llo");
    RAW_CHECK(raw_hear(raw, fd) == 200);
    RAW_CHECK(strcmp(raw_body(raw), "POST|/two/A/b|none|here|hello") == 0);
    raw_say(fd, "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    RAW_CHECK(raw_hear(raw, fd) == 200);
    RAW_CHECK(strcmp(raw_body(raw), "PUT|/|none|h|abcdef") == 0);
    close(fd);
    fd = raw_connect(raw);
    raw_say(fd, "GET /close HTTP/1.1\r\nHost: here\r\n\r\n");
    RAW_CHECK(raw_hear(raw, fd) == 200);
    RAW_CHECK(strstr(raw->reply, "Connection: close\r\n"));
    RAW_CHECK(raw_closed(fd));
    close(fd);
}

static void test_several_on_one(void **state)
{
    struct world w = {0};
    struct listener_stats s = world_run(&w, (struct listener_options){0}, several_on_one);
    assert_int_equal(s.requests, 4);
    assert_int_equal(s.replies, 4);
    assert_int_equal(s.refused, 0);
    assert_int_equal(w.last_connection, w.first_connection + 1);
    assert_true(w.accepted_ns > 0 && w.accepted_ns <= w.handled_ns);
}

/* --- what is refused ----------------------------------------------------------------------------
 */

static void send_body(int fd, const char *headers, size_t len)
{
    char head[200], block[1000];
    snprintf(head, sizeof head, "POST /b HTTP/1.1\r\nHost: h\r\n%sContent-Length: %zu\r\n\r\n",
             headers, len);
    memset(block, 'b', sizeof block);
    raw_say(fd, head);
    for (size_t sent = 0; sent < len; sent += sizeof block) {
        raw_send(fd, block, len - sent < sizeof block ? len - sent : sizeof block);
    }
}

static void too_large(struct raw *raw)
{
    int fd = raw_connect(raw);
    send_body(fd, "", 10000);
    RAW_CHECK(raw_hear(raw, fd) == 200); /* exactly body_max */
    send_body(fd, "", 10001);
    RAW_CHECK(raw_hear(raw, fd) == 413);
    RAW_CHECK(raw_closed(fd));
    close(fd);
    fd = raw_connect(raw);
    send_body(fd, "", 100000000); /* refused before most of it was sent */
    RAW_CHECK(raw_hear(raw, fd) == 413 || raw->len == 0);
    close(fd);
    fd = raw_connect(raw);
    raw_say(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 2000; i++) {
        raw_say(fd, "64\r\n"
                    "0123456789012345678901234567890123456789012345678901234567890123456789"
                    "012345678901234567890123456789\r\n");
    }
    RAW_CHECK(raw_hear(raw, fd) == 0); /* endless: closed */
    close(fd);
    fd = raw_connect(raw);
    raw_say(fd, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 1000; i++) {
        raw_say(fd, "X-More: 0123456789012345678901234567890123456789012345678901234567890\r\n");
    }
    raw_say(fd, "\r\n");
    int status = raw_hear(raw, fd);
    RAW_CHECK(status == 431 || raw->len == 0);
    close(fd);
}

static void test_too_large(void **state)
{
    struct world w = {0};
    struct listener_stats s =
        world_run(&w, (struct listener_options){.body_max = 10000}, too_large);
    assert_int_equal(s.requests, 1);
    assert_int_equal(s.refused, 2);
}

static void send_coded(struct raw *raw, int fd, const char *coding, const void *data, size_t len)
{
    char head[200];
    snprintf(head, sizeof head,
             "POST /c HTTP/1.1\r\nHost: h\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
             coding, len);
    raw_say(fd, head);
    raw_send(fd, data, len);
}

static size_t squeeze(uint8_t out[4096], const void *data, size_t len, int window)
{
    z_stream z = {0};
    RAW_CHECK(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = 4096;
    RAW_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return 4096 - z.avail_out;
}

static void codings(struct raw *raw)
{
    static const uint8_t zeros[200000];
    uint8_t out[4096];
    int fd = raw_connect(raw);
    send_coded(raw, fd, "deflate", out, squeeze(out, "zlib", 4, 15));
    RAW_CHECK(raw_hear(raw, fd) == 200 && strstr(raw_body(raw), "|zlib"));
    send_coded(raw, fd, "deflate", out, squeeze(out, "raw", 3, -15));
    RAW_CHECK(raw_hear(raw, fd) == 200 && strstr(raw_body(raw), "|raw"));
    send_coded(raw, fd, "gzip", out, squeeze(out, "gzip", 4, 31));
    RAW_CHECK(raw_hear(raw, fd) == 200 && strstr(raw_body(raw), "|gzip"));
    send_coded(raw, fd, "identity", "plain", 5);
    RAW_CHECK(raw_hear(raw, fd) == 200 && strstr(raw_body(raw), "|plain"));
    struct {
        const char *coding;
        const void *data;
        size_t len;
        int status;
    } bad[] = {
        {"br", "x", 1, 415},
        {"deflate", "\xff\xff\xff", 3, 400},
        {"gzip", "\x1f\x8b\x08\x00", 4, 400}, /* cut short */
        {"deflate", out, squeeze(out, zeros, sizeof zeros, 15), 413},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int other = raw_connect(raw);
        send_coded(raw, other, bad[i].coding, bad[i].data, bad[i].len);
        RAW_CHECK(raw_hear(raw, other) == bad[i].status);
        close(other);
    }
    close(fd);
}

static void test_codings(void **state)
{
    struct world w = {0};
    struct listener_stats s = world_run(&w, (struct listener_options){.body_max = 100000}, codings);
    assert_int_equal(s.requests, 4);
    assert_int_equal(s.refused, 4);
}

/* --- what is kept -------------------------------------------------------------------------------
 */

static void wait_for(atomic_int *value, int goal)
{
    for (int i = 0; i < 5000 && atomic_load(value) < goal; i++) {
        usleep(1000);
    }
    RAW_CHECK(atomic_load(value) == goal);
}

static void keeping(struct raw *raw)
{
    struct world *w = raw->arg;
    int fd[10], other = raw_connect(raw);
    for (int i = 0; i < 10; i++) {
        fd[i] = raw_connect(raw);
        raw_say(fd[i], "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    wait_for(&w->seen, 10);
    close(fd[0]);
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd[1]);
    wait_for(&w->gone, 2);
    raw_say(other, "GET /wake HTTP/1.1\r\nHost: h\r\n\r\n");
    RAW_CHECK(raw_hear(raw, other) == 200);
    for (int i = 2; i < 10; i++) {
        RAW_CHECK(raw_hear(raw, fd[i]) == 200);
        RAW_CHECK(strcmp(raw_body(raw), "late") == 0);
        raw_say(fd[i], "GET /again HTTP/1.1\r\nHost: h\r\n\r\n");
        RAW_CHECK(raw_hear(raw, fd[i]) == 200);
        close(fd[i]);
    }
    close(other);
}

static void test_keeping(void **state)
{
    struct world w = {0};
    struct listener_stats s = world_run(&w, (struct listener_options){0}, keeping);
    assert_int_equal(s.requests, 10 + 1 + 8);
    assert_int_equal(s.replies, 8 + 1 + 8);
    assert_int_equal(s.aborted, 2);
}

/* A handler that does not ask about the peer may answer whenever it likes. */
static void untold(struct raw *raw)
{
    struct world *w = raw->arg;
    int fd = raw_connect(raw), other = raw_connect(raw);
    raw_say(fd, "GET /keep-untold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for(&w->seen, 1);
    close(fd);
    usleep(50000);
    raw_say(other, "GET /wake HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    raw_hear(raw, other);
    close(other);
}

static void test_untold(void **state)
{
    struct world w = {0};
    struct listener_stats s = world_run(&w, (struct listener_options){0}, untold);
    assert_int_equal(s.requests, 2);
}

/* The listener goes while exchanges are kept: told or not, nothing is left or touched again. */
static void left_behind(struct raw *raw)
{
    struct world *w = raw->arg;
    int a = raw_connect(raw), b = raw_connect(raw);
    raw_say(a, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
    raw_say(b, "GET /keep-untold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for(&w->seen, 2);
    w->first_connection = (uint64_t)a;
    w->last_connection = (uint64_t)b;
}

static void test_left_behind(void **state)
{
    struct world w = {0};
    world_run(&w, (struct listener_options){0}, left_behind);
    assert_int_equal(w.gone, 1);
    exchange_answer(w.untold, &(struct exchange_reply){.status = 200}); /* the last to know */
    struct raw raw = {0};
    assert_int_equal(raw_hear(&raw, (int)w.first_connection), 503);
    assert_int_equal(raw_hear(&raw, (int)w.last_connection), 503);
    close((int)w.first_connection);
    close((int)w.last_connection);
}

static void test_port_in_use(void **state)
{
    struct net_fixture f = {0};
    char error[LISTENER_ERROR_MAX], expected[LISTENER_ERROR_MAX];
    struct listener *second;
    fixture_open(&f, NULL);
    fixture_listen(&f, (struct listener_options){.handler = handler});
    struct listener_options o = {
        .address = "127.0.0.1", .port = listener_port(f.listener), .handler = handler};
    assert_int_equal(listener_new(&second, f.lane, &o, error), SHOAL_E_BUSY);
    assert_null(second);
    snprintf(expected, sizeof expected,
             "127.0.0.1:%u is in use by another program; choose another with --listen",
             listener_port(f.listener));
    assert_string_equal(error, expected);
    o.address = "localhost";
    assert_int_not_equal(listener_new(&second, f.lane, &o, error), 0);
    assert_string_equal(error, "localhost is not an IP address to listen on");
    o.address = "203.0.113.77";
    assert_int_not_equal(listener_new(&second, f.lane, &o, error), 0);
    assert_non_null(strstr(error, "is no address of this machine"));
    fixture_close(&f);
}

/* Beyond what select() could watch. */
#define MANY 1500

static void many(struct raw *raw)
{
    static int fd[MANY];
    for (int i = 0; i < MANY; i++) {
        fd[i] = raw_connect(raw);
        RAW_CHECK(fd[i] >= 0);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            raw_say(fd[i], "GET /m HTTP/1.1\r\nHost: h\r\n\r\n");
        }
        for (int i = 0; i < MANY; i++) {
            RAW_CHECK(raw_hear(raw, fd[i]) == 200);
        }
    }
    for (int i = 0; i < MANY; i++) {
        close(fd[i]);
    }
}

static void test_many(void **state)
{
    struct world w = {0};
    struct listener_stats s = world_run(&w, (struct listener_options){0}, many);
    assert_int_equal(s.requests, 2 * MANY);
    assert_int_equal(s.replies, 2 * MANY);
}

static void idle(struct raw *raw)
{
    int fd = raw_connect(raw);
    int64_t start_ns = clock_ns();
    RAW_CHECK(raw_closed(fd));
    RAW_CHECK(clock_ns() - start_ns < 5 * NS_PER_S);
    close(fd);
}

static void test_idle_is_closed(void **state)
{
    struct world w = {0};
    world_run(&w, (struct listener_options){.idle_s = 1}, idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_on_one), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_codings),        cmocka_unit_test(test_keeping),
        cmocka_unit_test(test_untold),         cmocka_unit_test(test_left_behind),
        cmocka_unit_test(test_port_in_use),    cmocka_unit_test(test_many),
        cmocka_unit_test(test_idle_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
