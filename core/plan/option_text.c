/* String values: literal, or a reference to the environment or to a file. */
#include "core/plan/option_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/plan/source.h"
#include "core/util/error.h"
#include "core/util/log.h"

const char *option_text_absolute(const struct option_value *v, const char *path)
{
    const char *folder = source_folder(v->binder->errors->source, v->path);
    char *current;
    if (path[0] == '/')
        return path;
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    if (folder && folder[0] == '/')
        return arena_printf(v->binder->arena, "%s/%s", folder, path);
    current = getcwd(NULL, 0);
    if (!current)
        die("the current folder has no name: errno %d", errno);
    bool plain = !folder || strcmp(folder, ".") == 0;
    const char *whole = arena_printf(v->binder->arena, "%s%s%s/%s", current, plain ? "" : "/",
                                     plain ? "" : folder, path);
    free(current);
    return whole;
}

static const char *from_environment(const struct option_value *v, const char *name)
{
    const char *text = getenv(name);
    if (!text) {
        plan_error(v->binder->errors, v->path, NULL,
                   "the environment variable %s is not set; set it, or give the value another way",
                   name);
        return NULL;
    }
    return arena_strdup(v->binder->arena, text);
}

/* Without its final line end, as editors leave one. */
static const char *from_file(struct option_value *v, const char *name)
{
    const char *path = option_text_absolute(v, name);
    FILE *f = fopen(path, "rb");
    char *text = arena_alloc(v->binder->arena, OPTION_TEXT_MAX + 1);
    size_t len = f ? fread(text, 1, OPTION_TEXT_MAX + 1, f) : 0;
    bool failed = !f || ferror(f);
    int error = errno;
    if (f)
        fclose(f);
    if (failed) {
        plan_error(v->binder->errors, v->path, NULL, "the file %s cannot be read: %s", path,
                   strerror(error));
        return NULL;
    }
    if (len > OPTION_TEXT_MAX || memchr(text, 0, len)) {
        plan_error(v->binder->errors, v->path, NULL,
                   "the file %s is not a text of at most %d bytes", path, OPTION_TEXT_MAX);
        return NULL;
    }
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0 && text[len - 1] == '\r')
        len--;
    text[len] = 0;
    v->resolved = cJSON_CreateObject();
    cJSON_AddStringToObject(v->resolved, "file", path);
    return text;
}

const char *option_text_of(struct option_value *v)
{
    const char *name;
    if (cJSON_IsString(v->json))
        return arena_strdup(v->binder->arena, v->json->valuestring);
    if (cJSON_GetArraySize(v->json) == 1) {
        if ((name = json_string(v->json, "env")) != NULL)
            return from_environment(v, name);
        if ((name = json_string(v->json, "file")) != NULL)
            return from_file(v, name);
    }
    option_value_wrong(v, v->json);
    return NULL;
}
