/* Stand-ins behind the option value `embedded`: one child per system, for all scenarios. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_context.h"
#include "core/load/standin.h"
#include "core/util/error.h"
#include "core/util/json.h"
#include "core/util/log.h"

static struct run_standin *find(struct run_context *c, const struct standin *standin)
{
    for (size_t i = 0; i < c->standin_count; i++)
        if (c->standins[i].standin == standin)
            return &c->standins[i];
    return NULL;
}

static int start_child(struct run_context *c, struct run_standin *s)
{
    char program[PATH_MAX], log[PATH_MAX + 32], parent[PATH_MAX], error[EMBEDDED_ERROR_MAX];
    const char *sets[PLAN_STANDIN_SETS_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

    program[len > 0 ? len : 0] = '\0';
    if ((size_t)snprintf(parent, sizeof(parent), "%s/standin", c->out) >= sizeof(parent) ||
        (size_t)snprintf(s->folder, sizeof(s->folder), "%s/standin/%s", c->out,
                         s->standin->system) >= sizeof(s->folder)) {
        log_line("the path of the run folder is too long");
        return EXIT_INPUT;
    }
    if (mkdir(parent, 0777) == 0 || access(parent, W_OK) == 0)
        (void)mkdir(s->folder, 0777); /* embedded_start says what is wrong with it */
    snprintf(log, sizeof(log), "%s/log", s->folder);
    struct embedded_options options = {.program = program,
                                       .system = s->standin->system,
                                       .folder = s->folder,
                                       .sets = sets,
                                       .set_count =
                                           plan_standin_sets(c->plan, s->standin->system, sets),
                                       .log = log,
                                       .stop_fd = c->signals_fd};
    terminal_say(c->terminal, "starting the stand-in for %s", s->standin->system);
    int failed = embedded_start(&s->child, &options, error);
    if (failed == SHOAL_E_CANCELLED)
        return EXIT_INTERRUPTED;
    if (failed) {
        log_line("%s", error);
        return EXIT_TARGET;
    }
    s->started = true;
    return EXIT_HELD;
}

/* Puts the stand-in's addresses where the options say `embedded`. */
static int point_options(struct run_context *c, size_t scenario)
{
    const struct simulator *simulator = c->simulators[scenario];
    struct plan_scenario *plan = &c->plan->scenarios.items[scenario];
    const struct standin *standin = simulator->standin;

    for (const struct standin_role *role = standin ? standin->roles : NULL; role && role->option;
         role++) {
        if (!option_is_embedded(option_text(plan->table, plan->options, role->option)))
            continue;
        struct run_standin *s = find(c, standin);
        if (!s) {
            if (c->standin_count == STANDINS_MAX) {
                log_line("a plan may use %d systems at most", STANDINS_MAX);
                return EXIT_INPUT;
            }
            s = &c->standins[c->standin_count++];
            s->standin = standin;
            int status = start_child(c, s);
            if (status)
                return status;
        }
        char *url = NULL;
        if (asprintf(&url, "%s%s", embedded_base(s->child), role->path) < 0)
            die("no memory for an address");
        s->urls[s->url_count++] = url;
        option_set_text(plan->table, plan->options, role->option, url);
    }
    return EXIT_HELD;
}

int run_standins_start(struct run_context *c)
{
    for (size_t i = 0; i < c->plan->scenarios.count; i++) {
        int status = point_options(c, i);
        if (status)
            return status;
    }
    return EXIT_HELD;
}

void run_standins_stop(struct run_context *c)
{
    for (size_t i = 0; i < c->standin_count; i++) {
        struct run_standin *s = &c->standins[i];
        char error[EMBEDDED_ERROR_MAX];
        if (!s->child)
            continue;
        embedded_usage(s->child, &s->usage);
        if (embedded_stop(s->child, &s->ledger, error)) {
            log_line("%s", error);
            s->failed = true;
        }
        s->child = NULL;
    }
}

void run_standins_free(struct run_context *c)
{
    for (size_t i = 0; i < c->standin_count; i++) {
        for (size_t u = 0; u < c->standins[i].url_count; u++)
            free(c->standins[i].urls[u]);
        buf_free(&c->standins[i].ledger);
    }
}

/* Requests that certainly reached a target, and those that may have. */
static void count_requests(const struct run_context *c, uint64_t *answered, uint64_t *sent)
{
    *answered = *sent = 0;
    for (unsigned i = 0; i < c->series->count; i++) {
        struct reporter_counts counts;
        if (c->series->series[i].kind != SERIES_REQUEST)
            continue;
        reporter_counts(c->reporter, i, &counts);
        *answered += counts.succeeded;
        *sent += counts.started;
    }
    *sent += reporter_events(c->reporter, EVENT_RESENT);
}

void run_standins_check(struct run_context *c)
{
    for (size_t i = 0; i < c->standin_count; i++) {
        struct run_standin *s = &c->standins[i];
        cJSON *ledger = NULL;
        bool balanced = false;
        int64_t served = 0;
        uint64_t answered, sent;

        if (!s->started)
            continue;
        if (s->failed || json_parse(&ledger, buf_slice(&s->ledger), NULL)) {
            reporter_check(c->reporter, false, "the stand-in for %s left no readable ledger",
                           s->standin->system);
            continue;
        }
        json_bool(ledger, "balanced", &balanced);
        reporter_check(c->reporter, balanced, "the books of the stand-in for %s %s",
                       s->standin->system, balanced ? "balance" : "do not balance");
        /* One process, one stand-in: each request is counted on both sides. With failures or
         * several segments the two sides can only be compared within bounds. */
        if (json_int(ledger, "requests", &served) && !c->resume && c->segments == 1) {
            count_requests(c, &answered, &sent);
            bool held = (uint64_t)served >= answered && (uint64_t)served <= sent;
            reporter_check(c->reporter, held,
                           "requests sent %llu (answered %llu), served by the stand-in for %s %lld",
                           (unsigned long long)sent, (unsigned long long)answered,
                           s->standin->system, (long long)served);
        }
        cJSON_Delete(ledger);
    }
}
