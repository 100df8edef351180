#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/plan/option.h"
#include "core/util/clock.h"
#include "core/util/error.h"

struct inner {
    double share;
    int32_t count;
};

struct sample {
    const char *text, *secret, *url, *path, *amount;
    bool flag;
    int64_t integer, duration, size;
    double number, share, rate;
    int choice;
    struct distribution think, many, money, real;
    struct option_strings names;
    struct inner inner;
    struct option_list list;
};

static const char *const colours[] = {"red", "green", "blue", NULL};

static const struct option inner_options[] = {
    {"share", OPTION_SHARE, OPTION_FIELD(struct inner, share), .default_text = "0.5",
     .help = "A share"},
    {"count", OPTION_INTEGER, OPTION_FIELD(struct inner, count), .min = -5, .max = 100,
     .help = "A narrow integer"},
};
static const struct option_table inner_table = OPTION_TABLE_OF(struct inner, inner_options);

#define FIELD(field) OPTION_FIELD(struct sample, field)
static const struct option sample_options[] = {
    {"text", OPTION_STRING, FIELD(text), .default_text = "23", .help = "A string"},
    {"secret", OPTION_SECRET, FIELD(secret), .help = "A secret"},
    {"url", OPTION_URL, FIELD(url), .flags = OPTION_EMBEDDED, .default_text = "embedded",
     .help = "An URL"},
    {"path", OPTION_PATH, FIELD(path), .flags = OPTION_EXISTS, .help = "A path"},
    {"amount", OPTION_AMOUNT, FIELD(amount), .help = "An amount"},
    {"flag", OPTION_BOOL, FIELD(flag), .default_text = "true", .help = "A flag"},
    {"integer", OPTION_INTEGER, FIELD(integer), .min = 1, .max = 10, .default_text = "5",
     .unit = "pieces", .help = "An integer"},
    {"duration", OPTION_DURATION, FIELD(duration), .default_text = "30s", .max = 3600e9,
     .help = "A duration"},
    {"size", OPTION_SIZE, FIELD(size), .default_text = "1MiB", .help = "A size"},
    {"number", OPTION_NUMBER, FIELD(number), .min = -1, .help = "A number"},
    {"share", OPTION_SHARE, FIELD(share), .help = "A share"},
    {"rate", OPTION_RATE, FIELD(rate), .help = "A rate"},
    {"choice", OPTION_ENUM, FIELD(choice), .values = colours, .help = "A colour"},
    {"think", OPTION_DISTRIBUTION, FIELD(think), .base = DISTRIBUTION_DURATION, .help = "A pause"},
    {"many", OPTION_DISTRIBUTION, FIELD(many), .base = DISTRIBUTION_INTEGER, .max = 1000,
     .help = "How many"},
    {"money", OPTION_DISTRIBUTION, FIELD(money), .base = DISTRIBUTION_AMOUNT, .help = "How much"},
    {"real", OPTION_DISTRIBUTION, FIELD(real), .base = DISTRIBUTION_NUMBER, .min = -1e9,
     .help = "A number"},
    {"names", OPTION_STRINGS, FIELD(names), .max = 3, .help = "Names"},
    {"inner", OPTION_TABLE, FIELD(inner), .table = &inner_table, .help = "A table"},
    {"list", OPTION_LIST, FIELD(list), .table = &inner_table, .max = 3, .help = "A list"},
};
static const struct option_table sample_table = OPTION_TABLE_OF(struct sample, sample_options);

/* One binding, with all it leaves. */
struct bound {
    struct arena *arena;
    struct plan_errors errors;
    struct sample sample;
    cJSON *object, *resolved;
    int error;
};

static struct bound bind(const char *json)
{
    struct bound b = {.arena = arena_new()};
    struct option_binder binder = {b.arena, &b.errors};
    assert_int_equal(json_parse(&b.object, slice_str(json), NULL), SHOAL_OK);
    b.resolved = cJSON_CreateObject();
    b.error = options_bind(&binder, &sample_table, b.object, "o", &b.sample, b.resolved);
    assert_true((b.error != 0) == (b.errors.count > 0));
    return b;
}

static void drop(struct bound *b)
{
    cJSON_Delete(b->object);
    cJSON_Delete(b->resolved);
    plan_errors_free(&b->errors);
    arena_free(b->arena);
}

static void defaults_fill_every_field(void **state)
{
    struct bound b = bind("{}");
    assert_int_equal(b.error, SHOAL_OK);
    assert_string_equal(b.sample.text, "23"); /* a string's default stays one */
    assert_null(b.sample.secret);
    assert_true(option_is_embedded(b.sample.url));
    assert_true(b.sample.flag);
    assert_int_equal(b.sample.integer, 5);
    assert_int_equal(b.sample.duration, 30 * NS_PER_S);
    assert_int_equal(b.sample.size, 1 << 20);
    assert_int_equal(b.sample.choice, 0);
    assert_true(b.sample.inner.share == 0.5);
    assert_int_equal(b.sample.inner.count, 0);
    assert_int_equal(b.sample.names.count, 0);
    char *text = cJSON_PrintUnformatted(b.resolved);
    assert_string_equal(text, "{\"text\":\"23\",\"url\":\"embedded\",\"flag\":true,\"integer\":5,"
                              "\"duration\":\"30s\",\"size\":\"1MiB\",\"inner\":{\"share\":0.5}}");
    cJSON_free(text);
    drop(&b);
}

static void given_values_reach_their_fields(void **state)
{
    struct bound b = bind(
        "{\"text\":\"x\",\"secret\":\"hunter2\",\"url\":\"https://[::1]:8443/base/\","
        "\"amount\":\"EUR:5.01\",\"flag\":false,\"integer\":10,\"duration\":\"1m\",\"size\":4096,"
        "\"number\":-0.5,\"share\":1,\"rate\":\"3000/min\",\"choice\":\"blue\","
        "\"names\":[\"a\",\"b\"],\"inner\":{\"count\":-5},\"list\":[{\"count\":1},{\"share\":0}]}");
    assert_int_equal(b.error, SHOAL_OK);
    assert_string_equal(b.sample.text, "x");
    assert_string_equal(b.sample.secret, "hunter2");
    assert_string_equal(b.sample.url, "https://[::1]:8443/base/");
    assert_string_equal(b.sample.amount, "EUR:5.01");
    assert_false(b.sample.flag);
    assert_int_equal(b.sample.integer, 10);
    assert_int_equal(b.sample.duration, 60 * NS_PER_S);
    assert_int_equal(b.sample.size, 4096);
    assert_true(b.sample.number == -0.5 && b.sample.share == 1 && b.sample.rate == 50);
    assert_int_equal(b.sample.choice, 2);
    assert_int_equal(b.sample.names.count, 2);
    assert_string_equal(b.sample.names.items[1], "b");
    assert_null(b.sample.names.items[2]);
    assert_int_equal(b.sample.inner.count, -5);
    const struct inner *list = b.sample.list.items;
    assert_int_equal(b.sample.list.count, 2);
    assert_true(list[0].count == 1 && list[0].share == 0.5 && list[1].share == 0);
    assert_string_equal(json_string(b.resolved, "secret"), "***");
    drop(&b);
}

static void distributions_are_read(void **state)
{
    struct bound b =
        bind("{\"think\":{\"exponential\":\"1s\"},\"many\":{\"zipf\":{\"n\":1000,\"s\":1.1}},"
             "\"money\":{\"uniform\":[\"EUR:1\",\"EUR:9.50\"]},"
             "\"real\":{\"choice\":[[-1.5,1],[2,3]]}}");
    assert_int_equal(b.error, SHOAL_OK);
    assert_int_equal(b.sample.think.kind, DISTRIBUTION_EXPONENTIAL);
    assert_true(b.sample.think.a == 1e9);
    assert_int_equal(b.sample.many.kind, DISTRIBUTION_ZIPF);
    assert_true(b.sample.many.zipf.n == 1000 && b.sample.many.high == 1000);
    assert_string_equal(b.sample.money.currency, "EUR");
    assert_true(b.sample.money.a == 1e8 && b.sample.money.b == 9.5e8);
    assert_true(b.sample.money.step == 1e6); /* cents: as written */
    assert_int_equal(b.sample.real.choice_count, 2);
    assert_true(b.sample.real.choices[1].until == 4 && b.sample.real.low == -1e9);
    drop(&b);
    b = bind("{\"think\":\"250ms\",\"many\":7,\"money\":\"KUDOS:0.1\",\"real\":-2,"
             "\"number\":1e300}");
    assert_int_equal(b.error, SHOAL_OK);
    assert_true(b.sample.think.kind == DISTRIBUTION_FIXED && b.sample.think.a == 250e6);
    assert_true(b.sample.many.a == 7 && b.sample.money.a == 1e7 && b.sample.real.a == -2);
    drop(&b);
    b = bind("{\"money\":{\"uniform\":[1,\"2.5\"]},\"amount\":10}"); /* the target's currency */
    assert_int_equal(b.error, SHOAL_OK);
    assert_string_equal(b.sample.money.currency, "");
    assert_true(b.sample.money.a == 1e8 && b.sample.money.step == 1e7);
    assert_string_equal(b.sample.amount, "10");
    drop(&b);
    b = bind("{\"think\":{\"normal\":[\"2s\",\"1s\"]},\"many\":{\"uniform\":[3,3]}}");
    assert_int_equal(b.error, SHOAL_OK);
    assert_true(b.sample.think.a == 2e9 && b.sample.think.b == 1e9);
    drop(&b);
}

/* One line for every way a value can be wrong: the sentence has to say what would be right. */
static const struct {
    const char *json, *sentence;
} wrong_rows[] = {
    {"{\"text\":5}", "o.text: 5 is not a string; write it in double quotes"},
    {"{\"secret\":5}", "o.secret: the value is not a string; write it as {\"env\""},
    {"{\"secret\":\"***\"}", "o.secret: the secret was hidden when this plan was written"},
    {"{\"secret\":{\"env\":\"SHOAL_TEST_NOT_SET\"}}",
     "o.secret: the environment variable SHOAL_TEST_NOT_SET is not set"},
    {"{\"secret\":{\"file\":\"/nonexistent/x\"}}",
     "o.secret: the file /nonexistent/x cannot be read: No such file"},
    {"{\"text\":{\"file\":\"/tmp\"}}", "o.text: the file /tmp cannot be read: Is a directory"},
    {"{\"text\":{\"env\":\"A\",\"file\":\"B\"}}", "is not a string"},
    {"{\"url\":\"localhost:80\"}", "o.url: \"localhost:80\" is not a base URL: it has to begin"},
    {"{\"url\":\"http://\"}", "it names no host"},
    {"{\"url\":\"http://:80/\"}", "it names no host"},
    {"{\"url\":\"http://h:0/\"}", "the port is not a number from 1 to 65535"},
    {"{\"url\":\"http://h:70000/\"}", "the port is not"},
    {"{\"url\":\"http://h:8x/\"}", "the port is not"},
    {"{\"url\":\"http://h/?a\"}", "a base URL has no ?"},
    {"{\"url\":\"http://h?a\"}", "a base URL has no ?"},
    {"{\"url\":\"http://h/a b\"}", "a character that no URL has"},
    {"{\"url\":\"http://[::1/\"}", "no closing ]"},
    {"{\"url\":\"http://[::1]x/\"}", "something behind the host"},
    {"{\"url\":\"http://me:hunter2@h/\"}", "o.url: the value is not a base URL: a name and"},
    {"{\"url\":\"ftp://h/\"}", "or \"embedded\""},
    {"{\"path\":\"/nonexistent/y\"}", "o.path: the file /nonexistent/y cannot be read"},
    {"{\"path\":\"\"}", "o.path: \"\" is not a path"},
    {"{\"amount\":\"EUR5\"}", "o.amount: \"EUR5\" is not an amount; write it as \"5.01\""},
    {"{\"amount\":\"EUR:5.123456789\"}", "is not an amount"},
    {"{\"amount\":\"EUR:4503599627370497\"}", "is not an amount"},
    {"{\"amount\":\"EUROEUROEURO:1\"}", "is not an amount"},
    {"{\"amount\":\"EUR:1.\"}", "is not an amount"},
    {"{\"flag\":1}", "o.flag: 1 is not a yes or no; write true or false"},
    {"{\"integer\":1.5}", "o.integer: 1.5 is not a whole number; write it as 10"},
    {"{\"integer\":\"5\"}", "o.integer: \"5\" is not a whole number"},
    {"{\"integer\":0}", "o.integer: the value is too small; the least is 1"},
    {"{\"integer\":11}", "o.integer: the value is too large; the most is 10"},
    {"{\"duration\":30}", "o.duration: 30 is not a duration; write it as \"30s\""},
    {"{\"duration\":\"30 s\"}", "\"30 s\" is not a duration"},
    {"{\"duration\":\"2h\"}", "the value is too large; the most is 1h"},
    {"{\"size\":\"1.5B\"}", "is not a size; write it as \"1MiB\""},
    {"{\"size\":-1}", "too small"},
    {"{\"size\":\"1mb\"}", "is not a size"},
    {"{\"number\":-2}", "the least is -1"},
    {"{\"share\":1.1}", "o.share: the value is too large; the most is 1"},
    {"{\"share\":-0.1}", "the least is 0"},
    {"{\"rate\":\"50\"}", "o.rate: \"50\" is not a rate; write it as \"50/s\""},
    {"{\"rate\":\"50/x\"}", "is not a rate"},
    {"{\"rate\":\"inf/s\"}", "is not a rate"},
    {"{\"rate\":-1}", "the least is 0/s"},
    {"{\"choice\":\"gren\"}",
     "o.choice: \"gren\" is not one of the values; did you mean \"green\"?"},
    {"{\"choice\":3}",
     "o.choice: 3 is not one of the values; write one of \"red\", \"green\", \"blue\""},
    {"{\"think\":5}", "o.think: 5 is not a duration such as \"30s\""},
    {"{\"think\":[1]}", "is not a duration such as \"30s\""},
    {"{\"think\":{\"uniform\":[\"1s\"]}}",
     "is not a list of two values; write {\"uniform\": [least, most]}"},
    {"{\"think\":{\"uniform\":[\"2s\",\"1s\"]}}", "is not ordered; write the smaller value first"},
    {"{\"think\":{\"exponental\":\"1s\"}}",
     "o.think.exponental: there is no such distribution; did you mean \"exponential\"?"},
    {"{\"think\":{\"zipf\":{\"n\":10,\"s\":1}}}", "a zipf distribution draws whole numbers only"},
    {"{\"think\":{}}", "is not a duration such as \"30s\" and not a distribution"},
    {"{\"many\":{\"zipf\":{\"n\":0,\"s\":1}}}", "with n from 1"},
    {"{\"many\":{\"zipf\":{\"n\":10,\"s\":0}}}", "with s above 0"},
    {"{\"many\":{\"zipf\":{\"n\":10}}}", "write {\"zipf\": {\"n\": 1000, \"s\": 1.1}}"},
    {"{\"many\":{\"zipf\":{\"n\":1001,\"s\":1}}}", "the most is 1000"},
    {"{\"many\":{\"choice\":[]}}", "is not a list of choices"},
    {"{\"many\":{\"choice\":[[1,0]]}}", "0 is not a weight"},
    {"{\"many\":{\"choice\":[[1.5,1]]}}", "1.5 is not a whole number"},
    {"{\"many\":1e99}", "is not a whole number"},
    {"{\"many\":-1}", "the least is 0"},
    {"{\"real\":{\"exponential\":-1}}", "-1 is not a mean of 0 or more"},
    {"{\"money\":{\"uniform\":[\"EUR:1\",\"USD:2\"]}}", "\"USD:2\" is not in the same currency"},
    {"{\"money\":{\"uniform\":[1,\"EUR:2\"]}}", "\"EUR:2\" is not in the same currency"},
    {"{\"money\":\"EUR:90071993\"}", "is not an amount that can be drawn"},
    {"{\"names\":\"a\"}", "o.names: \"a\" is not a list of strings"},
    {"{\"names\":[1]}", "o.names: 1 is not a list of strings"},
    {"{\"names\":[\"a\",\"b\",\"c\",\"d\"]}", "the most is 3"},
    {"{\"inner\":5}", "o.inner: this is not an object"},
    {"{\"inner\":{\"shar\":1}}", "o.inner.shar: there is no such key; did you mean \"share\"?"},
    {"{\"list\":{}}", "o.list: this is not a list"},
    {"{\"list\":[1]}", "o.list.0: this is not an object"},
    {"{\"list\":[{},{},{},{}]}", "the most is 3"},
    {"{\"list\":[{},{\"count\":101}]}", "o.list.1.count: the value is too large; the most is 100"},
    {"{\"qqqqqqqq\":1}", "o.qqqqqqqq: there is no such key; known here: text, secret,"},
    {"5", "o: this is not an object"},
};

static void wrong_values_are_refused_with_a_remedy(void **state)
{
    for (size_t i = 0; i < sizeof wrong_rows / sizeof wrong_rows[0]; i++) {
        struct bound b = bind(wrong_rows[i].json);
        assert_int_equal(b.error, SHOAL_E_BAD_INPUT);
        assert_int_equal(b.errors.count, 1);
        if (!strstr(b.errors.lines[0], wrong_rows[i].sentence))
            fail_msg("%s: \"%s\" is not in \"%s\"", wrong_rows[i].json, wrong_rows[i].sentence,
                     b.errors.lines[0]);
        drop(&b);
    }
}

static void null_means_not_given(void **state)
{
    struct bound b = bind("{\"integer\":null,\"inner\":null,\"secret\":null}");
    assert_int_equal(b.error, SHOAL_OK);
    assert_int_equal(b.sample.integer, 5);
    assert_true(b.sample.inner.share == 0.5);
    assert_null(b.sample.secret);
    drop(&b);
}

static void references_are_read_and_kept(void **state)
{
    char path[] = "/tmp/shoal-test-option-XXXXXX", json[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "from file\r\n", 11), 11);
    close(fd);
    setenv("SHOAL_TEST_SECRET", "from env", 1);
    snprintf(json, sizeof json,
             "{\"secret\":{\"env\":\"SHOAL_TEST_SECRET\"},\"text\":{\"file\":\"%s\"}}", path);
    struct bound b = bind(json);
    unlink(path);
    assert_int_equal(b.error, SHOAL_OK);
    assert_string_equal(b.sample.secret, "from env");
    assert_string_equal(b.sample.text, "from file");
    assert_string_equal(json_string(json_object(b.resolved, "secret"), "env"), "SHOAL_TEST_SECRET");
    assert_string_equal(json_string(json_object(b.resolved, "text"), "file"), path);
    drop(&b);
    b = bind("{\"url\":{\"env\":\"SHOAL_TEST_SECRET\"}}"); /* its value is never shown */
    assert_int_equal(b.errors.count, 1);
    assert_null(strstr(b.errors.lines[0], "from env"));
    drop(&b);
    unsetenv("SHOAL_TEST_SECRET");
}

static void many_errors_are_counted(void **state)
{
    struct buf json = {0};
    for (int i = 0; i < PLAN_ERRORS_MAX + 5; i++)
        buf_printf(&json, "%s\"x%d\":1", i ? "," : "{", i);
    buf_char(&json, '}');
    struct bound b = bind((const char *)json.data);
    assert_int_equal(b.errors.count, PLAN_ERRORS_MAX);
    assert_int_equal(b.errors.more, 5);
    drop(&b);
    buf_free(&json);
}

static void sets_work_without_a_plan(void **state)
{
    struct arena *arena = arena_new();
    struct plan_errors errors = {0};
    struct sample s;
    const char *const good[] = {"integer=3", "integer=4", "inner.count=7", "text=hello=1",
                                "think={\"exponential\":\"1s\"}"};
    assert_int_equal(options_from_sets(&sample_table, good, 5, arena, &s, &errors), SHOAL_OK);
    assert_int_equal(s.integer, 4);
    assert_int_equal(s.inner.count, 7);
    assert_string_equal(s.text, "hello=1");
    assert_int_equal(s.think.kind, DISTRIBUTION_EXPONENTIAL);
    static const struct {
        const char *set, *sentence;
    } bad[] = {
        {"intege=3", "--set intege: there is no such key; did you mean \"integer\"?"},
        {"integer=30", "--set integer: the value is too large; the most is 10"},
        {"integer", "--set integer: write it as path=value"},
        {"=3", "write it as path=value"},
        {"a..b=3", "--set a..b: the path has an empty part"},
        {"inner=5", "--set inner: this is not an object"},
        {"inner={\"count\":500}", "--set inner: inner.count: the value is too large"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int error = options_from_sets(&sample_table, &bad[i].set, 1, arena, &s, &errors);
        assert_int_equal(error, SHOAL_E_BAD_INPUT);
        assert_int_equal(errors.count, 1);
        assert_non_null(strstr(errors.lines[0], bad[i].sentence));
        plan_errors_free(&errors);
    }
    arena_free(arena);
}

static void texts_can_be_replaced_by_name(void **state)
{
    struct sample s = {.url = "embedded"};
    assert_string_equal(option_text(&sample_table, &s, "url"), "embedded");
    option_set_text(&sample_table, &s, "url", "http://127.0.0.1:1/");
    assert_string_equal(s.url, "http://127.0.0.1:1/");
    assert_ptr_equal(option_find(&sample_table, "inner.count"), &inner_options[1]);
    assert_null(option_find(&sample_table, "inner.nothing"));
    assert_null(option_find(&sample_table, "text.count"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_every_field),
        cmocka_unit_test(given_values_reach_their_fields),
        cmocka_unit_test(distributions_are_read),
        cmocka_unit_test(wrong_values_are_refused_with_a_remedy),
        cmocka_unit_test(null_means_not_given),
        cmocka_unit_test(references_are_read_and_kept),
        cmocka_unit_test(many_errors_are_counted),
        cmocka_unit_test(sets_work_without_a_plan),
        cmocka_unit_test(texts_can_be_replaced_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
