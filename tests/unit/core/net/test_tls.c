/* HTTPS: who is trusted, names, client certificates, resumed sessions, HTTP/2. */
#include <string.h>

#include "tests/unit/core/net/net_fixture.h"
#include "tests/unit/core/net/tls_server.h"

struct files {
    char folder[64], ca[96], stranger[96], junk[96], client_cert[96], client_key[96];
    struct identity authority, other, server, expired;
};

struct world {
    struct net_fixture f;
    struct http_target *target;
    struct http_stats stats;
    struct http_response response;
    char body[256];
    int rounds;
    uint64_t next_client;
    char host[32];
};

static int make_files(void **state)
{
    struct files *k = calloc(1, sizeof *k);
    snprintf(k->folder, sizeof k->folder, "/tmp/shoal-test-tls-XXXXXX");
    assert_non_null(mkdtemp(k->folder));
    snprintf(k->ca, sizeof k->ca, "%s/ca.pem", k->folder);
    snprintf(k->stranger, sizeof k->stranger, "%s/stranger.pem", k->folder);
    snprintf(k->junk, sizeof k->junk, "%s/junk.pem", k->folder);
    snprintf(k->client_cert, sizeof k->client_cert, "%s/client-{client}.pem", k->folder);
    snprintf(k->client_key, sizeof k->client_key, "%s/client-{client}.key", k->folder);
    k->authority = identity_new((struct identity_options){.name = "our authority"});
    k->other = identity_new((struct identity_options){.name = "another authority"});
    k->server = identity_new((struct identity_options){
        .name = "tls.test", .issuer = &k->authority, .san = "DNS:tls.test,IP:127.0.0.1"});
    k->expired = identity_new((struct identity_options){.name = "tls.test",
                                                        .issuer = &k->authority,
                                                        .san = "DNS:tls.test",
                                                        .from_s = -7200,
                                                        .to_s = -3600});
    identity_save(&k->authority, k->ca, NULL);
    identity_save(&k->other, k->stranger, NULL);
    FILE *junk = fopen(k->junk, "w");
    fputs("no certificate\n", junk);
    fclose(junk);
    for (int i = 0; i < 4; i++) {
        char name[32], cert[96], key[96];
        snprintf(name, sizeof name, "client %d", i);
        snprintf(cert, sizeof cert, "%s/client-%d.pem", k->folder, i);
        snprintf(key, sizeof key, "%s/client-%d.key", k->folder, i);
        struct identity id = identity_new(
            (struct identity_options){.name = name, .issuer = i < 3 ? &k->authority : &k->other});
        identity_save(&id, cert, key);
        identity_free(&id);
    }
    *state = k;
    return 0;
}

static int drop_files(void **state)
{
    struct files *k = *state;
    static const char *const names[] = {"ca.pem",       "stranger.pem", "junk.pem",
                                        "client-0.pem", "client-0.key", "client-1.pem",
                                        "client-1.key", "client-2.pem", "client-2.key",
                                        "client-3.pem", "client-3.key"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", k->folder, names[i]);
        unlink(path);
    }
    rmdir(k->folder);
    identity_free(&k->authority);
    identity_free(&k->other);
    identity_free(&k->server);
    identity_free(&k->expired);
    free(k);
    return 0;
}

static void calls(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    struct http_client *client;
    assert_int_equal(http_client_new(&client, f->net, w->next_client++), 0);
    for (int i = 0; i < w->rounds; i++) {
        struct http_request q = {.method = "GET", .target = w->target, .path = "/"};
        struct http_response r;
        http_call(client, &q, &r, a, clock_after(clock_ns(), 10 * NS_PER_S));
        snprintf(w->body, sizeof w->body, "%s", r.body.data ? (const char *)r.body.data : "");
        w->response = r;
        http_client_iteration_end(client);
        if (r.error) {
            break;
        }
    }
    http_client_free(client);
    http_net_stats(f->net, &w->stats);
    arena_free(a);
}

static void visit(struct world *w, struct tls_server *s, const char *host,
                  const struct http_options *options, int fibers)
{
    const char *here[] = {"127.0.0.1", NULL};
    struct names_host hosts[] = {{"tls.test", here}, {"other.test", here}};
    char url[96];
    fixture_open(&w->f, &(struct names_options){.hosts = hosts, .host_count = 2});
    snprintf(url, sizeof url, "https://%s:%u", host, s->port);
    w->target = fixture_target(url, options);
    w->rounds = w->rounds ? w->rounds : 1;
    for (int i = 0; i < fibers; i++) {
        fixture_spawn(&w->f, calls, w);
    }
    fixture_run(&w->f);
    fixture_close(&w->f);
    http_target_free(w->target);
}

static void expect_error(const struct world *w, int error, const char *words)
{
    if (w->response.error != error || (words && !strstr(w->response.detail, words))) {
        fail_msg("expected %s (%s), got %s (%s)", error_name(error), words ? words : "",
                 error_name(w->response.error), w->response.detail);
    }
}

static void test_trust(void **state)
{
    struct files *k = *state;
    struct tls_server s = {0};
    tls_server_open(&s, &k->server, NULL);
    struct http_options with_ca = {.tls.ca_file = k->ca}, stranger = {.tls.ca_file = k->stranger},
                        blind = {.tls.insecure = true};
    struct world w = {0};
    visit(&w, &s, "tls.test", &with_ca, 1);
    expect_error(&w, 0, NULL);
    assert_string_equal(w.body, "tls.test|tls.test|none"); /* the alias is seen nowhere */
    assert_true(w.response.times.connect > 0);
    assert_true(w.response.times.tls > w.response.times.connect);
    assert_true(w.response.times.first_byte > w.response.times.tls);
    w = (struct world){0};
    visit(&w, &s, "127.0.0.1", &with_ca, 1);
    expect_error(&w, 0, NULL);
    w = (struct world){0};
    visit(&w, &s, "other.test", &with_ca, 1);
    expect_error(&w, SHOAL_E_TLS, "other.test");
    assert_false(w.response.sent);
    w = (struct world){0};
    visit(&w, &s, "tls.test", NULL, 1);
    expect_error(&w, SHOAL_E_TLS, "certificate");
    w = (struct world){0};
    visit(&w, &s, "tls.test", &stranger, 1);
    expect_error(&w, SHOAL_E_TLS, "certificate");
    w = (struct world){0};
    visit(&w, &s, "other.test", &blind, 1);
    expect_error(&w, 0, NULL);
    tls_server_close(&s);
}

static void test_expired(void **state)
{
    struct files *k = *state;
    struct tls_server s = {0};
    struct world w = {0};
    tls_server_open(&s, &k->expired, NULL);
    visit(&w, &s, "tls.test", &(struct http_options){.tls.ca_file = k->ca}, 1);
    expect_error(&w, SHOAL_E_TLS, "expired");
    tls_server_close(&s);
}

static void test_bad_ca_file(void **state)
{
    struct files *k = *state;
    struct http_target *t;
    const char *why, *paths[] = {k->junk, "/nonexistent/ca.pem"};
    for (int i = 0; i < 2; i++) {
        struct http_options o = {.tls.ca_file = paths[i]};
        assert_int_equal(http_target_new(&t, "https://tls.test", &o, &why), SHOAL_E_BAD_INPUT);
        assert_non_null(strstr(why, "CA file"));
    }
}

static void test_shared_trust(void **state)
{
    struct files *k = *state;
    struct tls_server s = {0};
    struct world w = {0};
    tls_server_open(&s, &k->server, NULL);
    struct http_target *first =
        fixture_target("https://tls.test", &(struct http_options){.tls.ca_file = k->ca});
    visit(&w, &s, "tls.test", &(struct http_options){.tls.trust_of = first}, 1);
    expect_error(&w, 0, NULL);
    http_target_free(first);
    tls_server_close(&s);
}

static void test_client_certificates(void **state)
{
    struct files *k = *state;
    struct tls_server s = {0};
    struct http_options o = {
        .tls = {.ca_file = k->ca, .cert_file = k->client_cert, .key_file = k->client_key}};
    struct http_options none = {.tls.ca_file = k->ca};
    tls_server_open(&s, &k->server, &k->authority);
    for (uint64_t i = 0; i < 3; i++) {
        struct world w = {.next_client = i, .rounds = 2};
        char expected[64];
        snprintf(expected, sizeof expected, "tls.test|tls.test|client %d", (int)i);
        visit(&w, &s, "tls.test", &o, 1);
        expect_error(&w, 0, NULL);
        assert_string_equal(w.body, expected);
    }
    struct world w = {.next_client = 3};
    visit(&w, &s, "tls.test", &o, 1); /* of an authority the server does not know */
    expect_error(&w, SHOAL_E_TLS, "alert");
    w = (struct world){0};
    visit(&w, &s, "tls.test", &none, 1);
    expect_error(&w, SHOAL_E_TLS, "alert");
    w = (struct world){.next_client = 9};
    visit(&w, &s, "tls.test", &o, 1); /* there is no such file */
    expect_error(&w, SHOAL_E_TLS, "client-9.pem");
    tls_server_close(&s);
}

static void test_resumption(void **state)
{
    struct files *k = *state;
    struct tls_server s = {0};
    struct world w = {.rounds = 5};
    tls_server_open(&s, &k->server, NULL);
    visit(&w, &s, "tls.test",
          &(struct http_options){.tls.ca_file = k->ca, .lifetime = HTTP_KEEP_ITERATION}, 12);
    expect_error(&w, 0, NULL);
    assert_int_equal(w.stats.connects, 60);
    assert_int_equal(w.stats.tls_full, 12); /* once for each client: sessions are not shared */
    assert_int_equal(w.stats.tls_resumed, 48);
    w = (struct world){.rounds = 5};
    visit(&w, &s, "tls.test", &(struct http_options){.tls.ca_file = k->ca}, 12);
    assert_int_equal(w.stats.tls_full, 12);
    assert_int_equal(w.stats.tls_resumed, 0);
    tls_server_close(&s);
}

static void test_http2(void **state)
{
    struct files *k = *state;
    struct tls_server s = {.http2 = true};
    int wanted[] = {0, 2, 1}, got[] = {20, 20, 11};
    tls_server_open(&s, &k->server, NULL);
    for (int i = 0; i < 3; i++) {
        struct world w = {.rounds = 4};
        visit(&w, &s, "tls.test",
              &(struct http_options){.tls.ca_file = k->ca, .http_version = wanted[i]}, 3);
        expect_error(&w, 0, NULL);
        assert_int_equal(w.response.http_version, got[i]);
        assert_int_equal(w.response.status, 200);
        assert_string_equal(w.body, got[i] == 20 ? "tls.test|h2|none" : "tls.test|tls.test|none");
        assert_int_equal(w.stats.connects, 3);
        assert_int_equal(w.stats.requests, 12);
    }
    tls_server_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_bad_ca_file),
        cmocka_unit_test(test_shared_trust),
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_http2),
    };
    return cmocka_run_group_tests(tests, make_files, drop_files);
}
