/* What a plan says about a run before it runs: its length, its series. */
#include "core/load/group.h"
#include "core/load/run.h"
#include "core/util/clock.h"

/* The part of a scenario where its curve is flat, from the scenario's start. */
static bool flat_part(const struct plan_scenario *s, int64_t *from_ns, int64_t *to_ns)
{
    struct curve curve;
    int64_t at = 0, best = 0, end = load_group_end_ns(&s->load);

    load_group_curve(&curve, &s->load, s->clients);
    for (size_t i = 0; i < curve.count; i++) {
        const struct curve_stage *stage = &curve.stage[i];
        if (stage->from == stage->to && stage->duration_ns > best) {
            best = stage->duration_ns;
            *from_ns = at;
            *to_ns = at + stage->duration_ns;
        }
        at += stage->duration_ns;
    }
    if (end != CLOCK_NEVER && end - at > best && curve.after > 0) {
        best = end - at;
        *from_ns = at;
        *to_ns = end;
    }
    if (end != CLOCK_NEVER && *to_ns > end)
        *to_ns = end;
    return best > 0 && *from_ns < *to_ns;
}

bool load_steady_window(const struct plan *plan, int64_t *from_ns, int64_t *to_ns)
{
    int64_t latest = 0, earliest = CLOCK_NEVER;

    for (size_t i = 0; i < plan->scenarios.count; i++) {
        const struct plan_scenario *s = &plan->scenarios.items[i];
        int64_t from = 0, to = 0;
        if (!flat_part(s, &from, &to))
            return false;
        if (s->start_ns + from > latest)
            latest = s->start_ns + from;
        if (s->start_ns + to < earliest)
            earliest = s->start_ns + to;
    }
    *from_ns = latest;
    *to_ns = earliest;
    return latest < earliest;
}

int64_t load_planned_ns(const struct plan *plan)
{
    int64_t longest = 0;

    for (size_t i = 0; i < plan->scenarios.count; i++) {
        const struct plan_scenario *s = &plan->scenarios.items[i];
        int64_t end = load_group_end_ns(&s->load);
        if (end == CLOCK_NEVER)
            return CLOCK_NEVER;
        if (s->start_ns + end > longest)
            longest = s->start_ns + end;
    }
    return longest;
}

uint64_t load_planned_iterations(const struct plan *plan)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < plan->scenarios.count; i++) {
        const struct plan_load *load = &plan->scenarios.items[i].load;
        if (load->iterations == 0)
            return 0;
        sum += (uint64_t)load->iterations;
    }
    return sum;
}

void load_series(struct series_table *table, const struct plan *plan,
                 const struct simulator *const *simulators)
{
    for (size_t i = 0; i < plan->scenarios.count; i++) {
        const char *scenario = plan->scenarios.items[i].name;
        series_add(table, scenario, SERIES_ITERATION, "iteration");
        for (const char *const *s = simulators[i]->steps; *s; s++)
            series_add(table, scenario, SERIES_STEP, *s);
        for (const char *const *r = simulators[i]->requests; *r; r++)
            series_add(table, scenario, SERIES_REQUEST, *r);
    }
}
