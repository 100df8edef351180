/* Errors an exchange or a bank answers with, as failure kinds with Taler's code and hint. */
#ifndef SHOAL_SIMULATORS_TALER_REPLIES_H
#define SHOAL_SIMULATORS_TALER_REPLIES_H

#include "core/load/flow.h"

/* For flow_call's `explain`: kind, code and hint out of an error body. The second knows that 404
 * from a reserve's end points means the reserve. */
void reply_explain(const struct http_response *response, struct failure *failure);
void reply_explain_reserve(const struct http_response *response, struct failure *failure);

/* The kind for a status and a Taler code (0: none); static text. Exposed for tests. */
const char *reply_kind(int status, int64_t code);

#endif
