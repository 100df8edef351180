#include "core/load/flow.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/load/simulator.h"
#include "core/util/clock.h"
#include "core/util/error.h"

/* Every failed step or request has a failure to show; this one says what the code says. */
static void failure_from_error(struct failure *failure, int error)
{
    failure->kind = error_name(error);
    failure->error = error;
    failure->code = 0;
    failure->status = 0;
    snprintf(failure->text, sizeof(failure->text), "%s", error_text(error));
}

static enum outcome_kind outcome_of(int error)
{
    if (error == SHOAL_OK)
        return OUTCOME_SUCCEEDED;
    return error == SHOAL_E_CANCELLED ? OUTCOME_CANCELLED : OUTCOME_FAILED;
}

int flow_step(struct flow *flow, unsigned step, int (*fn)(struct flow *flow, void *arg), void *arg)
{
    unsigned series = series_at(flow->fleet->series_steps, step, SERIES_STEP);
    uint64_t sent_before = flow->bytes_sent, received_before = flow->bytes_received;
    int64_t start = clock_ns();

    flow->failure.error = SHOAL_OK;
    meter_started(flow->meter, series);
    int error = fn(flow, arg);
    assert(error <= 0);
    struct outcome outcome = {
        .kind = outcome_of(error),
        .latency_ns = clock_ns() - start,
        .start_delay_ns = START_DELAY_NONE,
        .bytes_sent = flow->bytes_sent - sent_before,
        .bytes_received = flow->bytes_received - received_before,
    };
    if (outcome.kind == OUTCOME_FAILED) {
        if (flow->failure.error != error)
            failure_from_error(&flow->failure, error);
        meter_failure(flow->meter, series, &flow->failure);
    }
    meter_ended(flow->meter, series, &outcome);
    if (flow->trace)
        flow->trace->step(flow->trace, flow->fleet->simulator->steps[step], error);
    return error;
}

static bool accepted(const int *accept, int status)
{
    if (!accept)
        return status >= 200 && status < 300;
    while (*accept && *accept != status)
        accept++;
    return *accept != 0;
}

static void request_failure(const struct flow_call *call, const struct http_response *response,
                            int error, struct failure *failure)
{
    const struct http_request *http = call->http;

    *failure = (struct failure){.kind = error_name(error), .error = error};
    failure->status = response->status;
    if (error == SHOAL_E_HTTP_STATUS)
        snprintf(failure->text, sizeof(failure->text), "%s %.120s answered %d", http->method,
                 http->path ? http->path : "", response->status);
    else
        snprintf(failure->text, sizeof(failure->text), "%s %.60s: %s", http->method,
                 http->path ? http->path : "",
                 response->detail[0] ? response->detail : error_text(error));
    if (error == SHOAL_E_HTTP_STATUS && call->explain)
        call->explain(response, failure);
}

static void measure_phases(struct meter *m, const struct http_response *response)
{
    const struct http_times *t = &response->times;

    if (response->new_connection) {
        meter_event(m, EVENT_CONNECTS, 1);
        meter_phase(m, PHASE_RESOLVE, t->resolve);
        meter_phase(m, PHASE_CONNECT, t->connect);
        if (t->tls > 0)
            meter_phase(m, PHASE_TLS, t->tls);
    }
    if (t->queued > 0)
        meter_phase(m, PHASE_QUEUED, t->queued);
    if (t->first_byte > 0)
        meter_phase(m, PHASE_FIRST_BYTE, t->first_byte);
}

int flow_request(struct flow *flow, const struct flow_call *call, struct http_response *response)
{
    unsigned series = series_at(flow->fleet->series_requests, call->request, SERIES_REQUEST);

    meter_started(flow->meter, series);
    if (call->retry)
        meter_event(flow->meter, EVENT_RETRIES, 1);
    int error = http_call(flow->http, call->http, response, flow->arena, call->deadline_ns);
    flow->bytes_sent += response->bytes_sent;
    flow->bytes_received += response->bytes_received;
    measure_phases(flow->meter, response);
    if (response->retries)
        meter_event(flow->meter, EVENT_RESENT, response->retries);
    if (error == SHOAL_OK && !accepted(call->accept, response->status))
        error = SHOAL_E_HTTP_STATUS;
    struct outcome outcome = {
        .kind = outcome_of(error),
        .latency_ns = response->ended_ns - response->started_ns,
        .start_delay_ns = START_DELAY_NONE,
        .bytes_sent = response->bytes_sent,
        .bytes_received = response->bytes_received,
    };
    if (outcome.kind == OUTCOME_FAILED) {
        request_failure(call, response, error, &flow->failure);
        meter_failure(flow->meter, series, &flow->failure);
    }
    meter_ended(flow->meter, series, &outcome);
    if (flow->trace)
        flow->trace->exchange(flow->trace, call, response);
    return error;
}

int flow_fail(struct flow *flow, const struct flow_failure *what, const char *format, ...)
{
    va_list args;

    assert(what->error < 0);
    flow->failure.kind = what->kind ? what->kind : error_name(what->error);
    flow->failure.error = what->error;
    flow->failure.code = what->code;
    flow->failure.status = what->status;
    va_start(args, format);
    vsnprintf(flow->failure.text, sizeof(flow->failure.text), format, args);
    va_end(args);
    return what->error;
}

int flow_sleep(struct flow *flow, int64_t duration_ns)
{
    (void)flow;
    return lane_sleep_until(clock_after(clock_ns(), duration_ns));
}

struct crypto_call {
    fiber_fn fn;
    void *arg;
    int64_t spent_ns;
};

static void crypto_run(void *arg)
{
    struct crypto_call *call = arg;
    int64_t start = clock_thread_cpu_ns(); /* a lane that waits for a core does no cryptography */

    call->fn(call->arg);
    call->spent_ns = clock_thread_cpu_ns() - start;
}

void flow_crypto(struct flow *flow, fiber_fn fn, void *arg)
{
    struct crypto_call call = {.fn = fn, .arg = arg};

    fiber_deep(crypto_run, &call);
    meter_clock(flow->meter, METER_CRYPTO, call.spent_ns);
}
