/* manifest.json: what is needed to know under which conditions a run was made, and to repeat it. */
#ifndef SHOAL_CORE_REPORT_MANIFEST_H
#define SHOAL_CORE_REPORT_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/report/run_folder.h"
#include "core/util/random.h"

struct manifest_pair {
    const char *name, *value;
};

/* What only the end of a run knows. Whole numbers. */
#define MANIFEST_COUNTS(X)    \
    X(connections_opened)     \
    X(connections_failed)     \
    X(tls_full_handshakes)    \
    X(tls_resumed_handshakes) \
    X(state_records)          \
    X(state_used_bytes)       \
    X(state_file_bytes)       \
    X(state_mapped_bytes)     \
    X(state_commits)          \
    X(state_purged_records)

struct manifest_counts {
#define MANIFEST_COUNT_MEMBER(name) uint64_t name;
    MANIFEST_COUNTS(MANIFEST_COUNT_MEMBER)
#undef MANIFEST_COUNT_MEMBER
};

/* From the caller; the host's facts, versions of libraries and hashes are found by us. Strings are
 * borrowed for the call. Nothing in here may be a secret: the caller hides them. */
struct manifest {
    const char *name;         /* of the plan */
    const char *command_line; /* secrets hidden */
    struct slice plan;        /* plan.json as written; its SHA-256 goes in */
    const char *state_folder; /* NULL: none */
    uint64_t seed;
    uint8_t run_id[RUN_ID_SIZE];
    unsigned lanes;
    const char *fiber_guard;             /* how stacks are guarded */
    const struct manifest_pair *targets; /* "wallets.exchange" -> URL */
    size_t target_count;
    const struct manifest_pair *versions; /* libraries that core does not use itself */
    size_t version_count;
    int64_t started_wall_us, ended_wall_us; /* ended 0: still running */
    int64_t start_skew_ns;      /* first arrival's actual - planned start; -1: none was planned */
    unsigned segment, segments; /* 1 of 1 for a whole run */
    unsigned resumed;           /* times the run was resumed */
    const struct manifest_counts *at_end; /* NULL: still running */
    bool insecure_tls;                    /* certificates were not verified */
};

/* At the start and again at the end. */
int manifest_save(struct run_folder *folder, const struct manifest *m);

#endif
