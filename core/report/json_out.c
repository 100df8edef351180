#include "core/report/json_out.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/util/json.h"

static void line_break(struct json_out *o)
{
    buf_printf(o->buf, "\n%*s", 2 * o->depth, "");
}

static void begin(struct json_out *o, const char *key)
{
    if (o->more)
        buf_char(o->buf, ',');
    if (o->depth > 0 && o->depth <= o->indent_depth)
        line_break(o);
    else if (o->more && o->indent_depth > 0)
        buf_char(o->buf, ' ');
    o->more = true;
    if (key) {
        json_quote(o->buf, slice_str(key));
        buf_str(o->buf, o->indent_depth > 0 ? ": " : ":");
    }
}

void jo_open(struct json_out *o, const char *key, char bracket)
{
    begin(o, key);
    buf_char(o->buf, bracket);
    o->depth++;
    o->more = false;
}

void jo_close(struct json_out *o, char bracket)
{
    assert(o->depth > 0);
    o->depth--;
    if (o->more && o->depth < o->indent_depth)
        line_break(o);
    buf_char(o->buf, bracket);
    o->more = true;
}

void jo_string(struct json_out *o, const char *key, const char *text)
{
    begin(o, key);
    if (text)
        json_quote(o->buf, slice_str(text));
    else
        buf_str(o->buf, "null");
}

void jo_uint(struct json_out *o, const char *key, uint64_t value)
{
    begin(o, key);
    buf_printf(o->buf, "%" PRIu64, value);
}

void jo_int(struct json_out *o, const char *key, int64_t value)
{
    begin(o, key);
    buf_printf(o->buf, "%" PRId64, value);
}

void jo_bool(struct json_out *o, const char *key, bool value)
{
    begin(o, key);
    buf_str(o->buf, value ? "true" : "false");
}

void jo_null(struct json_out *o, const char *key)
{
    begin(o, key);
    buf_str(o->buf, "null");
}

/* Cuts the zeros behind the point, and the point with nothing behind it. */
static void put_trimmed(struct buf *out, char *text, int len)
{
    while (len > 1 && text[len - 1] == '0')
        len--;
    if (text[len - 1] == '.')
        len--;
    buf_put(out, text, (size_t)len);
}

void jo_number(struct json_out *o, const char *key, double value)
{
    char text[400];
    if (!isfinite(value)) {
        jo_null(o, key);
        return;
    }
    begin(o, key);
    int len = snprintf(text, sizeof text, "%.6f", value);
    put_trimmed(o->buf, text, len);
}

void jo_ms(struct json_out *o, const char *key, uint64_t ns)
{
    char text[48];
    begin(o, key);
    int len = snprintf(text, sizeof text, "%" PRIu64 ".%06" PRIu64, ns / 1000000, ns % 1000000);
    put_trimmed(o->buf, text, len);
}

void jo_seconds(struct json_out *o, const char *key, uint64_t ns)
{
    char text[48];
    begin(o, key);
    int len =
        snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);
    put_trimmed(o->buf, text, len);
}
