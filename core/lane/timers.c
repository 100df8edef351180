#include "core/lane/timers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/log.h"

#define ROOT 3u
#define ALIGN 64u
#define CAPACITY_MIN 64u
#define PLACE_OF(i) ((uint32_t)((i) - (ROOT - 1)))

static inline size_t parent_of(size_t i)
{
    return i / 4 + 2;
}

static inline size_t child_of(size_t i)
{
    return 4 * i - 8;
}

static inline void put(struct timers *t, size_t i, struct timer_entry entry)
{
    t->entries[i] = entry;
    entry.timer->place = PLACE_OF(i);
}

static void up(struct timers *t, size_t i, struct timer_entry entry)
{
    while (i > ROOT && entry.key_ns < t->entries[parent_of(i)].key_ns) {
        put(t, i, t->entries[parent_of(i)]);
        i = parent_of(i);
    }
    put(t, i, entry);
}

static void down(struct timers *t, size_t i, struct timer_entry entry)
{
    size_t end = ROOT + t->count;

    for (size_t child = child_of(i); child < end; child = child_of(i)) {
        size_t last = child + 4 < end ? child + 4 : end;
        size_t least = child;

        for (size_t c = child + 1; c < last; c++)
            if (t->entries[c].key_ns < t->entries[least].key_ns)
                least = c;
        if (entry.key_ns <= t->entries[least].key_ns)
            break;
        put(t, i, t->entries[least]);
        i = least;
    }
    put(t, i, entry);
}

static void place(struct timers *t, size_t i, struct timer_entry entry)
{
    if (i > ROOT && entry.key_ns < t->entries[parent_of(i)].key_ns)
        up(t, i, entry);
    else
        down(t, i, entry);
}

static void grow(struct timers *t)
{
    size_t capacity = t->capacity ? t->capacity * 2 : CAPACITY_MIN;
    struct timer_entry *entries = NULL;

    if (capacity <= UINT32_MAX)
        entries = aligned_alloc(ALIGN, (capacity + 4) * sizeof *entries);
    if (!entries)
        die("no memory for %zu timers", capacity);
    if (t->count > 0)
        memcpy(entries + ROOT, t->entries + ROOT, t->count * sizeof *entries);
    free(t->entries);
    t->entries = entries;
    t->capacity = capacity;
}

void timers_set(struct timers *t, struct lane_timer *timer, int64_t key_ns)
{
    struct timer_entry entry = {key_ns, timer};

    if (timer->place != 0) {
        size_t i = timer->place + (size_t)(ROOT - 1);

        assert(i < ROOT + t->count && t->entries[i].timer == timer);
        place(t, i, entry);
        return;
    }
    if (t->count == t->capacity)
        grow(t);
    up(t, ROOT + t->count++, entry);
}

void timers_stop(struct timers *t, struct lane_timer *timer)
{
    if (timer->place == 0)
        return;
    size_t i = timer->place + (size_t)(ROOT - 1);

    assert(i < ROOT + t->count && t->entries[i].timer == timer);
    timer->place = 0;
    t->count--;
    if (i < ROOT + t->count)
        place(t, i, t->entries[ROOT + t->count]);
}

const struct timer_entry *timers_first(const struct timers *t)
{
    return t->count > 0 ? &t->entries[ROOT] : NULL;
}

void timers_free(struct timers *t)
{
    free(t->entries);
    memset(t, 0, sizeof *t);
}
