/* The published test vectors, for the tests of protocols/taler: one JSON file of named sets. */
#ifndef SHOAL_TESTS_UNIT_PROTOCOLS_TALER_VECTORS_H
#define SHOAL_TESTS_UNIT_PROTOCOLS_TALER_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/util/json.h"
#include "protocols/taler/amount.h"
#include "protocols/taler/base32.h"

#define VECTORS "tests/vectors/taler-vectors.json"
#define WIRE_SAMPLES "tests/vectors/taler-wire-samples-v14.txt"
#define V09 "taler_libtalerutil_v0.9.2"
#define V14_1 "taler_libtalerutil_v0.14.1"

static inline struct buf read_file(const char *path)
{
    struct buf b = {0};
    char block[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s: run from the project's folder", path);
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        buf_put(&b, block, n);
    fclose(f);
    assert_int_equal(b.error, 0);
    return b;
}

static inline cJSON *vectors_load(void)
{
    struct buf text = read_file(VECTORS);
    cJSON *root = NULL;
    assert_int_equal(json_parse(&root, buf_slice(&text), NULL), 0);
    buf_free(&text);
    return root;
}

/* All vectors of a set. */
static inline const cJSON *vector_set(const cJSON *root, const char *set)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json_array(root, "sets"))
    {
        if (strcmp(json_string(item, "name"), set) == 0)
            return json_array(item, "vectors");
    }
    fail_msg("no set %s", set);
    return NULL;
}

/* A set's vector of an operation. */
static inline const cJSON *vector(const cJSON *root, const char *set, const char *operation)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, vector_set(root, set))
    {
        if (strcmp(json_string(item, "operation"), operation) == 0)
            return item;
    }
    fail_msg("no vector %s in %s", operation, set);
    return NULL;
}

static inline const char *vector_text(const cJSON *v, const char *key)
{
    const char *text = json_string(v, key);
    if (!text)
        fail_msg("no %s", key);
    return text;
}

static inline void vector_bytes(const cJSON *v, const char *key, void *out, size_t size)
{
    const char *text = vector_text(v, key);
    if (taler_b32_decode(out, size, text, strlen(text)))
        fail_msg("%s is not %zu bytes", key, size);
}

/* Bytes of any length; free the buffer. */
static inline struct buf vector_blob(const cJSON *v, const char *key)
{
    const char *text = vector_text(v, key);
    struct buf b = {0};
    size_t size = TALER_B32_BYTES(strlen(text));
    uint8_t *bytes = malloc(size + 1);
    assert_int_equal(taler_b32_decode(bytes, size, text, strlen(text)), 0);
    buf_put(&b, bytes, size);
    free(bytes);
    return b;
}

static inline uint64_t vector_int(const cJSON *v, const char *key)
{
    int64_t n = -1;
    assert_true(json_int(v, key, &n));
    return (uint64_t)n;
}

static inline struct taler_amount vector_amount(const cJSON *v, const char *key)
{
    struct taler_amount a;
    assert_int_equal(taler_amount_parse(&a, vector_text(v, key)), 0);
    return a;
}

static inline struct taler_rsa_value vector_rsa(const cJSON *v, const char *key)
{
    struct buf b = vector_blob(v, key);
    struct taler_rsa_value out = {.len = (uint16_t)b.len};
    assert_true(b.len <= sizeof(out.bytes));
    memcpy(out.bytes, b.data, b.len);
    buf_free(&b);
    return out;
}

#define VECTOR_BYTES(v, key, value) vector_bytes(v, key, (value)->bytes, sizeof((value)->bytes))

static inline struct taler_amount amount(const char *text)
{
    struct taler_amount a;
    assert_int_equal(taler_amount_parse(&a, text), 0);
    return a;
}

#endif
