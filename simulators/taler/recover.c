/* Intents: stored before money moves, replayed when it is not known whether it did. */
#include "simulators/store.h"
#include "simulators/taler/fleet.h"
#include "simulators/taler/wallet.h"

static struct slice key_of(const struct intent *intent)
{
    return slice_of(intent->key, sizeof intent->key);
}

int intent_store(struct wallet *w, struct arena *arena, struct intent *intent, struct buf *body)
{
    if (body->error) {
        buf_free(body);
        return SHOAL_E_NOMEM;
    }
    intent->body = buf_slice(body);
    intent_write(intent, arena_alloc(arena, intent_size(intent)));
    buf_free(body);
    int error = store_put(w->flow, TABLE_INTENTS, key_of(intent), intent->record);

    if (error)
        return error;
    meter_event(w->flow->meter, EVENT_INTENTS, 1);
    return store_durable(w->flow);
}

int intent_update(struct wallet *w, const struct intent *intent)
{
    return store_put(w->flow, TABLE_INTENTS, key_of(intent), intent->record);
}

int intent_close(struct wallet *w, const struct intent *intent)
{
    return store_delete(w->flow, TABLE_INTENTS, key_of(intent));
}

static int (*const recover_by_kind[INTENT_KINDS])(struct wallet *, struct intent *) = {
    [INTENT_FUND] = fund_recover,
    [INTENT_WITHDRAW] = withdraw_recover,
    [INTENT_PAY] = pay_recover,
};

int wallet_recover(struct wallet *w)
{
    struct store_record *records;
    size_t count;
    char path[INTENT_PATH_MAX];
    int error = store_all(w->flow, TABLE_INTENTS, &records, &count);

    for (size_t i = 0; i < count && !error; i++) {
        struct intent intent;
        error = intent_from_record(&intent, records[i].key, records[i].value, path);
        if (error)
            break;
        meter_event(w->flow->meter, EVENT_REPLAYS, 1);
        error = recover_by_kind[intent.kind](w, &intent);
    }
    return error;
}
