#include <stdlib.h>
#include <strings.h>

#include "core/net/http_inside.h"
#include "core/net/tls.h"
#include "core/util/error.h"
#include "core/util/random.h"

static char *url_part(CURLU *u, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(u, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static const char *scheme_check(CURLU *u, bool *https)
{
    char *scheme = url_part(u, CURLUPART_SCHEME, 0);
    const char *why = NULL;
    if (scheme && strcasecmp(scheme, "https") == 0)
        *https = true;
    else if (scheme && strcasecmp(scheme, "http") == 0)
        *https = false;
    else
        why = "it does not begin with http:// or https://";
    curl_free(scheme);
    return why;
}

/* Takes brackets off an IPv6 literal. */
static char *host_copy(const char *host)
{
    size_t len = strlen(host);
    if (len > 2 && host[0] == '[' && host[len - 1] == ']')
        return strndup(host + 1, len - 2);
    return strdup(host);
}

static const char *origin_from(CURLU *u, struct http_origin *out)
{
    const char *why = scheme_check(u, &out->https);
    if (why)
        return why;
    char *host = url_part(u, CURLUPART_HOST, 0);
    char *port = url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (!host || !*host || !port) {
        why = "it has no host";
    } else {
        out->port = (uint16_t)strtoul(port, NULL, 10);
        out->host = host_copy(host);
    }
    curl_free(host);
    curl_free(port);
    return why;
}

bool http_origin_parse(const char *url, struct http_origin *out, const char **why)
{
    CURLU *u = curl_url();
    *why = NULL;
    if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
        *why = "it is not a URL like http://host:port/path";
    else
        *why = origin_from(u, out);
    curl_url_cleanup(u);
    return *why == NULL;
}

bool http_origin_equal(const struct http_origin *a, const struct http_origin *b)
{
    return a->https == b->https && a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

static const char *base_check(const char *url)
{
    if (strchr(url, '@'))
        return "it holds a user name; credentials have options of their own";
    if (strpbrk(url, "?#"))
        return "it has a query or a fragment, which a base URL cannot";
    return NULL;
}

/* strdup that keeps NULL, noting a failure. */
static const char *copy(const char *text, bool *short_of_memory)
{
    char *out = text ? strdup(text) : NULL;
    *short_of_memory |= text && !out;
    return out;
}

static bool options_copy(struct http_options *o, const struct http_options *from)
{
    bool missing = false;
    *o = *from;
    o->tls.ca_file = copy(from->tls.ca_file, &missing);
    o->tls.cert_file = copy(from->tls.cert_file, &missing);
    o->tls.key_file = copy(from->tls.key_file, &missing);
    o->proxy = copy(from->proxy, &missing);
    o->user_agent = copy(from->user_agent ? from->user_agent : "shoal/" SHOAL_VERSION, &missing);
    o->connecting_max = from->connecting_max ? from->connecting_max : HTTP_CONNECTING_MAX;
    o->per_multi = from->per_multi ? from->per_multi : HTTP_PER_MULTI;
    o->reply_max = from->reply_max ? from->reply_max : HTTP_REPLY_MAX;
    return !missing;
}

/* A plain target may redirect to https, and then needs its trust after all. */
static int trust_fill(struct http_target *t, const char **why)
{
    const struct http_tls *tls = &t->options.tls;
    if (!tls->insecure) {
        t->own_trust = tls->trust_of ? NULL : tls_trust_new(tls->ca_file);
        t->trust = tls->trust_of ? tls->trust_of->trust : t->own_trust;
        if (!t->trust) {
            *why = tls->trust_of ? "the target whose trust it shares verifies nothing" : *why;
            return tls->trust_of ? SHOAL_E_BAD_INPUT : SHOAL_E_NOMEM;
        }
        if ((t->origin.https || tls->ca_file) && !tls_trust_load(t->trust)) {
            *why = "its CA file holds no PEM certificate that can be read";
            return SHOAL_E_BAD_INPUT;
        }
    }
    *why = NULL;
    return SHOAL_OK;
}

static int target_fill(struct http_target *t, const char *base_url,
                       const struct http_options *options, const char **why)
{
    static const struct http_options defaults;
    *why = base_check(base_url);
    if (*why || !http_origin_parse(base_url, &t->origin, why))
        return SHOAL_E_BAD_INPUT;
    *why = "out of memory";
    t->url = strdup(base_url);
    if (!t->url || !t->origin.host || !options_copy(&t->options, options ? options : &defaults))
        return SHOAL_E_NOMEM;
    for (size_t len = strlen(t->url); len && t->url[len - 1] == '/'; len--)
        t->url[len - 1] = '\0';
    if (t->options.proxy && !http_origin_parse(t->options.proxy, &t->proxy, why))
        return SHOAL_E_BAD_INPUT;
    if (t->proxy.https) {
        *why = "a proxy is reached over http:// only";
        return SHOAL_E_BAD_INPUT;
    }
    return trust_fill(t, why);
}

int http_target_new(struct http_target **out, const char *base_url,
                    const struct http_options *options, const char **why)
{
    const char *unused;
    struct http_target *t = calloc(1, sizeof *t);
    *out = NULL;
    why = why ? why : &unused;
    *why = "out of memory";
    if (!t)
        return SHOAL_E_NOMEM;
    random_bytes(&t->id, sizeof t->id); /* a new target at an old one's address differs */
    int error = target_fill(t, base_url, options, why);
    if (error) {
        http_target_free(t);
        return error;
    }
    *out = t;
    return SHOAL_OK;
}

void http_target_free(struct http_target *t)
{
    if (!t)
        return;
    const char *texts[] = {
        t->options.tls.ca_file, t->options.tls.cert_file, t->options.tls.key_file, t->options.proxy,
        t->options.user_agent,  t->origin.host,           t->proxy.host,           t->url};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((void *)(uintptr_t)texts[i]);
    tls_trust_free(t->own_trust);
    free(t);
}

const char *http_target_url(const struct http_target *target)
{
    return target->url;
}
