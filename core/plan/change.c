#include "core/plan/change.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/plan/option_value.h"
#include "core/plan/suggest.h"
#include "core/util/error.h"

/* A walk along a dotted path. `done` is the canonical path (indices for names) up to `at`. */
struct walk {
    cJSON *at;
    char done[PLAN_PATH_MAX];
    const char *label;
    struct plan_errors *errors;
};

static void note(struct plan_source *source, struct arena *arena, const struct plan_change *change)
{
    struct plan_change *changes = arena_alloc(arena, (source->change_count + 1) * sizeof *changes);
    if (source->change_count)
        memcpy(changes, source->changes, source->change_count * sizeof *changes);
    changes[source->change_count] = *change;
    changes[source->change_count].path = arena_strdup(arena, change->path);
    changes[source->change_count].label = arena_strdup(arena, change->label);
    source->changes = changes;
    source->change_count++;
}

static void fail_text(struct plan_errors *errors, const char *label, const char *text)
{
    const struct plan_source *source = errors->source;
    errors->source = NULL; /* the place is the flag, which the sentence names itself */
    plan_error(errors, "", NULL, "%s: %s", label, text);
    errors->source = source;
}

static const char *scenario_name(const cJSON *scenario)
{
    const char *name = json_string(scenario, "name");
    return name ? name : json_string(scenario, "simulator");
}

/* The index that one part of a path means in an array, or -1 after adding an error. */
static int find_index(struct walk *w, const char *part)
{
    struct suggestion near = {.word = part};
    char text[400];
    uint64_t index;
    int count = cJSON_GetArraySize(w->at), i = 0;
    const cJSON *item;
    if (json_raw_u64(slice_str(part), &index)) {
        if (index < (uint64_t)count)
            return (int)index;
        snprintf(text, sizeof text, "%.200s has %d member%s, numbered from 0; there is no %.20s",
                 w->done, count, count == 1 ? "" : "s", part);
        fail_text(w->errors, w->label, text);
        return -1;
    }
    bool named = strcmp(w->done, "scenarios") == 0;
    cJSON_ArrayForEach(item, w->at)
    {
        const char *name = named ? scenario_name(item) : NULL;
        if (name && strcmp(name, part) == 0)
            return i;
        if (name)
            suggest_try(&near, name);
        i++;
    }
    if (named && near.best)
        snprintf(text, sizeof text, "there is no scenario \"%.64s\"; did you mean \"%.64s\"?", part,
                 near.best);
    else
        snprintf(text, sizeof text, "\"%.64s\" is no member of %.100s; use its number, from 0%s",
                 part, w->done, named ? ", or its scenario's name" : "");
    fail_text(w->errors, w->label, text);
    return -1;
}

static bool append(struct walk *w, const char *part)
{
    size_t len = strlen(w->done);
    int n = snprintf(w->done + len, sizeof w->done - len, "%s%s", len ? "." : "", part);
    if (n >= 0 && (size_t)n < sizeof w->done - len)
        return true;
    fail_text(w->errors, w->label, "the path is too long");
    return false;
}

/* Puts `value` at `part` of w->at and moves there. An existing member is replaced. */
static bool put(struct walk *w, const char *part, cJSON *value)
{
    if (cJSON_IsArray(w->at)) {
        char number[24];
        int index = find_index(w, part);
        snprintf(number, sizeof number, "%d", index);
        if (index < 0 || !append(w, number))
            return false;
        return cJSON_ReplaceItemInArray(w->at, index, value);
    }
    if (!append(w, part))
        return false;
    if (cJSON_GetObjectItemCaseSensitive(w->at, part))
        return cJSON_ReplaceItemInObjectCaseSensitive(w->at, part, value);
    return cJSON_AddItemToObject(w->at, part, value);
}

/* One step down; an absent member of an object becomes an empty object. */
static bool enter(struct walk *w, const char *part)
{
    cJSON *next;
    if (cJSON_IsArray(w->at)) {
        char number[24];
        int index = find_index(w, part);
        snprintf(number, sizeof number, "%d", index);
        if (index < 0 || !append(w, number))
            return false;
        next = cJSON_GetArrayItem(w->at, index);
    } else {
        next = cJSON_GetObjectItemCaseSensitive(w->at, part);
        if (!next)
            next = cJSON_AddObjectToObject(w->at, part);
        if (!next || !append(w, part))
            return false;
    }
    if (!cJSON_IsObject(next) && !cJSON_IsArray(next)) {
        fail_text(w->errors, w->label, "the path leads into a value that is no object and no list");
        return false;
    }
    w->at = next;
    return true;
}

/* Walks `path` (which it cuts up) and puts the value. */
static bool walk_and_put(struct walk *w, char *path, cJSON *value)
{
    for (;;) {
        char *dot = strchr(path, '.');
        if (dot)
            *dot = 0;
        if (*path == 0) {
            fail_text(w->errors, w->label, "the path has an empty part; write it as a.b.c=value");
            return false;
        }
        if (!dot)
            return put(w, path, value);
        if (!enter(w, path))
            return false;
        path = dot + 1;
    }
}

int change_put(cJSON *root, const struct plan_change *change, cJSON *value,
               struct plan_source *source, struct arena *arena, struct plan_errors *errors)
{
    struct walk w = {.at = root, .label = change->label, .errors = errors};
    if (source->change_count == CHANGES_MAX)
        fail_text(errors, change->label, "there are too many changes to this plan");
    if (source->change_count == CHANGES_MAX ||
        !walk_and_put(&w, arena_strdup(arena, change->path), value)) {
        cJSON_Delete(value);
        return SHOAL_E_BAD_INPUT;
    }
    note(source, arena, &(struct plan_change){w.done, change->label, change->exact});
    return SHOAL_OK;
}

int change_set(cJSON *root, const char *set, struct plan_source *source, struct arena *arena,
               struct plan_errors *errors)
{
    const char *equals = strchr(set, '=');
    if (!equals || equals == set) {
        char label[96];
        snprintf(label, sizeof label, "--set %.*s", 80, equals ? "" : set);
        fail_text(errors, label, "write it as path=value, such as scenarios.0.clients=100");
        return SHOAL_E_BAD_INPUT;
    }
    char *path = arena_dup(arena, set, (size_t)(equals - set));
    struct plan_change change = {path, arena_printf(arena, "--set %s", path), true};
    cJSON *value = option_json_of_text(equals + 1);
    return change_put(root, &change, value, source, arena, errors);
}
