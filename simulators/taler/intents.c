#include "simulators/taler/intents.h"

#include <assert.h>
#include <string.h>

#include "core/util/error.h"

#define KIND_AT 8
#define FLAGS_AT 9
#define PATH_AT 10
#define EXTRA_AT 12
static_assert(EXTRA_AT + 4 == INTENT_HEAD_SIZE, "the head's members fill it");

void intent_key(uint8_t out[INTENT_KEY_SIZE], uint64_t iteration, uint16_t number)
{
    put_u64be(out, iteration);
    put_u16be(out + 8, number);
}

uint64_t intent_iteration(const struct intent *i)
{
    return get_u64be(i->key);
}

/* Where its parts are in a record whose head says so. */
static void point_into(struct intent *i, struct slice record)
{
    size_t extra_at = INTENT_HEAD_SIZE + strlen(i->path), body_at = extra_at + i->extra.len;

    assert(record.len >= body_at);
    i->record = record;
    i->extra = slice_of(record.data + extra_at, i->extra.len);
    i->body = slice_of(record.data + body_at, record.len - body_at);
}

static uint8_t *append(uint8_t *out, const void *data, size_t len)
{
    if (len)
        memcpy(out, data, len);
    return out + len;
}

size_t intent_size(const struct intent *i)
{
    return INTENT_HEAD_SIZE + strlen(i->path) + i->extra.len + i->body.len;
}

void intent_write(struct intent *i, uint8_t *record)
{
    size_t path_len = strlen(i->path), size = intent_size(i);

    assert(path_len < INTENT_PATH_MAX);
    assert(i->kind >= INTENT_FUND && i->kind < INTENT_KINDS);
    put_u64be(record, i->created_us);
    record[KIND_AT] = (uint8_t)i->kind;
    record[FLAGS_AT] = i->acknowledged ? INTENT_ACKNOWLEDGED : 0;
    put_u16be(record + PATH_AT, (uint16_t)path_len);
    put_u32be(record + EXTRA_AT, (uint32_t)i->extra.len);
    uint8_t *p = append(record + INTENT_HEAD_SIZE, i->path, path_len);
    p = append(p, i->extra.data, i->extra.len);
    append(p, i->body.data, i->body.len);
    point_into(i, slice_of(record, size));
}

int intent_from_record(struct intent *out, struct slice key, struct slice value,
                       char path[INTENT_PATH_MAX])
{
    memset(out, 0, sizeof *out);
    if (key.len != INTENT_KEY_SIZE || value.len < INTENT_HEAD_SIZE)
        return SHOAL_E_CORRUPT;
    size_t path_len = get_u16be(value.data + PATH_AT);
    size_t extra_len = get_u32be(value.data + EXTRA_AT);
    unsigned kind = value.data[KIND_AT];
    if (kind < INTENT_FUND || kind >= INTENT_KINDS || path_len == 0 ||
        path_len >= INTENT_PATH_MAX || path_len + extra_len > value.len - INTENT_HEAD_SIZE)
        return SHOAL_E_CORRUPT;
    memcpy(path, value.data + INTENT_HEAD_SIZE, path_len);
    path[path_len] = '\0';
    if (strlen(path) != path_len)
        return SHOAL_E_CORRUPT;
    memcpy(out->key, key.data, INTENT_KEY_SIZE);
    out->kind = (enum intent_kind)kind;
    out->created_us = get_u64be(value.data);
    out->acknowledged = (value.data[FLAGS_AT] & INTENT_ACKNOWLEDGED) != 0;
    out->path = path;
    out->extra.len = extra_len;
    point_into(out, value);
    return SHOAL_OK;
}
