/* shoal try: one iteration of one client of each scenario, every exchange shown as it happens. */
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/run_context.h"
#include "core/load/standin.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "simulators/registry.h"
#include "simulators/store.h"

#define BODY_SHOWN 160   /* bytes of a body */
#define CLOCK_AGREES_S 2 /* seconds of difference that a Date, exact to one, cannot prove */
#define CLOCK_OFFSET_S 5 /* seconds of difference that are worth a warning */

struct tracing {
    struct flow_trace trace; /* first: the callbacks cast */
    char seen[16][96];       /* targets already introduced */
    size_t seen_count;
    int failed;
};

static void show_body(const char *mark, struct slice body)
{
    size_t n = body.len < BODY_SHOWN ? body.len : BODY_SHOWN;

    if (!body.len)
        return;
    printf("      %s ", mark);
    for (size_t i = 0; i < n; i++)
        putchar(body.data[i] >= 0x20 && body.data[i] < 0x7f ? body.data[i] : '.');
    if (n < body.len)
        printf("... (%zu bytes)", body.len);
    printf("\n");
}

static bool is_secret_header(const char *name)
{
    return strcasecmp(name, "authorization") == 0 || strcasecmp(name, "cookie") == 0 ||
           strcasecmp(name, "set-cookie") == 0 || strcasecmp(name, "proxy-authorization") == 0;
}

static void show_clock_offset(const struct http_response *response)
{
    const char *date = http_header(response, "Date");
    struct tm tm = {0};

    if (!date || !strptime(date, "%a, %d %b %Y %H:%M:%S", &tm))
        return;
    /* A Date names the second that has begun, so half a second more is its best guess. */
    double offset = (double)timegm(&tm) + 0.5 - (double)clock_wall_us() / 1e6;
    if (fabs(offset) < CLOCK_AGREES_S) {
        printf("    its clock agrees with ours\n");
        return;
    }
    printf("    its clock is %.0f s %s ours%s\n", fabs(offset), offset < 0 ? "behind" : "ahead of",
           fabs(offset) > CLOCK_OFFSET_S
               ? ": signed timestamps may be refused; set one of the two clocks right"
               : "");
}

/* Once per target: where it is and how it is spoken to. */
static void introduce(struct tracing *t, const struct http_request *http,
                      const struct http_response *response)
{
    const char *url = http_target_url(http->target);

    for (size_t i = 0; i < t->seen_count; i++)
        if (strncmp(t->seen[i], url, sizeof(t->seen[i]) - 1) == 0)
            return;
    if (t->seen_count == sizeof(t->seen) / sizeof(t->seen[0]))
        return;
    snprintf(t->seen[t->seen_count++], sizeof(t->seen[0]), "%s", url);
    printf("  target %s\n    at %s, HTTP/%d.%d%s\n", url, response->remote,
           response->http_version / 10, response->http_version % 10,
           strncmp(url, "https:", 6) == 0 ? ", certificate accepted" : "");
    show_clock_offset(response);
}

static void show_exchange(struct flow_trace *trace, const struct flow_call *call,
                          const struct http_response *response)
{
    struct tracing *t = (struct tracing *)trace;
    const struct http_request *http = call->http;

    if (!response->error)
        introduce(t, http, response);
    printf("    %s %s%s\n", http->method, http->url ? http->url : http_target_url(http->target),
           http->url || !http->path ? "" : http->path);
    for (size_t i = 0; i < http->header_count; i++)
        printf("      > %s: %s\n", http->headers[i].name,
               is_secret_header(http->headers[i].name) ? OPTION_HIDDEN_TEXT
                                                       : http->headers[i].value);
    show_body(">", http->body);
    if (response->error) {
        printf("      failed after %.1f ms: %s (%s)\n", (double)response->times.total / 1e6,
               response->detail[0] ? response->detail : error_text(response->error),
               error_name(response->error));
    } else {
        printf("      < %d in %.1f ms (connect %.1f, TLS %.1f, first byte %.1f)\n",
               response->status, (double)response->times.total / 1e6,
               (double)response->times.connect / 1e6, (double)response->times.tls / 1e6,
               (double)response->times.first_byte / 1e6);
        show_body("<", response->body);
    }
    fflush(stdout);
}

/* What to do about a failure, by its code. */
static const char *remedy(int error)
{
    switch (error) {
    case SHOAL_E_RESOLVE:
        return "check the name in the plan, or give its address under \"hosts\"";
    case SHOAL_E_REFUSED:
        return "nothing listens there: start the service, or check host and port in the plan";
    case SHOAL_E_CONNECT_TIMEOUT:
    case SHOAL_E_UNREACHABLE:
        return "check the route, the firewall, and the proxy setting of the plan";
    case SHOAL_E_TLS:
        return "give its certificate authority as tls.ca in the plan";
    case SHOAL_E_HTTP_STATUS:
        return "check the base URL's path and the credentials in the plan";
    case SHOAL_E_UNSUPPORTED:
        return "the service speaks another protocol version; see the system's page in docs/";
    default:
        return "docs/errors.md explains each kind";
    }
}

static void show_step(struct flow_trace *trace, const char *name, int error)
{
    struct tracing *t = (struct tracing *)trace;

    if (error)
        t->failed++;
    printf("  step %s: %s\n", name, error ? error_name(error) : "ok");
    if (error && error != SHOAL_E_CANCELLED)
        printf("  to fix: %s\n", remedy(error));
    fflush(stdout);
}

static void one_iteration_each(struct plan *plan)
{
    for (size_t i = 0; i < plan->scenarios.count; i++) {
        struct plan_load *load = &plan->scenarios.items[i].load;
        *load = (struct plan_load){.model = PLAN_CLOSED,
                                   .iterations = 1,
                                   .graceful_stop_ns = load->graceful_stop_ns,
                                   .think = distribution_fixed(DISTRIBUTION_DURATION, 0)};
        plan->scenarios.items[i].start_ns = 0;
    }
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Drives the load to its end; the counts of the meters are of no interest here. */
static int drive(struct run_context *c)
{
    struct load_run *load = c->load;
    struct load_status status;
    const struct timespec pause = {.tv_nsec = 5 * NS_PER_MS};
    struct load_totals totals;
    int result = EXIT_HELD;

    load_prepare(load);
    for (bool done = false; !done;) {
        if (sigtimedwait(&c->signals, NULL, &pause) > 0 && c->interrupts++ == 0)
            load_cancel(load);
        load_status(load, &status);
        if (status.phase == LOAD_READY && c->interrupts)
            break;
        if (status.phase == LOAD_READY)
            load_begin(load, clock_ns());
        if (status.phase == LOAD_FAILED && !c->interrupts) {
            printf("  could not start: %s (%s)\n  to fix: %s\n", status.failure.text,
                   status.failure.kind, remedy(status.failure.error));
            result = EXIT_TARGET;
        }
        done = status.phase == LOAD_FAILED || status.phase == LOAD_DRAINED;
    }
    load_finish(load, &totals);
    if (c->interrupts)
        result = EXIT_INTERRUPTED;
    if (status.broken) {
        log_line("%s", status.broken_text);
        result = EXIT_OURS;
    }
    return result;
}

static int try_plan(struct run_context *c, uint64_t client)
{
    struct tracing tracing = {.trace = {show_exchange, show_step}};
    struct load_single single = {client, &tracing.trace};
    char why[LOAD_TEXT_MAX];
    struct load_options options = {.plan = c->plan,
                                   .simulators = c->simulators,
                                   .store = &simulators_store,
                                   .state_dir = c->state,
                                   .lanes = 1,
                                   .seed = (uint64_t)c->plan->seed,
                                   .series = c->series,
                                   .single = &single};

    memcpy(options.run_id, c->run_id, RUN_ID_SIZE);
    if (load_new(&c->load, &options, why)) {
        c->load = NULL;
        log_line("%s", why);
        return EXIT_OURS;
    }
    int status = drive(c);
    if (!status && tracing.failed) {
        printf("%d step%s failed; %s\n", tracing.failed, tracing.failed > 1 ? "s" : "",
               "docs/errors.md explains each kind");
        status = EXIT_VERDICT;
    } else if (!status) {
        printf("all steps succeeded\n");
    }
    return status;
}

static int run_try(const struct cli_args *args)
{
    struct run_context *c = calloc(1, sizeof(*c));
    char folder[] = "/tmp/shoal-try-XXXXXX";
    long long client = 0;

    if (!c || !(c->series = calloc(1, sizeof(*c->series))))
        die("no memory");
    c->args = args;
    c->segments = c->segment = 1;
    random_bytes(c->run_id, sizeof(c->run_id));
    run_block_signals(c);
    int status = cli_load_plan(args, cli_argument(args, 0), 1, &c->plan);
    for (size_t i = 0; !status && i < c->plan->scenarios.count; i++) {
        long long last = c->plan->scenarios.items[i].clients - 1;
        status = cli_integer(args, "--client", (struct cli_range){0, last}, &client);
        c->simulators[i] = simulator_find(c->plan->scenarios.items[i].simulator);
    }
    if (!status && !mkdtemp(folder)) {
        log_line("%s cannot be made", folder);
        status = EXIT_OURS;
    } else if (!status) {
        snprintf(c->out, sizeof(c->out), "%s", folder);
        snprintf(c->state, sizeof(c->state), "%s/state", folder);
        one_iteration_each(c->plan);
        load_series(c->series, c->plan, c->simulators);
        c->terminal =
            terminal_new(&(struct terminal_options){STDERR_FILENO, STDOUT_FILENO, false, false});
        status = run_standins_start(c);
        if (!status)
            status = try_plan(c, (uint64_t)client);
        load_free(c->load);
        run_standins_stop(c);
        run_standins_free(c);
        terminal_free(c->terminal);
        nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    if (status == EXIT_INTERRUPTED)
        log_line("interrupted");
    close(c->signals_fd);
    plan_free(c->plan);
    free(c->series);
    free(c);
    return status;
}

const struct command command_try = {
    .name = "try",
    .arguments = "PLAN",
    .summary = "Play one iteration of each scenario and show every exchange",
    .detail =
        "The first thing to do with a new target: names, certificates, credentials, protocol\n"
        "version and clocks are tried, each exchange is shown (secrets hidden, bodies\n"
        "shortened), and what fails says how to fix it.",
    .options =
        (const struct cli_option[]){
            {"--client", "I", "Which client plays (from 0; default 0)", false},
            {"--set", "PATH=VALUE", "Change one value of the plan first", true},
            {"--clients", "N", "Clients of every scenario", false},
            {"--duration", "TIME", "Accepted as in run; one iteration is played", false},
            {"--seed", "N", "Seed of choices and schedules", false},
            {"--lanes", "N", "Accepted as in run; one lane plays", false},
            {.name = NULL},
        },
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_try,
};
