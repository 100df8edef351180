/* One request and its reply. */
#include <assert.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>

#include "core/net/inflate.h"
#include "core/net/listener_inside.h"
#include "core/util/clock.h"
#include "core/util/error.h"

static void on_delay_over(struct lane_timer *timer);

/* --- life ----------------------------------------------------------------------------------- */

static struct exchange *exchange_new(struct listener *l, struct MHD_Connection *connection)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->listener = l;
    x->connection = connection;
    x->accepted_ns = clock_ns();
    x->body.limit = l->options.body_max;
    x->timer.fn = on_delay_over;
    x->at = &l->exchanges;
    x->next = l->exchanges;
    if (x->next)
        x->next->at = &x->next;
    l->exchanges = x;
    return x;
}

/* Gone when both libmicrohttpd and the handler have no more use for it. */
static void exchange_release(struct exchange *x)
{
    if (x->connection || !x->done)
        return;
    if (x->response)
        MHD_destroy_response(x->response);
    buf_free(&x->body);
    free(x);
}

static void watch(struct exchange *x, bool on)
{
    if (on == x->watched)
        return;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct epoll_event ev = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = x};
    int op = on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
    x->watched = epoll_ctl(x->listener->watch_fd, op, info->connect_fd, &ev) == 0 && on;
}

static void suspend(struct exchange *x)
{
    if (!x->suspended) {
        x->suspended = true;
        MHD_suspend_connection(x->connection);
        watch(x, true);
    }
}

static void resume(struct exchange *x)
{
    if (x->suspended) {
        watch(x, false);
        x->suspended = false;
        MHD_resume_connection(x->connection);
        listener_run_soon(x->listener); /* nothing in the epoll set tells of it */
    }
}

/* --- the reply -------------------------------------------------------------------------------- */

struct half {
    size_t len, whole;
    uint8_t data[];
};

static ssize_t half_read(void *arg, uint64_t at, char *out, size_t max)
{
    const struct half *h = arg;
    if (at >= h->len)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t len = h->len - at < max ? h->len - (size_t)at : max;
    memcpy(out, h->data + at, len);
    return (ssize_t)len;
}

/* Announces the whole body and breaks off after half of it. */
static struct MHD_Response *truncated(struct slice body)
{
    struct half *h = malloc(sizeof *h + body.len / 2);
    if (!h)
        return NULL;
    h->len = body.len / 2;
    h->whole = body.len;
    memcpy(h->data, body.data, h->len);
    struct MHD_Response *r =
        MHD_create_response_from_callback(h->whole, LISTENER_HEAD_MAX, half_read, h, free);
    if (!r)
        free(h);
    return r;
}

static struct MHD_Response *response_of(struct exchange *x, const struct exchange_reply *reply)
{
    static const char none[] = "";
    struct MHD_Response *r =
        x->fault.kind == FAULT_TRUNCATE && reply->body.len
            ? truncated(reply->body)
            : MHD_create_response_from_buffer(
                  reply->body.len,
                  (void *)(uintptr_t)(reply->body.len ? (const void *)reply->body.data : none),
                  reply->body.len ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
    if (!r)
        return NULL;
    if (reply->content_type || reply->body.len) {
        MHD_add_response_header(r, "Content-Type",
                                reply->content_type ? reply->content_type : "application/json");
    }
    for (size_t i = 0; i < reply->header_count; i++)
        MHD_add_response_header(r, reply->headers[i].name, reply->headers[i].value);
    if (reply->close)
        MHD_add_response_header(r, "Connection", "close");
    return r;
}

/* What is ready goes out now. A kept exchange is resumed first: dropping is what its callback says
 * then. Without memory for a reply the connection is closed. */
static enum MHD_Result send_out(struct exchange *x)
{
    x->ready = true;
    enum MHD_Result result = MHD_NO;
    if (!x->drop && x->response) {
        result = MHD_queue_response(x->connection, (unsigned)x->status, x->response);
        x->listener->stats.replies += result == MHD_YES;
    }
    x->drop = result != MHD_YES;
    resume(x);
    return result;
}

static void on_delay_over(struct lane_timer *timer)
{
    send_out((struct exchange *)(void *)((char *)timer - offsetof(struct exchange, timer)));
}

void exchange_answer(struct exchange *x, const struct exchange_reply *reply)
{
    assert(!x->done);
    x->done = true;
    if (!x->connection) {
        exchange_release(x); /* the listener was closed under it */
        return;
    }
    x->drop = x->fault.kind == FAULT_LOSE;
    x->status = reply->status;
    x->response = x->drop ? NULL : response_of(x, reply);
    if (!x->handled)
        return; /* still inside the handler: see handle() */
    if (x->fault.delay_ns)
        lane_timer_set(x->listener->lane, &x->timer, clock_after(clock_ns(), x->fault.delay_ns));
    else
        send_out(x);
}

/* --- the request ------------------------------------------------------------------------------ */

static enum MHD_Result refuse(struct exchange *x, int status, const char *text)
{
    struct exchange_reply reply = {
        .status = status,
        .content_type = "text/plain",
        .body = slice_str(text),
        .close = true,
    };
    x->listener->stats.refused++;
    x->done = x->handled = true;
    x->status = status;
    x->response = response_of(x, &reply);
    return send_out(x);
}

/* 0, or the status to refuse with. */
static int decode_body(struct exchange *x)
{
    const char *coding = exchange_header(x, "Content-Encoding");
    if (!coding || !x->body.len || strcasecmp(coding, "identity") == 0)
        return 0;
    if (strcasecmp(coding, "deflate") != 0 && strcasecmp(coding, "gzip") != 0)
        return 415;
    struct buf plain = {.limit = x->body.limit};
    int error = inflate_all(buf_slice(&x->body), &plain);
    buf_free(&x->body);
    x->body = plain;
    return error == SHOAL_OK ? 0 : error == SHOAL_E_LIMIT ? 413 : 400;
}

static enum MHD_Result handle(struct exchange *x)
{
    struct listener *l = x->listener;
    if (l->down) {
        x->done = x->handled = x->drop = true;
        return send_out(x);
    }
    l->stats.requests++;
    if (l->options.faults) {
        faults_draw(l->options.faults, &x->fault);
        l->stats.faults += x->fault.kind != FAULT_NONE || x->fault.delay_ns;
    }
    if (x->fault.kind == FAULT_DROP) {
        x->done = x->handled = x->drop = true;
        return send_out(x);
    }
    if (x->fault.kind == FAULT_ERROR)
        exchange_answer(x, &(struct exchange_reply){.status = x->fault.status});
    else
        l->options.handler(l->options.arg, x);
    x->handled = true;
    if (x->done && !x->fault.delay_ns)
        return send_out(x);
    suspend(x);
    if (x->done)
        lane_timer_set(l->lane, &x->timer, clock_after(clock_ns(), x->fault.delay_ns));
    return MHD_YES;
}

static enum MHD_Result whole(struct exchange *x)
{
    if (x->oversize)
        return refuse(x, 413, "the body is too large\n");
    int status = decode_body(x);
    if (status)
        return refuse(x, status, "the body cannot be decoded\n");
    return handle(x);
}

/* Too much of a body is read and forgotten, so that the peer gets to read the refusal; not
 * without end. */
static enum MHD_Result more(struct exchange *x, const char *data, size_t *size)
{
    if (!x->oversize) {
        buf_put(&x->body, data, *size);
        x->oversize = x->body.error != 0;
    } else {
        x->discarded += *size;
    }
    *size = 0;
    return x->discarded > LISTENER_DISCARD_FACTOR * x->body.limit ? MHD_NO : MHD_YES;
}

static enum MHD_Result begin(struct listener *l, struct exchange *x, const char *url,
                             const char *method)
{
    x->method = method;
    x->path = url;
    const char *length = exchange_header(x, "Content-Length");
    if (length && strtoull(length, NULL, 10) >
                      (unsigned long long)l->options.body_max * LISTENER_DISCARD_FACTOR)
        return refuse(x, 413, "the body is too large\n");
    return MHD_YES;
}

enum MHD_Result exchange_on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *size, void **context)
{
    struct listener *l = arg;
    struct exchange *x = *context;
    if (!x) {
        *context = x = exchange_new(l, connection);
        return x ? begin(l, x, url, method) : MHD_NO;
    }
    if (*size)
        return more(x, data, size);
    if (x->ready)
        return x->drop ? MHD_NO : MHD_YES;
    return x->handled ? MHD_YES : whole(x);
}

void exchange_on_completed(void *arg, struct MHD_Connection *connection, void **context,
                           enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *context;
    if (!x)
        return;
    struct listener *l = x->listener;
    *context = NULL;
    lane_timer_stop(l->lane, &x->timer);
    if (!x->handled)
        x->done = true; /* the peer went away inside its request */
    if (!x->done && x->gone) {
        x->done = true;
        x->gone(x);
    }
    *x->at = x->next;
    if (x->next)
        x->next->at = x->at;
    x->connection = NULL;
    x->listener = NULL;
    exchange_release(x);
}

/* Nobody reads a reply any more. A handler that does not want to know still answers it. */
void exchange_peer_gone(struct exchange *x)
{
    if (!x->watched)
        return; /* answered earlier in the same batch */
    watch(x, false);
    if (!x->done && !x->gone)
        return;
    x->listener->stats.aborted++;
    exchange_abandon(x, false);
}

void exchange_abandon(struct exchange *x, bool reply)
{
    bool told = x->done;
    if (!x->suspended || x->ready)
        return;
    lane_timer_stop(x->listener->lane, &x->timer);
    if (!told && x->gone) {
        x->done = true;
        x->gone(x);
    }
    if (!x->response && !x->drop && reply) {
        x->fault.kind = FAULT_NONE;
        x->status = 503;
        x->response = response_of(x, &(struct exchange_reply){.status = 503, .close = true});
    }
    x->drop = x->drop || !reply;
    send_out(x);
}

/* --- what the handler reads ------------------------------------------------------------------- */

const char *exchange_method(const struct exchange *x)
{
    return x->method;
}

const char *exchange_path(const struct exchange *x)
{
    return x->path;
}

const char *exchange_query(const struct exchange *x, const char *key)
{
    return MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, key);
}

const char *exchange_header(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

struct slice exchange_body(const struct exchange *x)
{
    return buf_slice(&x->body);
}

int64_t exchange_accepted_ns(const struct exchange *x)
{
    return x->accepted_ns;
}

uint64_t exchange_connection(const struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return (uint64_t)(uintptr_t)info->socket_context;
}

void exchange_set_user(struct exchange *x, void *user)
{
    x->user = user;
}

void *exchange_user(const struct exchange *x)
{
    return x->user;
}

void exchange_on_gone(struct exchange *x, void (*fn)(struct exchange *x))
{
    x->gone = fn;
}
