#include "core/fiber/stacks.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13; newer than the C library's headers */
#endif

#define GROW_SLOTS 1024u
#define TRIM_MAX 1024u /* about a millisecond */
#define CANARY_WORD UINT64_C(0x5eaf15475eaf1547)
#define CANARY_WORDS (STACKS_CANARY_SIZE / sizeof(uint64_t))

/* The canary of a slot is the top of the slot below (of the page before the slab for slot 0): an
 * overflow meets it after one unused page, and that memory is touched anyway, so that a canary
 * does not cost a page of its own. */
static uint64_t *canary_of(const struct stacks *s, uint32_t slot)
{
    return (uint64_t *)(void *)(s->base + s->slot * slot - STACKS_CANARY_SIZE);
}

static void canary_write(const struct stacks *s, uint32_t slot)
{
    uint64_t *canary = canary_of(s, slot);

    for (size_t i = 0; i < CANARY_WORDS; i++)
        canary[i] = CANARY_WORD;
}

bool stacks_intact(const struct stacks *s, uint32_t slot)
{
    if (slot < s->guarded)
        return true;
    const uint64_t *canary = canary_of(s, slot);
    uint64_t differs = 0;

    for (size_t i = 0; i < CANARY_WORDS; i++)
        differs |= canary[i] ^ CANARY_WORD;
    return differs == 0;
}

static size_t map_count_max(void)
{
    char text[32] = "";
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 ? strtoul(text, NULL, 10) : 0;
}

static size_t map_count(void)
{
    static const size_t chunk = 64 * 1024;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    char *text = malloc(chunk);
    size_t lines = 0;
    ssize_t n;

    while (fd >= 0 && text && (n = read(fd, text, chunk)) > 0)
        for (ssize_t i = 0; i < n; i++)
            lines += text[i] == '\n';
    free(text);
    if (fd >= 0)
        close(fd);
    return lines;
}

/* Guards by mprotect cost two mappings a stack. A quarter of what the system allows stays free for
 * everything else, and for other lanes that count at the same moment. */
static bool mprotect_guards_fit(void)
{
    return map_count() + 2 * GROW_SLOTS <= map_count_max() / 4 * 3;
}

bool stacks_open(struct stacks *s, size_t stack_size, size_t max, enum fiber_guard best)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    memset(s, 0, sizeof *s);
    if (max >= STACKS_NONE || stack_size > SIZE_MAX / 2 / max - 2 * page)
        return false;
    s->page = page;
    s->slot = page + (stack_size + page - 1) / page * page;
    s->max = max;
    s->idle = malloc(max * sizeof *s->idle); /* touched as far as it is used */
    if (!s->idle)
        return false;

    uint8_t *slab = mmap(NULL, page + s->slot * max, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slab == MAP_FAILED)
        goto no_slab;
    s->base = slab + page;
    /* One huge page under a stack would cost 2 MiB where 4 KiB do. Not all kernels know the call,
     * and those that do not have no huge pages to keep away. */
    (void)madvise(slab, page + s->slot * max, MADV_NOHUGEPAGE);
    if (mprotect(slab, page, PROT_READ | PROT_WRITE) != 0)
        goto no_guard;
    /* Tried on the page before the slab, which otherwise only holds the first canary. */
    if (best == FIBER_GUARD_MADVISE && madvise(slab, page, MADV_GUARD_INSTALL) == 0)
        s->guard = FIBER_GUARD_MADVISE;
    else if (best <= FIBER_GUARD_MPROTECT && mprotect_guards_fit())
        s->guard = FIBER_GUARD_MPROTECT;
    else
        s->guard = FIBER_GUARD_CANARY;
    return true;

no_guard:
    munmap(slab, page + s->slot * max);
no_slab:
    free(s->idle);
    memset(s, 0, sizeof *s);
    return false;
}

void stacks_close(struct stacks *s)
{
    /* The page before the slab is gone already with MADV_GUARD_INSTALL; unmapping nothing is fine.
     */
    if (s->base)
        munmap(s->base - s->page, s->page + s->slot * s->max);
    free(s->idle);
    memset(s, 0, sizeof *s);
}

static bool grow(struct stacks *s)
{
    size_t more = s->max - s->writable < GROW_SLOTS ? s->max - s->writable : GROW_SLOTS;

    if (more == 0)
        return false;
    if (mprotect(s->base + s->slot * s->writable, s->slot * more, PROT_READ | PROT_WRITE) != 0)
        return false;
    s->writable += more;
    if (s->guard == FIBER_GUARD_MPROTECT && !mprotect_guards_fit())
        s->guard = FIBER_GUARD_CANARY;
    return true;
}

static bool install_guard(struct stacks *s, uint32_t slot)
{
    uint8_t *guard = s->base + s->slot * slot;

    switch (s->guard) {
    case FIBER_GUARD_MADVISE:
        return madvise(guard, s->page, MADV_GUARD_INSTALL) == 0;
    case FIBER_GUARD_MPROTECT:
        return mprotect(guard, s->page, PROT_NONE) == 0;
    case FIBER_GUARD_CANARY:
        break;
    }
    return false;
}

uint32_t stacks_take(struct stacks *s)
{
    if (s->idle_count > 0) {
        uint32_t slot = s->idle[--s->idle_count];

        if (s->trimmed > s->idle_count)
            s->trimmed = s->idle_count;
        return slot;
    }
    if (s->fresh == s->writable && !grow(s))
        return STACKS_NONE;

    uint32_t slot = (uint32_t)s->fresh;

    if (s->guard != FIBER_GUARD_CANARY && install_guard(s, slot)) {
        s->guarded = slot + (size_t)1;
    } else if (s->guard == FIBER_GUARD_MADVISE) {
        return STACKS_NONE; /* only memory can be missing here */
    } else {
        s->guard = FIBER_GUARD_CANARY;
        canary_write(s, slot);
    }
    s->fresh++;
    return slot;
}

void stacks_give(struct stacks *s, uint32_t slot)
{
    assert(s->idle_count < s->fresh);
    s->idle[s->idle_count++] = slot;
}

size_t stacks_trim(struct stacks *s, size_t keep)
{
    size_t end = s->idle_count > keep ? s->idle_count - keep : 0;
    size_t from = s->trimmed;

    if (end > from + TRIM_MAX)
        end = from + TRIM_MAX;
    while (s->trimmed < end) {
        uint32_t slot = s->idle[s->trimmed++];
        /* With canaries the top page stays: it holds the neighbour's. */
        size_t top = s->guarded == s->fresh ? 0 : s->page;
        uint8_t *low = stacks_low(s, slot);
        size_t size = s->slot - s->page - top;

        if (size > 0)
            (void)madvise(low, size, MADV_DONTNEED);
    }
    return s->trimmed - from;
}
