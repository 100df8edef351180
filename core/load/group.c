/* Closed model: every client has a timer, and starts again after thinking. Open model: every
 * partition has a timer for its next arrival, which takes the partition's longest idle client. */
#include "core/load/group.h"

#include <assert.h>
#include <stdlib.h>

#include "core/load/run.h"
#include "core/load/simulator.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

#define NO_STACK_PAUSE_NS (10 * NS_PER_MS) /* before trying again when no fiber could be had */

void load_group_curve(struct curve *out, const struct plan_load *load, int64_t clients)
{
    bool open = load->model == PLAN_OPEN;
    double value = open ? load->rate : 0;

    *out = (struct curve){.after = value};
    for (size_t i = 0; i < load->stages.count && i < CURVE_STAGES_MAX; i++) {
        const struct plan_stage *s = &load->stages.items[i];
        double to = open ? s->rate : (double)s->clients;
        if (s->duration_ns > 0)
            out->stage[out->count++] = (struct curve_stage){s->duration_ns, value, to};
        value = out->after = to;
    }
    if (load->stages.count)
        return;
    if (load->ramp_ns > 0) {
        double from = 0, to = open ? load->rate : (double)clients;
        out->stage[out->count++] = (struct curve_stage){load->ramp_ns, from, to};
    }
    out->after = open ? load->rate : (double)clients;
}

int64_t load_group_end_ns(const struct plan_load *load)
{
    int64_t sum = 0;

    if (load->duration_ns > 0)
        return load->duration_ns;
    if (load->iterations > 0 || load->stages.count == 0)
        return CLOCK_NEVER;
    for (size_t i = 0; i < load->stages.count; i++)
        sum += load->stages.items[i].duration_ns;
    return sum;
}

static int64_t since_start(const struct load_group *g)
{
    return clock_ns() - g->zero_ns;
}

/* The last thing a group does: nothing runs, nothing will start. */
static void maybe_done(struct load_group *g)
{
    struct load_lane *l = g->lane;

    if (!g->stopping || g->running || g->done)
        return;
    g->done = true;
    lane_timer_stop(l->lane, &g->end);
    lane_timer_stop(l->lane, &g->cancel);
    assert(l->groups_open > 0);
    if (--l->groups_open == 0)
        l->drained(l);
}

static void publish_gauge(struct load_group *g)
{
    meter_clients(g->lane->meter, &g->lane->gauge);
}

static void start(struct load_client *client, int64_t intended_ns)
{
    struct load_group *g = client->group;

    client->busy = true;
    g->running++;
    g->lane->gauge.running++;
    if (iteration_spawn(client, intended_ns) == SHOAL_OK)
        return;
    /* No stack is free: too many iterations run at once. Nothing started, so nothing is lost. */
    client->busy = false;
    g->running--;
    g->lane->gauge.running--;
    meter_event(g->lane->meter, EVENT_NOT_STARTED, 1);
    lane_timer_set(g->lane->lane, &client->timer, clock_after(clock_ns(), NO_STACK_PAUSE_NS));
}

/* --- closed -------------------------------------------------------------------------------- */

static void client_over(struct load_client *client)
{
    struct load_group *g = client->group;

    assert(!client->over);
    client->over = true;
    g->lane->gauge.done++;
    g->lane->gauge.thinking--;
    if (++g->over_count == g->client_count)
        load_group_stop(g);
}

static bool has_iterations_left(const struct load_client *client)
{
    const struct load_group *g = client->group;
    int64_t total = g->plan->load.iterations;

    if (g->single)
        return client->started == 0;
    if (total == 0)
        return true;
    return client->started <
           (uint64_t)plan_iterations_of(total, g->plan->clients, (int64_t)client->id);
}

/* Sets the client's timer for its next start, not before `t_ns` of the scenario. */
static void think_until(struct load_client *client, int64_t t_ns)
{
    struct load_group *g = client->group;
    int64_t at = curve_next_above(&g->curve, (double)client->id, t_ns);

    if (g->stopping)
        return;
    if (at == CLOCK_NEVER || !has_iterations_left(client)) {
        client_over(client);
        return;
    }
    lane_timer_set(g->lane->lane, &client->timer, clock_after(g->zero_ns, at));
}

static void client_due(struct lane_timer *timer)
{
    struct load_client *client = (struct load_client *)timer;
    struct load_group *g = client->group;
    int64_t now = since_start(g);

    static_assert(offsetof(struct load_client, timer) == 0, "client_due casts");
    if (g->stopping)
        return;
    if (curve_next_above(&g->curve, (double)client->id, now) > now) {
        think_until(client, now); /* the number of clients fell below this one meanwhile */
        return;
    }
    g->lane->gauge.thinking--;
    start(client, clock_ns());
    if (!client->busy)
        g->lane->gauge.thinking++;
    publish_gauge(g);
}

/* A resumed run goes on counting where its earlier parts ended. */
static void take_ended(struct load_client *client)
{
    struct load_group *g = client->group;

    if (!g->existing_state || !g->fleet->store || g->plan->load.iterations == 0)
        return;
    if (g->store_class->ended(g->fleet->store, client->id, &client->ended) == SHOAL_OK)
        client->started = client->ended; /* else the store has said that it is broken */
}

static void closed_begin(struct load_group *g)
{
    for (size_t i = 0; i < g->client_count; i++) {
        struct load_client *c = &g->clients[i];
        c->timer.fn = client_due;
        take_ended(c);
        g->lane->gauge.thinking++;
    }
    for (size_t i = 0; i < g->client_count && !g->stopping; i++) {
        /* After a resume the clients come back over the ramp again, not all at once. */
        int64_t share = (int64_t)((double)g->plan->load.ramp_ns * (double)g->clients[i].id /
                                  (double)g->plan->clients);
        int64_t first = g->elapsed_ns > 0 ? g->elapsed_ns + share : 0;
        think_until(&g->clients[i], first);
    }
    if (g->client_count == 0)
        load_group_stop(g);
}

static void closed_over(struct load_client *client, int64_t started_ns, struct rng *rng)
{
    struct load_group *g = client->group;
    const struct plan_load *load = &g->plan->load;
    int64_t next = since_start(g) + distribution_draw_int(&load->think, rng);
    int64_t paced = started_ns - g->zero_ns + load->pacing_ns;

    g->lane->gauge.thinking++;
    think_until(client, paced > next ? paced : next);
}

/* --- open ---------------------------------------------------------------------------------- */

static void push_idle(struct load_partition *p, struct load_client *client)
{
    client->next_idle = NULL;
    *p->idle_last = client;
    p->idle_last = &client->next_idle;
}

static struct load_client *pop_idle(struct load_partition *p)
{
    struct load_client *client = p->idle_first;

    p->idle_first = client->next_idle;
    if (!p->idle_first)
        p->idle_last = &p->idle_first;
    return client;
}

/* Starts the oldest waiting arrival on an idle client. */
static void begin_waiting(struct load_partition *p)
{
    struct load_group *g = p->group;
    struct load_client *client = pop_idle(p);
    uint64_t k;
    int64_t t = arrivals_next(&p->begun, &k);

    p->waiting--;
    g->lane->gauge.waiting_arrivals--;
    g->lane->gauge.thinking--;
    start(client, clock_after(g->zero_ns, t));
    if (!client->busy) { /* counted as not started; the client is idle again */
        lane_timer_stop(g->lane->lane, &client->timer);
        g->lane->gauge.thinking++;
        push_idle(p, client);
    }
}

static bool partitions_exhausted(const struct load_group *g)
{
    for (size_t i = 0; i < g->partition_count; i++)
        if (g->partitions[i].due_ns != CLOCK_NEVER || g->partitions[i].waiting)
            return false;
    return true;
}

static bool at_cap(const struct load_group *g)
{
    return g->running_max && g->running >= g->running_max;
}

static void arrive(struct load_partition *p)
{
    struct load_group *g = p->group;
    uint64_t k;

    if (at_cap(g) && p->waiting == 0) {
        arrivals_next(&p->begun, &k); /* this one never starts */
        meter_event(g->lane->meter, EVENT_NOT_STARTED, 1);
    } else {
        p->waiting++;
        g->lane->gauge.waiting_arrivals++;
        if (p->idle_first && !at_cap(g))
            begin_waiting(p);
    }
    p->due_ns = arrivals_next(&p->due, &k);
}

static void partition_due(struct lane_timer *timer)
{
    struct load_partition *p = (struct load_partition *)timer;
    struct load_group *g = p->group;

    static_assert(offsetof(struct load_partition, timer) == 0, "partition_due casts");
    if (g->stopping)
        return;
    int64_t now = since_start(g);
    while (p->due_ns <= now)
        arrive(p);
    if (p->due_ns != CLOCK_NEVER)
        lane_timer_set(g->lane->lane, &p->timer, clock_after(g->zero_ns, p->due_ns));
    else if (partitions_exhausted(g))
        load_group_stop(g);
    publish_gauge(g);
}

static void open_begin(struct load_group *g)
{
    g->lane->gauge.thinking += (uint32_t)g->client_count;
    for (size_t i = 0; i < g->partition_count && !g->stopping; i++) {
        struct load_partition *p = &g->partitions[i];
        uint64_t k;
        p->timer.fn = partition_due;
        p->due_ns = arrivals_next(&p->due, &k);
        while (p->due_ns < g->elapsed_ns) { /* of earlier parts of the run */
            arrivals_next(&p->begun, &k);
            p->due_ns = arrivals_next(&p->due, &k);
        }
        if (p->due_ns != CLOCK_NEVER)
            lane_timer_set(g->lane->lane, &p->timer, clock_after(g->zero_ns, p->due_ns));
    }
    if (partitions_exhausted(g))
        load_group_stop(g);
}

static void open_over(struct load_client *client)
{
    struct load_group *g = client->group;
    struct load_partition *p = g->by_number[client->id % g->layout.partitions];

    g->lane->gauge.thinking++;
    push_idle(p, client);
    if (p->waiting && !g->stopping)
        begin_waiting(p);
    if (!g->stopping && partitions_exhausted(g))
        load_group_stop(g);
}

/* --- both ---------------------------------------------------------------------------------- */

void load_group_iteration_over(struct load_client *client, int64_t started_ns, struct rng *rng)
{
    struct load_group *g = client->group;

    client->busy = false;
    g->running--;
    g->lane->gauge.running--;
    if (g->plan->load.model == PLAN_OPEN)
        open_over(client);
    else
        closed_over(client, started_ns, rng);
    publish_gauge(g);
    maybe_done(g);
}

static void group_end_due(struct lane_timer *timer)
{
    load_group_stop((struct load_group *)((char *)timer - offsetof(struct load_group, end)));
}

static void group_cancel_due(struct lane_timer *timer)
{
    struct load_group *g =
        (struct load_group *)((char *)timer - offsetof(struct load_group, cancel));

    group_cancel(&g->fibers);
}

void load_group_abort(struct load_group *g)
{
    load_group_stop(g);
    group_cancel(&g->fibers);
}

void load_group_stop(struct load_group *g)
{
    struct lane *lane = g->lane->lane;

    if (g->stopping)
        return;
    g->stopping = true;
    for (size_t i = 0; i < g->client_count; i++)
        lane_timer_stop(lane, &g->clients[i].timer);
    for (size_t i = 0; i < g->partition_count; i++) {
        struct load_partition *p = &g->partitions[i];
        lane_timer_stop(lane, &p->timer);
        if (p->waiting)
            meter_event(g->lane->meter, EVENT_NOT_STARTED, p->waiting);
        g->lane->gauge.waiting_arrivals -= (uint32_t)p->waiting;
        p->waiting = 0;
    }
    g->cancel.fn = group_cancel_due;
    lane_timer_set(lane, &g->cancel, clock_after(clock_ns(), g->plan->load.graceful_stop_ns));
    publish_gauge(g);
    maybe_done(g);
}

/* Whether this lane plays a client (or the clients of a partition, by its number). */
static bool is_ours(const struct load_group *g, uint64_t client)
{
    return client % g->layout.partitions % g->layout.segments == g->layout.segment &&
           layout_lane(&g->layout, client) == g->lane->index &&
           (!g->single || client == g->single->client);
}

static void init_partitions(struct load_group *g)
{
    const struct plan_load *load = &g->plan->load;

    g->partitions = calloc(g->layout.partitions, sizeof(*g->partitions));
    g->by_number = calloc(g->layout.partitions, sizeof(*g->by_number));
    if (!g->partitions || !g->by_number)
        die("no memory for the clients of scenario %s", g->plan->name);
    for (uint32_t p = 0; p < g->layout.partitions; p++) {
        if (!is_ours(g, p))
            continue;
        /* The cap is split over all partitions, so the lanes' and segments' shares add up to it. */
        g->running_max += (uint64_t)load->max_active / g->layout.partitions +
                          (p < (uint64_t)load->max_active % g->layout.partitions);
        struct load_partition *part = &g->partitions[g->partition_count++];
        g->by_number[p] = part;
        part->group = g;
        part->idle_last = &part->idle_first;
        part->due = (struct arrivals){.rate = &g->curve,
                                      .scenario = g->plan->name,
                                      .seed = g->fleet->seed,
                                      .partition = p,
                                      .partitions = g->layout.partitions,
                                      .limit = (uint64_t)load->iterations,
                                      .poisson = load->arrivals == PLAN_POISSON};
        part->begun = part->due;
    }
    if (load->max_active > 0 && g->running_max == 0)
        g->running_max = 1;
}

static void init_clients(struct load_group *g)
{
    uint64_t clients = (uint64_t)g->plan->clients;
    size_t i = 0;

    for (uint64_t id = 0; id < clients; id++)
        g->client_count += is_ours(g, id);
    g->clients = calloc(g->client_count ? g->client_count : 1, sizeof(*g->clients));
    if (!g->clients)
        die("no memory for the clients of scenario %s", g->plan->name);
    for (uint64_t id = 0; id < clients; id++) /* ascending: low numbers start first */
        if (is_ours(g, id))
            g->clients[i++] = (struct load_client){.group = g, .id = id};
}

void load_group_init(struct load_group *g)
{
    load_group_curve(&g->curve, &g->plan->load, g->plan->clients);
    init_clients(g);
    if (g->plan->load.model != PLAN_OPEN)
        return;
    init_partitions(g);
    for (size_t c = 0; c < g->client_count; c++)
        push_idle(g->by_number[g->clients[c].id % g->layout.partitions], &g->clients[c]);
}

void load_group_begin(struct load_group *g, int64_t zero_ns)
{
    int64_t end = load_group_end_ns(&g->plan->load);

    g->zero_ns = zero_ns;
    g->end.fn = group_end_due;
    if (end != CLOCK_NEVER)
        lane_timer_set(g->lane->lane, &g->end, clock_after(zero_ns, end));
    if (g->plan->load.model == PLAN_OPEN)
        open_begin(g);
    else
        closed_begin(g);
    publish_gauge(g);
}

void load_group_free(struct load_group *g)
{
    for (size_t i = 0; i < g->client_count; i++)
        if (g->clients[i].http)
            http_client_free(g->clients[i].http);
    free(g->clients);
    free(g->partitions);
    free(g->by_number);
}
