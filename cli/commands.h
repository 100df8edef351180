/* The list of commands, in the order of --help. A new one is a file of its own and a line here. */
#ifndef SHOAL_CLI_COMMANDS_H
#define SHOAL_CLI_COMMANDS_H

#include "cli/command.h"

#define CLI_COMMANDS(X) \
    X(run)              \
    X(try)              \
    X(check)            \
    X(serve)            \
    X(list)             \
    X(describe)         \
    X(init)             \
    X(schema)           \
    X(report)           \
    X(merge)            \
    X(version)          \
    X(help)

#define COMMAND_DECLARE(name) extern const struct command command_##name;
CLI_COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

#endif
