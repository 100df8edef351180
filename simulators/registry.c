#include "simulators/registry.h"

#include <assert.h>
#include <string.h>

#include "simulators/taler/wallet.h"

const struct simulator *const simulators[] = {
    &taler_wallet,
    NULL,
};

const struct simulator *simulator_find(const char *name)
{
    for (const struct simulator *const *s = simulators; *s; s++)
        if (strcmp((*s)->name, name) == 0)
            return *s;
    return NULL;
}

const struct standin *standin_find(const char *system)
{
    for (const struct simulator *const *s = simulators; *s; s++)
        if ((*s)->standin && strcmp((*s)->standin->system, system) == 0)
            return (*s)->standin;
    return NULL;
}

void registry_catalog(struct registry_catalog *out)
{
    for (size_t i = 0; i < REGISTRY_COUNT; i++)
        out->simulators[i] = (struct plan_simulator){.name = registry_simulators[i]->name,
                                                     .options = registry_simulators[i]->options,
                                                     .check = registry_simulators[i]->check};
    out->catalog = (struct plan_catalog){out->simulators, REGISTRY_COUNT};
}
