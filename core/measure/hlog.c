#include "core/measure/hlog.h"

#include <assert.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

#define COOKIE_COUNTS 0x1c849313u     /* V2 payload; the 1 says "counts of variable length" */
#define COOKIE_COMPRESSED 0x1c849314u /* V2 compressed; in base64 it begins with HISTFA */
#define COOKIE_MASK (~0xf0u)          /* what readers of any word size compare */
#define PREFIX_SIZE 8                 /* cookie and length before the zlib stream */
#define HEADER_SIZE 40
#define VARINT_MAX 9
#define RATIO_ONE UINT64_C(0x3ff0000000000000) /* the double 1.0 */

/* Bounds of what is read: far above what any HdrHistogram of 5 digits writes. */
#define BASE64_MAX (8u << 20)
#define PAYLOAD_MAX (16u << 20)

struct hlog_writer {
    z_stream zlib;
    struct buf payload, packed;
};

struct hlog_writer *hlog_writer_new(void)
{
    struct hlog_writer *w = calloc(1, sizeof *w);
    if (!w || deflateInit(&w->zlib, Z_DEFAULT_COMPRESSION) != Z_OK)
        die("out of memory for the histogram log");
    return w;
}

void hlog_writer_free(struct hlog_writer *w)
{
    if (!w)
        return;
    deflateEnd(&w->zlib);
    buf_free(&w->payload);
    buf_free(&w->packed);
    free(w);
}

/* --- encoding ----------------------------------------------------------------------------- */

/* LEB128 of the ZigZag form; a ninth byte carries eight bits, so 64 bits end there. */
static size_t put_varint(uint8_t out[VARINT_MAX], int64_t value)
{
    uint64_t v = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    size_t len = 0;
    while (v >= 0x80 && len < VARINT_MAX - 1) {
        out[len++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    out[len++] = (uint8_t)v;
    return len;
}

static void add_varint(struct buf *out, int64_t value)
{
    uint8_t bytes[VARINT_MAX];
    buf_put(out, bytes, put_varint(bytes, value));
}

/* A run of zeros longer than one is written as minus its length. */
static void add_zeros(struct buf *out, int zeros)
{
    if (zeros > 0)
        add_varint(out, zeros == 1 ? 0 : -(int64_t)zeros);
}

static void add_payload(struct buf *out, const struct histogram *h)
{
    uint8_t header[HEADER_SIZE] = {0};
    buf_clear(out);
    buf_put(out, header, sizeof header); /* its place; filled in below */
    uint64_t count;
    int index = -1, before = -1;
    for (; histogram_next(h, &index, &count); before = index) {
        add_zeros(out, index - before - 1);
        add_varint(out, (int64_t)count);
    }
    if (out->error)
        return;
    put_u32be(header, COOKIE_COUNTS);
    put_u32be(header + 4, (uint32_t)(out->len - HEADER_SIZE));
    put_u32be(header + 8, 0); /* normalizing index offset */
    put_u32be(header + 12, HISTOGRAM_DIGITS);
    put_u64be(header + 16, 1); /* lowest discernible value */
    put_u64be(header + 24, HISTOGRAM_MAX_NS);
    put_u64be(header + 32, RATIO_ONE);
    memcpy(out->data, header, sizeof header);
}

static void compress_payload(struct hlog_writer *w)
{
    uint8_t prefix[PREFIX_SIZE] = {0}, chunk[4096];
    buf_clear(&w->packed);
    buf_put(&w->packed, prefix, sizeof prefix);
    deflateReset(&w->zlib);
    w->zlib.next_in = w->payload.data;
    w->zlib.avail_in = (uInt)w->payload.len;
    int code;
    do {
        w->zlib.next_out = chunk;
        w->zlib.avail_out = sizeof chunk;
        code = deflate(&w->zlib, Z_FINISH);
        buf_put(&w->packed, chunk, sizeof chunk - w->zlib.avail_out);
    } while (code == Z_OK);
    assert(code == Z_STREAM_END);
    if (w->packed.error)
        return;
    put_u32be(prefix, COOKIE_COMPRESSED);
    put_u32be(prefix + 4, (uint32_t)(w->packed.len - PREFIX_SIZE));
    memcpy(w->packed.data, prefix, sizeof prefix);
}

void hlog_encode(struct hlog_writer *w, struct buf *out, const struct histogram *h)
{
    add_payload(&w->payload, h);
    if (w->payload.error) {
        out->error = w->payload.error;
        return;
    }
    compress_payload(w);
    if (w->packed.error) {
        out->error = w->packed.error;
        return;
    }
    size_t room = sodium_base64_encoded_len(w->packed.len, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);
    if (!text) {
        out->error = SHOAL_E_NOMEM;
        return;
    }
    sodium_bin2base64(text, room, w->packed.data, w->packed.len, sodium_base64_VARIANT_ORIGINAL);
    buf_str(out, text);
    free(text);
}

void hlog_header(struct buf *out, int64_t start_wall_us, const char *comment)
{
    char utc[UTC_TEXT_MAX];
    double start = (double)start_wall_us / 1e6;
    buf_printf(out, "#[%s]\n#[Histogram log format version 1.3]\n", comment);
    buf_printf(out, "#[BaseTime: %.3f (seconds since epoch)]\n", start);
    buf_printf(out, "#[StartTime: %.3f (seconds since epoch), %s]\n", start,
               utc_format(start_wall_us, utc));
    buf_str(out, "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
                 "\"Interval_Compressed_Histogram\"\n");
}

void hlog_line(struct hlog_writer *w, struct buf *out, const char *tag, struct hlog_span span,
               const struct histogram *h)
{
    if (h->count == 0)
        return;
    buf_printf(out, "Tag=%s,%.3f,%.3f,%.3f,", tag, (double)span.start_ns / NS_PER_S,
               (double)span.length_ns / NS_PER_S, (double)h->max_ns / NS_PER_MS);
    hlog_encode(w, out, h);
    buf_char(out, '\n');
}

/* --- decoding ----------------------------------------------------------------------------- */

static bool get_varint(struct slice *in, int64_t *value)
{
    uint64_t v = 0;
    for (size_t i = 0; i < VARINT_MAX && i < in->len; i++) {
        uint8_t byte = in->data[i];
        bool last = i == VARINT_MAX - 1;
        v |= (uint64_t)(last ? byte : byte & 0x7f) << (7 * i);
        if (last || !(byte & 0x80)) {
            *value = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
            in->data += i + 1;
            in->len -= i + 1;
            return true;
        }
    }
    return false;
}

/* What an index means in a histogram of these parameters. */
struct geometry {
    int unit;      /* log2 of the lowest value that is told apart from 0 */
    int half_bits; /* an octave has 2^half_bits buckets */
};

static bool read_geometry(const uint8_t header[HEADER_SIZE], struct geometry *g)
{
    uint32_t digits = get_u32be(header + 12);
    uint64_t lowest = get_u64be(header + 16);
    if ((get_u32be(header) & COOKIE_MASK) != (COOKIE_COUNTS & COOKIE_MASK))
        return false;
    if (get_u32be(header + 8) != 0 || digits > 5 || lowest == 0 || lowest > HISTOGRAM_MAX_NS)
        return false;
    g->unit = 63 - __builtin_clzll(lowest);
    int bits = 0;
    while ((1 << bits) < 2 * pow(10, digits))
        bits++;
    g->half_bits = bits > 1 ? bits - 1 : 0;
    return true;
}

/* false: above what 63 bits hold. */
static bool lowest_of(const struct geometry *g, int64_t index, int64_t *lowest)
{
    int64_t half = INT64_C(1) << g->half_bits;
    int64_t octave = (index >> g->half_bits) - 1;
    int64_t sub = (index & (half - 1)) + half;
    if (octave < 0) {
        sub -= half;
        octave = 0;
    }
    if (octave + g->unit + g->half_bits > 60)
        return false;
    *lowest = sub << (octave + g->unit);
    return true;
}

/* As other tools add a coarser histogram to a finer one: all counts go where the bucket's lowest
 * value belongs. The extremes are the far ends of our buckets, the sum is of their middles. */
static void add_bucket(struct histogram *h, int64_t value, uint64_t count)
{
    int index = histogram_index(value < HISTOGRAM_MAX_NS ? value : HISTOGRAM_MAX_NS);
    int64_t lowest = histogram_lowest(index), highest = histogram_highest(index);
    if (highest > HISTOGRAM_MAX_NS)
        highest = HISTOGRAM_MAX_NS;
    histogram_record_many(h, lowest + (highest - lowest) / 2, count);
    if (lowest < h->min_ns)
        h->min_ns = lowest;
    if (highest > h->max_ns)
        h->max_ns = highest;
}

static int add_counts(const struct geometry *g, struct slice counts, struct histogram *into)
{
    int64_t index = 0, value, lowest;
    while (counts.len > 0) {
        if (!get_varint(&counts, &value) || index > PAYLOAD_MAX)
            return SHOAL_E_CORRUPT;
        if (value <= 0) {
            if (value < -(int64_t)PAYLOAD_MAX)
                return SHOAL_E_CORRUPT;
            index += value == 0 ? 1 : -value;
            continue;
        }
        if (!lowest_of(g, index++, &lowest))
            return SHOAL_E_CORRUPT;
        add_bucket(into, lowest, (uint64_t)value);
    }
    return 0;
}

static int inflate_all(struct slice packed, struct buf *out)
{
    z_stream z = {0};
    uint8_t chunk[8192];
    if (inflateInit(&z) != Z_OK)
        return SHOAL_E_NOMEM;
    uint8_t *copy = malloc(packed.len ? packed.len : 1); /* zlib's input is not const */
    if (!copy) {
        inflateEnd(&z);
        return SHOAL_E_NOMEM;
    }
    memcpy(copy, packed.data, packed.len);
    z.next_in = copy;
    z.avail_in = (uInt)packed.len;
    out->limit = PAYLOAD_MAX;
    int code;
    do {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        code = inflate(&z, Z_NO_FLUSH);
        buf_put(out, chunk, sizeof chunk - z.avail_out);
    } while (code == Z_OK && !out->error && (z.avail_in > 0 || z.avail_out == 0));
    inflateEnd(&z);
    free(copy);
    return code == Z_STREAM_END && !out->error ? 0 : SHOAL_E_CORRUPT;
}

static int decode_packed(struct slice packed, struct histogram *into)
{
    if (packed.len < PREFIX_SIZE ||
        (get_u32be(packed.data) & COOKIE_MASK) != (COOKIE_COMPRESSED & COOKIE_MASK) ||
        get_u32be(packed.data + 4) != packed.len - PREFIX_SIZE)
        return SHOAL_E_CORRUPT;
    struct buf payload = {0};
    struct geometry g;
    int err = inflate_all(slice_of(packed.data + PREFIX_SIZE, packed.len - PREFIX_SIZE), &payload);
    /* The length in the header is not compared: old writers count the header in, newer ones do
     * not, and zlib's own checksum has covered every byte. */
    if (!err && (payload.len < HEADER_SIZE || !read_geometry(payload.data, &g)))
        err = SHOAL_E_CORRUPT;
    if (!err)
        err = add_counts(&g, slice_of(payload.data + HEADER_SIZE, payload.len - HEADER_SIZE), into);
    buf_free(&payload);
    return err;
}

int hlog_decode(struct slice base64, struct histogram *into)
{
    assert(into->wide);
    if (base64.len > BASE64_MAX)
        return SHOAL_E_CORRUPT;
    size_t len = 0, room = base64.len / 4 * 3 + 3;
    uint8_t *packed = malloc(room);
    if (!packed)
        return SHOAL_E_NOMEM;
    int err = SHOAL_E_CORRUPT;
    if (sodium_base642bin(packed, room, (const char *)base64.data, base64.len, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0)
        err = decode_packed(slice_of(packed, len), into);
    free(packed);
    return err;
}
