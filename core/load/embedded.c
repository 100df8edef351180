#include "core/load/embedded.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/util/clock.h"
#include "core/util/error.h"

#define OUTPUT_MAX (1u << 20) /* of a child's standard output that is kept */
#define ARGS_MAX 64

struct embedded {
    pid_t pid;
    int leash;   /* its standard input; -1: let go */
    int output;  /* its standard output */
    int stop_fd; /* its start is given up when this is readable; -1: none, or started */
    int64_t stop_ns;
    struct buf text;
    char base[128];
};

/* --- the child's output ------------------------------------------------------------------------
 */

/* Reads what there is, waiting until the deadline for something. 0, SHOAL_E_TIMEOUT,
 * SHOAL_E_CANCELLED, or SHOAL_E_NOT_FOUND at its end. */
static int read_output(struct embedded *e, int64_t deadline_ns)
{
    for (;;) {
        int64_t left = deadline_ns - clock_ns();
        struct pollfd p[2] = {{.fd = e->output, .events = POLLIN},
                              {.fd = e->stop_fd, .events = POLLIN}};
        int ready = poll(p, 2, left > 0 ? (int)(left / NS_PER_MS) + 1 : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return SHOAL_E_TIMEOUT;
        if (p[1].revents)
            return SHOAL_E_CANCELLED;
        char piece[4096];
        ssize_t n = read(e->output, piece, sizeof piece);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return SHOAL_E_NOT_FOUND;
        buf_put(&e->text, piece, (size_t)n);
        return SHOAL_OK;
    }
}

/* Takes the base out of the first line; false: no whole line yet, or another one. */
static bool take_ready(struct embedded *e)
{
    const char *text = (const char *)e->text.data;
    const char *line_end = text ? memchr(text, '\n', e->text.len) : NULL;
    if (!line_end || strncmp(text, "ready ", 6) != 0)
        return false;
    size_t len = (size_t)(line_end - text) - 6;
    if (len >= sizeof e->base)
        return false;
    memcpy(e->base, text + 6, len);
    e->base[len] = '\0';
    buf_clear(&e->text);
    return true;
}

/* --- its process -------------------------------------------------------------------------------
 */

/* Its wait status; SHOAL_E_TIMEOUT when it had to be killed. Only our own child is ever signalled,
 * and it cannot be another's process, since we have not waited for it yet. */
static int reap(struct embedded *e, int64_t deadline_ns, int *status)
{
    const struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};
    for (;;) {
        pid_t pid = waitpid(e->pid, status, WNOHANG);
        if (pid == e->pid)
            return SHOAL_OK;
        if (pid < 0 && errno != EINTR) {
            *status = 0;
            return SHOAL_E_UNEXPECTED;
        }
        if (clock_ns() >= deadline_ns)
            break;
        nanosleep(&pause, NULL);
    }
    kill(e->pid, SIGKILL);
    while (waitpid(e->pid, status, 0) < 0 && errno == EINTR)
        ;
    return SHOAL_E_TIMEOUT;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void discard(struct embedded *e)
{
    close_end(&e->leash);
    close_end(&e->output);
    buf_free(&e->text);
    free(e);
}

static void say_status(char error[EMBEDDED_ERROR_MAX], int status)
{
    if (WIFSIGNALED(status))
        snprintf(error, EMBEDDED_ERROR_MAX, "the stand-in was ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(error, EMBEDDED_ERROR_MAX, "the stand-in ended with status %d",
                 WEXITSTATUS(status));
}

/* Adds the last line of its log, where it has said why. */
static void add_last_words(char error[EMBEDDED_ERROR_MAX], const char *log)
{
    FILE *file = log ? fopen(log, "re") : NULL;
    if (!file)
        return;
    char line[256], last[256] = "";
    while (fgets(line, sizeof line, file))
        if (line[0] != '\n')
            memcpy(last, line, sizeof last);
    fclose(file);
    last[strcspn(last, "\n")] = '\0';
    size_t used = strlen(error);
    if (last[0])
        snprintf(error + used, EMBEDDED_ERROR_MAX - used, ": %s", last);
}

/* --- start -------------------------------------------------------------------------------------
 */

struct plumbing {
    int leash[2], output[2], log;
};

static int open_plumbing(struct plumbing *p, const char *log)
{
    *p = (struct plumbing){{-1, -1}, {-1, -1}, -1};
    if (pipe2(p->leash, O_CLOEXEC) != 0 || pipe2(p->output, O_CLOEXEC) != 0)
        return error_from_errno(errno);
    if (log)
        p->log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return log && p->log < 0 ? error_from_errno(errno) : SHOAL_OK;
}

static void close_plumbing(struct plumbing *p)
{
    for (int i = 0; i < 2; i++) {
        close_end(&p->leash[i]);
        close_end(&p->output[i]);
    }
    close_end(&p->log);
}

static int fill_args(const struct embedded_options *o, const char *args[ARGS_MAX])
{
    size_t n = 0;
    args[n++] = o->program;
    args[n++] = "serve";
    args[n++] = o->system;
    args[n++] = "--until-eof";
    if (o->folder) {
        args[n++] = "--folder";
        args[n++] = o->folder;
    }
    if (o->listen) {
        args[n++] = "--listen";
        args[n++] = o->listen;
    }
    if (n + 2 * o->set_count >= ARGS_MAX)
        return SHOAL_E_LIMIT;
    for (size_t i = 0; i < o->set_count; i++) {
        args[n++] = "--set";
        args[n++] = o->sets[i];
    }
    args[n] = NULL;
    return SHOAL_OK;
}

/* The child gets the three standard descriptors and no other; signals as at a program's start. */
static int spawn(pid_t *pid, const struct plumbing *p, const char *const args[])
{
    extern char **environ;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&files, p->leash[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, p->output[1], STDOUT_FILENO);
    if (p->log >= 0)
        posix_spawn_file_actions_adddup2(&files, p->log, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    union {
        const char *const *in;
        char *const *out;
    } argv = {.in = args}; /* posix_spawn's signature predates const; it changes nothing */
    int err = posix_spawn(pid, args[0], &files, &attributes, argv.out, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return err;
}

/* Until it says ready, ends, or time is up. Failing, it leaves no process. */
static int wait_ready(struct embedded *e, const struct embedded_options *options,
                      char error[EMBEDDED_ERROR_MAX])
{
    int64_t patience = options->start_ns ? options->start_ns : EMBEDDED_START_NS;
    int64_t deadline = clock_after(clock_ns(), patience);
    int result = SHOAL_OK;
    while (!result) {
        if (take_ready(e))
            return SHOAL_OK;
        result = e->text.error ? e->text.error : read_output(e, deadline);
    }
    int status;
    close_end(&e->leash);
    reap(e, clock_after(clock_ns(), result == SHOAL_E_NOT_FOUND ? e->stop_ns : 0), &status);
    if (result == SHOAL_E_NOT_FOUND)
        say_status(error, status);
    else if (result == SHOAL_E_CANCELLED)
        snprintf(error, EMBEDDED_ERROR_MAX, "the stand-in's start was given up");
    else
        snprintf(error, EMBEDDED_ERROR_MAX, "the stand-in did not get ready in %.3g seconds",
                 (double)patience / NS_PER_S);
    if (result != SHOAL_E_CANCELLED)
        add_last_words(error, options->log);
    return result == SHOAL_E_NOT_FOUND ? SHOAL_E_INTERNAL : result;
}

int embedded_start(struct embedded **out, const struct embedded_options *options,
                   char error[EMBEDDED_ERROR_MAX])
{
    *out = NULL;
    error[0] = '\0';
    const char *args[ARGS_MAX];
    struct plumbing plumbing;
    struct embedded *e = calloc(1, sizeof *e);
    int result = e ? fill_args(options, args) : SHOAL_E_NOMEM;
    if (result) {
        free(e);
        snprintf(error, EMBEDDED_ERROR_MAX, "the stand-in cannot be started: %s",
                 error_text(result));
        return result;
    }
    e->text.limit = OUTPUT_MAX;
    result = open_plumbing(&plumbing, options->log);
    int err = result ? 0 : spawn(&e->pid, &plumbing, args);
    if (result || err) {
        snprintf(error, EMBEDDED_ERROR_MAX, "the stand-in cannot be started: %s: %s",
                 err ? options->program : "pipes and log",
                 err ? strerror(err) : error_text(result));
        close_plumbing(&plumbing);
        free(e);
        return result ? result : SHOAL_E_IO;
    }
    e->leash = plumbing.leash[1];
    e->output = plumbing.output[0];
    plumbing.leash[1] = plumbing.output[0] = -1;
    close_plumbing(&plumbing);
    e->stop_ns = options->stop_ns ? options->stop_ns : EMBEDDED_STOP_NS;
    e->stop_fd = options->stop_fd ? options->stop_fd : -1;
    result = wait_ready(e, options, error);
    e->stop_fd = -1; /* its end waits for the ledger, whatever comes */
    if (result) {
        discard(e);
        return result;
    }
    *out = e;
    return SHOAL_OK;
}

const char *embedded_base(const struct embedded *e)
{
    return e->base;
}

/* --- use and end -------------------------------------------------------------------------------
 */

void embedded_usage(const struct embedded *e, struct embedded_usage *out)
{
    *out = (struct embedded_usage){0};
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)e->pid);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[len] = '\0';
    /* The name, in brackets, may hold anything; the numbers come behind the last bracket. */
    const char *rest = strrchr(text, ')');
    unsigned long long user, system_time;
    long long pages;
    if (!rest || sscanf(rest + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d "
                        "%*d %*d %*u %*u %lld",
                        &user, &system_time, &pages) != 3)
        return;
    out->cpu_ns = (int64_t)(user + system_time) * (NS_PER_S / sysconf(_SC_CLK_TCK));
    out->rss_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void take_ledger(const struct buf *text, struct buf *ledger)
{
    size_t end = text->len;
    while (end && text->data[end - 1] == '\n')
        end--;
    size_t start = end;
    while (start && text->data[start - 1] != '\n')
        start--;
    if (start < end && text->data[start] == '{')
        buf_put(ledger, text->data + start, end - start);
}

int embedded_stop(struct embedded *e, struct buf *ledger, char error[EMBEDDED_ERROR_MAX])
{
    if (!e)
        return SHOAL_OK;
    char words[EMBEDDED_ERROR_MAX] = "";
    int64_t deadline = clock_after(clock_ns(), e->stop_ns);
    close_end(&e->leash);
    while (!read_output(e, deadline))
        ;
    int status;
    int result = reap(e, deadline, &status);
    if (result == SHOAL_E_TIMEOUT) {
        snprintf(words, sizeof words, "the stand-in did not end in %.3g seconds and was killed",
                 (double)e->stop_ns / NS_PER_S);
    } else if (result || status) {
        say_status(words, status);
        result = SHOAL_E_UNEXPECTED;
    }
    if (ledger)
        take_ledger(&e->text, ledger);
    if (error)
        memcpy(error, words, sizeof words);
    discard(e);
    return result;
}
