#include "core/plan/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/plan/source.h"
#include "core/util/bytes.h"
#include "core/util/log.h"

void plan_error(struct plan_errors *errors, const char *path, const char *key, const char *format,
                ...)
{
    char whole[PLAN_PATH_MAX];
    struct buf line = {0};
    va_list args;
    if (errors->count == PLAN_ERRORS_MAX) {
        errors->more++;
        return;
    }
    if (key)
        snprintf(whole, sizeof whole, "%s%s%s", path, *path ? "." : "", key);
    else
        snprintf(whole, sizeof whole, "%s", path);
    source_place(&line, errors->source, whole);
    va_start(args, format);
    buf_vprintf(&line, format, args);
    va_end(args);
    if (line.error)
        die("no memory for the text of an error");
    errors->lines[errors->count++] = (char *)line.data;
}

void plan_errors_free(struct plan_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        free(errors->lines[i]);
    *errors = (struct plan_errors){0};
}
