/* Client state for flows: state/ behind the engine's client_store, on the flow's lane.
 *
 * Records are staged and go to disk together at the end of the lane's turn. Before a request that
 * changes money or identity a flow stores its intent and calls store_durable, which waits for that
 * commit. Values read are copied into the flow's arena. Every error here is ours (disk, memory):
 * the flow returns it as it is, and the run stops with exit status 5.
 */
#ifndef SHOAL_SIMULATORS_STORE_H
#define SHOAL_SIMULATORS_STORE_H

#include "core/load/flow.h"
#include "core/load/store.h"
#include "core/util/bytes.h"

extern const struct client_store_class simulators_store;

/* `table` is the index in simulator->tables. */
int store_put(struct flow *flow, unsigned table, struct slice key, struct slice value);
int store_delete(struct flow *flow, unsigned table, struct slice key);
/* SHOAL_E_NOT_FOUND when there is none. */
int store_get(struct flow *flow, unsigned table, struct slice key, struct slice *value);
/* All records of a table of this client, in key order, copied into the flow's arena. */
struct store_record {
    struct slice key, value;
};
int store_all(struct flow *flow, unsigned table, struct store_record **records, size_t *count);

/* Waits until all that this flow has staged is committed: at most one loop turn. */
int store_durable(struct flow *flow);

#endif
