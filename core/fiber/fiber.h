/* Stackful coroutines: a flow is straight-line C on a stack of its own.
 *
 * This module knows stacks and switches only; who runs when is core/lane. A fiber belongs to the
 * thread whose pool it came from and never leaves it (errno, OpenSSL's error queue and LMDB's
 * reader slots are per thread). Stacks belong to running fibers: when the function returns, the
 * stack goes back to the pool.
 *
 * Switches are Boost.Context's make_fcontext/jump_fcontext (C symbols of the static library).
 * AddressSanitizer, ThreadSanitizer and valgrind are told of every switch.
 */
#ifndef SHOAL_CORE_FIBER_FIBER_H
#define SHOAL_CORE_FIBER_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fiber;
struct fiber_pool;

/* How overflow of a stack is caught, best first; which one is used is said at start. */
#define FIBER_GUARDS(X)                                      \
    X(MADVISE, "guard pages by madvise(MADV_GUARD_INSTALL)") \
    X(MPROTECT, "guard pages by mprotect")                   \
    X(CANARY, "a canary checked at each switch")

enum fiber_guard {
#define FIBER_GUARD_ENUM(id, text) FIBER_GUARD_##id,
    FIBER_GUARDS(FIBER_GUARD_ENUM)
#undef FIBER_GUARD_ENUM
};

struct fiber_pool_options {
    size_t stack_size; /* usable bytes of a stack, rounded up to pages; 0: FIBER_STACK_DEFAULT */
    size_t stacks_max; /* 0: FIBER_STACKS_MAX; address space, not memory, is reserved for them */
    size_t task_size;  /* bytes of the scheduler's own beside each fiber, zeroed; see fiber_user */
    enum fiber_guard guard; /* the best one to try; the ones after it are fallbacks */
};

#define FIBER_STACK_DEFAULT (60 * 1024)
#define FIBER_STACKS_MAX (256 * 1024)

/* NULL when the address space cannot be had. */
struct fiber_pool *fiber_pool_new(const struct fiber_pool_options *options);
void fiber_pool_free(struct fiber_pool *pool); /* asserts that no fiber is left */
enum fiber_guard fiber_pool_guard(const struct fiber_pool *pool);
size_t fiber_pool_running(const struct fiber_pool *pool);

/* Gives the memory of idle stacks back to the system, all but the `keep` used last; at most a
 * bounded number at a call. Returns how many it released. */
size_t fiber_pool_trim(struct fiber_pool *pool, size_t keep);
const char *fiber_guard_text(enum fiber_guard guard);

typedef void (*fiber_fn)(void *arg);

/* A fiber that has not run yet. NULL when stacks_max fibers exist or memory is short. */
struct fiber *fiber_new(struct fiber_pool *pool, fiber_fn fn, void *arg);

/* From the lane's stack: run `f` until it parks or ends; true when it ended (it is then gone). */
bool fiber_resume(struct fiber *f);

/* From inside a fiber: give control back to fiber_resume's caller. */
void fiber_park(void);

/* The fiber that runs now on this thread; NULL on the lane's own stack, so in fiber_deep too. */
struct fiber *fiber_current(void);

/* Run fn(arg) on the lane's own (large) stack and come back; it must not park. Called outside a
 * fiber it simply calls. For libcurl, OpenSSL, GMP, JSON and printf of floats. Costs about 8 ns. */
void fiber_deep(fiber_fn fn, void *arg);

/* The scheduler's word of a fiber. With task_size it starts as the address of those bytes, which
 * live as long as the fiber; else as NULL. */
void fiber_set_user(struct fiber *f, void *user);
void *fiber_user(const struct fiber *f);

#endif
