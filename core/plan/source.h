/* Where a plan's values come from, so that an error can name the line or the flag. core/plan's own.
 */
#ifndef SHOAL_CORE_PLAN_SOURCE_H
#define SHOAL_CORE_PLAN_SOURCE_H

#include "core/util/bytes.h"

/* One change made from the command line. */
struct plan_change {
    const char *path;  /* with indices: "scenarios.0.clients" */
    const char *label; /* "--set scenarios.wallets.clients", "--clients" */
    bool exact;        /* the label names the path: saying it again would be noise */
};

struct plan_source {
    const char *name;   /* of the file; NULL: no file */
    const char *folder; /* relative paths of the file's values start here; NULL: the current one */
    struct slice text;  /* of the file, valid JSON; empty while it is not yet known to be */
    struct plan_change *changes; /* the last one that touches a path made its value */
    size_t change_count;
};

/* Appends "file.json:12: path: " or "--set path: " or "path: ". `source` may be NULL. */
void source_place(struct buf *out, const struct plan_source *source, const char *path);

/* The folder that a relative path in the value at `path` starts from; NULL: the current one. */
const char *source_folder(const struct plan_source *source, const char *path);

#endif
