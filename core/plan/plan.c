#include "core/plan/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/plan/change.h"
#include "core/plan/plan_part.h"
#include "core/plan/source.h"
#include "core/plan/suggest.h"
#include "core/util/error.h"

/* One plan on its way from text to structs. */
struct loading {
    struct plan *plan;
    cJSON *root; /* as given and changed, before defaults */
    struct plan_source source;
    const struct plan_overrides *overrides;
    const struct plan_catalog *catalog;
    struct plan_errors *errors;
};

static void parse(struct loading *l, struct slice text)
{
    struct json_error why;
    if (json_parse(&l->root, text, &why)) {
        char *sentence = arena_printf(l->plan->arena, "%s:%zu:%zu: this is not JSON: %s",
                                      l->source.name, why.line, why.column, why.text);
        l->errors->source = NULL;
        plan_error(l->errors, "", NULL, "%s", sentence);
        l->errors->source = &l->source;
        return;
    }
    l->source.text = text;
    if (!cJSON_IsObject(l->root))
        plan_error(l->errors, "", NULL, "a plan is an object; write it as {\"scenarios\": [...]}");
}

/* A flag for every scenario. */
static void put_in_scenarios(struct loading *l, const char *key, const char *label,
                             const cJSON *value)
{
    int count = cJSON_GetArraySize(json_array(l->root, "scenarios"));
    for (int i = 0; i < count; i++) {
        char path[PLAN_PATH_MAX];
        snprintf(path, sizeof path, "scenarios.%d.%s", i, key);
        change_put(l->root, &(struct plan_change){path, label, false}, cJSON_Duplicate(value, true),
                   &l->source, l->plan->arena, l->errors);
    }
}

static void put_number(struct loading *l, const char *path, const char *label, int64_t number)
{
    change_put(l->root, &(struct plan_change){path, label, false},
               cJSON_CreateNumber((double)number), &l->source, l->plan->arena, l->errors);
}

static void apply_overrides(struct loading *l)
{
    const struct plan_overrides *o = l->overrides;
    for (size_t i = 0; i < o->set_count; i++)
        change_set(l->root, o->sets[i], &l->source, l->plan->arena, l->errors);
    if (o->clients) {
        cJSON *value = cJSON_CreateNumber((double)o->clients);
        put_in_scenarios(l, "clients", "--clients", value);
        cJSON_Delete(value);
    }
    if (o->duration) {
        cJSON *value = cJSON_CreateString(o->duration);
        put_in_scenarios(l, "load.duration", "--duration", value);
        cJSON_Delete(value);
    }
    if (o->has_seed)
        put_number(l, "seed", "--seed", o->seed);
    if (o->lanes)
        put_number(l, "lanes", "--lanes", o->lanes);
}

static bool is_missing(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return !item || cJSON_IsNull(item);
}

static void put_missing(cJSON *object, const char *key, const char *text)
{
    if (!is_missing(object, key) || !text)
        return;
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    cJSON_AddStringToObject(object, key, text);
}

/* The file's name without folder and ".json", in letters that a name may have. */
static const char *name_of_file(struct loading *l)
{
    const char *slash = strrchr(l->source.name, '/');
    char *name = arena_strdup(l->plan->arena, slash ? slash + 1 : l->source.name);
    size_t len = strlen(name);
    if (len > 5 && strcmp(name + len - 5, ".json") == 0)
        name[len - 5] = 0;
    if (strlen(name) > PLAN_NAME_MAX)
        name[PLAN_NAME_MAX] = 0;
    for (char *p = name; *p; p++) {
        char one[2] = {*p, 0};
        if (!plan_name_is_valid(one, true) && !strchr("0123456789-.", *p))
            *p = '-';
    }
    return plan_name_is_valid(name, true) ? name : "plan";
}

/* Names that follow from others are written in, so that the resolved plan has them. */
static void put_names(struct loading *l)
{
    const cJSON *list = json_array(l->root, "scenarios");
    cJSON *scenario;
    put_missing(l->root, "name", name_of_file(l));
    cJSON_ArrayForEach(scenario, list)
    {
        if (cJSON_IsObject(scenario))
            put_missing(scenario, "name", json_string(scenario, "simulator"));
    }
}

static const struct plan_simulator *find_simulator(struct loading *l, const char *name,
                                                   const char *path)
{
    struct suggestion near = {.word = name};
    struct buf known = {0};
    for (size_t i = 0; i < l->catalog->count; i++) {
        const struct plan_simulator *s = &l->catalog->simulators[i];
        if (strcmp(s->name, name) == 0) {
            buf_free(&known);
            return s;
        }
        suggest_try(&near, s->name);
        buf_printf(&known, "%s%s", i ? ", " : "", s->name);
    }
    if (near.best)
        plan_error(l->errors, path, "simulator",
                   "there is no simulator \"%.64s\"; did you mean \"%s\"?", name, near.best);
    else
        plan_error(l->errors, path, "simulator", "there is no simulator \"%.64s\"; known: %s", name,
                   known.data ? (char *)known.data : "none");
    buf_free(&known);
    return NULL;
}

/* The simulator's options, also into the resolved plan: "options" is the last key of a scenario. */
static void bind_simulator(struct loading *l, size_t index, bool check)
{
    struct plan_scenario *s = &l->plan->scenarios.items[index];
    struct option_binder binder = {l->plan->arena, l->errors};
    const cJSON *given = cJSON_GetArrayItem(json_array(l->root, "scenarios"), (int)index);
    cJSON *resolved = cJSON_GetArrayItem(
        cJSON_GetObjectItemCaseSensitive(l->plan->resolved, "scenarios"), (int)index);
    char path[PLAN_PATH_MAX];
    snprintf(path, sizeof path, "scenarios.%zu", index);
    const struct plan_simulator *simulator =
        s->simulator ? find_simulator(l, s->simulator, path) : NULL;
    if (!simulator)
        return;
    s->table = simulator->options;
    s->options = arena_zalloc(l->plan->arena, s->table->size);
    snprintf(path, sizeof path, "scenarios.%zu.options", index);
    cJSON *options = cJSON_CreateObject();
    int error =
        options_bind(&binder, s->table, json_object(given, "options"), path, s->options, options);
    cJSON_DeleteItemFromObjectCaseSensitive(resolved, "options");
    cJSON_AddItemToObject(resolved, "options", options);
    if (!error && check && simulator->check)
        simulator->check(s->options, path, l->errors);
}

/* Secrets in the resolved plan as binding wrote them: hidden, or a reference. */
static void hide_secrets(const struct option_table *table, cJSON *shown, cJSON *bound)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table->options[i].name;
        if (table->options[i].type == OPTION_SECRET && cJSON_HasObjectItem(shown, name))
            cJSON_ReplaceItemInObjectCaseSensitive(
                shown, name, cJSON_DetachItemFromObjectCaseSensitive(bound, name));
    }
}

/* What the stand-ins' own processes will read is refused here, where file and line are known. */
static void check_standins(struct loading *l)
{
    struct option_binder binder = {l->plan->arena, l->errors};
    cJSON *resolved = cJSON_GetObjectItemCaseSensitive(l->plan->resolved, "standins");
    for (size_t i = 0; l->catalog->standin_options && i < l->plan->standins.count; i++) {
        const char *system = l->plan->standins.items[i].system;
        const struct option_table *table = l->catalog->standin_options(system, l->plan->arena);
        if (!table) {
            plan_error(l->errors, "standins", system,
                       "there is no stand-in for \"%.64s\"; `shoal list` names them", system);
            continue;
        }
        char path[PLAN_PATH_MAX];
        snprintf(path, sizeof path, "standins.%s", system);
        cJSON *bound = cJSON_CreateObject();
        options_bind(&binder, table, json_object(json_object(l->root, "standins"), system), path,
                     arena_zalloc(l->plan->arena, table->size), bound);
        hide_secrets(table, cJSON_GetObjectItemCaseSensitive(resolved, system), bound);
        cJSON_Delete(bound);
    }
}

static void inherit_tls(struct plan_tls *tls, const struct plan_tls *from)
{
    if (!tls->ca)
        tls->ca = from->ca;
    if (!tls->client_cert && !tls->client_key) {
        tls->client_cert = from->client_cert;
        tls->client_key = from->client_key;
    }
    tls->insecure = tls->insecure || from->insecure;
}

/* What is not given and follows from the rest. */
static void derive(struct plan *plan)
{
    for (size_t i = 0; i < plan->scenarios.count; i++) {
        struct plan_scenario *s = &plan->scenarios.items[i];
        struct plan_load *load = &s->load;
        inherit_tls(&s->tls, &plan->tls);
        if (load->max_active == 0)
            load->max_active = s->clients;
        if (load->duration_ns == 0 && load->iterations == 0) {
            for (size_t j = 0; j < load->stages.count; j++)
                load->duration_ns += load->stages.items[j].duration_ns;
        }
    }
}

static void bind(struct loading *l)
{
    struct option_binder binder = {l->plan->arena, l->errors};
    struct plan *plan = l->plan;
    struct arena *arena = plan->arena;
    cJSON *resolved = cJSON_CreateObject();
    options_bind(&binder, &plan_table, l->root, "", plan, resolved);
    plan->arena = arena;
    plan->resolved = resolved;
    bool good = l->errors->count == 0;
    for (size_t i = 0; i < plan->scenarios.count; i++)
        bind_simulator(l, i, good);
    check_standins(l);
    if (l->errors->count > 0)
        return;
    derive(plan);
    plan_check(&(struct plan_checking){plan, l->root, l->overrides->segments, l->errors});
}

int plan_load_text(struct plan **out, const struct plan_text *text,
                   const struct plan_overrides *overrides, const struct plan_catalog *catalog,
                   struct plan_errors *errors)
{
    static const struct plan_overrides none = {0};
    struct arena *arena = arena_new();
    struct loading l = {
        .plan = arena_zalloc(arena, sizeof *l.plan),
        .source = {.name = text->name, .folder = text->folder},
        .overrides = overrides ? overrides : &none,
        .catalog = catalog,
        .errors = errors,
    };
    l.plan->arena = arena;
    errors->source = &l.source;
    *out = NULL;
    parse(&l, text->text);
    if (errors->count == 0)
        apply_overrides(&l);
    if (errors->count == 0) {
        put_names(&l);
        bind(&l);
    }
    cJSON_Delete(l.root);
    errors->source = NULL;
    if (errors->count > 0) {
        plan_free(l.plan);
        return SHOAL_E_BAD_INPUT;
    }
    *out = l.plan;
    return SHOAL_OK;
}

/* The whole file, or one sentence why not. */
static bool read_file(const char *file, struct buf *text, struct plan_errors *errors)
{
    FILE *f = fopen(file, "rb");
    char chunk[4096];
    size_t n = 0;
    while (f && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_put(text, chunk, n);
    int reason = errno;
    bool failed = !f || ferror(f);
    if (failed)
        plan_error(errors, "", NULL, "%s: the plan cannot be read: %s", file, strerror(reason));
    else if (text->error)
        plan_error(errors, "", NULL, "%s: a plan has at most %u bytes", file, PLAN_FILE_MAX);
    if (f)
        fclose(f);
    return !failed && !text->error;
}

int plan_load(struct plan **out, const char *file, const struct plan_overrides *overrides,
              const struct plan_catalog *catalog, struct plan_errors *errors)
{
    struct buf text = {.limit = PLAN_FILE_MAX};
    const char *slash = strrchr(file, '/');
    char *folder = slash ? strndup(file, slash == file ? 1 : (size_t)(slash - file)) : NULL;
    int error = SHOAL_E_BAD_INPUT;
    *out = NULL;
    if (read_file(file, &text, errors)) {
        struct plan_text whole = {file, folder, buf_slice(&text)};
        error = plan_load_text(out, &whole, overrides, catalog, errors);
    }
    free(folder);
    buf_free(&text);
    return error;
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    cJSON_Delete(plan->resolved);
    arena_free(plan->arena);
}

void plan_write(const struct plan *plan, struct buf *out)
{
    char *text = cJSON_Print(plan->resolved);
    if (!text) {
        out->error = SHOAL_E_NOMEM;
        return;
    }
    buf_str(out, text);
    buf_char(out, '\n');
    cJSON_free(text);
}
