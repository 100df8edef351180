#include <stdlib.h>

#include "core/plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A simulator with options of nearly every type. */
struct toy {
    const char *url;
    int64_t integer, size, duration;
    double rate, share;
    struct distribution amount, pause, number;
    struct option_strings names;
    bool flag;
};

#define FIELD(field) OPTION_FIELD(struct toy, field)
static const struct option toy_options[] = {
    {"url", OPTION_URL, FIELD(url), .flags = OPTION_EMBEDDED, .help = "URL"},
    {"integer", OPTION_INTEGER, FIELD(integer), .help = "Integer"},
    {"size", OPTION_SIZE, FIELD(size), .help = "Size"},
    {"duration", OPTION_DURATION, FIELD(duration), .help = "Duration"},
    {"rate", OPTION_RATE, FIELD(rate), .help = "Rate"},
    {"share", OPTION_SHARE, FIELD(share), .help = "Share"},
    {"amount", OPTION_DISTRIBUTION, FIELD(amount), .base = DISTRIBUTION_AMOUNT, .help = "Amount"},
    {"pause", OPTION_DISTRIBUTION, FIELD(pause), .base = DISTRIBUTION_DURATION, .help = "Pause"},
    {"number", OPTION_DISTRIBUTION, FIELD(number), .base = DISTRIBUTION_INTEGER, .help = "Number"},
    {"names", OPTION_STRINGS, FIELD(names), .help = "Names"},
    {"flag", OPTION_BOOL, FIELD(flag), .help = "Flag"},
};
static const struct option_table toy_table = OPTION_TABLE_OF(struct toy, toy_options);
static const struct plan_simulator simulators[] = {{"toy", &toy_table, NULL}};
static const struct plan_catalog catalog = {.simulators = simulators, .count = 1};

static void draw(const struct plan *plan)
{
    struct rng rng;
    rng_init(&rng, &(struct rng_source){1, "fuzz", "draw", 0, 0});
    for (size_t i = 0; i < plan->scenarios.count; i++) {
        const struct toy *toy = plan->scenarios.items[i].options;
        for (int j = 0; j < 20; j++) {
            if (distribution_draw_int(&toy->amount, &rng) < 0 ||
                distribution_draw_int(&toy->pause, &rng) < 0 ||
                distribution_draw_int(&toy->number, &rng) < 0)
                abort();
        }
    }
}

/* What is accepted must be written so that it is accepted again, and means the same. The first
 * line may be an argument of --set. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plan_errors errors = {0};
    struct plan *plan, *again;
    struct buf set = {0}, first = {0}, second = {0};
    struct plan_overrides overrides = {0};
    const char *sets[1];
    if (size > 6 && memcmp(data, "--set ", 6) == 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t len = end ? (size_t)(end - data) : size;
        if (memchr(data, 0, len))
            return 0;
        buf_put(&set, data + 6, len - 6);
        sets[0] = (const char *)set.data;
        overrides = (struct plan_overrides){.sets = sets, .set_count = 1};
        data += len;
        size -= len;
    }
    struct plan_text text = {"fuzz.json", NULL, slice_of(data, size)};
    int error = plan_load_text(&plan, &text, &overrides, &catalog, &errors);
    if ((error != 0) != (errors.count > 0) || (error == 0) != (plan != NULL))
        abort();
    if (plan) {
        draw(plan);
        plan_write(plan, &first);
        struct plan_text resolved = {"fuzz.json", NULL, buf_slice(&first)};
        if (plan_load_text(&again, &resolved, NULL, &catalog, &errors))
            abort();
        plan_write(again, &second);
        if (!slice_equal(buf_slice(&first), buf_slice(&second)))
            abort();
        plan_free(again);
        plan_free(plan);
    }
    plan_errors_free(&errors);
    buf_free(&set);
    buf_free(&first);
    buf_free(&second);
    return 0;
}
