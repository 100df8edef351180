#include "core/plan/option_value.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "core/plan/option_text.h"
#include "core/plan/suggest.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/log.h"

typedef bool (*bind_fn)(struct option_value *v);

static bool bind_string(struct option_value *v);
static bool bind_secret(struct option_value *v);
static bool bind_url(struct option_value *v);
static bool bind_path(struct option_value *v);
static bool bind_bool(struct option_value *v);
static bool bind_integer(struct option_value *v);
static bool bind_number(struct option_value *v);
static bool bind_duration(struct option_value *v);
static bool bind_rate(struct option_value *v);
static bool bind_enum(struct option_value *v);
static bool bind_size(struct option_value *v);
static bool bind_amount(struct option_value *v);
static bool bind_strings(struct option_value *v);

/* What a value of the type is called, and what would be right. */
static const struct type_row {
    bind_fn bind;
    const char *called;
    const char *hint;
} types[] = {
    [OPTION_STRING] =
        {bind_string, "a string",
         "write it in double quotes, or as {\"env\": \"NAME\"} or {\"file\": \"PATH\"}"},
    [OPTION_SECRET] = {bind_secret, "a string",
                       "write it as {\"env\": \"NAME\"}, {\"file\": \"PATH\"} or in double quotes"},
    [OPTION_URL] = {bind_url, "a base URL", "write it as \"http://localhost:8081/\""},
    [OPTION_PATH] = {bind_path, "a path", "write it in double quotes"},
    [OPTION_BOOL] = {bind_bool, "a yes or no", "write true or false"},
    [OPTION_INTEGER] = {bind_integer, "a whole number", "write it as 10"},
    [OPTION_NUMBER] = {bind_number, "a number", "write it as 1.5"},
    [OPTION_SHARE] = {bind_number, "a share", "write a number from 0 to 1, such as 0.05"},
    [OPTION_DURATION] = {bind_duration, "a duration",
                         "write it as \"30s\", \"1500ms\" or \"2m30s\""},
    [OPTION_RATE] = {bind_rate, "a rate", "write it as \"50/s\", \"3000/min\" or 50"},
    [OPTION_ENUM] = {bind_enum, "one of the values", ""},
    [OPTION_SIZE] = {bind_size, "a size", "write it as \"1MiB\", \"64kB\" or 4096"},
    [OPTION_AMOUNT] = {bind_amount, "an amount", "write it as \"5.01\" or \"EUR:5.01\""},
    [OPTION_DISTRIBUTION] = {option_value_distribution, "a distribution", ""},
    [OPTION_STRINGS] = {bind_strings, "a list of strings", "write it as [\"a\", \"b\"]"},
};

bool option_value_bind(struct option_value *v)
{
    assert(v->option->type < sizeof types / sizeof types[0]);
    return types[v->option->type].bind(v);
}

#define SHOWN_MAX 60 /* bytes of a value in a sentence */

bool option_value_wrong(const struct option_value *v, const cJSON *part)
{
    const struct type_row *row = &types[v->option->type];
    bool secret = v->option->type == OPTION_SECRET;
    char *text = secret ? NULL : cJSON_PrintUnformatted(part);
    plan_error(v->binder->errors, v->path, NULL, "%.*s%s is not %s%s%s%s", SHOWN_MAX,
               text ? text : "the value", text && strlen(text) > SHOWN_MAX ? "..." : "",
               row->called, row->hint[0] ? "; " : "", row->hint,
               v->option->flags & OPTION_EMBEDDED ? " or \"embedded\"" : "");
    cJSON_free(text);
    return false;
}

/* A bound in the words of the option's type. */
static const char *bound_text(const struct option *o, double bound, char out[DURATION_TEXT_MAX])
{
    bool duration = o->type == OPTION_DURATION ||
                    (o->type == OPTION_DISTRIBUTION && o->base == DISTRIBUTION_DURATION);
    bool amount = o->type == OPTION_DISTRIBUTION && o->base == DISTRIBUTION_AMOUNT;
    if (duration)
        return duration_format((int64_t)bound, out);
    snprintf(out, DURATION_TEXT_MAX, "%.15g%s", amount ? bound / DISTRIBUTION_AMOUNT_BASE : bound,
             o->type == OPTION_RATE ? "/s" : "");
    return out;
}

bool option_value_in_range(const struct option_value *v, double number)
{
    const struct option *o = v->option;
    double max = o->type == OPTION_SHARE && o->max == 0 ? 1 : o->max;
    char text[DURATION_TEXT_MAX];
    if (number < o->min) {
        plan_error(v->binder->errors, v->path, NULL, "the value is too small; the least is %s",
                   bound_text(o, o->min, text));
        return false;
    }
    if (max != 0 && number > max) {
        plan_error(v->binder->errors, v->path, NULL, "the value is too large; the most is %s",
                   bound_text(o, max, text));
        return false;
    }
    return true;
}

static void put_text(const struct option_value *v, const char *text)
{
    assert(v->option->size == sizeof text);
    memcpy(v->field, &text, sizeof text);
}

static void put_double(const struct option_value *v, double number)
{
    assert(v->option->size == sizeof number);
    memcpy(v->field, &number, sizeof number);
}

static void put_int(const struct option_value *v, int64_t number)
{
    int32_t narrow = (int32_t)number;
    assert(v->option->size == sizeof number || v->option->size == sizeof narrow);
    if (v->option->size == sizeof number)
        memcpy(v->field, &number, sizeof number);
    else
        memcpy(v->field, &narrow, sizeof narrow);
}

static bool bind_string(struct option_value *v)
{
    const char *text = option_text_of(v);
    if (text)
        put_text(v, text);
    return text;
}

/* A hidden secret read back from plan.json would be sent as "***": refused instead. */
static bool bind_secret(struct option_value *v)
{
    const char *text = option_text_of(v);
    if (!text)
        return false;
    if (strcmp(text, OPTION_HIDDEN_TEXT) == 0) {
        plan_error(v->binder->errors, v->path, NULL,
                   "the secret was hidden when this plan was written; give it again, best as "
                   "{\"env\": \"NAME\"} or {\"file\": \"PATH\"}");
        return false;
    }
    if (cJSON_IsString(v->json))
        v->resolved = cJSON_CreateString(OPTION_HIDDEN_TEXT);
    put_text(v, text);
    return true;
}

/* Why it is no base URL; NULL when it is one. Credentials in an URL would be shown everywhere. */
static const char *url_fault(const char *url)
{
    size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
                    : strncasecmp(url, "https://", 8) == 0 ? 8
                                                           : 0;
    const char *host = url + scheme;
    size_t authority = strcspn(host, "/?#");
    if (scheme == 0)
        return "it has to begin with http:// or https://";
    for (const char *p = url; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '"' || *p == '\\')
            return "it holds a character that no URL has";
    }
    if (memchr(host, '@', authority))
        return "a name and password do not belong into an URL; there are options for them";
    if (host[authority] == '?' || strpbrk(host, "?#"))
        return "a base URL has no ? and no #";
    const char *end = host[0] == '[' ? memchr(host, ']', authority) : NULL;
    if (host[0] == '[' && !end)
        return "the address has no closing ]";
    size_t name = end ? (size_t)(end + 1 - host) : strcspn(host, ":/");
    if (name == 0)
        return "it names no host";
    if (host[name] == ':') {
        size_t digits = strspn(host + name + 1, "0123456789");
        long port = digits > 0 && digits <= 5 ? atol(host + name + 1) : 0;
        if (port < 1 || port > 65535 || name + 1 + digits != authority)
            return "the port is not a number from 1 to 65535";
    } else if (name != authority) {
        return "there is something behind the host that is no port and no path";
    }
    return NULL;
}

static bool bind_url(struct option_value *v)
{
    const char *text = option_text_of(v);
    if (!text)
        return false;
    bool embedded = (v->option->flags & OPTION_EMBEDDED) && option_is_embedded(text);
    const char *fault = embedded ? NULL : url_fault(text);
    if (fault) {
        char *shown = strchr(text, '@') ? NULL : cJSON_PrintUnformatted(v->json);
        plan_error(v->binder->errors, v->path, NULL,
                   "%.200s is not a base URL: %s; write it as \"http://localhost:8081/\"%s",
                   shown ? shown : "the value", fault,
                   v->option->flags & OPTION_EMBEDDED ? " or \"embedded\"" : "");
        cJSON_free(shown);
        return false;
    }
    put_text(v, text);
    return true;
}

static bool bind_path(struct option_value *v)
{
    const char *text = option_text_of(v);
    if (!text)
        return false;
    if (!*text)
        return option_value_wrong(v, v->json);
    const char *path = option_text_absolute(v, text);
    bool checked = (v->option->flags & OPTION_EXISTS) && !strstr(path, "{client}");
    if (checked && access(path, R_OK)) {
        plan_error(v->binder->errors, v->path, NULL, "the file %s cannot be read: %s", path,
                   strerror(errno));
        return false;
    }
    if (cJSON_IsString(v->json))
        v->resolved = cJSON_CreateString(path);
    put_text(v, path);
    return true;
}

static bool bind_bool(struct option_value *v)
{
    bool yes = cJSON_IsTrue(v->json);
    if (!cJSON_IsBool(v->json))
        return option_value_wrong(v, v->json);
    assert(v->option->size == sizeof yes);
    memcpy(v->field, &yes, sizeof yes);
    return true;
}

static bool bind_integer(struct option_value *v)
{
    double number = v->json->valuedouble;
    if (!cJSON_IsNumber(v->json) || floor(number) != number || fabs(number) > 0x1p53)
        return option_value_wrong(v, v->json);
    assert(v->option->size == 8 || (v->option->max > 0 && v->option->max <= INT32_MAX));
    if (!option_value_in_range(v, number))
        return false;
    put_int(v, (int64_t)number);
    return true;
}

static bool bind_number(struct option_value *v)
{
    if (!cJSON_IsNumber(v->json) || !isfinite(v->json->valuedouble))
        return option_value_wrong(v, v->json);
    if (!option_value_in_range(v, v->json->valuedouble))
        return false;
    put_double(v, v->json->valuedouble);
    return true;
}

static bool bind_duration(struct option_value *v)
{
    int64_t ns;
    if (!cJSON_IsString(v->json) || duration_parse(v->json->valuestring, &ns))
        return option_value_wrong(v, v->json);
    if (!option_value_in_range(v, (double)ns))
        return false;
    put_int(v, ns);
    return true;
}

static bool bind_rate(struct option_value *v)
{
    double rate = v->json->valuedouble;
    bool right = cJSON_IsNumber(v->json)
                     ? isfinite(rate)
                     : cJSON_IsString(v->json) && !option_rate_parse(v->json->valuestring, &rate);
    if (!right)
        return option_value_wrong(v, v->json);
    if (!option_value_in_range(v, rate))
        return false;
    put_double(v, rate);
    return true;
}

static bool bind_enum(struct option_value *v)
{
    const char *text = cJSON_IsString(v->json) ? v->json->valuestring : "";
    struct suggestion near = {.word = text};
    struct buf all = {0};
    for (int i = 0; v->option->values[i]; i++) {
        if (strcmp(text, v->option->values[i]) == 0) {
            buf_free(&all);
            put_int(v, i);
            return true;
        }
        suggest_try(&near, v->option->values[i]);
        buf_printf(&all, "%s\"%s\"", i ? ", " : "", v->option->values[i]);
    }
    char *shown = cJSON_PrintUnformatted(v->json);
    if (near.best)
        plan_error(v->binder->errors, v->path, NULL,
                   "%.60s is not one of the values; did you mean \"%s\"?", shown, near.best);
    else
        plan_error(v->binder->errors, v->path, NULL, "%.60s is not one of the values; write %s%s",
                   shown, v->option->values[1] ? "one of " : "", (const char *)all.data);
    cJSON_free(shown);
    buf_free(&all);
    return false;
}

static bool bind_size(struct option_value *v)
{
    int64_t bytes = 0;
    double number = v->json->valuedouble;
    if (cJSON_IsNumber(v->json) && floor(number) == number && fabs(number) <= 0x1p53)
        bytes = (int64_t)number;
    else if (!cJSON_IsString(v->json) || option_size_parse(v->json->valuestring, &bytes))
        return option_value_wrong(v, v->json);
    if (!option_value_in_range(v, (double)bytes))
        return false;
    put_int(v, bytes);
    return true;
}

static bool bind_amount(struct option_value *v)
{
    struct option_amount amount;
    char buffer[OPTION_AMOUNT_TEXT_MAX];
    const char *text = option_amount_text(v->json, buffer);
    if (!text || option_amount_parse(text, &amount))
        return option_value_wrong(v, v->json);
    put_text(v, arena_strdup(v->binder->arena, text));
    return true;
}

static bool bind_strings(struct option_value *v)
{
    const cJSON *item;
    int count = cJSON_GetArraySize(v->json), i = 0;
    if (!cJSON_IsArray(v->json))
        return option_value_wrong(v, v->json);
    if (!option_value_in_range(v, count))
        return false;
    const char **items = arena_alloc(v->binder->arena, ((size_t)count + 1) * sizeof *items);
    cJSON_ArrayForEach(item, v->json)
    {
        if (!cJSON_IsString(item))
            return option_value_wrong(v, item);
        items[i++] = arena_strdup(v->binder->arena, item->valuestring);
    }
    items[i] = NULL;
    struct option_strings strings = {items, (size_t)count};
    assert(v->option->size == sizeof strings);
    memcpy(v->field, &strings, sizeof strings);
    return true;
}
