#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/util/error.h"

static const int codes[] = {
#define CODE(id, number, name, text) SHOAL_E_##id,
    SHOAL_ERRORS(CODE)
#undef CODE
};
#define CODES (sizeof codes / sizeof codes[0])

static void every_code_has_its_own_name_and_a_text(void **state)
{
    for (size_t i = 0; i < CODES; i++) {
        assert_true(codes[i] < 0);
        assert_string_not_equal(error_name(codes[i]), "unknown");
        assert_true(strlen(error_text(codes[i])) > 5);
        assert_true(error_text(codes[i])[strlen(error_text(codes[i])) - 1] != '.');
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(codes[i], codes[j]);
            assert_string_not_equal(error_name(codes[i]), error_name(codes[j]));
        }
    }
}

static void success_and_strangers_have_names_too(void **state)
{
    assert_string_equal(error_name(0), "ok");
    assert_string_equal(error_name(-9999), "unknown");
    assert_string_equal(error_name(SHOAL_E_REFUSED), "refused");
    assert_non_null(error_text(-9999));
}

static void errno_values_map(void **state)
{
    assert_int_equal(error_from_errno(0), SHOAL_OK);
    assert_int_equal(error_from_errno(ENOMEM), SHOAL_E_NOMEM);
    assert_int_equal(error_from_errno(ENOSPC), SHOAL_E_NO_SPACE);
    assert_int_equal(error_from_errno(EDQUOT), SHOAL_E_NO_SPACE);
    assert_int_equal(error_from_errno(EACCES), SHOAL_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_own_name_and_a_text),
        cmocka_unit_test(success_and_strangers_have_names_too),
        cmocka_unit_test(errno_values_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
