/* What AddressSanitizer, ThreadSanitizer and valgrind are told about fibers. Without them all of
 * this is nothing (valgrind's note is a few instructions that do nothing outside it).
 * Internal to core/fiber. */
#ifndef SHOAL_CORE_FIBER_ANNOTATE_H
#define SHOAL_CORE_FIBER_ANNOTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#if __has_feature(thread_sanitizer) && !defined(__SANITIZE_THREAD__)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define SHOAL_HAVE_VALGRIND 1
#endif

/* A stack as the tools see it: a fiber's, or the thread's own while a fiber runs. */
struct annotation {
#ifdef __SANITIZE_ADDRESS__
    const void *low;
    size_t size;
    void *fake; /* AddressSanitizer's second stack, kept while this one is away */
#endif
#ifdef __SANITIZE_THREAD__
    void *fiber;
#endif
    unsigned valgrind;
};

/* ThreadSanitizer's side of a stack takes it a millisecond to make, so it is made once per slot. */
struct annotation_slots {
#ifdef __SANITIZE_THREAD__
    void **fibers;
    size_t count;
#endif
    bool open;
};

/* The functions around a jump must be part of their caller: ThreadSanitizer notes entry and return
 * of each function on the stack that is current then. */
#define ANNOTATE_INLINE static inline __attribute__((always_inline))

static inline bool annotate_pool_open(struct annotation_slots *slots, size_t count)
{
#ifdef __SANITIZE_THREAD__
    slots->fibers = calloc(count, sizeof *slots->fibers);
    slots->count = count;
    slots->open = slots->fibers != NULL;
#else
    slots->open = true;
#endif
    return slots->open;
}

static inline void annotate_pool_close(struct annotation_slots *slots)
{
#ifdef __SANITIZE_THREAD__
    for (size_t i = 0; i < slots->count && slots->fibers[i]; i++)
        __tsan_destroy_fiber(slots->fibers[i]);
    free(slots->fibers);
#endif
    slots->open = false;
}

static inline void annotate_open(struct annotation *a, struct annotation_slots *slots, size_t slot,
                                 void *low, void *high)
{
#ifdef __SANITIZE_ADDRESS__
    /* The frames of the stack's last user never returned, so their marks are still there. */
    a->low = low;
    a->size = (size_t)((char *)high - (char *)low);
    a->fake = NULL;
    __asan_unpoison_memory_region(low, a->size);
#endif
#ifdef __SANITIZE_THREAD__
    if (!slots->fibers[slot])
        slots->fibers[slot] = __tsan_create_fiber(0);
    a->fiber = slots->fibers[slot];
#endif
#ifdef SHOAL_HAVE_VALGRIND
    a->valgrind = (unsigned)VALGRIND_STACK_REGISTER(low, high);
#endif
}

static inline void annotate_close(struct annotation *a)
{
#ifdef SHOAL_HAVE_VALGRIND
    VALGRIND_STACK_DEREGISTER(a->valgrind);
#endif
}

/* The thread's own stack, before a fiber is resumed. */
ANNOTATE_INLINE void annotate_thread(struct annotation *own)
{
#ifdef __SANITIZE_THREAD__
    own->fiber = __tsan_get_current_fiber();
#endif
}

/* Directly before a jump. `from` is NULL when that stack is never returned to. */
ANNOTATE_INLINE void annotate_leave(struct annotation *from, struct annotation *to)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(from ? &from->fake : NULL, to->low, to->size);
#endif
#ifdef __SANITIZE_THREAD__
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
}

/* Directly after a jump came in on `self`; `from` learns its bounds if it is a thread's stack. */
ANNOTATE_INLINE void annotate_arrive(struct annotation *self, struct annotation *from)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(self->fake, from ? &from->low : NULL,
                                    from ? &from->size : NULL);
#endif
}

#endif
