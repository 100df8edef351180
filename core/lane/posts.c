#include "core/lane/posts.h"

#include <assert.h>
#include <stdlib.h>

bool posts_open(struct posts *q, size_t max)
{
    uint64_t capacity = 1;

    while (capacity < max)
        capacity *= 2;
    q->cells = calloc(capacity, sizeof *q->cells); /* touched as far as it is used */
    q->mask = capacity - 1;
    q->max = max;
    atomic_init(&q->tail, 0);
    atomic_init(&q->head, 0);
    atomic_init(&q->nodes, NULL);
    atomic_init(&q->refused, 0);
    return q->cells != NULL;
}

void posts_close(struct posts *q)
{
    assert(!q->cells || posts_empty(q));
    free(q->cells);
    q->cells = NULL;
}

bool posts_put(struct posts *q, lane_fn fn, void *arg)
{
    uint64_t position = atomic_load_explicit(&q->tail, memory_order_relaxed);

    /* A position is ours once the tail moved past it by our hand. The head never passes the tail,
     * so a stale tail can only make the difference too small, and then the exchange fails. */
    do {
        uint64_t head = atomic_load_explicit(&q->head, memory_order_acquire);

        if (position >= head && position - head >= q->max) {
            atomic_fetch_add_explicit(&q->refused, 1, memory_order_relaxed);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&q->tail, &position, position + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    struct post_cell *cell = &q->cells[position & q->mask];

    cell->fn = fn;
    cell->arg = arg;
    atomic_store_explicit(&cell->turn, position + 1, memory_order_release);
    return true;
}

void posts_put_node(struct posts *q, struct post_node *node)
{
    node->next = atomic_load_explicit(&q->nodes, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&q->nodes, &node->next, node,
                                                  memory_order_release, memory_order_relaxed))
        continue;
}

static void run_nodes(struct posts *q)
{
    struct post_node *newest = atomic_exchange_explicit(&q->nodes, NULL, memory_order_acquire);
    struct post_node *oldest = NULL;

    while (newest) {
        struct post_node *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct post_node *next = oldest->next; /* the function may free the node */

        oldest->fn(oldest->arg);
        oldest = next;
    }
}

void posts_run(struct posts *q, size_t limit)
{
    uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);

    run_nodes(q);
    for (; head < tail && limit > 0; limit--) {
        struct post_cell *cell = &q->cells[head & q->mask];

        /* Taken but not filled yet: its producer is between two instructions, and will wake us. */
        if (atomic_load_explicit(&cell->turn, memory_order_acquire) != head + 1)
            break;
        lane_fn fn = cell->fn;
        void *arg = cell->arg;

        head++;
        atomic_store_explicit(&q->head, head, memory_order_release);
        fn(arg);
    }
}

bool posts_empty(struct posts *q)
{
    return atomic_load_explicit(&q->head, memory_order_relaxed) ==
               atomic_load_explicit(&q->tail, memory_order_relaxed) &&
           atomic_load_explicit(&q->nodes, memory_order_relaxed) == NULL;
}
