/* What other threads hand to a lane: a bounded queue without locks, many producers and one consumer
 * (a ring whose cells carry their turn, after Dmitry Vyukov), and beside it a chain of nodes that
 * their owners provide, which cannot be full. Internal to core/lane.
 */
#ifndef SHOAL_CORE_LANE_POSTS_H
#define SHOAL_CORE_LANE_POSTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/lane/lane.h"

struct post_cell {
    _Atomic uint64_t turn; /* position + 1 once filled for it; less before */
    lane_fn fn;
    void *arg;
};

struct post_node {
    struct post_node *next;
    lane_fn fn;
    void *arg;
};

struct posts {
    struct post_cell *cells;
    uint64_t mask, max;
    _Alignas(64) _Atomic uint64_t tail; /* producers */
    _Atomic(struct post_node *) nodes;  /* the newest first */
    _Atomic uint64_t refused;
    _Alignas(64) _Atomic uint64_t head; /* the consumer */
};

bool posts_open(struct posts *q, size_t max);
void posts_close(struct posts *q);

bool posts_put(struct posts *q, lane_fn fn, void *arg);       /* [any thread] false: full */
void posts_put_node(struct posts *q, struct post_node *node); /* [any thread] */

/* For the consumer. Runs what was there at the call, at most `limit` of the bounded ones. */
void posts_run(struct posts *q, size_t limit);
bool posts_empty(struct posts *q);

#endif
