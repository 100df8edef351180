/* What a flow sees of the engine.
 *
 * struct flow is one iteration of one client, living in the iteration's fiber; struct fleet is one
 * scenario, shared by all lanes and immutable once the iterations run. Memory comes from the flow's
 * arena and goes with the iteration, so a flow never calls free(). Calls return 0 or a SHOAL_E_
 * code; a flow returns what it got, after flow_fail where the failure has a name.
 */
#ifndef SHOAL_CORE_LOAD_FLOW_H
#define SHOAL_CORE_LOAD_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/lane/lane.h"
#include "core/measure/meter.h"
#include "core/net/http.h"
#include "core/util/arena.h"
#include "core/util/random.h"

struct simulator;
struct client_store;
struct load_lane; /* core/load's own */

struct fleet {
    const struct simulator *simulator;
    const char *scenario;
    const void *options;             /* the struct that simulator->options binds to */
    const struct http_options *http; /* for http_target_new */
    uint64_t clients;
    uint64_t seed;
    uint8_t run_id[RUN_ID_SIZE];
    struct client_store *store; /* NULL when the simulator keeps no state */
    unsigned series_iteration, series_steps, series_requests; /* first of each, in order */
    void *data; /* the simulator's own, from fleet_start */
};

struct flow {
    struct fleet *fleet;
    uint64_t client;    /* 0 .. fleet->clients-1 */
    uint64_t iteration; /* 0, 1, ... of this client over the state's life */
    struct arena *arena;
    struct rng rng;               /* the iteration's choices */
    struct secret_source secrets; /* the iteration's keys, see secret_derive */
    struct http_client *http;
    struct meter *meter;
    struct lane *lane;
    struct failure failure;              /* the last one said with flow_fail */
    uint64_t bytes_sent, bytes_received; /* of the step that runs */
    struct flow_trace *trace;            /* `shoal try`: sees every exchange; NULL otherwise */
};

/* Run one named, timed step. The step succeeded when fn returns 0, was cancelled when it returns
 * SHOAL_E_CANCELLED, and failed otherwise with flow->failure. Returns what fn returned. */
int flow_step(struct flow *flow, unsigned step, int (*fn)(struct flow *flow, void *arg), void *arg);

/* One exchange, counted and timed under simulator->requests[request]. Returns 0 when a reply came
 * with a status in `accept` (zero-terminated; NULL: 200..299), SHOAL_E_CANCELLED, a transport code,
 * or SHOAL_E_HTTP_STATUS; except for the first two flow->failure is filled (with no protocol code:
 * the simulator adds it with flow_fail after reading the body). */
struct flow_call {
    unsigned request;
    const struct http_request *http;
    const int *accept;
    int64_t deadline_ns;
    /* Reads the protocol's own code and hint out of an error body; NULL: none. */
    void (*explain)(const struct http_response *response, struct failure *failure);
    bool retry; /* this is a repetition: counted under retries */
};
int flow_request(struct flow *flow, const struct flow_call *call, struct http_response *response);

/* Name the failure of this flow; returns `error`, which must not be 0. `kind` is static text. */
struct flow_failure {
    int error;
    const char *kind;
    int64_t code;
    int status;
};
int flow_fail(struct flow *flow, const struct flow_failure *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int flow_sleep(struct flow *flow, int64_t duration_ns);

/* Deep work on the lane's stack, its time counted as cryptography. */
void flow_crypto(struct flow *flow, fiber_fn fn, void *arg);

/* `shoal try`. */
struct flow_trace {
    void (*exchange)(struct flow_trace *trace, const struct flow_call *call,
                     const struct http_response *response);
    void (*step)(struct flow_trace *trace, const char *name, int error);
};

#endif
