/* What of a request goes to libcurl: method, headers, body. */
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "core/net/http_inside.h"
#include "core/util/error.h"

#define EXPECT_OFF_FROM (512u << 10) /* libcurl would wait for "100 Continue" from 1 MiB on */

static bool is_credential(const char *name)
{
    static const char *const names[] = {"Authorization", "Cookie", "Proxy-Authorization",
                                        "X-Api-Key"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static void push_line(struct http_exchange *c, struct curl_slist ***tail, char *text)
{
    struct curl_slist *node = arena_alloc(c->arena, sizeof *node);
    *node = (struct curl_slist){.data = text};
    **tail = node;
    *tail = &node->next;
}

void http_send_headers(struct http_exchange *c)
{
    const struct http_request *q = c->request;
    struct curl_slist *list = NULL, **tail = &list;
    for (size_t i = 0; i < q->header_count; i++) {
        const struct http_header *h = &q->headers[i];
        if (c->foreign && is_credential(h->name))
            continue;
        const char *format = *h->value ? ": " : ";"; /* libcurl's way to send an empty one */
        size_t name = strlen(h->name), gap = strlen(format), value = strlen(h->value);
        char *text = arena_alloc(c->arena, name + gap + value + 1);
        memcpy(text, h->name, name);
        memcpy(text + name, format, gap);
        memcpy(text + name + gap, h->value, value + 1);
        push_line(c, &tail, text);
    }
    if (c->body.data) {
        const char *type = q->content_type ? q->content_type : "application/json";
        push_line(c, &tail, arena_printf(c->arena, "Content-Type: %s", type));
        if (q->deflate)
            push_line(c, &tail, arena_strdup(c->arena, "Content-Encoding: deflate"));
        if (c->body.len >= EXPECT_OFF_FROM)
            push_line(c, &tail, arena_strdup(c->arena, "Expect:"));
    }
    c->headers = list;
}

int http_send_deflated(struct http_exchange *c)
{
    uLongf len = compressBound(c->body.len);
    uint8_t *out = arena_alloc(c->arena, len);
    if (compress2(out, &len, c->body.data, c->body.len, Z_DEFAULT_COMPRESSION) != Z_OK)
        return SHOAL_E_INTERNAL;
    c->body = slice_of(out, len);
    return SHOAL_OK;
}

void http_send_method(struct http_easy *easy, const struct http_exchange *c)
{
    bool get = strcmp(c->method, "GET") == 0, post = strcmp(c->method, "POST") == 0;
    easy->no_resend = c->request->no_resend;
    easy->refused_resend = false;
    bool head = strcmp(c->method, "HEAD") == 0, has_body = post || c->body.data;
    enum http_verb verb = head ? HTTP_VERB_HEAD : has_body ? HTTP_VERB_BODY : HTTP_VERB_GET;
    bool custom = !head && !(verb == HTTP_VERB_GET && get) && !(verb == HTTP_VERB_BODY && post);
    if (verb != easy->verb) {
        CURLoption option = head ? CURLOPT_NOBODY : has_body ? CURLOPT_POST : CURLOPT_HTTPGET;
        curl_easy_setopt(easy->curl, option, 1L);
        easy->verb = verb;
    }
    if (custom || easy->custom) {
        curl_easy_setopt(easy->curl, CURLOPT_CUSTOMREQUEST, custom ? c->method : NULL);
        easy->custom = custom;
    }
    if (has_body) {
        curl_easy_setopt(easy->curl, CURLOPT_POSTFIELDS,
                         c->body.len ? (const char *)c->body.data : "");
        curl_easy_setopt(easy->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.len);
    }
}
