#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/arena.h"
#include "core/util/error.h"

static void memory_is_aligned_and_does_not_overlap(void **state)
{
    struct arena *a = arena_new();
    uint8_t *p[500];
    for (size_t i = 0; i < 500; i++) {
        p[i] = arena_alloc(a, i);
        assert_int_equal((uintptr_t)p[i] % alignof(max_align_t), 0);
        memset(p[i], (int)i & 0xff, i);
    }
    for (size_t i = 0; i < 500; i++) {
        for (size_t j = 0; j < i; j++)
            assert_int_equal(p[i][j], i & 0xff);
    }
    uint8_t *big = arena_zalloc(a, 300000);
    for (size_t i = 0; i < 300000; i++)
        assert_int_equal(big[i], 0);
    arena_free(a);
}

static void a_warm_arena_allocates_nothing(void **state)
{
    struct arena *a = arena_new();
    for (int i = 0; i < 20; i++)
        arena_alloc(a, 1500);
    arena_reset(a);
    size_t warm = arena_bytes(a);
    void *first = NULL;
    for (int round = 0; round < 3; round++) {
        void *p = arena_alloc(a, 1500);
        if (!first)
            first = p;
        assert_ptr_equal(first, p);
        for (int i = 1; i < 20; i++)
            arena_alloc(a, 1500);
        assert_int_equal(arena_bytes(a), warm);
        arena_reset(a);
    }
    arena_free(a);
}

static void a_large_request_leaves_the_block_to_small_ones(void **state)
{
    struct arena *a = arena_new();
    uint8_t *before = arena_alloc(a, 16);
    uint8_t *large = memset(arena_alloc(a, 100000), 1, 100000);
    uint8_t *behind = memset(arena_alloc(a, 16), 2, 16);
    assert_ptr_equal(behind, before + 16);
    assert_int_equal(large[0] + large[99999], 2);
    size_t held = arena_bytes(a);
    arena_reset(a);
    assert_true(arena_bytes(a) + 100000 <= held);
    arena_free(a);
}

static void a_large_life_is_given_back(void **state)
{
    struct arena *a = arena_new();
    arena_alloc(a, 10 << 20);
    assert_true(arena_bytes(a) > 10 << 20);
    arena_reset(a);
    assert_true(arena_bytes(a) < 256 << 10);
    arena_free(a);
}

struct trace {
    struct arena *arena;
    char text[8];
};

static void add(struct trace *t, char c)
{
    size_t len = strlen(t->text);
    assert_true(len + 1 < sizeof t->text);
    t->text[len] = c;
}

static void add_a(void *arg)
{
    add(arg, 'a');
}

static void add_b_and_defer_a(void *arg)
{
    struct trace *t = arg;
    add(t, 'b');
    arena_defer(t->arena, add_a, t);
}

static void cleanups_run_last_first_and_before_the_memory_goes(void **state)
{
    struct arena *a = arena_new();
    struct trace *t = arena_zalloc(a, sizeof *t);
    struct trace copy;
    t->arena = a;
    arena_defer(a, add_a, t);
    arena_defer(a, add_b_and_defer_a, t);
    copy = (struct trace){.arena = a};
    arena_defer(a, add_a, &copy);
    arena_reset(a);
    assert_string_equal(copy.text, "a");
    arena_reset(a);
    assert_string_equal(copy.text, "a"); /* once only */

    struct trace outside = {.arena = a};
    arena_defer(a, add_a, &outside);
    arena_defer(a, add_b_and_defer_a, &outside);
    arena_free(a);
    assert_string_equal(outside.text, "baa");
    arena_free(NULL);
}

static void texts_are_copied_and_printed(void **state)
{
    struct arena *a = arena_new();
    char source[] = "hello";
    char *copy = arena_strdup(a, source);
    source[0] = 'j';
    assert_string_equal(copy, "hello");
    assert_string_equal(arena_printf(a, "%s-%05d", copy, 42), "hello-00042");
    assert_memory_equal(arena_dup(a, "a\0b", 3), "a\0b", 4);
    arena_free(a);
}

static void a_buffer_is_taken_over(void **state)
{
    struct arena *a = arena_new();
    struct buf b = {.limit = 100};
    buf_str(&b, "content");
    struct slice s = arena_adopt(a, &b);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.limit, 100);
    assert_true(slice_equal(s, slice_str("content")));
    assert_int_equal(arena_adopt(a, &b).len, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_does_not_overlap),
        cmocka_unit_test(a_warm_arena_allocates_nothing),
        cmocka_unit_test(a_large_request_leaves_the_block_to_small_ones),
        cmocka_unit_test(a_large_life_is_given_back),
        cmocka_unit_test(cleanups_run_last_first_and_before_the_memory_goes),
        cmocka_unit_test(texts_are_copied_and_printed),
        cmocka_unit_test(a_buffer_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
