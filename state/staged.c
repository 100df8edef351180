/* The staged writes of one shard: a skip list in an arena, ordered as LMDB orders the keys, so that
 * reads merge it with the disk and the commit walks it once. Nothing is ever taken out between two
 * commits; what is overwritten becomes another kind of node. */
#include <assert.h>
#include <stdlib.h>

#include "core/util/error.h"
#include "state/internal.h"

#define CHUNK_SIZE ((size_t)32 * 1024)
#define CHUNKS_KEPT 8 /* over a reset */

struct staged_chunk {
    struct staged_chunk *next;
    size_t used, size;
    uint64_t data[];
};

void staged_init(struct staged *s)
{
    *s = (struct staged){.levels = 1, .dice = 0x9e3779b97f4a7c15u};
}

static void free_chunks(struct staged_chunk *chunk)
{
    while (chunk) {
        struct staged_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void staged_free(struct staged *s)
{
    free_chunks(s->chunks);
    free_chunks(s->spare);
    staged_init(s);
}

void staged_reset(struct staged *s)
{
    size_t kept = 0;
    for (struct staged_chunk *chunk = s->spare; chunk; chunk = chunk->next)
        kept++;
    while (s->chunks) {
        struct staged_chunk *chunk = s->chunks;
        s->chunks = chunk->next;
        if (chunk->size != CHUNK_SIZE || kept >= CHUNKS_KEPT) {
            free(chunk);
            continue;
        }
        chunk->next = s->spare;
        s->spare = chunk;
        kept++;
    }
    memset(s->head, 0, sizeof s->head);
    s->levels = 1;
    s->count = s->purges = s->bytes = 0;
}

/* A chunk with room for `size` bytes at the front of the list. */
static struct staged_chunk *add_chunk(struct staged *s, size_t size)
{
    struct staged_chunk *chunk = s->spare;
    if (chunk && size <= CHUNK_SIZE) {
        s->spare = chunk->next;
    } else {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        chunk = malloc(sizeof *chunk + room);
        if (!chunk)
            return NULL;
        chunk->size = room;
    }
    chunk->used = 0;
    /* A chunk of one large value goes behind the one that still has room. */
    struct staged_chunk **place = &s->chunks;
    if (*place && size > CHUNK_SIZE)
        place = &(*place)->next;
    chunk->next = *place;
    *place = chunk;
    return chunk;
}

static size_t round_up(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static void *take(struct staged *s, size_t size)
{
    size = round_up(size);
    struct staged_chunk *chunk = s->chunks;
    if (!chunk || chunk->size - chunk->used < size)
        chunk = add_chunk(s, size);
    if (!chunk)
        return NULL;
    void *out = (uint8_t *)chunk->data + chunk->used;
    chunk->used += size;
    s->bytes += size;
    return out;
}

static int compare(const struct staged_node *node, const struct staged_key *key)
{
    if (node->client != key->client)
        return node->client < key->client ? -1 : 1;
    size_t shorter = node->key_len < key->key_len ? node->key_len : key->key_len;
    int order = shorter ? memcmp(staged_node_key(node), key->key, shorter) : 0;
    if (order)
        return order;
    return (node->key_len > key->key_len) - (node->key_len < key->key_len);
}

/* `links` gets, per level, the link that leads to the first node at or behind the key. */
static struct staged_node *search(struct staged *s, const struct staged_key *key,
                                  struct staged_node ***links)
{
    struct staged_node **next = s->head;
    for (unsigned level = s->levels; level-- > 0;) {
        while (next[level] && compare(next[level], key) < 0)
            next = next[level]->next;
        links[level] = &next[level];
    }
    return next[0];
}

struct staged_node *staged_seek(const struct staged *s, const struct staged_key *key)
{
    struct staged_node *const *next = s->head;
    for (unsigned level = s->levels; level-- > 0;) {
        while (next[level] && compare(next[level], key) < 0)
            next = next[level]->next;
    }
    return next[0];
}

struct staged_node *staged_find(const struct staged *s, const struct staged_key *key)
{
    struct staged_node *node = staged_seek(s, key);
    return node && compare(node, key) == 0 ? node : NULL;
}

/* One in four nodes reaches the next level. */
static unsigned throw_levels(struct staged *s)
{
    s->dice ^= s->dice << 13;
    s->dice ^= s->dice >> 7;
    s->dice ^= s->dice << 17;
    unsigned levels = 1 + (unsigned)__builtin_ctzll(s->dice | (1ull << 62)) / 2;
    return levels < STAGED_LEVELS ? levels : STAGED_LEVELS;
}

size_t staged_need(size_t key_len, size_t value_len)
{
    return sizeof(struct staged_node) + STAGED_LEVELS * sizeof(struct staged_node *) +
           round_up(key_len) + round_up(value_len);
}

static struct staged_node *find_or_add(struct staged *s, const struct staged_key *key)
{
    struct staged_node **links[STAGED_LEVELS];
    struct staged_node *node = search(s, key, links);
    if (node && compare(node, key) == 0)
        return node;
    assert(key->key_len <= 1 + STATE_KEY_MAX);
    unsigned levels = throw_levels(s);
    node = take(s, sizeof *node + levels * sizeof node->next[0] + key->key_len);
    if (!node)
        return NULL;
    *node = (struct staged_node){.client = key->client,
                                 .kind = STAGED_DELETE,
                                 .levels = (uint8_t)levels,
                                 .key_len = (uint8_t)key->key_len};
    for (; s->levels < levels; s->levels++)
        links[s->levels] = &s->head[s->levels];
    for (unsigned level = 0; level < levels; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
    if (key->key_len)
        memcpy(&node->next[levels], key->key, key->key_len);
    s->count++;
    return node;
}

int staged_put(struct staged *s, const struct staged_key *key, struct slice value)
{
    /* The value's room first: without it nothing has changed. */
    struct staged_node *node = staged_find(s, key);
    uint8_t *room = node && node->value_cap >= value.len ? node->value : NULL;
    if (!room) {
        room = take(s, value.len ? value.len : 1);
        if (!room)
            return SHOAL_E_NOMEM;
        if (!node)
            node = find_or_add(s, key);
        if (!node)
            return SHOAL_E_NOMEM;
        node->value = room;
        node->value_cap = (uint32_t)value.len;
    }
    if (value.len)
        memmove(room, value.data, value.len); /* it may be a value got from here */
    node->value_len = (uint32_t)value.len;
    node->kind = STAGED_PUT;
    return 0;
}

int staged_delete(struct staged *s, const struct staged_key *key)
{
    struct staged_node *node = find_or_add(s, key);
    if (!node)
        return SHOAL_E_NOMEM;
    node->kind = STAGED_DELETE;
    return 0;
}

struct staged_cutoffs *staged_purge(struct staged *s, uint64_t client)
{
    struct staged_key key = {.client = client};
    struct staged_node *node = staged_find(s, &key);
    if (node)
        return node->cutoffs;
    struct staged_cutoffs *cutoffs = take(s, sizeof *cutoffs);
    node = cutoffs ? find_or_add(s, &key) : NULL;
    if (!node)
        return NULL;
    memset(cutoffs, 0, sizeof *cutoffs);
    node->kind = STAGED_PURGE;
    node->cutoffs = cutoffs;
    s->purges++;
    return cutoffs;
}

const struct staged_cutoffs *staged_cutoffs(const struct staged *s, uint64_t client)
{
    if (s->purges == 0)
        return NULL;
    struct staged_key key = {.client = client};
    const struct staged_node *node = staged_find(s, &key);
    return node ? node->cutoffs : NULL;
}
