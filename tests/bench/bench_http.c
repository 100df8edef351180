/* CPU time of a keep-alive GET: http_call from fibers against a bare libcurl multi loop, both in
 * this process, against the same listener in another one. `--json` prints one object,
 * `--connections N,N` chooses the sizes, `--requests N` how many each measures. */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/lane/lane.h"
#include "core/net/http.h"
#include "core/net/listener.h"
#include "core/net/names.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "tests/bench/bench.h"

#define SIZES_MAX 8
#define READY_BATCH 256
#define RUNS 3 /* the best counts: the machine is shared */

struct result {
    size_t connections;
    double bare_us, ours_us;
};

static char base[64];
static size_t request_count = 40000;

/* --- the server, in a process of its own ------------------------------------------------------ */

static void answer(void *arg, struct exchange *x)
{
    exchange_answer(x, &(struct exchange_reply){
                           .status = 200,
                           .body = slice_str("{\"answer\":\"a body of about one hundred bytes, "
                                             "which is what many replies look like here\"}"),
                       });
}

static void serve(int out)
{
    struct lane *lane;
    struct listener *listener;
    char error[LISTENER_ERROR_MAX];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    if (lane_new(&lane, &(struct lane_options){0}) != 0 ||
        listener_new(&listener, lane,
                     &(struct listener_options){.address = "127.0.0.1", .handler = answer},
                     error) != 0) {
        die("%s", error);
    }
    dprintf(out, "%u", listener_port(listener));
    close(out);
    lane_run(lane);
}

static pid_t start_server(void)
{
    int pipes[2];
    char port[16] = "";
    if (pipe(pipes) != 0) {
        die("no pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        serve(pipes[1]);
        _exit(0);
    }
    close(pipes[1]);
    if (read(pipes[0], port, sizeof port - 1) <= 0) {
        die("the server did not start");
    }
    close(pipes[0]);
    snprintf(base, sizeof base, "http://127.0.0.1:%s", port);
    return pid;
}

/* --- a bare multi loop ------------------------------------------------------------------------ */

struct bare {
    CURLM *multi;
    int epoll_fd;
    int64_t due_ns;
    size_t started, done, goal;
};

static size_t swallow(char *data, size_t size, size_t count, void *arg)
{
    *(size_t *)arg += size * count;
    return size * count;
}

static int bare_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct bare *b = arg;
    struct epoll_event ev = {.data.fd = fd};
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(b->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    ev.events = ((what & CURL_POLL_IN) ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0u);
    epoll_ctl(b->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
    curl_multi_assign(b->multi, fd, b);
    return 0;
}

static int bare_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct bare *b = arg;
    b->due_ns = timeout_ms < 0 ? CLOCK_NEVER : clock_ns() + timeout_ms * NS_PER_MS;
    return 0;
}

static void bare_reap(struct bare *b)
{
    int left;
    for (CURLMsg *msg; (msg = curl_multi_info_read(b->multi, &left));) {
        CURL *easy = msg->easy_handle;
        if (msg->data.result != CURLE_OK) {
            die("bare: %s", curl_easy_strerror(msg->data.result));
        }
        curl_multi_remove_handle(b->multi, easy);
        b->done++;
        if (b->started < b->goal) {
            b->started++;
            curl_multi_add_handle(b->multi, easy);
        }
    }
}

static void bare_loop(struct bare *b)
{
    struct epoll_event ready[READY_BATCH];
    int running;
    while (b->done < b->goal) {
        int64_t wait_ns = b->due_ns == CLOCK_NEVER ? NS_PER_S : b->due_ns - clock_ns();
        int wait_ms = wait_ns <= 0 ? 0 : (int)(wait_ns / NS_PER_MS) + 1;
        int count = epoll_wait(b->epoll_fd, ready, READY_BATCH, wait_ms);
        for (int i = 0; i < count; i++) {
            int mask = ((ready[i].events & EPOLLIN) ? CURL_CSELECT_IN : 0) |
                       ((ready[i].events & EPOLLOUT) ? CURL_CSELECT_OUT : 0);
            curl_multi_socket_action(b->multi, ready[i].data.fd, mask, &running);
        }
        if (b->due_ns != CLOCK_NEVER && b->due_ns <= clock_ns()) {
            b->due_ns = CLOCK_NEVER;
            curl_multi_socket_action(b->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        bare_reap(b);
    }
}

static void bare_start(struct bare *b, CURL **easies, size_t count, size_t goal)
{
    b->done = 0;
    b->goal = goal;
    b->started = count;
    for (size_t i = 0; i < count; i++) {
        curl_multi_add_handle(b->multi, easies[i]);
    }
    bare_loop(b);
}

static double measure_bare(size_t connections)
{
    struct bare b = {.multi = curl_multi_init(), .due_ns = CLOCK_NEVER};
    CURL **easies = calloc(connections, sizeof *easies);
    size_t bytes = 0;
    b.epoll_fd = epoll_create1(0);
    curl_multi_setopt(b.multi, CURLMOPT_SOCKETFUNCTION, bare_socket);
    curl_multi_setopt(b.multi, CURLMOPT_SOCKETDATA, &b);
    curl_multi_setopt(b.multi, CURLMOPT_TIMERFUNCTION, bare_timer);
    curl_multi_setopt(b.multi, CURLMOPT_TIMERDATA, &b);
    curl_multi_setopt(b.multi, CURLMOPT_MAXCONNECTS, (long)connections);
    for (size_t i = 0; i < connections; i++) {
        easies[i] = curl_easy_init();
        curl_easy_setopt(easies[i], CURLOPT_URL, base);
        curl_easy_setopt(easies[i], CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easies[i], CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
        curl_easy_setopt(easies[i], CURLOPT_USERAGENT, "bench");
        curl_easy_setopt(easies[i], CURLOPT_WRITEFUNCTION, swallow);
        curl_easy_setopt(easies[i], CURLOPT_WRITEDATA, &bytes);
        curl_easy_setopt(easies[i], CURLOPT_HEADERFUNCTION, swallow);
        curl_easy_setopt(easies[i], CURLOPT_HEADERDATA, &bytes);
    }
    bare_start(&b, easies, connections, 2 * connections);
    int64_t start_ns = clock_thread_cpu_ns();
    size_t goal = request_count > connections ? request_count : connections;
    bare_start(&b, easies, connections, goal);
    double us = (double)(clock_thread_cpu_ns() - start_ns) / 1e3 / (double)goal;
    for (size_t i = 0; i < connections; i++) {
        curl_easy_cleanup(easies[i]);
    }
    curl_multi_cleanup(b.multi);
    close(b.epoll_fd);
    free(easies);
    return us;
}

/* --- http_call from fibers -------------------------------------------------------------------- */

struct ours {
    struct lane *lane;
    struct http_net *net;
    struct http_target *target;
    struct fiber_group group;
    size_t connections, warm, next, left, goal;
    uint64_t number;
    int64_t start_ns, end_ns;
    struct fiber_wait *go;
};

static void ours_call(struct ours *o, struct http_client *client, struct arena *a)
{
    struct http_request q = {.method = "GET", .target = o->target, .path = "/"};
    struct http_response r;
    if (http_call(client, &q, &r, a, clock_after(clock_ns(), 60 * NS_PER_S)) != 0) {
        die("ours: %s", r.detail);
    }
    arena_reset(a);
}

/* Every client first connects; the last one to have done so starts the clock. */
static void ours_fiber(void *arg)
{
    struct ours *o = arg;
    struct http_client *client;
    struct arena *a = arena_new();
    struct fiber_wait wait;
    http_client_new(&client, o->net, o->number++);
    ours_call(o, client, a);
    wait_init(&wait);
    o->go[o->warm] = wait;
    struct fiber_wait *mine = &o->go[o->warm++];
    if (o->warm == o->connections) {
        o->start_ns = clock_thread_cpu_ns();
        for (size_t i = 0; i < o->connections; i++) {
            wait_wake(&o->go[i], 0);
        }
    }
    wait_until(mine, CLOCK_NEVER);
    while (o->next < o->goal) {
        o->next++;
        ours_call(o, client, a);
    }
    if (--o->left == 0) {
        o->end_ns = clock_thread_cpu_ns();
        lane_stop(o->lane);
    }
    http_client_free(client);
    arena_free(a);
}

static double measure_ours(size_t connections)
{
    struct ours o = {.connections = connections, .left = connections};
    struct names *names;
    const char *why;
    o.goal = request_count > connections ? request_count : connections;
    o.go = calloc(connections, sizeof *o.go);
    if (lane_new(&o.lane, &(struct lane_options){0}) != 0 || names_new(&names, NULL) != 0 ||
        http_net_new(&o.net, o.lane, names) != 0 ||
        http_target_new(&o.target, base, NULL, &why) != 0) {
        die("could not set up");
    }
    for (size_t i = 0; i < connections; i++) {
        lane_spawn(o.lane, &o.group, ours_fiber, &o);
    }
    lane_run(o.lane);
    http_net_free(o.net);
    lane_stop(o.lane);
    lane_run(o.lane);
    lane_free(o.lane);
    names_free(names);
    http_target_free(o.target);
    free(o.go);
    return (double)(o.end_ns - o.start_ns) / 1e3 / (double)o.goal;
}

/* --- what is printed -------------------------------------------------------------------------- */

static struct result measure(size_t connections)
{
    struct result r = {.connections = connections};
    for (int i = 0; i < RUNS; i++) {
        double bare = measure_bare(connections), ours = measure_ours(connections);
        r.bare_us = i == 0 || bare < r.bare_us ? bare : r.bare_us;
        r.ours_us = i == 0 || ours < r.ours_us ? ours : r.ours_us;
    }
    return r;
}

#define ROWS_PER_SIZE 3
#define RATIO_LIMIT 1.5 /* of what the bare loop costs */

struct printed {
    struct bench_row rows[ROWS_PER_SIZE * SIZES_MAX];
    char names[ROWS_PER_SIZE * SIZES_MAX][64];
    size_t count;
};

static void add_row(struct printed *p, const char *what, size_t connections, struct bench_row row)
{
    (void)snprintf(p->names[p->count], sizeof p->names[0], "%s, %zu connections", what,
                   connections);
    row.name = p->names[p->count];
    p->rows[p->count++] = row;
}

static void add_rows(struct printed *p, const struct result *r)
{
    add_row(p, "keep-alive GET, http_call", r->connections,
            (struct bench_row){.unit = "us", .value = r->ours_us, .yardstick = "wrk: 4 us"});
    add_row(p, "keep-alive GET, bare libcurl", r->connections,
            (struct bench_row){.unit = "us", .value = r->bare_us});
    add_row(p, "http_call / bare libcurl", r->connections,
            (struct bench_row){.unit = "x",
                               .value = r->ours_us / r->bare_us,
                               .limit = RATIO_LIMIT,
                               .yardstick = "both measured here"});
}

static size_t parse_sizes(const char *text, size_t sizes[SIZES_MAX])
{
    size_t count = 0;
    char *end;
    do {
        sizes[count++] = strtoul(text, &end, 10);
        text = end + 1;
    } while (*end == ',' && count < SIZES_MAX);
    return count;
}

int main(int argc, char **argv)
{
    size_t sizes[SIZES_MAX] = {100, 1000}, count = 2;
    bool json = false;
    struct rlimit files;
    struct printed printed = {.count = 0};
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--connections") == 0 && i + 1 < argc) {
            count = parse_sizes(argv[++i], sizes);
        } else if (strcmp(argv[i], "--requests") == 0 && i + 1 < argc) {
            request_count = strtoul(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: bench_http [--json] [--connections N,N] [--requests N]\n");
            return 2;
        }
    }
    pid_t server = start_server();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (size_t i = 0; i < count; i++) {
        struct result r = measure(sizes[i]);
        add_rows(&printed, &r);
    }
    bench_print("http", printed.rows, printed.count, json);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return 0;
}
