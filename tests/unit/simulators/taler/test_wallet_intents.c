/* What a wallet stores before it sends: the same bytes come back, damage is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/util/arena.h"
#include "core/util/error.h"
#include "simulators/taler/intents.h"

static const char body[] = "{\"amount\":\"EUR:60\"}";
static const uint8_t extra[] = {9, 8, 7, 0, 5};

static void make(struct intent *i, struct arena *arena)
{
    *i = (struct intent){
        .kind = INTENT_FUND,
        .created_us = 1795203783123456u,
        .path = "/admin/add-incoming",
        .extra = slice_of(extra, sizeof extra),
        .body = slice_str(body),
    };
    intent_key(i->key, 12, 0x8001);
    intent_write(i, arena_alloc(arena, intent_size(i)));
}

static int read(struct intent *out, const struct intent *made, struct slice record)
{
    static char path[INTENT_PATH_MAX];

    return intent_from_record(out, slice_of(made->key, INTENT_KEY_SIZE), record, path);
}

static void the_same_bytes_come_back(void **state)
{
    struct arena *arena = arena_new();
    struct intent made, back;

    (void)state;
    make(&made, arena);
    assert_int_equal(read(&back, &made, made.record), 0);
    assert_int_equal(back.kind, INTENT_FUND);
    assert_int_equal(back.created_us, made.created_us);
    assert_int_equal(get_u64be(made.record.data), made.created_us); /* purges by age read it */
    assert_string_equal(back.path, "/admin/add-incoming");
    assert_true(slice_equal(back.extra, slice_of(extra, sizeof extra)));
    assert_true(slice_equal(back.body, slice_str(body)));
    assert_true(slice_equal(made.body, slice_str(body)));
    assert_int_equal(intent_iteration(&back), 12);
    assert_false(back.acknowledged);
    arena_free(arena);
}

static void an_answer_of_the_bank_is_remembered(void **state)
{
    struct arena *arena = arena_new();
    struct intent made, back;

    (void)state;
    make(&made, arena);
    made.acknowledged = true;
    intent_write(&made, arena_alloc(arena, intent_size(&made)));
    assert_int_equal(read(&back, &made, made.record), 0);
    assert_true(back.acknowledged);
    assert_true(slice_equal(back.body, slice_str(body)));
    arena_free(arena);
}

static void an_empty_extra_and_body_are_fine(void **state)
{
    struct arena *arena = arena_new();
    struct intent made = {.kind = INTENT_PAY, .path = "/x"}, back;

    (void)state;
    intent_write(&made, arena_alloc(arena, intent_size(&made)));
    assert_int_equal(read(&back, &made, made.record), 0);
    assert_int_equal(back.extra.len, 0);
    assert_int_equal(back.body.len, 0);
    arena_free(arena);
}

static void damage_is_noticed(void **state)
{
    struct arena *arena = arena_new();
    struct intent made, back;
    char path[INTENT_PATH_MAX];

    (void)state;
    make(&made, arena);
    for (size_t len = 0; len < INTENT_HEAD_SIZE + strlen(made.path) + sizeof extra; len++)
        assert_int_equal(read(&back, &made, slice_of(made.record.data, len)), SHOAL_E_CORRUPT);
    assert_int_equal(intent_from_record(&back, slice_of(made.key, 3), made.record, path),
                     SHOAL_E_CORRUPT);
    static const struct {
        size_t at;
        uint8_t value;
    } flips[] = {{8, 0}, {8, INTENT_KINDS}, {10, 0xff}, {12, 0xff}, {INTENT_HEAD_SIZE + 3, 0}};
    for (size_t i = 0; i < sizeof flips / sizeof flips[0]; i++) {
        uint8_t *damaged = arena_dup(arena, made.record.data, made.record.len);
        damaged[flips[i].at] = flips[i].value;
        assert_int_equal(read(&back, &made, slice_of(damaged, made.record.len)), SHOAL_E_CORRUPT);
        assert_int_equal(read(&back, &made, made.record), 0);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_come_back),
        cmocka_unit_test(an_answer_of_the_bank_is_remembered),
        cmocka_unit_test(an_empty_extra_and_body_are_fine),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
