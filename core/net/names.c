#include "core/net/names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/lane/lane.h"
#include "core/util/clock.h"
#include "core/util/error.h"

#define TTL_DEFAULT_NS (30 * NS_PER_S)
#define FAILURE_KEPT_NS NS_PER_S        /* who asks within it gets the same failure */
#define REFRESH_RETRY_NS (5 * NS_PER_S) /* after a refresh that failed */
#define POST_RETRY_US 1000

/* One fiber that waits for a name's first addresses. */
struct waiter {
    struct waiter *next;
    struct lane *lane;
    struct fiber_wait wait;
    bool posted;     /* under the lock: its lane has the wake */
    bool left, told; /* on its lane: the fiber stopped waiting first; the wake came by */
};

struct entry {
    struct entry *next;
    struct names *names;
    char *host;
    struct names_answer answer; /* count 0: none yet */
    bool fixed;                 /* from `hosts` */
    bool asking;
    int error;
    struct waiter *waiters;
};

struct names {
    pthread_mutex_t lock;
    struct entry *entries;
    uint64_t versions;
    int64_t ttl_ns;
    int (*lookup)(void *arg, const char *host, struct names_answer *out);
    void *lookup_arg;
};

/* --- answers -------------------------------------------------------------------------------- */

static bool is_literal(const char *text)
{
    unsigned char any[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, any) == 1 || inet_pton(AF_INET6, text, any) == 1;
}

static void add_address(struct names_answer *a, const char *text)
{
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->address[i], text) == 0)
            return;
    if (a->count < NAMES_ADDRESSES_MAX && strlen(text) < sizeof a->address[0])
        snprintf(a->address[a->count++], sizeof a->address[0], "%s", text);
}

static int ask_system(void *unused, const char *host, struct names_answer *out)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(host, NULL, &hints, &list);
    if (code != 0) {
        snprintf(out->why, sizeof out->why, "%.60s: %s", host, gai_strerror(code));
        return SHOAL_E_RESOLVE;
    }
    for (struct addrinfo *i = list; i; i = i->ai_next) {
        char text[INET6_ADDRSTRLEN];
        const void *address = i->ai_family == AF_INET6
                                  ? (void *)&((struct sockaddr_in6 *)(void *)i->ai_addr)->sin6_addr
                                  : (void *)&((struct sockaddr_in *)(void *)i->ai_addr)->sin_addr;
        if (inet_ntop(i->ai_family, address, text, sizeof text))
            add_address(out, text);
    }
    freeaddrinfo(list);
    return SHOAL_OK;
}

static bool same_addresses(const struct names_answer *a, const struct names_answer *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->address[i], b->address[i]) != 0)
            return false;
    return true;
}

/* --- the question, on a pool thread ----------------------------------------------------------- */

/* [locked] */
static void keep_answer(struct entry *e, const struct names_answer *fresh, int error)
{
    struct names *n = e->names;
    int64_t now_ns = clock_ns();
    e->asking = false;
    e->error = error;
    if (error && e->answer.count) {
        e->answer.expires_ns =
            now_ns + (n->ttl_ns < REFRESH_RETRY_NS ? n->ttl_ns : REFRESH_RETRY_NS);
        return;
    }
    uint64_t version = e->answer.version;
    if (!version || !same_addresses(&e->answer, fresh))
        version = ++n->versions;
    e->answer = *fresh;
    e->answer.version = version;
    e->answer.expires_ns = now_ns + (error ? FAILURE_KEPT_NS : n->ttl_ns);
}

/* On the waiters' lane. */
static void wake_chain(void *arg)
{
    for (struct waiter *w = arg, *next; w; w = next) {
        next = w->next;
        if (w->left) {
            free(w);
        } else {
            w->told = true;
            wait_wake(&w->wait, SHOAL_OK);
        }
    }
}

/* [locked] Marked first: once posted, the lane may free them at any moment. */
static bool chain_post(struct lane *lane, struct waiter *chain)
{
    for (struct waiter *w = chain; w; w = w->next)
        w->posted = true;
    if (lane_post(lane, wake_chain, chain) == SHOAL_OK)
        return true;
    for (struct waiter *w = chain; w; w = w->next)
        w->posted = false;
    return false;
}

/* [locked] Hands the waiters of the first waiter's lane to that lane. A lane cannot end meanwhile:
 * to stop waiting, its fibers need the lock. */
static bool post_one_lane(struct entry *e)
{
    struct lane *lane = e->waiters->lane;
    struct waiter *chain = NULL, *rest = NULL;
    for (struct waiter *w = e->waiters, *next; w; w = next) {
        next = w->next;
        struct waiter **list = w->lane == lane ? &chain : &rest;
        w->next = *list;
        *list = w;
    }
    e->waiters = rest;
    if (!chain_post(lane, chain)) {
        struct waiter **tail = &e->waiters;
        while (*tail)
            tail = &(*tail)->next;
        *tail = chain;
        return false;
    }
    return true;
}

static void ask(uv_work_t *work)
{
    struct entry *e = work->data;
    struct names *n = e->names;
    struct names_answer fresh = {0};
    int error = n->lookup(n->lookup_arg, e->host, &fresh);
    if (!error && fresh.count == 0) {
        error = SHOAL_E_RESOLVE;
        snprintf(fresh.why, sizeof fresh.why, "%.60s has no address", e->host);
    }
    if (error)
        fresh.count = 0;
    pthread_mutex_lock(&n->lock);
    keep_answer(e, &fresh, error);
    while (e->waiters) {
        if (!post_one_lane(e)) {
            pthread_mutex_unlock(&n->lock);
            usleep(POST_RETRY_US);
            pthread_mutex_lock(&n->lock);
        }
    }
    pthread_mutex_unlock(&n->lock);
}

static void asked(uv_work_t *work, int status)
{
    free(work);
}

/* [locked] */
static int begin_ask(struct entry *e)
{
    uv_work_t *work = calloc(1, sizeof *work);
    if (!work)
        return SHOAL_E_NOMEM;
    work->data = e;
    if (uv_queue_work(lane_loop(lane_current()), work, ask, asked) != 0) {
        free(work);
        return SHOAL_E_INTERNAL;
    }
    e->asking = true;
    return SHOAL_OK;
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct entry *entry_new(struct names *n, const char *host)
{
    struct entry *e = calloc(1, sizeof *e);
    char *copy = strdup(host);
    if (!e || !copy) {
        free(e);
        free(copy);
        return NULL;
    }
    e->names = n;
    e->host = copy;
    e->next = n->entries;
    n->entries = e;
    return e;
}

/* [locked] */
static struct entry *entry_of(struct names *n, const char *host)
{
    struct entry *e = n->entries;
    while (e && strcasecmp(e->host, host) != 0)
        e = e->next;
    return e ? e : entry_new(n, host);
}

/* [locked] true when `out` holds the outcome. */
static bool known(struct entry *e, struct names_answer *out, int *error)
{
    bool current = e->fixed || clock_ns() < e->answer.expires_ns;
    if (!e->answer.count && !(current && e->error))
        return false;
    if (!current && !e->asking)
        begin_ask(e); /* failing to ask leaves what we have */
    *out = e->answer;
    *error = e->answer.count ? SHOAL_OK : e->error;
    return true;
}

/* [locked on entry, not on return] */
static int wait_for(struct names *n, struct entry *e, int64_t deadline_ns)
{
    struct waiter *w = calloc(1, sizeof *w);
    int error = w ? SHOAL_OK : SHOAL_E_NOMEM;
    if (!error && !e->asking)
        error = begin_ask(e);
    if (error) {
        pthread_mutex_unlock(&n->lock);
        free(w);
        return error;
    }
    w->lane = lane_current();
    wait_init(&w->wait);
    w->next = e->waiters;
    e->waiters = w;
    pthread_mutex_unlock(&n->lock);

    error = wait_until(&w->wait, deadline_ns);
    if (!error) {
        free(w);
        return SHOAL_OK;
    }
    pthread_mutex_lock(&n->lock);
    if (w->told) {
        free(w);
    } else if (w->posted) {
        w->left = true; /* who brings the wake frees it */
    } else {
        struct waiter **at = &e->waiters;
        while (*at != w)
            at = &(*at)->next;
        *at = w->next;
        free(w);
    }
    pthread_mutex_unlock(&n->lock);
    return error;
}

int names_resolve(struct names *n, const char *host, int64_t deadline_ns, struct names_answer *out)
{
    *out = (struct names_answer){0};
    if (is_literal(host)) {
        add_address(out, host);
        out->version = 1;
        out->expires_ns = CLOCK_NEVER;
        return SHOAL_OK;
    }
    pthread_mutex_lock(&n->lock);
    struct entry *e = entry_of(n, host);
    int error = e ? SHOAL_OK : SHOAL_E_NOMEM;
    if (e && !known(e, out, &error)) {
        error = wait_for(n, e, deadline_ns);
        if (error)
            return error;
        pthread_mutex_lock(&n->lock);
        *out = e->answer;
        error = e->answer.count ? SHOAL_OK : e->error;
    }
    pthread_mutex_unlock(&n->lock);
    return error;
}

/* --- life ------------------------------------------------------------------------------------- */

static int add_host(struct names *n, const struct names_host *host)
{
    struct entry *e = entry_new(n, host->name);
    if (!e)
        return SHOAL_E_NOMEM;
    e->fixed = true;
    e->answer.version = ++n->versions;
    e->answer.expires_ns = CLOCK_NEVER;
    for (const char *const *a = host->addresses; *a; a++) {
        if (!is_literal(*a))
            return SHOAL_E_BAD_INPUT;
        add_address(&e->answer, *a);
    }
    return e->answer.count ? SHOAL_OK : SHOAL_E_BAD_INPUT;
}

int names_new(struct names **out, const struct names_options *options)
{
    static const struct names_options defaults;
    struct names *n = calloc(1, sizeof *n);
    int error = SHOAL_OK;
    *out = NULL;
    if (!n)
        return SHOAL_E_NOMEM;
    options = options ? options : &defaults;
    pthread_mutex_init(&n->lock, NULL);
    n->versions = 1;
    n->ttl_ns = options->ttl_ns > 0 ? options->ttl_ns : TTL_DEFAULT_NS;
    n->lookup = options->lookup ? options->lookup : ask_system;
    n->lookup_arg = options->lookup_arg;
    for (size_t i = 0; i < options->host_count && !error; i++)
        error = add_host(n, &options->hosts[i]);
    if (error) {
        names_free(n);
        return error;
    }
    *out = n;
    return SHOAL_OK;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    while (n->entries) {
        struct entry *e = n->entries;
        n->entries = e->next;
        free(e->host);
        free(e);
    }
    pthread_mutex_destroy(&n->lock);
    free(n);
}
