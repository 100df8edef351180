/* The JSON of a distribution. */
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "core/plan/option_value.h"
#include "core/plan/suggest.h"
#include "core/util/clock.h"

#define CHOICES_MAX 4096
#define ZIPF_S_MAX 20

typedef bool (*kind_fn)(struct option_value *v, const cJSON *json, struct distribution *d);

static const char *const base_called[] = {
    [DISTRIBUTION_NUMBER] = "a number",
    [DISTRIBUTION_INTEGER] = "a whole number",
    [DISTRIBUTION_DURATION] = "a duration such as \"30s\"",
    [DISTRIBUTION_AMOUNT] = "an amount such as \"5.01\" or \"EUR:5.01\"",
};

static bool wrong(struct option_value *v, const cJSON *part, const char *what)
{
    char *text = cJSON_PrintUnformatted(part);
    plan_error(v->binder->errors, v->path, NULL, "%.60s is not %s", text, what);
    cJSON_free(text);
    return false;
}

/* All amounts of one distribution share a currency; the smallest digit written is its step. */
static bool read_amount(struct option_value *v, const cJSON *json, struct distribution *d,
                        double *out)
{
    struct option_amount amount;
    char buffer[OPTION_AMOUNT_TEXT_MAX];
    const char *text = option_amount_text(json, buffer);
    if (!text || option_amount_parse(text, &amount))
        return wrong(v, json, base_called[DISTRIBUTION_AMOUNT]);
    if (amount.units > UINT64_C(1) << 53)
        return wrong(v, json, "an amount that can be drawn; the most is 90071992");
    if (d->step > 0 && strcmp(d->currency, amount.currency) != 0)
        return wrong(v, json, "in the same currency as the amount before it; use one currency");
    memcpy(d->currency, amount.currency, sizeof d->currency);
    double step = DISTRIBUTION_AMOUNT_BASE / pow(10, amount.digits);
    if (d->step == 0 || step < d->step)
        d->step = step;
    *out = (double)amount.units;
    return true;
}

/* One value in the base's unit, within the option's range. */
static bool read_value(struct option_value *v, const cJSON *json, struct distribution *d,
                       double *out)
{
    int64_t ns;
    switch (d->base) {
    case DISTRIBUTION_AMOUNT:
        if (!read_amount(v, json, d, out))
            return false;
        break;
    case DISTRIBUTION_DURATION:
        if (!cJSON_IsString(json) || duration_parse(json->valuestring, &ns))
            return wrong(v, json, base_called[d->base]);
        *out = (double)ns;
        break;
    default:
        if (!cJSON_IsNumber(json) || !isfinite(json->valuedouble) ||
            (d->base == DISTRIBUTION_INTEGER &&
             (floor(json->valuedouble) != json->valuedouble || fabs(json->valuedouble) > 0x1p53)))
            return wrong(v, json, base_called[d->base]);
        *out = json->valuedouble;
    }
    return option_value_in_range(v, *out);
}

static bool read_pair(struct option_value *v, const cJSON *json, struct distribution *d)
{
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != 2)
        return wrong(v, json,
                     d->kind == DISTRIBUTION_UNIFORM
                         ? "a list of two values; write {\"uniform\": [least, most]}"
                         : "a list of two values; write {\"normal\": [mean, deviation]}");
    return read_value(v, cJSON_GetArrayItem(json, 0), d, &d->a) &&
           read_value(v, cJSON_GetArrayItem(json, 1), d, &d->b);
}

static bool read_uniform(struct option_value *v, const cJSON *json, struct distribution *d)
{
    d->kind = DISTRIBUTION_UNIFORM;
    if (!read_pair(v, json, d))
        return false;
    return d->a <= d->b || wrong(v, json, "ordered; write the smaller value first");
}

static bool read_normal(struct option_value *v, const cJSON *json, struct distribution *d)
{
    d->kind = DISTRIBUTION_NORMAL;
    return read_pair(v, json, d);
}

/* A mean within the range, and a positive one: no exponential distribution has another. */
static bool read_exponential(struct option_value *v, const cJSON *json, struct distribution *d)
{
    d->kind = DISTRIBUTION_EXPONENTIAL;
    if (!read_value(v, json, d, &d->a))
        return false;
    return d->a >= 0 || wrong(v, json, "a mean of 0 or more");
}

static bool read_zipf(struct option_value *v, const cJSON *json, struct distribution *d)
{
    int64_t n = 0;
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(json, "s");
    if (d->base != DISTRIBUTION_INTEGER && d->base != DISTRIBUTION_NUMBER)
        return wrong(v, v->json, "possible here; a zipf distribution draws whole numbers only");
    if (!json_int(json, "n", &n) || !cJSON_IsNumber(s) || cJSON_GetArraySize(json) != 2)
        return wrong(v, json, "a zipf distribution; write {\"zipf\": {\"n\": 1000, \"s\": 1.1}}");
    if (n < 1 || n > DISTRIBUTION_ZIPF_MAX)
        return wrong(v, json, "a zipf distribution with n from 1 to 2^40");
    if (!(s->valuedouble > 0) || s->valuedouble > ZIPF_S_MAX)
        return wrong(v, json, "a zipf distribution with s above 0 and at most 20");
    enum distribution_base base = d->base;
    *d = distribution_zipf(n, s->valuedouble);
    d->base = base;
    return option_value_in_range(v, (double)n);
}

static bool read_choice(struct option_value *v, const cJSON *json, struct distribution *d)
{
    const char *shape = "a list of choices; write {\"choice\": [[value, weight], [value, weight]]}";
    const cJSON *pair;
    int count = cJSON_GetArraySize(json);
    double sum = 0;
    d->kind = DISTRIBUTION_CHOICE;
    if (!cJSON_IsArray(json) || count < 1 || count > CHOICES_MAX)
        return wrong(v, json, shape);
    struct distribution_choice *choices =
        arena_alloc(v->binder->arena, (size_t)count * sizeof *choices);
    cJSON_ArrayForEach(pair, json)
    {
        const cJSON *weight = cJSON_GetArrayItem(pair, 1);
        if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2)
            return wrong(v, pair, shape);
        if (!cJSON_IsNumber(weight) || !(weight->valuedouble > 0) || !(weight->valuedouble <= 1e15))
            return wrong(v, weight, "a weight; write a number above 0");
        if (!read_value(v, cJSON_GetArrayItem(pair, 0), d, &choices[d->choice_count].value))
            return false;
        sum += weight->valuedouble;
        choices[d->choice_count++].until = sum;
    }
    d->choices = choices;
    return true;
}

static const struct {
    const char *name;
    kind_fn read;
} kinds[] = {
    {"uniform", read_uniform}, {"exponential", read_exponential}, {"normal", read_normal},
    {"zipf", read_zipf},       {"choice", read_choice},
};

static bool read_kind(struct option_value *v, struct distribution *d)
{
    const cJSON *only =
        cJSON_IsObject(v->json) && cJSON_GetArraySize(v->json) == 1 ? v->json->child : NULL;
    struct suggestion near = {.word = only ? only->string : ""};
    for (size_t i = 0; only && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(only->string, kinds[i].name) == 0)
            return kinds[i].read(v, only, d);
        suggest_try(&near, kinds[i].name);
    }
    if (near.best) {
        plan_error(v->binder->errors, v->path, only->string,
                   "there is no such distribution; did you mean \"%s\"?", near.best);
        return false;
    }
    char what[160];
    snprintf(what, sizeof what,
             "%s and not a distribution; write one value, or one of uniform, "
             "exponential, normal, zipf, choice",
             base_called[d->base]);
    return wrong(v, v->json, what);
}

bool option_value_distribution(struct option_value *v)
{
    struct distribution d = {.base = v->option->base};
    bool object = cJSON_IsObject(v->json);
    if (object ? !read_kind(v, &d) : !read_value(v, v->json, &d, &d.a))
        return false;
    d.low = v->option->min;
    d.high = v->option->max != 0 ? v->option->max : INFINITY;
    assert(v->option->size == sizeof d);
    memcpy(v->field, &d, sizeof d);
    return true;
}
