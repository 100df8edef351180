/* What the option tables say, for people and for editors. */
#ifndef SHOAL_CORE_PLAN_DESCRIBE_H
#define SHOAL_CORE_PLAN_DESCRIBE_H

#include "core/plan/option.h"
#include "core/plan/plan.h"

/* `shoal describe`: one paragraph an option, indented, at most 80 columns where words allow. */
void describe_text(struct buf *out, const struct option_table *table);

/* docs/plan.md: the whole reference page of plans, with the options of every simulator. */
void describe_plan_page(struct buf *out, const struct plan_catalog *catalog);

/* JSON Schema (draft 2020-12) of a whole plan. */
void describe_schema(struct buf *out, const struct plan_catalog *catalog);

#endif
