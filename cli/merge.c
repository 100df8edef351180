/* shoal merge: the runs of the segments of one plan as one run's folder. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "core/report/merge.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

/* Whose failure it is: of what was given, or ours. */
static int status_of(int code)
{
    bool input = code == SHOAL_E_BAD_INPUT || code == SHOAL_E_BUSY || code == SHOAL_E_CORRUPT;
    return input ? EXIT_INPUT : EXIT_OURS;
}

static int refuse(int code, const char *why)
{
    log_line("%s", why);
    return status_of(code);
}

static int create_folder(struct run_folder **out, const struct cli_args *args,
                         const struct merge *merge)
{
    const char *given = cli_value(args, "--out");
    char path[PATH_MAX], error[RUN_ERROR_MAX];

    if (given)
        snprintf(path, sizeof(path), "%s", given);
    else
        run_folder_default(path, sizeof(path), merge_name(merge), clock_wall_us());
    int code = run_folder_create(out, path, error);
    return code ? refuse(code, error) : EXIT_HELD;
}

static void say_remarks(struct terminal *terminal, const struct merge *merge)
{
    struct buf text = {.data = NULL};
    char *line, *rest;

    merge_remarks(merge, &text);
    rest = (char *)text.data;
    while ((line = strsep(&rest, "\n")) && *line)
        terminal_say(terminal, "%s", line);
    buf_free(&text);
}

static int write_folder(struct merge *merge, struct run_folder *folder, struct terminal *terminal)
{
    char why[MERGE_ERROR_MAX];
    struct summary *summary;
    int status = EXIT_HELD;
    int code = merge_write(merge, folder, &summary, why);

    if (code)
        status = refuse(code, why);
    else if (!summary->accounting)
        status = EXIT_VERDICT;
    if (summary && terminal_finish(terminal, summary))
        status = EXIT_OURS;
    summary_free(summary);
    if (status == EXIT_INPUT)
        run_folder_discard(folder);
    return status;
}

static int run_merge(const struct cli_args *args)
{
    const char *folders[CLI_VALUES_MAX];
    char why[MERGE_ERROR_MAX];
    struct merge_options options = {.folders = folders, .partial = cli_has(args, "--partial")};
    struct merge *merge;
    struct run_folder *folder;

    while ((folders[options.count] = cli_argument(args, (unsigned)options.count)))
        options.count++;
    int code = merge_open(&merge, &options, why);
    if (code)
        return refuse(code, why);
    struct terminal *terminal =
        terminal_new(&(struct terminal_options){.progress_fd = STDERR_FILENO,
                                                .result_fd = STDOUT_FILENO,
                                                .quiet = cli_has(args, "--quiet"),
                                                .json = cli_has(args, "--json")});
    int status = create_folder(&folder, args, merge);
    if (!status) {
        say_remarks(terminal, merge);
        status = write_folder(merge, folder, terminal);
        run_folder_close(folder);
    }
    terminal_free(terminal);
    merge_free(merge);
    return status;
}

const struct command command_merge = {
    .name = "merge",
    .arguments = "DIR...",
    .summary = "Make one run's folder of the segments of a plan",
    .detail =
        "Each DIR is what `shoal run PLAN --segment I/N --run-id HEX` left, with the same plan, "
        "seed and run id.\nCounts and histograms are added, so percentiles are those that one "
        "process would have measured.",
    .options =
        (const struct cli_option[]){
            {"--out", "DIR", "The merged folder (default runs/NAME-TIME)", false},
            {"--partial", NULL, "Merge although segments are missing, or were played twice", false},
            {"--quiet", NULL, "No remarks, only the end table", false},
            {"--json", NULL, "Print summary.json instead of the table", false},
            {.name = NULL},
        },
    .arguments_min = 1,
    .arguments_max = CLI_VALUES_MAX - 4,
    .run = run_merge,
};
