#include <string.h>

#include "cli/commands.h"
#include "core/util/log.h"

static int help_one(const char *name)
{
    for (const struct command *const *c = cli_commands; *c; c++) {
        if (strcmp((*c)->name, name) != 0)
            continue;
        help_command(stdout, *c);
        return EXIT_HELD;
    }
    log_line("there is no command %s; `shoal help` lists them", name);
    return EXIT_INPUT;
}

static int run_help(const struct cli_args *args)
{
    if (cli_argument(args, 0))
        return help_one(cli_argument(args, 0));
    if (cli_has(args, "--man"))
        help_man(stdout);
    else if (cli_has(args, "--completion"))
        help_completion(stdout);
    else
        help_main(stdout);
    return EXIT_HELD;
}

const struct command command_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "This list, or one command; the man page and the shell completion",
    .options =
        (const struct cli_option[]){
            {"--man", NULL, "The man page, for man -l -", false},
            {"--completion", NULL, "A bash completion script", false},
            {.name = NULL},
        },
    .arguments_min = 0,
    .arguments_max = 1,
    .run = run_help,
};
