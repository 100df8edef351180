/* Stacks: one slab of equal slots, used from the bottom up, freed slots again first.
 *
 * A slot is one guard page and the stack above it. The slab is reserved address space; memory comes
 * as it is touched. One mapping holds all stacks, because Linux allows a process only some 65,000
 * and a guard page by mprotect splits it in two for every stack. Internal to core/fiber.
 */
#ifndef SHOAL_CORE_FIBER_STACKS_H
#define SHOAL_CORE_FIBER_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fiber/fiber.h"

struct stacks {
    uint8_t *base;          /* of slot 0; the page before it is ours too */
    size_t page, slot;      /* bytes */
    size_t max;             /* slots reserved */
    size_t writable;        /* slots whose pages may be touched */
    size_t fresh;           /* slots ever used */
    size_t guarded;         /* slots that were given a guard page; those behind have canaries */
    enum fiber_guard guard; /* of the slots to come */
    uint32_t *idle;         /* slots to use again, the last one first */
    size_t idle_count;
    size_t trimmed; /* idle[0 .. trimmed) hold no memory */
};

#define STACKS_NONE UINT32_MAX
#define STACKS_CANARY_SIZE 64 /* at the top of every slot, guarding the one above it */

bool stacks_open(struct stacks *s, size_t stack_size, size_t max, enum fiber_guard best);
void stacks_close(struct stacks *s);

uint32_t stacks_take(struct stacks *s); /* STACKS_NONE: all are in use, or memory is short */
void stacks_give(struct stacks *s, uint32_t slot);
size_t stacks_trim(struct stacks *s, size_t keep);

/* The stack of a slot: [stacks_low, stacks_high). */
static inline uint8_t *stacks_low(const struct stacks *s, uint32_t slot)
{
    return s->base + s->slot * slot + s->page;
}

static inline uint8_t *stacks_high(const struct stacks *s, uint32_t slot)
{
    return s->base + s->slot * (slot + (size_t)1) - STACKS_CANARY_SIZE;
}

/* True unless the slot has a canary and something was written over it. */
bool stacks_intact(const struct stacks *s, uint32_t slot);

#endif
