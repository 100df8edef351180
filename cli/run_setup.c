/* From arguments to a checked plan, a run folder and identities; nothing has started yet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_context.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "simulators/registry.h"

static void print_errors(struct plan_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        log_line("%s", errors->lines[i]);
    if (errors->more)
        log_line("and %zu more", errors->more);
    plan_errors_free(errors);
}

int cli_load_plan(const struct cli_args *args, const char *file, unsigned segments,
                  struct plan **out)
{
    const char *sets[CLI_VALUES_MAX];
    struct plan_errors errors = {.count = 0};
    struct simulator_catalog catalog;
    struct plan_overrides overrides = {.sets = sets, .segments = segments};
    long long clients = 0, lanes = 0, seed = 0;

    if (cli_integer(args, "--clients", (struct cli_range){1, PLAN_CLIENTS_MAX}, &clients) ||
        cli_integer(args, "--lanes", (struct cli_range){1, PLAN_LANES_MAX}, &lanes) ||
        cli_integer(args, "--seed", (struct cli_range){0, LLONG_MAX}, &seed))
        return EXIT_INPUT;
    overrides.set_count = cli_values(args, "--set", sets);
    overrides.clients = clients;
    overrides.lanes = lanes;
    overrides.duration = cli_value(args, "--duration");
    overrides.has_seed = cli_has(args, "--seed");
    overrides.seed = seed;
    simulator_catalog(&catalog);
    int error = plan_load(out, file, &overrides, &catalog.plan, &errors);
    print_errors(&errors);
    return error ? EXIT_INPUT : EXIT_HELD;
}

/* As many descriptors as the system lets us have: every client may hold connections. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* --resume takes everything from its folder: what would change the clients is refused. */
static int check_combination(const struct cli_args *args)
{
    static const char *const fixed[] = {"--set",     "--clients",  "--seed",
                                        "--run-id",  "--out",      "--state-from",
                                        "--segment", "--duration", "--start-at"};

    if (!cli_has(args, "--resume")) {
        if (cli_argument(args, 0))
            return EXIT_HELD;
        log_line("run wants a plan: shoal run PLAN (or shoal run --resume DIR)");
        return EXIT_INPUT;
    }
    if (cli_argument(args, 0)) {
        log_line("--resume takes the plan from its folder; leave out %s", cli_argument(args, 0));
        return EXIT_INPUT;
    }
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (!cli_has(args, fixed[i]))
            continue;
        log_line("%s would change the run that --resume goes on with; start a new run on its state "
                 "with --state-from instead",
                 fixed[i]);
        return EXIT_INPUT;
    }
    return EXIT_HELD;
}

static bool path_of(char out[PATH_MAX], const char *folder, const char *name)
{
    return (size_t)snprintf(out, PATH_MAX, "%s%s%s", folder, name ? "/" : "", name ? name : "") <
           PATH_MAX;
}

/* A resumed run finds its state where it was, unless told otherwise: inside its folder, also when
 * that was moved, or where --state-dir had put it. */
static int state_folder(struct run_context *c)
{
    const char *given = cli_value(c->args, "--state-dir");

    if (!given && c->state_before[0] && path_of(c->state, c->out, "state") &&
        access(c->state, F_OK) != 0)
        given = c->state_before;
    if (given ? path_of(c->state, given, NULL) : path_of(c->state, c->out, "state"))
        return EXIT_HELD;
    log_line("the path of the state folder is too long");
    return EXIT_INPUT;
}

static int open_folder(struct run_context *c)
{
    const char *resume = cli_value(c->args, "--resume"), *out = cli_value(c->args, "--out");
    char error[RUN_ERROR_MAX];
    int result;

    c->resume = resume != NULL;
    if (resume)
        snprintf(c->out, sizeof(c->out), "%s", resume);
    else if (out)
        snprintf(c->out, sizeof(c->out), "%s", out);
    else
        run_folder_default(c->out, sizeof(c->out), c->plan->name, clock_wall_us());
    result = resume ? run_folder_open(&c->folder, c->out, error)
                    : run_folder_create(&c->folder, c->out, error);
    if (!result)
        return EXIT_HELD;
    log_line("%s", error);
    return result == SHOAL_E_NO_SPACE ? EXIT_OURS : EXIT_INPUT;
}

static int copy_state(struct run_context *c)
{
    const char *from = cli_value(c->args, "--state-from");

    c->existing_state = c->resume || from;
    return from ? run_state_copy(from, c->out, c->state) : EXIT_HELD;
}

static unsigned processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > PLAN_LANES_MAX ? PLAN_LANES_MAX : (unsigned)n;
}

static void take_simulators(struct run_context *c)
{
    for (size_t i = 0; i < c->plan->scenarios.count; i++)
        c->simulators[i] = simulator_find(c->plan->scenarios.items[i].simulator);
    load_series(c->series, c->plan, c->simulators);
}

static int write_plan(struct run_context *c)
{
    plan_write(c->plan, &c->plan_text);
    if (c->resume || !run_folder_write(c->folder, RUN_PLAN, buf_slice(&c->plan_text)))
        return EXIT_HELD;
    log_line("%s", run_folder_error(c->folder));
    return EXIT_OURS;
}

static int make_reporter(struct run_context *c)
{
    int64_t steady_from = 0, steady_to = 0, planned = load_planned_ns(c->plan);

    c->terminal = terminal_new(&(struct terminal_options){.progress_fd = STDERR_FILENO,
                                                          .result_fd = STDOUT_FILENO,
                                                          .quiet = cli_has(c->args, "--quiet"),
                                                          .json = cli_has(c->args, "--json")});
    if (!load_steady_window(c->plan, &steady_from, &steady_to))
        steady_from = steady_to = 0;
    uint64_t iterations = load_planned_iterations(c->plan);
    struct reporter_options options = {.folder = c->folder,
                                       .series = c->series,
                                       .lanes = c->lanes,
                                       .start_ns = clock_ns(),
                                       .start_wall_us = clock_wall_us(),
                                       .planned_ns = planned == CLOCK_NEVER ? 0 : planned,
                                       .planned_iterations = c->segments > 1 ? 0 : iterations,
                                       .steady_start_ns = steady_from,
                                       .steady_end_ns = steady_to,
                                       .terminal = c->terminal};
    int error =
        c->resume ? reporter_resume(&c->reporter, &options) : reporter_new(&c->reporter, &options);
    if (!error)
        return EXIT_HELD;
    c->reporter = NULL;
    log_line("%s", run_folder_error(c->folder));
    return error == SHOAL_E_CORRUPT ? EXIT_INPUT : EXIT_OURS;
}

static int load_own_plan(struct run_context *c)
{
    char path[PATH_MAX];

    if (!c->resume)
        return cli_load_plan(c->args, cli_argument(c->args, 0), c->segments, &c->plan);
    if (!path_of(path, c->out, run_file_name(RUN_PLAN)))
        return EXIT_INPUT;
    return cli_load_plan(c->args, path, c->segments, &c->plan);
}

int run_setup(struct run_context *c)
{
    int status = check_combination(c->args);

    raise_descriptor_limit();
    c->started_wall_us = clock_wall_us();
    c->series = calloc(1, sizeof(*c->series));
    if (!c->series)
        die("no memory for the results");
    /* A new run reads its plan before it makes a folder; a resumed one finds it there. */
    if (!status)
        status = cli_has(c->args, "--resume") ? open_folder(c) : run_identity_new(c);
    if (!status && c->resume)
        status = run_identity_resumed(c);
    if (!status)
        status = load_own_plan(c);
    if (status)
        return status;
    c->lanes = c->plan->lanes ? (unsigned)c->plan->lanes : processors();
    take_simulators(c);
    if (!c->resume)
        status = open_folder(c);
    if (!status)
        status = state_folder(c);
    if (!status)
        status = copy_state(c);
    if (!status)
        status = write_plan(c);
    if (!status)
        status = make_reporter(c);
    return status;
}
