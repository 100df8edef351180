#include "core/plan/option.h"

#include <assert.h>
#include <stdio.h>

#include "core/plan/change.h"
#include "core/plan/option_value.h"
#include "core/plan/source.h"
#include "core/plan/suggest.h"
#include "core/util/error.h"
#include "core/util/log.h"

static void join(char out[PLAN_PATH_MAX], const char *path, const char *key)
{
    snprintf(out, PLAN_PATH_MAX, "%s%s%s", path, *path ? "." : "", key);
}

/* JSON, except for the types that are texts anyway ("23" is a string). */
cJSON *option_default_json(const struct option *o)
{
    bool text = o->type == OPTION_STRING || o->type == OPTION_SECRET || o->type == OPTION_URL ||
                o->type == OPTION_PATH || o->type == OPTION_ENUM || o->type == OPTION_AMOUNT;
    cJSON *json = text ? cJSON_CreateString(o->default_text) : option_json_of_text(o->default_text);
    if (!json)
        die("no memory for the default of %s", o->name);
    return json;
}

static void add_resolved(cJSON *resolved, const char *name, cJSON *item)
{
    if (resolved && item)
        cJSON_AddItemToObject(resolved, name, item);
    else
        cJSON_Delete(item);
}

static int bind_table(struct option_binder *binder, const struct option_table *table,
                      const cJSON *object, const char *path, void *out, cJSON *resolved);

/* A nested object binds in place; an absent one gives the defaults of its table. */
static void bind_nested(struct option_value *v)
{
    v->resolved = cJSON_CreateObject();
    assert(v->option->size == v->option->table->size);
    bind_table(v->binder, v->option->table, v->json, v->path, v->field, v->resolved);
}

static void bind_list(struct option_value *v)
{
    const struct option_table *table = v->option->table;
    struct option_list list = {NULL, (size_t)cJSON_GetArraySize(v->json)};
    const cJSON *item;
    size_t i = 0;
    if (!cJSON_IsArray(v->json)) {
        plan_error(v->binder->errors, v->path, NULL,
                   "this is not a list; write it as [{...}, ...]");
        return;
    }
    if (!option_value_in_range(v, (double)list.count))
        return;
    list.items = arena_zalloc(v->binder->arena, list.count * table->size);
    v->resolved = cJSON_CreateArray();
    cJSON_ArrayForEach(item, v->json)
    {
        char index[24], path[PLAN_PATH_MAX];
        cJSON *resolved = cJSON_CreateObject();
        snprintf(index, sizeof index, "%zu", i);
        join(path, v->path, index);
        bind_table(v->binder, table, item, path, (char *)list.items + i * table->size, resolved);
        cJSON_AddItemToArray(v->resolved, resolved);
        i++;
    }
    assert(v->option->size == sizeof list);
    memcpy(v->field, &list, sizeof list);
}

/* null means "as if it were not there", so that --set can take a value back. */
static void bind_option(struct option_binder *binder, const struct option *o, const cJSON *given,
                        const char *path, void *out, cJSON *resolved)
{
    cJSON *standard = NULL;
    char whole[PLAN_PATH_MAX];
    join(whole, path, o->name);
    if (cJSON_IsNull(given))
        given = NULL;
    if (!given && (o->flags & OPTION_REQUIRED)) {
        plan_error(binder->errors, whole, NULL, "the value is missing and has no default: %s",
                   o->help);
        return;
    }
    if (!given && o->default_text)
        given = standard = option_default_json(o);
    struct option_value v = {binder, o, given, whole, (char *)out + o->offset, NULL};
    if (o->type == OPTION_TABLE)
        bind_nested(&v);
    else if (!given)
        return;
    else if (o->type == OPTION_LIST)
        bind_list(&v);
    else if (o->type == OPTION_CUSTOM)
        o->custom->bind(binder, o, given, whole, v.field);
    else
        option_value_bind(&v);
    add_resolved(resolved, o->name, v.resolved ? v.resolved : cJSON_Duplicate(given, true));
    cJSON_Delete(standard);
}

static const struct option *find_here(const struct option_table *table, struct slice name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (slice_equal(slice_str(table->options[i].name), name))
            return &table->options[i];
    }
    return NULL;
}

static void unknown_key(struct option_binder *binder, const struct option_table *table,
                        const char *path, const char *key)
{
    struct suggestion near = {.word = key};
    struct buf known = {0};
    for (size_t i = 0; i < table->count; i++) {
        suggest_try(&near, table->options[i].name);
        buf_printf(&known, "%s%s", i ? ", " : "", table->options[i].name);
    }
    if (near.best)
        plan_error(binder->errors, path, key, "there is no such key; did you mean \"%s\"?",
                   near.best);
    else
        plan_error(binder->errors, path, key, "there is no such key; known here: %s",
                   known.data ? (char *)known.data : "none");
    buf_free(&known);
}

static int bind_table(struct option_binder *binder, const struct option_table *table,
                      const cJSON *object, const char *path, void *out, cJSON *resolved)
{
    size_t before = binder->errors->count + binder->errors->more;
    const cJSON *item;
    if (object && !cJSON_IsObject(object)) {
        plan_error(binder->errors, path, NULL,
                   "this is not an object; write it as {\"key\": value}");
        return SHOAL_E_BAD_INPUT;
    }
    cJSON_ArrayForEach(item, object)
    {
        if (!find_here(table, slice_str(item->string)))
            unknown_key(binder, table, path, item->string);
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct option *o = &table->options[i];
        const cJSON *given = object ? cJSON_GetObjectItemCaseSensitive(object, o->name) : NULL;
        bind_option(binder, o, given, path, out, resolved);
    }
    return binder->errors->count + binder->errors->more > before ? SHOAL_E_BAD_INPUT : SHOAL_OK;
}

int options_bind(struct option_binder *binder, const struct option_table *table,
                 const cJSON *object, const char *path, void *out, cJSON *resolved)
{
    memset(out, 0, table->size);
    return bind_table(binder, table, object, path, out, resolved);
}

int options_from_sets(const struct option_table *table, const char *const *sets, size_t set_count,
                      struct arena *arena, void *out, struct plan_errors *errors)
{
    struct plan_source source = {0};
    struct option_binder binder = {arena, errors};
    cJSON *object = cJSON_CreateObject();
    errors->source = &source;
    for (size_t i = 0; i < set_count; i++)
        change_set(object, sets[i], &source, arena, errors);
    int error = SHOAL_E_BAD_INPUT;
    if (errors->count == 0)
        error = options_bind(&binder, table, object, "", out, NULL);
    errors->source = NULL;
    cJSON_Delete(object);
    return error;
}

const struct option *option_find(const struct option_table *table, const char *name)
{
    const char *dot = strchr(name, '.');
    if (!dot)
        return find_here(table, slice_str(name));
    const struct option *outer = find_here(table, slice_of(name, (size_t)(dot - name)));
    return outer && outer->type == OPTION_TABLE ? option_find(outer->table, dot + 1) : NULL;
}

/* The field's place, through nested tables. */
static size_t text_offset(const struct option_table *table, const char *name)
{
    const char *dot = strchr(name, '.');
    const struct option *o =
        find_here(table, slice_of(name, dot ? (size_t)(dot - name) : strlen(name)));
    assert(o);
    if (dot)
        return o->offset + text_offset(o->table, dot + 1);
    assert(o->size == sizeof(char *));
    return o->offset;
}

const char *option_text(const struct option_table *table, const void *options, const char *name)
{
    const char *text;
    memcpy(&text, (const char *)options + text_offset(table, name), sizeof text);
    return text;
}

void option_set_text(const struct option_table *table, void *options, const char *name,
                     const char *text)
{
    memcpy((char *)options + text_offset(table, name), &text, sizeof text);
}

static void put_range(struct buf *out, const struct option *o)
{
    bool counted = o->type == OPTION_INTEGER || o->type == OPTION_NUMBER || o->type == OPTION_SIZE;
    if (!counted || (o->min == 0 && o->max == 0))
        return;
    if (o->max == 0)
        buf_printf(out, ", at least %.15g", o->min);
    else
        buf_printf(out, ", %.15g to %.15g", o->min, o->max);
}

void option_type_text(struct buf *out, const struct option *option)
{
    static const char *const names[] = {
#define OPTION_TYPE_NAME(id, text, field) [OPTION_##id] = (text),
        OPTION_TYPES(OPTION_TYPE_NAME)
#undef OPTION_TYPE_NAME
    };
    static const char *const bases[] = {
        [DISTRIBUTION_NUMBER] = "number",
        [DISTRIBUTION_INTEGER] = "integer",
        [DISTRIBUTION_DURATION] = "duration",
        [DISTRIBUTION_AMOUNT] = "amount",
    };
    if (option->type == OPTION_CUSTOM) {
        buf_str(out, option->custom->shape);
        return;
    }
    if (option->type == OPTION_DISTRIBUTION)
        buf_printf(out, "%s or a ", bases[option->base]);
    buf_str(out, names[option->type]);
    for (int i = 0; option->type == OPTION_ENUM && option->values[i]; i++)
        buf_printf(out, "%s%s", i ? ", " : " ", option->values[i]);
    if (option->flags & OPTION_EMBEDDED)
        buf_str(out, " or embedded");
    put_range(out, option);
    if (option->unit)
        buf_printf(out, ", in %s", option->unit);
}
