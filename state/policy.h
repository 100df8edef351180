/* When a client's state is purged, as a pure function: TPS against the age of state is itself an
 * experiment, so the policy is part of the scenario. */
#ifndef SHOAL_STATE_POLICY_H
#define SHOAL_STATE_POLICY_H

#include "state/state.h"

enum state_policy_kind {
    STATE_PURGE_NEVER,
    STATE_PURGE_EVERY,      /* after every `every` iterations; 1: every-iteration */
    STATE_PURGE_OLDER_THAN, /* after each iteration, records older than `older_than_us` */
};

struct state_policy {
    enum state_policy_kind kind;
    uint64_t every;
    int64_t older_than_us;
    uint32_t tables; /* bit i: table i may be purged */
};

/* A client has ended `iterations` iterations over its life: is something purged now? */
struct state_policy_moment {
    uint64_t iterations;
    int64_t now_us;
};
bool state_policy_due(const struct state_policy *policy, const struct state_policy_moment *moment,
                      struct state_purge *out);

#endif
