#include "state/policy.h"

bool state_policy_due(const struct state_policy *policy, const struct state_policy_moment *moment,
                      struct state_purge *out)
{
    *out = (struct state_purge){.tables = policy->tables};
    switch (policy->kind) {
    case STATE_PURGE_NEVER:
        return false;
    case STATE_PURGE_EVERY:
        return policy->every && moment->iterations && moment->iterations % policy->every == 0;
    case STATE_PURGE_OLDER_THAN:
        /* Nothing can be old yet before the age itself has passed since 1970. */
        if (moment->now_us <= policy->older_than_us)
            return false;
        out->older_than_us = moment->now_us - policy->older_than_us;
        return true;
    }
    return false;
}
