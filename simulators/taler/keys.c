#include "simulators/taler/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/lane/shared.h"
#include "core/util/clock.h"
#include "core/util/log.h"
#include "simulators/store.h"
#include "simulators/taler/fleet.h"
#include "simulators/taler/replies.h"

/* --- how long a reply is good for ----------------------------------------------------------- */

static bool max_age(const char *cache_control, int64_t *seconds)
{
    const char *p = cache_control;

    while (*p) {
        p += strspn(p, " ,\t");
        if (strncasecmp(p, "no-cache", 8) == 0 || strncasecmp(p, "no-store", 8) == 0) {
            *seconds = 0;
            return true;
        }
        if (strncasecmp(p, "max-age=", 8) == 0) {
            *seconds = strtoll(p + 8, NULL, 10);
            return true;
        }
        p += strcspn(p, ",");
    }
    return false;
}

int64_t keys_life_ns(const char *cache_control, const char *expires, int64_t wall_us)
{
    int64_t seconds = KEYS_LIFE_DEFAULT_NS / NS_PER_S;

    if (!(cache_control && max_age(cache_control, &seconds)) && expires) {
        struct tm when = {0};
        /* "0" and other dates that are none mean: expired already. */
        seconds = strptime(expires, "%a, %d %b %Y %H:%M:%S GMT", &when)
                      ? (int64_t)timegm(&when) - wall_us / 1000000
                      : 0;
    }
    /* Compared in seconds: some exchange's year 1 has no nanoseconds. */
    if (seconds > KEYS_LIFE_MAX_NS / NS_PER_S)
        return KEYS_LIFE_MAX_NS;
    return seconds < KEYS_LIFE_MIN_NS / NS_PER_S ? KEYS_LIFE_MIN_NS : seconds * NS_PER_S;
}

/* When the first denomination stops being withdrawable, a wallet looks for its successor. */
static int64_t until_a_denomination_ends_ns(const struct taler_keyset *set, uint64_t now_s)
{
    uint64_t first = now_s + KEYS_LIFE_MAX_NS / NS_PER_S;

    for (size_t i = 0; i < set->by_value_count; i++) {
        const struct taler_denom *d = &set->denoms[set->by_value[i]];
        if (d->start_s <= now_s && d->expire_withdraw_s > now_s && d->expire_withdraw_s < first)
            first = d->expire_withdraw_s;
    }
    return (int64_t)(first - now_s) * NS_PER_S;
}

static int64_t life_of(const struct taler_keyset *set, const struct http_response *response)
{
    int64_t life = keys_life_ns(http_header(response, "Cache-Control"),
                                http_header(response, "Expires"), clock_wall_us());
    int64_t end = until_a_denomination_ends_ns(set, wallet_now_s());

    if (end < KEYS_LIFE_MIN_NS)
        end = KEYS_LIFE_MIN_NS;
    return life < end ? life : end;
}

/* --- reading, on the thread pool -------------------------------------------------------------- */

/* 1 MB of keys takes some 0.1 s to read and verify: too long for a lane. */
struct keys_job {
    struct lane_job job;
    uint8_t *body;
    size_t len;
    struct taler_pub master;
    bool pinned;
    struct taler_keyset *set;
    struct taler_fault fault;
    int error;
};

static void keys_job_work(struct lane_job *job)
{
    struct keys_job *j = (struct keys_job *)job;

    j->error = taler_keyset_read(&j->set, slice_of(j->body, j->len), j->pinned ? &j->master : NULL,
                                 &j->fault);
}

static void keys_job_drop(struct lane_job *job)
{
    struct keys_job *j = (struct keys_job *)job;

    taler_keyset_free(j->set);
    free(j->body);
    free(j);
}

static int read_keys(struct flow *flow, struct slice body, const struct taler_pub *master,
                     int64_t deadline_ns, struct taler_keyset **out)
{
    struct keys_job *j = calloc(1, sizeof *j);
    uint8_t *copy = malloc(body.len + 1);

    if (!j || !copy)
        die("keys: no memory");
    memcpy(copy, body.data, body.len);
    *j = (struct keys_job){
        .job = {.work = keys_job_work, .drop = keys_job_drop},
        .body = copy,
        .len = body.len,
        .pinned = master != NULL,
    };
    if (master)
        j->master = *master;
    int error = lane_offload(&j->job, deadline_ns);
    if (error == SHOAL_E_CANCELLED)
        return error;
    if (error)
        return flow_fail(flow, &(struct flow_failure){.error = error},
                         "GET /keys: reading the key set: %s", error_text(error));
    error = j->error;
    if (error)
        flow_fail(flow,
                  &(struct flow_failure){
                      .error = error,
                      .kind = error == SHOAL_E_BAD_SIGNATURE ? "bad-keys-signature" : NULL,
                      .status = 200},
                  "GET /keys: %s", j->fault.text);
    *out = j->set;
    j->set = NULL;
    keys_job_drop(&j->job);
    return error;
}

/* --- asking ----------------------------------------------------------------------------------- */

struct keys_ask {
    const struct wallet_fleet *fleet;
    struct flow *flow;
};

void exchange_keys_free(void *keys)
{
    struct exchange_keys *k = keys;

    if (!k)
        return;
    taler_keyset_free(k->set);
    free(k);
}

/* For asking, all tries of it, and reading. */
static int64_t keys_deadline(const struct wallet_options *o)
{
    return clock_after(clock_ns(), o->timeout_ns * (1 + o->retries));
}

static int ask(const struct keys_ask *a, const char *etag, int64_t deadline_ns,
               struct http_response *response)
{
    static const int with_etag[] = {200, 304, 0}, without[] = {200, 0};
    const struct http_header header = {"If-None-Match", etag};
    const struct http_request http = {
        .method = "GET",
        .target = a->fleet->exchange,
        .path = "/keys",
        .headers = &header,
        .header_count = etag && etag[0] ? 1 : 0,
    };
    struct flow_call call = {
        .request = REQUEST_KEYS,
        .http = &http,
        .accept = http.header_count ? with_etag : without,
        .explain = reply_explain,
    };

    const struct wallet_tries tries = {.options = a->fleet->options, .deadline_ns = deadline_ns};

    return wallet_try(a->flow, &tries, &call, response);
}

static int check_currency(const struct keys_ask *a, const struct taler_keyset *set)
{
    if (strcmp(set->currency, a->fleet->currency) == 0)
        return SHOAL_OK;
    return flow_fail(a->flow, &(struct flow_failure){.error = SHOAL_E_BAD_REPLY},
                     "GET /keys: the currency is %s, and /config says %s", set->currency,
                     a->fleet->currency);
}

static int keys_from(const struct keys_ask *a, const struct http_response *response,
                     const struct taler_pub *master, int64_t deadline_ns,
                     struct exchange_keys **out)
{
    struct taler_keyset *set = NULL;
    const char *etag = http_header(response, "ETag");
    int error = read_keys(a->flow, response->body, master, deadline_ns, &set);

    if (error == SHOAL_OK)
        error = check_currency(a, set);
    if (error) {
        taler_keyset_free(set);
        return error;
    }
    struct exchange_keys *keys = calloc(1, sizeof *keys);
    if (!keys)
        die("keys: no memory");
    keys->set = set;
    if (etag && strlen(etag) < sizeof keys->etag)
        snprintf(keys->etag, sizeof keys->etag, "%s", etag);
    *out = keys;
    return SHOAL_OK;
}

/* shared_fetch of the fleet's key set. The first master key that was seen is the one believed. */
static int fetch(void *arg, void *previous, int64_t deadline_ns, void **data, int64_t *expires_ns)
{
    const struct keys_ask *a = arg;
    struct exchange_keys *old = previous, *fresh = NULL;
    struct http_response response;
    int error = ask(a, old ? old->etag : NULL, deadline_ns, &response);

    if (error)
        return error;
    if (response.status == 304) {
        *data = old;
        *expires_ns = clock_after(clock_ns(), life_of(old->set, &response));
        return SHOAL_OK;
    }
    error = keys_from(a, &response, old ? &old->set->master : NULL, deadline_ns, &fresh);
    if (error)
        return error;
    *data = fresh;
    *expires_ns = clock_after(clock_ns(), life_of(fresh->set, &response));
    return SHOAL_OK;
}

int fleet_keys_get(const struct wallet_fleet *fleet, struct flow *flow, struct shared_value **out)
{
    struct keys_ask a = {fleet, flow};

    return shared_get(fleet->keys, fetch, &a, keys_deadline(fleet->options), out);
}

static void put_value(void *value)
{
    shared_put(value);
}

static int use_fleet_keys(struct wallet *w)
{
    struct shared_value *value;
    int error = fleet_keys_get(w->fleet, w->flow, &value);

    if (error)
        return error;
    arena_defer(w->arena, put_value, value);
    w->keys_value = value;
    w->keys = ((struct exchange_keys *)shared_data(value))->set;
    return SHOAL_OK;
}

/* --- each wallet for itself ------------------------------------------------------------------- */

/* A wallet remembers which version it knows and until when: created u64be us | expires u64be us of
 * the wall clock | ETag. Thousands of key sets would fill the memory, so what it knows is read from
 * the fleet's copy; a new version it downloads and verifies itself. */
#define OWN_HEAD_SIZE 16
static const char own_key[] = "keys";

static int own_put(struct wallet *w, const char *etag, int64_t life_ns)
{
    uint8_t record[OWN_HEAD_SIZE + KEYS_ETAG_MAX];
    size_t len = strlen(etag);
    uint64_t now_us = (uint64_t)clock_wall_us();

    put_u64be(record, now_us);
    put_u64be(record + 8, now_us + (uint64_t)(life_ns / NS_PER_US));
    memcpy(record + OWN_HEAD_SIZE, etag, len);
    return store_put(w->flow, TABLE_EXCHANGE, slice_str(own_key),
                     slice_of(record, OWN_HEAD_SIZE + len));
}

static int own_renew(struct wallet *w, const char *etag)
{
    struct keys_ask a = {w->fleet, w->flow};
    struct exchange_keys *fresh = NULL;
    struct http_response response;
    int64_t deadline_ns = keys_deadline(w->options);
    int error = ask(&a, etag, deadline_ns, &response);

    if (error)
        return error;
    if (response.status == 304) {
        error = use_fleet_keys(w);
        return error ? error : own_put(w, etag, life_of(w->keys, &response));
    }
    error = keys_from(&a, &response, w->keys ? &w->keys->master : NULL, deadline_ns, &fresh);
    if (error)
        return error;
    arena_defer(w->arena, exchange_keys_free, fresh);
    w->keys = fresh->set;
    w->keys_value = NULL;
    return own_put(w, fresh->etag, life_of(fresh->set, &response));
}

static int own_begin(struct wallet *w)
{
    struct slice value;
    char etag[KEYS_ETAG_MAX] = "";
    int error = store_get(w->flow, TABLE_EXCHANGE, slice_str(own_key), &value);

    if (error == SHOAL_E_NOT_FOUND)
        return own_renew(w, NULL);
    if (error)
        return error;
    if (value.len < OWN_HEAD_SIZE || value.len - OWN_HEAD_SIZE >= sizeof etag)
        return SHOAL_E_CORRUPT;
    if (get_u64be(value.data + 8) > (uint64_t)clock_wall_us())
        return use_fleet_keys(w);
    memcpy(etag, value.data + OWN_HEAD_SIZE, value.len - OWN_HEAD_SIZE);
    return own_renew(w, etag);
}

int wallet_keys_begin(struct wallet *w)
{
    return w->options->keys == KEYS_OF_WALLET ? own_begin(w) : use_fleet_keys(w);
}

int wallet_keys_renew(struct wallet *w)
{
    if (w->keys_value)
        shared_expire(w->fleet->keys, w->keys_value);
    return w->options->keys == KEYS_OF_WALLET ? own_renew(w, NULL) : use_fleet_keys(w);
}
