#include "simulators/registry.h"

#include <assert.h>
#include <string.h>

#include "core/load/serve.h"
#include "simulators/taler/wallet.h"

const struct simulator *const simulators[] = {
    &taler_wallet,
    NULL,
};

static_assert(sizeof(simulators) / sizeof(simulators[0]) - 1 <= SIMULATORS_MAX,
              "struct simulator_catalog has room for all");

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

static const struct option_table *standin_options(const char *system, struct arena *arena)
{
    const struct standin *standin = standin_find(system);
    size_t faults;

    return standin ? serve_option_table(standin, arena, &faults) : NULL;
}

void simulator_catalog(struct simulator_catalog *out)
{
    size_t count = 0;

    for (const struct simulator *const *s = simulators; *s; s++)
        out->simulators[count++] = (struct plan_simulator){
            .name = (*s)->name, .options = (*s)->options, .check = (*s)->check};
    out->plan = (struct plan_catalog){out->simulators, count, standin_options};
}
