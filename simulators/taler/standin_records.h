/* Records of one size in a growing table, found by the key they begin with.
 *
 * A record's index never changes and its address stays valid for the table's life, since records
 * live in segments that are never moved. Nothing is ever removed: books forget nothing. Keys are
 * public keys and hashes, so their first bytes spread well enough. Running out of memory aborts,
 * as books that lose an entry are worse than no service.
 */
#ifndef SHOAL_SIMULATORS_TALER_STANDIN_RECORDS_H
#define SHOAL_SIMULATORS_TALER_STANDIN_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#define RECORDS_NONE UINT32_MAX

struct records {
    size_t record_size;
    size_t key_size; /* the first bytes of a record, at least 8; 0: not found by key */
    uint8_t **segments;
    uint32_t count, segment_room;
    uint32_t *slots; /* index + 1; 0 is free */
    uint32_t slot_count;
};

#define RECORDS_OF(type, key_bytes) \
    ((struct records){.record_size = sizeof(type), .key_size = (key_bytes)})

void records_free(struct records *r);

/* RECORDS_NONE when there is none. */
uint32_t records_find(const struct records *r, const void *key);

/* A zeroed record with its key set (`key` may be NULL without keys); the caller has seen that the
 * key is new. Returns its index. */
uint32_t records_add(struct records *r, const void *key);

void *records_at(const struct records *r, uint32_t index);

/* How many records lie behind one another from `index` on, for writing and reading them at once. */
uint32_t records_run(uint32_t index, uint32_t count);

size_t records_bytes(const struct records *r);

#endif
