/* One exchange, from the fiber's side. What touches libcurl runs on the lane's stack. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/http_inside.h"
#include "core/util/clock.h"
#include "core/util/error.h"

/* --- the connection ------------------------------------------------------------------------ */

static bool last_on_connection(const struct http_link *l)
{
    const struct http_options *o = &l->route->target->options;
    return o->lifetime == HTTP_KEEP_REQUESTS && o->lifetime_requests &&
           l->requests + 1 >= o->lifetime_requests;
}

static void set_lifetime(struct http_easy *easy)
{
    struct http_link *l = easy->link;
    bool forbid =
        (l->sockets || l->route->target->options.lifetime_requests == 1) && last_on_connection(l);
    if (forbid || easy->forbid) {
        curl_easy_setopt(easy->curl, CURLOPT_FORBID_REUSE, forbid ? 1L : 0L);
        easy->forbid = forbid;
    }
}

/* With several addresses a silent one must leave time for the next. */
static void set_connect_timeout(struct http_easy *easy, int64_t deadline_ns)
{
    bool several = easy->resolve && easy->route->addresses.count > 1 && deadline_ns != CLOCK_NEVER;
    if (several || easy->timeout) {
        int64_t left_ms = several ? (deadline_ns - clock_ns()) / NS_PER_MS : 0;
        curl_easy_setopt(easy->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)left_ms);
        easy->timeout = several;
    }
}

static int resolve(struct http_exchange *c)
{
    struct http_route *r = c->link->route;
    struct http_net *net = c->client->net;
    const char *host = r->target->proxy.host ? r->target->proxy.host : r->origin.host;
    if (r->addresses.count && clock_ns() < r->addresses.expires_ns)
        return SHOAL_OK;
    struct names_answer answer;
    int error = names_resolve(net->names, host, c->deadline_ns, &answer);
    if (!error) {
        r->addresses = answer;
    } else if (error == SHOAL_E_RESOLVE) {
        memcpy(c->response->detail, answer.why, sizeof answer.why);
        error = r->target->proxy.host ? SHOAL_E_PROXY : error;
    }
    c->response->times.resolve = clock_ns() - c->response->started_ns;
    return error;
}

/* The calls of this fiber that may wait before anything is sent. */
static int before_connect(struct http_exchange *c)
{
    struct http_link *l = c->link;
    const struct http_options *o = &l->route->target->options;
    if (o->lifetime == HTTP_KEEP_TIME && l->sockets && !l->active &&
        clock_ns() - l->opened_ns >= o->lifetime_ns)
        http_link_shut(c->client->net, l);
    if (l->sockets > l->active)
        return SHOAL_OK; /* a kept connection is free */
    int error = http_permit_take(l->route, c->deadline_ns);
    if (error) {
        c->client->net->stats.refused_by_bound += error == SHOAL_E_TIMEOUT;
    } else {
        c->permit = true;
        c->response->times.queued = clock_ns() - c->response->started_ns;
        error = resolve(c);
    }
    return error == SHOAL_E_TIMEOUT ? SHOAL_E_CONNECT_TIMEOUT : error;
}

/* --- one hop, on the lane's stack ---------------------------------------------------------- */

static void hop_prepare(void *arg)
{
    struct http_exchange *c = arg;
    struct http_net *net = c->client->net;
    const struct http_target *t = c->request->target;
    struct http_origin parsed = {0};
    const char *why = NULL;
    bool own = !c->request->url && !c->foreign && !c->response->redirects;
    if (!own && !http_origin_parse(c->url, &parsed, &why)) {
        /* Where the target sends us is its word, not ours. */
        bool sent = c->response->redirects > 0;
        snprintf(c->response->detail, sizeof c->response->detail, "%s%.100s: %s",
                 sent ? "redirected to " : "", c->url, why);
        free(parsed.host);
        c->error = sent ? SHOAL_E_BAD_HTTP : SHOAL_E_BAD_INPUT;
        return;
    }
    struct http_route *route = http_route_of(net, t, own ? &t->origin : &parsed);
    free(parsed.host);
    c->link = route ? http_link_of(c->client, route) : NULL;
    c->error = c->link ? SHOAL_OK : SHOAL_E_NOMEM;
    if (!c->error && !c->client->multi)
        c->error = http_multi_assign(c->client, &t->options);
}

static void easy_reset(struct http_easy *easy, const struct http_exchange *c)
{
    wait_init(&easy->wait);
    buf_clear(&easy->head);
    buf_clear(&easy->body);
    easy->body.limit = easy->reply_max = c->reply_max;
    easy->response = c->response;
    easy->arena = c->arena;
    easy->head_ns = easy->connected_ns = 0;
    easy->socket_errno = 0;
    easy->starts = 0;
    easy->opened = easy->too_large = easy->bad_head = easy->head_whole = easy->in_body = false;
    easy->error_text[0] = '\0';
}

static void leave(struct http_easy *easy)
{
    easy->running = false;
    if (easy->opened)
        http_sockets_settle(easy, 0);
    easy->link->active--;
    easy->link->client->active--;
    http_easy_done(easy);
}

static void hop_start(void *arg)
{
    struct http_exchange *c = arg;
    struct http_easy *easy = http_easy_take(c->link->route);
    if (!easy) {
        c->error = SHOAL_E_NOMEM;
        if (c->permit)
            http_permit_give(c->link->route);
        return;
    }
    c->easy = easy;
    easy_reset(easy, c);
    easy->permit = c->permit;
    c->error = http_easy_aim(easy, c->link);
    c->link->active++;
    c->client->active++;
    if (!c->error && c->permit && c->link->version != c->link->route->addresses.version)
        c->error = http_resolve_list(easy);
    http_send_headers(c);
    http_send_method(easy, c);
    set_lifetime(easy);
    set_connect_timeout(easy, c->deadline_ns);
    curl_easy_setopt(easy->curl, CURLOPT_URL, c->url);
    curl_easy_setopt(easy->curl, CURLOPT_HTTPHEADER, c->headers);
    if (!c->error) {
        c->link->requests++;
        c->client->net->stats.requests++;
        c->error = http_multi_start(easy);
    }
    if (c->error && !easy->running)
        leave(easy);
}

/* A transfer of ours has ended by itself. The fiber may have stopped waiting in the same turn. */
void http_finished(struct http_easy *easy, CURLcode code)
{
    struct http_link *link = easy->link;
    struct http_stats *stats = &link->client->net->stats;
    int error = http_error_of(easy, code);
    if (!easy->wait.done) {
        http_reply_times(easy);
        if (!error)
            http_reply_fill(easy);
    }
    if (easy->opened) {
        stats->connects += easy->starts > 0;
        stats->connect_failures += easy->starts == 0;
    }
    curl_multi_remove_handle(link->client->multi->curl, easy->curl);
    leave(easy);
    struct http_net *net = link->client->net;
    if (error && !link->active && link->client != net->shared)
        http_link_shut(net, link); /* libcurl would keep one that failed while sending */
    wait_wake(&easy->wait, error);
}

/* The fiber stopped waiting: deadline or cancel. */
static void hop_stop(void *arg)
{
    struct http_exchange *c = arg;
    struct http_easy *easy = c->easy;
    struct http_multi *m = c->client->multi;
    struct http_stats *stats = &c->client->net->stats;
    if (c->error == SHOAL_E_TIMEOUT && !easy->starts)
        c->error = SHOAL_E_CONNECT_TIMEOUT;
    if (!easy->running)
        return;
    http_reply_times(easy);
    if (easy->opened) {
        stats->connects += easy->starts > 0;
        stats->connect_failures += easy->starts == 0;
    }
    curl_multi_remove_handle(m->curl, easy->curl);
    leave(easy);
    http_multi_settle(m);
}

static int hop(struct http_exchange *c)
{
    c->error = SHOAL_OK;
    c->easy = NULL;
    c->permit = false;
    fiber_deep(hop_prepare, c);
    if (c->error)
        return c->error;
    c->error = before_connect(c);
    if (c->error) {
        if (c->permit)
            http_permit_give(c->link->route);
        return c->error;
    }
    fiber_deep(hop_start, c);
    if (!c->easy || c->error)
        return c->error;
    c->error = wait_until(&c->easy->wait, c->deadline_ns);
    if (c->error == SHOAL_E_TIMEOUT || c->error == SHOAL_E_CANCELLED)
        fiber_deep(hop_stop, c);
    return c->error;
}

/* --- redirects ----------------------------------------------------------------------------- */

static void take_redirect(void *arg)
{
    struct http_exchange *c = arg;
    char *url = NULL;
    int status = c->response->status;
    struct http_origin before = {0}, after = {0};
    const char *why;
    curl_easy_getinfo(c->easy->curl, CURLINFO_REDIRECT_URL, &url);
    c->url = url ? arena_strdup(c->arena, url) : NULL;
    if (!c->url)
        return;
    bool known = http_origin_parse(c->request->url ? c->request->url : c->request->target->url,
                                   &before, &why) &&
                 http_origin_parse(c->url, &after, &why);
    c->foreign = c->foreign || !known || !http_origin_equal(&before, &after);
    free(before.host);
    free(after.host);
    bool post = strcmp(c->method, "POST") == 0;
    if ((status == 303 && strcmp(c->method, "HEAD") != 0) ||
        (status != 307 && status != 308 && post)) {
        c->method = "GET";
        c->body = (struct slice){0};
    }
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* true when there is another hop to make. */
static bool redirected(struct http_exchange *c)
{
    struct http_response *r = c->response;
    if (c->error || c->request->no_redirects || !is_redirect(r->status))
        return false;
    const char *here = c->url;
    fiber_deep(take_redirect, c);
    if (!c->url) {
        c->url = here; /* no Location: the caller sees the reply as it is */
        return false;
    }
    if (r->redirects == HTTP_HOPS_MAX) {
        c->error = SHOAL_E_REDIRECTS;
        return false;
    }
    r->redirects++;
    return true;
}

/* --- the call ------------------------------------------------------------------------------ */

static void call_begin(struct http_exchange *c)
{
    const struct http_request *q = c->request;
    const struct http_target *t = q->target;
    c->method = q->method;
    c->body = q->body;
    c->reply_max = q->reply_max ? q->reply_max : t->options.reply_max;
    if (q->url) {
        c->url = q->url;
    } else {
        size_t base = strlen(t->url), path = q->path ? strlen(q->path) : 0;
        char *url = arena_alloc(c->arena, base + path + 1);
        memcpy(url, t->url, base);
        memcpy(url + base, q->path ? q->path : "", path + 1);
        c->url = url;
    }
    if (t->options.lifetime == HTTP_SHARED) {
        struct http_net *net = c->client->net;
        if (!net->shared) {
            c->error = http_client_new(&net->shared, net, 0);
            net->stats.clients -= !c->error;
        }
        c->client = net->shared;
    }
}

static void deflate_deep(void *arg)
{
    struct http_exchange *c = arg;
    c->error = http_send_deflated(c);
}

static void append(char *out, size_t max, const char *text, size_t len)
{
    size_t at = strlen(out), room = max - 1 - at;
    len = len < room ? len : room;
    memcpy(out + at, text, len);
    out[at + len] = '\0';
}

/* libcurl's words, with the host's name where libcurl knows only our alias; else ours. */
static void fill_detail(struct http_exchange *c)
{
    char *out = c->response->detail;
    size_t max = sizeof c->response->detail;
    const struct http_easy *easy = c->easy;
    /* What we ended ourselves libcurl has no words for. */
    bool limit = easy && (easy->too_large || easy->bad_head || easy->refused_resend);
    const char *text = limit && easy->bad_head       ? "the reply's headers are too large"
                       : limit || !easy              ? error_text(c->error)
                       : easy->error_text[0] != '\0' ? easy->error_text
                                                     : error_text(c->error);
    const char *alias = c->link ? strstr(text, HTTP_ALIAS_DOMAIN) : NULL;
    if (alias) {
        const struct http_target *t = c->request->target;
        const char *host = t->proxy.host ? t->proxy.host : c->link->route->origin.host;
        const char *end = alias + strlen(HTTP_ALIAS_DOMAIN);
        while (alias > text && alias[-1] != ' ')
            alias--;
        append(out, max, text, (size_t)(alias - text));
        append(out, max, host, strlen(host));
        text = end;
    }
    append(out, max, text, strlen(text));
}

static int call_end(struct http_exchange *c)
{
    struct http_response *r = c->response;
    r->error = c->error;
    r->ended_ns = clock_ns();
    r->times.total = r->ended_ns - r->started_ns;
    if (c->error) {
        r->status = 0;
        r->headers = NULL;
        r->header_count = 0;
        r->body = (struct slice){0};
        if (!r->detail[0])
            fill_detail(c);
    }
    if (c->easy)
        http_easy_give(c->easy);
    return c->error;
}

int http_call(struct http_client *client, const struct http_request *request,
              struct http_response *response, struct arena *arena, int64_t deadline_ns)
{
    struct http_exchange c = {
        .client = client,
        .request = request,
        .response = response,
        .arena = arena,
        .deadline_ns = deadline_ns,
    };
    *response = (struct http_response){.started_ns = clock_ns()};
    if (fiber_cancelled())
        c.error = lane_sleep_until(response->started_ns); /* a shielded clean-up goes on */
    if (!c.error)
        call_begin(&c);
    if (!c.error && request->deflate && c.body.len)
        fiber_deep(deflate_deep, &c);
    while (!c.error) {
        hop(&c);
        if (!redirected(&c))
            break;
        http_easy_give(c.easy);
        c.easy = NULL;
    }
    return call_end(&c);
}
