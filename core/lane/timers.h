/* A 4-ary heap of (deadline, timer). Internal to core/lane.
 *
 * The four children of an entry share one cache line: the root is entry 3 of an aligned array, the
 * children of entry i are 4i-8 .. 4i-5. Equal deadlines fire in any order.
 */
#ifndef SHOAL_CORE_LANE_TIMERS_H
#define SHOAL_CORE_LANE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#include "core/lane/lane.h"

struct timer_entry {
    int64_t key_ns; /* here and not only in the timer: comparing touches no timer */
    struct lane_timer *timer;
};

struct timers {
    struct timer_entry *entries;
    size_t count, capacity;
};

void timers_free(struct timers *t);

/* Sets a timer that is or is not set. `key_ns` orders it; it dies without memory. */
void timers_set(struct timers *t, struct lane_timer *timer, int64_t key_ns);
void timers_stop(struct timers *t, struct lane_timer *timer); /* one that is not set: nothing */

/* NULL when none is set. */
const struct timer_entry *timers_first(const struct timers *t);

#endif
