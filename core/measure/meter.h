/* Recording: what one lane counts, without locks and without loss.
 *
 * A series is one row of the results: an iteration, a step or a request of one scenario, known by
 * name before the run starts. Each lane has one meter; the recording calls are for its own thread.
 * An interval's counts and histograms are swapped and published by the lane itself (meter_publish);
 * the reporter merges what was published and owns the totals, so no counter is read while written.
 *
 * For every series, always: started = succeeded + failed + cancelled + in flight, and the counts of
 * its errors add up to failed.
 */
#ifndef SHOAL_CORE_MEASURE_METER_H
#define SHOAL_CORE_MEASURE_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIES_MAX 256        /* the last ones are "other" when more are asked for */
#define FAILURE_TEXT_MAX 256  /* bytes of a failure's first example */
#define FAILURE_KINDS_MAX 512 /* different failures kept; more are counted under "other" */

#define SERIES_KINDS(X)       \
    X(ITERATION, "iteration") \
    X(STEP, "step")           \
    X(REQUEST, "request")

enum series_kind {
#define SERIES_KIND_ENUM(id, name) SERIES_##id,
    SERIES_KINDS(SERIES_KIND_ENUM)
#undef SERIES_KIND_ENUM
};

struct series {
    char scenario[64];
    char name[96];
    enum series_kind kind;
};

struct series_table {
    struct series series[SERIES_MAX];
    unsigned count;
};

/* From here on there is one "other" for each kind, so that sums over a kind stay right. */
#define SERIES_OTHER (SERIES_MAX - 3)

/* The index of a new series; that of its kind's "other" when the table is full. Before the run. */
unsigned series_add(struct series_table *table, const char *scenario, enum series_kind kind,
                    const char *name);

/* The index that series_add gave to the series added `offset` after the one at `first` of a full
 * row; `first` counts on beyond the table's end. */
static inline unsigned series_at(unsigned first, unsigned offset, enum series_kind kind)
{
    return first + offset < SERIES_OTHER ? first + offset : SERIES_OTHER + (unsigned)kind;
}

enum outcome_kind { OUTCOME_SUCCEEDED, OUTCOME_FAILED, OUTCOME_CANCELLED };

#define START_DELAY_NONE INT64_C(-1)

struct outcome {
    enum outcome_kind kind;
    int64_t latency_ns; /* from the (intended) start to the end */
    int64_t
        start_delay_ns; /* actual start - intended start; START_DELAY_NONE where none is meant */
    uint64_t bytes_sent, bytes_received;
};

/* What went wrong, as the protocol says it. `kind` is a stable short word: error_name() of a
 * transport error, or the simulator's own ("reserve-unknown", "bad-blind-signature"). It points to
 * static text. */
struct failure {
    const char *kind;
    int error;                   /* SHOAL_E_... */
    int64_t code;                /* the protocol's own code (Taler `code`), 0: none */
    int status;                  /* HTTP status, 0: none */
    char text[FAILURE_TEXT_MAX]; /* the protocol's hint, or what we saw; no secrets */
};

/* Time spent apart, summed per lane. */
enum meter_clock { METER_CRYPTO, METER_STATE, METER_CLOCKS };

/* Requests' phases, each with a histogram per target class (recorded when > 0). */
enum meter_phase {
    PHASE_QUEUED,
    PHASE_RESOLVE,
    PHASE_CONNECT,
    PHASE_TLS,
    PHASE_FIRST_BYTE,
    PHASES
};

/* Counted beside the series. */
#define METER_EVENTS(X)                                                                  \
    X(NOT_STARTED, "not_started", "arrivals of an open model that could not be started") \
    X(RETRIES, "retries", "requests sent again as the real client does")                 \
    X(CONNECTS, "connects", "connections opened")                                        \
    X(INTENTS, "intents", "intents stored before a request that changes money")          \
    X(REPLAYS, "replays", "stored intents replayed after a resume")                      \
    X(RESENT, "resent", "sent again by HTTP: a kept connection closed under the request")

enum meter_event {
#define METER_EVENT_ENUM(id, name, help) EVENT_##id,
    METER_EVENTS(METER_EVENT_ENUM)
#undef METER_EVENT_ENUM
        EVENTS
};

struct meter; /* one per lane */

struct meter *meter_new(const struct series_table *table);
void meter_free(struct meter *m);

void meter_started(struct meter *m, unsigned series);
void meter_ended(struct meter *m, unsigned series, const struct outcome *outcome);
/* With every OUTCOME_FAILED exactly one failure. */
void meter_failure(struct meter *m, unsigned series, const struct failure *failure);
void meter_phase(struct meter *m, enum meter_phase phase, int64_t ns);
void meter_event(struct meter *m, enum meter_event event, uint64_t count);
void meter_clock(struct meter *m, enum meter_clock clock, int64_t ns);
void meter_lag(struct meter *m, int64_t late_ns); /* loop lag; see lane_on_lag */
/* Gauge: clients of this lane by state, for the live view. */
struct meter_clients {
    uint32_t thinking, running, waiting_arrivals, done;
};
void meter_clients(struct meter *m, const struct meter_clients *clients);
/* How the lane itself is doing; said just before a publish. All but the first add up between two
 * publishes, so the caller gives what is new since its last call. */
struct meter_gauges {
    uint64_t fibers;        /* alive now */
    uint64_t switches;      /* of fibers */
    int64_t fiber_wait_ns;  /* summed time fibers were runnable before they ran */
    uint64_t posts_refused; /* by the cross-lane queue */
};
void meter_gauges(struct meter *m, const struct meter_gauges *gauges);

/* On the lane: close the interval and hand it over. Called from a post by the reporter once per
 * interval and once after the last recording. NULL when the reporter still holds the interval
 * before this one (see core/measure/interval.h); recording goes on and nothing is lost. */
struct interval;
struct interval *meter_publish(struct meter *m);

const char *series_kind_name(enum series_kind kind);
const char *meter_event_name(enum meter_event event);
const char *meter_phase_name(enum meter_phase phase);
/* Started and not yet ended on this lane. */
int64_t meter_in_flight(const struct meter *m, unsigned series);

#endif
