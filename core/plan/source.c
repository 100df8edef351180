#include "core/plan/source.h"

#include <stdio.h>

#include "core/plan/errors.h"
#include "core/util/json.h"

/* Does `path` lie at or below `top`? */
static bool is_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == 0 || path[len] == '.' || len == 0);
}

static const struct plan_change *find_change(const struct plan_source *source, const char *path)
{
    for (size_t i = source->change_count; i-- > 0;) {
        if (is_below(path, source->changes[i].path))
            return &source->changes[i];
    }
    return NULL;
}

/* The line of the path, or of the nearest one above it that stands in the text. */
static size_t find_line(struct slice text, const char *path)
{
    char shorter[PLAN_PATH_MAX];
    struct slice raw;
    size_t line;
    snprintf(shorter, sizeof shorter, "%s", path);
    while (!json_locate(text, shorter, &raw, &line)) {
        char *dot = strrchr(shorter, '.');
        if (!dot && shorter[0] == 0)
            return 1;
        *(dot ? dot : shorter) = 0;
    }
    return line;
}

void source_place(struct buf *out, const struct plan_source *source, const char *path)
{
    const struct plan_change *change = source ? find_change(source, path) : NULL;
    if (change) {
        buf_printf(out, "%s: ", change->label);
        if (change->exact && strcmp(change->path, path) == 0)
            return;
    } else if (source && source->name && source->text.len > 0) {
        buf_printf(out, "%s:%zu: ", source->name, find_line(source->text, path));
    } else if (source && source->name) {
        buf_printf(out, "%s: ", source->name);
    }
    if (*path)
        buf_printf(out, "%s: ", path);
}

const char *source_folder(const struct plan_source *source, const char *path)
{
    return source && !find_change(source, path) ? source->folder : NULL;
}
