/* shoal check: everything that can be known of a plan without running it. */
#include <string.h>

#include "cli/commands.h"
#include "cli/run_context.h"
#include "core/util/clock.h"
#include "core/util/log.h"

static void print_scenario(const struct plan_scenario *s)
{
    char text[DURATION_TEXT_MAX];
    int64_t end = s->load.duration_ns;

    printf("  %-20s %s, %lld clients, %s", s->name, s->simulator, (long long)s->clients,
           s->load.model == PLAN_OPEN ? "open" : "closed");
    if (end)
        printf(", %s", duration_format(end, text));
    if (s->load.iterations)
        printf(", %lld iterations", (long long)s->load.iterations);
    if (s->load.model == PLAN_OPEN && s->load.stages.count == 0)
        printf(", %g arrivals/s", s->load.rate);
    printf("\n");
}

static int run_check(const struct cli_args *args)
{
    struct plan *plan = NULL;
    unsigned segment, segments;
    int status = cli_segment(args, &segment, &segments);

    if (!status)
        status = cli_load_plan(args, cli_argument(args, 0), segments, &plan);
    if (status)
        return status;
    if (cli_has(args, "--resolved")) {
        struct buf text = {.data = NULL};
        plan_write(plan, &text);
        fwrite(text.data, 1, text.len, stdout);
        buf_free(&text);
    } else {
        printf("%s: this plan can be run\n", cli_argument(args, 0));
        for (size_t i = 0; i < plan->scenarios.count; i++)
            print_scenario(&plan->scenarios.items[i]);
    }
    plan_free(plan);
    return EXIT_HELD;
}

const struct command command_check = {
    .name = "check",
    .arguments = "PLAN",
    .summary = "Check a plan without running it",
    .options =
        (const struct cli_option[]){
            {"--set", "PATH=VALUE", "Change one value of the plan first", true},
            {"--clients", "N", "Clients of every scenario", false},
            {"--duration", "TIME", "Duration of every scenario", false},
            {"--seed", "N", "Seed of choices and schedules", false},
            {"--lanes", "N", "Threads that play clients", false},
            {"--segment", "I/N", "Check that the plan can be split so", false},
            {"--resolved", NULL, "Print the plan with all defaults, secrets hidden", false},
            {.name = NULL},
        },
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_check,
};
