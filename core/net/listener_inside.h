/* What the files of HTTP in share: the structs behind listener.h. Nobody else includes this. */
#ifndef SHOAL_CORE_NET_LISTENER_INSIDE_H
#define SHOAL_CORE_NET_LISTENER_INSIDE_H

#include <microhttpd.h>

#include "core/net/faults.h"
#include "core/net/listener.h"

#define LISTENER_BODY_MAX (1u << 20)
#define LISTENER_HEAD_MAX (8u << 10)
#define LISTENER_CONNECTIONS_MAX 60000
#define LISTENER_IDLE_S 120
#define LISTENER_DISCARD_FACTOR 8 /* of body_max is read and thrown away before a 413 */

struct exchange {
    struct exchange *next, **at;       /* of the listener's list */
    struct listener *listener;         /* NULL: closed under an exchange that a handler keeps */
    struct MHD_Connection *connection; /* NULL: libmicrohttpd is done with the request */
    const char *method, *path;
    struct buf body;
    size_t discarded;
    int64_t accepted_ns;
    struct fault fault;
    struct lane_timer timer; /* the delay of a fault */
    struct MHD_Response *response;
    int status;
    void *user;
    void (*gone)(struct exchange *x);
    bool oversize, handled, suspended, watched;
    bool done;  /* answered, or the handler knows that the peer is gone */
    bool drop;  /* close the connection instead of replying */
    bool ready; /* response and status, or drop, may go out */
};

struct listener {
    struct lane *lane;
    struct listener_options options;
    char *address;
    struct MHD_Daemon *daemon; /* NULL: closed, or down by a fault */
    uv_poll_t *poll;           /* libmicrohttpd's epoll set */
    int watch_fd;              /* epoll set of kept exchanges: has the peer gone? */
    uv_poll_t watch;
    struct lane_timer timer;   /* libmicrohttpd's idle connections */
    struct lane_timer restart; /* the next restart, or its end */
    bool down;                 /* nothing is handled any more */
    struct exchange *exchanges;
    uint64_t connections;
    struct listener_stats stats;
};

/* exchange.c: libmicrohttpd's callbacks for one request. */
enum MHD_Result exchange_on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *size, void **context);
void exchange_on_completed(void *arg, struct MHD_Connection *connection, void **context,
                           enum MHD_RequestTerminationCode code);
/* The peer went away while the exchange is kept. */
void exchange_peer_gone(struct exchange *x);
/* Ends what is pending: with 503, or by closing the connection. */
void exchange_abandon(struct exchange *x, bool reply);

/* listener.c: an exchange was resumed. */
void listener_run_soon(struct listener *l);

/* listener_socket.c: a bound, listening, non-blocking socket, or -1 with a sentence in `error`. */
int listener_socket(const char *address, uint16_t port, uint16_t *bound,
                    char error[LISTENER_ERROR_MAX]);

#endif
