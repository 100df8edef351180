#include "core/util/json_scan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/util/error.h"

/* A key of an object that is still open. Escapes are kept: keys are compared decoded. */
struct key {
    const uint8_t *text; /* behind the opening quote */
    size_t len;          /* without the closing quote */
};

/* Objects and arrays are a stack of our own, so that a hostile text costs no C stack. Keys of all
 * open objects are one array; an object owns those from first_key on, and drops them at its end. */
struct frame {
    bool object;
    size_t first_key;
};

struct scan {
    const uint8_t *start, *p, *end;
    struct frame frames[JSON_DEPTH_MAX];
    int depth;
    struct key *keys;
    size_t key_count, key_cap;
    struct json_error *err;
};

static int fail_at(struct scan *s, const uint8_t *where, int code, const char *text)
{
    if (!s->err)
        return code;
    s->err->line = 1;
    const uint8_t *line = s->start;
    for (const uint8_t *p = s->start; p < where; p++) {
        if (*p == '\n') {
            s->err->line++;
            line = p + 1;
        }
    }
    s->err->column = (size_t)(where - line) + 1;
    if (text)
        snprintf(s->err->text, sizeof s->err->text, "%s", text);
    return code;
}

static int fail(struct scan *s, const char *text)
{
    return fail_at(s, s->p, SHOAL_E_BAD_REPLY, text);
}

size_t utf8_sequence(const uint8_t *p, size_t left)
{
    uint8_t first = p[0];
    if (first < 0x80)
        return 1;
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (first == 0xe0 && p[1] < 0xa0) || (first == 0xf0 && p[1] < 0x90);
    bool surrogate = first == 0xed && p[1] >= 0xa0;
    bool beyond = first == 0xf4 && p[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : len;
}

static void skip_blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four hexadecimal digits at p, or -1. */
static int hex4(const uint8_t *p, const uint8_t *end)
{
    int v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* \uXXXX, s->p at the u. A high surrogate takes its low half along. */
static int scan_unicode_escape(struct scan *s)
{
    int unit = hex4(s->p + 1, s->end);
    if (unit < 0)
        return fail(s, "\\u wants four hexadecimal digits");
    if (unit == 0)
        return fail(s, "a NUL character in a string");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return fail(s, "half a surrogate pair in a string");
    s->p += 5;
    if (unit < 0xd800 || unit > 0xdbff)
        return SHOAL_OK;
    int low = s->end - s->p >= 2 && s->p[0] == '\\' && s->p[1] == 'u' ? hex4(s->p + 2, s->end) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return fail(s, "half a surrogate pair in a string");
    s->p += 6;
    return SHOAL_OK;
}

static int scan_escape(struct scan *s)
{
    s->p++;
    if (s->p < s->end && *s->p == 'u')
        return scan_unicode_escape(s);
    if (s->p == s->end || *s->p == 0 || !strchr("\"\\/bfnrt", *s->p))
        return fail(s, "an unknown escape in a string");
    s->p++;
    return SHOAL_OK;
}

/* s->p at the opening quote; leaves it behind the closing one. */
static int scan_string(struct scan *s)
{
    const uint8_t *open = s->p++;
    while (s->p < s->end && *s->p != '"') {
        uint8_t c = *s->p;
        if (c == '\\') {
            int code = scan_escape(s);
            if (code)
                return code;
        } else if (c < 0x20) {
            return fail(s, "a control character in a string (is the closing quote missing?)");
        } else if (c < 0x80) {
            s->p++;
        } else {
            size_t len = utf8_sequence(s->p, (size_t)(s->end - s->p));
            if (len == 0)
                return fail(s, "a string that is not UTF-8");
            s->p += len;
        }
    }
    if (s->p == s->end)
        return fail_at(s, open, SHOAL_E_BAD_REPLY, "a string without its closing quote");
    s->p++;
    return SHOAL_OK;
}

static bool skip_digits(struct scan *s)
{
    const uint8_t *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > from;
}

static int scan_number(struct scan *s)
{
    const uint8_t *from = s->p;
    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0') {
        s->p++;
        if (s->p < s->end && *s->p >= '0' && *s->p <= '9')
            return fail(s, "a number with a leading zero");
    } else if (!skip_digits(s)) {
        return fail(s, "a minus sign without a number");
    }
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!skip_digits(s))
            return fail(s, "a number that ends with its point");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!skip_digits(s))
            return fail(s, "a number without its exponent");
    }
    if (s->p - from > JSON_NUMBER_MAX)
        return fail_at(s, from, SHOAL_E_LIMIT, "a number of more than 63 characters");
    return SHOAL_OK;
}

static int scan_word(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(s->end - s->p) >= len && memcmp(s->p, words[i], len) == 0) {
            s->p += len;
            return SHOAL_OK;
        }
    }
    return fail(s, "not a JSON value");
}

/* One decoded byte sequence at a time, so that "a" and "\u0061" are the same key. */
struct key_reader {
    const uint8_t *p, *end;
    uint8_t pending[4];
    int pending_at, pending_len;
};

static int encode_utf8(unsigned c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* The next decoded byte, or -1 at the end. The text was scanned: escapes are whole. */
static int next_byte(struct key_reader *k)
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    if (k->pending_at < k->pending_len)
        return k->pending[k->pending_at++];
    if (k->p >= k->end)
        return -1;
    if (*k->p != '\\')
        return *k->p++;
    uint8_t c = k->p[1];
    if (c != 'u') {
        k->p += 2;
        const char *at = strchr(letters, c);
        return at ? meanings[at - letters] : c;
    }
    int high = hex4(k->p + 2, k->end);
    assert(high > 0);
    unsigned point = (unsigned)high;
    k->p += 6;
    if (high >= 0xd800 && high <= 0xdbff) {
        int low = hex4(k->p + 2, k->end);
        assert(low > 0);
        point = 0x10000 + (((unsigned)high - 0xd800) << 10) + ((unsigned)low - 0xdc00);
        k->p += 6;
    }
    k->pending_len = encode_utf8(point, k->pending);
    k->pending_at = 1;
    return k->pending[0];
}

static int compare_keys(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    struct key_reader ra = {.p = a->text, .end = a->text + a->len};
    struct key_reader rb = {.p = b->text, .end = b->text + b->len};
    for (;;) {
        int ca = next_byte(&ra), cb = next_byte(&rb);
        if (ca != cb)
            return ca < cb ? -1 : 1;
        if (ca < 0)
            return 0;
    }
}

#define PAIRWISE_MAX 8 /* keys of an object that are compared each with each */

static bool may_be_equal(const struct key *a, const struct key *b)
{
    if (a->len == b->len && memcmp(a->text, b->text, a->len) == 0)
        return true;
    return (memchr(a->text, '\\', a->len) || memchr(b->text, '\\', b->len)) &&
           compare_keys(a, b) == 0;
}

static int duplicate(struct scan *s, const struct key *a, const struct key *b)
{
    const struct key *later = a->text > b->text ? a : b;
    if (s->err)
        snprintf(s->err->text, sizeof s->err->text, "duplicate key \"%.*s\"",
                 later->len > 80 ? 80 : (int)later->len, (const char *)later->text);
    return fail_at(s, later->text - 1, SHOAL_E_BAD_REPLY, NULL);
}

/* At an object's end. Sorting instead of hashing: no text can be made that is slow. */
static int check_keys(struct scan *s, size_t first)
{
    struct key *keys = s->keys + first;
    size_t count = s->key_count - first;
    s->key_count = first;
    if (count <= PAIRWISE_MAX) {
        for (size_t i = 1; i < count; i++) {
            for (size_t j = 0; j < i; j++) {
                if (may_be_equal(&keys[i], &keys[j]))
                    return duplicate(s, &keys[i], &keys[j]);
            }
        }
        return SHOAL_OK;
    }
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) == 0)
            return duplicate(s, &keys[i - 1], &keys[i]);
    }
    return SHOAL_OK;
}

static int add_key(struct scan *s, struct key key)
{
    if (s->key_count == s->key_cap) {
        size_t cap = s->key_cap ? s->key_cap * 2 : 64;
        struct key *keys = realloc(s->keys, cap * sizeof *keys);
        if (!keys)
            return fail_at(s, s->p, SHOAL_E_NOMEM, "no memory for the keys of an object");
        s->keys = keys;
        s->key_cap = cap;
    }
    s->keys[s->key_count++] = key;
    return SHOAL_OK;
}

/* A key and its colon; leaves s->p where the value has to be. */
static int scan_key(struct scan *s)
{
    if (s->p == s->end || *s->p != '"')
        return fail(s, "expected a key in double quotes");
    const uint8_t *open = s->p;
    int code = scan_string(s);
    if (!code)
        code = add_key(s, (struct key){open + 1, (size_t)(s->p - open) - 2});
    if (code)
        return code;
    skip_blanks(s);
    if (s->p == s->end || *s->p != ':')
        return fail(s, "expected a colon behind the key");
    s->p++;
    skip_blanks(s);
    return SHOAL_OK;
}

/* '{' or '['. *more tells whether a value has to follow (not after "{}" and "[]"). */
static int open_frame(struct scan *s, bool *more)
{
    bool object = *s->p == '{';
    if (s->depth == JSON_DEPTH_MAX)
        return fail_at(s, s->p, SHOAL_E_LIMIT, "nested deeper than 64 levels");
    s->p++;
    skip_blanks(s);
    if (s->p < s->end && *s->p == (object ? '}' : ']')) {
        s->p++;
        *more = false;
        return SHOAL_OK;
    }
    s->frames[s->depth++] = (struct frame){object, s->key_count};
    *more = true;
    return object ? scan_key(s) : SHOAL_OK;
}

/* Behind a value: a comma (then a value has to follow) or the ends of what is open. */
static int close_frames(struct scan *s)
{
    while (s->depth > 0) {
        struct frame *top = &s->frames[s->depth - 1];
        skip_blanks(s);
        if (s->p < s->end && *s->p == ',') {
            s->p++;
            skip_blanks(s);
            return top->object ? scan_key(s) : SHOAL_OK;
        }
        if (s->p == s->end)
            return fail(s, "the text ends inside an object or array");
        if (*s->p != (top->object ? '}' : ']'))
            return fail(s, top->object ? "expected a comma or }" : "expected a comma or ]");
        s->p++;
        s->depth--;
        int code = top->object ? check_keys(s, top->first_key) : SHOAL_OK;
        if (code)
            return code;
    }
    return SHOAL_OK;
}

static int scan_scalar(struct scan *s)
{
    if (*s->p == '"')
        return scan_string(s);
    if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9'))
        return scan_number(s);
    return scan_word(s);
}

static int scan_document(struct scan *s)
{
    skip_blanks(s);
    do {
        if (s->p == s->end)
            return fail(s, s->depth ? "the text ends inside an object or array" : "no JSON value");
        bool opened = false;
        int code = *s->p == '{' || *s->p == '[' ? open_frame(s, &opened) : scan_scalar(s);
        if (!code && !opened)
            code = close_frames(s);
        if (code)
            return code;
    } while (s->depth > 0);
    skip_blanks(s);
    return s->p < s->end ? fail(s, "more text behind the end of the JSON value") : SHOAL_OK;
}

int json_scan(struct slice text, struct json_error *err)
{
    const uint8_t *data = text.data ? text.data : (const uint8_t *)"";
    struct scan s = {.start = data, .p = data, .end = data + text.len, .err = err};
    int code = scan_document(&s);
    free(s.keys);
    return code;
}
