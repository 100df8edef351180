/* A bounded table of different failures: counts and the first example of each.
 *
 * What makes two failures the same is (series, kind, code, status); the text is only an example. At
 * most FAILURE_KINDS_MAX are kept, further ones are counted per series under "other", so that the
 * counts of a series always add up to its failures and memory does not grow with them.
 */
#ifndef SHOAL_CORE_MEASURE_FAILURES_H
#define SHOAL_CORE_MEASURE_FAILURES_H

#include "core/measure/meter.h"

#define FAILURE_KIND_SIZE 48 /* bytes of a kind's text, NUL included */
#define FAILURE_SLOTS 1024   /* of the index; a power of two, at least twice FAILURE_KINDS_MAX */

struct failure_entry {
    unsigned series;
    int error;
    int status;
    int64_t code;
    uint64_t count;
    char kind[FAILURE_KIND_SIZE];
    char first[FAILURE_TEXT_MAX];
};

struct failure_table {
    struct failure_entry *entries; /* grows to FAILURE_KINDS_MAX */
    unsigned count, room;
    uint16_t slots[FAILURE_SLOTS]; /* entry + 1, 0: free */
    uint64_t other[SERIES_MAX];
    uint64_t others; /* sum of other[] */
};

void failures_free(struct failure_table *t);
void failures_clear(struct failure_table *t); /* keeps the memory */
void failures_add(struct failure_table *t, unsigned series, const struct failure *failure,
                  uint64_t count);
/* Error and first example of an entry that is there; false when there is none. */
bool failures_explain(struct failure_table *t, unsigned series, const struct failure *failure);
void failures_merge(struct failure_table *into, const struct failure_table *from);

#endif
