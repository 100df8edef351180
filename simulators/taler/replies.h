/* Errors an exchange or a bank answers with, as failure kinds with Taler's code and hint. */
#ifndef SHOAL_SIMULATORS_TALER_REPLIES_H
#define SHOAL_SIMULATORS_TALER_REPLIES_H

#include "core/load/flow.h"
#include "core/util/random.h"
#include "simulators/taler/wallet.h"

/* For flow_call's `explain`: kind, code and hint out of an error body. The second knows that 404
 * from a reserve's end points means the reserve. */
void reply_explain(const struct http_response *response, struct failure *failure);
void reply_explain_reserve(const struct http_response *response, struct failure *failure);

/* One request, and the repetitions that the options allow; it sets the call's deadlines. */
struct wallet_tries {
    const struct wallet_options *options;
    struct rng *pauses;  /* NULL: none is drawn, for what the whole fleet waits for */
    bool once;           /* not idempotent: a try that may have reached the target is the last */
    int64_t wait_ns;     /* a long poll's own time, on top of the timeout */
    int64_t deadline_ns; /* of all tries; CLOCK_NEVER: none */
};
int wallet_try(struct flow *flow, const struct wallet_tries *t, struct flow_call *call,
               struct http_response *response);

/* The kind for a status and a Taler code (0: none); static text. Exposed for tests. */
const char *reply_kind(int status, int64_t code);

#endif
