#include "core/fiber/fiber.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/fiber/annotate.h"
#include "core/fiber/stacks.h"
#include "core/util/log.h"

/* Boost.Context's C symbols; its own header is C++. */
typedef void *fcontext_t;
struct transfer {
    fcontext_t from; /* where to jump to come back */
    void *data;
};
extern struct transfer jump_fcontext(fcontext_t to, void *data);
extern fcontext_t make_fcontext(void *stack_top, size_t size, void (*fn)(struct transfer));

struct fiber_pool {
    struct stacks stacks;
    struct annotation_slots notes;
    size_t running;
    size_t task_size;
};

/* Lies at the top of its own stack, on the page that the first call touches anyway. */
struct fiber {
    fcontext_t context; /* where it goes on */
    struct fiber_pool *pool;
    fiber_fn fn;
    void *arg;
    void *user;
    uint32_t slot;
    bool ended;
    struct annotation note;
};

/* What a fiber asks of the lane's stack while it waits there. */
struct deep_call {
    fiber_fn fn;
    void *arg;
};

/* A switch belongs to a thread, and fiber_current has no argument to find it by. */
struct fiber_thread {
    struct fiber *current;
    fcontext_t lane; /* inside a fiber: the way back to fiber_resume */
    struct annotation note;
};
static _Thread_local struct fiber_thread this_thread;

#define STACK_ALIGN 64u
#define STACK_SIZE_MIN (8u * 1024)

/* Stacks begin at different places of their top page. If all began at the same, their hot lines
 * would share a few sets of the first cache: with 1,000 fibers a switch took twice as long. */
#define COLOURS 8u
#define COLOUR_SIZE 128u

static const char *const guard_texts[] = {
#define FIBER_GUARD_TEXT(id, text) [FIBER_GUARD_##id] = (text),
    FIBER_GUARDS(FIBER_GUARD_TEXT)
#undef FIBER_GUARD_TEXT
};

/* --- switching ---------------------------------------------------------------------------- */

/* Leave the running fiber for the lane's stack; returns when the fiber is resumed. */
static inline void to_lane(struct fiber *f, void *data)
{
    struct fiber_thread *t = &this_thread;

    annotate_leave(&f->note, &t->note);
    struct transfer back = jump_fcontext(t->lane, data);
    annotate_arrive(&f->note, &t->note);
    t->lane = back.from;
}

/* It never returns, so ThreadSanitizer must not note that it was entered. */
__attribute__((no_sanitize_thread)) static void fiber_main(struct transfer first)
{
    struct fiber_thread *t = &this_thread;
    struct fiber *f = first.data;

    annotate_arrive(&f->note, &t->note);
    t->lane = first.from;
    f->fn(f->arg);
    f->ended = true;
    annotate_leave(NULL, &t->note);
    jump_fcontext(t->lane, NULL);
    die("a fiber that ended was resumed");
}

static void fiber_end(struct fiber *f)
{
    struct fiber_pool *pool = f->pool;

    annotate_close(&f->note);
    pool->running--;
    stacks_give(&pool->stacks, f->slot);
}

bool fiber_resume(struct fiber *f)
{
    struct fiber_thread *t = &this_thread;

    assert(t->current == NULL);
    annotate_thread(&t->note);
    for (;;) {
        t->current = f;
        annotate_leave(&t->note, &f->note);
        struct transfer back = jump_fcontext(f->context, f);
        annotate_arrive(&t->note, NULL);
        t->current = NULL;
        f->context = back.from;
        if (!stacks_intact(&f->pool->stacks, f->slot))
            die("a fiber's stack overflowed (%zu bytes)", f->pool->stacks.slot);
        if (!back.data)
            break;
        const struct deep_call *call = back.data;

        call->fn(call->arg);
    }
    if (!f->ended)
        return false;
    fiber_end(f);
    return true;
}

void fiber_park(void)
{
    struct fiber *f = this_thread.current;

    if (!f)
        die("a wait outside a fiber, or inside fiber_deep");
    to_lane(f, NULL);
}

void fiber_deep(fiber_fn fn, void *arg)
{
    struct fiber *f = this_thread.current;
    struct deep_call call = {fn, arg};

    if (f)
        to_lane(f, &call);
    else
        fn(arg);
}

struct fiber *fiber_current(void)
{
    return this_thread.current;
}

/* --- fibers and their pool ------------------------------------------------------------------ */

struct fiber *fiber_new(struct fiber_pool *pool, fiber_fn fn, void *arg)
{
    uint32_t slot = stacks_take(&pool->stacks);

    if (slot == STACKS_NONE)
        return NULL;

    uint8_t *low = stacks_low(&pool->stacks, slot);
    uint8_t *high = stacks_high(&pool->stacks, slot) - slot % COLOURS * COLOUR_SIZE;
    uint8_t *task = high - (pool->task_size + STACK_ALIGN - 1) / STACK_ALIGN * STACK_ALIGN;
    uint8_t *self = task - (sizeof(struct fiber) + STACK_ALIGN - 1) / STACK_ALIGN * STACK_ALIGN;
    struct fiber *f = (struct fiber *)(void *)self;
    struct annotation note = {0};

    annotate_open(&note, &pool->notes, slot, low, high);
    memset(task, 0, pool->task_size);
    *f = (struct fiber){.pool = pool,
                        .fn = fn,
                        .arg = arg,
                        .user = pool->task_size ? task : NULL,
                        .slot = slot,
                        .note = note};
    f->context = make_fcontext(self, (size_t)(self - low), fiber_main);
    pool->running++;
    return f;
}

struct fiber_pool *fiber_pool_new(const struct fiber_pool_options *options)
{
    size_t stack_size = options && options->stack_size ? options->stack_size : FIBER_STACK_DEFAULT;
    size_t max = options && options->stacks_max ? options->stacks_max : FIBER_STACKS_MAX;
    struct fiber_pool *pool = calloc(1, sizeof *pool);

    if (!pool)
        return NULL;
    pool->task_size = options ? options->task_size : 0;
    if (stack_size < STACK_SIZE_MIN + pool->task_size)
        stack_size = STACK_SIZE_MIN + pool->task_size;
    if (!stacks_open(&pool->stacks, stack_size, max,
                     options ? options->guard : FIBER_GUARD_MADVISE))
        goto no_stacks;
    if (!annotate_pool_open(&pool->notes, max))
        goto no_notes;
    return pool;

no_notes:
    stacks_close(&pool->stacks);
no_stacks:
    free(pool);
    return NULL;
}

void fiber_pool_free(struct fiber_pool *pool)
{
    if (!pool)
        return;
    assert(pool->running == 0);
    stacks_close(&pool->stacks);
    annotate_pool_close(&pool->notes);
    free(pool);
}

enum fiber_guard fiber_pool_guard(const struct fiber_pool *pool)
{
    return pool->stacks.guard;
}

size_t fiber_pool_running(const struct fiber_pool *pool)
{
    return pool->running;
}

size_t fiber_pool_trim(struct fiber_pool *pool, size_t keep)
{
    return stacks_trim(&pool->stacks, keep);
}

const char *fiber_guard_text(enum fiber_guard guard)
{
    return guard_texts[guard];
}

void fiber_set_user(struct fiber *f, void *user)
{
    f->user = user;
}

void *fiber_user(const struct fiber *f)
{
    return f->user;
}
