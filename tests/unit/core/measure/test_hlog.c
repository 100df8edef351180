/* HdrHistogram logs: texts that other implementations wrote, and our own read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/measure/hlog.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/random.h"

/* Written by HdrHistogram_c for (1, 3,600,000,000, 3): 1,000 ten thousand times and 100,000,000
 * once; from the tests of the HdrHistogram project's Python port. */
#define FROM_C "HISTFAAAACl4nJNpmSzMwMBgyAABzFCaEURcm7yEwf4DROA8/4I5jNM7mJgAlWkH9g=="
/* Written by the Java implementation for (1, 2,048, 3): 2,048 once. */
#define FROM_JAVA "HISTFAAAACB4nJNpmSzMwMDAzAABMJoRQnEw2H+AsP7LMwEARZgDpQ=="

static void texts_of_other_implementations_decode(void **state)
{
    struct histogram h;
    histogram_init(&h, true);
    assert_int_equal(hlog_decode(slice_str(FROM_C), &h), 0);
    assert_int_equal(h.count, 10001);
    assert_int_equal(histogram_percentile(&h, 50), 1000);
    assert_int_equal(h.min_ns, 1000);
    assert_true(histogram_index(h.max_ns) == histogram_index(100000000));
    int index = -1;
    uint64_t count;
    assert_true(histogram_next(&h, &index, &count) && index == 1000 && count == 10000);
    assert_true(histogram_next(&h, &index, &count) && index == histogram_index(100000000));
    assert_int_equal(count, 1);
    assert_false(histogram_next(&h, &index, &count));
    histogram_clear(&h);
    assert_int_equal(hlog_decode(slice_str(FROM_JAVA), &h), 0);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.min_ns, 2048);
    assert_int_equal(h.max_ns, 2049);
    histogram_free(&h);
}

static void a_published_log_reads_as_its_own_tests_say(void **state)
{
    FILE *log = fopen("tests/vectors/hdrhistogram/jHiccup-2.0.7S.logV2.hlog", "r");
    char line[8192];
    struct histogram h;
    int histograms = 0;
    assert_non_null(log);
    histogram_init(&h, true);
    while (fgets(line, sizeof line, log)) {
        struct hlog_entry entry;
        int kind = hlog_parse_line(slice_str(line), &entry);
        assert_true(kind >= 0);
        if (kind == 0)
            continue;
        if (histograms++ == 0) {
            assert_string_equal(entry.tag, "");
            assert_int_equal(entry.span.start_ns, 127 * NS_PER_MS);
            assert_int_equal(entry.span.length_ns, 1007 * NS_PER_MS);
        }
        assert_int_equal(hlog_decode(entry.histogram, &h), 0);
    }
    fclose(log);
    assert_int_equal(histograms, 62);
    assert_int_equal(h.count, 48761);
    assert_int_equal(h.max_ns, 1796210687);
    assert_int_equal(histogram_percentile(&h, 99.9), 1745879039);
    histogram_free(&h);
}

static void what_is_written_reads_back_bucket_for_bucket(void **state)
{
    struct hlog_writer *w = hlog_writer_new();
    struct rng r;
    struct rng_source source = {.seed = 3, .scenario = "hlog", .purpose = "values"};
    rng_init(&r, &source);
    for (int round = 0; round < 20; round++) {
        struct histogram h, back;
        struct buf text = {0};
        histogram_init(&h, true);
        histogram_init(&back, true);
        for (int i = 0; i < 1 << round; i++)
            histogram_record_many(&h, (int64_t)(rng_below(&r, HISTOGRAM_MAX_NS) >> (i % 41)),
                                  1 + (rng_below(&r, 1u << 20) << (i % 20)));
        hlog_line(w, &text, "wallets/step/pay", (struct hlog_span){5000 * NS_PER_MS, NS_PER_S}, &h);
        assert_int_equal(text.error, 0);
        struct hlog_entry entry;
        assert_int_equal(hlog_parse_line(buf_slice(&text), &entry), 1);
        assert_string_equal(entry.tag, "wallets/step/pay");
        assert_int_equal(entry.span.start_ns, 5 * NS_PER_S);
        assert_int_equal(entry.span.length_ns, NS_PER_S);
        assert_int_equal(hlog_decode(entry.histogram, &back), 0);
        assert_int_equal(back.count, h.count);
        int i = -1, j = -1;
        uint64_t x, y;
        while (histogram_next(&h, &i, &x)) {
            assert_true(histogram_next(&back, &j, &y));
            assert_int_equal(i, j);
            assert_int_equal(x, y);
        }
        assert_false(histogram_next(&back, &j, &y));
        assert_int_equal(histogram_index(back.max_ns), histogram_index(h.max_ns));
        histogram_free(&h);
        histogram_free(&back);
        buf_free(&text);
    }
    hlog_writer_free(w);
}

/* The beginning is what tools recognise the format by. */
static void a_text_begins_as_tools_expect_and_nothing_is_nothing(void **state)
{
    struct hlog_writer *w = hlog_writer_new();
    struct histogram h, back;
    struct buf text = {0};
    histogram_init(&h, false);
    histogram_init(&back, true);
    histogram_record(&h, 100);
    histogram_record(&h, 2500000);
    histogram_record(&h, HISTOGRAM_MAX_NS);
    hlog_encode(w, &text, &h);
    assert_memory_equal(text.data, "HISTFAAAA", 9);
    assert_int_equal(hlog_decode(buf_slice(&text), &back), 0);
    assert_int_equal(histogram_percentile(&back, 50), 2500607);
    buf_clear(&text);
    histogram_clear(&h);
    hlog_line(w, &text, "empty", (struct hlog_span){0, 0}, &h);
    assert_int_equal(text.len, 0);
    histogram_free(&h);
    histogram_free(&back);
    buf_free(&text);
    hlog_writer_free(w);
}

static void damaged_texts_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "HIST",
        "HISTFAAAACl4",
        "!!!!",
        "AAAAAAAAAAAAAAAA",
        "HISTFAAAACl4nJNpmSzMwMBgyAABzFCaEURcm7yEwf4DROA8/4I5jNM7mJgAlWkH9g",
        "HISTFAAAACl4nJNpmSzMwMBgyAABzFCaEURcm7yEwf4DROA8/4I5jNM7mJgAlWkH9Q==",
    };
    struct histogram h;
    histogram_init(&h, true);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(hlog_decode(slice_str(bad[i]), &h), SHOAL_E_CORRUPT);
    /* Every cut of a good text is damaged too. */
    for (size_t len = 0; len < sizeof FROM_C - 1; len++)
        assert_int_equal(hlog_decode(slice_of(FROM_C, len), &h), SHOAL_E_CORRUPT);
    struct hlog_entry entry;
    assert_int_equal(hlog_parse_line(slice_str("Tag=a,1.0,x,2.0,HIST"), &entry), SHOAL_E_CORRUPT);
    assert_int_equal(hlog_parse_line(slice_str("Tag=a,1.0,1.0"), &entry), SHOAL_E_CORRUPT);
    assert_int_equal(hlog_parse_line(slice_str("nonsense"), &entry), SHOAL_E_CORRUPT);
    assert_int_equal(hlog_parse_line(slice_str("#[comment]"), &entry), 0);
    histogram_free(&h);
}

static void tags_survive_any_name(void **state)
{
    static const char *const names[] = {"POST withdraw", "GET /keys", "a,b%20\n\"c", "plain",
                                        "\xc3\xbc"};
    char tag[128], back[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        hlog_escape(names[i], tag, sizeof tag);
        assert_null(strpbrk(tag, " ,/\r\n"));
        assert_string_equal(hlog_unescape(slice_str(tag), back, sizeof back), names[i]);
    }
    assert_string_equal(hlog_escape("POST withdraw", tag, sizeof tag), "POST%20withdraw");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_other_implementations_decode),
        cmocka_unit_test(a_published_log_reads_as_its_own_tests_say),
        cmocka_unit_test(what_is_written_reads_back_bucket_for_bucket),
        cmocka_unit_test(a_text_begins_as_tools_expect_and_nothing_is_nothing),
        cmocka_unit_test(damaged_texts_are_refused),
        cmocka_unit_test(tags_survive_any_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
