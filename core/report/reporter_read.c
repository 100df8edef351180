#include "core/report/reporter_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/report/merge.h"
#include "core/report/totals.h"
#include "core/util/error.h"
#include "core/util/json.h"
#include "core/util/log.h"

/* NULL when it is not there or not JSON. *seed: the member of that name, in all its 64 bits. */
static cJSON *read_json(struct run_folder *folder, enum run_file file, uint64_t *seed)
{
    struct buf text = {0};
    cJSON *json = NULL;
    struct slice raw;
    if (run_folder_read(folder, file, &text) == 0 && json_parse(&json, buf_slice(&text), NULL))
        json = NULL;
    if (json && json_locate(buf_slice(&text), "seed", &raw, NULL))
        json_raw_u64(raw, seed);
    buf_free(&text);
    return json;
}

static void read_scenarios(struct loaded_run *l)
{
    const cJSON *list = json_array(l->plan, "scenarios"), *item;
    int count = list ? cJSON_GetArraySize(list) : 0;
    l->scenarios = calloc((size_t)count + 1, sizeof *l->scenarios);
    if (!l->scenarios)
        die("out of memory for the scenarios");
    cJSON_ArrayForEach(item, list)
    {
        int64_t clients = 0;
        json_int(item, "clients", &clients);
        l->scenarios[l->end.scenario_count++] = (struct summary_scenario){
            .name = json_string(item, "name"),
            .simulator = json_string(item, "simulator"),
            .model = json_string(json_object(item, "load"), "model"),
            .clients = (uint64_t)clients,
        };
    }
    l->end.scenarios = l->scenarios;
}

static bool read_id(const char *hex, uint8_t out[RUN_ID_SIZE])
{
    for (int i = 0; i < RUN_ID_SIZE; i++) {
        unsigned byte;
        if (!hex || sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return false;
        out[i] = (uint8_t)byte;
    }
    return true;
}

int loaded_run_read(struct loaded_run *l, struct run_folder *folder)
{
    uint64_t plan_seed;
    l->manifest = read_json(folder, RUN_MANIFEST, &l->end.seed);
    l->plan = read_json(folder, RUN_PLAN, &plan_seed);
    if (!l->manifest || !read_id(json_string(l->manifest, "run_id"), l->end.run_id)) {
        run_folder_set_error(folder, "manifest.json is damaged or not of a run");
        return SHOAL_E_CORRUPT;
    }
    l->end.name = json_string(l->manifest, "name");
    l->started_wall_us = wall_parse(json_string(l->manifest, "started"));
    l->end.ended_wall_us = wall_parse(json_string(l->manifest, "ended"));
    l->end.outcome = l->end.ended_wall_us ? NULL : "killed";
    if (merge_manifest_tally(l->manifest, &l->tally))
        l->end.tally = &l->tally;
    read_scenarios(l);
    return 0;
}

void loaded_run_free(struct loaded_run *l)
{
    cJSON_Delete(l->manifest);
    cJSON_Delete(l->plan);
    free(l->scenarios);
    memset(l, 0, sizeof *l);
}
