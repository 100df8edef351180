/* JSON Schema (draft 2020-12) of plans, for editors. */
#include <stdio.h>

#include "core/plan/describe.h"
#include "core/plan/option_value.h"
#include "core/plan/plan_part.h"
#include "core/util/clock.h"
#include "core/util/log.h"

#define REFERENCE                                                           \
    "{\"type\":\"object\",\"properties\":{\"env\":{\"type\":\"string\"}},"  \
    "\"required\":[\"env\"],\"additionalProperties\":false},"               \
    "{\"type\":\"object\",\"properties\":{\"file\":{\"type\":\"string\"}}," \
    "\"required\":[\"file\"],\"additionalProperties\":false}"

/* What several options share. */
static const struct {
    const char *name, *schema;
} definitions[] = {
    {"text", "{\"oneOf\":[{\"type\":\"string\"}," REFERENCE "]}"},
    {"url", "{\"oneOf\":[{\"type\":\"string\",\"pattern\":\"^https?://[^@?#]+$\"}," REFERENCE "]}"},
    {"url_or_embedded", "{\"oneOf\":[{\"const\":\"embedded\"},{\"$ref\":\"#/$defs/url\"}]}"},
    {"duration",
     "{\"type\":\"string\",\"pattern\":\"^([0-9]+(\\\\.[0-9]+)?(d|h|m|s|ms|us|ns))+$\"}"},
    {"rate", "{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"string\","
             "\"pattern\":\"^[0-9]+(\\\\.[0-9]+)?/(s|m|min|h|d)$\"}]}"},
    {"size", "{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\","
             "\"pattern\":\"^[0-9]+(\\\\.[0-9]+)?(B|[kMGT]B|[KMGT]iB)$\"}]}"},
    {"amount", "{\"oneOf\":[{\"type\":\"number\",\"minimum\":0},{\"type\":\"string\","
               "\"pattern\":\"^([A-Z]{1,11}:)?[0-9]{1,16}(\\\\.[0-9]{1,8})?$\"}]}"},
    {"number", "{\"type\":\"number\"}"},
    {"integer", "{\"type\":\"integer\"}"},
};

static const char *const bases[] = {
    [DISTRIBUTION_NUMBER] = "number",
    [DISTRIBUTION_INTEGER] = "integer",
    [DISTRIBUTION_DURATION] = "duration",
    [DISTRIBUTION_AMOUNT] = "amount",
};

static cJSON *parse(const char *text)
{
    cJSON *json = cJSON_Parse(text);
    if (!json)
        die("a part of the schema is not JSON: %s", text);
    return json;
}

static cJSON *reference(const char *name)
{
    cJSON *json = cJSON_CreateObject();
    char target[96];
    snprintf(target, sizeof target, "#/$defs/%s", name);
    cJSON_AddStringToObject(json, "$ref", target);
    return json;
}

static cJSON *distribution_definition(enum distribution_base base)
{
    static const char shape[] =
        "{\"oneOf\":[{\"$ref\":\"#/$defs/%1$s\"},"
        "{\"type\":\"object\",\"minProperties\":1,\"maxProperties\":1,"
        "\"additionalProperties\":false,\"properties\":{"
        "\"uniform\":{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,"
        "\"items\":{\"$ref\":\"#/$defs/%1$s\"}},"
        "\"exponential\":{\"$ref\":\"#/$defs/%1$s\"},"
        "\"normal\":{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,"
        "\"items\":{\"$ref\":\"#/$defs/%1$s\"}},%2$s"
        "\"choice\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"array\","
        "\"minItems\":2,\"maxItems\":2,\"prefixItems\":[{\"$ref\":\"#/$defs/%1$s\"},"
        "{\"type\":\"number\",\"exclusiveMinimum\":0}]}}}}]}";
    static const char zipf[] =
        "\"zipf\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1},"
        "\"s\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":20}},"
        "\"required\":[\"n\",\"s\"],\"additionalProperties\":false},";
    struct buf text = {0};
    bool whole = base == DISTRIBUTION_INTEGER || base == DISTRIBUTION_NUMBER;
    buf_printf(&text, shape, bases[base], whole ? zipf : "");
    cJSON *json = parse((const char *)text.data);
    buf_free(&text);
    return json;
}

static cJSON *table_schema(const struct option_table *table);

static void add_bounds(cJSON *json, const struct option *o, const char *least, const char *most)
{
    cJSON_AddNumberToObject(json, least, o->min);
    if (o->max != 0)
        cJSON_AddNumberToObject(json, most, o->max);
}

static cJSON *typed(const char *type)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "type", type);
    return json;
}

static cJSON *number_schema(const struct option *o)
{
    cJSON *json = typed(o->type == OPTION_INTEGER ? "integer" : "number");
    add_bounds(json, o, "minimum", "maximum");
    if (o->type == OPTION_SHARE && o->max == 0)
        cJSON_AddNumberToObject(json, "maximum", 1);
    return json;
}

static cJSON *enum_schema(const struct option *o)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *values = cJSON_AddArrayToObject(json, "enum");
    for (int i = 0; o->values[i]; i++)
        cJSON_AddItemToArray(values, cJSON_CreateString(o->values[i]));
    return json;
}

static cJSON *array_schema(const struct option *o, cJSON *items)
{
    cJSON *json = typed("array");
    add_bounds(json, o, "minItems", "maxItems");
    cJSON_AddItemToObject(json, "items", items);
    return json;
}

static cJSON *distribution_reference(enum distribution_base base)
{
    char name[64];
    snprintf(name, sizeof name, "distribution_of_%s", bases[base]);
    return reference(name);
}

static cJSON *option_schema(const struct option *o)
{
    switch (o->type) {
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_PATH:
        return reference("text");
    case OPTION_URL:
        return reference(o->flags & OPTION_EMBEDDED ? "url_or_embedded" : "url");
    case OPTION_BOOL:
        return typed("boolean");
    case OPTION_INTEGER:
    case OPTION_NUMBER:
    case OPTION_SHARE:
        return number_schema(o);
    case OPTION_DURATION:
        return reference("duration");
    case OPTION_RATE:
        return reference("rate");
    case OPTION_SIZE:
        return reference("size");
    case OPTION_AMOUNT:
        return reference("amount");
    case OPTION_ENUM:
        return enum_schema(o);
    case OPTION_DISTRIBUTION:
        return distribution_reference(o->base);
    case OPTION_STRINGS:
        return array_schema(o, typed("string"));
    case OPTION_TABLE:
        return table_schema(o->table);
    case OPTION_LIST:
        return array_schema(o, table_schema(o->table));
    case OPTION_CUSTOM:
        return parse(o->custom->schema);
    }
    die("an option of no type: %s", o->name);
}

static cJSON *table_schema(const struct option_table *table)
{
    cJSON *json = typed("object");
    cJSON *properties = cJSON_AddObjectToObject(json, "properties");
    cJSON *required = cJSON_CreateArray();
    for (size_t i = 0; i < table->count; i++) {
        const struct option *o = &table->options[i];
        cJSON *schema = option_schema(o);
        cJSON_AddStringToObject(schema, "description", o->help);
        if (o->default_text && o->type != OPTION_SECRET)
            cJSON_AddItemToObject(schema, "default", option_default_json(o));
        cJSON_AddItemToObject(properties, o->name, schema);
        if (o->flags & OPTION_REQUIRED)
            cJSON_AddItemToArray(required, cJSON_CreateString(o->name));
    }
    if (required->child)
        cJSON_AddItemToObject(json, "required", required);
    else
        cJSON_Delete(required);
    cJSON_AddFalseToObject(json, "additionalProperties");
    return json;
}

/* "if the simulator is this one, then its options are these". */
static cJSON *simulator_rule(const struct plan_simulator *simulator)
{
    cJSON *rule = cJSON_CreateObject();
    cJSON *condition = cJSON_AddObjectToObject(rule, "if");
    cJSON *is =
        cJSON_AddObjectToObject(cJSON_AddObjectToObject(condition, "properties"), "simulator");
    cJSON_AddStringToObject(is, "const", simulator->name);
    cJSON *then = cJSON_AddObjectToObject(rule, "then");
    cJSON *properties = cJSON_AddObjectToObject(then, "properties");
    cJSON_AddItemToObject(properties, "options", table_schema(simulator->options));
    return rule;
}

/* The schema of one scenario, with what its simulator adds. */
static void add_simulators(cJSON *schema, const struct plan_catalog *catalog)
{
    cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    cJSON *list = cJSON_GetObjectItemCaseSensitive(properties, "scenarios");
    cJSON *scenario = cJSON_GetObjectItemCaseSensitive(list, "items");
    cJSON *simulator = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(scenario, "properties"), "simulator");
    cJSON *names = cJSON_CreateArray(), *rules = cJSON_CreateArray();
    for (size_t i = 0; i < catalog->count; i++) {
        cJSON_AddItemToArray(names, cJSON_CreateString(catalog->simulators[i].name));
        cJSON_AddItemToArray(rules, simulator_rule(&catalog->simulators[i]));
    }
    cJSON_DeleteItemFromObjectCaseSensitive(simulator, "$ref");
    cJSON_AddItemToObject(simulator, "enum", names);
    cJSON_AddItemToObject(scenario, "allOf", rules);
}

void describe_schema(struct buf *out, const struct plan_catalog *catalog)
{
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    cJSON_AddStringToObject(schema, "title", "Shoal plan");
    cJSON *plan = table_schema(&plan_table);
    if (catalog->count > 0)
        add_simulators(plan, catalog);
    for (cJSON *item; (item = plan->child) != NULL;) {
        cJSON_DetachItemViaPointer(plan, item);
        cJSON_AddItemToObject(schema, item->string, item);
    }
    cJSON_Delete(plan);
    cJSON *defs = cJSON_AddObjectToObject(schema, "$defs");
    for (size_t i = 0; i < sizeof definitions / sizeof definitions[0]; i++)
        cJSON_AddItemToObject(defs, definitions[i].name, parse(definitions[i].schema));
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "distribution_of_%s", bases[i]);
        cJSON_AddItemToObject(defs, name, distribution_definition((enum distribution_base)i));
    }
    char *text = cJSON_Print(schema);
    if (!text)
        die("no memory for the schema");
    buf_str(out, text);
    buf_char(out, '\n');
    cJSON_free(text);
    cJSON_Delete(schema);
}
