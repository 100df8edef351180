/* What a fleet shares: a key set, a discovery document, an access token.
 *
 * Fetched by one fiber of one lane while every other asker waits; immutable; reference-counted; a
 * new version replaces it on rotation, and an iteration keeps the version it began with.
 * Values may be used on any lane: the count is atomic and `destroy` runs on the lane that lets go
 * last.
 */
#ifndef SHOAL_CORE_LANE_SHARED_H
#define SHOAL_CORE_LANE_SHARED_H

#include <stdint.h>

struct shared;       /* the slot: one per thing, owned by the fleet */
struct shared_value; /* one version of it, behind a count */

struct shared *shared_new(void (*destroy)(void *data)); /* destroy may be NULL */
void shared_free(struct shared *slot); /* after all lanes have stopped; drops the last version */

/* Fetches a new version. `previous` is the version being replaced or NULL (for If-None-Match); to
 * keep it and only move its expiry, return it with a new *expires_ns. Runs in the asking fiber and
 * may wait. On failure nothing changes. */
typedef int (*shared_fetch)(void *arg, void *previous, int64_t deadline_ns, void **data,
                            int64_t *expires_ns);

/* A reference to a version that has not expired, fetching one when there is none. When fetching
 * fails, that error is returned to the fiber that fetched, and the waiters try themselves one after
 * another; an older version stays. A version fetched while a fiber waits is good for it even if it
 * has expired by then. In a fiber; outside one, only when no fetch is needed. */
int shared_get(struct shared *slot, shared_fetch fetch, void *arg, int64_t deadline_ns,
               struct shared_value **out);
void *shared_data(struct shared_value *value);
void shared_put(struct shared_value *value); /* NULL is allowed */

/* The current version counts as expired from now on (a service said: unknown key). */
void shared_expire(struct shared *slot, const struct shared_value *seen);

#endif
