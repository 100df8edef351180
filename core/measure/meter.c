#include "core/measure/meter.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/measure/interval.h"
#include "core/util/clock.h"
#include "core/util/log.h"

struct meter {
    struct interval *now; /* the one that is written */
    struct interval intervals[2];
    int64_t *in_flight;
    unsigned series_count;
    struct meter_clients clients;
    struct meter_gauges gauges;
};

/* --- names -------------------------------------------------------------------------------- */

const char *series_kind_name(enum series_kind kind)
{
    static const char *const names[] = {
#define SERIES_KIND_NAME(id, name) name,
        SERIES_KINDS(SERIES_KIND_NAME)
#undef SERIES_KIND_NAME
    };
    return names[kind];
}

const char *meter_event_name(enum meter_event event)
{
    static const char *const names[] = {
#define METER_EVENT_NAME(id, name, help) name,
        METER_EVENTS(METER_EVENT_NAME)
#undef METER_EVENT_NAME
    };
    return names[event];
}

const char *meter_phase_name(enum meter_phase phase)
{
    static const char *const names[PHASES] = {"queued", "resolve", "connect", "tls", "first_byte"};
    return names[phase];
}

static void set_series(struct series *s, const char *scenario, enum series_kind kind,
                       const char *name)
{
    snprintf(s->scenario, sizeof s->scenario, "%s", scenario);
    snprintf(s->name, sizeof s->name, "%s", name);
    s->kind = kind;
}

unsigned series_add(struct series_table *table, const char *scenario, enum series_kind kind,
                    const char *name)
{
    static_assert(SERIES_OTHER + SERIES_REQUEST == SERIES_MAX - 1, "an other for each kind");
    if (table->count < SERIES_OTHER) {
        set_series(&table->series[table->count], scenario, kind, name);
        return table->count++;
    }
    for (unsigned k = SERIES_ITERATION; k <= SERIES_REQUEST; k++) {
        set_series(&table->series[SERIES_OTHER + k], "other", (enum series_kind)k, "other");
    }
    table->count = SERIES_MAX;
    return SERIES_OTHER + (unsigned)kind;
}

/* --- life --------------------------------------------------------------------------------- */

static void interval_init(struct interval *v, unsigned series_count)
{
    v->series_count = series_count;
    v->series = calloc(series_count ? series_count : 1, sizeof *v->series);
    if (!v->series)
        die("out of memory for an interval");
    for (int i = 0; i < PHASES; i++)
        histogram_init(&v->phases[i], false);
    histogram_init(&v->lag, false);
}

static void interval_free(struct interval *v)
{
    for (unsigned i = 0; i < v->series_count; i++)
        for (int t = 0; t < SERIES_TIMES; t++)
            histogram_delete(v->series[i].times[t]);
    free(v->series);
    for (int i = 0; i < PHASES; i++)
        histogram_free(&v->phases[i]);
    histogram_free(&v->lag);
    failures_free(&v->failures);
}

struct meter *meter_new(const struct series_table *table)
{
    struct meter *m = calloc(1, sizeof *m);
    if (!m)
        die("out of memory for a meter");
    m->series_count = table->count;
    m->in_flight = calloc(table->count ? table->count : 1, sizeof *m->in_flight);
    if (!m->in_flight)
        die("out of memory for a meter");
    for (int i = 0; i < 2; i++)
        interval_init(&m->intervals[i], table->count);
    m->now = &m->intervals[0];
    return m;
}

void meter_free(struct meter *m)
{
    if (!m)
        return;
    for (int i = 0; i < 2; i++)
        interval_free(&m->intervals[i]);
    free(m->in_flight);
    free(m);
}

/* --- recording ---------------------------------------------------------------------------- */

static inline struct interval_series *series_of(struct meter *m, unsigned series)
{
    assert(series < m->series_count);
    return &m->now->series[series];
}

static inline void record_time(struct interval_series *s, enum series_time time, int64_t ns)
{
    if (!s->times[time])
        s->times[time] = histogram_new(false);
    histogram_record(s->times[time], ns);
}

void meter_started(struct meter *m, unsigned series)
{
    series_of(m, series)->started++;
    m->in_flight[series]++;
}

void meter_ended(struct meter *m, unsigned series, const struct outcome *outcome)
{
    struct interval_series *s = series_of(m, series);
    m->in_flight[series]--;
    s->bytes_sent += outcome->bytes_sent;
    s->bytes_received += outcome->bytes_received;
    switch (outcome->kind) {
    case OUTCOME_SUCCEEDED:
        s->succeeded++;
        record_time(s, TIME_LATENCY, outcome->latency_ns);
        break;
    case OUTCOME_FAILED:
        s->failed++;
        record_time(s, TIME_FAILED, outcome->latency_ns);
        break;
    case OUTCOME_CANCELLED:
        s->cancelled++;
        break;
    }
    if (outcome->start_delay_ns != START_DELAY_NONE)
        record_time(s, TIME_DELAY, outcome->start_delay_ns);
}

void meter_failure(struct meter *m, unsigned series, const struct failure *failure)
{
    assert(series < m->series_count);
    failures_add(&m->now->failures, series, failure, 1);
}

void meter_phase(struct meter *m, enum meter_phase phase, int64_t ns)
{
    if (ns > 0)
        histogram_record(&m->now->phases[phase], ns);
}

void meter_event(struct meter *m, enum meter_event event, uint64_t count)
{
    m->now->events[event] += count;
}

void meter_clock(struct meter *m, enum meter_clock clock, int64_t ns)
{
    m->now->clocks_ns[clock] += ns;
}

void meter_lag(struct meter *m, int64_t late_ns)
{
    histogram_record(&m->now->lag, late_ns);
}

void meter_clients(struct meter *m, const struct meter_clients *clients)
{
    m->clients = *clients;
}

void meter_gauges(struct meter *m, const struct meter_gauges *gauges)
{
    m->gauges.fibers = gauges->fibers;
    m->gauges.switches += gauges->switches;
    m->gauges.fiber_wait_ns += gauges->fiber_wait_ns;
    m->gauges.posts_refused += gauges->posts_refused;
}

int64_t meter_in_flight(const struct meter *m, unsigned series)
{
    assert(series < m->series_count);
    return m->in_flight[series];
}

/* --- handing over ------------------------------------------------------------------------- */

struct interval *meter_publish(struct meter *m)
{
    struct interval *done = m->now;
    struct interval *next = &m->intervals[done == &m->intervals[0]];
    if (atomic_load_explicit(&next->taken, memory_order_acquire))
        return NULL;
    for (unsigned i = 0; i < m->series_count; i++)
        done->series[i].in_flight = m->in_flight[i];
    done->clients = m->clients;
    done->gauges = m->gauges;
    memset(&m->gauges, 0, sizeof m->gauges);
    done->published_ns = clock_ns();
    done->cpu_ns = clock_thread_cpu_ns();
    done->tid = gettid();
    atomic_store_explicit(&done->taken, true, memory_order_release);
    m->now = next;
    return done;
}

void interval_release(struct interval *v)
{
    for (unsigned i = 0; i < v->series_count; i++) {
        struct interval_series *s = &v->series[i];
        for (int t = 0; t < SERIES_TIMES; t++)
            if (s->times[t])
                histogram_clear(s->times[t]);
        s->started = s->succeeded = s->failed = s->cancelled = 0;
        s->bytes_sent = s->bytes_received = 0;
    }
    for (int i = 0; i < PHASES; i++)
        histogram_clear(&v->phases[i]);
    histogram_clear(&v->lag);
    memset(v->events, 0, sizeof v->events);
    memset(v->clocks_ns, 0, sizeof v->clocks_ns);
    failures_clear(&v->failures);
    atomic_store_explicit(&v->taken, false, memory_order_release);
}
