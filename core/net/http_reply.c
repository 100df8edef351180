/* A reply as it arrives, and what the caller gets of it. */
#include <stdlib.h>
#include <strings.h>

#include "core/net/http_inside.h"
#include "core/util/clock.h"

static bool is_length(const char *line, size_t len)
{
    static const char name[] = "content-length:";
    return len > sizeof name - 1 && (line[0] | 0x20) == 'c' &&
           strncasecmp(line, name, sizeof name - 1) == 0;
}

/* libcurl hands over whole lines, each with its CR LF; several heads when there are 1xx replies. */
size_t http_on_header(char *data, size_t size, size_t count, void *arg)
{
    struct http_easy *easy = arg;
    size_t len = size * count;
    if (easy->in_body)
        return len; /* trailers */
    easy->head_whole = data[0] == '\r' || data[0] == '\n';
    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        buf_clear(&easy->head);
        easy->head_ns = clock_ns();
    } else if (is_length(data, len) && easy->verb != HTTP_VERB_HEAD) {
        char *end;
        unsigned long long announced = strtoull(data + sizeof "content-length:" - 1, &end, 10);
        easy->too_large = announced > easy->reply_max;
    }
    buf_put(&easy->head, data, len);
    easy->bad_head = easy->head.error != 0;
    return easy->too_large || easy->bad_head ? 0 : len;
}

size_t http_on_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_easy *easy = arg;
    size_t len = size * count;
    easy->in_body = true;
    buf_put(&easy->body, data, len);
    easy->too_large = easy->body.error != 0;
    return easy->too_large ? 0 : len;
}

/* Splits the head in place; the status line and the empty line are no fields. */
static void fill_headers(struct http_response *r, struct arena *arena, struct buf *head)
{
    size_t lines = 0;
    for (size_t i = 0; i < head->len; i++)
        lines += head->data[i] == '\n';
    struct http_header *headers = arena_alloc(arena, (lines + 1) * sizeof *headers);
    char *line = arena_dup(arena, head->data, head->len);
    char *end = line + head->len;
    while (line < end) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        char *next = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        char *colon = memchr(line, ':', (size_t)(stop - line));
        while (stop > line && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        *stop = '\0';
        if (colon && colon < stop + 1 && r->headers) {
            *colon++ = '\0';
            colon += strspn(colon, " \t");
            headers[r->header_count++] = (struct http_header){line, colon};
        }
        r->headers = headers; /* from the second line on */
        line = next;
    }
}

static void fill_body(struct http_response *r, struct arena *arena, struct buf *body)
{
    if (body->len > HTTP_BUFFER_KEEP) {
        size_t limit = body->limit;
        r->body = arena_adopt(arena, body);
        body->limit = limit;
    } else {
        r->body = slice_of(arena_dup(arena, body->len ? (const char *)body->data : "", body->len),
                           body->len);
    }
}

static void fill_remote(struct http_response *r, CURL *c)
{
    const char *ip = NULL;
    long port = 0;
    curl_easy_getinfo(c, CURLINFO_PRIMARY_IP, &ip);
    curl_easy_getinfo(c, CURLINFO_PRIMARY_PORT, &port);
    if (!ip || !*ip)
        return;
    bool v6 = strchr(ip, ':') != NULL;
    size_t at = 0;
    size_t len = strnlen(ip, sizeof r->remote - 9);
    r->remote[0] = '[';
    at += v6;
    memcpy(r->remote + at, ip, len);
    at += len;
    r->remote[at] = ']';
    at += v6;
    r->remote[at++] = ':';
    char digits[6];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + port % 10);
    } while ((port /= 10) > 0 && count < sizeof digits);
    while (count)
        r->remote[at++] = digits[--count];
    r->remote[at] = '\0';
}

static int http_version_of(CURL *c)
{
    long version = 0;
    curl_easy_getinfo(c, CURLINFO_HTTP_VERSION, &version);
    return version == CURL_HTTP_VERSION_2_0 ? 20 : version == CURL_HTTP_VERSION_1_0 ? 10 : 11;
}

/* Also of a failed transfer: how far it came, and what went over the wire. */
void http_reply_times(struct http_easy *easy)
{
    struct http_response *r = easy->response;
    CURL *c = easy->curl;
    long head_sent = 0, head_received = 0;
    curl_off_t body_sent = 0, body_received = 0;
    curl_easy_getinfo(c, CURLINFO_REQUEST_SIZE, &head_sent);
    curl_easy_getinfo(c, CURLINFO_HEADER_SIZE, &head_received);
    curl_easy_getinfo(c, CURLINFO_SIZE_UPLOAD_T, &body_sent);
    curl_easy_getinfo(c, CURLINFO_SIZE_DOWNLOAD_T, &body_received);
    r->bytes_sent += (uint64_t)head_sent + (uint64_t)body_sent;
    r->bytes_received += (uint64_t)head_received + (uint64_t)body_received;
    r->sent = r->sent || easy->starts;
    r->retries += easy->starts > 1 ? (uint8_t)(easy->starts - 1) : 0;
    r->new_connection = r->new_connection || easy->opened;
    if (easy->opened && easy->starts) {
        curl_off_t connected_us = 0, tls_us = 0;
        curl_easy_getinfo(c, CURLINFO_CONNECT_TIME_T, &connected_us);
        curl_easy_getinfo(c, CURLINFO_APPCONNECT_TIME_T, &tls_us);
        /* When libcurl began to count is not told: its last phase ended at on_start. */
        int64_t last_us = tls_us > connected_us ? tls_us - connected_us : 0;
        r->times.connect = easy->connected_ns - last_us * NS_PER_US - r->started_ns;
        r->times.tls = tls_us ? easy->connected_ns - r->started_ns : 0;
    }
    if (easy->head_ns)
        r->times.first_byte = easy->head_ns - r->started_ns;
    fill_remote(r, c);
}

void http_reply_fill(struct http_easy *easy)
{
    struct http_response *r = easy->response;
    long status = 0;
    curl_easy_getinfo(easy->curl, CURLINFO_RESPONSE_CODE, &status);
    r->status = (int)status;
    r->http_version = http_version_of(easy->curl);
    r->headers = NULL;
    r->header_count = 0;
    fill_headers(r, easy->arena, &easy->head);
    fill_body(r, easy->arena, &easy->body);
}

const char *http_header(const struct http_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++)
        if (strcasecmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    return NULL;
}
