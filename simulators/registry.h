/* The one table that names all simulators, and through them all stand-ins. */
#ifndef SHOAL_SIMULATORS_REGISTRY_H
#define SHOAL_SIMULATORS_REGISTRY_H

#include "core/load/simulator.h"
#include "core/load/standin.h"

extern const struct simulator *const simulators[]; /* NULL-terminated */

/* By name ("taler-wallet"); NULL when there is none. */
const struct simulator *simulator_find(const char *name);

/* By system ("taler"); NULL when there is none. */
const struct standin *standin_find(const char *system);

#endif
