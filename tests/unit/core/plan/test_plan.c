#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/plan/plan.h"
#include "core/util/clock.h"
#include "core/util/error.h"

/* A simulator that core has never heard of. */
struct toy {
    const char *target, *mirror, *password;
    int64_t items;
};

#define FIELD(field) OPTION_FIELD(struct toy, field)
static const struct option toy_options[] = {
    {"target", OPTION_URL, FIELD(target), .flags = OPTION_EMBEDDED, .default_text = "embedded",
     .help = "Base URL"},
    {"mirror", OPTION_URL, FIELD(mirror), .flags = OPTION_EMBEDDED, .default_text = "embedded",
     .help = "Base URL of the mirror"},
    {"password", OPTION_SECRET, FIELD(password), .help = "Password"},
    {"items", OPTION_INTEGER, FIELD(items), .default_text = "3", .min = 1, .help = "Items"},
};
static const struct option_table toy_table = OPTION_TABLE_OF(struct toy, toy_options);

static void toy_check(const void *options, const char *path, struct plan_errors *errors)
{
    const struct toy *toy = options;
    if (option_is_embedded(toy->target) != option_is_embedded(toy->mirror))
        plan_error(errors, path, option_is_embedded(toy->target) ? "target" : "mirror",
                   "the other address is set; set both or none");
}

static const struct plan_simulator simulators[] = {
    {"toy-client", &toy_table, toy_check},
    {"other", &toy_table, NULL},
};
static const struct plan_catalog catalog = {.simulators = simulators, .count = 2};

static const char quickstart[] =
    "{\"name\": \"quickstart\", \"seed\": 1, \"lanes\": 2,\n"
    " \"scenarios\": [{\"name\": \"wallets\", \"simulator\": \"toy-client\", \"clients\": 1000,\n"
    "   \"start\": \"0s\",\n"
    "   \"load\": {\"model\": \"closed\", \"ramp\": \"3s\", \"think\": {\"exponential\": \"1s\"},\n"
    "            \"duration\": \"30s\"},\n"
    "   \"connections\": \"client\", \"purge\": \"every-iteration\",\n"
    "   \"options\": {\"target\": \"embedded\", \"mirror\": \"embedded\"}}],\n"
    " \"thresholds\": [], \"observers\": [], \"outputs\": {}}\n";

static int load(struct plan **plan, const char *json, const struct plan_overrides *overrides,
                struct plan_errors *errors)
{
    struct plan_text text = {"q.json", NULL, slice_str(json)};
    return plan_load_text(plan, &text, overrides, &catalog, errors);
}

static struct plan *load_good(const char *json, const struct plan_overrides *overrides)
{
    struct plan *plan;
    struct plan_errors errors = {0};
    int error = load(&plan, json, overrides, &errors);
    if (error)
        fail_msg("%s", errors.lines[0]);
    assert_non_null(plan);
    assert_int_equal(errors.count, 0);
    return plan;
}

/* Refused with exactly one sentence, which holds `sentence`. */
static void refuse(const char *json, const struct plan_overrides *overrides, const char *sentence)
{
    struct plan *plan;
    struct plan_errors errors = {0};
    assert_int_equal(load(&plan, json, overrides, &errors), SHOAL_E_BAD_INPUT);
    assert_null(plan);
    if (errors.count != 1 || !strstr(errors.lines[0], sentence))
        fail_msg("\"%s\" is not in \"%s\" (%zu errors)", sentence, errors.lines[0], errors.count);
    plan_errors_free(&errors);
}

static void the_quick_start_is_read(void **state)
{
    struct plan *plan = load_good(quickstart, NULL);
    assert_string_equal(plan->name, "quickstart");
    assert_int_equal(plan->seed, 1);
    assert_int_equal(plan->lanes, 2);
    assert_int_equal(plan->dns.ttl_ns, 30 * NS_PER_S);
    assert_int_equal(plan->scenarios.count, 1);
    const struct plan_scenario *s = plan->scenarios.items;
    assert_string_equal(s->name, "wallets");
    assert_string_equal(s->simulator, "toy-client");
    assert_int_equal(s->clients, 1000);
    assert_int_equal(s->load.model, PLAN_CLOSED);
    assert_int_equal(s->load.ramp_ns, 3 * NS_PER_S);
    assert_int_equal(s->load.duration_ns, 30 * NS_PER_S);
    assert_int_equal(s->load.graceful_stop_ns, 30 * NS_PER_S);
    assert_int_equal(s->load.think.kind, DISTRIBUTION_EXPONENTIAL);
    assert_int_equal(s->connections.lifetime, PLAN_KEEP_CLIENT);
    assert_int_equal(s->max_connecting, 64);
    assert_int_equal(s->purge.kind, PLAN_PURGE_EVERY_ITERATION);
    const struct toy *toy = s->options;
    assert_string_equal(toy->target, "embedded");
    assert_int_equal(toy->items, 3);
    plan_free(plan);
}

#define SCENARIO(rest) "{\"scenarios\":[{\"simulator\":\"toy-client\",\"clients\":100,\n" rest "}]}"
#define CLOSED SCENARIO("\"load\":{\"duration\":\"10s\"}")

static void an_open_plan_is_read(void **state)
{
    struct plan *plan = load_good(
        SCENARIO("\"load\":{\"model\":\"open\",\"rate\":\"50/s\",\"arrivals\":\"constant\","
                 "\"iterations\":500,\"stages\":[{\"duration\":\"10s\",\"rate\":100},"
                 "{\"duration\":\"5s\",\"rate\":0}]},\"connections\":{\"requests\":7},"
                 "\"purge\":\"every: 5\""),
        NULL);
    const struct plan_scenario *s = plan->scenarios.items;
    assert_string_equal(plan->name, "q");
    assert_string_equal(s->name, "toy-client");
    assert_int_equal(s->load.model, PLAN_OPEN);
    assert_true(s->load.rate == 50);
    assert_int_equal(s->load.arrivals, PLAN_CONSTANT);
    assert_int_equal(s->load.iterations, 500);
    assert_int_equal(s->load.duration_ns, 0);
    assert_int_equal(s->load.max_active, 100);
    assert_int_equal(s->load.stages.count, 2);
    assert_true(s->load.stages.items[0].rate == 100);
    assert_int_equal(s->load.stages.items[1].duration_ns, 5 * NS_PER_S);
    assert_true(s->connections.lifetime == PLAN_KEEP_REQUESTS && s->connections.requests == 7);
    assert_true(s->purge.kind == PLAN_PURGE_EVERY && s->purge.every == 5);
    plan_free(plan);
    plan = load_good(SCENARIO("\"load\":{\"stages\":[{\"duration\":\"10s\",\"clients\":100},"
                              "{\"duration\":\"5s\",\"clients\":0}]},\"connections\":"
                              "{\"time\":\"30s\"},\"purge\":{\"older-than\":\"1h\"}"),
                     NULL);
    s = plan->scenarios.items;
    assert_int_equal(s->load.duration_ns, 15 * NS_PER_S);
    assert_true(s->connections.lifetime == PLAN_KEEP_TIME && s->connections.time_ns == 30e9);
    assert_true(s->purge.kind == PLAN_PURGE_OLDER_THAN && s->purge.older_than_ns == 3600e9);
    plan_free(plan);
}

static void sets_then_flags_change_it_in_order(void **state)
{
    const char *sets[] = {"scenarios.0.clients=5",
                          "scenarios.wallets.clients=6",
                          "scenarios.wallets.load.ramp=null",
                          "name=renamed",
                          "scenarios.0.purge=older-than: 2h",
                          "scenarios.0.options.items=9",
                          "scenarios.0.tls.insecure=true",
                          "lanes=3",
                          "seed=4"};
    struct plan_overrides o = {.sets = sets, .set_count = 9};
    struct plan *plan = load_good(quickstart, &o);
    assert_int_equal(plan->scenarios.items[0].clients, 6);
    assert_int_equal(plan->scenarios.items[0].load.ramp_ns, 0);
    assert_int_equal(plan->scenarios.items[0].purge.older_than_ns, 7200 * NS_PER_S);
    assert_int_equal(((struct toy *)plan->scenarios.items[0].options)->items, 9);
    assert_true(plan->scenarios.items[0].tls.insecure);
    assert_string_equal(plan->name, "renamed");
    assert_int_equal(plan->lanes, 3);
    plan_free(plan);
    o.clients = 7;
    o.duration = "1m";
    o.has_seed = true;
    o.seed = 0;
    o.lanes = 1;
    plan = load_good(quickstart, &o);
    assert_int_equal(plan->scenarios.items[0].clients, 7);
    assert_int_equal(plan->scenarios.items[0].load.duration_ns, 60 * NS_PER_S);
    assert_int_equal(plan->seed, 0);
    assert_int_equal(plan->lanes, 1);
    plan_free(plan);
}

static void wrong_flags_are_named(void **state)
{
    static const struct {
        const char *set, *sentence;
    } rows[] = {
        {"scenarios.0.options.itms=3",
         "--set scenarios.0.options.itms: there is no such key; did you mean \"items\"?"},
        {"scenarios.wallets.load.duration=30",
         "--set scenarios.wallets.load.duration: 30 is not a duration"},
        {"scenarios.walets.clients=1", "--set scenarios.walets.clients: there is no scenario "
                                       "\"walets\"; did you mean \"wallets\"?"},
        {"scenarios.zzz.clients=1",
         "\"zzz\" is no member of scenarios; use its number, from 0, or"},
        {"scenarios.1.clients=1", "scenarios has 1 member, numbered from 0; there is no 1"},
        {"name.x=1", "the path leads into a value that is no object and no list"},
        {"scenarios=5", "--set scenarios: this is not a list"},
        {"nothing", "--set nothing: write it as path=value"},
        {"scenarios.0.load={\"duration\":\"1s\",\"thnk\":1}",
         "--set scenarios.0.load: scenarios.0.load.thnk: there is no such key; did you mean"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct plan_overrides o = {.sets = &rows[i].set, .set_count = 1};
        refuse(quickstart, &o, rows[i].sentence);
    }
    refuse(quickstart, &(struct plan_overrides){.clients = -1},
           "--clients: scenarios.0.clients: the value is too small; the least is 1");
    refuse(quickstart, &(struct plan_overrides){.duration = "30"},
           "--duration: scenarios.0.load.duration: \"30\" is not a duration");
    refuse(quickstart, &(struct plan_overrides){.lanes = 1000},
           "--lanes: lanes: the value is too large");
}

static void wrong_plans_are_refused_with_line_and_path(void **state)
{
    static const struct {
        const char *json, *sentence;
    } rows[] = {
        {"", "q.json:1:1: this is not JSON: no JSON value"},
        {"{\n\"name\": \"a\",\n}", "q.json:3:1: this is not JSON: expected a key in double quotes"},
        {"{\"name\":\"a\",\n\"name\":\"b\"}",
         "q.json:2:1: this is not JSON: duplicate key \"name\""},
        {"[]", "q.json:1: a plan is an object"},
        {"{}", "q.json:1: scenarios: the value is missing and has no default"},
        {"{\"scenarios\":[]}", "scenarios: the value is too small; the least is 1"},
        {"{\n\"scenario\":1,\n\"scenarios\":[{\"simulator\":\"other\",\"clients\":1,\"load\":"
         "{\"duration\":\"1s\"}}]}",
         "q.json:2: scenario: there is no such key; did you mean \"scenarios\"?"},
        {"{\"scenarios\":[{\n\"simulator\":\"toy-clinet\",\"clients\":1}]}",
         "q.json:2: scenarios.0.simulator: there is no simulator \"toy-clinet\"; did you mean "
         "\"toy-client\"?"},
        {"{\"scenarios\":[{\"simulator\":\"k\",\"clients\":1}]}", "known: toy-client, other"},
        {"{\"scenarios\":[{\"simulator\":\"other\"}]}",
         "scenarios.0.clients: the value is missing"},
        {SCENARIO("\"clints\":1"), "q.json:2: scenarios.0.clints: there is no such key; did you"},
        {SCENARIO("\"load\":{}"), "q.json:2: scenarios.0.load: this would never end"},
        {SCENARIO("\"load\":{\"model\":\"open\",\"duration\":\"1s\"}"), "needs a rate above 0"},
        {SCENARIO("\"load\":{\"model\":\"open\",\"rate\":0,\"duration\":\"1s\"}"),
         "scenarios.0.load.rate: the open model needs a rate above 0"},
        {SCENARIO("\"load\":{\"model\":\"open\",\"rate\":5,\"think\":\"1s\",\"duration\":\"1s\"}"),
         "scenarios.0.load.think: this belongs to the closed model"},
        {SCENARIO("\"load\":{\"rate\":5,\"duration\":\"1s\"}"),
         "scenarios.0.load.rate: this belongs to the open model"},
        {SCENARIO(
             "\"load\":{\"model\":\"open\",\"rate\":5,\"max_active\":101,\"duration\":\"1s\"}"),
         "at most 100 can be active"},
        {SCENARIO("\"load\":{\"stages\":[{\"duration\":\"1s\",\"rate\":1,\"clients\":1}]}"),
         "scenarios.0.load.stages.0.rate: this belongs to the other model"},
        {SCENARIO("\"load\":{\"stages\":[{\"duration\":\"1s\",\"clients\":101}]}"),
         "scenarios.0.load.stages.0.clients: the scenario has 100 clients"},
        {SCENARIO(
             "\"load\":{\"stages\":[{\"duration\":\"1s\",\"clients\":1},{\"duration\":\"1s\"}]}"),
         "scenarios.0.load.stages.1: a stage of this model needs its \"clients\""},
        {SCENARIO("\"load\":{\"stages\":[{\"duration\":\"1s\",\"clients\":0}]}"),
         "no stage has any load"},
        {SCENARIO("\"load\":{\"stages\":[{\"duration\":\"0s\",\"clients\":1}]}"),
         "the stages take no time"},
        {SCENARIO("\"load\":{\"ramp\":\"1s\",\"stages\":[{\"duration\":\"1s\",\"clients\":1}]}"),
         "leave out the ramp or the stages"},
        {SCENARIO("\"load\":{\"duration\":\"1s\"},\"connections\":\"clients\""),
         "\"clients\" cannot be used here; write one of \"client\", \"iteration\""},
        {SCENARIO("\"load\":{\"duration\":\"1s\"},\"connections\":{\"requests\":0}"),
         "cannot be used"},
        {SCENARIO("\"load\":{\"duration\":\"1s\"},\"purge\":\"every: 0\""), "cannot be used here"},
        {SCENARIO("\"load\":{\"duration\":\"1s\"},\"purge\":{\"every\":1,\"x\":2}"),
         "cannot be used here"},
        {SCENARIO("\"load\":{\"duration\":\"1s\"},\"name\":\"a.b\""),
         "a scenario's name has 1 to 63"},
        {SCENARIO("\"load\":{\"duration\":\"1s\"},\"name\":\"7\""),
         "a scenario's name has 1 to 63"},
        {SCENARIO("\"load\":{\"duration\":\"1s\"},\"name\":\"../x\""),
         "a scenario's name has 1 to 63"},
        {SCENARIO("\"load\":{\"duration\":\"1s\"},\"options\":5"),
         "options: this is not an object"},
        {SCENARIO("\"load\":{\"duration\":\"1s\"},\"options\":{\"target\":\"http://h\"}"),
         "scenarios.0.options.mirror: the other address is set; set both or none"},
        {SCENARIO("\"load\":{\"duration\":\"1s\"},\"tls\":{\"client_cert\":\"{client}.pem\"}"),
         "scenarios.0.tls: the client's client_key is missing"},
        {"{\"thresholds\":[1],"
         "\"scenarios\":[{\"simulator\":\"other\",\"clients\":1,\"load\":"
         "{\"duration\":\"1s\"}}]}",
         "thresholds: thresholds are not supported by this version"},
        {"{\"outputs\":{\"a\":1},"
         "\"scenarios\":[{\"simulator\":\"other\",\"clients\":1,\"load\":"
         "{\"duration\":\"1s\"}}]}",
         "outputs are not supported by this version; leave them out or write {}"},
        {"{\"hosts\":{\"h\":[\"1.2.3\"]},"
         "\"scenarios\":[{\"simulator\":\"other\",\"clients\":1,"
         "\"load\":{\"duration\":\"1s\"}}]}",
         "hosts.h: \"1.2.3\" is not an IP address"},
        {"{\"hosts\":{\"h\":[]},"
         "\"scenarios\":[{\"simulator\":\"other\",\"clients\":1,\"load\":"
         "{\"duration\":\"1s\"}}]}",
         "hosts.h: this is not a list of 1 to 32 addresses"},
        {"{\"proxy\":\"https://p:1\","
         "\"scenarios\":[{\"simulator\":\"other\",\"clients\":1,\"load\":"
         "{\"duration\":\"1s\"}}]}",
         "only plain HTTP proxies are supported"},
        {"{\"name\":\"a/b\","
         "\"scenarios\":[{\"simulator\":\"other\",\"clients\":1,\"load\":"
         "{\"duration\":\"1s\"}}]}",
         "a plan's name has 1 to 63 letters"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse(rows[i].json, NULL, rows[i].sentence);
}

static void two_scenarios_need_two_names(void **state)
{
    refuse("{\"scenarios\":["
           "{\"simulator\":\"other\",\"clients\":1,\"load\":{\"duration\":\"1s\"}},\n"
           "{\"simulator\":\"other\",\"clients\":1,\"load\":{\"duration\":\"1s\"}}]}",
           NULL, "q.json:2: scenarios.1.name: scenario 0 is called \"other\" already");
}

static void several_errors_come_together(void **state)
{
    struct plan *plan;
    struct plan_errors errors = {0};
    const char *json = "{\"sed\":1,\"scenarios\":[{\"simulator\":\"other\",\"clients\":0,"
                       "\"options\":{\"x\":1,\"items\":0}}]}";
    assert_int_equal(load(&plan, json, NULL, &errors), SHOAL_E_BAD_INPUT);
    assert_int_equal(errors.count, 4);
    plan_errors_free(&errors);
}

static void segments_need_partitions(void **state)
{
    struct plan_overrides o = {.segments = 8};
    plan_free(load_good(CLOSED, &o));
    o.segments = 9;
    refuse(CLOSED, &o, "100 clients make 8 partitions, too few for 9 segments; use at most 8");
    static const struct {
        int64_t clients;
        uint32_t partitions;
    } rows[] = {{1, 1},   {7, 7},     {8, 8},     {9, 8},      {143, 8},
                {144, 9}, {1000, 62}, {1024, 64}, {100000, 64}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(plan_partitions(rows[i].clients), rows[i].partitions);
}

static void iterations_are_split_without_loss(void **state)
{
    for (int64_t clients = 1; clients < 30; clients++) {
        for (int64_t iterations = 0; iterations < 100; iterations++) {
            int64_t sum = 0;
            for (int64_t i = 0; i < clients; i++) {
                int64_t own = plan_iterations_of(iterations, clients, i);
                assert_true(own == iterations / clients || own == iterations / clients + 1);
                sum += own;
            }
            assert_int_equal(sum, iterations);
        }
    }
}

static void tls_is_inherited(void **state)
{
    struct plan *plan = load_good(
        "{\"tls\":{\"client_cert\":\"/c/{client}.pem\",\"client_key\":\"/k/{client}.pem\"},"
        "\"scenarios\":["
        "{\"simulator\":\"other\",\"clients\":1,\"load\":{\"duration\":\"1s\"}},"
        "{\"simulator\":\"other\",\"clients\":1,\"name\":\"own\",\"load\":{\"duration\":\"1s\"},"
        "\"tls\":{\"client_cert\":\"/d/{client}\",\"client_key\":\"/d/"
        "{client}\",\"insecure\":true}}],"
        "\"hosts\":{\"a.example\":[\"127.0.0.1\",\"::1\"]}}",
        NULL);
    assert_string_equal(plan->scenarios.items[0].tls.client_cert, "/c/{client}.pem");
    assert_string_equal(plan->scenarios.items[1].tls.client_key, "/d/{client}");
    assert_false(plan->scenarios.items[0].tls.insecure);
    assert_true(plan->scenarios.items[1].tls.insecure);
    assert_int_equal(plan->hosts.count, 1);
    assert_string_equal(plan->hosts.items[0].addresses[1], "::1");
    assert_null(plan->hosts.items[0].addresses[2]);
    plan_free(plan);
}

static char *written(const struct plan *plan)
{
    struct buf out = {0};
    plan_write(plan, &out);
    assert_int_equal(out.error, SHOAL_OK);
    return (char *)out.data;
}

static void the_resolved_plan_reads_back_to_itself(void **state)
{
    static const char *const plans[] = {
        quickstart,
        CLOSED,
        SCENARIO("\"load\":{\"model\":\"open\",\"rate\":\"9/h\",\"stages\":[{\"duration\":\"1s\","
                 "\"rate\":\"1/s\"}]},\"options\":{\"password\":{\"env\":\"HOME\"}}"),
    };
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        struct plan *plan = load_good(plans[i], NULL);
        char *first = written(plan);
        struct plan *again = load_good(first, NULL);
        char *second = written(again);
        assert_string_equal(first, second);
        free(first);
        free(second);
        plan_free(plan);
        plan_free(again);
    }
}

static void secrets_stay_out_of_what_is_written(void **state)
{
    struct plan *plan = load_good(
        SCENARIO("\"load\":{\"duration\":\"1s\"},\"options\":{\"password\":\"hunter2\"}"), NULL);
    char *text = written(plan);
    assert_string_equal(((struct toy *)plan->scenarios.items[0].options)->password, "hunter2");
    assert_null(strstr(text, "hunter2"));
    refuse(text, NULL, "the secret was hidden when this plan was written");
    const char *set = "scenarios.0.options.password=again";
    struct plan_overrides o = {.sets = &set, .set_count = 1};
    plan_free(load_good(text, &o));
    free(text);
    plan_free(plan);
}

static void files_are_read_and_their_folder_counts(void **state)
{
    char folder[] = "/tmp/shoal-test-plan-XXXXXX", file[128], key[128];
    struct plan_errors errors = {0};
    struct plan *plan;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/my plan.json", folder);
    snprintf(key, sizeof key, "%s/secret.txt", folder);
    FILE *f = fopen(key, "w");
    assert_non_null(f);
    fputs("hunter2\n", f);
    fclose(f);
    f = fopen(file, "w");
    assert_non_null(f);
    fputs(SCENARIO("\"load\":{\"duration\":\"1s\"},\"tls\":{\"ca\":\"secret.txt\"},\"options\":"
                   "{\"password\":{\"file\":\"./secret.txt\"}}"),
          f);
    fclose(f);
    int error = plan_load(&plan, file, NULL, &catalog, &errors);
    if (error)
        fail_msg("%s", errors.lines[0]);
    assert_string_equal(plan->name, "my-plan");
    assert_string_equal(((struct toy *)plan->scenarios.items[0].options)->password, "hunter2");
    assert_string_equal(plan->scenarios.items[0].tls.ca, key);
    char *text = written(plan);
    assert_non_null(strstr(text, key)); /* absolute: the plan runs from anywhere */
    assert_null(strstr(text, "hunter2"));
    free(text);
    plan_free(plan);
    assert_int_equal(plan_load(&plan, folder, NULL, &catalog, &errors), SHOAL_E_BAD_INPUT);
    assert_non_null(strstr(errors.lines[0], "the plan cannot be read: Is a directory"));
    unlink(key);
    unlink(file);
    rmdir(folder);
    plan_errors_free(&errors);
    assert_int_equal(plan_load(&plan, file, NULL, &catalog, &errors), SHOAL_E_BAD_INPUT);
    assert_non_null(strstr(errors.lines[0], "the plan cannot be read: No such file or directory"));
    plan_errors_free(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_quick_start_is_read),
        cmocka_unit_test(an_open_plan_is_read),
        cmocka_unit_test(sets_then_flags_change_it_in_order),
        cmocka_unit_test(wrong_flags_are_named),
        cmocka_unit_test(wrong_plans_are_refused_with_line_and_path),
        cmocka_unit_test(two_scenarios_need_two_names),
        cmocka_unit_test(several_errors_come_together),
        cmocka_unit_test(segments_need_partitions),
        cmocka_unit_test(iterations_are_split_without_loss),
        cmocka_unit_test(tls_is_inherited),
        cmocka_unit_test(the_resolved_plan_reads_back_to_itself),
        cmocka_unit_test(secrets_stay_out_of_what_is_written),
        cmocka_unit_test(files_are_read_and_their_folder_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
