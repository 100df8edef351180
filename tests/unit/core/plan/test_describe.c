#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/plan/describe.h"
#include "core/util/error.h"

struct toy {
    const char *target, *password;
    struct distribution amount;
    struct {
        double share;
    } faults;
};

struct toy_faults {
    double share;
};
static const struct option fault_options[] = {
    {"share", OPTION_SHARE, OPTION_FIELD(struct toy_faults, share), .default_text = "0",
     .help = "Share of requests that fail"},
};
static const struct option_table fault_table = OPTION_TABLE_OF(struct toy_faults, fault_options);

#define FIELD(field) OPTION_FIELD(struct toy, field)
static const struct option toy_options[] = {
    {"target", OPTION_URL, FIELD(target), .flags = OPTION_EMBEDDED, .default_text = "embedded",
     .help = "Base URL of a | b"},
    {"password", OPTION_SECRET, FIELD(password), .flags = OPTION_REQUIRED, .help = "The password"},
    {"amount", OPTION_DISTRIBUTION, FIELD(amount), .base = DISTRIBUTION_AMOUNT,
     .default_text = "EUR:1",
     .help = "What one payment is worth, in a sentence that is too long for one line of text"},
    {"faults", OPTION_TABLE, FIELD(faults), .table = &fault_table, .help = "What goes wrong"},
};
static const struct option_table toy_table = OPTION_TABLE_OF(struct toy, toy_options);
static const struct plan_simulator simulators[] = {{"toy-client", &toy_table, NULL}};
static const struct plan_catalog catalog = {.simulators = simulators, .count = 1};

static void text_has_every_option_and_fits(void **state)
{
    struct buf out = {0};
    describe_text(&out, &toy_table);
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "  target  (URL or embedded; default embedded)\n"));
    assert_non_null(strstr(text, "  password  (secret string; required)\n"));
    assert_non_null(strstr(text, "  amount  (amount or a distribution; default EUR:1)\n"));
    assert_non_null(strstr(text, "  faults.share  (share (0 to 1); default 0)\n"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    buf_free(&out);
}

static void markdown_rows_have_four_cells(void **state)
{
    struct buf out = {0};
    describe_plan_page(&out, &catalog);
    const char *text = (const char *)out.data;
    size_t rows = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        size_t bars = 0, len = strcspn(line, "\n");
        if (line[0] != '|' || line[2] != '`')
            continue;
        for (size_t i = 0; i < len; i++)
            bars += line[i] == '|' && line[i - 1] != '\\';
        assert_int_equal(bars, 5);
        rows++;
    }
    assert_true(rows > 40);
    assert_non_null(
        strstr(text, "| `target` | URL or embedded | `embedded` | Base URL of a \\| b |"));
    assert_non_null(strstr(text, "| `clients` | integer, 1 to 100000000 | required |"));
    assert_non_null(strstr(text, "| `thresholds` | empty list | `[]` |"));
    assert_non_null(strstr(text, "| `purge` | `\"every-iteration\", \"never\", {"));
    assert_non_null(strstr(text, "| `faults.share` |"));
    assert_non_null(strstr(text, "| `stages[].duration` |"));
    assert_non_null(strstr(text, "| `dns.ttl` | duration | `30s` |"));
    assert_non_null(strstr(text, "## Options of `toy-client`"));
    buf_free(&out);
}

/* Every "$ref" must lead somewhere. */
static void check_references(const cJSON *schema, const cJSON *defs, int *count)
{
    const cJSON *child;
    const char *target = json_string(schema, "$ref");
    if (target) {
        assert_memory_equal(target, "#/$defs/", 8);
        assert_non_null(json_object(defs, target + 8));
        ++*count;
    }
    cJSON_ArrayForEach(child, schema)
    {
        check_references(child, defs, count);
    }
}

static void the_schema_is_whole(void **state)
{
    struct buf out = {0};
    cJSON *schema;
    int references = 0;
    describe_schema(&out, &catalog);
    assert_int_equal(json_parse(&schema, buf_slice(&out), NULL), SHOAL_OK);
    assert_string_equal(json_string(schema, "$schema"),
                        "https://json-schema.org/draft/2020-12/schema");
    check_references(schema, json_object(schema, "$defs"), &references);
    assert_true(references > 30);
    const cJSON *list = json_object(json_object(schema, "properties"), "scenarios");
    const cJSON *scenario = json_object(list, "items");
    assert_non_null(json_object(json_object(scenario, "properties"), "load"));
    const cJSON *rule = cJSON_GetArrayItem(json_array(scenario, "allOf"), 0);
    const cJSON *options =
        json_object(json_object(json_object(rule, "then"), "properties"), "options");
    const cJSON *password = json_object(json_object(options, "properties"), "password");
    assert_string_equal(json_string(password, "description"), "The password");
    assert_string_equal(cJSON_GetArrayItem(json_array(options, "required"), 0)->valuestring,
                        "password");
    cJSON_Delete(schema);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_every_option_and_fits),
        cmocka_unit_test(markdown_rows_have_four_cells),
        cmocka_unit_test(the_schema_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
