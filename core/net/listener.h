/* HTTP in: libmicrohttpd on a lane's loop.
 *
 * A handler is called on the lane's stack with a whole request (bounded header and body). It
 * answers at once or keeps the exchange and answers later from the same lane (long polling). Used
 * by every stand-in, and by simulators that are called back.
 */
#ifndef SHOAL_CORE_NET_LISTENER_H
#define SHOAL_CORE_NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/lane/lane.h"
#include "core/net/http.h"
#include "core/util/bytes.h"

struct listener;
struct exchange; /* one request and its reply */
struct faults;   /* core/net/faults.h */

struct listener_options {
    const char *address;      /* "127.0.0.1", "::1" */
    uint16_t port;            /* 0: any free one, see listener_port */
    uint32_t connections_max; /* 0: 60000 or what descriptors allow */
    size_t body_max;          /* 0: 1 MiB; more is answered 413 */
    size_t head_max; /* 0: 8 KiB; more is answered 431; an open connection holds that much memory */
    uint32_t idle_s; /* a silent connection is closed after; 0: 120 */
    struct faults *faults; /* NULL: none */
    void (*handler)(void *arg, struct exchange *x);
    void *arg;
};

/* On failure *error (size LISTENER_ERROR_MAX) says in one sentence what: "127.0.0.1:8081 is in use
 * by another program; choose another with --listen". */
#define LISTENER_ERROR_MAX 200
int listener_new(struct listener **out, struct lane *lane, const struct listener_options *options,
                 char error[LISTENER_ERROR_MAX]);
/* Answers what is pending with 503 and closes; finish by running the lane's loop. */
void listener_free(struct listener *l);
uint16_t listener_port(const struct listener *l);

struct listener_stats {
    uint64_t requests; /* whole requests handed to the handler or to a fault */
    uint64_t replies;  /* replies queued */
    uint64_t refused;  /* bad, too large */
    uint64_t faults;   /* exchanges that a fault touched */
    uint64_t aborted;  /* the peer went away before its reply */
    size_t connections;
};
void listener_stats(const struct listener *l, struct listener_stats *out);

const char *exchange_method(const struct exchange *x);
const char *exchange_path(const struct exchange *x); /* decoded, without the query; never NULL */
const char *exchange_query(const struct exchange *x, const char *key);   /* decoded or NULL */
const char *exchange_header(const struct exchange *x, const char *name); /* NULL: none */
/* As sent, but Content-Encoding: deflate and gzip are undone (bounded by body_max). */
struct slice exchange_body(const struct exchange *x);
int64_t exchange_accepted_ns(const struct exchange *x); /* when its head was complete */
uint64_t exchange_connection(const struct exchange *x); /* a number for the connection */

/* A word of the handler's, for an exchange it keeps. */
void exchange_set_user(struct exchange *x, void *user);
void *exchange_user(const struct exchange *x);
/* Called once when the peer goes away while the handler keeps the exchange; it must then not be
 * answered any more. */
void exchange_on_gone(struct exchange *x, void (*fn)(struct exchange *x));

struct exchange_reply {
    int status;
    const char *content_type; /* NULL: application/json when there is a body */
    struct slice body;        /* copied */
    const struct http_header *headers;
    size_t header_count;
    bool close; /* Connection: close */
};
/* Ends the exchange: `x` is gone after. Once per exchange. */
void exchange_answer(struct exchange *x, const struct exchange_reply *reply);

#endif
