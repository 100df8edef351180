/* "standins": how the stand-ins behind the value `embedded` are started. Their options are theirs:
 * what is given here is handed on as `shoal serve SYSTEM --set key=value`, and checked there. */
#include <string.h>

#include "core/plan/plan_part.h"

static void flatten(struct option_binder *binder, struct plan_standin *out, const char *prefix,
                    const cJSON *object, const char *path)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, object)
    {
        const char *key =
            *prefix ? arena_printf(binder->arena, "%s.%s", prefix, item->string) : item->string;
        bool nested = cJSON_IsObject(item) && strcmp(item->string, "faults") == 0;
        if (nested && !*prefix) {
            flatten(binder, out, key, item, path);
            continue;
        }
        if (out->set_count == PLAN_STANDIN_SETS_MAX) {
            plan_error(binder->errors, path, NULL, "more than %d options of one stand-in",
                       PLAN_STANDIN_SETS_MAX);
            return;
        }
        char *text = cJSON_PrintUnformatted(item);
        if (text)
            out->sets[out->set_count++] = arena_printf(binder->arena, "%s=%s", key, text);
        cJSON_free(text);
    }
}

static void bind_standins(struct option_binder *binder, const struct option *o, const cJSON *value,
                          const char *path, void *field)
{
    struct plan_standins standins = {NULL, 0};
    int count = cJSON_GetArraySize(value);
    const cJSON *item;

    if (!cJSON_IsObject(value) || count > PLAN_STANDINS_MAX) {
        plan_error(binder->errors, path, NULL,
                   "this is not an object of systems; write it as {\"taler\": {\"protocol\": 14}}");
        return;
    }
    standins.items = arena_zalloc(binder->arena, (size_t)count * sizeof(*standins.items));
    cJSON_ArrayForEach(item, value)
    {
        struct plan_standin *standin = &standins.items[standins.count++];
        standin->system = arena_strdup(binder->arena, item->string);
        if (!cJSON_IsObject(item))
            plan_error(binder->errors, path, item->string,
                       "this is not an object of the stand-in's options; `shoal describe %s` shows "
                       "them",
                       item->string);
        else
            flatten(binder, standin, "", item, path);
    }
    memcpy(field, &standins, sizeof(standins));
}

const struct option_custom plan_standins_custom = {
    .shape = "{\"taler\": {\"protocol\": 14, \"faults\": {\"error_share\": 0.01}}}",
    .schema = "{\"type\":\"object\",\"maxProperties\":8,\"additionalProperties\":"
              "{\"type\":\"object\"}}",
    .bind = bind_standins,
};

size_t plan_standin_sets(const struct plan *plan, const char *system,
                         const char *out[PLAN_STANDIN_SETS_MAX])
{
    for (size_t i = 0; i < plan->standins.count; i++) {
        const struct plan_standin *s = &plan->standins.items[i];
        if (strcmp(s->system, system) != 0)
            continue;
        memcpy(out, s->sets, s->set_count * sizeof(*out));
        return s->set_count;
    }
    return 0;
}
