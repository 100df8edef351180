/* What the tests of core/net share: a lane with a net and a listener, and fibers run to their end.
 */
#ifndef SHOAL_TESTS_NET_FIXTURE_H
#define SHOAL_TESTS_NET_FIXTURE_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/lane/lane.h"
#include "core/net/http.h"
#include "core/net/listener.h"
#include "core/net/names.h"
#include "core/util/clock.h"
#include "core/util/error.h"

struct net_fixture {
    struct lane *lane;
    struct names *names;
    struct http_net *net;
    struct listener *listener;
    char base[80];
    struct fiber_group group;
    size_t left;
};

static inline void fixture_open(struct net_fixture *f, const struct names_options *names)
{
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(lane_new(&f->lane, &(struct lane_options){0}), 0);
    assert_int_equal(names_new(&f->names, names), 0);
    assert_int_equal(http_net_new(&f->net, f->lane, f->names), 0);
}

static inline void fixture_listen(struct net_fixture *f, struct listener_options options)
{
    char error[LISTENER_ERROR_MAX] = "";
    options.address = options.address ? options.address : "127.0.0.1";
    if (listener_new(&f->listener, f->lane, &options, error) != 0) {
        fail_msg("%s", error);
    }
    snprintf(f->base, sizeof f->base, "http://127.0.0.1:%u", listener_port(f->listener));
}

struct fixture_fiber {
    struct net_fixture *f;
    void (*fn)(struct net_fixture *f, void *arg);
    void *arg;
};

static inline void fixture_fiber_main(void *arg)
{
    struct fixture_fiber *x = arg;
    struct net_fixture *f = x->f;
    x->fn(f, x->arg);
    free(x);
    if (--f->left == 0) {
        lane_stop(f->lane);
    }
}

static inline void fixture_spawn(struct net_fixture *f,
                                 void (*fn)(struct net_fixture *f, void *arg), void *arg)
{
    struct fixture_fiber *x = malloc(sizeof *x);
    *x = (struct fixture_fiber){f, fn, arg};
    f->left++;
    assert_int_equal(lane_spawn(f->lane, &f->group, fixture_fiber_main, x), 0);
}

/* Spawned first, so that the lane runs until they have ended. The listener is closed then. */
static inline void fixture_run(struct net_fixture *f)
{
    lane_run(f->lane);
    assert_int_equal(f->left, 0);
}

static inline void fixture_close(struct net_fixture *f)
{
    http_net_free(f->net);
    listener_free(f->listener);
    lane_stop(f->lane);
    lane_run(f->lane);
    lane_free(f->lane);
    names_free(f->names);
}

static inline struct http_target *fixture_target(const char *url,
                                                 const struct http_options *options)
{
    struct http_target *t;
    const char *why = NULL;
    if (http_target_new(&t, url, options, &why) != 0) {
        fail_msg("%s: %s", url, why);
    }
    return t;
}

#endif
