/* A stand-in: our own small service for a system, so a plan runs with nothing else installed.
 *
 * `shoal serve SYSTEM` runs it in a process of its own; the option value `embedded` makes the run
 * start one as a child: detached from the terminal's process group, on a pipe that is its leash
 * (--until-eof: at end of file it writes its ledger and exits, which covers kill -9 of the run).
 * It prints `ready BASE` as its first line and serves all its roles below that one base URL.
 */
#ifndef SHOAL_CORE_LOAD_STANDIN_H
#define SHOAL_CORE_LOAD_STANDIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/lane/lane.h"
#include "core/net/listener.h"
#include "core/plan/option.h"
#include "core/util/bytes.h"

struct standin {
    const char *system; /* "taler" */
    const char *summary;
    const struct option_table *options; /* `--set key=value`; faults.* are the server's own */

    /* `folder` keeps keys (NULL: nothing is kept). *why gets one sentence on failure. */
    int (*start)(void **service, const void *options, const char *folder, struct lane *lane,
                 const char *base_url, const char **why);
    /* Each whole request; answers now or later, on the lane's stack. */
    void (*handle)(void *service, struct exchange *x);
    /* The ledger as one JSON object with at least "balanced": true|false and what explains it; the
     * server adds "requests". */
    void (*ledger)(void *service, struct buf *out);
    void (*stop)(void *service);

    /* Which options of the simulator's plan are URLs of this system, and what to put there:
     * "exchange" -> BASE, "bank" -> BASE/accounts/... NULL-terminated by name. */
    struct standin_role {
        const char *option;
        const char *path; /* appended to BASE */
    } roles[8];
};

/* For a simulator's check: either all URLs of a system are `embedded`, or none is. */
void standin_check_roles(const struct standin *standin, const struct option_table *table,
                         const void *options, const char *path, struct plan_errors *errors);

#endif
