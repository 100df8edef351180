/* Byte slices, growable buffers, and big-endian integers.
 *
 * A slice borrows: it never owns what it points to. A buf owns its memory (malloc) and has a sticky
 * error: append without checking, look at `error` once before using the content.
 */
#ifndef SHOAL_CORE_UTIL_BYTES_H
#define SHOAL_CORE_UTIL_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data;
    size_t len;
};

static inline struct slice slice_of(const void *data, size_t len)
{
    return (struct slice){(const uint8_t *)data, len};
}

static inline struct slice slice_str(const char *text)
{
    return (struct slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

bool slice_equal(struct slice a, struct slice b);

/* `data` is NUL-terminated after `len` bytes whenever `data` is not NULL, so it can be read as
 * text. `limit` (0: none) bounds the length; going past it sets SHOAL_E_LIMIT and changes nothing.
 */
struct buf {
    uint8_t *data;
    size_t len, cap, limit;
    int error;
};

void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, forgets the error */
void buf_put(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->data, b->len};
}

static inline void put_u16be(uint8_t out[2], uint16_t v)
{
    out[0] = (uint8_t)(v >> 8);
    out[1] = (uint8_t)v;
}

static inline void put_u32be(uint8_t out[4], uint32_t v)
{
    put_u16be(out, (uint16_t)(v >> 16));
    put_u16be(out + 2, (uint16_t)v);
}

static inline void put_u64be(uint8_t out[8], uint64_t v)
{
    put_u32be(out, (uint32_t)(v >> 32));
    put_u32be(out + 4, (uint32_t)v);
}

static inline uint16_t get_u16be(const uint8_t in[2])
{
    return (uint16_t)((in[0] << 8) | in[1]);
}

static inline uint32_t get_u32be(const uint8_t in[4])
{
    return ((uint32_t)get_u16be(in) << 16) | get_u16be(in + 2);
}

static inline uint64_t get_u64be(const uint8_t in[8])
{
    return ((uint64_t)get_u32be(in) << 32) | get_u32be(in + 4);
}

#endif
