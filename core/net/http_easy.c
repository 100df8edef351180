/* Easy handles: made once per route and used again, so that a request sets only what differs. */
#include <stdlib.h>

#include "core/net/http_inside.h"
#include "core/net/tls.h"
#include "core/util/clock.h"
#include "core/util/error.h"

#define IDLE_AGE_MAX_S (10L * 365 * 24 * 3600) /* a kept connection never grows too old to use */
/* Of libcurl, per transfer that runs. Most replies are smaller, and ten thousand transfers may run.
 */
#define RECEIVE_SIZE 4096L

/* The request is about to be sent: the connection stands, TLS included. */
static int on_start(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct http_easy *easy = arg;
    struct http_stats *stats = &easy->link->client->net->stats;
    if (easy->starts && easy->no_resend) {
        easy->refused_resend = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (easy->starts < UINT8_MAX && ++easy->starts > 1)
        stats->retries++;
    easy->connected_ns = clock_ns();
    if (easy->opened)
        http_sockets_settle(easy, local_port);
    if (easy->permit) {
        easy->permit = false;
        http_permit_give(easy->route);
    }
    if (easy->opened && easy->route->origin.https)
        tls_count_session(easy->curl, &stats->tls_full, &stats->tls_resumed);
    return CURL_PREREQFUNC_OK;
}

static void set_transport(CURL *c, const struct http_route *route)
{
    const struct http_target *t = route->target;
    const struct http_options *o = &t->options;
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_PROXY, ""); /* never the environment's */
    curl_easy_setopt(c, CURLOPT_NOPROXY, "");
    curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(c, CURLOPT_DNS_CACHE_TIMEOUT, -1L); /* the alias is ours to replace */
    curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, IDLE_AGE_MAX_S);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, RECEIVE_SIZE);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
                     o->http_version == 1 ? (long)CURL_HTTP_VERSION_1_1
                                          : (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    if (t->trust) {
        curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, tls_trust_apply);
        curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, t->trust);
    } else {
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void set_callbacks(CURL *c, struct http_easy *easy)
{
    curl_easy_setopt(c, CURLOPT_PRIVATE, easy);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, easy->error_text);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, http_on_open);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, easy);
    curl_easy_setopt(c, CURLOPT_CLOSESOCKETFUNCTION, http_on_close);
    curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_start);
    curl_easy_setopt(c, CURLOPT_PREREQDATA, easy);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, http_on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, easy);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, http_on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, easy);
    curl_easy_setopt(c, CURLOPT_USERAGENT, easy->route->target->options.user_agent);
    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
}

struct http_easy *http_easy_take(struct http_route *route)
{
    struct http_easy *easy = route->idle;
    if (easy) {
        route->idle = easy->next;
        easy->next = NULL;
        return easy;
    }
    easy = calloc(1, sizeof *easy);
    if (!easy || !(easy->curl = curl_easy_init())) {
        free(easy);
        return NULL;
    }
    easy->route = route;
    easy->head.limit = HTTP_HEADERS_MAX;
    set_transport(easy->curl, route);
    set_callbacks(easy->curl, easy);
    return easy;
}

static void trim(struct buf *b)
{
    if (b->cap > HTTP_BUFFER_KEEP)
        buf_free(b);
    buf_clear(b);
}

void http_easy_give(struct http_easy *easy)
{
    trim(&easy->head);
    trim(&easy->body);
    easy->link = NULL;
    easy->response = NULL;
    easy->arena = NULL;
    easy->next = easy->route->idle;
    easy->route->idle = easy;
}

void http_easy_free(struct http_easy *easy)
{
    curl_easy_cleanup(easy->curl);
    buf_free(&easy->head);
    buf_free(&easy->body);
    free(easy);
}

/* "{client}" becomes the client's number. */
static int set_named(CURL *c, CURLoption option, const char *name, uint64_t number)
{
    const char *mark = name ? strstr(name, "{client}") : NULL;
    if (!mark)
        return curl_easy_setopt(c, option, name) == CURLE_OK ? SHOAL_OK : SHOAL_E_NOMEM;
    struct buf text = {0};
    buf_put(&text, name, (size_t)(mark - name));
    buf_printf(&text, "%llu%s", (unsigned long long)number, mark + strlen("{client}"));
    CURLcode code =
        text.error ? CURLE_OUT_OF_MEMORY : curl_easy_setopt(c, option, (const char *)text.data);
    buf_free(&text);
    return code == CURLE_OK ? SHOAL_OK : SHOAL_E_NOMEM;
}

/* Sessions are the client's own, as its connections are: what one resumes, it has begun. */
static int set_sessions(struct http_easy *easy, struct http_client *client)
{
    if (!client->sessions) {
        client->sessions = curl_share_init();
        if (!client->sessions)
            return SHOAL_E_NOMEM;
        curl_share_setopt(client->sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    }
    easy->sessions = client->sessions;
    return curl_easy_setopt(easy->curl, CURLOPT_SHARE, easy->sessions) == CURLE_OK
               ? SHOAL_OK
               : SHOAL_E_INTERNAL;
}

int http_easy_aim(struct http_easy *easy, struct http_link *link)
{
    const struct http_target *t = easy->route->target;
    int error = SHOAL_OK;
    easy->link = link;
    curl_easy_setopt(easy->curl, CURLOPT_CLOSESOCKETDATA, link->client->net);
    if (easy->route->origin.https)
        error = set_sessions(easy, link->client);
    if (error || easy->link_alias == link->alias)
        return error;
    easy->link_alias = link->alias;
    if (t->proxy.host) {
        if (curl_easy_setopt(easy->curl, CURLOPT_PROXY, link->text) != CURLE_OK)
            return SHOAL_E_NOMEM;
    } else {
        curl_easy_setopt(easy->curl, CURLOPT_CONNECT_TO, &link->connect_to);
    }
    if (t->options.tls.cert_file && easy->route->origin.https) {
        uint64_t number = link->client->number;
        const struct http_tls *tls = &t->options.tls;
        error = set_named(easy->curl, CURLOPT_SSLCERT, tls->cert_file, number);
        error = error ? error : set_named(easy->curl, CURLOPT_SSLKEY, tls->key_file, number);
    }
    return error;
}

void http_easy_done(struct http_easy *easy)
{
    if (easy->resolve) {
        curl_easy_setopt(easy->curl, CURLOPT_RESOLVE, NULL);
        curl_slist_free_all(easy->resolve);
        easy->resolve = NULL;
    }
    if (easy->sessions) {
        curl_easy_setopt(easy->curl, CURLOPT_SHARE, NULL);
        easy->sessions = NULL;
    }
    if (easy->permit) {
        easy->permit = false;
        http_permit_give(easy->route);
    }
}
