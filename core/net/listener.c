/* HTTP in: a libmicrohttpd daemon whose epoll set the lane's loop watches. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/net/listener_inside.h"
#include "core/util/clock.h"
#include "core/util/error.h"

#define WATCH_BATCH 64
#define DESCRIPTORS_SPARED 64           /* of the limit, for everything else */
#define BIND_RETRY_NS (100 * NS_PER_MS) /* after a restart that found its port taken */
#define LAST_RUNS 4                     /* of the daemon, to get pending replies out */

/* --- the daemon's turns ----------------------------------------------------------------------- */

static void run(struct listener *l)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    MHD_run(l->daemon);
    if (MHD_get_timeout(l->daemon, &wait_ms) != MHD_YES)
        return;
    /* Too early costs one empty run; moving the timer for each request would cost more. */
    int64_t due_ns = wait_ms ? clock_after(clock_ns(), (int64_t)wait_ms * NS_PER_MS) : 0;
    if (!l->timer.place || due_ns < l->timer.deadline_ns)
        lane_timer_set(l->lane, &l->timer, due_ns);
}

void listener_run_soon(struct listener *l)
{
    if (!l->timer.place || l->timer.deadline_ns > 0)
        lane_timer_set(l->lane, &l->timer, 0);
}

static void on_ready(uv_poll_t *handle, int status, int events)
{
    run(handle->data);
}

static void on_timer(struct lane_timer *timer)
{
    run((struct listener *)(void *)((char *)timer - offsetof(struct listener, timer)));
}

static void on_watch(uv_poll_t *handle, int status, int events)
{
    struct listener *l = handle->data;
    struct epoll_event ready[WATCH_BATCH];
    int count = epoll_wait(l->watch_fd, ready, WATCH_BATCH, 0);
    for (int i = 0; i < count; i++)
        exchange_peer_gone(ready[i].data.ptr);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct listener *l = arg;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *context = (void *)(uintptr_t)++l->connections;
}

/* --- up and down ------------------------------------------------------------------------------ */

static unsigned connections_max(const struct listener_options *o)
{
    struct rlimit limit;
    unsigned max = o->connections_max ? o->connections_max : LISTENER_CONNECTIONS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur > 2 * DESCRIPTORS_SPARED && limit.rlim_cur - DESCRIPTORS_SPARED < max)
        max = (unsigned)(limit.rlim_cur - DESCRIPTORS_SPARED);
    return max;
}

static struct MHD_Daemon *daemon_start(struct listener *l, int fd)
{
    const struct listener_options *o = &l->options;
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, NULL, NULL,
        exchange_on_request, l, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
        exchange_on_completed, l, MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
        MHD_OPTION_CONNECTION_LIMIT, connections_max(o), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        o->head_max, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)o->idle_s,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

static int up(struct listener *l, char error[LISTENER_ERROR_MAX])
{
    int fd = listener_socket(l->address, l->options.port, &l->options.port, error);
    if (fd < 0)
        return SHOAL_E_BUSY;
    l->down = false;
    l->daemon = daemon_start(l, fd);
    l->poll = calloc(1, sizeof *l->poll);
    if (!l->daemon || !l->poll) {
        snprintf(error, LISTENER_ERROR_MAX, "no memory or descriptors to listen on %.60s",
                 l->address);
        if (l->daemon) {
            MHD_stop_daemon(l->daemon);
            l->daemon = NULL;
        } else {
            close(fd);
        }
        free(l->poll);
        return SHOAL_E_NOMEM;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_poll_init(lane_loop(l->lane), l->poll, info->epoll_fd);
    l->poll->data = l;
    uv_poll_start(l->poll, UV_READABLE, on_ready);
    uv_unref((uv_handle_t *)l->poll); /* lane_stop decides when the lane ends */
    return SHOAL_OK;
}

static void free_poll(uv_handle_t *handle)
{
    free(handle);
}

/* Kept exchanges end first: with a reply, or with their connections closed. */
static void down(struct listener *l, bool reply)
{
    if (!l->daemon)
        return;
    l->down = true; /* the last runs may bring requests, and libmicrohttpd dies with one kept */
    MHD_socket fd = MHD_quiesce_daemon(l->daemon);
    for (struct exchange *x = l->exchanges, *next; x; x = next) {
        next = x->next;
        exchange_abandon(x, reply);
    }
    for (int i = 0; i < LAST_RUNS; i++)
        MHD_run(l->daemon);
    lane_timer_stop(l->lane, &l->timer);
    uv_close((uv_handle_t *)l->poll, free_poll);
    l->poll = NULL;
    MHD_stop_daemon(l->daemon);
    l->daemon = NULL;
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

static void on_restart(struct lane_timer *timer)
{
    struct listener *l =
        (struct listener *)(void *)((char *)timer - offsetof(struct listener, restart));
    const struct faults_options *o = &l->options.faults->options;
    char error[LISTENER_ERROR_MAX];
    int64_t next_ns;
    if (!l->daemon) {
        next_ns = up(l, error) == SHOAL_OK ? o->restart_every_ns : BIND_RETRY_NS;
    } else {
        down(l, false);
        next_ns = o->restart_down_ns;
    }
    lane_timer_set(l->lane, &l->restart, clock_after(clock_ns(), next_ns));
}

/* --- life ------------------------------------------------------------------------------------- */

static void set_defaults(struct listener_options *o)
{
    o->body_max = o->body_max ? o->body_max : LISTENER_BODY_MAX;
    o->head_max = o->head_max ? o->head_max : LISTENER_HEAD_MAX;
    o->idle_s = o->idle_s ? o->idle_s : LISTENER_IDLE_S;
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    close(l->watch_fd);
    free(l->address);
    free(l);
}

int listener_new(struct listener **out, struct lane *lane, const struct listener_options *options,
                 char error[LISTENER_ERROR_MAX])
{
    struct listener *l = calloc(1, sizeof *l);
    *out = NULL;
    snprintf(error, LISTENER_ERROR_MAX, "no memory or descriptors for a listener");
    if (!l)
        return SHOAL_E_NOMEM;
    l->lane = lane;
    l->options = *options;
    set_defaults(&l->options);
    l->address = strdup(options->address);
    l->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    l->timer.fn = on_timer;
    l->restart.fn = on_restart;
    l->watch.data = l;
    if (!l->address || l->watch_fd < 0 ||
        uv_poll_init(lane_loop(lane), &l->watch, l->watch_fd) != 0) {
        free(l->address);
        free(l);
        return SHOAL_E_NOMEM;
    }
    uv_poll_start(&l->watch, UV_READABLE, on_watch);
    uv_unref((uv_handle_t *)&l->watch);
    int failed = up(l, error);
    if (failed) {
        uv_close((uv_handle_t *)&l->watch, on_closed);
        return failed;
    }
    if (options->faults && options->faults->options.restart_every_ns > 0) {
        lane_timer_set(lane, &l->restart,
                       clock_after(clock_ns(), options->faults->options.restart_every_ns));
    }
    *out = l;
    error[0] = '\0';
    return SHOAL_OK;
}

void listener_free(struct listener *l)
{
    if (!l)
        return;
    lane_timer_stop(l->lane, &l->restart);
    down(l, true);
    uv_close((uv_handle_t *)&l->watch, on_closed);
}

uint16_t listener_port(const struct listener *l)
{
    return l->options.port;
}

void listener_stats(const struct listener *l, struct listener_stats *out)
{
    *out = l->stats;
    out->connections = 0;
    if (l->daemon) {
        out->connections =
            MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
    }
}
