#include <stdlib.h>

#include "protocols/taler/reply.h"
#include "simulators/taler/standin_service.h"

#define DEEP_LEVELS 100000
#define HUGE_BYTES (100u << 20)

/* An exchange that is kept without a reply, until its peer goes away or the service ends. */
struct kept {
    struct exchange *x;
    struct kept *next, **link;
};

/* The exchange closes after GET replies, and so does the stand-in; the bank does not. */
static bool closes(const struct exchange *x)
{
    return strcmp(exchange_method(x), "GET") == 0 &&
           strncmp(exchange_path(x), "/accounts/", strlen("/accounts/")) != 0;
}

static void answer(struct standin_service *s, struct exchange *x, int status, struct slice body)
{
    struct http_header cache[] = {{"ETag", s->keys.etag}, {"Cache-Control", "public,max-age=3600"}};
    bool keys = strcmp(exchange_path(x), "/keys") == 0 && (status == 200 || status == 304);
    struct exchange_reply reply = {.status = status,
                                   .body = body,
                                   .headers = keys ? cache : NULL,
                                   .header_count = keys ? 2 : 0,
                                   .close = closes(x)};
    exchange_answer(x, &reply);
}

void reply_with(struct standin_service *s, struct exchange *x, int status)
{
    answer(s, x, status, buf_slice(&s->out));
}

/* --- lies about a reply's form ------------------------------------------------------------------
 */

static void forget(struct kept *k)
{
    *k->link = k->next;
    if (k->next)
        k->next->link = k->link;
    free(k);
}

static void kept_gone(struct exchange *x)
{
    forget(exchange_user(x));
}

static void keep_silent(struct standin_service *s, struct exchange *x)
{
    struct kept *k = calloc(1, sizeof *k);
    if (!k) {
        answer(s, x, 500, (struct slice){0});
        return;
    }
    *k = (struct kept){x, s->kept, &s->kept};
    if (s->kept)
        s->kept->link = &k->next;
    s->kept = k;
    exchange_set_user(x, k);
    exchange_on_gone(x, kept_gone);
}

void reply_release(struct standin_service *s)
{
    while (s->kept) {
        struct exchange *x = s->kept->x;
        forget(s->kept);
        answer(s, x, 503, (struct slice){0});
    }
}

static void fill(struct buf *out, const char *start, size_t count, char c)
{
    buf_clear(out);
    buf_str(out, start);
    char piece[4096];
    memset(piece, c, sizeof piece);
    for (size_t left = count; left;) {
        size_t part = left < sizeof piece ? left : sizeof piece;
        buf_put(out, piece, part);
        left -= part;
    }
}

/* True when it has answered. */
static bool spoil(struct standin_service *s, struct exchange *x)
{
    switch ((enum standin_lie)s->options->lie) {
    case LIE_TRUNCATED_JSON:
        s->out.len /= 2;
        break;
    case LIE_DEEP_JSON:
        fill(&s->out, "{\"ev_sigs\":", DEEP_LEVELS, '[');
        break;
    case LIE_NO_JSON:
        buf_clear(&s->out);
        buf_str(&s->out, "<html><body>It works!</body></html>");
        break;
    case LIE_EMPTY_OBJECT:
        buf_clear(&s->out);
        buf_str(&s->out, "{}");
        break;
    case LIE_HUGE_REPLY:
        fill(&s->out, "{\"ev_sigs\":\"", HUGE_BYTES, 'A');
        buf_str(&s->out, "\"}");
        break;
    case LIE_SILENCE:
        s->counts.lies++;
        keep_silent(s, x);
        return true;
    default:
        return false;
    }
    s->counts.lies++;
    reply_with(s, x, 200);
    buf_free(&s->out); /* a lie may have made it very large */
    return true;
}

/* --- honest replies -----------------------------------------------------------------------------
 */

void reply_done(struct standin_service *s, struct exchange *x, enum standin_place place)
{
    if (s->out.error) {
        reply_error(s, x, 500, 0, "no memory for the reply");
        return;
    }
    if (s->options->lie == LIE_NONE || (int)place != s->options->lie_at || !spoil(s, x))
        reply_with(s, x, 200);
}

static void count_error(struct standin_counts *counts, int status)
{
    counts->conflicts += status == 409;
    counts->forbidden += status == 403;
    counts->malformed += status == 400;
    counts->unknown += status == 404;
}

void reply_error(struct standin_service *s, struct exchange *x, int status, int code,
                 const char *hint)
{
    struct taler_error_reply error = {.code = code};
    snprintf(error.hint, sizeof error.hint, "%s", hint);
    count_error(&s->counts, status);
    buf_clear(&s->out);
    taler_error_reply_write(&s->out, &error);
    reply_with(s, x, status);
}

void reply_malformed(struct standin_service *s, struct exchange *x, const struct taler_fault *fault)
{
    cJSON *tree = NULL;
    bool is_json = json_parse(&tree, exchange_body(x), NULL) == 0;
    cJSON_Delete(tree);
    reply_error(s, x, 400, is_json ? CODE_PARAMETER_MALFORMED : CODE_JSON_INVALID, fault->text);
}
