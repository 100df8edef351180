/* What the files of HTTP out share: the structs behind http.h. Nobody else includes this.
 *
 * route   (lane, target, origin): where requests go and who waits for a connect there
 * link    (client, route): one client's own connections there, told apart by an alias
 * easy    one transfer's libcurl handle with its buffers, pooled per route
 *
 * libcurl runs on the lane's stack only, and is never called from inside its own callbacks.
 */
#ifndef SHOAL_CORE_NET_HTTP_INSIDE_H
#define SHOAL_CORE_NET_HTTP_INSIDE_H

#include <curl/curl.h>

#include "core/net/http.h"
#include "core/net/names.h"

#define HTTP_ALIAS_DOMAIN ".shoal.invalid" /* never resolves: RFC 6761 */
#define HTTP_CONNECTING_MAX 64
#define HTTP_PER_MULTI 32
#define HTTP_SHARED_PER_MULTI UINT32_MAX /* one handle for all clients of the lane */
#define HTTP_BUFFER_KEEP (64u << 10)     /* a pooled handle keeps buffers up to this size */

struct http_origin {
    bool https;
    uint16_t port;
    char *host; /* without brackets */
};

struct http_target {
    uint64_t id; /* unique in the process */
    char *url;   /* without a trailing slash */
    struct http_origin origin;
    struct http_options options; /* its strings are ours */
    struct http_origin proxy;    /* host NULL: none */
    struct tls_trust *trust;     /* NULL: nothing is verified */
    struct tls_trust *own_trust; /* NULL: it is another target's */
};

struct http_waiter {
    struct http_waiter *next;
    struct fiber_wait wait;
};

struct http_route {
    struct http_route *next;
    const struct http_target *target;
    uint64_t target_id;
    struct http_origin origin;
    struct names_answer addresses; /* of the origin, or of the proxy */
    uint32_t connecting;
    struct http_waiter *first, **last;
    struct http_easy *idle;
};

struct http_link {
    struct http_link *next;
    struct http_client *client;
    struct http_route *route;
    uint64_t version; /* of the addresses the multi handle knows under the alias; 0: none */
    int64_t opened_ns;
    uint32_t sockets; /* open and, as far as we know, alive */
    uint32_t active;  /* transfers under way */
    uint32_t requests;
    int first_fd;
    uint64_t alias;
    struct curl_slist connect_to;
    char text[48]; /* "::ALIAS:PORT" for connect_to, or "http://ALIAS:PORT" as the proxy's name */
};

struct http_client {
    struct http_net *net;
    uint64_t number;
    struct http_multi *multi; /* chosen by the first call */
    struct http_link *links;
    CURLSH *sessions; /* TLS sessions to resume; NULL until TLS is spoken */
    uint32_t active;
};

struct http_multi {
    struct http_multi *next, *next_roomy;
    struct http_net *net;
    CURLM *curl;
    struct lane_timer timer;
    int64_t due_ns; /* what libcurl asked for last; CLOCK_NEVER: nothing */
    uint32_t clients, capacity;
    bool roomy;
    struct curl_slist *stale; /* "-alias:port" of clients that are gone */
};

struct http_socket {
    struct http_multi *multi; /* NULL: not a socket of ours */
    struct http_link *link;   /* NULL: its client is gone */
    struct http_easy *opener; /* the transfer that opened it, until it is connected */
    uint32_t generation;
    uint32_t registered; /* epoll events */
    uint32_t wanted;     /* what libcurl wants now; 0: idle */
    int next_fd;         /* of the same link */
    bool dead;           /* known to be closed by either side */
};

struct http_net {
    struct lane *lane;
    struct names *names;
    int epoll_fd;
    uv_poll_t poll;
    struct http_socket *sockets; /* by descriptor */
    size_t socket_cap;
    uint32_t generation;
    struct http_multi *multis, *roomy;
    struct http_route *routes, *last_route;
    struct http_client *shared; /* owns the connections of HTTP_SHARED */
    uint64_t aliases;
    struct http_stats stats;
};

enum http_verb { HTTP_VERB_NONE, HTTP_VERB_GET, HTTP_VERB_HEAD, HTTP_VERB_BODY };

struct http_easy {
    struct http_easy *next;
    CURL *curl;
    struct http_route *route;

    /* What is set on the handle beyond what every transfer of the route sets. */
    enum http_verb verb;
    bool custom, forbid, timeout;
    struct curl_slist *resolve;
    CURLSH *sessions;
    uint64_t link_alias; /* whose alias as the proxy's name, and whose certificate */

    /* One transfer. */
    struct http_link *link;
    struct http_response *response;
    struct arena *arena;
    struct fiber_wait wait;
    struct buf head, body;
    size_t reply_max;
    int64_t opened_ns, connected_ns, head_ns;
    int socket_errno; /* why we could not open a socket */
    uint8_t starts;   /* how often the request was about to be sent */
    bool running, permit, opened, too_large, bad_head, head_whole, in_body;
    bool no_resend, refused_resend;
    char error_text[CURL_ERROR_SIZE];
};

/* One http_call, in its fiber's frame. */
struct http_exchange {
    struct http_client *client; /* or the lane's shared one */
    const struct http_request *request;
    struct http_response *response;
    struct arena *arena;
    int64_t deadline_ns;
    size_t reply_max;

    /* This hop. */
    const char *url, *method;
    struct slice body;
    bool foreign; /* another origin than the request's: it gets no credentials */
    struct http_link *link;
    struct http_easy *easy;
    const struct curl_slist *headers;
    bool permit;
    int error;
};

/* http_net.c */
int http_multi_assign(struct http_client *client, const struct http_options *options);
void http_multi_release(struct http_client *client);
int http_multi_start(struct http_easy *easy);
void http_multi_settle(struct http_multi *multi); /* after every entry into libcurl */
void http_link_shut(struct http_net *net, struct http_link *link);
void http_link_forget(struct http_net *net, struct http_link *link);
curl_socket_t http_on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
void http_sockets_settle(struct http_easy *easy, int local_port);
int http_on_close(void *arg, curl_socket_t fd);

/* http_route.c */
struct http_route *http_route_of(struct http_net *net, const struct http_target *target,
                                 const struct http_origin *origin);
void http_routes_free(struct http_net *net);
int http_permit_take(struct http_route *route, int64_t deadline_ns);
void http_permit_give(struct http_route *route);
struct http_link *http_link_of(struct http_client *client, struct http_route *route);
int http_resolve_list(struct http_easy *easy);

/* http_easy.c */
struct http_easy *http_easy_take(struct http_route *route);
void http_easy_give(struct http_easy *easy);
void http_easy_free(struct http_easy *easy);
int http_easy_aim(struct http_easy *easy,
                  struct http_link *link);   /* alias, certificate, sessions */
void http_easy_done(struct http_easy *easy); /* undo what only one transfer has */

/* http_call.c */
void http_finished(struct http_easy *easy, CURLcode code);

/* http_send.c */
void http_send_headers(struct http_exchange *c);
void http_send_method(struct http_easy *easy, const struct http_exchange *c);
int http_send_deflated(struct http_exchange *c);

/* http_reply.c: libcurl's callbacks while a reply arrives, and what is made of it. */
size_t http_on_header(char *data, size_t size, size_t count, void *arg);
size_t http_on_body(char *data, size_t size, size_t count, void *arg);
void http_reply_times(struct http_easy *easy);
void http_reply_fill(struct http_easy *easy);

/* http_errors.c: a SHOAL_E_ code for why a transfer ended without a whole reply. */
int http_error_of(const struct http_easy *easy, CURLcode code);

/* http_target.c: http or https, a host and a port. false when `url` is not such. */
bool http_origin_parse(const char *url, struct http_origin *out, const char **why);
bool http_origin_equal(const struct http_origin *a, const struct http_origin *b);

#endif
