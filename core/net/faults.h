/* Faults that any stand-in injects, as shares of requests: one shared module.
 *
 * Drawn per request from a seeded stream: an answer is delayed, replaced by an error status,
 * dropped (connection closed without a reply), truncated (half the body, then closed), or the
 * stand-in "restarts": for a while it refuses connections and forgets open ones, keeping its books.
 */
#ifndef SHOAL_CORE_NET_FAULTS_H
#define SHOAL_CORE_NET_FAULTS_H

#include <stdint.h>

#include "core/plan/distribution.h"
#include "core/plan/option.h"
#include "core/util/random.h"

struct faults_options {
    struct distribution delay; /* before the reply; duration */
    double delay_share;        /* of requests that are delayed; 0..1 */
    double error_share;
    int64_t error_status; /* 500..599 */
    double drop_share;    /* before the request is handled: never executed */
    double lose_share;    /* after it is handled: executed, but the reply is never sent */
    double truncate_share;
    int64_t restart_every_ns; /* 0: never */
    int64_t restart_down_ns;
    uint64_t seed;
};

/* The table behind `--set faults.delay=...` of `shoal serve`; binds to struct faults_options. */
extern const struct option_table faults_option_table;

enum fault_kind { FAULT_NONE, FAULT_ERROR, FAULT_DROP, FAULT_LOSE, FAULT_TRUNCATE };

struct fault {
    enum fault_kind kind;
    int64_t delay_ns;
    int status; /* of FAULT_ERROR */
};

struct faults {
    struct faults_options options;
    struct rng rng;
};

void faults_init(struct faults *f, const struct faults_options *options);
void faults_draw(struct faults *f, struct fault *out);

#endif
