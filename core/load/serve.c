#include "core/load/serve.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/net/faults.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

enum { EXIT_HELD = 0, EXIT_UNBALANCED = 1, EXIT_BAD_INPUT = 2, EXIT_NO_START = 3, EXIT_OURS = 5 };

static const int end_signals[] = {SIGINT, SIGTERM, SIGHUP};
#define END_SIGNALS (sizeof end_signals / sizeof end_signals[0])

#define LOCK_WAIT_NS (5 * NS_PER_S)

struct server {
    const struct serve_options *options;
    struct lane *lane;
    struct listener *listener;
    struct faults faults;
    void *service;
    struct arena *arena;
    uv_signal_t signals[END_SIGNALS];
    uv_poll_t leash;
    bool on_leash, ending;
    struct buf ledger;
    double start_cpu_s; /* until it was ready: keys are expensive, and no load */
    int status;
    int lock; /* of the folder; -1: none */
};

/* --- ready, and the end ------------------------------------------------------------------------
 */

static void write_line(const char *prefix, struct slice text)
{
    struct buf line = {0};
    buf_str(&line, prefix);
    buf_put(&line, text.data, text.len);
    buf_char(&line, '\n');
    size_t done = 0;
    while (!line.error && done < line.len) {
        ssize_t n = write(STDOUT_FILENO, line.data + done, line.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* whoever started us is gone */
        done += (size_t)n;
    }
    buf_free(&line);
}

static double cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static uint64_t rss_anon_bytes(void)
{
    unsigned long long kib = 0;
    char line[128];
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "RssAnon: %llu", &kib) == 1)
            break;
    if (status)
        fclose(status);
    return kib * 1024;
}

/* The stand-in's last word and its end, and what the server knows: requests, faults, its own cost.
 */
static void close_books(struct server *s)
{
    struct buf *out = &s->ledger;
    s->options->standin->ledger(s->service, out);
    uint64_t rss = rss_anon_bytes();       /* with the books still in memory */
    s->options->standin->stop(s->service); /* answers what it keeps, which counts */
    s->service = NULL;
    if (out->error || !out->len || out->data[out->len - 1] != '}')
        die("the ledger of the stand-in %s is no object", s->options->standin->system);
    out->len--;
    struct listener_stats stats;
    listener_stats(s->listener, &stats);
    buf_printf(out, "%s\"requests\":%llu,\"replies\":%llu,\"refused\":%llu,\"aborted\":%llu,",
               out->data[out->len - 1] == '{' ? "" : ",", (unsigned long long)stats.requests,
               (unsigned long long)stats.replies, (unsigned long long)stats.refused,
               (unsigned long long)stats.aborted);
    buf_printf(out, "\"faults\":%llu,\"cpu_s\":%.6f,\"start_cpu_s\":%.6f,\"rss_anon_bytes\":%llu}",
               (unsigned long long)stats.faults, cpu_s(), s->start_cpu_s, (unsigned long long)rss);
}

static int save_ledger(const char *folder, struct slice ledger)
{
    char path[4096], temporary[4096];
    if (snprintf(path, sizeof path, "%s/ledger.json", folder) >= (int)sizeof path ||
        snprintf(temporary, sizeof temporary, "%s/ledger.json.new", folder) >=
            (int)sizeof temporary)
        return SHOAL_E_BAD_INPUT;
    FILE *file = fopen(temporary, "wbe");
    if (!file)
        return error_from_errno(errno);
    bool ok = fwrite(ledger.data, 1, ledger.len, file) == ledger.len && fputc('\n', file) != EOF;
    ok = fflush(file) == 0 && fsync(fileno(file)) == 0 && ok;
    ok = fclose(file) == 0 && ok;
    if (ok && rename(temporary, path) == 0)
        return SHOAL_OK;
    int error = error_from_errno(errno);
    unlink(temporary);
    return error;
}

static void close_signals(struct server *s)
{
    for (size_t i = 0; i < END_SIGNALS; i++)
        uv_close((uv_handle_t *)&s->signals[i], NULL);
}

/* In one call of the loop, so no request comes between the ledger and the end. */
static void end(struct server *s)
{
    if (s->ending)
        return;
    s->ending = true;
    close_books(s);
    listener_free(s->listener);
    s->listener = NULL;
    close_signals(s);
    if (s->on_leash)
        uv_close((uv_handle_t *)&s->leash, NULL);
    lane_stop(s->lane);
}

static void on_signal(uv_signal_t *signal, int number)
{
    end(signal->data);
}

static void on_leash(uv_poll_t *poll, int error, int events)
{
    char nothing[256];
    ssize_t n;
    do
        n = read(STDIN_FILENO, nothing, sizeof nothing);
    while (n > 0 || (n < 0 && errno == EINTR));
    if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
        end(poll->data);
}

static void on_request(void *arg, struct exchange *x)
{
    struct server *s = arg;
    if (s->service)
        s->options->standin->handle(s->service, x);
    else
        exchange_answer(x, &(struct exchange_reply){.status = 503, .close = true});
}

/* --- the start ---------------------------------------------------------------------------------
 */

const struct option_table *serve_option_table(const struct standin *standin, struct arena *arena,
                                              size_t *faults_offset)
{
    const struct option_table *own = standin->options;
    size_t align = _Alignof(max_align_t);
    size_t offset = (own->size + align - 1) / align * align;
    struct option *list = arena_zalloc(arena, (own->count + 1) * sizeof *list);
    memcpy(list, own->options, own->count * sizeof *list);
    list[own->count] = (struct option){.name = "faults",
                                       .type = OPTION_TABLE,
                                       .offset = offset,
                                       .size = sizeof(struct faults_options),
                                       .table = &faults_option_table,
                                       .help = "Faults that are injected into the service"};
    struct option_table *table = arena_zalloc(arena, sizeof *table);
    *table = (struct option_table){list, own->count + 1, offset + sizeof(struct faults_options)};
    *faults_offset = offset;
    return table;
}

/* "ADDR:PORT", "[ADDR6]:PORT", ":PORT", "PORT" into a literal address and a port. */
static bool parse_listen(const char *text, char address[INET6_ADDRSTRLEN], uint16_t *port)
{
    snprintf(address, INET6_ADDRSTRLEN, "%s", SERVE_ADDRESS_DEFAULT);
    *port = 0;
    if (!text)
        return true;
    const char *colon = strrchr(text, ':');
    const char *digits = colon ? colon + 1 : text;
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    } else if (memchr(text, ':', len)) {
        return false; /* an IPv6 address wants brackets before a port */
    }
    if (len >= INET6_ADDRSTRLEN)
        return false;
    if (len) {
        memcpy(address, text, len);
        address[len] = '\0';
    }
    unsigned char binary[sizeof(struct in6_addr)];
    if (strcmp(address, "localhost") == 0)
        snprintf(address, INET6_ADDRSTRLEN, "127.0.0.1");
    if (inet_pton(AF_INET, address, binary) != 1 && inet_pton(AF_INET6, address, binary) != 1)
        return false;
    size_t count = strspn(digits, "0123456789");
    if (!count || count > 5 || digits[count])
        return false;
    unsigned long number = strtoul(digits, NULL, 10);
    *port = (uint16_t)number;
    return number <= UINT16_MAX;
}

/* The options as one struct in the arena, or NULL after saying what is wrong. */
static const void *read_sets(struct server *s)
{
    size_t faults_offset;
    const struct option_table *table =
        serve_option_table(s->options->standin, s->arena, &faults_offset);
    uint8_t *values = arena_zalloc(s->arena, table->size);
    struct plan_errors errors = {0};
    int error = options_from_sets(table, s->options->sets, s->options->set_count, s->arena, values,
                                  &errors);
    for (size_t i = 0; i < errors.count; i++)
        log_line("%s", errors.lines[i]);
    if (error && !errors.count)
        log_line("the options cannot be used: %s", error_text(error));
    plan_errors_free(&errors);
    if (error)
        return NULL;
    faults_init(&s->faults, (const struct faults_options *)(const void *)(values + faults_offset));
    return values;
}

static void end_now(void *arg)
{
    end(arg);
}

/* Before it says ready: whoever has read that may end it at once. */
static void watch_signals(struct server *s)
{
    for (size_t i = 0; i < END_SIGNALS; i++) {
        struct sigaction now;
        uv_signal_init(lane_loop(s->lane), &s->signals[i]);
        s->signals[i].data = s;
        if (end_signals[i] == SIGHUP && sigaction(SIGHUP, NULL, &now) == 0 &&
            now.sa_handler == SIG_IGN)
            continue; /* nohup asks to outlive the terminal */
        uv_signal_start(&s->signals[i], on_signal, end_signals[i]);
    }
}

static void watch_leash(struct server *s)
{
    if (!s->options->until_eof)
        return;
    s->on_leash = uv_poll_init(lane_loop(s->lane), &s->leash, STDIN_FILENO) == 0;
    if (s->on_leash) {
        s->leash.data = s;
        uv_poll_start(&s->leash, UV_READABLE, on_leash);
    } else {
        lane_post(s->lane, end_now, s); /* a file or /dev/null: nothing to wait for */
    }
}

static int open_listener(struct server *s, char base_url[64])
{
    char address[INET6_ADDRSTRLEN], error[LISTENER_ERROR_MAX];
    uint16_t port;
    if (!parse_listen(s->options->listen, address, &port)) {
        log_line("--listen %s: write ADDR:PORT, such as 127.0.0.1:8081 or [::1]:8081",
                 s->options->listen);
        return EXIT_BAD_INPUT;
    }
    struct listener_options options = {
        .address = address, .port = port, .faults = &s->faults, .handler = on_request, .arg = s};
    if (listener_new(&s->listener, s->lane, &options, error)) {
        log_line("%s", error);
        return EXIT_NO_START;
    }
    bool six = strchr(address, ':') != NULL;
    snprintf(base_url, 64, six ? "http://[%s]:%u" : "http://%s:%u", address,
             listener_port(s->listener));
    return EXIT_HELD;
}

/* A run that was killed and is resumed at once finds the old stand-in still writing its books, so
 * its end is awaited. The lock goes with the process. */
static int lock_folder(struct server *s)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/lock", s->options->folder) < (int)sizeof path)
        s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int64_t deadline = clock_after(clock_ns(), LOCK_WAIT_NS);
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    while (s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || clock_ns() >= deadline) {
            log_line("the folder %s is in use by another stand-in", s->options->folder);
            return EXIT_NO_START;
        }
        nanosleep(&pause, NULL);
    }
    if (s->lock >= 0)
        return EXIT_HELD;
    log_line("the folder %s cannot be written: %s", s->options->folder, strerror(errno));
    return EXIT_OURS;
}

static int prepare_folder(struct server *s)
{
    const char *folder = s->options->folder;
    if (!folder)
        return EXIT_HELD;
    if ((mkdir(folder, 0777) == 0 || errno == EEXIST) && access(folder, W_OK | X_OK) == 0)
        return lock_folder(s);
    log_line("the folder %s cannot be written: %s", folder, strerror(errno));
    return EXIT_OURS;
}

static int start(struct server *s)
{
    const struct standin *standin = s->options->standin;
    const void *values = read_sets(s);
    if (!values)
        return EXIT_BAD_INPUT;
    char base_url[64];
    int status = open_listener(s, base_url);
    if (status)
        return status;
    status = prepare_folder(s);
    if (status)
        return status;
    const char *why = "it could not start";
    int error = standin->start(&s->service, values, s->options->folder, s->lane, base_url, &why);
    if (error) {
        s->service = NULL;
        log_line("the stand-in %s: %s", standin->system, why);
        return error == SHOAL_E_BAD_INPUT ? EXIT_BAD_INPUT : EXIT_NO_START;
    }
    s->start_cpu_s = cpu_s();
    write_line("ready ", slice_str(base_url));
    return EXIT_HELD;
}

static void give_up(void *arg)
{
    struct server *s = arg;
    if (s->listener)
        listener_free(s->listener);
    close_signals(s);
    lane_stop(s->lane);
}

static bool balanced(struct slice ledger)
{
    cJSON *tree = NULL;
    bool is = false;
    if (json_parse(&tree, ledger, NULL) == 0)
        json_bool(tree, "balanced", &is);
    cJSON_Delete(tree);
    return is;
}

int serve_run(const struct serve_options *options)
{
    struct server s = {.options = options, .arena = arena_new(), .lock = -1};
    signal(SIGPIPE, SIG_IGN);
    if (lane_new(&s.lane, NULL)) {
        log_line("no memory to start");
        arena_free(s.arena);
        return EXIT_OURS;
    }
    watch_signals(&s);
    s.status = start(&s);
    if (s.status == EXIT_HELD)
        watch_leash(&s);
    else
        lane_post(s.lane, give_up, &s);
    lane_run(s.lane);
    lane_free(s.lane);
    if (s.status == EXIT_HELD) {
        int error = options->folder ? save_ledger(options->folder, buf_slice(&s.ledger)) : 0;
        if (error)
            log_line("%s/ledger.json was not written: %s", options->folder, error_text(error));
        write_line("", buf_slice(&s.ledger));
        s.status = error ? EXIT_OURS : balanced(buf_slice(&s.ledger)) ? EXIT_HELD : EXIT_UNBALANCED;
    }
    if (s.lock >= 0)
        close(s.lock);
    buf_free(&s.ledger);
    arena_free(s.arena);
    return s.status;
}
