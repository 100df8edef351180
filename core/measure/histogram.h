/* Histograms of durations: HDR layout, three significant digits, 1 ns to 1 h.
 *
 * The layout is HdrHistogram's for (lowest 1, highest 3.6e12, 3 digits): values below 2,048 ns have
 * their own bucket, above that every octave has 1,024, so a value read back is within 0.1 % of the
 * one recorded. Counts live in chunks of one octave, allocated when the first value falls there;
 * a bit per 16 counts says what was touched, so merging and clearing cost what was used.
 *
 * Merging adds counts: merged histograms equal one that recorded everything. count, sum, min and
 * max are exact. `wide` histograms count in 64 bits (totals), others in 32 (intervals of a lane).
 * One thread at a time. Running out of memory aborts.
 */
#ifndef SHOAL_CORE_MEASURE_HISTOGRAM_H
#define SHOAL_CORE_MEASURE_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_MAX_NS INT64_C(3600000000000)
#define HISTOGRAM_DIGITS 3
#define HISTOGRAM_CHUNKS 33
#define HISTOGRAM_CHUNK 1024 /* counts in one chunk */
#define HISTOGRAM_COUNTS (HISTOGRAM_CHUNKS * HISTOGRAM_CHUNK)

struct histogram {
    void *chunks[HISTOGRAM_CHUNKS];     /* uint32_t or uint64_t counts, NULL: not used yet */
    uint64_t touched[HISTOGRAM_CHUNKS]; /* bit i: one of the counts 16 i .. 16 i + 15 */
    uint64_t count;
    uint64_t clamped; /* values outside the range, recorded at its ends */
    uint64_t sum_ns;
    int64_t min_ns, max_ns; /* of nothing: INT64_MAX and 0 */
    bool wide;
};

void histogram_init(struct histogram *h, bool wide);
struct histogram *histogram_new(bool wide); /* free with histogram_delete */
void histogram_delete(struct histogram *h); /* NULL is allowed */
void histogram_free(struct histogram *h);   /* what it holds, not the struct */
void histogram_clear(struct histogram *h);  /* keeps the memory */

void histogram_record(struct histogram *h, int64_t ns);
void histogram_record_many(struct histogram *h, int64_t ns, uint64_t times);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* Merges and empties `from`, which goes through memory once instead of twice. */
void histogram_take(struct histogram *into, struct histogram *from);
/* The two halves of a merge, for what was read back from two files: buckets from a histogram log;
 * count, sum and extremes, exact, from a timeline. */
void histogram_merge_buckets(struct histogram *into, const struct histogram *from);
void histogram_merge_exact(struct histogram *into, const struct histogram *from);

/* Values at percentiles (0 to 100, ascending) in one pass; 0 for an empty histogram. A value is the
 * highest its bucket can hold, never above max. */
struct percentile {
    double percent;
    int64_t ns;
};
void histogram_percentiles(const struct histogram *h, struct percentile *list, size_t count);
int64_t histogram_percentile(const struct histogram *h, double percent);
double histogram_mean(const struct histogram *h);   /* exact */
double histogram_stddev(const struct histogram *h); /* of the buckets' middles */

/* The non-empty buckets in ascending order: start with *index = -1. */
bool histogram_next(const struct histogram *h, int *index, uint64_t *count);
int histogram_index(int64_t ns); /* of a value in range */
int64_t histogram_lowest(int index);
int64_t histogram_highest(int index);
size_t histogram_bytes(const struct histogram *h);

#endif
