/* One execution of a plan: lanes, fleets and their clients. Knows no terminal and no report.
 *
 * The main thread drives it and never blocks on a lane: every call below returns at once, and
 * load_status says how far the lanes are. Order: load_new, load_prepare, (ready) load_begin, then
 * load_collect once per interval, (drained) a last load_collect, load_finish, load_free.
 */
#ifndef SHOAL_CORE_LOAD_RUN_H
#define SHOAL_CORE_LOAD_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/load/simulator.h"
#include "core/load/store.h"
#include "core/plan/plan.h"

struct load_run;

#define LOAD_TEXT_MAX 480

struct load_options {
    const struct plan *plan; /* its URL options are real: nothing is `embedded` any more */
    const struct simulator *const *simulators; /* one per scenario of the plan */
    const struct client_store_class *store;
    const char *state_dir; /* one folder per scenario below it */
    bool existing_state;   /* the run goes on with what is there */
    unsigned lanes;
    uint64_t seed;
    uint8_t run_id[RUN_ID_SIZE];
    uint32_t segment, segments;        /* from 0; 0 segments mean 1 */
    int64_t elapsed_ns;                /* of the load before this process, on resume */
    const struct series_table *series; /* from load_series */
    const struct load_single *single;  /* `shoal try`: NULL otherwise */
};

/* One iteration of one client of each scenario, each exchange shown. */
struct load_single {
    uint64_t client;
    struct flow_trace *trace;
};

/* The rows of the results, in the order that fleets expect. */
void load_series(struct series_table *table, const struct plan *plan,
                 const struct simulator *const *simulators);

/* Opens the state. On failure `why` (LOAD_TEXT_MAX) is one sentence; nothing runs then. */
int load_new(struct load_run **out, const struct load_options *options, char why[LOAD_TEXT_MAX]);
void load_free(struct load_run *run); /* stops and joins the lanes, closes the state */

/* Starts the lanes and each scenario's fleet_start. */
void load_prepare(struct load_run *run);

/* The load's zero: clock_ns at which every scenario's `start` begins to count. */
void load_begin(struct load_run *run, int64_t zero_ns);

/* No new iterations; what runs may go on for the scenario's graceful_stop, then it is cancelled. */
void load_stop(struct load_run *run);
/* Cancels what runs, now. */
void load_cancel(struct load_run *run);

enum load_phase { LOAD_PREPARING, LOAD_READY, LOAD_FAILED, LOAD_RUNNING, LOAD_DRAINED };

struct load_status {
    enum load_phase phase;
    struct failure failure; /* LOAD_FAILED: why a fleet did not start */
    const char *scenario;   /* whose */
    int broken;             /* a SHOAL_E_ code of ours (state, memory): stop with status 5 */
    char broken_text[LOAD_TEXT_MAX];
};

void load_status(struct load_run *run, struct load_status *out);

/* Asks every lane to publish its interval; load_collected hands each over once (NULL: not yet). */
void load_collect(struct load_run *run);
struct interval *load_collected(struct load_run *run, unsigned lane);

/* When the load is meant to be steady, from the load's zero: after every ramp and before the first
 * end. false when the plan has no such window. */
bool load_steady_window(const struct plan *plan, int64_t *from_ns, int64_t *to_ns);

/* The longest planned end of all scenarios; CLOCK_NEVER when one only counts iterations. */
int64_t load_planned_ns(const struct plan *plan);

/* Planned iterations over all scenarios; 0 when one is bounded by time only. */
uint64_t load_planned_iterations(const struct plan *plan);

struct load_totals {
    struct http_stats http; /* summed over the lanes */
    struct store_stats store;
    enum fiber_guard guard;
};
/* Closes the clients' connections and joins the lanes: after LOAD_DRAINED or LOAD_FAILED, and after
 * the last interval was collected. */
void load_finish(struct load_run *run, struct load_totals *out);

#endif
