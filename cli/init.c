/* shoal init: a plan to start from, for a target somewhere else. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "core/util/bytes.h"
#include "core/util/json.h"
#include "core/util/log.h"
#include "simulators/registry.h"

static const struct simulator *of_system(const char *system)
{
    for (const struct simulator *const *s = simulators; *s; s++)
        if (strcmp((*s)->system, system) == 0 || strcmp((*s)->name, system) == 0)
            return *s;
    return NULL;
}

static cJSON *scenario_of(const struct simulator *simulator)
{
    const char *text = simulator->remote_options ? simulator->remote_options : "{}";
    cJSON *scenario = cJSON_CreateObject(), *load = cJSON_CreateObject(), *options = NULL;

    if (json_parse(&options, slice_str(text), NULL))
        die("the remote options of %s are not JSON", simulator->name);
    cJSON_AddStringToObject(scenario, "name", simulator->system);
    cJSON_AddStringToObject(scenario, "simulator", simulator->name);
    cJSON_AddNumberToObject(scenario, "clients", 10);
    cJSON_AddStringToObject(load, "model", "closed");
    cJSON_AddStringToObject(load, "ramp", "5s");
    cJSON_AddStringToObject(load, "think", "1s");
    cJSON_AddStringToObject(load, "duration", "1m");
    cJSON_AddItemToObject(scenario, "load", load);
    cJSON_AddItemToObject(scenario, "options", options);
    return scenario;
}

static int run_init(const struct cli_args *args)
{
    const struct simulator *simulator = of_system(cli_argument(args, 0));
    cJSON *plan, *scenarios;

    if (!simulator) {
        log_line("there is no system \"%s\"; `shoal list` names them", cli_argument(args, 0));
        return EXIT_INPUT;
    }
    plan = cJSON_CreateObject();
    cJSON_AddStringToObject(plan, "name", simulator->system);
    cJSON_AddNumberToObject(plan, "seed", 1);
    scenarios = cJSON_AddArrayToObject(plan, "scenarios");
    cJSON_AddItemToArray(scenarios, scenario_of(simulator));
    if (cli_has(args, "--ca")) {
        cJSON *tls = cJSON_AddObjectToObject(plan, "tls");
        cJSON_AddStringToObject(tls, "ca", cli_value(args, "--ca"));
    }
    char *text = cJSON_Print(plan);
    if (!text)
        die("no memory");
    printf("%s\n", text);
    cJSON_free(text);
    cJSON_Delete(plan);
    fprintf(stderr,
            "shoal: save this as a file, put your hosts in, export what {\"env\": ...} names,"
            " then `shoal try FILE`\n");
    return EXIT_HELD;
}

const struct command command_init = {
    .name = "init",
    .arguments = "SYSTEM",
    .summary = "Print a plan for a remote target of a system",
    .options =
        (const struct cli_option[]){
            {"--ca", "FILE", "PEM file of the certificate authority that signs the target", false},
            {.name = NULL},
        },
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_init,
};
