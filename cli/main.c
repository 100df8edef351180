#include <signal.h>
#include <string.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "core/plan/suggest.h"
#include "core/util/log.h"

const struct command *const cli_commands[] = {
#define COMMAND_ENTRY(name) &command_##name,
    CLI_COMMANDS(COMMAND_ENTRY)
#undef COMMAND_ENTRY
        NULL};

static const struct command *find_command(const char *name)
{
    for (const struct command *const *c = cli_commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static int unknown_command(const char *name)
{
    struct suggestion s = {.word = name};

    for (const struct command *const *c = cli_commands; *c; c++)
        suggest_try(&s, (*c)->name);
    if (s.best)
        log_line("there is no command %s; did you mean %s?", name, s.best);
    else
        log_line("there is no command %s; `shoal help` lists them", name);
    return EXIT_INPUT;
}

static bool asks_for_help(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct cli_args args;

    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        help_main(stderr);
        return EXIT_INPUT;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *command = find_command(name);
    if (!command)
        return unknown_command(name);
    if (asks_for_help(argc - 2, argv + 2)) {
        help_command(stdout, command);
        return 0;
    }
    int status = cli_parse(&args, command, argc - 2, argv + 2);
    if (status)
        return status;
    args.program = argv[0];
    args.argc = argc;
    args.argv = argv;
    return command->run(&args);
}
