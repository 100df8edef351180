/* `--set path=value`: changes to a JSON tree before it is checked. core/plan's own. */
#ifndef SHOAL_CORE_PLAN_CHANGE_H
#define SHOAL_CORE_PLAN_CHANGE_H

#include "core/plan/errors.h"
#include "core/plan/source.h"
#include "core/util/arena.h"
#include "core/util/json.h"

#define CHANGES_MAX 1024 /* of one command line */

/* Applies one "path=value" and notes it in source->changes, which lives in the arena. A member of
 * "scenarios" may be named instead of numbered; missing objects on the way are made. Adds an error
 * and returns its code when it cannot be applied. */
int change_set(cJSON *root, const char *set, struct plan_source *source, struct arena *arena,
               struct plan_errors *errors);

/* Puts `value` (taken over) at a path with indices, on behalf of a flag: "--clients". */
int change_put(cJSON *root, const struct plan_change *change, cJSON *value,
               struct plan_source *source, struct arena *arena, struct plan_errors *errors);

#endif
