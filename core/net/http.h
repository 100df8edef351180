/* HTTP out: what one simulated client sends, over libcurl multi handles of its lane.
 *
 * http_net    one per lane: its multi handles, its easy handles, its sockets in the lane's loop
 * http_target a base URL checked once, with how to reach it (TLS, proxy, addresses); immutable,
 *             shared by all lanes
 * http_client one simulated client's connections; lives as long as the client keeps any
 *
 * A client's requests travel only on its own connections unless the target's lifetime is shared.
 */
#ifndef SHOAL_CORE_NET_HTTP_H
#define SHOAL_CORE_NET_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/lane/lane.h"
#include "core/util/arena.h"
#include "core/util/bytes.h"

struct http_net;
struct http_target;
struct http_client;
struct names; /* core/net/names.h */

enum http_lifetime {
    HTTP_KEEP_CLIENT,    /* until the client ends, or the target closes it */
    HTTP_KEEP_ITERATION, /* closed when the iteration ends */
    HTTP_KEEP_REQUESTS,  /* closed after lifetime_requests */
    HTTP_KEEP_TIME,      /* closed after lifetime_ns */
    HTTP_SHARED,         /* any client of the lane may use it */
};

struct http_tls {
    const char *ca_file;   /* more trust anchors beside the system's; NULL: none */
    const char *cert_file; /* client certificate, PEM; "{client}" becomes the client's number */
    const char *key_file;
    bool insecure; /* no verification; says so in the manifest */
    /* Loading the system's anchors takes 20 ms: many https targets share the first one's, which
     * outlives them. Its ca_file then counts, not ours. NULL: own. */
    const struct http_target *trust_of;
};

/* How a scenario reaches its targets. Strings are copied. */
struct http_options {
    enum http_lifetime lifetime;
    uint32_t lifetime_requests;
    int64_t lifetime_ns;
    struct http_tls tls;
    const char *proxy;       /* "http://host:port"; NULL: none. The environment's is never used. */
    int http_version;        /* 0 auto, 1 HTTP/1.1, 2 HTTP/2 */
    uint32_t connecting_max; /* outstanding connects per target and lane; 0: 64 */
    uint32_t per_multi;      /* connections per multi handle; 0: 32 */
    size_t reply_max;        /* bytes of a reply's body; 0: HTTP_REPLY_MAX */
    const char *user_agent;  /* NULL: "shoal/VERSION" */
};

#define HTTP_REPLY_MAX (16u << 20)
#define HTTP_HEADERS_MAX (256u << 10) /* bytes of a reply's header section */
#define HTTP_HOPS_MAX 5               /* redirects followed */

int http_net_new(struct http_net **out, struct lane *lane, struct names *names);
/* Closes all connections; every transfer must have ended. Finish by running the lane's loop. */
void http_net_free(struct http_net *net);

/* Targets, names and the process's trust store outlive the nets that used them.
 * `base_url`: http or https, host, optional port and path. On failure *why (static text) says what
 * is wrong with it. */
int http_target_new(struct http_target **out, const char *base_url,
                    const struct http_options *options, const char **why);
void http_target_free(struct http_target *target);
const char *http_target_url(const struct http_target *target); /* without a trailing slash */

/* Its net outlives it, and no call of it is under way when it is freed.
 * `number` is the client's id: it picks the address among several and fills "{client}". */
int http_client_new(struct http_client **out, struct http_net *net, uint64_t number);
void http_client_iteration_end(struct http_client *client); /* applies HTTP_KEEP_ITERATION */
void http_client_free(struct http_client *client);

struct http_header {
    const char *name, *value;
};

struct http_request {
    const char *method; /* "GET", "POST", ... */
    struct http_target *target;
    const char *path; /* appended to the target's base: "/reserves/X?timeout_ms=1"; or NULL */
    const char *url;  /* absolute, instead of target's base + path; reached as `target` says */
    const struct http_header *headers;
    size_t header_count;
    const char *content_type; /* with a body; NULL: application/json */
    struct slice body;
    bool deflate;      /* send the body with Content-Encoding: deflate */
    bool no_redirects; /* hand 3xx to the caller */
    bool no_resend;    /* not idempotent: RESET when its kept connection closes under it */
    size_t reply_max;  /* 0: the target's */
};

/* Nanoseconds from the call on; 0 where the phase did not happen (a kept connection). */
struct http_times {
    int64_t queued, resolve, connect, tls, first_byte, total;
};

struct http_response {
    int error;         /* SHOAL_OK: a whole reply is here, whatever its status */
    char detail[160];  /* libcurl's or our words for a failure */
    int status;        /* 200; 0 without a reply */
    int http_version;  /* 10, 11, 20 */
    struct slice body; /* decompressed; NUL behind; in the caller's arena */
    const struct http_header *headers;
    size_t header_count;
    int64_t started_ns; /* clock_ns at the call */
    int64_t ended_ns;
    struct http_times times;
    uint64_t bytes_sent, bytes_received; /* heads and bodies as on the wire, without TLS framing */
    bool new_connection;
    bool sent; /* the request may have reached the target (matters for what is not idempotent) */
    uint8_t redirects;
    uint8_t retries; /* sent again, its kept connection closed under it: may be executed twice */
    char remote[64]; /* "127.0.0.1:8081" */
};

/* One exchange; suspends the calling fiber. What the response points to lives in `arena`. Returns
 * response->error: 0, SHOAL_E_CANCELLED, SHOAL_E_TIMEOUT, or a transport code. Removal of an ended
 * or cancelled transfer happens before it returns, on the lane's stack. */
int http_call(struct http_client *client, const struct http_request *request,
              struct http_response *response, struct arena *arena, int64_t deadline_ns);

/* NULL when the reply has no such header. */
const char *http_header(const struct http_response *response, const char *name);

struct http_stats {
    uint64_t connects, connect_failures, tls_full, tls_resumed, refused_by_bound;
    uint64_t requests; /* handed to the network, redirect hops each counted */
    uint64_t retries;  /* a kept connection was closed under the request; sent again on a new one */
    size_t connections, clients, multis;
};
void http_net_stats(const struct http_net *net, struct http_stats *out);

#endif
