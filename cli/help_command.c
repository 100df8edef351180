#include "cli/commands.h"

static int run_help(const struct cli_args *args)
{
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
    .arguments = "",
    .summary = "This list; the man page and the shell completion from the same tables",
    .options =
        (const struct cli_option[]){
            {"--man", NULL, "The man page, for man -l -", false},
            {"--completion", NULL, "A bash completion script", false},
            {.name = NULL},
        },
    .run = run_help,
};
