#include "cli/commands.h"
#include "simulators/registry.h"

static int run_list(const struct cli_args *args)
{
    (void)args;
    for (const struct simulator *const *s = simulators; *s; s++)
        printf("%-20s %s\n%-20s stand-in: %s\n", (*s)->name, (*s)->summary, "",
               (*s)->standin ? (*s)->system : "none");
    return EXIT_HELD;
}

const struct command command_list = {
    .name = "list",
    .arguments = "",
    .summary = "List the simulators and their stand-ins",
    .run = run_list,
};
