/* The one table that names all simulators, and through them all stand-ins. A new system is one
 * line in registry.c. */
#ifndef SHOAL_SIMULATORS_REGISTRY_H
#define SHOAL_SIMULATORS_REGISTRY_H

#include "core/load/simulator.h"
#include "core/load/standin.h"
#include "core/plan/plan.h"

#define SIMULATORS_MAX 32

extern const struct simulator *const simulators[]; /* NULL-terminated */

/* By name ("taler-wallet"); NULL when there is none. */
const struct simulator *simulator_find(const char *name);

/* By system ("taler"); NULL when there is none. */
const struct standin *standin_find(const char *system);

/* What the plan reader needs of them, in the caller's memory. */
struct simulator_catalog {
    struct plan_simulator simulators[SIMULATORS_MAX];
    struct plan_catalog plan;
};
void simulator_catalog(struct simulator_catalog *out);

#endif
