#include "simulators/taler/standin_records.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/log.h"

#define SEGMENT_RECORDS 16384u
#define SLOTS_FIRST 1024u

static void *grown(void *old, size_t size)
{
    void *memory = realloc(old, size);
    if (!memory)
        die("no memory for the stand-in's books (%zu bytes)", size);
    return memory;
}

void records_free(struct records *r)
{
    for (uint32_t i = 0; i < r->segment_room; i++)
        free(r->segments[i]);
    free(r->segments);
    free(r->slots);
    *r = (struct records){.record_size = r->record_size, .key_size = r->key_size};
}

void *records_at(const struct records *r, uint32_t index)
{
    assert(index < r->count);
    return r->segments[index / SEGMENT_RECORDS] + (index % SEGMENT_RECORDS) * r->record_size;
}

uint32_t records_run(uint32_t index, uint32_t count)
{
    uint32_t here = SEGMENT_RECORDS - index % SEGMENT_RECORDS;
    return here < count - index ? here : count - index;
}

static uint32_t slot_of(const struct records *r, const void *key)
{
    uint64_t word;
    memcpy(&word, key, sizeof word);
    word *= UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(word >> 32) & (r->slot_count - 1);
}

/* The slot that holds the key, or the free one where it belongs. */
static uint32_t probe(const struct records *r, const void *key)
{
    uint32_t slot = slot_of(r, key);
    while (r->slots[slot] && memcmp(records_at(r, r->slots[slot] - 1), key, r->key_size) != 0)
        slot = (slot + 1) & (r->slot_count - 1);
    return slot;
}

uint32_t records_find(const struct records *r, const void *key)
{
    assert(r->key_size >= sizeof(uint64_t));
    if (!r->slot_count)
        return RECORDS_NONE;
    uint32_t held = r->slots[probe(r, key)];
    return held ? held - 1 : RECORDS_NONE;
}

/* At most two thirds of the slots are taken, so probing stays short. */
static void grow_slots(struct records *r)
{
    if ((uint64_t)r->slot_count * 2 > (uint64_t)(r->count + 1) * 3)
        return;
    free(r->slots);
    r->slot_count = r->slot_count ? r->slot_count * 2 : SLOTS_FIRST;
    r->slots = calloc(r->slot_count, sizeof *r->slots);
    if (!r->slots)
        die("no memory for the stand-in's books (%u slots)", r->slot_count);
    for (uint32_t i = 0; i < r->count; i++)
        r->slots[probe(r, records_at(r, i))] = i + 1;
}

uint32_t records_add(struct records *r, const void *key)
{
    if (r->count == RECORDS_NONE - 1)
        die("the stand-in's books are full");
    uint32_t segment = r->count / SEGMENT_RECORDS;
    if (segment == r->segment_room) {
        r->segments = grown(r->segments, (segment + 1) * sizeof *r->segments);
        r->segments[segment] = grown(NULL, SEGMENT_RECORDS * r->record_size);
        r->segment_room++;
    }
    if (r->key_size)
        grow_slots(r);
    uint32_t index = r->count++;
    uint8_t *record = records_at(r, index);
    memset(record, 0, r->record_size);
    if (r->key_size) {
        memcpy(record, key, r->key_size);
        uint32_t slot = slot_of(r, key);
        while (r->slots[slot])
            slot = (slot + 1) & (r->slot_count - 1);
        r->slots[slot] = index + 1;
    }
    return index;
}

size_t records_bytes(const struct records *r)
{
    return (size_t)r->segment_room * SEGMENT_RECORDS * r->record_size +
           (size_t)r->slot_count * sizeof *r->slots;
}
