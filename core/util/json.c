#include "core/util/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/util/error.h"
#include "core/util/json_scan.h"

int json_parse(cJSON **out, struct slice text, struct json_error *err)
{
    *out = NULL;
    int code = json_scan(text, err);
    if (code)
        return code;
    *out = cJSON_ParseWithLength((const char *)text.data, text.len);
    if (*out)
        return SHOAL_OK;
    if (err)
        *err = (struct json_error){1, 1, "no memory for the JSON tree"};
    return SHOAL_E_NOMEM;
}

/* Below, the text is known to be valid: json_parse accepted it. */
struct walk {
    const uint8_t *p, *end;
};

static void skip_blanks(struct walk *w)
{
    while (w->p < w->end && (*w->p == ' ' || *w->p == '\n' || *w->p == '\t' || *w->p == '\r'))
        w->p++;
}

static void skip_string(struct walk *w)
{
    w->p++;
    while (w->p < w->end && *w->p != '"')
        w->p += *w->p == '\\' ? 2 : 1;
    w->p++;
}

static bool ends_scalar(uint8_t c)
{
    return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Strings are stepped over whole, so that only real brackets count. */
static void skip_value(struct walk *w)
{
    int depth = 0;
    do {
        if (w->p >= w->end)
            return;
        if (*w->p == '"') {
            skip_string(w);
        } else if (*w->p == '{' || *w->p == '[') {
            depth++;
            w->p++;
        } else if (*w->p == '}' || *w->p == ']') {
            depth--;
            w->p++;
        } else if (depth > 0) {
            w->p++;
        } else {
            while (w->p < w->end && !ends_scalar(*w->p))
                w->p++;
        }
    } while (depth > 0);
}

/* Is the key in `raw` (with its quotes) the one wanted? Escapes are left to cJSON. */
static bool key_is(struct slice raw, struct slice wanted)
{
    if (!memchr(raw.data, '\\', raw.len))
        return slice_equal(slice_of(raw.data + 1, raw.len - 2), wanted);
    cJSON *decoded = cJSON_ParseWithLength((const char *)raw.data, raw.len);
    bool same = cJSON_IsString(decoded) && slice_equal(slice_str(decoded->valuestring), wanted);
    cJSON_Delete(decoded);
    return same;
}

/* From an object's brace to the wanted member's value; *key is where its key is. */
static bool enter_object(struct walk *w, struct slice wanted, const uint8_t **key)
{
    w->p++;
    for (skip_blanks(w); w->p < w->end && *w->p == '"'; skip_blanks(w)) {
        const uint8_t *open = w->p;
        skip_string(w);
        struct slice raw = slice_of(open, (size_t)(w->p - open));
        skip_blanks(w);
        w->p++; /* the colon */
        skip_blanks(w);
        if (key_is(raw, wanted)) {
            *key = open;
            return true;
        }
        skip_value(w);
        skip_blanks(w);
        if (w->p < w->end && *w->p == ',')
            w->p++;
    }
    return false;
}

static bool enter_array(struct walk *w, struct slice wanted, const uint8_t **member)
{
    uint64_t index;
    if (!json_raw_u64(wanted, &index))
        return false;
    w->p++;
    for (skip_blanks(w); w->p < w->end && *w->p != ']'; skip_blanks(w)) {
        if (index-- == 0) {
            *member = w->p;
            return true;
        }
        skip_value(w);
        skip_blanks(w);
        if (w->p < w->end && *w->p == ',')
            w->p++;
    }
    return false;
}

bool json_locate(struct slice text, const char *path, struct slice *raw, size_t *line)
{
    struct walk w = {text.data, text.data + text.len};
    skip_blanks(&w);
    const uint8_t *place = w.p;
    while (*path) {
        struct slice part = slice_of(path, strcspn(path, "."));
        bool found = w.p < w.end && ((*w.p == '{' && enter_object(&w, part, &place)) ||
                                     (*w.p == '[' && enter_array(&w, part, &place)));
        if (!found)
            return false;
        path += part.len;
        if (*path == '.')
            path++;
    }
    const uint8_t *from = w.p;
    skip_value(&w);
    *raw = slice_of(from, (size_t)(w.p - from));
    if (line) {
        *line = 1;
        for (const uint8_t *p = text.data; p < place; p++)
            *line += *p == '\n';
    }
    return true;
}

/* cJSON walks lists, never trees, when it looks a member up: safe for any object. */
static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const char *json_string(const cJSON *object, const char *key)
{
    const cJSON *item = member(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

const cJSON *json_object(const cJSON *object, const char *key)
{
    const cJSON *item = member(object, key);
    return cJSON_IsObject(item) ? item : NULL;
}

const cJSON *json_array(const cJSON *object, const char *key)
{
    const cJSON *item = member(object, key);
    return cJSON_IsArray(item) ? item : NULL;
}

bool json_bool(const cJSON *object, const char *key, bool *out)
{
    const cJSON *item = member(object, key);
    if (!cJSON_IsBool(item))
        return false;
    *out = cJSON_IsTrue(item);
    return true;
}

bool json_int(const cJSON *object, const char *key, int64_t *out)
{
    const cJSON *item = member(object, key);
    if (!cJSON_IsNumber(item))
        return false;
    double v = item->valuedouble;
    if (!(fabs(v) <= 0x1p53) || floor(v) != v)
        return false;
    *out = (int64_t)v;
    return true;
}

bool json_raw_u64(struct slice raw, uint64_t *out)
{
    uint64_t v = 0;
    if (raw.len == 0 || (raw.len > 1 && raw.data[0] == '0'))
        return false;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.data[i] < '0' || raw.data[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(raw.data[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

static void quote_control(struct buf *out, uint8_t c)
{
    static const char plain[] = "\b\f\n\r\t", letters[] = "bfnrt";
    const char *at = c ? strchr(plain, c) : NULL;
    if (at) {
        buf_char(out, '\\');
        buf_char(out, letters[at - plain]);
    } else {
        buf_printf(out, "\\u%04x", c);
    }
}

void json_quote(struct buf *out, struct slice text)
{
    buf_char(out, '"');
    for (size_t i = 0; i < text.len;) {
        const uint8_t *p = text.data + i;
        size_t len = utf8_sequence(p, text.len - i);
        if (len == 0) {
            buf_str(out, "\xef\xbf\xbd");
            len = 1;
        } else if (*p == '"' || *p == '\\') {
            buf_char(out, '\\');
            buf_put(out, p, 1);
        } else if (*p < 0x20 || *p == 0x7f) {
            quote_control(out, *p);
        } else {
            buf_put(out, p, len);
        }
        i += len;
    }
    buf_char(out, '"');
}
