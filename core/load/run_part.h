/* What one run is made of. core/load's own: run_new.c builds it, run.c drives it. */
#ifndef SHOAL_CORE_LOAD_RUN_PART_H
#define SHOAL_CORE_LOAD_RUN_PART_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/load/group.h"
#include "core/load/run.h"
#include "core/net/names.h"

struct scenario_run {
    struct fleet fleet;
    struct http_options http;
    struct client_layout layout;
};

struct lane_thread {
    struct load_run *run;
    struct load_lane load;
    struct load_group *groups; /* one per scenario */
    pthread_t thread;
    struct lane_health health; /* at the last publish */
    _Atomic(struct interval *) published;
    bool started;
};

struct load_run {
    struct load_options options;
    struct scenario_run *scenarios;
    size_t scenario_count;
    struct names *names;
    struct names_host *hosts;
    struct lane_thread *lanes;
    struct fiber_group preparing; /* of lane 0 */
    pthread_mutex_t lock;         /* of what follows: changes of phase and the one broken state */
    pthread_cond_t changed;
    struct load_status status;
    unsigned lanes_up, lanes_drained;
    struct load_totals totals;
    _Atomic int64_t zero_ns;
};

/* A failure of ours anywhere in the run: the first one is kept. */
void run_broken(void *arg, int error, const char *text);

/* The last group of a lane is done. */
void run_lane_drained(struct load_lane *l);

#endif
