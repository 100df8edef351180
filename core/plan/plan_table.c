/* The keys of a plan. */
#include "core/plan/plan_part.h"
#include "core/util/clock.h"

static const char *const models[] = {"closed", "open", NULL};
static const char *const arrivals[] = {"poisson", "constant", NULL};
static const char *const http_versions[] = {"auto", "1.1", "2", NULL};
static const char *const steady_windows[] = {"auto", NULL};

#define DURATION_LONGEST (3660.0 * 86400 * NS_PER_S)

#define STAGE(field) OPTION_FIELD(struct plan_stage, field)
static const struct option stage_options[] = {
    {"duration", OPTION_DURATION, STAGE(duration_ns), .flags = OPTION_REQUIRED,
     .max = DURATION_LONGEST,
     .help = "How long the change to this stage's value takes; 0s: a jump"},
    {"clients", OPTION_INTEGER, STAGE(clients), .max = PLAN_CLIENTS_MAX,
     .help = "Closed model: clients that are active at the stage's end"},
    {"rate", OPTION_RATE, STAGE(rate), .max = 1e9,
     .help = "Open model: arrivals at the stage's end"},
};
static const struct option_table stage_table = OPTION_TABLE_OF(struct plan_stage, stage_options);

#define LOAD(field) OPTION_FIELD(struct plan_load, field)
static const struct option load_options[] = {
    {"model", OPTION_ENUM, LOAD(model), .values = models, .default_text = "closed",
     .help = "closed: each client starts its next iteration when it is done with the last; open: "
             "iterations arrive at a rate, whatever the target does"},
    {"duration", OPTION_DURATION, LOAD(duration_ns), .max = DURATION_LONGEST,
     .help = "No iteration starts later; without it the sum of the stages"},
    {"iterations", OPTION_INTEGER, LOAD(iterations),
     .help = "Iterations of the scenario in total, in both models; in the closed one they are "
             "split evenly over the clients"},
    {"graceful_stop", OPTION_DURATION, LOAD(graceful_stop_ns), .default_text = "30s",
     .max = DURATION_LONGEST,
     .help = "What still runs at the end may go on for so long, then it is cancelled"},
    {"stages", OPTION_LIST, LOAD(stages), .table = &stage_table, .max = 1000,
     .help = "Clients (closed) or rate (open) over time, linearly from the value before; after the "
             "last stage its value holds"},
    {"ramp", OPTION_DURATION, LOAD(ramp_ns), .max = DURATION_LONGEST,
     .help = "Closed: the clients start evenly spread over it; not given: all at once"},
    {"think", OPTION_DISTRIBUTION, LOAD(think), .base = DISTRIBUTION_DURATION,
     .max = DURATION_LONGEST,
     .help = "Closed: pause from an iteration's end to the next start; not given: none"},
    {"pacing", OPTION_DURATION, LOAD(pacing_ns), .max = DURATION_LONGEST,
     .help = "Closed: least time from one start of a client to its next; not given: none"},
    {"rate", OPTION_RATE, LOAD(rate), .max = 1e9,
     .help = "Open: arrivals of the whole scenario; with stages the value they begin from"},
    {"arrivals", OPTION_ENUM, LOAD(arrivals), .values = arrivals,
     .help = "Open: random (poisson, when not given) or evenly spaced arrivals"},
    {"max_active", OPTION_INTEGER, LOAD(max_active), .max = PLAN_CLIENTS_MAX,
     .help = "Open: iterations at once; what arrives beyond is counted, not started; not given: as "
             "many as clients"},
};
const struct option_table plan_load_table = OPTION_TABLE_OF(struct plan_load, load_options);

#define TLS(field) OPTION_FIELD(struct plan_tls, field)
static const struct option tls_options[] = {
    {"ca", OPTION_PATH, TLS(ca), .flags = OPTION_EXISTS,
     .help = "PEM file of more trust anchors beside the system's"},
    {"client_cert", OPTION_PATH, TLS(client_cert), .flags = OPTION_EXISTS,
     .help = "PEM file of the client's certificate; {client} in it becomes the client's number"},
    {"client_key", OPTION_PATH, TLS(client_key), .flags = OPTION_EXISTS,
     .help = "PEM file of its private key; {client} in it becomes the client's number"},
    {"insecure", OPTION_BOOL, TLS(insecure), .default_text = "false",
     .help = "Do not verify certificates; the manifest says so"},
};
static const struct option_table tls_table = OPTION_TABLE_OF(struct plan_tls, tls_options);

#define SCENARIO(field) OPTION_FIELD(struct plan_scenario, field)
static const struct option scenario_options[] = {
    {"name", OPTION_STRING, SCENARIO(name),
     .help = "Names the scenario in results and flags; not given: its simulator's name"},
    {"simulator", OPTION_STRING, SCENARIO(simulator), .flags = OPTION_REQUIRED,
     .help = "What its clients are; `shoal list` shows them all"},
    {"clients", OPTION_INTEGER, SCENARIO(clients), .flags = OPTION_REQUIRED, .min = 1,
     .max = PLAN_CLIENTS_MAX, .help = "How many clients there are"},
    {"start", OPTION_DURATION, SCENARIO(start_ns), .default_text = "0s", .max = DURATION_LONGEST,
     .help = "Begins so long after the run"},
    {"load", OPTION_TABLE, SCENARIO(load), .table = &plan_load_table,
     .help = "When iterations start"},
    {"connections", OPTION_CUSTOM, SCENARIO(connections), .custom = &plan_connections_custom,
     .default_text = "client",
     .help = "How long a connection is kept: until its client ends, its iteration ends, after N "
             "requests, after a time; shared: any client may use any connection"},
    {"max_connecting", OPTION_INTEGER, SCENARIO(max_connecting), .min = 1, .max = 65536,
     .default_text = "64", .help = "Connections being set up at once, per target and lane"},
    {"http", OPTION_ENUM, SCENARIO(http), .values = http_versions, .default_text = "auto",
     .help = "HTTP version; auto: 2 where TLS agrees on it, else 1.1"},
    {"tls", OPTION_TABLE, SCENARIO(tls), .table = &tls_table,
     .help = "TLS of this scenario; what it leaves out is the plan's"},
    {"purge", OPTION_CUSTOM, SCENARIO(purge), .custom = &plan_purge_custom,
     .default_text = "every-iteration", .help = "When a client's stored records are deleted"},
    {"options", OPTION_CUSTOM, .custom = &plan_options_custom,
     .help = "The simulator's own options; `shoal describe SIMULATOR` shows them"},
};
const struct option_table plan_scenario_table =
    OPTION_TABLE_OF(struct plan_scenario, scenario_options);

struct plan_dns {
    int64_t ttl_ns;
};
static const struct option dns_options[] = {
    {"ttl", OPTION_DURATION, OPTION_FIELD(struct plan_dns, ttl_ns), .default_text = "30s",
     .min = (double)NS_PER_MS, .max = DURATION_LONGEST,
     .help = "Names are resolved again after it, for new connections"},
};
static const struct option_table dns_table = OPTION_TABLE_OF(struct plan_dns, dns_options);

#define PLAN(field) OPTION_FIELD(struct plan, field)
static const struct option plan_options[] = {
    {"$schema", OPTION_STRING, PLAN(schema),
     .help = "For editors: where the output of `shoal schema` is"},
    {"name", OPTION_STRING, PLAN(name),
     .help = "Names the run's folder; not given: the file's name"},
    {"seed", OPTION_INTEGER, PLAN(seed), .default_text = "1",
     .help = "All choices and schedules follow from it"},
    {"lanes", OPTION_INTEGER, PLAN(lanes), .default_text = "0", .max = PLAN_LANES_MAX,
     .help = "Threads that play the clients; 0: as many as there are processors"},
    {"scenarios", OPTION_LIST, PLAN(scenarios), .table = &plan_scenario_table,
     .flags = OPTION_REQUIRED, .min = 1, .max = PLAN_SCENARIOS_MAX,
     .help = "What is played, side by side"},
    {"hosts", OPTION_CUSTOM, PLAN(hosts), .custom = &plan_hosts_custom, .default_text = "{}",
     .help = "Addresses of names, used instead of asking DNS"},
    {"standins", OPTION_CUSTOM, PLAN(standins), .custom = &plan_standins_custom,
     .default_text = "{}",
     .help = "Options of the stand-ins behind the value embedded, by system; `shoal describe "
             "SYSTEM` shows them"},
    {"dns", OPTION_TABLE, PLAN(dns), .table = &dns_table, .help = "How names are resolved"},
    {"tls", OPTION_TABLE, PLAN(tls), .table = &tls_table,
     .help = "TLS of all scenarios, as far as they do not say otherwise"},
    {"proxy", OPTION_URL, PLAN(proxy),
     .help = "HTTP proxy for all requests; the environment's is never used"},
    {"sync", OPTION_DURATION, PLAN(sync_ns), .default_text = "0s", .max = DURATION_LONGEST,
     .help = "Stored records are synced to the disk so often; 0s: never, which survives the "
             "death of the process but not the loss of power"},
    {"steady", OPTION_ENUM, PLAN(steady), .values = steady_windows, .default_text = "auto",
     .help = "The steady window of the results; auto: between ramp-up and stop"},
    {"thresholds", OPTION_CUSTOM, .custom = &plan_no_list_custom, .default_text = "[]",
     .help = "Empty in this version"},
    {"observers", OPTION_CUSTOM, .custom = &plan_no_list_custom, .default_text = "[]",
     .help = "Empty in this version"},
    {"outputs", OPTION_CUSTOM, .custom = &plan_no_object_custom, .default_text = "{}",
     .help = "Empty in this version"},
};
const struct option_table plan_table = OPTION_TABLE_OF(struct plan, plan_options);
