/* One scenario's clients on one lane: who starts an iteration when. core/load's own. */
#ifndef SHOAL_CORE_LOAD_GROUP_H
#define SHOAL_CORE_LOAD_GROUP_H

#include "core/load/flow.h"
#include "core/load/schedule.h"
#include "core/load/store.h"
#include "core/plan/plan.h"

/* What iterations of one lane share. */
struct load_lane {
    unsigned index;
    struct lane *lane;
    struct http_net *net;
    struct meter *meter;
    struct meter_clients gauge; /* over all groups of the lane */
    struct arena **arenas;      /* free ones, warm */
    size_t arena_count, arena_cap;
    void (*drained)(struct load_lane *l); /* called when the last group of the lane is done */
    void (*broken)(void *arg, int error, const char *text);
    void *arg;
    size_t groups_open;
};

struct arena *load_lane_arena(struct load_lane *l);
void load_lane_arena_back(struct load_lane *l, struct arena *arena);

struct load_group;
struct load_single;

struct load_client {
    struct lane_timer timer;
    struct load_group *group;
    struct http_client *http;
    struct load_client *next_idle;
    uint64_t id;
    uint64_t started;    /* iterations of this process, those ended in earlier parts before it */
    uint64_t ended;      /* iterations of the run that were not cancelled */
    int64_t intended_ns; /* of the iteration that runs */
    bool recovered, busy, over;
};

/* One partition of an open scenario: arrivals that are due, and clients that are idle. The
 * arrivals waiting for a client are those between two generators, so they need no memory. */
struct load_partition {
    struct lane_timer timer;
    struct load_group *group;
    struct arrivals due, begun;
    int64_t due_ns; /* the next arrival, from the scenario's start */
    uint64_t waiting;
    struct load_client *idle_first, **idle_last;
};

struct load_group {
    struct load_lane *lane;
    struct fleet *fleet;
    const struct plan_scenario *plan;
    const struct client_store_class *store_class;
    struct client_layout layout;
    struct curve curve; /* clients (closed) or arrivals per second (open) */
    struct load_client *clients;
    size_t client_count;
    struct load_partition *partitions; /* open only */
    struct load_partition **by_number; /* of all partitions; NULL: another lane's */
    size_t partition_count;
    size_t over_count; /* clients that have done all they should (closed) */
    struct fiber_group fibers;
    uint64_t running, running_max; /* running_max 0: no bound */
    int64_t zero_ns;    /* the scenario's start on clock_ns, earlier parts of the run included */
    int64_t elapsed_ns; /* of earlier parts */
    const struct load_single *single; /* NULL: the whole share */
    bool existing_state;
    bool stopping, done;
    struct lane_timer end, cancel;
};

/* The curve of a scenario. */
void load_group_curve(struct curve *out, const struct plan_load *load, int64_t clients);
/* When no iteration starts any more, from the scenario's start; CLOCK_NEVER: iterations decide. */
int64_t load_group_end_ns(const struct plan_load *load);

/* Fills in the clients and partitions of this lane. */
void load_group_init(struct load_group *g);
void load_group_begin(struct load_group *g, int64_t zero_ns);
void load_group_stop(struct load_group *g);
void load_group_free(struct load_group *g); /* no iteration runs; closes the clients' connections */

/* No new iterations, and what runs is cancelled now. */
void load_group_abort(struct load_group *g);

/* iteration.c: one iteration of `client` in a fiber of its own; calls load_group_iteration_over at
 * its end. SHOAL_E_FULL when no stack is free. */
int iteration_spawn(struct load_client *client, int64_t intended_ns);
void load_group_iteration_over(struct load_client *client, int64_t started_ns, struct rng *rng);

#endif
