#include "core/util/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/util/log.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
/* Not inlined: gcc takes it for a reader of memory that has just come from malloc. */
static __attribute__((noinline)) void poison(void *p, size_t n)
{
    __asan_poison_memory_region(p, n);
}
#define POISON(p, n) poison((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define ARENA_BLOCK ((size_t)4096)      /* thousands of arenas each waste half of one */
#define ARENA_LARGE ((size_t)2048)      /* a request of so much has a block of its own */
#define ARENA_KEEP_MAX ((size_t)131072) /* bytes of blocks that survive a reset */
#define ARENA_ALIGN alignof(max_align_t)

_Static_assert(ARENA_LARGE <= ARENA_BLOCK, "what is not large fits every block");

struct block {
    struct block *next;
    size_t size; /* of the memory behind this header */
    alignas(max_align_t) uint8_t memory[];
};

struct cleanup {
    struct cleanup *next;
    void (*fn)(void *arg);
    void *arg;
};

/* Blocks from `blocks` to `current` (in list order) are in use; those behind `current` are kept
 * from an earlier life and are filled next. */
struct arena {
    struct block *blocks;
    struct block *current;
    size_t used;         /* of current */
    struct block *large; /* each holds one request; they go at a reset */
    struct cleanup *cleanups;
    size_t bytes;
};

struct arena *arena_new(void)
{
    struct arena *a = calloc(1, sizeof *a);
    if (!a)
        die("arena: no memory");
    return a;
}

static void free_blocks(struct arena *a, struct block *block)
{
    while (block) {
        struct block *next = block->next;
        a->bytes -= sizeof *block + block->size;
        UNPOISON(block->memory, block->size);
        free(block);
        block = next;
    }
}

/* A clean-up may register another one or allocate: both are fine until the list is empty. */
static void run_cleanups(struct arena *a)
{
    while (a->cleanups) {
        struct cleanup *c = a->cleanups;
        a->cleanups = c->next;
        c->fn(c->arg);
    }
}

void arena_reset(struct arena *a)
{
    run_cleanups(a);
    struct block **link = &a->blocks;
    size_t kept = 0;
    while (*link && kept + (*link)->size <= ARENA_KEEP_MAX) {
        kept += (*link)->size;
        POISON((*link)->memory, (*link)->size);
        link = &(*link)->next;
    }
    struct block *surplus = *link;
    *link = NULL;
    free_blocks(a, surplus);
    free_blocks(a, a->large);
    a->large = NULL;
    a->current = NULL;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    run_cleanups(a);
    free_blocks(a, a->blocks);
    free_blocks(a, a->large);
    free(a);
}

static void add_block(struct arena *a, struct block **link, size_t size)
{
    struct block *block = malloc(sizeof *block + size);
    if (!block)
        die("arena: no memory for %zu bytes", size);
    block->size = size;
    block->next = *link;
    *link = block;
    a->bytes += sizeof *block + size;
    POISON(block->memory, size);
}

/* Every block has room for what is not large. */
static void next_block(struct arena *a)
{
    struct block **link = a->current ? &a->current->next : &a->blocks;
    if (!*link)
        add_block(a, link, ARENA_BLOCK);
    a->current = *link;
    a->used = 0;
}

/* Beside `current`, whose rest stays free for smaller ones. */
static uint8_t *alloc_large(struct arena *a, size_t size)
{
    add_block(a, &a->large, size);
    UNPOISON(a->large->memory, size);
    return a->large->memory;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        die("arena: a request of %zu bytes", size);
    size_t need = size ? (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN : ARENA_ALIGN;
    if (!a->current || a->current->size - a->used < need) {
        if (need >= ARENA_LARGE)
            return alloc_large(a, need);
        next_block(a);
    }
    uint8_t *p = a->current->memory + a->used;
    a->used += need;
    UNPOISON(p, size ? size : 1);
    return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

void *arena_dup(struct arena *a, const void *data, size_t len)
{
    uint8_t *p = arena_alloc(a, len + 1);
    if (len)
        memcpy(p, data, len);
    p[len] = 0;
    return p;
}

char *arena_strdup(struct arena *a, const char *text)
{
    return arena_dup(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        die("arena: a format that cannot be printed");
    char *text = arena_alloc(a, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

struct slice arena_adopt(struct arena *a, struct buf *b)
{
    struct slice s = buf_slice(b);
    if (b->data)
        arena_defer(a, free, b->data);
    *b = (struct buf){.limit = b->limit};
    return s;
}

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
    assert(fn);
    struct cleanup *c = arena_alloc(a, sizeof *c);
    *c = (struct cleanup){a->cleanups, fn, arg};
    a->cleanups = c;
}

size_t arena_bytes(const struct arena *a)
{
    return sizeof *a + a->bytes;
}
