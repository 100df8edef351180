#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "core/util/bytes.h"
#include "core/util/error.h"

static void slices_compare_by_content(void **state)
{
    assert_true(slice_equal(slice_str("abc"), slice_of("abcd", 3)));
    assert_false(slice_equal(slice_str("abc"), slice_str("abd")));
    assert_false(slice_equal(slice_str("abc"), slice_str("ab")));
    assert_true(slice_equal(slice_str(NULL), slice_str("")));
}

static void a_buffer_grows_and_stays_terminated(void **state)
{
    struct buf b = {0};
    for (int i = 0; i < 1000; i++) {
        buf_printf(&b, "%03d,", i);
        assert_int_equal(b.data[b.len], 0);
    }
    assert_int_equal(b.error, SHOAL_OK);
    assert_int_equal(b.len, 4000);
    assert_memory_equal(b.data, "000,001,002,", 12);
    assert_memory_equal(b.data + 3996, "999,", 5);
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal((char *)b.data, "");
    buf_put(&b, NULL, 0);
    buf_str(&b, "x");
    buf_char(&b, 'y');
    assert_string_equal((char *)b.data, "xy");
    buf_free(&b);
    assert_null(b.data);
}

static void a_limit_is_sticky_and_changes_nothing(void **state)
{
    struct buf b = {.limit = 5};
    buf_str(&b, "12345");
    assert_int_equal(b.error, SHOAL_OK);
    buf_char(&b, '6');
    assert_int_equal(b.error, SHOAL_E_LIMIT);
    assert_string_equal((char *)b.data, "12345");
    buf_clear(&b);
    buf_str(&b, "123");
    buf_str(&b, "456");
    buf_char(&b, '4'); /* would fit, but the error sticks */
    buf_printf(&b, "%d", 4);
    assert_int_equal(b.error, SHOAL_E_LIMIT);
    assert_string_equal((char *)b.data, "123");
    buf_free(&b);
}

static void an_absurd_length_is_refused(void **state)
{
    struct buf b = {0};
    buf_str(&b, "a");
    buf_put(&b, "b", SIZE_MAX - 1);
    assert_int_equal(b.error, SHOAL_E_LIMIT);
    assert_string_equal((char *)b.data, "a");
    buf_free(&b);
}

static void integers_are_big_endian(void **state)
{
    uint8_t out[8];
    put_u64be(out, UINT64_C(0x0102030405060708));
    assert_memory_equal(out, "\1\2\3\4\5\6\7\10", 8);
    assert_int_equal(get_u64be(out), UINT64_C(0x0102030405060708));
    assert_int_equal(get_u32be(out), 0x01020304);
    assert_int_equal(get_u16be(out), 0x0102);
    put_u32be(out, 0xfffefdfc);
    assert_int_equal(get_u32be(out), 0xfffefdfc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_by_content),
        cmocka_unit_test(a_buffer_grows_and_stays_terminated),
        cmocka_unit_test(a_limit_is_sticky_and_changes_nothing),
        cmocka_unit_test(an_absurd_length_is_refused),
        cmocka_unit_test(integers_are_big_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
