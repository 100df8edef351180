/* Names to addresses, off the lanes.
 *
 * One table for the process. A name resolves once for everybody (getaddrinfo on the thread pool)
 * and again every ttl for the next connects; an address literal and a name in `hosts` never ask.
 * When a refresh fails the old addresses stay.
 */
#ifndef SHOAL_CORE_NET_NAMES_H
#define SHOAL_CORE_NET_NAMES_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

struct names;

#define NAMES_ADDRESSES_MAX 32

struct names_host {
    const char *name;             /* "exchange.example" */
    const char *const *addresses; /* literals, NULL-terminated */
};

struct names_answer {
    size_t count;
    char address[NAMES_ADDRESSES_MAX][INET6_ADDRSTRLEN];
    uint64_t version;   /* changes when the addresses change */
    int64_t expires_ns; /* ask again for connects after this time */
    char why[96];       /* of a failure */
};

struct names_options {
    const struct names_host *hosts;
    size_t host_count;
    int64_t ttl_ns; /* 0: 30 s */
    /* Asks the system, on a pool thread: fills count and address, or why. NULL: getaddrinfo. */
    int (*lookup)(void *arg, const char *host, struct names_answer *out);
    void *lookup_arg;
};

int names_new(struct names **out, const struct names_options *options);
void names_free(struct names *names); /* after all lanes have stopped */

/* All addresses of a name, IPv6 and IPv4, in the resolver's order, as text literals. Waits in the
 * fiber; 0 or SHOAL_E_RESOLVE, SHOAL_E_TIMEOUT, SHOAL_E_CANCELLED. */
int names_resolve(struct names *names, const char *host, int64_t deadline_ns,
                  struct names_answer *out);

#endif
