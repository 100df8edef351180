/* The server around a stand-in and starting it as a child, with a toy service. This program called
 * again with "serve" is the child. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/load/embedded.h"
#include "core/load/serve.h"
#include "core/util/clock.h"
#include "core/util/error.h"

/* --- the toy ------------------------------------------------------------------------------------
 */

struct toy_options {
    int64_t answer;
    bool balanced, refuse;
};

struct toy {
    const struct toy_options *options;
    struct exchange *kept;
};

#define FIELD(field) OPTION_FIELD(struct toy_options, field)

static const struct option toy_list[] = {
    {"answer", OPTION_INTEGER, FIELD(answer), .default_text = "42", .help = "What it says"},
    {"balanced", OPTION_BOOL, FIELD(balanced), .default_text = "true", .help = "Its books"},
    {"refuse", OPTION_BOOL, FIELD(refuse), .default_text = "false", .help = "To start"},
};

static const struct option_table toy_table = OPTION_TABLE_OF(struct toy_options, toy_list);

static int toy_start(void **service, const void *options, const char *folder, struct lane *lane,
                     const char *base_url, const char **why)
{
    struct toy *toy = calloc(1, sizeof *toy);
    toy->options = options;
    if (toy->options->refuse) {
        free(toy);
        *why = "it does not feel like it";
        return SHOAL_E_CORRUPT;
    }
    *service = toy;
    return 0;
}

/* "/fd/17": is that descriptor open here? "/pid": who am I. "/keep": no answer. */
static void toy_handle(void *service, struct exchange *x)
{
    struct toy *toy = service;
    const char *path = exchange_path(x);
    char text[64];
    if (strcmp(path, "/keep") == 0) {
        toy->kept = x;
        return;
    }
    if (strcmp(path, "/crash") == 0)
        raise(SIGKILL);
    if (strcmp(path, "/pid") == 0)
        snprintf(text, sizeof text, "%d", (int)getpid());
    else if (strncmp(path, "/fd/", 4) == 0)
        snprintf(text, sizeof text, "%d", fcntl(atoi(path + 4), F_GETFD) >= 0);
    else
        snprintf(text, sizeof text, "%lld", (long long)toy->options->answer);
    exchange_answer(x, &(struct exchange_reply){.status = 200, .body = slice_str(text)});
}

static void toy_ledger(void *service, struct buf *out)
{
    struct toy *toy = service;
    buf_printf(out, "{\"balanced\":%s}", toy->options->balanced ? "true" : "false");
}

static void toy_stop(void *service)
{
    struct toy *toy = service;
    if (toy->kept)
        exchange_answer(toy->kept, &(struct exchange_reply){.status = 503});
    free(toy);
}

static const struct standin toy_standin = {.system = "toy",
                                           .summary = "A toy",
                                           .options = &toy_table,
                                           .start = toy_start,
                                           .handle = toy_handle,
                                           .ledger = toy_ledger,
                                           .stop = toy_stop};

/* The child: "toy" serves; "mute" never gets ready; "stubborn" does, and then never ends. */
static int child(int argc, char **argv)
{
    const char *sets[16];
    struct serve_options options = {.standin = &toy_standin, .sets = sets};
    if (strcmp(argv[2], "stubborn") == 0)
        printf("ready http://127.0.0.1:1\n");
    fflush(stdout);
    while (strcmp(argv[2], "toy") != 0)
        pause();
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--until-eof") == 0)
            options.until_eof = true;
        else if (strcmp(argv[i], "--folder") == 0)
            options.folder = argv[++i];
        else if (strcmp(argv[i], "--listen") == 0)
            options.listen = argv[++i];
        else if (strcmp(argv[i], "--set") == 0)
            sets[options.set_count++] = argv[++i];
    }
    return serve_run(&options);
}

/* --- the tests' side ----------------------------------------------------------------------------
 */

static struct embedded *start(const char *folder, const char *set)
{
    struct embedded *e;
    char error[EMBEDDED_ERROR_MAX];
    struct embedded_options options = {.program = "/proc/self/exe",
                                       .system = "toy",
                                       .folder = folder,
                                       .sets = &set,
                                       .set_count = set ? 1 : 0};
    if (embedded_start(&e, &options, error))
        fail_msg("%s", error);
    return e;
}

static int connect_to(const char *base)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(strrchr(base, ':') + 1)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The body of GET path as a number; -1 without a reply. */
static long get(const char *base, const char *path)
{
    char text[1024];
    size_t len = 0;
    int fd = connect_to(base);
    assert_true(fd >= 0);
    dprintf(fd, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    for (ssize_t n; (n = recv(fd, text + len, sizeof text - 1 - len, 0)) > 0;)
        len += (size_t)n;
    close(fd);
    text[len] = '\0';
    const char *body = strstr(text, "\r\n\r\n");
    return body ? atol(body + 4) : -1;
}

static cJSON *parse(const struct buf *text)
{
    cJSON *tree = NULL;
    assert_int_equal(json_parse(&tree, buf_slice(text), NULL), 0);
    return tree;
}

static int64_t number_in(const cJSON *tree, const char *member)
{
    int64_t value = -1;
    assert_true(json_int(tree, member, &value));
    return value;
}

static void remove_folder(const char *folder)
{
    static const char *const files[] = {"ledger.json", "lock", "log"};
    char path[256];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

static void lives_and_tells(void **state)
{
    char folder[] = "/tmp/shoal-serve-XXXXXX", path[256];
    struct buf ledger = {0}, file = {0};
    struct embedded_usage usage;
    assert_non_null(mkdtemp(folder));
    struct embedded *e = start(folder, "answer=7");
    assert_int_equal(get(embedded_base(e), "/x"), 7);
    assert_int_equal(get(embedded_base(e), "/y"), 7);
    embedded_usage(e, &usage);
    assert_true(usage.rss_bytes > 1 << 20);
    /* One that still waits does not hold it up, and is answered. */
    int waiting = connect_to(embedded_base(e));
    dprintf(waiting, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    usleep(100 * 1000);
    int64_t before = clock_ns();
    assert_int_equal(embedded_stop(e, &ledger, NULL), 0);
    assert_true(clock_ns() - before < 5 * NS_PER_S);
    close(waiting);
    cJSON *tree = parse(&ledger);
    assert_int_equal(number_in(tree, "requests"), 3);
    assert_int_equal(number_in(tree, "replies"), 3);
    assert_int_equal(number_in(tree, "faults"), 0);
    assert_true(number_in(tree, "rss_anon_bytes") > 0);
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(tree, "cpu_s");
    const cJSON *first = cJSON_GetObjectItemCaseSensitive(tree, "start_cpu_s");
    assert_true(cJSON_IsNumber(all) && cJSON_IsNumber(first));
    assert_true(first->valuedouble > 0 && all->valuedouble >= first->valuedouble);
    cJSON_Delete(tree);

    snprintf(path, sizeof path, "%s/ledger.json", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char piece[4096];
    buf_put(&file, piece, fread(piece, 1, sizeof piece, f));
    fclose(f);
    assert_true(file.len == ledger.len + 1 && memcmp(file.data, ledger.data, ledger.len) == 0);
    buf_free(&file);
    buf_free(&ledger);
    remove_folder(folder);
}

/* What a wrong start says, and with which status. */
static void refuses_to_start(void **state)
{
    struct embedded *other = start(NULL, NULL), *e;
    const char *port = strrchr(embedded_base(other), ':');
    char in_use[64], log[] = "/tmp/shoal-serve-log-XXXXXX";
    snprintf(in_use, sizeof in_use, "127.0.0.1%s", port);
    const struct {
        const char *listen, *set, *status, *words;
    } cases[] = {
        {in_use, NULL, "status 3", "in use"},
        {"127.0.0.1", NULL, "status 2", "--listen"},
        {"127.0.0.1:99999", NULL, "status 2", "--listen"},
        {"example.org:80", NULL, "status 2", "--listen"},
        {"::1:80", NULL, "status 2", "--listen"},
        {NULL, "anser=1", "status 2", "answer"},
        {NULL, "answer=many", "status 2", "answer"},
        {NULL, "faults.error_share=2", "status 2", "error_share"},
        {NULL, "refuse=true", "status 3", "does not feel like it"},
    };
    int fd = mkstemp(log);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char error[EMBEDDED_ERROR_MAX];
        struct embedded_options options = {.program = "/proc/self/exe",
                                           .system = "toy",
                                           .listen = cases[i].listen,
                                           .sets = &cases[i].set,
                                           .set_count = cases[i].set ? 1 : 0,
                                           .log = log};
        assert_int_equal(embedded_start(&e, &options, error), SHOAL_E_INTERNAL);
        assert_null(e);
        if (!strstr(error, cases[i].status) || !strstr(error, cases[i].words))
            fail_msg("%s lacks \"%s\" or \"%s\"", error, cases[i].status, cases[i].words);
    }
    char error[EMBEDDED_ERROR_MAX];
    struct embedded_options options = {.program = "/nowhere/shoal", .system = "toy"};
    assert_int_equal(embedded_start(&e, &options, error), SHOAL_E_IO);
    assert_non_null(strstr(error, "/nowhere/shoal"));
    assert_int_equal(embedded_stop(other, NULL, NULL), 0);
    assert_int_equal(unlink(log), 0);
}

static void reports_bad_ends(void **state)
{
    char error[EMBEDDED_ERROR_MAX];
    struct buf ledger = {0};
    struct embedded *e = start(NULL, "balanced=false");
    assert_int_equal(embedded_stop(e, &ledger, error), SHOAL_E_UNEXPECTED);
    assert_non_null(strstr(error, "status 1"));
    assert_non_null(strstr((const char *)ledger.data, "\"balanced\":false"));
    buf_free(&ledger);

    e = start(NULL, NULL);
    assert_int_equal(get(embedded_base(e), "/crash"), -1);
    assert_int_equal(embedded_stop(e, &ledger, error), SHOAL_E_UNEXPECTED);
    assert_non_null(strstr(error, "signal 9"));
    assert_int_equal(ledger.len, 0);

    struct embedded_options options = {
        .program = "/proc/self/exe", .system = "stubborn", .stop_ns = 300 * NS_PER_MS};
    assert_int_equal(embedded_start(&e, &options, error), 0);
    assert_int_equal(embedded_stop(e, NULL, error), SHOAL_E_TIMEOUT);
    assert_non_null(strstr(error, "killed"));

    options = (struct embedded_options){
        .program = "/proc/self/exe", .system = "mute", .start_ns = 300 * NS_PER_MS};
    assert_int_equal(embedded_start(&e, &options, error), SHOAL_E_TIMEOUT);
    assert_null(e);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
}

/* It is alone: its own session, none of our descriptors, and no child holds another's leash. */
static void inherits_nothing(void **state)
{
    char path[32];
    int open_here = dup(STDERR_FILENO); /* without close-on-exec */
    snprintf(path, sizeof path, "/fd/%d", open_here + 20);
    assert_int_equal(dup2(open_here, open_here + 20), open_here + 20);
    struct embedded *a = start(NULL, NULL), *b = start(NULL, NULL);
    pid_t pid = (pid_t)get(embedded_base(a), "/pid");
    assert_int_equal(getsid(pid), pid);
    assert_int_not_equal(getpgid(pid), getpgrp());
    assert_int_equal(get(embedded_base(b), path), 0);
    int64_t before = clock_ns();
    assert_int_equal(embedded_stop(a, NULL, NULL), 0);
    assert_int_equal(embedded_stop(b, NULL, NULL), 0);
    assert_true(clock_ns() - before < 5 * NS_PER_S);
    close(open_here);
    close(open_here + 20);
}

/* The run dies by kill -9; the stand-in writes its ledger and is gone. */
static void leash_ends_it(void **state)
{
    char folder[] = "/tmp/shoal-serve-XXXXXX", path[256], base[128] = "";
    int pipe_ends[2];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t run = fork();
    if (run == 0) {
        struct embedded *e = start(folder, NULL);
        if (write(pipe_ends[1], embedded_base(e), strlen(embedded_base(e))) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    assert_true(run > 0);
    assert_true(read(pipe_ends[0], base, sizeof base - 1) > 0);
    pid_t pid = (pid_t)get(base, "/pid");
    assert_int_equal(kill(pid, 0), 0);
    assert_int_equal(kill(run, SIGKILL), 0);
    assert_int_equal(waitpid(run, NULL, 0), run);
    snprintf(path, sizeof path, "%s/ledger.json", folder);
    int64_t deadline = clock_ns() + 5 * NS_PER_S;
    while (access(path, R_OK) != 0 && clock_ns() < deadline)
        usleep(10 * 1000);
    assert_int_equal(access(path, R_OK), 0);
    int fd;
    while ((fd = connect_to(base)) >= 0 && clock_ns() < deadline)
        close(fd);
    assert_int_equal(fd, -1);
    close(pipe_ends[0]);
    close(pipe_ends[1]);

    /* The next one waits until the folder is free. */
    struct embedded *e = start(folder, NULL);
    assert_int_equal(embedded_stop(e, NULL, NULL), 0);
    remove_folder(folder);
}

/* Without a leash: a signal, or the end of a standard input that cannot be waited for. */
static void ends_by_signal(int signal_number, const char *until_eof)
{
    int out[2];
    char text[4096];
    size_t len = 0;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        execl("/proc/self/exe", "test_serve", "serve", "toy", until_eof, (char *)NULL);
        _exit(99);
    }
    close(out[1]);
    while (!memchr(text, '\n', len)) {
        ssize_t n = read(out[0], text + len, sizeof text - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
    }
    if (signal_number)
        assert_int_equal(kill(pid, signal_number), 0);
    for (ssize_t n; (n = read(out[0], text + len, sizeof text - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = '\0';
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(strncmp(text, "ready http://127.0.0.1:", 23), 0);
    assert_non_null(strstr(text, "\n{\"balanced\":true"));
    close(out[0]);
}

static void ends_by_signals(void **state)
{
    ends_by_signal(SIGINT, NULL);
    ends_by_signal(SIGTERM, NULL);
    ends_by_signal(SIGHUP, NULL);
    ends_by_signal(0, "--until-eof");
}

static void injects_faults(void **state)
{
    struct buf ledger = {0};
    struct embedded *e = start(NULL, "faults.drop_share=1");
    for (int i = 0; i < 3; i++)
        assert_int_equal(get(embedded_base(e), "/x"), -1);
    assert_int_equal(embedded_stop(e, &ledger, NULL), 0);
    cJSON *tree = parse(&ledger);
    assert_int_equal(number_in(tree, "requests"), 3);
    assert_int_equal(number_in(tree, "faults"), 3);
    cJSON_Delete(tree);
    buf_free(&ledger);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "serve") == 0)
        return child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_and_tells),  cmocka_unit_test(refuses_to_start),
        cmocka_unit_test(reports_bad_ends), cmocka_unit_test(inherits_nothing),
        cmocka_unit_test(leash_ends_it),    cmocka_unit_test(ends_by_signals),
        cmocka_unit_test(injects_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
