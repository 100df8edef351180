/* Faults: their shares, their options, and what a client sees of each. */
#include <math.h>
#include <string.h>

#include "core/net/faults.h"
#include "core/plan/errors.h"
#include "tests/unit/core/net/net_fixture.h"

#define DRAWS 100000

static void draw(const struct faults_options *o, int kinds[5], int *delayed)
{
    struct faults f;
    memset(kinds, 0, 5 * sizeof *kinds);
    *delayed = 0;
    faults_init(&f, o);
    for (int i = 0; i < DRAWS; i++) {
        struct fault fault;
        faults_draw(&f, &fault);
        kinds[fault.kind]++;
        *delayed += fault.delay_ns > 0;
        assert_true(fault.delay_ns == 0 || fault.delay_ns == 5 * NS_PER_MS);
        assert_int_equal(fault.status, 503);
    }
}

static void near(int count, double share)
{
    double deviation = sqrt(DRAWS * share * (1 - share));
    assert_true(fabs(count - DRAWS * share) < 6 * deviation + 1);
}

static void test_shares(void **state)
{
    struct faults_options o = {
        .delay = distribution_fixed(DISTRIBUTION_DURATION, 5.0 * NS_PER_MS),
        .delay_share = 0.3,
        .error_share = 0.05,
        .error_status = 503,
        .drop_share = 0.04,
        .lose_share = 0.03,
        .truncate_share = 0.02,
        .seed = 7,
    };
    int kinds[5], again[5], delayed, delayed_again;
    draw(&o, kinds, &delayed);
    near(kinds[FAULT_NONE], 0.86);
    near(kinds[FAULT_ERROR], 0.05);
    near(kinds[FAULT_DROP], 0.04);
    near(kinds[FAULT_LOSE], 0.03);
    near(kinds[FAULT_TRUNCATE], 0.02);
    near(delayed, 0.3);
    draw(&o, again, &delayed_again);
    assert_memory_equal(kinds, again, sizeof kinds);
    o.seed = 8;
    draw(&o, again, &delayed_again);
    assert_memory_not_equal(kinds, again, sizeof kinds);
}

static void test_options(void **state)
{
    struct arena *a = arena_new();
    struct plan_errors errors = {0};
    struct faults_options o;
    const char *none[] = {NULL};
    assert_int_equal(options_from_sets(&faults_option_table, none, 0, a, &o, &errors), 0);
    struct faults f;
    struct fault fault;
    faults_init(&f, &o);
    for (int i = 0; i < 1000; i++) { /* the defaults are no faults at all */
        faults_draw(&f, &fault);
        assert_int_equal(fault.kind, FAULT_NONE);
        assert_int_equal(fault.delay_ns, 0);
    }
    const char *sets[] = {"delay={\"uniform\":[\"10ms\",\"20ms\"]}", "drop_share=0.5",
                          "error_status=503", "restart_every=10s", "seed=99"};
    assert_int_equal(options_from_sets(&faults_option_table, sets, 5, a, &o, &errors), 0);
    assert_true(o.drop_share == 0.5 && o.delay_share == 1);
    assert_int_equal(o.error_status, 503);
    assert_int_equal(o.restart_every_ns, 10 * NS_PER_S);
    assert_int_equal(o.seed, 99);
    faults_init(&f, &o);
    faults_draw(&f, &fault);
    assert_in_range(fault.delay_ns, 10 * NS_PER_MS, 20 * NS_PER_MS);
    const char *bad[] = {"error_status=200"};
    assert_int_not_equal(options_from_sets(&faults_option_table, bad, 1, a, &o, &errors), 0);
    plan_errors_free(&errors);
    arena_free(a);
}

/* --- what a client sees -------------------------------------------------------------------------
 */

struct world {
    struct net_fixture f;
    struct faults faults;
    struct http_target *target;
    struct http_client *client;
    int handled;
    struct listener_stats stats;
    int error, status;
    int64_t took_ns;
    struct exchange *kept;
    int gone;
};

static void handler(void *arg, struct exchange *x)
{
    struct world *w = arg;
    w->handled++;
    exchange_answer(x, &(struct exchange_reply){.status = 200, .body = slice_str("0123456789")});
}

static void one_call(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct arena *a = arena_new();
    struct http_response r;
    struct http_request q = {.method = "GET", .target = w->target};
    w->error = http_call(w->client, &q, &r, a, clock_after(clock_ns(), 5 * NS_PER_S));
    w->status = r.status;
    w->took_ns = r.times.total;
    listener_stats(f->listener, &w->stats);
    arena_free(a);
}

static void in_world(struct world *w, const struct faults_options *o,
                     void (*fn)(struct net_fixture *, void *),
                     void (*handle)(void *, struct exchange *))
{
    memset(w, 0, sizeof *w);
    faults_init(&w->faults, o);
    fixture_open(&w->f, NULL);
    fixture_listen(&w->f,
                   (struct listener_options){.handler = handle, .arg = w, .faults = &w->faults});
    w->target = fixture_target(w->f.base, NULL);
    assert_int_equal(http_client_new(&w->client, w->f.net, 0), 0);
    fixture_spawn(&w->f, fn, w);
    fixture_run(&w->f);
    http_client_free(w->client);
    fixture_close(&w->f);
    http_target_free(w->target);
}

static void test_each_fault(void **state)
{
    struct distribution delay = distribution_fixed(DISTRIBUTION_DURATION, 30.0 * NS_PER_MS);
    struct {
        struct faults_options o;
        int error, status, handled;
        bool late;
    } cases[] = {
        {{.error_share = 0}, 0, 200, 1, false},
        {{.delay = delay, .delay_share = 1}, 0, 200, 1, true},
        {{.error_share = 1, .error_status = 502}, 0, 502, 0, false},
        {{.error_share = 1, .error_status = 502, .delay = delay, .delay_share = 1},
         0,
         502,
         0,
         true},
        {{.drop_share = 1}, SHOAL_E_RESET, 0, 0, false},
        {{.lose_share = 1}, SHOAL_E_RESET, 0, 1, false},
        {{.lose_share = 1, .delay = delay, .delay_share = 1}, SHOAL_E_RESET, 0, 1, true},
        {{.truncate_share = 1}, SHOAL_E_SHORT_BODY, 0, 1, false},
        {{.truncate_share = 1, .delay = delay, .delay_share = 1}, SHOAL_E_SHORT_BODY, 0, 1, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        in_world(&w, &cases[i].o, one_call, handler);
        assert_int_equal(w.error, cases[i].error);
        assert_int_equal(w.status, cases[i].status);
        assert_int_equal(w.handled, cases[i].handled);
        assert_true(w.took_ns >= 30 * NS_PER_MS || !cases[i].late);
        assert_int_equal(w.stats.requests, 1);
        assert_int_equal(w.stats.faults, i > 0);
        assert_int_equal(w.stats.replies,
                         cases[i].error == SHOAL_OK || cases[i].error == SHOAL_E_SHORT_BODY);
    }
}

/* --- restarts ------------------------------------------------------------------------------------
 */

struct outcome {
    int ok, refused, reset, other;
};

static void through_restarts(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    struct outcome seen = {0};
    int64_t end_ns = clock_after(clock_ns(), 700 * NS_PER_MS);
    bool down = false;
    int restarts = 0;
    while (clock_ns() < end_ns) {
        one_call(f, w);
        seen.ok += w->error == SHOAL_OK;
        seen.refused += w->error == SHOAL_E_REFUSED;
        seen.reset += w->error == SHOAL_E_RESET;
        seen.other +=
            w->error != SHOAL_OK && w->error != SHOAL_E_REFUSED && w->error != SHOAL_E_RESET;
        restarts += down && w->error == SHOAL_OK;
        down = w->error != SHOAL_OK;
        lane_sleep_until(clock_after(clock_ns(), 5 * NS_PER_MS));
    }
    assert_true(seen.ok > 10 && seen.refused > 4);
    assert_int_equal(seen.other, 0);
    assert_in_range(restarts, 2, 6);
    assert_int_equal(w->handled, seen.ok);
}

static void test_restart(void **state)
{
    struct world w;
    struct faults_options o = {.restart_every_ns = 100 * NS_PER_MS,
                               .restart_down_ns = 50 * NS_PER_MS};
    in_world(&w, &o, through_restarts, handler);
}

static void was_gone(struct exchange *x)
{
    ++*(int *)exchange_user(x);
}

static void keeper(void *arg, struct exchange *x)
{
    struct world *w = arg;
    w->kept = x;
    exchange_set_user(x, &w->gone);
    exchange_on_gone(x, was_gone);
}

static void kept_through_restart(struct net_fixture *f, void *arg)
{
    struct world *w = arg;
    one_call(f, w);
    assert_int_equal(w->error, SHOAL_E_RESET); /* forgotten with its connection */
    assert_int_equal(w->gone, 1);
}

static void test_restart_forgets(void **state)
{
    struct world w;
    struct faults_options o = {.restart_every_ns = 100 * NS_PER_MS,
                               .restart_down_ns = 50 * NS_PER_MS};
    in_world(&w, &o, kept_through_restart, keeper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),          cmocka_unit_test(test_options),
        cmocka_unit_test(test_each_fault),      cmocka_unit_test(test_restart),
        cmocka_unit_test(test_restart_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
