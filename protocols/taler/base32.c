#include "protocols/taler/base32.h"

static const char alphabet[32] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#define BAD 255
/* What a character stands for; O is 0, I and L are 1, U is V. */
static const uint8_t value_of[128] = {
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, 0,   1,   2,   3,   4,   5,   6,   7,   8,
    9,   BAD, BAD, BAD, BAD, BAD, BAD, BAD, 10,  11,  12,  13,  14,  15,  16,  17,  1,   18,  19,
    1,   20,  21,  0,   22,  23,  24,  25,  26,  27,  27,  28,  29,  30,  31,  BAD, BAD, BAD, BAD,
    BAD, BAD, 10,  11,  12,  13,  14,  15,  16,  17,  1,   18,  19,  1,   20,  21,  0,   22,  23,
    24,  25,  26,  27,  27,  28,  29,  30,  31,  BAD, BAD, BAD, BAD, BAD};

#define GROUP_BYTES 5
#define GROUP_CHARS 8

static void encode_group(char out[GROUP_CHARS], const uint8_t in[GROUP_BYTES])
{
    uint64_t bits = (uint64_t)get_u32be(in) << 8 | in[4];
    for (int i = GROUP_CHARS - 1; i >= 0; i--) {
        out[i] = alphabet[bits & 31];
        bits >>= 5;
    }
}

static void encode(char *out, const uint8_t *in, size_t size)
{
    for (; size >= GROUP_BYTES; size -= GROUP_BYTES) {
        encode_group(out, in);
        in += GROUP_BYTES;
        out += GROUP_CHARS;
    }
    if (size > 0) {
        uint8_t last[GROUP_BYTES] = {0};
        char text[GROUP_CHARS];
        memcpy(last, in, size);
        encode_group(text, last);
        memcpy(out, text, TALER_B32_LEN(size));
    }
}

char *taler_b32_encode(char *out, size_t cap, const void *data, size_t size)
{
    assert(cap > TALER_B32_LEN(size));
    encode(out, data, size);
    out[TALER_B32_LEN(size)] = '\0';
    return out;
}

void taler_b32_put(struct buf *out, const void *data, size_t size)
{
    enum { CHUNK = 128 * GROUP_BYTES }; /* a whole number of groups, more than RSA-4096's 512 */
    char text[CHUNK / GROUP_BYTES * GROUP_CHARS];
    const uint8_t *p = data;
    while (size > 0) {
        size_t n = size < CHUNK ? size : CHUNK;
        encode(text, p, n);
        buf_put(out, text, TALER_B32_LEN(n));
        p += n;
        size -= n;
    }
}

/* 8 characters into 40 bits; the low bit of *bad is set for ever by a character that is none. */
static uint64_t decode_group(const uint8_t in[GROUP_CHARS], unsigned *bad)
{
    uint64_t bits = 0;
    for (int i = 0; i < GROUP_CHARS; i++) {
        uint8_t v = in[i] < 128 ? value_of[in[i]] : BAD;
        *bad |= v >> 7;
        bits = bits << 5 | (v & 31);
    }
    return bits;
}

int taler_b32_decode(void *out, size_t size, const char *text, size_t text_len)
{
    const uint8_t *in = (const uint8_t *)text;
    uint8_t *to = out;
    unsigned bad = 0;
    if (text_len != TALER_B32_LEN(size))
        return SHOAL_E_BAD_INPUT;
    for (; size >= GROUP_BYTES; size -= GROUP_BYTES) {
        uint64_t bits = decode_group(in, &bad);
        to[0] = (uint8_t)(bits >> 32);
        put_u32be(to + 1, (uint32_t)bits);
        in += GROUP_CHARS;
        to += GROUP_BYTES;
    }
    if (size > 0) {
        uint8_t last[GROUP_CHARS];
        memset(last, '0', sizeof(last));
        memcpy(last, in, TALER_B32_LEN(size));
        uint64_t bits = decode_group(last, &bad);
        for (size_t i = 0; i < size; i++)
            to[i] = (uint8_t)(bits >> (32 - 8 * i));
        if (bits & ((UINT64_C(1) << (40 - 8 * size)) - 1))
            bad = 1;
    }
    return bad ? SHOAL_E_BAD_INPUT : 0;
}
