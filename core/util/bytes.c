#include "core/util/bytes.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/util/error.h"

bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void buf_free(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
    b->error = SHOAL_OK;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->error = SHOAL_OK;
    if (b->data)
        b->data[0] = 0;
}

/* Room for `more` bytes and the NUL behind them, or a sticky error. */
static bool reserve(struct buf *b, size_t more)
{
    if (b->error)
        return false;
    if (more > SIZE_MAX / 4 || b->len > SIZE_MAX / 4 || (b->limit && more > b->limit - b->len)) {
        b->error = SHOAL_E_LIMIT;
        return false;
    }
    size_t need = b->len + more + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap += cap / 2;
    uint8_t *data = realloc(b->data, cap);
    if (!data) {
        b->error = SHOAL_E_NOMEM;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void buf_put(struct buf *b, const void *data, size_t len)
{
    if (!reserve(b, len))
        return;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = 0;
}

void buf_str(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

void buf_char(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    if (len < 0) {
        if (!b->error)
            b->error = SHOAL_E_BAD_INPUT;
    } else if (reserve(b, (size_t)len)) {
        vsnprintf((char *)b->data + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}
