/* What is possible value by value and impossible together. */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "core/plan/plan_part.h"

uint32_t plan_partitions(int64_t clients)
{
    if (clients <= 8)
        return clients < 1 ? 1 : (uint32_t)clients;
    int64_t sixteenth = clients / 16;
    return sixteenth < 8 ? 8 : sixteenth > 64 ? 64 : (uint32_t)sixteenth;
}

int64_t plan_iterations_of(int64_t iterations, int64_t clients, int64_t client)
{
    return iterations / clients + (client < iterations % clients);
}

bool plan_name_is_valid(const char *name, bool dots)
{
    size_t len = strlen(name);
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
    return len > 0 && len <= PLAN_NAME_MAX && good == len && name[0] != '-' && name[0] != '.' &&
           strspn(name, "0123456789") < len && (dots || !strchr(name, '.'));
}

/* One scenario, with the paths its errors need. */
struct scenario_check {
    const struct plan_checking *all;
    const struct plan_scenario *scenario;
    const cJSON *load; /* as given */
    char path[PLAN_PATH_MAX], load_path[PLAN_PATH_MAX];
};

static bool is_given(const cJSON *object, const char *key)
{
    const cJSON *item =
        cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
    return item && !cJSON_IsNull(item);
}

static void check_name(const struct scenario_check *c, size_t index)
{
    const struct plan_scenario *s = c->scenario;
    if (!plan_name_is_valid(s->name, false))
        plan_error(c->all->errors, c->path, "name",
                   "a scenario's name has 1 to %d letters, digits, - and _, and not only digits",
                   PLAN_NAME_MAX);
    for (size_t i = 0; i < index; i++) {
        if (strcmp(c->all->plan->scenarios.items[i].name, s->name) == 0)
            plan_error(c->all->errors, c->path, "name",
                       "scenario %zu is called \"%s\" already; give each its own name", i, s->name);
    }
}

/* A key of the other model would silently do nothing. */
static void check_model_keys(const struct scenario_check *c)
{
    static const char *const closed[] = {"ramp", "think", "pacing", NULL};
    static const char *const open[] = {"rate", "arrivals", "max_active", NULL};
    bool is_open = c->scenario->load.model == PLAN_OPEN;
    const char *const *foreign = is_open ? closed : open;
    for (int i = 0; foreign[i]; i++) {
        if (is_given(c->load, foreign[i]))
            plan_error(c->all->errors, c->load_path, foreign[i],
                       "this belongs to the %s model; leave it out or write \"model\": \"%s\"",
                       is_open ? "closed" : "open", is_open ? "closed" : "open");
    }
}

static void check_stage(const struct scenario_check *c, const cJSON *given, size_t index)
{
    const struct plan_scenario *s = c->scenario;
    const char *wanted = s->load.model == PLAN_OPEN ? "rate" : "clients";
    const char *foreign = s->load.model == PLAN_OPEN ? "clients" : "rate";
    char path[PLAN_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s.stages.%zu", c->load_path, index);
    if (!is_given(given, wanted))
        plan_error(c->all->errors, path, NULL, "a stage of this model needs its \"%s\"", wanted);
    if (is_given(given, foreign))
        plan_error(c->all->errors, path, foreign,
                   "this belongs to the other model; a stage of this one has \"%s\"", wanted);
    if (s->load.stages.items[index].clients > s->clients)
        plan_error(c->all->errors, path, "clients",
                   "the scenario has %" PRId64 " clients, fewer than this stage's %" PRId64,
                   s->clients, s->load.stages.items[index].clients);
}

static void check_stages(const struct scenario_check *c)
{
    const struct plan_load *load = &c->scenario->load;
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(c->load, "stages");
    bool any = false;
    for (size_t i = 0; i < load->stages.count; i++) {
        const struct plan_stage *stage = &load->stages.items[i];
        check_stage(c, cJSON_GetArrayItem(given, (int)i), i);
        any = any || stage->clients > 0 || stage->rate > 0;
    }
    if (!any)
        plan_error(c->all->errors, c->load_path, "stages", "no stage has any load");
    else if (load->duration_ns == 0 && load->iterations == 0)
        plan_error(c->all->errors, c->load_path, "stages",
                   "the stages take no time; give one a duration");
    if (load->model == PLAN_CLOSED && is_given(c->load, "ramp"))
        plan_error(c->all->errors, c->load_path, "ramp",
                   "stages say how the clients start; leave out the ramp or the stages");
}

static void check_load(const struct scenario_check *c)
{
    const struct plan_scenario *s = c->scenario;
    const struct plan_load *load = &s->load;
    check_model_keys(c);
    if (load->stages.count > 0) {
        check_stages(c);
    } else if (load->model == PLAN_OPEN && !(load->rate > 0)) {
        plan_error(c->all->errors, c->load_path, is_given(c->load, "rate") ? "rate" : NULL,
                   "the open model needs a rate above 0, such as \"rate\": \"50/s\", or stages");
    } else if (load->duration_ns == 0 && load->iterations == 0) {
        plan_error(c->all->errors, c->load_path, NULL,
                   "this would never end; give a duration, such as \"duration\": \"30s\", or "
                   "iterations");
    }
    if (load->max_active > s->clients)
        plan_error(c->all->errors, c->load_path, "max_active",
                   "a client runs one iteration at a time, so at most %" PRId64
                   " can be active; lower it or raise clients",
                   s->clients);
}

static void check_tls(struct plan_errors *errors, const struct plan_tls *tls, const char *path)
{
    if (!tls->client_cert == !tls->client_key)
        return;
    plan_error(errors, path, NULL, "the client's %s is missing; one file may hold both",
               tls->client_cert ? "client_key" : "client_cert");
}

static void check_scenario(const struct plan_checking *all, size_t index)
{
    struct scenario_check c = {.all = all, .scenario = &all->plan->scenarios.items[index]};
    const cJSON *list = json_array(all->root, "scenarios");
    c.load = json_object(cJSON_GetArrayItem(list, (int)index), "load");
    snprintf(c.path, sizeof c.path, "scenarios.%zu", index);
    snprintf(c.load_path, sizeof c.load_path, "scenarios.%zu.load", index);
    check_name(&c, index);
    check_load(&c);
    char tls_path[PLAN_PATH_MAX];
    snprintf(tls_path, sizeof tls_path, "scenarios.%zu.tls", index);
    check_tls(all->errors, &c.scenario->tls, tls_path);
    uint32_t partitions = plan_partitions(c.scenario->clients);
    if (all->segments > partitions)
        plan_error(all->errors, c.path, "clients",
                   "%" PRId64 " clients make %" PRIu32 " partitions, too few for %" PRId64
                   " segments; use at most %" PRIu32 " segments or more clients",
                   c.scenario->clients, partitions, all->segments, partitions);
}

void plan_check(const struct plan_checking *c)
{
    if (!plan_name_is_valid(c->plan->name, true))
        plan_error(
            c->errors, "name", NULL,
            "a plan's name has 1 to %d letters, digits, -, _ and dots, begins with a letter, "
            "digit or _, and is not only digits",
            PLAN_NAME_MAX);
    if (c->plan->proxy && strncasecmp(c->plan->proxy, "http://", 7) != 0)
        plan_error(c->errors, "proxy", NULL,
                   "only plain HTTP proxies are supported; write it as \"http://host:port\"");
    for (size_t i = 0; i < c->plan->scenarios.count; i++)
        check_scenario(c, i);
}
