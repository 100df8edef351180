/* Where requests go: routes and their bound on connects, links and their aliases. */
#include <assert.h>
#include <stdlib.h>

#include "core/net/http_inside.h"
#include "core/util/clock.h"
#include "core/util/error.h"

/* --- routes ------------------------------------------------------------------------------- */

static bool route_is(const struct http_route *r, const struct http_target *target,
                     const struct http_origin *origin)
{
    return r->target == target && r->target_id == target->id &&
           http_origin_equal(&r->origin, origin);
}

struct http_route *http_route_of(struct http_net *net, const struct http_target *target,
                                 const struct http_origin *origin)
{
    if (net->last_route && route_is(net->last_route, target, origin))
        return net->last_route;
    struct http_route *r = net->routes;
    while (r && !route_is(r, target, origin))
        r = r->next;
    if (!r) {
        r = calloc(1, sizeof *r);
        char *host = strdup(origin->host);
        if (!r || !host) {
            free(r);
            free(host);
            return NULL;
        }
        r->target = target;
        r->target_id = target->id;
        r->origin = *origin;
        r->origin.host = host;
        r->last = &r->first;
        r->next = net->routes;
        net->routes = r;
    }
    net->last_route = r;
    return r;
}

void http_routes_free(struct http_net *net)
{
    while (net->routes) {
        struct http_route *r = net->routes;
        net->routes = r->next;
        assert(!r->first);
        while (r->idle) {
            struct http_easy *easy = r->idle;
            r->idle = easy->next;
            http_easy_free(easy);
        }
        free(r->origin.host);
        free(r);
    }
    net->last_route = NULL;
}

/* --- the bound on connects ---------------------------------------------------------------- */

static void waiter_leave(struct http_route *route, struct http_waiter *w)
{
    struct http_waiter **at = &route->first;
    while (*at && *at != w)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = w->next;
    if (route->last == &w->next)
        route->last = at;
}

int http_permit_take(struct http_route *route, int64_t deadline_ns)
{
    if (route->connecting < route->target->options.connecting_max) {
        route->connecting++;
        return SHOAL_OK;
    }
    struct http_waiter w = {.next = NULL};
    wait_init(&w.wait);
    *route->last = &w;
    route->last = &w.next;
    int error = wait_until(&w.wait, deadline_ns);
    if (error)
        waiter_leave(route, &w);
    return error;
}

/* The permit goes to the first who still waits; the count stays. */
void http_permit_give(struct http_route *route)
{
    while (route->first) {
        struct http_waiter *w = route->first;
        waiter_leave(route, w);
        if (wait_wake(&w->wait, SHOAL_OK))
            return;
    }
    assert(route->connecting > 0);
    route->connecting--;
}

/* --- links -------------------------------------------------------------------------------- */

struct http_link *http_link_of(struct http_client *client, struct http_route *route)
{
    for (struct http_link *l = client->links; l; l = l->next)
        if (l->route == route)
            return l;
    struct http_link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    const struct http_origin *proxy = &route->target->proxy;
    l->client = client;
    l->route = route;
    l->first_fd = -1;
    l->alias = ++client->net->aliases;
    if (proxy->host) {
        snprintf(l->text, sizeof l->text, "http://c%llu" HTTP_ALIAS_DOMAIN ":%u",
                 (unsigned long long)l->alias, proxy->port);
    } else {
        snprintf(l->text, sizeof l->text, "::c%llu" HTTP_ALIAS_DOMAIN ":%u",
                 (unsigned long long)l->alias, route->origin.port);
        l->connect_to.data = l->text;
    }
    l->next = client->links;
    client->links = l;
    return l;
}

static uint16_t link_port(const struct http_link *l)
{
    const struct http_target *t = l->route->target;
    return t->proxy.host ? t->proxy.port : l->route->origin.port;
}

/* "+ALIAS:PORT:ADDR,ADDR": the route's addresses, beginning with this client's. */
static void entry_text(struct buf *b, const struct http_link *l)
{
    const struct names_answer *a = &l->route->addresses;
    const struct http_client *c = l->client;
    uint64_t start = c == c->net->shared ? c->net->generation : c->number;
    buf_printf(b, "+c%llu" HTTP_ALIAS_DOMAIN ":%u:", (unsigned long long)l->alias, link_port(l));
    for (size_t i = 0; i < a->count; i++) {
        const char *address = a->address[(start + i) % a->count];
        bool v6 = strchr(address, ':') != NULL;
        buf_printf(b, "%s%s%s%s", i ? "," : "", v6 ? "[" : "", address, v6 ? "]" : "");
    }
}

int http_resolve_list(struct http_easy *easy)
{
    struct http_link *l = easy->link;
    struct http_multi *m = l->client->multi;
    struct buf text = {.limit = 4096};
    entry_text(&text, l);
    struct curl_slist *list =
        text.error ? NULL : curl_slist_append(m->stale, (const char *)text.data);
    buf_free(&text);
    if (!list)
        return SHOAL_E_NOMEM;
    m->stale = NULL;
    easy->resolve = list;
    l->version = l->route->addresses.version;
    curl_easy_setopt(easy->curl, CURLOPT_RESOLVE, list);
    return SHOAL_OK;
}

/* --- clients ------------------------------------------------------------------------------ */

int http_client_new(struct http_client **out, struct http_net *net, uint64_t number)
{
    struct http_client *c = calloc(1, sizeof *c);
    *out = c;
    if (!c)
        return SHOAL_E_NOMEM;
    c->net = net;
    c->number = number;
    net->stats.clients++;
    return SHOAL_OK;
}

void http_client_iteration_end(struct http_client *client)
{
    for (struct http_link *l = client->links; l; l = l->next)
        if (l->route->target->options.lifetime == HTTP_KEEP_ITERATION)
            http_link_shut(client->net, l);
}

static void link_free(struct http_client *client, struct http_link *l)
{
    char text[64];
    http_link_shut(client->net, l);
    http_link_forget(client->net, l);
    if (l->version) {
        /* Without memory the entry merely stays until the handle goes. */
        snprintf(text, sizeof text, "-c%llu" HTTP_ALIAS_DOMAIN ":%u", (unsigned long long)l->alias,
                 link_port(l));
        struct curl_slist *longer = curl_slist_append(client->multi->stale, text);
        client->multi->stale = longer ? longer : client->multi->stale;
    }
    free(l);
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    assert(client->active == 0);
    while (client->links) {
        struct http_link *l = client->links;
        client->links = l->next;
        link_free(client, l);
    }
    http_multi_release(client);
    if (client->sessions)
        curl_share_cleanup(client->sessions);
    client->net->stats.clients--;
    free(client);
}
