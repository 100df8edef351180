/* An arena: memory and clean-ups that live as long as one iteration.
 *
 * Everything allocated from it goes at once with arena_reset. A clean-up registered with
 * arena_defer runs at reset, last registered first, before the memory goes. Blocks are kept between
 * resets up to a small limit, so a warm arena allocates nothing but the requests of 2 KiB and more,
 * which stand alone. Not thread-safe: an arena belongs to one fiber of one lane. Running out of
 * memory aborts: an iteration cannot go on without.
 */
#ifndef SHOAL_CORE_UTIL_ARENA_H
#define SHOAL_CORE_UTIL_ARENA_H

#include <stddef.h>

#include "core/util/bytes.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);  /* runs the clean-ups; NULL is allowed */
void arena_reset(struct arena *a); /* runs the clean-ups, forgets the memory */

/* Aligned for any type, not cleared. Zero bytes give a valid pointer. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
void *arena_zalloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
void *arena_dup(struct arena *a, const void *data, size_t len); /* adds a NUL behind */
char *arena_strdup(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A growable buffer's content moved into the arena: takes over b->data, clears *b. */
struct slice arena_adopt(struct arena *a, struct buf *b);

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);

/* Bytes held now, for memory reports. */
size_t arena_bytes(const struct arena *a);

#endif
