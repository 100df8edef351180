/* What the tests of state/ share: a folder of their own, and a store in it. */
#ifndef SHOAL_TESTS_STATE_FOLDER_H
#define SHOAL_TESTS_STATE_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util/error.h"
#include "state/state.h"

static const char *const test_tables[] = {"purse", "history", "intent", NULL};

struct folder {
    char path[128]; /* removed at the end */
    char state[160];
};

static inline int folder_setup(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    const char *base = getenv("TMPDIR");
    (void)snprintf(f->path, sizeof f->path, "%.80s/shoal-state-XXXXXX", base ? base : "/tmp");
    if (!f || !mkdtemp(f->path))
        return -1;
    (void)snprintf(f->state, sizeof f->state, "%s/store", f->path);
    *state = f;
    return 0;
}

static inline int folder_remove_one(const char *path, const struct stat *st, int type,
                                    struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline int folder_teardown(void **state)
{
    struct folder *f = *state;
    int rc = nftw(f->path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return rc;
}

static inline struct state_options folder_options(const struct folder *f)
{
    return (struct state_options){
        .path = f->state, .purpose = "test of scenario t", .tables = test_tables, .shards = 4};
}

static inline struct state_store *open_with(const struct state_options *options)
{
    struct state_store *store;
    char error[STATE_ERROR_TEXT_MAX];
    int rc = state_open(&store, options, error);
    if (rc)
        print_error("state_open: %s: %s\n", error_name(rc), error);
    assert_int_equal(rc, 0);
    assert_string_equal(error, "");
    return store;
}

static inline struct state_store *open_default(const struct folder *f)
{
    struct state_options options = folder_options(f);
    return open_with(&options);
}

static inline struct state_shard *shard_for(struct state_store *store, uint64_t client)
{
    return state_shard(store, state_shard_of(store, client));
}

static inline struct state_key key_of(uint64_t client, unsigned table, const char *key)
{
    return (struct state_key){.client = client, .table = table, .key = slice_str(key)};
}

static inline int put_text(struct state_store *store, uint64_t client, unsigned table,
                           const char *key, const char *value)
{
    struct state_key k = key_of(client, table, key);
    return state_put(shard_for(store, client), &k, slice_str(value));
}

static inline int delete_text(struct state_store *store, uint64_t client, unsigned table,
                              const char *key)
{
    struct state_key k = key_of(client, table, key);
    return state_delete(shard_for(store, client), &k);
}

/* The record's text, or NULL when there is none; good until the next call of this. */
static inline const char *get_text(struct state_store *store, uint64_t client, unsigned table,
                                   const char *key)
{
    static char out[4096];
    struct state_key k = key_of(client, table, key);
    struct slice value;
    int rc = state_get(shard_for(store, client), &k, &value);
    if (rc == SHOAL_E_NOT_FOUND)
        return NULL;
    assert_int_equal(rc, 0);
    assert_true(value.len < sizeof out);
    if (value.len)
        memcpy(out, value.data, value.len);
    out[value.len] = 0;
    return out;
}

static inline void commit_all(struct state_store *store)
{
    for (unsigned i = 0; i < state_shards(store); i++)
        assert_int_equal(state_commit(state_shard(store, i)), 0);
}

/* Opening fails with this code, and the sentence has these words, in order. */
static inline void refused(const struct state_options *options, int code, const char *const *words)
{
    struct state_store *store;
    char error[STATE_ERROR_TEXT_MAX];
    int rc = state_open(&store, options, error);
    if (rc != code)
        print_error("%s instead of %s: %s\n", error_name(rc), error_name(code), error);
    assert_int_equal(rc, code);
    assert_null(store);
    assert_null(strchr(error, '\n'));
    const char *at = error;
    for (; *words; words++) {
        const char *found = strstr(at, *words);
        if (!found)
            print_error("'%s' is not in: %s\n", *words, error);
        assert_non_null(found);
        at = found + strlen(*words);
    }
}

#define REFUSED(options, code, ...) refused(options, code, (const char *const[]){__VA_ARGS__, NULL})

static inline void write_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

#endif
