#include "core/measure/health.h"

#include <math.h>

#define BIT(flag) (UINT32_C(1) << (flag))

const char *health_flag_name(enum health_flag flag)
{
    static const char *const names[] = {
#define HEALTH_FLAG_NAME(id, name) name,
        HEALTH_FLAGS_LIST(HEALTH_FLAG_NAME)
#undef HEALTH_FLAG_NAME
    };
    return names[flag];
}

uint32_t health_judge(const struct health_second *s)
{
    uint32_t flags = 0;
    double lag_limit =
        fmax((double)HEALTH_LAG_MIN_NS, HEALTH_LAG_OF_MEDIAN * (double)s->step_p50_ns);
    if ((double)s->lag_p99_ns > lag_limit)
        flags |= BIT(HEALTH_LOOP_LAG);
    if (s->delay_p99_ns > HEALTH_DELAY_NS)
        flags |= BIT(HEALTH_START_DELAY);
    if (s->lane_cpu_max >= HEALTH_CPU_SHARE)
        flags |= BIT(HEALTH_CPU);
    /* Waiting for a core while we fill them all ourselves is too little CPU, not a thief. */
    if (s->lane_wait_max > HEALTH_WAIT_SHARE)
        flags |= s->process_share >= HEALTH_CPU_SHARE ? BIT(HEALTH_CPU) : BIT(HEALTH_CPU_STOLEN);
    if (s->steal_share > (flags ? HEALTH_STEAL_SHARE : HEALTH_WAIT_SHARE))
        flags |= BIT(HEALTH_CPU_STOLEN);
    if (s->descriptors_gone)
        flags |= BIT(HEALTH_DESCRIPTORS);
    else if (s->unreachable > 0 && s->ports_scarce)
        flags |= BIT(HEALTH_PORTS);
    if (s->not_started > 0)
        flags |= BIT(HEALTH_MAX_ACTIVE);
    return flags;
}

void health_count(struct health_tally *tally, uint32_t flags, bool steady)
{
    for (int s = 0; s <= steady; s++) {
        tally->seconds[s]++;
        tally->flagged[s] += flags != 0;
        for (int f = 0; f < HEALTH_FLAGS; f++)
            tally->by_flag[s][f] += (flags >> f) & 1;
    }
}

void health_verdict(const struct health_tally *tally, struct health_verdict *out)
{
    int s = tally->seconds[1] > 0;
    out->seconds = tally->seconds[s];
    out->flagged = tally->flagged[s];
    out->reason = HEALTH_CPU;
    out->bottleneck =
        out->flagged > 0 && (double)out->flagged >= HEALTH_SECONDS_SHARE * (double)out->seconds;
    for (int f = 0; f < HEALTH_FLAGS; f++)
        if (tally->by_flag[s][f] > tally->by_flag[s][out->reason])
            out->reason = (enum health_flag)f;
    for (int f = 0; f < HEALTH_FLAGS; f++) {
        if (tally->by_flag[s][f] * 2 >= out->flagged && tally->by_flag[s][f] > 0) {
            out->reason = (enum health_flag)f;
            return;
        }
    }
}
