#include "core/measure/failures.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/log.h"

#define FIRST_ROOM 16

static_assert((FAILURE_SLOTS & (FAILURE_SLOTS - 1)) == 0, "the index wraps by a mask");
static_assert(FAILURE_SLOTS >= 2 * FAILURE_KINDS_MAX, "a probe always ends at a free slot");

void failures_free(struct failure_table *t)
{
    free(t->entries);
    memset(t, 0, sizeof *t);
}

void failures_clear(struct failure_table *t)
{
    if (t->count == 0 && t->others == 0)
        return;
    t->count = 0;
    t->others = 0;
    memset(t->slots, 0, sizeof t->slots);
    memset(t->other, 0, sizeof t->other);
}

/* FNV-1a over the words of the key; the table is bounded, so nothing can be made slow with it. */
static uint32_t hash_of(unsigned series, const struct failure *failure)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    uint64_t words[] = {series, (uint64_t)failure->code, (uint64_t)(int64_t)failure->status};
    for (size_t i = 0; i < 3; i++)
        h = (h ^ words[i]) * UINT64_C(0x100000001b3);
    for (const char *p = failure->kind; *p && p < failure->kind + FAILURE_KIND_SIZE - 1; p++)
        h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    return (uint32_t)(h ^ (h >> 32));
}

static bool same(const struct failure_entry *e, unsigned series, const struct failure *failure)
{
    return e->series == series && e->code == failure->code && e->status == failure->status &&
           strncmp(e->kind, failure->kind, FAILURE_KIND_SIZE - 1) == 0;
}

static void grow(struct failure_table *t)
{
    unsigned room = t->room ? t->room * 2 : FIRST_ROOM;
    struct failure_entry *entries = realloc(t->entries, room * sizeof *entries);
    if (!entries)
        die("out of memory for the table of failures");
    t->entries = entries;
    t->room = room;
}

/* The entry, or NULL and the free slot where it would be found. */
static struct failure_entry *find(struct failure_table *t, unsigned series,
                                  const struct failure *failure, uint16_t **free_slot)
{
    for (uint32_t at = hash_of(series, failure);; at++) {
        uint16_t *slot = &t->slots[at & (FAILURE_SLOTS - 1)];
        if (*slot && !same(&t->entries[*slot - 1], series, failure))
            continue;
        *free_slot = slot;
        return *slot ? &t->entries[*slot - 1] : NULL;
    }
}

static void set_example(struct failure_entry *e, const struct failure *failure)
{
    e->error = failure->error;
    snprintf(e->first, sizeof e->first, "%.*s", FAILURE_TEXT_MAX - 1, failure->text);
}

bool failures_explain(struct failure_table *t, unsigned series, const struct failure *failure)
{
    uint16_t *slot;
    struct failure_entry *e = find(t, series, failure, &slot);
    if (e)
        set_example(e, failure);
    return e != NULL;
}

void failures_add(struct failure_table *t, unsigned series, const struct failure *failure,
                  uint64_t count)
{
    assert(series < SERIES_MAX);
    assert(failure->kind);
    uint16_t *slot;
    struct failure_entry *e = find(t, series, failure, &slot);
    if (e) {
        e->count += count;
        return;
    }
    if (t->count == FAILURE_KINDS_MAX) {
        t->other[series] += count;
        t->others += count;
        return;
    }
    if (t->count == t->room)
        grow(t);
    e = &t->entries[t->count++];
    *slot = (uint16_t)t->count;
    e->series = series;
    e->status = failure->status;
    e->code = failure->code;
    e->count = count;
    snprintf(e->kind, sizeof e->kind, "%s", failure->kind);
    set_example(e, failure);
}

void failures_merge(struct failure_table *into, const struct failure_table *from)
{
    for (unsigned i = 0; i < from->count; i++) {
        const struct failure_entry *e = &from->entries[i];
        struct failure failure = {
            .kind = e->kind, .error = e->error, .code = e->code, .status = e->status};
        memcpy(failure.text, e->first, sizeof failure.text);
        failures_add(into, e->series, &failure, e->count);
    }
    if (from->others == 0)
        return;
    for (unsigned s = 0; s < SERIES_MAX; s++)
        into->other[s] += from->other[s];
    into->others += from->others;
}
