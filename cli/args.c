#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "core/plan/suggest.h"
#include "core/util/log.h"

static const struct cli_option *find_option(const struct command *command, const char *name,
                                            size_t len)
{
    for (const struct cli_option *o = command->options; o && o->name; o++)
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
            return o;
    return NULL;
}

const char *cli_closest_option(const struct command *command, const char *name)
{
    struct suggestion s = {.word = name};

    for (const struct cli_option *o = command->options; o && o->name; o++)
        suggest_try(&s, o->name);
    return s.best;
}

static int unknown_option(const struct command *command, const char *name)
{
    const char *closest = cli_closest_option(command, name);

    if (closest)
        log_line("%s has no option %s; did you mean %s?", command->name, name, closest);
    else
        log_line("%s has no option %s; `shoal %s --help` lists what there is", command->name, name,
                 command->name);
    return EXIT_INPUT;
}

static int add(struct cli_args *args, const struct cli_option *option, const char *value)
{
    if (args->count == CLI_VALUES_MAX) {
        log_line("more than %d options and arguments", CLI_VALUES_MAX);
        return EXIT_INPUT;
    }
    if (option && !option->repeats && cli_has(args, option->name)) {
        log_line("%s is given twice", option->name);
        return EXIT_INPUT;
    }
    args->given[args->count].option = option;
    args->given[args->count].value = value;
    args->count++;
    return 0;
}

/* One word that begins with "--"; *used is how many words it took. */
static int parse_option(struct cli_args *args, char *const *words, int left, int *used)
{
    const char *equals = strchr(words[0], '=');
    size_t len = equals ? (size_t)(equals - words[0]) : strlen(words[0]);
    const struct cli_option *option = find_option(args->command, words[0], len);

    *used = 1;
    if (!option)
        return unknown_option(args->command, words[0]);
    if (!option->value) {
        if (equals) {
            log_line("%s takes no value", option->name);
            return EXIT_INPUT;
        }
        return add(args, option, "");
    }
    if (equals)
        return add(args, option, equals + 1);
    if (left < 2) {
        log_line("%s wants a value: %s %s", option->name, option->name, option->value);
        return EXIT_INPUT;
    }
    *used = 2;
    return add(args, option, words[1]);
}

int cli_parse(struct cli_args *out, const struct command *command, int argc, char *const *argv)
{
    bool options_end = false;
    unsigned arguments = 0;

    *out = (struct cli_args){.command = command, .argc = argc, .argv = argv};
    for (int i = 0; i < argc;) {
        int used = 1, status;
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
            status = 0;
        } else if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
            status = parse_option(out, argv + i, argc - i, &used);
        } else {
            arguments++;
            status = add(out, NULL, argv[i]);
        }
        if (status)
            return status;
        i += used;
    }
    if (arguments < command->arguments_min || arguments > command->arguments_max) {
        log_line("usage: shoal %s %s%s(`shoal %s --help` says more)", command->name,
                 command->arguments, command->arguments[0] ? " " : "", command->name);
        return EXIT_INPUT;
    }
    return 0;
}

const char *cli_value(const struct cli_args *args, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < args->count; i++)
        if (args->given[i].option && strcmp(args->given[i].option->name, name) == 0)
            value = args->given[i].value;
    return value;
}

bool cli_has(const struct cli_args *args, const char *name)
{
    return cli_value(args, name) != NULL;
}

const char *cli_argument(const struct cli_args *args, unsigned index)
{
    for (size_t i = 0; i < args->count; i++)
        if (!args->given[i].option && index-- == 0)
            return args->given[i].value;
    return NULL;
}

size_t cli_values(const struct cli_args *args, const char *name, const char **out)
{
    size_t count = 0;

    for (size_t i = 0; i < args->count; i++)
        if (args->given[i].option && strcmp(args->given[i].option->name, name) == 0)
            out[count++] = args->given[i].value;
    return count;
}

int cli_integer(const struct cli_args *args, const char *name, struct cli_range range,
                long long *out)
{
    const char *text = cli_value(args, name);
    char *end;

    if (!text)
        return 0;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < range.min || value > range.max) {
        log_line("%s: \"%s\" is not an integer from %lld to %lld", name, text, range.min,
                 range.max);
        return EXIT_INPUT;
    }
    *out = value;
    return 0;
}
