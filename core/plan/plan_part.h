/* What plan.c is made of. core/plan's own. */
#ifndef SHOAL_CORE_PLAN_PLAN_PART_H
#define SHOAL_CORE_PLAN_PLAN_PART_H

#include "core/plan/plan.h"

/* Values that have a shape of their own. */
extern const struct option_custom plan_connections_custom;
extern const struct option_custom plan_purge_custom;
extern const struct option_custom plan_hosts_custom;
extern const struct option_custom plan_standins_custom;
extern const struct option_custom plan_options_custom; /* the simulator checks them */
extern const struct option_custom plan_no_list_custom, plan_no_object_custom; /* must be empty */

/* The scenario's table and that of its load: `describe` shows them as sections of their own. */
extern const struct option_table plan_scenario_table;
extern const struct option_table plan_load_table;

/* Names: [A-Za-z0-9_-], a dot too where `dots`; not all digits; at most PLAN_NAME_MAX. */
bool plan_name_is_valid(const char *name, bool dots);

/* What is possible value by value and impossible together. `root` is the plan as changed: it tells
 * given values from defaults. */
struct plan_checking {
    const struct plan *plan;
    const cJSON *root;
    int64_t segments;
    struct plan_errors *errors;
};
void plan_check(const struct plan_checking *c);

#endif
