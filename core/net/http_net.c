/* The lane's part of HTTP out: multi handles, their sockets, and the loop that feeds them.
 *
 * One epoll set per lane, itself watched by the lane's loop. A socket's registration is kept while
 * libcurl's interest comes and goes, so a request on a kept connection costs no epoll_ctl.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/http_inside.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

#define READY_BATCH 256

/* Never reached: what a handle keeps is bounded by the clients that are assigned to it, and
 * libcurl's own bound would close one client's connection for another. */
#define CONNECTIONS_KEPT_MAX (1L << 20)

/* --- sockets ------------------------------------------------------------------------------ */

static struct http_socket *socket_at(struct http_net *net, int fd)
{
    if ((size_t)fd >= net->socket_cap) {
        size_t cap = net->socket_cap ? net->socket_cap : 256;
        while (cap <= (size_t)fd)
            cap *= 2;
        struct http_socket *grown = realloc(net->sockets, cap * sizeof *grown);
        if (!grown)
            die("no memory for %zu sockets", cap);
        memset(grown + net->socket_cap, 0, (cap - net->socket_cap) * sizeof *grown);
        net->sockets = grown;
        net->socket_cap = cap;
    }
    return &net->sockets[fd];
}

static void unregister(struct http_net *net, struct http_socket *s, int fd)
{
    if (s->registered) {
        epoll_ctl(net->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        s->registered = 0;
    }
}

static void register_events(struct http_net *net, struct http_socket *s, int fd, uint32_t events)
{
    struct epoll_event ev = {
        .events = events | EPOLLRDHUP,
        .data.u64 = (uint64_t)s->generation << 32 | (uint32_t)fd,
    };
    int op = s->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(net->epoll_fd, op, fd, &ev) != 0)
        die("epoll_ctl: %s", strerror(errno));
    s->registered = events;
}

static int on_interest(CURL *curl, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct http_multi *m = arg;
    struct http_socket *s = socket_at(m->net, fd);
    s->wanted = (what & CURL_POLL_REMOVE) ? 0
                                          : ((what & CURL_POLL_IN) ? EPOLLIN : 0u) |
                                                ((what & CURL_POLL_OUT) ? EPOLLOUT : 0u);
    if (s->wanted && s->registered != s->wanted)
        register_events(m->net, s, fd, s->wanted);
    return 0;
}

/* The link counts a socket until either side is known to have closed it. */
static void socket_died(struct http_socket *s)
{
    if (!s->dead) {
        s->dead = true;
        s->multi->net->stats.connections--;
        if (s->link)
            s->link->sockets--;
    }
}

static void link_drop_fd(struct http_net *net, struct http_link *link, int fd)
{
    int *at = &link->first_fd;
    while (*at >= 0 && *at != fd)
        at = &net->sockets[*at].next_fd;
    if (*at == fd)
        *at = net->sockets[fd].next_fd;
}

/* The descriptor is no longer ours: closed, and perhaps somebody else's already. */
static void socket_forget(struct http_net *net, int fd)
{
    struct http_socket *s = &net->sockets[fd];
    socket_died(s);
    if (s->link)
        link_drop_fd(net, s->link, fd);
    *s = (struct http_socket){.next_fd = -1};
}

curl_socket_t http_on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_easy *easy = arg;
    struct http_link *link = easy->link;
    struct http_net *net = link->client->net;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    if (fd < 0) {
        easy->socket_errno = errno;
        return CURL_SOCKET_BAD;
    }
    struct http_socket *s = socket_at(net, fd);
    if (s->multi)
        socket_forget(net, fd); /* closed without a word, see http_sockets_settle */
    *s = (struct http_socket){
        .multi = link->client->multi,
        .link = link,
        .opener = easy,
        .generation = ++net->generation,
        .next_fd = link->first_fd,
    };
    link->first_fd = fd;
    link->sockets++;
    link->requests = 1; /* the one that opens it */
    easy->opened_ns = clock_ns();
    link->opened_ns = easy->opened_ns;
    easy->opened = true;
    net->stats.connections++;
    return fd;
}

int http_on_close(void *arg, curl_socket_t fd)
{
    struct http_net *net = arg;
    struct http_socket *s = socket_at(net, fd);
    unregister(net, s, fd);
    if (s->multi)
        socket_forget(net, fd);
    close(fd);
    return 0;
}

static int local_port_of(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return -1;
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&at)->sin6_port
                                          : ((struct sockaddr_in *)(void *)&at)->sin_port);
}

/* libcurl closes a socket that never got connected behind our back, so of those a transfer opened
 * only the one it uses (of this local port; 0: none) remains. */
void http_sockets_settle(struct http_easy *easy, int local_port)
{
    struct http_net *net = easy->link->client->net;
    int fd = easy->link->first_fd;
    while (fd >= 0) {
        int next = net->sockets[fd].next_fd;
        struct http_socket *s = &net->sockets[fd];
        if (s->opener == easy && local_port && local_port_of(fd) == local_port)
            s->opener = NULL;
        else if (s->opener == easy)
            socket_forget(net, fd);
        fd = next;
    }
}

/* libcurl cannot be told to close one idle connection; it drops a dead one when it next looks. */
void http_link_shut(struct http_net *net, struct http_link *link)
{
    for (int fd = link->first_fd; fd >= 0; fd = net->sockets[fd].next_fd) {
        struct http_socket *s = &net->sockets[fd];
        if (!s->dead && !s->opener) {
            socket_died(s);
            unregister(net, s, fd);
            shutdown(fd, SHUT_RDWR);
        }
    }
}

void http_link_forget(struct http_net *net, struct http_link *link)
{
    int fd = link->first_fd;
    while (fd >= 0) {
        struct http_socket *s = &net->sockets[fd];
        fd = s->next_fd;
        s->link = NULL;
        s->next_fd = -1;
    }
    link->first_fd = -1;
}

/* Something happened on a connection that waits for its client's next request: the target closed
 * it, or sent what nobody asked for. The next request will look; until then it must not wake us. */
static void idle_event(struct http_net *net, struct http_socket *s, int fd, uint32_t events)
{
    unregister(net, s, fd);
    if (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) {
        socket_died(s);
        shutdown(fd, SHUT_RDWR);
    }
}

static int curl_mask(const struct http_socket *s, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP))
        events |= s->wanted; /* let libcurl find the error by itself, it then has words for it */
    return ((events & (EPOLLIN | EPOLLRDHUP)) ? CURL_CSELECT_IN : 0) |
           ((events & EPOLLOUT) ? CURL_CSELECT_OUT : 0);
}

static void on_ready(uv_poll_t *handle, int status, int unused)
{
    struct http_net *net = handle->data;
    struct epoll_event ready[READY_BATCH];
    int count = epoll_wait(net->epoll_fd, ready, READY_BATCH, 0);
    for (int i = 0; i < count; i++) {
        int fd = (int)(uint32_t)ready[i].data.u64;
        struct http_socket *s = &net->sockets[fd];
        if (s->generation != (uint32_t)(ready[i].data.u64 >> 32))
            continue; /* closed, and perhaps opened anew, earlier in this batch */
        if (!s->wanted) {
            idle_event(net, s, fd, ready[i].events);
            continue;
        }
        struct http_multi *m = s->multi;
        int running;
        curl_multi_socket_action(m->curl, fd, curl_mask(s, ready[i].events), &running);
        http_multi_settle(m);
    }
}

/* --- multi handles ------------------------------------------------------------------------ */

static int on_curl_timer(CURLM *curl, long timeout_ms, void *arg)
{
    struct http_multi *m = arg;
    m->due_ns = timeout_ms < 0    ? CLOCK_NEVER
                : timeout_ms == 0 ? 0
                                  : clock_after(clock_ns(), timeout_ms * NS_PER_MS);
    return 0;
}

/* The timer is only ever moved forward; when it fires too early it is set again. */
static void rearm(struct http_multi *m)
{
    if (m->due_ns != CLOCK_NEVER && (!m->timer.place || m->due_ns < m->timer.deadline_ns))
        lane_timer_set(m->net->lane, &m->timer, m->due_ns);
}

void http_multi_settle(struct http_multi *m)
{
    int left;
    for (CURLMsg *msg; (msg = curl_multi_info_read(m->curl, &left));) {
        char *easy = NULL;
        CURLcode code = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &easy);
        http_finished((struct http_easy *)(void *)easy, code);
    }
    rearm(m);
}

static void on_due(struct lane_timer *timer)
{
    struct http_multi *m =
        (struct http_multi *)(void *)((char *)timer - offsetof(struct http_multi, timer));
    if (m->due_ns <= clock_ns()) {
        int running;
        m->due_ns = CLOCK_NEVER; /* after a time-out libcurl says the next one anew, if any */
        curl_multi_socket_action(m->curl, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    http_multi_settle(m);
}

int http_multi_start(struct http_easy *easy)
{
    struct http_multi *m = easy->link->client->multi;
    int running;
    if (curl_multi_add_handle(m->curl, easy->curl) != CURLM_OK)
        return SHOAL_E_INTERNAL;
    easy->running = true;
    m->due_ns = CLOCK_NEVER;
    curl_multi_socket_action(m->curl, CURL_SOCKET_TIMEOUT, 0, &running);
    http_multi_settle(m);
    return SHOAL_OK;
}

static struct http_multi *multi_new(struct http_net *net, uint32_t capacity)
{
    struct http_multi *m = calloc(1, sizeof *m);
    if (!m || !(m->curl = curl_multi_init())) {
        free(m);
        return NULL;
    }
    m->net = net;
    m->capacity = capacity;
    m->due_ns = CLOCK_NEVER;
    m->timer.fn = on_due;
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_interest);
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT_MAX);
    m->next = net->multis;
    net->multis = m;
    net->stats.multis++;
    return m;
}

int http_multi_assign(struct http_client *client, const struct http_options *options)
{
    struct http_net *net = client->net;
    uint32_t capacity =
        options->lifetime == HTTP_SHARED ? HTTP_SHARED_PER_MULTI : options->per_multi;
    struct http_multi **at = &net->roomy;
    while (*at && (*at)->capacity != capacity)
        at = &(*at)->next_roomy;
    struct http_multi *m = *at;
    if (!m) {
        m = multi_new(net, capacity);
        if (!m)
            return SHOAL_E_NOMEM;
        m->next_roomy = net->roomy;
        m->roomy = true;
        net->roomy = m;
        at = &net->roomy;
    }
    client->multi = m;
    if (++m->clients == m->capacity) {
        *at = m->next_roomy;
        m->roomy = false;
    }
    return SHOAL_OK;
}

void http_multi_release(struct http_client *client)
{
    struct http_multi *m = client->multi;
    client->multi = NULL;
    if (!m)
        return;
    m->clients--;
    if (!m->roomy) {
        m->roomy = true;
        m->next_roomy = client->net->roomy;
        client->net->roomy = m;
    }
}

static void multi_free(struct http_multi *m)
{
    lane_timer_stop(m->net->lane, &m->timer);
    curl_multi_cleanup(m->curl);
    curl_slist_free_all(m->stale);
    free(m);
}

/* --- life --------------------------------------------------------------------------------- */

int http_net_new(struct http_net **out, struct lane *lane, struct names *names)
{
    struct http_net *net = calloc(1, sizeof *net);
    *out = NULL;
    if (!net)
        return SHOAL_E_NOMEM;
    net->lane = lane;
    net->names = names;
    net->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    net->poll.data = net;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || net->epoll_fd < 0 ||
        uv_poll_init(lane_loop(lane), &net->poll, net->epoll_fd) != 0) {
        free(net);
        return SHOAL_E_INTERNAL;
    }
    uv_poll_start(&net->poll, UV_READABLE, on_ready);
    uv_unref((uv_handle_t *)&net->poll); /* an idle net keeps no loop alive; waiting fibers do */
    *out = net;
    return SHOAL_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct http_net *net = handle->data;
    close(net->epoll_fd);
    free(net->sockets);
    free(net);
    curl_global_cleanup();
}

void http_net_free(struct http_net *net)
{
    if (!net)
        return;
    net->stats.clients += net->shared != NULL; /* never counted as one */
    http_client_free(net->shared);
    if (net->stats.clients)
        die("%zu HTTP clients outlive their net", net->stats.clients);
    http_routes_free(net);
    while (net->multis) {
        struct http_multi *m = net->multis;
        net->multis = m->next;
        multi_free(m);
    }
    uv_close((uv_handle_t *)&net->poll, on_closed);
}

void http_net_stats(const struct http_net *net, struct http_stats *out)
{
    *out = net->stats;
}
