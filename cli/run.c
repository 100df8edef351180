/* shoal run: one execution of a plan, and the folder of results it leaves. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/run_context.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "simulators/store.h"

static void summary_scenarios(const struct run_context *c, struct summary_scenario *out)
{
    for (size_t i = 0; i < c->plan->scenarios.count; i++) {
        const struct plan_scenario *s = &c->plan->scenarios.items[i];
        out[i] = (struct summary_scenario){.name = s->name,
                                           .simulator = s->simulator,
                                           .model = s->load.model == PLAN_OPEN ? "open" : "closed",
                                           .clients = (uint64_t)s->clients};
    }
}

/* True when not one request of the run was answered. */
static bool target_never_answered(const struct summary *summary)
{
    uint64_t started = 0, answered = 0;

    for (unsigned i = 0; i < summary->row_count; i++) {
        const struct summary_row *row = &summary->rows[i];
        if (row->series.kind != SERIES_REQUEST)
            continue;
        started += row->whole.started;
        answered += row->whole.succeeded + row->whole.failed;
    }
    for (unsigned i = 0; i < summary->error_count; i++) {
        const struct summary_error *e = &summary->errors[i];
        if (e->series.kind == SERIES_REQUEST && e->failure.status == 0)
            answered -= e->failure.count;
    }
    return started > 0 && answered == 0;
}

static int exit_status(const struct run_context *c, const struct summary *summary)
{
    if (c->broken)
        return EXIT_OURS;
    if (c->interrupts)
        return EXIT_INTERRUPTED;
    if (c->not_started || (summary && target_never_answered(summary)))
        return EXIT_TARGET;
    if (c->verdict_failed || (summary && !summary->accounting))
        return EXIT_VERDICT;
    return EXIT_HELD;
}

static const char *outcome(const struct run_context *c)
{
    if (c->broken || c->not_started)
        return "failed";
    return c->interrupts ? "interrupted" : "completed";
}

/* Writes what is left to write; the exit status. */
static int finish(struct run_context *c)
{
    struct summary_scenario *scenarios = calloc(c->plan->scenarios.count, sizeof(*scenarios));
    struct summary *summary = NULL;
    int64_t ended = clock_wall_us();

    if (!scenarios)
        die("no memory for the summary");
    summary_scenarios(c, scenarios);
    run_standins_check(c);
    struct reporter_end end = {.name = c->plan->name,
                               .seed = (uint64_t)c->plan->seed,
                               .ended_wall_us = ended,
                               .outcome = outcome(c),
                               .scenarios = scenarios,
                               .scenario_count = (unsigned)c->plan->scenarios.count};
    memcpy(end.run_id, c->run_id, RUN_ID_SIZE);
    if (reporter_finish(c->reporter, &end, &summary) || run_manifest_write(c, ended)) {
        if (!c->broken)
            log_line("%s", run_folder_error(c->folder));
        c->broken = true;
    }
    bool nothing_to_show = c->not_started && !cli_has(c->args, "--json");
    if (summary && !nothing_to_show && terminal_finish(c->terminal, summary))
        c->broken = true;
    int status = exit_status(c, summary);
    summary_free(summary);
    free(scenarios);
    return status;
}

static void release(struct run_context *c)
{
    load_free(c->load);
    run_standins_stop(c);
    run_standins_free(c);
    reporter_free(c->reporter);
    terminal_free(c->terminal);
    if (c->signals_fd >= 0)
        close(c->signals_fd);
    run_folder_close(c->folder);
    plan_free(c->plan);
    buf_free(&c->plan_text);
    free(c->series);
    free(c);
}

static int start_load(struct run_context *c)
{
    char why[LOAD_TEXT_MAX];
    struct load_options options = {.plan = c->plan,
                                   .simulators = c->simulators,
                                   .store = &simulators_store,
                                   .state_dir = c->state,
                                   .existing_state = c->existing_state,
                                   .lanes = c->lanes,
                                   .seed = (uint64_t)c->plan->seed,
                                   .segment = c->segment - 1,
                                   .segments = c->segments,
                                   .elapsed_ns = c->resume ? reporter_elapsed(c->reporter) : 0,
                                   .series = c->series};

    memcpy(options.run_id, c->run_id, RUN_ID_SIZE);
    int error = load_new(&c->load, &options, why);
    if (!error)
        return EXIT_HELD;
    c->load = NULL;
    log_line("%s", why);
    /* Nothing runs yet: a state folder that cannot be made or read is the wrong one. */
    return error == SHOAL_E_BAD_INPUT || error == SHOAL_E_BUSY || error == SHOAL_E_IO ? EXIT_INPUT
                                                                                      : EXIT_OURS;
}

/* Ctrl-C while the stand-ins start: the folder says so, and that nothing was played. */
static int interrupted_early(struct run_context *c)
{
    log_line("interrupted before the load began");
    c->interrupts++;
    run_standins_stop(c);
    reporter_begin(c->reporter, clock_ns(), clock_wall_us());
    return finish(c);
}

static int run_run(const struct cli_args *args)
{
    struct run_context *c = calloc(1, sizeof(*c));

    if (!c)
        die("no memory");
    c->args = args;
    c->start_skew_ns = -1;
    run_block_signals(c);
    int status = run_setup(c);
    if (!status)
        status = start_load(c);
    if (!status)
        status = run_standins_start(c);
    if (!status && run_manifest_write(c, 0)) { /* now, so that a killed run can be resumed */
        log_line("%s", run_folder_error(c->folder));
        status = EXIT_OURS;
    }
    if (!status) {
        run_loop(c);
        status = finish(c);
    } else if (status == EXIT_INTERRUPTED) {
        status = interrupted_early(c);
    } else if (status == EXIT_INPUT && c->folder && !c->resume) {
        run_folder_discard(c->folder);
    }
    release(c);
    return status;
}

const struct command command_run = {
    .name = "run",
    .arguments = "[PLAN]",
    .summary = "Run a plan and leave a folder of results",
    .detail = "PLAN is a JSON file (see `shoal describe plan`); with --resume it comes from the "
              "folder. Values are\nchanged in this order: the plan, --set from left to right, the "
              "named flags. Ctrl-C drains, a second one\ncancels at once, a third one kills.",
    .options =
        (const struct cli_option[]){
            {"--set", "PATH=VALUE", "Change one value of the plan: scenarios.0.clients=50", true},
            {"--clients", "N", "Clients of every scenario", false},
            {"--duration", "TIME", "Duration of every scenario: 30s, 5m", false},
            {"--seed", "N", "Seed of choices and schedules", false},
            {"--lanes", "N", "Threads that play clients", false},
            {"--run-id", "HEX", "32 hex digits: repeat the identities of an earlier run", false},
            {"--segment", "I/N", "Play share I (from 1) of N of every scenario", false},
            {"--start-at", "TIME", "Start the load at this UTC time: 2030-01-31T12:00:00Z", false},
            {"--out", "DIR", "The run folder (default runs/NAME-TIME)", false},
            {"--state-dir", "DIR", "Where clients keep their state (default OUT/state)", false},
            {"--resume", "DIR", "Go on with an interrupted run", false},
            {"--state-from", "DIR", "Start a new run on a copy of that run's state", false},
            {"--quiet", NULL, "No progress, only the end table", false},
            {"--json", NULL, "Print summary.json instead of the table", false},
            {.name = NULL},
        },
    .arguments_min = 0,
    .arguments_max = 1,
    .run = run_run,
};
