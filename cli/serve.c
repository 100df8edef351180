#include <string.h>

#include "cli/commands.h"
#include "core/load/serve.h"
#include "core/util/log.h"
#include "simulators/registry.h"

static int run_serve(const struct cli_args *args)
{
    const char *sets[CLI_VALUES_MAX];
    const char *system = cli_argument(args, 0);
    const struct standin *standin = standin_find(system);

    if (!standin) {
        log_line("there is no stand-in for \"%s\"; `shoal list` names them", system);
        return EXIT_INPUT;
    }
    return serve_run(&(struct serve_options){.standin = standin,
                                             .listen = cli_value(args, "--listen"),
                                             .sets = sets,
                                             .set_count = cli_values(args, "--set", sets),
                                             .folder = cli_value(args, "--folder"),
                                             .until_eof = cli_has(args, "--until-eof")});
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "SYSTEM",
    .summary = "Run the stand-in of a system until Ctrl-C",
    .detail = "Its first line of output is `ready BASE`; its last one is its ledger as JSON.",
    .options =
        (const struct cli_option[]){
            {"--listen", "ADDR:PORT", "Where to listen (default 127.0.0.1, a free port)", false},
            {"--set", "KEY=VALUE", "Change one of its options: faults.error_share=0.01", true},
            {"--folder", "DIR", "Keep keys and books there", false},
            {"--until-eof", NULL, "End at the end of standard input too", false},
            {.name = NULL},
        },
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_serve,
};
