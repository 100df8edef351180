#include "core/measure/histogram.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/log.h"

#define HALF_BITS 10                                     /* an octave has 2^10 buckets */
#define EXACT_MASK ((INT64_C(1) << (HALF_BITS + 1)) - 1) /* values up to here have their own */
#define LINE 16                                          /* counts behind one bit of `touched` */

static_assert(HISTOGRAM_CHUNK == 1 << HALF_BITS, "a chunk is an octave");
static_assert(HISTOGRAM_CHUNK == 64 * LINE, "one word of bits for a chunk");
static_assert(HISTOGRAM_MAX_NS >> 42 == 0, "the highest value falls into the last chunk");

int histogram_index(int64_t ns)
{
    int octave = 63 - HALF_BITS - __builtin_clzll((uint64_t)(ns | EXACT_MASK));
    return (octave << HALF_BITS) + (int)(ns >> octave);
}

int64_t histogram_lowest(int index)
{
    int octave = (index >> HALF_BITS) - 1;
    if (octave < 0)
        return index;
    return (int64_t)((index & (HISTOGRAM_CHUNK - 1)) + HISTOGRAM_CHUNK) << octave;
}

static int64_t width(int index)
{
    int octave = (index >> HALF_BITS) - 1;
    return INT64_C(1) << (octave < 0 ? 0 : octave);
}

int64_t histogram_highest(int index)
{
    return histogram_lowest(index) + width(index) - 1;
}

void histogram_init(struct histogram *h, bool wide)
{
    memset(h, 0, sizeof *h);
    h->wide = wide;
    h->min_ns = INT64_MAX;
}

struct histogram *histogram_new(bool wide)
{
    struct histogram *h = malloc(sizeof *h);
    if (!h)
        die("out of memory for a histogram");
    histogram_init(h, wide);
    return h;
}

void histogram_free(struct histogram *h)
{
    for (int i = 0; i < HISTOGRAM_CHUNKS; i++)
        free(h->chunks[i]);
    histogram_init(h, h->wide);
}

void histogram_delete(struct histogram *h)
{
    if (!h)
        return;
    histogram_free(h);
    free(h);
}

static size_t count_size(const struct histogram *h)
{
    return h->wide ? sizeof(uint64_t) : sizeof(uint32_t);
}

/* Kept out of the record path, which meets it once per octave. */
static void __attribute__((noinline)) add_chunk(struct histogram *h, int chunk)
{
    h->chunks[chunk] = calloc(HISTOGRAM_CHUNK, count_size(h));
    if (!h->chunks[chunk])
        die("out of memory for a histogram");
}

static inline void add_at(struct histogram *h, int index, uint64_t times)
{
    int chunk = index >> HALF_BITS, at = index & (HISTOGRAM_CHUNK - 1);
    if (!h->chunks[chunk])
        add_chunk(h, chunk);
    h->touched[chunk] |= UINT64_C(1) << (at / LINE);
    if (h->wide) {
        ((uint64_t *)h->chunks[chunk])[at] += times;
    } else {
        uint32_t *count = (uint32_t *)h->chunks[chunk] + at;
        if (__builtin_add_overflow(*count, times, count))
            die("a histogram of one interval counted beyond 32 bits");
    }
}

static inline void record(struct histogram *h, int64_t ns, uint64_t times)
{
    if (ns < 0 || ns > HISTOGRAM_MAX_NS) {
        ns = ns < 0 ? 0 : HISTOGRAM_MAX_NS;
        h->clamped += times;
    }
    add_at(h, histogram_index(ns), times);
    h->count += times;
    h->sum_ns += (uint64_t)ns * times;
    if (ns < h->min_ns)
        h->min_ns = ns;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

void histogram_record(struct histogram *h, int64_t ns)
{
    record(h, ns, 1);
}

void histogram_record_many(struct histogram *h, int64_t ns, uint64_t times)
{
    if (times)
        record(h, ns, times);
}

void histogram_clear(struct histogram *h)
{
    if (h->count == 0)
        return;
    size_t line = LINE * count_size(h);
    for (int c = 0; c < HISTOGRAM_CHUNKS; c++) {
        for (uint64_t bits = h->touched[c]; bits; bits &= bits - 1)
            memset((uint8_t *)h->chunks[c] + line * (size_t)__builtin_ctzll(bits), 0, line);
        h->touched[c] = 0;
    }
    h->count = h->clamped = h->sum_ns = 0;
    h->min_ns = INT64_MAX;
    h->max_ns = 0;
}

/* The 16 counts behind one bit. The four widths apart let the compiler use vector adds. */
static void merge_line(struct histogram *into, const struct histogram *from, int chunk, size_t at)
{
    if (!from->wide) {
        const uint32_t *source = (const uint32_t *)from->chunks[chunk] + at;
        if (into->wide) {
            uint64_t *target = (uint64_t *)into->chunks[chunk] + at;
            for (int i = 0; i < LINE; i++)
                target[i] += source[i];
            return;
        }
        uint32_t *target = (uint32_t *)into->chunks[chunk] + at;
        uint32_t overflow = 0;
        for (int i = 0; i < LINE; i++) {
            target[i] += source[i];
            overflow |= target[i] < source[i];
        }
        if (overflow)
            die("a histogram of one interval counted beyond 32 bits");
        return;
    }
    const uint64_t *source = (const uint64_t *)from->chunks[chunk] + at;
    for (int i = 0; i < LINE; i++)
        if (source[i])
            add_at(into, (chunk << HALF_BITS) + (int)at + i, source[i]);
}

void histogram_merge_buckets(struct histogram *into, const struct histogram *from)
{
    for (int c = 0; c < HISTOGRAM_CHUNKS; c++) {
        if (!from->touched[c])
            continue;
        if (!into->chunks[c])
            add_chunk(into, c);
        for (uint64_t bits = from->touched[c]; bits; bits &= bits - 1)
            merge_line(into, from, c, LINE * (size_t)__builtin_ctzll(bits));
        into->touched[c] |= from->touched[c];
    }
}

void histogram_merge_exact(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    into->clamped += from->clamped;
    into->sum_ns += from->sum_ns;
    if (from->min_ns < into->min_ns)
        into->min_ns = from->min_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (from->count == 0)
        return;
    histogram_merge_buckets(into, from);
    histogram_merge_exact(into, from);
}

void histogram_take(struct histogram *into, struct histogram *from)
{
    if (from->count == 0)
        return;
    size_t size = LINE * count_size(from);
    for (int c = 0; c < HISTOGRAM_CHUNKS; c++) {
        if (!from->touched[c])
            continue;
        if (!into->chunks[c])
            add_chunk(into, c);
        into->touched[c] |= from->touched[c];
        for (uint64_t bits = from->touched[c]; bits; bits &= bits - 1) {
            size_t line = (size_t)__builtin_ctzll(bits);
            merge_line(into, from, c, LINE * line);
            memset((uint8_t *)from->chunks[c] + line * size, 0, size);
        }
        from->touched[c] = 0;
    }
    histogram_merge_exact(into, from);
    histogram_clear(from);
}

static uint64_t count_at(const struct histogram *h, int index)
{
    const void *chunk = h->chunks[index >> HALF_BITS];
    int at = index & (HISTOGRAM_CHUNK - 1);
    return h->wide ? ((const uint64_t *)chunk)[at] : ((const uint32_t *)chunk)[at];
}

bool histogram_next(const struct histogram *h, int *index, uint64_t *count)
{
    for (int i = *index + 1; i < HISTOGRAM_COUNTS;) {
        uint64_t bits = h->touched[i >> HALF_BITS] >> ((i & (HISTOGRAM_CHUNK - 1)) / LINE);
        if (bits == 0) { /* nothing more in this chunk */
            i = (i | (HISTOGRAM_CHUNK - 1)) + 1;
        } else if (!(bits & 1)) {
            i = (i / LINE + __builtin_ctzll(bits)) * LINE;
        } else if ((*count = count_at(h, i)) != 0) {
            *index = i;
            return true;
        } else {
            i++;
        }
    }
    return false;
}

static int64_t bounded(const struct histogram *h, int64_t ns)
{
    if (ns > h->max_ns)
        return h->max_ns;
    return ns < h->min_ns ? h->min_ns : ns;
}

void histogram_percentiles(const struct histogram *h, struct percentile *list, size_t count)
{
    int index = -1;
    uint64_t here, seen = 0;
    size_t i = 0;
    while (i < count && histogram_next(h, &index, &here)) {
        seen += here;
        for (; i < count; i++) {
            assert(list[i].percent >= 0 && list[i].percent <= 100);
            /* The rank is ceil(p n); what binary fractions add to a whole number is no reason to
             * go one further. */
            double rank = ceil(list[i].percent / 100 * (double)h->count - 1e-9);
            if ((double)seen < rank)
                break;
            list[i].ns = bounded(h, histogram_highest(index));
        }
    }
    for (; i < count; i++)
        list[i].ns = h->max_ns;
}

int64_t histogram_percentile(const struct histogram *h, double percent)
{
    struct percentile p = {.percent = percent};
    histogram_percentiles(h, &p, 1);
    return p.ns;
}

double histogram_mean(const struct histogram *h)
{
    return h->count ? (double)h->sum_ns / (double)h->count : 0;
}

double histogram_stddev(const struct histogram *h)
{
    if (h->count == 0)
        return 0;
    double mean = histogram_mean(h), squares = 0;
    uint64_t here;
    for (int index = -1; histogram_next(h, &index, &here);) {
        double middle = (double)histogram_lowest(index) + (double)(width(index) - 1) / 2;
        squares += (middle - mean) * (middle - mean) * (double)here;
    }
    return sqrt(squares / (double)h->count);
}

size_t histogram_bytes(const struct histogram *h)
{
    size_t bytes = sizeof *h;
    for (int i = 0; i < HISTOGRAM_CHUNKS; i++)
        if (h->chunks[i])
            bytes += HISTOGRAM_CHUNK * count_size(h);
    return bytes;
}
