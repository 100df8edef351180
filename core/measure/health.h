/* Was the number the service's or ours? What the machine and the lanes say about the generator.
 *
 * Each second is judged by itself; a run is a bottleneck when at least 5 % of its steady seconds
 * (of all seconds, when no steady window is known) were flagged. A second is flagged when
 *   cpu          a lane used >= 90 % of a core, or lanes waited for cores that we ourselves filled
 *   cpu-stolen   a lane was runnable and waited for a core > 20 % of the time, and others had it;
 *                or the hypervisor stole as much, or > 5 % in a second with lag or delay
 *   loop-lag     p99 of the loop lag > max(5 ms, 10 % of the median step latency)
 *   start-delay  p99 of the start delay > 10 ms
 *   descriptors  no file descriptor was left
 *   ports        connects failed for want of a local port
 *   max-active   arrivals could not start
 * The reason is the first of the list, in order of cause before symptom, that explains at least
 * half of the flagged seconds; else the most frequent.
 */
#ifndef SHOAL_CORE_MEASURE_HEALTH_H
#define SHOAL_CORE_MEASURE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEALTH_FLAGS_LIST(X)      \
    X(CPU, "cpu")                 \
    X(CPU_STOLEN, "cpu-stolen")   \
    X(DESCRIPTORS, "descriptors") \
    X(PORTS, "ports")             \
    X(MAX_ACTIVE, "max-active")   \
    X(LOOP_LAG, "loop-lag")       \
    X(START_DELAY, "start-delay")

enum health_flag {
#define HEALTH_FLAG_ENUM(id, name) HEALTH_##id,
    HEALTH_FLAGS_LIST(HEALTH_FLAG_ENUM)
#undef HEALTH_FLAG_ENUM
        HEALTH_FLAGS
};
const char *health_flag_name(enum health_flag flag);

#define HEALTH_CPU_SHARE 0.90
#define HEALTH_WAIT_SHARE 0.20
#define HEALTH_STEAL_SHARE 0.05
#define HEALTH_LAG_MIN_NS INT64_C(5000000)
#define HEALTH_LAG_OF_MEDIAN 0.10
#define HEALTH_DELAY_NS INT64_C(10000000)
#define HEALTH_SECONDS_SHARE 0.05

/* One second as it was measured. */
struct health_second {
    double lane_cpu_max;  /* share of a core, the busiest lane */
    double lane_wait_max; /* share of the second, the lane that waited most for a core */
    double steal_share;   /* time the hypervisor gave to others */
    double process_share; /* our CPU time / (seconds x processors) */
    int64_t lag_p99_ns;
    int64_t step_p50_ns; /* median latency over all steps; 0: none ended */
    int64_t delay_p99_ns;
    uint64_t not_started;
    uint64_t unreachable;  /* failures of kind "unreachable" */
    bool descriptors_gone; /* no descriptor was free */
    bool ports_scarce;     /* the local port range is nearly used up */
};

/* Bit per flag. */
uint32_t health_judge(const struct health_second *second);

/* The run so far. */
struct health_tally {
    uint64_t seconds[2], flagged[2]; /* [1]: steady ones only */
    uint64_t by_flag[2][HEALTH_FLAGS];
};
void health_count(struct health_tally *tally, uint32_t flags, bool steady);

struct health_verdict {
    bool bottleneck;
    enum health_flag reason; /* when bottleneck */
    uint64_t seconds, flagged;
};
void health_verdict(const struct health_tally *tally, struct health_verdict *out);

/* --- what the machine says; 0 or false where /proc does not ------------------------------- */

struct machine_sample {
    uint64_t steal_ticks, total_ticks; /* /proc/stat, all processors */
    uint64_t rss_anon_bytes;           /* of this process */
    int64_t cpu_ns;                    /* of this process */
    double processors;                 /* we may use: affinity and cgroup quota */
    bool descriptors_gone, ports_scarce;
    unsigned descriptors; /* about how many are open */
};
void machine_sample(struct machine_sample *out);

uint64_t rss_anon_bytes(void);
/* Time the thread `tid` of this process was runnable and waited for a core since its start. */
bool thread_run_wait_ns(int tid, int64_t *out);

#endif
