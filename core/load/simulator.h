/* What a simulator is to the engine: one const struct.
 *
 * A simulator plays one kind of client. It declares its options, steps, requests and state tables;
 * the engine checks the options, starts one fleet per scenario, and calls `iterate` in a fiber for
 * every iteration of every client. A flow reads from top to bottom like the protocol's own
 * description; whatever waits suspends the fiber.
 */
#ifndef SHOAL_CORE_LOAD_SIMULATOR_H
#define SHOAL_CORE_LOAD_SIMULATOR_H

#include <stdint.h>

#include "core/load/flow.h"
#include "core/plan/option.h"

struct standin;
struct plan_errors;

struct simulator {
    const char *name;    /* "taler-wallet", as plans name it */
    const char *system;  /* "taler": `shoal serve taler`, docs/taler.md */
    const char *summary; /* one line for `shoal list` */
    const struct option_table *options;
    const char *const *steps;    /* NULL-terminated; the index is flow_step's argument */
    const char *const *requests; /* NULL-terminated; "POST withdraw"; flow_request's argument */
    const char *const *tables;   /* state tables, NULL-terminated; NULL: keeps no state */
    uint32_t purge_tables;       /* bit i: a purge clears tables[i] */
    const char *remote_options; /* JSON text for `shoal init`: options against a remote target, with
                                   secrets as {"env": ...} and example hosts; NULL: "{}" */

    /* Values that are possible one by one and impossible together. Adds errors; NULL: none. */
    void (*check)(const void *options, const char *path, struct plan_errors *errors);

    /* Once per scenario before its first iteration, in a fiber of lane 0: discovery, targets, what
     * all clients share. Sets fleet->data. On failure fill *why: the run does not start (exit 3),
     * and what data points to, if it was set, still goes in fleet_stop. */
    int (*fleet_start)(struct fleet *fleet, struct flow *flow, struct failure *why);
    void (*fleet_stop)(struct fleet *fleet); /* after the last iteration of all lanes */

    /* One iteration. 0, SHOAL_E_CANCELLED, or an error after flow_fail. */
    int (*iterate)(struct flow *flow);

    /* Before a client's first iteration when the run continues older state: bring what was
     * interrupted to its end (replay stored intents byte for byte). NULL: nothing to do. */
    int (*recover)(struct flow *flow);

    const struct standin *standin; /* what the option value `embedded` starts; NULL: none */
};

#endif
