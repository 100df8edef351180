/* A plan: what to run, read from one JSON file, changed by flags, checked, and then immutable.
 *
 * Order: the file; `--set path=value` from left to right; the named flags. Then every value is
 * checked, and only a plan without any error comes out. Simulators are the caller's: the catalog
 * brings their option tables, so the plan knows none of them.
 */
#ifndef SHOAL_CORE_PLAN_PLAN_H
#define SHOAL_CORE_PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/plan/distribution.h"
#include "core/plan/errors.h"
#include "core/plan/option.h"
#include "core/util/bytes.h"

#define PLAN_NAME_MAX 63 /* bytes of a name of a plan or scenario */
#define PLAN_SCENARIOS_MAX 64
#define PLAN_CLIENTS_MAX 100000000 /* of one scenario */
#define PLAN_LANES_MAX 256
#define PLAN_FILE_MAX (4u << 20)

enum plan_model { PLAN_CLOSED, PLAN_OPEN };
enum plan_arrivals { PLAN_POISSON, PLAN_CONSTANT };

/* From the value before it, linearly, to this one. The value before the first is 0 (closed) or
 * `rate` (open, 0 when it is not given). After the last stage its value holds. */
struct plan_stage {
    int64_t duration_ns; /* 0: a jump */
    int64_t clients;     /* closed */
    double rate;         /* open, per second */
};

struct plan_stages {
    struct plan_stage *items;
    size_t count;
};

struct plan_load {
    int model;           /* enum plan_model */
    int64_t duration_ns; /* no iteration starts later; 0: none. With stages and without a duration
                            or iterations of its own: their sum */
    int64_t iterations;  /* of the scenario in total; 0: no limit */
    int64_t graceful_stop_ns; /* what runs at the end may go on for so long, then it is cancelled */
    struct plan_stages stages;
    /* closed */
    int64_t ramp_ns;           /* clients start evenly spread over it */
    struct distribution think; /* from an iteration's end to the next start */
    int64_t pacing_ns;         /* least time from one start to the next */
    /* open */
    double rate;        /* arrivals per second */
    int arrivals;       /* enum plan_arrivals */
    int64_t max_active; /* iterations at once; what arrives beyond is counted, not started */
};

enum plan_lifetime {
    PLAN_KEEP_CLIENT,    /* until the client ends */
    PLAN_KEEP_ITERATION, /* closed when the iteration ends */
    PLAN_KEEP_SHARED,    /* any client of the lane may use it */
    PLAN_KEEP_REQUESTS,  /* closed after so many requests */
    PLAN_KEEP_TIME,      /* closed after so long */
};

struct plan_connections {
    enum plan_lifetime lifetime;
    int64_t requests; /* PLAN_KEEP_REQUESTS */
    int64_t time_ns;  /* PLAN_KEEP_TIME */
};

enum plan_purge_kind {
    PLAN_PURGE_NEVER,
    PLAN_PURGE_EVERY_ITERATION,
    PLAN_PURGE_EVERY,      /* after every N iterations of a client */
    PLAN_PURGE_OLDER_THAN, /* records older than that, after every iteration */
};

struct plan_purge {
    enum plan_purge_kind kind;
    int64_t every;         /* PLAN_PURGE_EVERY */
    int64_t older_than_ns; /* PLAN_PURGE_OLDER_THAN */
};

/* Paths: "{client}" in client_cert and client_key becomes the client's number. NULL: none. */
struct plan_tls {
    const char *ca; /* more trust anchors beside the system's */
    const char *client_cert;
    const char *client_key;
    bool insecure; /* certificates are not verified */
};

enum plan_http { PLAN_HTTP_AUTO, PLAN_HTTP_1, PLAN_HTTP_2 };

struct plan_scenario {
    const char *name;
    const char *simulator;
    int64_t clients;
    int64_t start_ns; /* after the run's start */
    struct plan_load load;
    struct plan_connections connections;
    int64_t max_connecting; /* outstanding connects per target and lane */
    int http;               /* enum plan_http */
    struct plan_tls tls;    /* what the scenario leaves out is the plan's */
    struct plan_purge purge;
    const struct option_table *table; /* the simulator's */
    void *options;                    /* the struct that table binds to */
};

struct plan_scenarios {
    struct plan_scenario *items;
    size_t count;
};

/* NULL-terminated address literals, as core/net/names.h wants them. */
struct plan_host {
    const char *name;
    const char *const *addresses;
};

struct plan_hosts {
    struct plan_host *items;
    size_t count;
};

#define PLAN_STANDINS_MAX 8
#define PLAN_STANDIN_SETS_MAX 64 /* options of one stand-in */

/* How a stand-in behind `embedded` is started: "key=value" for its --set. */
struct plan_standin {
    const char *system;
    const char *sets[PLAN_STANDIN_SETS_MAX];
    size_t set_count;
};

struct plan_standins {
    struct plan_standin *items;
    size_t count;
};

struct plan {
    const char *name;
    int64_t seed;
    int64_t lanes; /* 0: as many as there are processors */
    struct plan_scenarios scenarios;
    struct plan_hosts hosts;
    struct plan_standins standins;
    struct {
        int64_t ttl_ns;
    } dns;
    struct plan_tls tls; /* scenarios already hold what they inherit */
    const char *proxy;   /* "http://host:port"; NULL: none */
    int steady;          /* 0: "auto" */
    const char *schema;  /* "$schema", for editors */
    int64_t sync_ns;     /* state is synced to the disk so often; 0: never */
    struct arena *arena; /* owns all of the above */
    cJSON *resolved;     /* what plan_write writes */
};

/* What the caller knows of a simulator. */
struct plan_simulator {
    const char *name;
    const struct option_table *options;
    /* Values that are possible one by one and impossible together; NULL: none. `path` is
     * "scenarios.0.options". */
    void (*check)(const void *options, const char *path, struct plan_errors *errors);
};

struct plan_catalog {
    const struct plan_simulator *simulators;
    size_t count;
    /* The options of a system's stand-in, made in the arena; NULL: there is no such system. Without
     * the function what a plan says of stand-ins is not checked. */
    const struct option_table *(*standin_options)(const char *system, struct arena *arena);
};

/* Flags. 0 or NULL: not given. */
struct plan_overrides {
    const char *const *sets; /* "path=value", left to right */
    size_t set_count;
    int64_t clients;      /* --clients: of every scenario */
    const char *duration; /* --duration: of every scenario, as text */
    bool has_seed;
    int64_t seed;
    int64_t lanes;
    int64_t segments; /* --segment I/N: N, checked against every scenario's partitions */
};

/* 0 and the plan, or SHOAL_E_BAD_INPUT (also for a file that cannot be read) and errors. */
int plan_load(struct plan **out, const char *file, const struct plan_overrides *overrides,
              const struct plan_catalog *catalog, struct plan_errors *errors);
/* The same from text; `name` is what errors call it. Relative paths start at `folder`. */
struct plan_text {
    const char *name;
    const char *folder; /* NULL: the current one */
    struct slice text;
};
int plan_load_text(struct plan **out, const struct plan_text *text,
                   const struct plan_overrides *overrides, const struct plan_catalog *catalog,
                   struct plan_errors *errors);
void plan_free(struct plan *plan); /* NULL is allowed */

/* The plan as resolved, the same bytes for the same plan: every default filled in, secrets hidden
 * (references to the environment and to files are kept, so it can be run again). */
void plan_write(const struct plan *plan, struct buf *out);

/* The --set values for the stand-in of a system, in the plan's memory. Returns how many. */
size_t plan_standin_sets(const struct plan *plan, const char *system,
                         const char *out[PLAN_STANDIN_SETS_MAX]);

/* Partitions: what lanes, segments and open arrivals split by. A client's is its number modulo
 * plan_partitions(clients); arrival k goes to partition k modulo that. */
uint32_t plan_partitions(int64_t clients);

/* Iterations of one client when `iterations` of a closed scenario are split over its clients. */
int64_t plan_iterations_of(int64_t iterations, int64_t clients, int64_t client);

/* The table of the plan itself; the options of scenarios depend on their simulator. */
extern const struct option_table plan_table;

#endif
