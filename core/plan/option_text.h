/* String values: literal, or a reference to the environment or to a file. core/plan's own. */
#ifndef SHOAL_CORE_PLAN_OPTION_TEXT_H
#define SHOAL_CORE_PLAN_OPTION_TEXT_H

#include "core/plan/option_value.h"

/* The text of a STRING, SECRET, URL or PATH, in the arena; NULL after adding an error. */
const char *option_text_of(struct option_value *v);

/* `path` from where the value was written: the plan file's folder, or the current one. */
const char *option_text_absolute(const struct option_value *v, const char *path);

#endif
