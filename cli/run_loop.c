/* The main thread of a run: signals, the second's tick, and the phases of the load. */
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/run_context.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

#define TICK_NS NS_PER_S
#define POLL_NS (10 * NS_PER_MS)
#define ANSWER_NS (900 * NS_PER_MS) /* a lane that has not published by then is taken next time */

struct loop {
    struct run_context *c;
    int64_t next_tick_ns, asked_ns; /* asked 0: no collection under way */
    struct interval **intervals;
    bool begun, failed_said, finished;
};

static void say(struct loop *l, const char *text)
{
    terminal_clear(l->c->terminal);
    log_line("%s", text);
}

static void on_signal(struct loop *l)
{
    struct run_context *c = l->c;

    switch (++c->interrupts) {
    case 1:
        say(l, "interrupted: no new iterations, waiting for those that run (again to cancel them)");
        if (l->begun)
            load_stop(c->load);
        else
            load_cancel(c->load);
        break;
    case 2:
        say(l, "interrupted again: cancelling what runs");
        load_cancel(c->load);
        break;
    default:
        say(l, "interrupted a third time: killed");
        _exit(EXIT_INTERRUPTED);
    }
}

/* One wait of at most POLL_NS, ended early by a signal. */
static void wait_a_little(struct loop *l)
{
    struct timespec t = {.tv_nsec = POLL_NS};

    if (sigtimedwait(&l->c->signals, NULL, &t) > 0)
        on_signal(l);
}

static void break_run(struct loop *l, const char *text)
{
    if (l->c->broken)
        return;
    l->c->broken = true;
    say(l, text);
    load_cancel(l->c->load);
}

/* True when every lane has handed over, or the time for it is over. */
static bool gather(struct loop *l, bool patient)
{
    bool all = true;

    for (unsigned i = 0; i < l->c->lanes; i++) {
        if (!l->intervals[i])
            l->intervals[i] = load_collected(l->c->load, i);
        if (!l->intervals[i])
            all = false;
    }
    return all || (!patient && clock_ns() - l->asked_ns > ANSWER_NS);
}

static void collect(struct loop *l)
{
    struct reporter_tick tick = {
        .intervals = l->intervals, .count = l->c->lanes, .now_ns = clock_ns()};

    if (reporter_collect(l->c->reporter, &tick))
        break_run(l, run_folder_error(l->c->folder));
    for (unsigned i = 0; i < l->c->lanes; i++)
        l->intervals[i] = NULL;
    l->asked_ns = 0;
}

static void tick(struct loop *l)
{
    if (!l->asked_ns) {
        if (clock_ns() < l->next_tick_ns)
            return;
        l->asked_ns = clock_ns();
        l->next_tick_ns += TICK_NS;
        load_collect(l->c->load);
    }
    if (gather(l, false))
        collect(l);
}

/* The last interval: everything the lanes still hold. */
static void collect_rest(struct loop *l)
{
    for (int round = 0; round < 2; round++) { /* one may be under way; the second holds the rest */
        if (!l->asked_ns) {
            l->asked_ns = clock_ns();
            load_collect(l->c->load);
        }
        while (!gather(l, true))
            wait_a_little(l);
        collect(l);
    }
}

static void start_reporting(struct loop *l)
{
    reporter_begin(l->c->reporter, clock_ns(), clock_wall_us());
    l->next_tick_ns = clock_ns() + TICK_NS;
}

/* The load's zero, once every fleet is ready and --start-at has come. */
static void maybe_begin(struct loop *l)
{
    struct run_context *c = l->c;
    int64_t late_us = clock_wall_us() - c->start_at_us;

    if (c->start_at_us && late_us < 0)
        return;
    c->start_skew_ns = c->start_at_us ? late_us * NS_PER_US : -1;
    if (c->start_at_us && late_us > 1000000)
        log_line("--start-at was %.1f s ago: this segment starts late", (double)late_us / 1e6);
    l->begun = true;
    start_reporting(l);
    load_begin(c->load, clock_ns());
}

static void prepare_failed(struct loop *l, const struct load_status *status)
{
    if (l->failed_said)
        return;
    l->failed_said = true;
    l->c->not_started = !l->c->interrupts; /* else it was told to stop */
    terminal_clear(l->c->terminal);
    if (!l->c->interrupts)
        log_line("scenario %s could not start: %s (%s)", status->scenario, status->failure.text,
                 status->failure.kind);
    start_reporting(l);
    l->finished = true;
}

static void step(struct loop *l)
{
    struct load_status status;

    load_status(l->c->load, &status);
    if (status.broken)
        break_run(l, status.broken_text);
    switch (status.phase) {
    case LOAD_PREPARING:
        break;
    case LOAD_FAILED:
        prepare_failed(l, &status);
        break;
    case LOAD_READY:
        if (l->c->interrupts || l->c->broken) {
            start_reporting(l);
            l->finished = true;
        } else {
            maybe_begin(l);
        }
        break;
    case LOAD_RUNNING:
        tick(l);
        break;
    case LOAD_DRAINED:
        l->finished = true;
        break;
    }
}

void run_block_signals(struct run_context *c)
{
    struct sigaction hang_up;

    sigemptyset(&c->signals);
    sigaddset(&c->signals, SIGINT);
    sigaddset(&c->signals, SIGTERM);
    if (sigaction(SIGHUP, NULL, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN)
        sigaddset(&c->signals, SIGHUP); /* unless nohup asks to outlive the terminal */
    pthread_sigmask(SIG_BLOCK, &c->signals,
                    NULL); /* the lanes inherit it: signals come here only */
    c->signals_fd = signalfd(-1, &c->signals, SFD_CLOEXEC);
    if (c->signals_fd < 0)
        die("no descriptor for signals");
}

void run_loop(struct run_context *c)
{
    struct interval *intervals[PLAN_LANES_MAX] = {NULL};
    struct loop l = {.c = c, .intervals = intervals};

    load_prepare(c->load);
    while (!l.finished) {
        wait_a_little(&l);
        step(&l);
    }
    collect_rest(&l);
    terminal_clear(c->terminal);
    load_finish(c->load, &c->totals);
    run_standins_stop(c);
}
