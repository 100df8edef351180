/* What is wrong with a plan: one clear sentence each, with the place it comes from.
 *
 * "plans/q.json:12: scenarios.0.options.exchang: there is no such option; did you mean "exchange"?"
 * "--set scenarios.0.load.rate: "50" is not a rate; write ..."
 *
 * The place of a value is the line of the plan file it stands in, or the flag it was given with.
 * A value of a secret option never gets into a sentence.
 */
#ifndef SHOAL_CORE_PLAN_ERRORS_H
#define SHOAL_CORE_PLAN_ERRORS_H

#include <stddef.h>

#define PLAN_ERRORS_MAX 20 /* sentences kept; more are only counted */
#define PLAN_PATH_MAX 256  /* bytes of a key's path */

struct plan_source; /* where values come from; core/plan's own */

/* Start with {0}; free at the end. */
struct plan_errors {
    char *lines[PLAN_ERRORS_MAX];
    size_t count; /* of lines */
    size_t more;  /* that were not kept */
    const struct plan_source *source;
};

/* Adds one sentence about the value at `path`, or at `path`.`key` where key is not NULL. */
void plan_error(struct plan_errors *errors, const char *path, const char *key, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

void plan_errors_free(struct plan_errors *errors);

#endif
