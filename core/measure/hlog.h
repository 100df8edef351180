/* HdrHistogram logs, version 2 of the encoding, as the HdrHistogram tools of any language read.
 *
 * One line: Tag=TAG,START,LENGTH,MAX,HISTOGRAM with times in seconds and MAX in milliseconds.
 * HISTOGRAM is base64 of a cookie, a length and a zlib stream; inside is a header of 40 bytes and
 * the counts from index 0 on, ZigZag LEB128, a run of n zeros as -n. Values are nanoseconds.
 *
 * A tag is made of parts joined by '/'; whatever tools cannot have in a tag (blank, comma, line
 * end) and '/' and '%' themselves are %XX in the parts.
 */
#ifndef SHOAL_CORE_MEASURE_HLOG_H
#define SHOAL_CORE_MEASURE_HLOG_H

#include <stdint.h>

#include "core/measure/histogram.h"
#include "core/util/bytes.h"

#define HLOG_TAG_MAX 640

struct hlog_writer; /* keeps its zlib state between lines */

struct hlog_writer *hlog_writer_new(void);
void hlog_writer_free(struct hlog_writer *w);

/* The lines before the first histogram. */
void hlog_header(struct buf *out, int64_t start_wall_us, const char *comment);

struct hlog_span {
    int64_t start_ns, length_ns; /* since the log's start */
};

/* One line. Nothing is written for an empty histogram. Errors are sticky in `out`. */
void hlog_line(struct hlog_writer *w, struct buf *out, const char *tag, struct hlog_span span,
               const struct histogram *h);
/* Only the base64 text. */
void hlog_encode(struct hlog_writer *w, struct buf *out, const struct histogram *h);

/* One encoded histogram added to `into`: SHOAL_E_CORRUPT when it is not one. Other lowest values
 * and digits than ours are read as well: all of a bucket goes where its lowest value belongs, as
 * other tools add a coarser histogram. `into` must be wide. */
int hlog_decode(struct slice base64, struct histogram *into);

/* One line of a log: 1 a histogram, 0 a comment, legend or empty line, SHOAL_E_CORRUPT else. */
struct hlog_entry {
    char tag[HLOG_TAG_MAX]; /* "" when there is none */
    struct hlog_span span;
    struct slice histogram; /* base64, inside the line */
};
int hlog_parse_line(struct slice line, struct hlog_entry *out);

/* "a b/c" -> "a%20b%2Fc", and back. Too long a part is cut. Return out. */
const char *hlog_escape(const char *part, char *out, size_t size);
const char *hlog_unescape(struct slice part, char *out, size_t size);

#endif
