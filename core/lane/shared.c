#include "core/lane/shared.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/lane/lane_parts.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

struct shared_value {
    atomic_size_t references;
    void *data;
    void (*destroy)(void *data);
};

/* A fiber that waits for another's fetch, perhaps on another lane. The wake travels as a post, so
 * this lives on the heap: the fiber may be gone (deadline, cancel) before the post arrives. */
struct shared_waiter {
    struct post_node node;
    struct lane *lane;
    struct fiber_wait *wait; /* NULL: the fiber is gone. Only its lane looks at this */
    struct shared_waiter *next, *before;
    bool queued;  /* in the slot's list: no wake is under way. Under the lock */
    bool arrived; /* the wake was under way and is here. Only its lane looks at this too */
};

/* The lock is held for a few instructions, never across a wait, a fetch or a destroy. */
struct shared {
    pthread_mutex_t lock;
    void (*destroy)(void *data);
    struct shared_value *current;
    int64_t expires_ns;
    uint64_t fetched; /* how many fetches succeeded */
    bool fetching;
    struct shared_waiter *first, *last;
};

/* --- waiters -------------------------------------------------------------------------------- */

static void unlink_waiter(struct shared *slot, struct shared_waiter *w)
{
    if (w->before)
        w->before->next = w->next;
    else
        slot->first = w->next;
    if (w->next)
        w->next->before = w->before;
    else
        slot->last = w->before;
    w->queued = false;
}

/* On the waiter's lane. */
static void on_wake(void *arg)
{
    struct shared_waiter *w = arg;

    w->arrived = true;
    if (w->wait)
        wait_wake(w->wait, 0); /* the fiber frees it, also if something else woke it before */
    else
        free(w);
}

/* Under the lock. The waiter is its lane's as soon as it is posted. */
static void wake_waiters(struct shared *slot, bool all)
{
    while (slot->first) {
        struct shared_waiter *w = slot->first;

        unlink_waiter(slot, w);
        w->node = (struct post_node){.fn = on_wake, .arg = w};
        lane_post_node(w->lane, &w->node);
        if (!all)
            return;
    }
}

/* Under the lock, which it gives up. 0: somebody's fetch ended, look again. */
static int wait_for_fetch(struct shared *slot, int64_t deadline_ns)
{
    struct shared_waiter *w = calloc(1, sizeof *w);
    struct fiber_wait wait;

    if (!w) {
        pthread_mutex_unlock(&slot->lock);
        return SHOAL_E_NOMEM;
    }
    wait_init(&wait);
    w->lane = lane_current();
    w->wait = &wait;
    w->queued = true;
    w->before = slot->last;
    if (slot->last)
        slot->last->next = w;
    else
        slot->first = w;
    slot->last = w;
    pthread_mutex_unlock(&slot->lock);

    int rc = wait_until(&wait, deadline_ns);

    if (rc == 0) {
        free(w);
        return 0;
    }
    /* Ended by deadline or cancel. A wake may be under way to us; it was meant for one who would
     * try himself, so it is passed on. */
    pthread_mutex_lock(&slot->lock);
    bool ours = w->queued || w->arrived;

    if (w->queued)
        unlink_waiter(slot, w);
    else if (!slot->fetching)
        wake_waiters(slot, false);
    pthread_mutex_unlock(&slot->lock);
    if (ours)
        free(w);
    else
        w->wait = NULL; /* what is under way frees it */
    return rc;
}

/* --- values --------------------------------------------------------------------------------- */

static struct shared_value *reference(struct shared_value *value)
{
    if (value)
        atomic_fetch_add_explicit(&value->references, 1, memory_order_relaxed);
    return value;
}

void shared_put(struct shared_value *value)
{
    if (!value)
        return;
    if (atomic_fetch_sub_explicit(&value->references, 1, memory_order_acq_rel) != 1)
        return;
    if (value->destroy)
        value->destroy(value->data);
    free(value);
}

void *shared_data(struct shared_value *value)
{
    return value->data;
}

/* Takes over data. NULL without memory. */
static struct shared_value *value_new(const struct shared *slot, void *data)
{
    struct shared_value *value = malloc(sizeof *value);

    if (!value) {
        if (slot->destroy)
            slot->destroy(data);
        return NULL;
    }
    atomic_init(&value->references, 1);
    value->data = data;
    value->destroy = slot->destroy;
    return value;
}

/* --- getting -------------------------------------------------------------------------------- */

/* This fiber fetches; `previous` is a reference of ours or NULL, and is used up. */
static int fetch_value(struct shared *slot, shared_fetch fetch, void *arg, int64_t deadline_ns,
                       struct shared_value *previous, struct shared_value **out)
{
    struct shared_value *value = NULL;
    struct shared_value *replaced = NULL;
    int64_t expires_ns = CLOCK_NEVER;
    void *data = NULL;
    int rc = fetch(arg, previous ? previous->data : NULL, deadline_ns, &data, &expires_ns);

    if (rc == 0) {
        value = previous && data == previous->data ? reference(previous) : value_new(slot, data);
        rc = value ? 0 : SHOAL_E_NOMEM;
    }
    pthread_mutex_lock(&slot->lock);
    slot->fetching = false;
    if (rc == 0) {
        replaced = slot->current;
        slot->current = reference(value);
        slot->expires_ns = expires_ns;
        slot->fetched++;
    }
    wake_waiters(slot, rc == 0);
    pthread_mutex_unlock(&slot->lock);
    shared_put(replaced);
    shared_put(previous);
    *out = value;
    return rc;
}

int shared_get(struct shared *slot, shared_fetch fetch, void *arg, int64_t deadline_ns,
               struct shared_value **out)
{
    uint64_t seen = UINT64_MAX;

    *out = NULL;
    for (;;) {
        int64_t now_ns = clock_ns();

        pthread_mutex_lock(&slot->lock);
        if (slot->current && (slot->expires_ns > now_ns || slot->fetched > seen)) {
            *out = reference(slot->current);
            pthread_mutex_unlock(&slot->lock);
            return 0;
        }
        if (!slot->fetching) {
            struct shared_value *previous = reference(slot->current);

            slot->fetching = true;
            pthread_mutex_unlock(&slot->lock);
            return fetch_value(slot, fetch, arg, deadline_ns, previous, out);
        }
        if (seen == UINT64_MAX)
            seen = slot->fetched;

        int rc = wait_for_fetch(slot, deadline_ns);

        if (rc != 0)
            return rc;
    }
}

void shared_expire(struct shared *slot, const struct shared_value *seen)
{
    pthread_mutex_lock(&slot->lock);
    if (slot->current == seen)
        slot->expires_ns = INT64_MIN;
    pthread_mutex_unlock(&slot->lock);
}

/* --- life ----------------------------------------------------------------------------------- */

struct shared *shared_new(void (*destroy)(void *data))
{
    struct shared *slot = calloc(1, sizeof *slot);

    if (!slot)
        die("no memory for a shared slot");
    pthread_mutex_init(&slot->lock, NULL);
    slot->destroy = destroy;
    return slot;
}

void shared_free(struct shared *slot)
{
    if (!slot)
        return;
    assert(!slot->fetching && !slot->first);
    shared_put(slot->current);
    pthread_mutex_destroy(&slot->lock);
    free(slot);
}
