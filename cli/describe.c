/* shoal describe: options of plans, simulators and stand-ins, from the tables that check them. */
#include <string.h>

#include "cli/commands.h"
#include "core/load/serve.h"
#include "core/plan/describe.h"
#include "core/util/arena.h"
#include "core/util/log.h"
#include "simulators/registry.h"

static int print(struct buf *text)
{
    bool written = !text->error && fwrite(text->data, 1, text->len, stdout) == text->len;

    buf_free(text);
    return written && fflush(stdout) == 0 ? EXIT_HELD : EXIT_OURS;
}

static void describe_simulator(struct buf *out, const struct simulator *s)
{
    buf_printf(out, "%s: %s\n\nSteps:", s->name, s->summary);
    for (const char *const *step = s->steps; *step; step++)
        buf_printf(out, " %s", *step);
    buf_str(out, "\n\nOptions:\n");
    describe_text(out, s->options);
}

static void describe_standin(struct buf *out, const struct standin *s)
{
    struct arena *arena = arena_new();

    if (!arena)
        die("no memory");
    buf_printf(out, "shoal serve %s: %s\n\nOptions (--set key=value):\n", s->system, s->summary);
    describe_text(out, serve_option_table(s, arena, &(size_t){0}));
    arena_free(arena);
}

static int run_describe(const struct cli_args *args)
{
    const char *what = cli_argument(args, 0);
    const struct simulator *simulator = simulator_find(what);
    const struct standin *standin = standin_find(what);
    struct simulator_catalog catalog;
    struct buf text = {.data = NULL};

    simulator_catalog(&catalog);
    if (strcmp(what, "plan") == 0 && cli_has(args, "--markdown"))
        describe_plan_page(&text, &catalog.plan);
    else if (strcmp(what, "plan") == 0)
        describe_text(&text, &plan_table);
    else if (simulator)
        describe_simulator(&text, simulator);
    else if (standin)
        describe_standin(&text, standin);
    else {
        log_line(
            "\"%s\" is no simulator and no system; `shoal list` names them, and `shoal describe "
            "plan` shows the keys of a plan",
            what);
        return EXIT_INPUT;
    }
    return print(&text);
}

const struct command command_describe = {
    .name = "describe",
    .arguments = "plan|SIMULATOR|SYSTEM",
    .summary = "Show the keys of a plan, or the options of a simulator or stand-in",
    .options =
        (const struct cli_option[]){
            {"--markdown", NULL, "With plan: the whole reference page (docs/plan.md)", false},
            {.name = NULL},
        },
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_describe,
};

static int run_schema(const struct cli_args *args)
{
    struct simulator_catalog catalog;
    struct buf text = {.data = NULL};

    (void)args;
    simulator_catalog(&catalog);
    describe_schema(&text, &catalog.plan);
    return print(&text);
}

const struct command command_schema = {
    .name = "schema",
    .arguments = "",
    .summary = "Print the JSON Schema of plans, for editors",
    .run = run_schema,
};
