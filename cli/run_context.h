/* One `shoal run` in the making: what its steps hand to each other, in the order they happen. */
#ifndef SHOAL_CLI_RUN_CONTEXT_H
#define SHOAL_CLI_RUN_CONTEXT_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "core/load/embedded.h"
#include "core/load/run.h"
#include "core/plan/plan.h"
#include "core/report/manifest.h"
#include "core/report/reporter.h"

#define STANDINS_MAX 8 /* systems of one plan */

struct run_standin {
    const struct standin *standin;
    struct embedded *child;
    char folder[PATH_MAX];
    char *urls[STANDINS_MAX * PLAN_SCENARIOS_MAX]; /* option values that point to it */
    size_t url_count;
    struct embedded_usage usage; /* at the end */
    struct buf ledger;
    bool started, failed;
};

struct run_context {
    const struct cli_args *args;
    struct plan *plan;
    const struct simulator *simulators[PLAN_SCENARIOS_MAX];
    struct series_table *series;
    struct run_folder *folder;
    char out[PATH_MAX], state[PATH_MAX];
    char state_before[PATH_MAX]; /* where the manifest of a resumed run says the state is */
    bool resume;                 /* --resume: the folder holds an earlier part */
    bool existing_state;         /* resume or --state-from */
    unsigned resumed;            /* how often this run was resumed before, and now */
    uint8_t run_id[RUN_ID_SIZE];
    unsigned lanes;
    unsigned segment, segments; /* from 1; 1 of 1 for a whole run */
    int64_t start_at_us;        /* wall clock; 0: at once */
    int64_t start_skew_ns;      /* -1: none planned */
    int64_t started_wall_us;
    struct run_standin standins[STANDINS_MAX];
    size_t standin_count;
    struct terminal *terminal;
    struct reporter *reporter;
    struct load_run *load;
    struct load_totals totals;
    struct buf plan_text;
    sigset_t signals; /* Ctrl-C and friends: blocked, and taken by the main thread when it waits */
    int signals_fd;   /* readable when one is there */
    unsigned interrupts; /* how many came so far */
    bool broken;         /* a failure of ours was said */
    bool not_started;    /* a fleet could not start */
    bool verdict_failed;
};

/* run_setup.c: from arguments to a plan, a folder, and identities. 0 or an exit status, said. */
int run_setup(struct run_context *c);
/* Loads the plan named by the arguments of a command; errors are printed. 0 or EXIT_INPUT. */
int cli_load_plan(const struct cli_args *args, const char *file, unsigned segments,
                  struct plan **out);

/* run_identity.c: --run-id, --segment, --start-at; what a resumed folder says. */
int run_identity_new(struct run_context *c);
int run_identity_resumed(struct run_context *c);
int cli_segment(const struct cli_args *args, unsigned *segment, unsigned *segments);

/* run_state.c: --state-from: a copy of the state and the stand-ins' books of an earlier run. */
int run_state_copy(const char *from, const char *out, const char *state);

/* run_standins.c: children behind the value `embedded`. 0 or an exit status, said. */
int run_standins_start(struct run_context *c);
void run_standins_stop(struct run_context *c); /* gathers the ledgers, once */
void run_standins_free(struct run_context *c);
/* Books balanced, requests sent = requests served: told to the reporter. */
void run_standins_check(struct run_context *c);

/* run_manifest.c */
int run_manifest_write(struct run_context *c, int64_t ended_wall_us);

/* run_loop.c: signals from now on wait until they are asked for; before any thread is made. */
void run_block_signals(struct run_context *c);
/* Prepares, runs, drains; returns when all lanes have stopped. */
void run_loop(struct run_context *c);

#endif
