/* Values of a plan that have a shape of their own. */
#include <arpa/inet.h>
#include <stdio.h>

#include "core/plan/plan_part.h"
#include "core/util/clock.h"

#define COUNT_MAX 1000000000 /* requests of a connection, iterations between purges */

static void say_wrong(struct option_binder *binder, const struct option *o, const cJSON *value,
                      const char *path)
{
    char *text = cJSON_PrintUnformatted(value);
    plan_error(binder->errors, path, NULL, "%.60s cannot be used here; write one of %s", text,
               o->custom->shape);
    cJSON_free(text);
}

/* The only member of an object, by name. */
static const cJSON *only_member(const cJSON *value, const char *name)
{
    if (!cJSON_IsObject(value) || cJSON_GetArraySize(value) != 1)
        return NULL;
    return cJSON_GetObjectItemCaseSensitive(value, name);
}

static bool read_count(const cJSON *value, const char *name, int64_t *out)
{
    return only_member(value, name) && json_int(value, name, out) && *out >= 1 && *out <= COUNT_MAX;
}

static bool read_time(const cJSON *value, const char *name, int64_t *out)
{
    const cJSON *item = only_member(value, name);
    return cJSON_IsString(item) && duration_parse(item->valuestring, out) == 0 && *out > 0;
}

static bool is_text(const cJSON *value, const char *text)
{
    return cJSON_IsString(value) && strcmp(value->valuestring, text) == 0;
}

static void bind_connections(struct option_binder *binder, const struct option *o,
                             const cJSON *value, const char *path, void *field)
{
    struct plan_connections c = {.lifetime = PLAN_KEEP_CLIENT};
    if (is_text(value, "iteration"))
        c.lifetime = PLAN_KEEP_ITERATION;
    else if (is_text(value, "shared"))
        c.lifetime = PLAN_KEEP_SHARED;
    else if (read_count(value, "requests", &c.requests))
        c.lifetime = PLAN_KEEP_REQUESTS;
    else if (read_time(value, "time", &c.time_ns))
        c.lifetime = PLAN_KEEP_TIME;
    else if (!is_text(value, "client"))
        say_wrong(binder, o, value, path);
    memcpy(field, &c, sizeof c);
}

const struct option_custom plan_connections_custom = {
    .shape = "\"client\", \"iteration\", \"shared\", {\"requests\": 100}, {\"time\": \"30s\"}",
    .schema = "{\"oneOf\":[{\"enum\":[\"client\",\"iteration\",\"shared\"]},"
              "{\"type\":\"object\",\"properties\":{\"requests\":{\"type\":\"integer\","
              "\"minimum\":1,\"maximum\":1000000000}},\"required\":[\"requests\"],"
              "\"additionalProperties\":false},"
              "{\"type\":\"object\",\"properties\":{\"time\":{\"$ref\":\"#/$defs/duration\"}},"
              "\"required\":[\"time\"],\"additionalProperties\":false}]}",
    .bind = bind_connections,
};

/* "every: 5", "older-than: 1h": the text behind the name and the colon, or NULL. */
static const char *behind(const cJSON *value, const char *name)
{
    size_t len = strlen(name);
    if (!cJSON_IsString(value) || strncmp(value->valuestring, name, len) != 0 ||
        value->valuestring[len] != ':')
        return NULL;
    return value->valuestring + len + 1 + strspn(value->valuestring + len + 1, " ");
}

static bool read_every(const cJSON *value, int64_t *out)
{
    uint64_t count;
    const char *text = behind(value, "every");
    if (!text)
        return read_count(value, "every", out);
    if (!json_raw_u64(slice_str(text), &count) || count < 1 || count > COUNT_MAX)
        return false;
    *out = (int64_t)count;
    return true;
}

static bool read_older_than(const cJSON *value, int64_t *out)
{
    const char *text = behind(value, "older-than");
    return text ? duration_parse(text, out) == 0 && *out > 0 : read_time(value, "older-than", out);
}

static void bind_purge(struct option_binder *binder, const struct option *o, const cJSON *value,
                       const char *path, void *field)
{
    struct plan_purge p = {.kind = PLAN_PURGE_NEVER};
    if (is_text(value, "every-iteration"))
        p.kind = PLAN_PURGE_EVERY_ITERATION;
    else if (read_every(value, &p.every))
        p.kind = PLAN_PURGE_EVERY;
    else if (read_older_than(value, &p.older_than_ns))
        p.kind = PLAN_PURGE_OLDER_THAN;
    else if (!is_text(value, "never"))
        say_wrong(binder, o, value, path);
    memcpy(field, &p, sizeof p);
}

const struct option_custom plan_purge_custom = {
    .shape = "\"every-iteration\", \"never\", {\"every\": 10}, {\"older-than\": \"1h\"}",
    .schema = "{\"oneOf\":[{\"enum\":[\"every-iteration\",\"never\"]},"
              "{\"type\":\"string\",\"pattern\":\"^(every: *[1-9][0-9]*|older-than: *.+)$\"},"
              "{\"type\":\"object\",\"properties\":{\"every\":{\"type\":\"integer\",\"minimum\":1,"
              "\"maximum\":1000000000}},\"required\":[\"every\"],\"additionalProperties\":false},"
              "{\"type\":\"object\",\"properties\":{\"older-than\":"
              "{\"$ref\":\"#/$defs/duration\"}},"
              "\"required\":[\"older-than\"],\"additionalProperties\":false}]}",
    .bind = bind_purge,
};

static bool is_address(const char *text)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

#define HOSTS_MAX 1024
#define ADDRESSES_MAX 32

static const char *const *read_addresses(struct option_binder *binder, const cJSON *list,
                                         const char *path)
{
    int count = cJSON_GetArraySize(list), i = 0;
    const cJSON *item;
    if (!cJSON_IsArray(list) || count < 1 || count > ADDRESSES_MAX) {
        plan_error(binder->errors, path, list->string,
                   "this is not a list of 1 to %d addresses; write it as [\"192.0.2.1\"]",
                   ADDRESSES_MAX);
        return NULL;
    }
    const char **addresses = arena_zalloc(binder->arena, ((size_t)count + 1) * sizeof *addresses);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || !is_address(item->valuestring)) {
            char *text = cJSON_PrintUnformatted(item);
            plan_error(binder->errors, path, list->string,
                       "%.60s is not an IP address; write it as \"192.0.2.1\" or \"2001:db8::1\"",
                       text);
            cJSON_free(text);
            return NULL;
        }
        addresses[i++] = arena_strdup(binder->arena, item->valuestring);
    }
    return addresses;
}

static void bind_hosts(struct option_binder *binder, const struct option *o, const cJSON *value,
                       const char *path, void *field)
{
    struct plan_hosts hosts = {NULL, 0};
    int count = cJSON_GetArraySize(value);
    const cJSON *item;
    if (!cJSON_IsObject(value) || count > HOSTS_MAX) {
        say_wrong(binder, o, value, path);
        return;
    }
    hosts.items = arena_zalloc(binder->arena, (size_t)count * sizeof *hosts.items);
    cJSON_ArrayForEach(item, value)
    {
        struct plan_host *host = &hosts.items[hosts.count++];
        host->name = arena_strdup(binder->arena, item->string);
        host->addresses = read_addresses(binder, item, path);
    }
    memcpy(field, &hosts, sizeof hosts);
}

const struct option_custom plan_hosts_custom = {
    .shape = "{\"exchange.example\": [\"192.0.2.1\", \"2001:db8::1\"]}",
    .schema = "{\"type\":\"object\",\"maxProperties\":1024,\"additionalProperties\":{\"type\":"
              "\"array\",\"minItems\":1,\"maxItems\":32,\"items\":{\"type\":\"string\"}}}",
    .bind = bind_hosts,
};

static void bind_options(struct option_binder *binder, const struct option *o, const cJSON *value,
                         const char *path, void *field)
{
    if (!cJSON_IsObject(value))
        plan_error(binder->errors, path, NULL,
                   "this is not an object; write it as {\"key\": value}");
}

const struct option_custom plan_options_custom = {
    .shape = "object",
    .schema = "{\"type\":\"object\"}",
    .bind = bind_options,
};

static void bind_empty(struct option_binder *binder, const struct option *o, const cJSON *value,
                       const char *path, void *field)
{
    bool list = o->custom == &plan_no_list_custom;
    bool right = list ? cJSON_IsArray(value) : cJSON_IsObject(value);
    if (!right || value->child)
        plan_error(binder->errors, path, NULL,
                   "%s are not supported by this version; leave them out or write %s", o->name,
                   list ? "[]" : "{}");
}

const struct option_custom plan_no_list_custom = {
    .shape = "empty list",
    .schema = "{\"type\":\"array\",\"maxItems\":0}",
    .bind = bind_empty,
};

const struct option_custom plan_no_object_custom = {
    .shape = "empty object",
    .schema = "{\"type\":\"object\",\"maxProperties\":0}",
    .bind = bind_empty,
};
