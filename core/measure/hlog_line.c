/* Reading a log's lines, and what a tag may hold. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/measure/hlog.h"
#include "core/util/clock.h"
#include "core/util/error.h"

#define NUMBER_MAX 40 /* bytes of one number of a line */

/* The field up to the next comma, which is skipped; the rest when there is none. */
static struct slice next_field(struct slice *line)
{
    const uint8_t *comma = line->len ? memchr(line->data, ',', line->len) : NULL;
    struct slice field = {line->data, comma ? (size_t)(comma - line->data) : line->len};
    size_t skip = field.len + (comma != NULL);
    line->data += skip;
    line->len -= skip;
    return field;
}

static bool parse_seconds(struct slice field, int64_t *ns)
{
    char text[NUMBER_MAX];
    if (field.len == 0 || field.len >= sizeof text)
        return false;
    memcpy(text, field.data, field.len);
    text[field.len] = '\0';
    char *end;
    double seconds = strtod(text, &end);
    if (*end || !(seconds >= 0) || seconds > 1e9)
        return false;
    *ns = (int64_t)(seconds * 1e3 + 0.5) * NS_PER_MS;
    return true;
}

int hlog_parse_line(struct slice line, struct hlog_entry *out)
{
    while (line.len && strchr("\r\n ", line.data[line.len - 1]))
        line.len--;
    if (line.len == 0 || line.data[0] == '#' || line.data[0] == '"')
        return 0;
    out->tag[0] = '\0';
    if (line.len > 4 && memcmp(line.data, "Tag=", 4) == 0) {
        struct slice tag = next_field(&line);
        if (tag.len - 4 >= sizeof out->tag)
            return SHOAL_E_CORRUPT;
        memcpy(out->tag, tag.data + 4, tag.len - 4);
        out->tag[tag.len - 4] = '\0';
    }
    if (!parse_seconds(next_field(&line), &out->span.start_ns) ||
        !parse_seconds(next_field(&line), &out->span.length_ns))
        return SHOAL_E_CORRUPT;
    int64_t max;
    if (!parse_seconds(next_field(&line), &max))
        return SHOAL_E_CORRUPT;
    out->histogram = line;
    return line.len > 0 ? 1 : SHOAL_E_CORRUPT;
}

const char *hlog_escape(const char *part, char *out, size_t size)
{
    size_t at = 0;
    assert(size > 0);
    for (const uint8_t *p = (const uint8_t *)part; *p; p++) {
        bool plain = *p > ' ' && *p < 0x7f && !strchr(",/%\"#", *p);
        if (at + (plain ? 1 : 3) >= size)
            break;
        if (plain)
            out[at++] = (char)*p;
        else
            at += (size_t)snprintf(out + at, size - at, "%%%02X", *p);
    }
    out[at] = '\0';
    return out;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *hlog_unescape(struct slice part, char *out, size_t size)
{
    size_t at = 0;
    assert(size > 0);
    for (size_t i = 0; i < part.len && at + 1 < size; i++) {
        int high = -1, low = -1;
        if (part.data[i] == '%' && i + 2 < part.len) {
            high = hex_digit(part.data[i + 1]);
            low = hex_digit(part.data[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            out[at++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[at++] = (char)part.data[i];
        }
    }
    out[at] = '\0';
    return out;
}
