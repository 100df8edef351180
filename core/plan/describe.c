#include "core/plan/describe.h"

#include <stdio.h>

#include "core/plan/plan_part.h"

#define WIDTH 80
#define INDENT 6

/* Words, broken before WIDTH, every line indented. */
static void put_wrapped(struct buf *out, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (column == 0 || column + 1 + len > WIDTH) {
            buf_printf(out, "%s%*s", column ? "\n" : "", INDENT, "");
            column = INDENT;
        } else {
            buf_char(out, ' ');
            column++;
        }
        buf_put(out, text, len);
        column += len;
        text += len + strspn(text + len, " ");
    }
    buf_char(out, '\n');
}

static void put_default(struct buf *out, const struct option *o)
{
    if (o->flags & OPTION_REQUIRED)
        buf_str(out, "required");
    else if (o->default_text)
        buf_printf(out, "default %s", o->default_text);
    else
        buf_str(out, "optional");
}

static void describe_under(struct buf *out, const struct option_table *table, const char *prefix)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option *o = &table->options[i];
        char name[PLAN_PATH_MAX];
        snprintf(name, sizeof name, "%s%s", prefix, o->name);
        if (o->type == OPTION_TABLE || o->type == OPTION_LIST) {
            char inner[PLAN_PATH_MAX + 8];
            snprintf(inner, sizeof inner, "%s%s.", name, o->type == OPTION_LIST ? ".N" : "");
            describe_under(out, o->table, inner);
            continue;
        }
        buf_printf(out, "  %s  (", name);
        option_type_text(out, o);
        buf_str(out, "; ");
        put_default(out, o);
        buf_str(out, ")\n");
        put_wrapped(out, o->help);
    }
}

void describe_text(struct buf *out, const struct option_table *table)
{
    describe_under(out, table, "");
}

/* A cell must not end the cell: | is escaped, also inside code. */
static void put_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_char(out, '\\');
        buf_char(out, *text);
    }
}

static void put_row(struct buf *out, const struct option *o, const char *name)
{
    struct buf type = {0};
    option_type_text(&type, o);
    bool code = strpbrk((const char *)type.data, "{\"") != NULL; /* a shape, not words */
    buf_printf(out, "| `%s` | %s", name, code ? "`" : "");
    put_cell(out, (const char *)type.data);
    if (code)
        buf_char(out, '`');
    buf_str(out, " | ");
    if (o->flags & OPTION_REQUIRED) {
        buf_str(out, "required");
    } else if (o->default_text) {
        buf_char(out, '`');
        put_cell(out, o->default_text);
        buf_char(out, '`');
    }
    buf_str(out, " | ");
    put_cell(out, o->help);
    buf_str(out, " |\n");
    buf_free(&type);
}

/* `sections`: tables that have a heading of their own stay one row. */
static void put_rows(struct buf *out, const struct option_table *table, const char *prefix,
                     bool sections)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option *o = &table->options[i];
        char name[PLAN_PATH_MAX], inner[PLAN_PATH_MAX + 8];
        bool own = sections && (o->table == &plan_scenario_table || o->table == &plan_load_table);
        snprintf(name, sizeof name, "%s%s", prefix, o->name);
        snprintf(inner, sizeof inner, "%s%s.", name, o->type == OPTION_LIST ? "[]" : "");
        if (!o->table || own || o->type == OPTION_LIST)
            put_row(out, o, name);
        if (o->table && !own)
            put_rows(out, o->table, inner, sections);
    }
}

static void put_table(struct buf *out, const struct option_table *table, bool sections)
{
    buf_str(out, "| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
    put_rows(out, table, "", sections);
}

static const char page_head[] =
    "# Plan reference\n"
    "\n"
    "<!-- Generated from the option tables. Change those, not this page. -->\n"
    "\n"
    "A plan is one JSON file. `--set path=value` changes it from the command line, from left to\n"
    "right; the path is dotted, a scenario is named by its number (from 0) or its name, and the\n"
    "value is JSON if it parses, else a string. Then come `--clients` and `--duration` (of every\n"
    "scenario), `--seed` and `--lanes`. An unknown key, a wrong type or unit, or an impossible\n"
    "value is refused with its place, and nothing starts. The value `null` means \"not given\".\n"
    "\n"
    "## How values are written\n"
    "\n"
    "| type | written as |\n"
    "| --- | --- |\n"
    "| string, URL, path | in double quotes; or `{\"env\": \"NAME\"}`, `{\"file\": \"PATH\"}` |\n"
    "| secret string | the same; shown as `***` in everything that is written |\n"
    "| path | relative to the plan's folder; with `--set` to the current folder |\n"
    "| duration | a number and a unit: `\"30s\"`, `\"1500ms\"`, `\"2m30s\"`; units d, h, m, s, ms, "
    "us, "
    "ns |\n"
    "| rate | `\"50/s\"`, `\"3000/min\"`, `\"9/h\"`; a number is per second |\n"
    "| size | `\"1MiB\"`, `\"64kB\"`; a number is bytes |\n"
    "| amount | `\"EUR:5.01\"`, or `\"5.01\"` in the currency of the target |\n"
    "| distribution | one value is always that value; else `{\"uniform\": [least, most]}`, "
    "`{\"exponential\": mean}`, `{\"normal\": [mean, deviation]}`, "
    "`{\"zipf\": {\"n\": 1000, \"s\": 1.1}}`, `{\"choice\": [[value, weight], ...]}` |\n"
    "\n"
    "What a distribution draws is cut to the key's range. Amounts are drawn in steps of the\n"
    "smallest digit written: between `\"EUR:1\"` and `\"EUR:9\"` whole EUR, with `\"EUR:1.00\"` "
    "cents.\n"
    "Zipf draws 1 to n, k with a probability proportional to 1/k^s.\n";

void describe_plan_page(struct buf *out, const struct plan_catalog *catalog)
{
    buf_str(out, page_head);
    buf_str(out, "\n## Plan\n\n");
    put_table(out, &plan_table, true);
    buf_str(out, "\n## Scenario: `scenarios[]`\n\n");
    put_table(out, &plan_scenario_table, true);
    buf_str(out, "\n## Load: `scenarios[].load`\n\n");
    put_table(out, &plan_load_table, true);
    for (size_t i = 0; i < catalog->count; i++) {
        buf_printf(out, "\n## Options of `%s`: `scenarios[].options`\n\n",
                   catalog->simulators[i].name);
        put_table(out, catalog->simulators[i].options, false);
    }
}
