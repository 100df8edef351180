/* shoal report: the results of a run's folder again, also of a run that was killed. */
#include <unistd.h>

#include "cli/commands.h"
#include "core/report/reporter.h"
#include "core/util/log.h"

static int run_report(const struct cli_args *args)
{
    char error[RUN_ERROR_MAX];
    struct run_folder *folder;
    struct reporter *reporter = NULL;
    struct summary *summary = NULL;
    int status = EXIT_HELD;

    if (run_folder_open(&folder, cli_argument(args, 0), error)) {
        log_line("%s", error);
        return EXIT_INPUT;
    }
    if (reporter_load(&reporter, folder)) {
        log_line("%s", run_folder_error(folder));
        run_folder_close(folder);
        return EXIT_INPUT;
    }
    struct terminal *terminal = terminal_new(
        &(struct terminal_options){STDERR_FILENO, STDOUT_FILENO, false, cli_has(args, "--json")});
    if (reporter_rebuild(reporter, &summary)) {
        log_line("%s", run_folder_error(folder));
        status = EXIT_OURS;
    }
    if (summary && terminal_finish(terminal, summary))
        status = EXIT_OURS;
    summary_free(summary);
    terminal_free(terminal);
    reporter_free(reporter);
    run_folder_close(folder);
    return status;
}

const struct command command_report = {
    .name = "report",
    .arguments = "DIR",
    .summary = "Rebuild and show the results of a run's folder, also of a killed run",
    .options =
        (const struct cli_option[]){
            {"--json", NULL, "Print summary.json instead of the table", false},
            {.name = NULL},
        },
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_report,
};
