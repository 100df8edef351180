/* Commands as tables: what --help, the man page, the completion and the parser all read. */
#ifndef SHOAL_CLI_COMMAND_H
#define SHOAL_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Exit statuses, the contract of every command. Precedence 5, 4, 3, 1. */
#define EXIT_STATUSES(X)                                                   \
    X(HELD, 0, "all went well; what was asked for held")                   \
    X(VERDICT, 1, "a threshold, ledger, reconciliation or verdict failed") \
    X(INPUT, 2, "bad input: nothing was started")                          \
    X(TARGET, 3, "could not start, or the target never answered")          \
    X(INTERRUPTED, 4, "interrupted")                                       \
    X(OURS, 5, "a failure of our own: disk, state, a lost lane")

enum exit_status {
#define EXIT_STATUS_ENUM(id, code, text) EXIT_##id = (code),
    EXIT_STATUSES(EXIT_STATUS_ENUM)
#undef EXIT_STATUS_ENUM
};

struct cli_option {
    const char *name;  /* "--set" */
    const char *value; /* "PATH=VALUE"; NULL: a switch */
    const char *help;  /* one line */
    bool repeats;      /* may be given more than once */
};

#define CLI_VALUES_MAX 256 /* of all repeated options and arguments together */

struct cli_args;

struct command {
    const char *name;                 /* "run" */
    const char *arguments;            /* "PLAN"; "": none */
    const char *summary;              /* one line */
    const char *detail;               /* paragraphs for the man page and `shoal run --help` */
    const struct cli_option *options; /* ends with a NULL name; NULL: none */
    unsigned arguments_min, arguments_max;
    int (*run)(const struct cli_args *args); /* returns the exit status */
};

/* NULL-terminated, in the order of --help. */
extern const struct command *const cli_commands[];

struct cli_args {
    const struct command *command;
    const char *program; /* argv[0] */
    int argc;            /* as given, for the manifest */
    char *const *argv;
    struct {
        const struct cli_option *option; /* NULL: an argument */
        const char *value;
    } given[CLI_VALUES_MAX];
    size_t count;
};

/* Reads argv behind the command's name. 0, or EXIT_INPUT after one sentence on standard error. */
int cli_parse(struct cli_args *out, const struct command *command, int argc, char *const *argv);

/* The last value of an option ("" for a switch), NULL when it was not given. */
const char *cli_value(const struct cli_args *args, const char *name);
bool cli_has(const struct cli_args *args, const char *name);
const char *cli_argument(const struct cli_args *args, unsigned index);
/* All values of a repeated option in order; `out` has room for CLI_VALUES_MAX. Returns how many. */
size_t cli_values(const struct cli_args *args, const char *name, const char **out);
/* An integer of [min, max]; EXIT_INPUT after one sentence, else 0; *out untouched when absent. */
struct cli_range {
    long long min, max;
};
int cli_integer(const struct cli_args *args, const char *name, struct cli_range range,
                long long *out);

void help_main(FILE *out);
void help_command(FILE *out, const struct command *command);
void help_man(FILE *out);        /* roff, for shoal.1 */
void help_completion(FILE *out); /* a bash completion script */

/* The option closest to a misspelt one, or NULL. */
const char *cli_closest_option(const struct command *command, const char *name);

#endif
