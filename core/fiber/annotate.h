/* What AddressSanitizer, ThreadSanitizer and valgrind are told about fibers. Without them all of
 * this is nothing (valgrind's note is a few instructions that do nothing outside it).
 * Internal to core/fiber. */
#ifndef SHOAL_CORE_FIBER_ANNOTATE_H
#define SHOAL_CORE_FIBER_ANNOTATE_H

#include <stddef.h>

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

static inline void annotate_open(struct annotation *a, void *low, void *high)
{
#ifdef __SANITIZE_ADDRESS__
    /* The frames of the stack's last user never returned, so their marks are still there. */
    a->low = low;
    a->size = (size_t)((char *)high - (char *)low);
    a->fake = NULL;
    __asan_unpoison_memory_region(low, a->size);
#endif
#ifdef __SANITIZE_THREAD__
    a->fiber = __tsan_create_fiber(0);
#endif
#ifdef SHOAL_HAVE_VALGRIND
    a->valgrind = (unsigned)VALGRIND_STACK_REGISTER(low, high);
#endif
}

static inline void annotate_close(struct annotation *a)
{
#ifdef __SANITIZE_THREAD__
    __tsan_destroy_fiber(a->fiber);
#endif
#ifdef SHOAL_HAVE_VALGRIND
    VALGRIND_STACK_DEREGISTER(a->valgrind);
#endif
}

/* The thread's own stack, before a fiber is resumed. */
static inline void annotate_thread(struct annotation *own)
{
#ifdef __SANITIZE_THREAD__
    own->fiber = __tsan_get_current_fiber();
#endif
}

/* Directly before a jump. `from` is NULL when that stack is never returned to. */
static inline void annotate_leave(struct annotation *from, struct annotation *to)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(from ? &from->fake : NULL, to->low, to->size);
#endif
#ifdef __SANITIZE_THREAD__
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
}

/* Directly after a jump came in on `self`; `from` learns its bounds if it is a thread's stack. */
static inline void annotate_arrive(struct annotation *self, struct annotation *from)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(self->fake, from ? &from->low : NULL,
                                    from ? &from->size : NULL);
#endif
}

#endif
