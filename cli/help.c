/* --help, the man page and the completion, all from the commands' tables. */
#include <string.h>

#include "cli/command.h"

#define INTRO                                                                                    \
    "Shoal plays thousands to hundreds of thousands of stateful clients (GNU Taler wallets and " \
    "others to come) against a real service, from one process: each with its own keys and its "  \
    "own "                                                                                       \
    "state, doing the real cryptography and the real protocol."

void help_main(FILE *out)
{
    fprintf(out,
            "usage: shoal COMMAND [OPTIONS]\n\nshoal plays a fleet of stateful clients against "
            "a real service.\n\n");
    for (const struct command *const *c = cli_commands; *c; c++)
        fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
    fprintf(out, "\n`shoal COMMAND --help` says more. Exit status:\n");
#define EXIT_HELP(id, code, text) fprintf(out, "  %d  %s\n", code, text);
    EXIT_STATUSES(EXIT_HELP)
#undef EXIT_HELP
}

static void option_head(char *out, size_t size, const struct cli_option *o)
{
    snprintf(out, size, "%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
}

void help_command(FILE *out, const struct command *command)
{
    fprintf(out, "usage: shoal %s%s%s%s\n\n%s.\n", command->name, command->arguments[0] ? " " : "",
            command->arguments, command->options ? " [OPTIONS]" : "", command->summary);
    if (command->detail)
        fprintf(out, "\n%s\n", command->detail);
    if (command->options)
        fprintf(out, "\n");
    for (const struct cli_option *o = command->options; o && o->name; o++) {
        char head[80];
        option_head(head, sizeof(head), o);
        fprintf(out, "  %-24s %s%s\n", head, o->help, o->repeats ? " (repeats)" : "");
    }
}

/* Text for roff: backslashes, leading dots and hyphens that must stay hyphens. */
static void roff(FILE *out, const char *text)
{
    bool line_start = true;

    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        line_start = *text == '\n';
    }
}

static void man_command(FILE *out, const struct command *c)
{
    fprintf(out, ".SS shoal ");
    roff(out, c->name);
    fprintf(out, " %s\n", c->arguments);
    roff(out, c->summary);
    fprintf(out, ".\n");
    if (c->detail) {
        fprintf(out, ".PP\n");
        roff(out, c->detail);
        fprintf(out, "\n");
    }
    for (const struct cli_option *o = c->options; o && o->name; o++) {
        fprintf(out, ".TP\n\\fB");
        roff(out, o->name);
        fprintf(out, "\\fR%s%s\n", o->value ? " " : "", o->value ? o->value : "");
        roff(out, o->help);
        fprintf(out, ".%s\n", o->repeats ? " May be given more than once." : "");
    }
}

void help_man(FILE *out)
{
    fprintf(out,
            ".TH SHOAL 1 \"\" \"shoal %s\" \"User Commands\"\n.SH NAME\n"
            "shoal \\- client fleet emulator\n.SH SYNOPSIS\n.B shoal\nCOMMAND [OPTIONS]\n"
            ".SH DESCRIPTION\n",
            SHOAL_VERSION);
    roff(out, INTRO);
    fprintf(out, "\n.SH COMMANDS\n");
    for (const struct command *const *c = cli_commands; *c; c++)
        man_command(out, *c);
    fprintf(out, ".SH EXIT STATUS\n");
#define EXIT_MAN(id, code, text) fprintf(out, ".TP\n%d\n%s.\n", code, text);
    EXIT_STATUSES(EXIT_MAN)
#undef EXIT_MAN
}

void help_completion(FILE *out)
{
    fprintf(out, "# bash completion of shoal, generated from its command tables\n"
                 "_shoal() {\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} options=\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        mapfile -t COMPREPLY < <(compgen -W '");
    for (const struct command *const *c = cli_commands; *c; c++)
        fprintf(out, "%s%s", c == cli_commands ? "" : " ", (*c)->name);
    fprintf(out, "' -- \"$word\")\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n");
    for (const struct command *const *c = cli_commands; *c; c++) {
        fprintf(out, "        %s) options='--help", (*c)->name);
        for (const struct cli_option *o = (*c)->options; o && o->name; o++)
            fprintf(out, " %s", o->name);
        fprintf(out, "' ;;\n");
    }
    fprintf(out, "    esac\n"
                 "    case $word in\n"
                 "        -*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\") ;;\n"
                 "        *) mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
                 "    esac\n"
                 "}\n"
                 "complete -o filenames -F _shoal shoal\n");
}
