#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/json.h"

/* The scanner gets a copy of exactly the text's size, so that a read beyond it is seen. */
static int parse(const char *text, struct json_error *err)
{
    size_t len = strlen(text);
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    cJSON *tree;
    int code = json_parse(&tree, slice_of(copy, len), err);
    assert_true((code == 0) == (tree != NULL));
    cJSON_Delete(tree);
    free(copy);
    return code;
}

static void valid_texts_are_taken(void **state)
{
    static const char *const good[] = {
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "-0.5e+10",
        "1E5",
        "12.25",
        "\"\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1, [2, {\"a\": [ ]} ] ]",
        "{\"a\":{\"a\":{}}}",
        "\"\\u00e9\\ud83d\\ude00\"",
        "\"\xc3\xa9\xf0\x9f\x98\x80\xed\x9f\xbf\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\r\n\t[\"\x7f\"]\n",
        "{\"a\":1,\"A\":2}",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(parse(good[i], NULL), SHOAL_OK);
}

static void invalid_texts_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "nul",
        "True",
        "01",
        "-",
        "-a",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x10",
        "NaN",
        "Infinity",
        "'a'",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\n\"",
        "\"\x01\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1]",
        "[1}",
        "{,}",
        "1 2",
        "{} {}",
        "// c\n1",
        "\xef\xbb\xbf{}",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe2\x82\"",
        "\"\xff\"",
        "\"\x80\"",
        "\"\xc3",
        "\xc3\xa9",
        "\"\\",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct json_error err = {0};
        assert_int_equal(parse(bad[i], &err), SHOAL_E_BAD_REPLY);
        assert_true(err.line >= 1 && err.column >= 1);
        assert_true(strlen(err.text) > 5);
    }
}

static void duplicate_keys_are_refused(void **state)
{
    struct json_error err;
    assert_int_equal(parse("{\"a\":1,\n  \"b\":2, \"a\":3}", &err), SHOAL_E_BAD_REPLY);
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 10);
    assert_string_equal(err.text, "duplicate key \"a\"");
    assert_int_equal(parse("{\"a\\u0062\":1,\"ab\":2}", NULL), SHOAL_E_BAD_REPLY);
    assert_int_equal(parse("{\"\\u00e9\":1,\"\xc3\xa9\":2}", NULL), SHOAL_E_BAD_REPLY);
    assert_int_equal(parse("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", NULL),
                     SHOAL_E_BAD_REPLY);
    assert_int_equal(parse("{\"\\n\":1,\"n\":2,\"\\\\n\":3}", NULL), SHOAL_OK);
    assert_int_equal(parse("{\"x\":{\"a\":1},\"a\":[{\"a\":1},{\"a\":2}]}", NULL), SHOAL_OK);
}

static struct buf object_of(int count, int repeated)
{
    struct buf b = {0};
    buf_char(&b, '{');
    for (int i = 0; i < count; i++)
        buf_printf(&b, "%s\"key%d\":%d", i ? "," : "",
                   i == count - 1 && repeated >= 0 ? repeated : i, i);
    buf_char(&b, '}');
    return b;
}

static void duplicates_are_found_in_objects_of_any_size(void **state)
{
    for (int count = 2; count < 40; count++) {
        for (int repeated = -1; repeated < count - 1; repeated++) {
            struct buf b = object_of(count, repeated);
            assert_int_equal(parse((char *)b.data, NULL),
                             repeated < 0 ? SHOAL_OK : SHOAL_E_BAD_REPLY);
            buf_free(&b);
        }
    }
}

static void nesting_has_a_limit(void **state)
{
    char text[2 * (JSON_DEPTH_MAX + 1) + 1] = {0};
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(parse(text, NULL), SHOAL_OK);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    struct json_error err;
    assert_int_equal(parse(text, &err), SHOAL_E_LIMIT);
    assert_int_equal(err.column, JSON_DEPTH_MAX + 1);
    char number[65];
    memset(number, '9', 64);
    number[64] = 0;
    assert_int_equal(parse(number, NULL), SHOAL_E_LIMIT);
    number[63] = 0;
    assert_int_equal(parse(number, NULL), SHOAL_OK);
}

static int64_t scan_ns(const struct buf *b)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t from = clock_thread_cpu_ns();
        cJSON *tree;
        assert_int_equal(json_parse(&tree, buf_slice(b), NULL), SHOAL_OK);
        cJSON_Delete(tree);
        int64_t took = clock_thread_cpu_ns() - from;
        best = took < best ? took : best;
    }
    return best;
}

/* Generous limits (sanitizers, slow machines): a quadratic scan would need minutes. */
static void large_documents_are_quick(void **state)
{
    struct buf one = object_of(100000, -1);
    assert_true(scan_ns(&one) < 3 * NS_PER_S);
    buf_free(&one);
    struct buf many = {0};
    buf_str(&many, "{\"denoms\":[");
    for (int i = 0; i < 8000; i++)
        buf_printf(&many,
                   "%s{\"value\":\"EUR:%d\",\"stamp\":{\"t_s\":%d},\"master_sig\":\"%064d\"}",
                   i ? "," : "", i, i, i);
    buf_str(&many, "]}");
    int64_t ns = scan_ns(&many);
    print_message("%zu bytes in %.1f ms\n", many.len, (double)ns / NS_PER_MS);
    assert_true(ns < 2 * NS_PER_S);
    buf_free(&many);
}

static void errors_name_line_and_column(void **state)
{
    struct json_error err;
    assert_int_equal(parse("{\n \"a\": 1,\n \"b\": tru\n}", &err), SHOAL_E_BAD_REPLY);
    assert_int_equal(err.line, 3);
    assert_int_equal(err.column, 7);
    assert_int_equal(parse("[1,\n2\n3]", &err), SHOAL_E_BAD_REPLY);
    assert_int_equal(err.line, 3);
    assert_int_equal(err.column, 1);
    assert_string_equal(err.text, "expected a comma or ]");
}

static void paths_are_located(void **state)
{
    static const char text[] = "{\n"
                               " \"a\": [10, {\"b\": \"x]}\\\"\"}, [ ]],\n"
                               " \"c\": { \"d\" :\n"
                               "   18446744073709551615 }, \"\\u0065\": null }";
    struct slice all = slice_str(text), raw;
    size_t line;
    static const struct {
        const char *path, *raw;
        size_t line;
    } rows[] = {
        {"a.0", "10", 2},  {"a.1", "{\"b\": \"x]}\\\"\"}", 2}, {"a.1.b", "\"x]}\\\"\"", 2},
        {"a.2", "[ ]", 2}, {"c.d", "18446744073709551615", 3}, {"e", "null", 4},
        {"", text, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(json_locate(all, rows[i].path, &raw, &line));
        assert_true(slice_equal(raw, slice_str(rows[i].raw)));
        assert_int_equal(line, rows[i].line);
    }
    static const char *const missing[] = {"b",     "a.3", "a.x",  "a.01", "a.1.b.c",
                                          "c.d.0", "A",   "a.-1", "."};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        assert_false(json_locate(all, missing[i], &raw, NULL));
    uint64_t v = 0;
    assert_true(json_locate(all, "c.d", &raw, NULL) && json_raw_u64(raw, &v));
    assert_int_equal(v, UINT64_MAX);
}

static void raw_integers_are_exact(void **state)
{
    uint64_t v = 5;
    assert_true(json_raw_u64(slice_str("0"), &v));
    assert_int_equal(v, 0);
    static const char *const bad[] = {
        "", "-1", "1.0", "1e3", "00", "18446744073709551616", "99999999999999999999", " 1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(json_raw_u64(slice_str(bad[i]), &v));
}

static void members_are_typed(void **state)
{
    cJSON *t;
    assert_int_equal(
        json_parse(&t,
                   slice_str("{\"s\":\"x\",\"i\":9007199254740992,\"f\":1.5,\"b\":true,"
                             "\"o\":{},\"a\":[],\"big\":1e300,\"n\":-3}"),
                   NULL),
        SHOAL_OK);
    int64_t i;
    bool b = false;
    assert_string_equal(json_string(t, "s"), "x");
    assert_null(json_string(t, "S"));
    assert_null(json_string(t, "i"));
    assert_true(json_int(t, "i", &i) && i == INT64_C(1) << 53);
    assert_true(json_int(t, "n", &i) && i == -3);
    assert_false(json_int(t, "f", &i) || json_int(t, "big", &i) || json_int(t, "s", &i) ||
                 json_int(t, "x", &i));
    assert_true(json_bool(t, "b", &b) && b);
    assert_false(json_bool(t, "i", &b));
    assert_non_null(json_object(t, "o"));
    assert_null(json_object(t, "a"));
    assert_non_null(json_array(t, "a"));
    assert_null(json_array(t, "o"));
    assert_null(json_string(NULL, "s"));
    assert_null(json_string(json_array(t, "a"), "s"));
    cJSON_Delete(t);
}

static void quoting_reads_back(void **state)
{
    struct buf b = {0};
    json_quote(&b, slice_of("a\"\\\n\x01\x7f\xc3\xa9\xff\0z", 11));
    assert_string_equal((char *)b.data,
                        "\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa9\xef\xbf\xbd\\u0000z\"");
    buf_clear(&b);
    json_quote(&b, slice_str("\xed\xa0\x80 tab\t"));
    assert_int_equal(parse((char *)b.data, NULL), SHOAL_OK);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_are_taken),
        cmocka_unit_test(invalid_texts_are_refused),
        cmocka_unit_test(duplicate_keys_are_refused),
        cmocka_unit_test(duplicates_are_found_in_objects_of_any_size),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(large_documents_are_quick),
        cmocka_unit_test(errors_name_line_and_column),
        cmocka_unit_test(paths_are_located),
        cmocka_unit_test(raw_integers_are_exact),
        cmocka_unit_test(members_are_typed),
        cmocka_unit_test(quoting_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
