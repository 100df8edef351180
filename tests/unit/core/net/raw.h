/* A plain blocking HTTP peer, on a thread of its own beside the lane. */
#ifndef SHOAL_TESTS_RAW_H
#define SHOAL_TESTS_RAW_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/unit/core/net/net_fixture.h"

struct raw {
    struct net_fixture *f;
    void (*fn)(struct raw *raw);
    void *arg;
    uint16_t port;
    pthread_t thread;
    char reply[65536];
    size_t len;
};

static inline int raw_connect(struct raw *raw)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(raw->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline void raw_send(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        at += n;
        len -= (size_t)n;
    }
}

static inline void raw_say(int fd, const char *text)
{
    raw_send(fd, text, strlen(text));
}

/* One reply, by its Content-Length, or all until the peer closes. Its status; 0 without one. */
static inline int raw_hear(struct raw *raw, int fd)
{
    raw->len = 0;
    for (;;) {
        raw->reply[raw->len] = '\0';
        const char *body = strstr(raw->reply, "\r\n\r\n");
        const char *length = strstr(raw->reply, "Content-Length: ");
        if (body && length &&
            raw->len >= (size_t)(body + 4 - raw->reply) + strtoul(length + 16, NULL, 10)) {
            break;
        }
        ssize_t n = recv(fd, raw->reply + raw->len, sizeof raw->reply - 1 - raw->len, 0);
        if (n <= 0) {
            break;
        }
        raw->len += (size_t)n;
    }
    return strncmp(raw->reply, "HTTP/1.1 ", 9) == 0 ? atoi(raw->reply + 9) : 0;
}

static inline const char *raw_body(const struct raw *raw)
{
    const char *body = strstr(raw->reply, "\r\n\r\n");
    return body ? body + 4 : "";
}

static inline bool raw_closed(int fd)
{
    char c;
    return recv(fd, &c, 1, 0) <= 0;
}

static inline void *raw_main(void *arg)
{
    struct raw *raw = arg;
    raw->fn(raw);
    lane_stop(raw->f->lane);
    return NULL;
}

/* Runs the lane while `fn` talks to its listener. What fails in `fn` aborts the program. */
static inline void raw_run(struct net_fixture *f, void (*fn)(struct raw *raw), void *arg)
{
    struct raw raw = {.f = f, .fn = fn, .arg = arg, .port = listener_port(f->listener)};
    pthread_create(&raw.thread, NULL, raw_main, &raw);
    lane_run(f->lane);
    pthread_join(raw.thread, NULL);
}

/* cmocka's assertions belong to the main thread. */
#define RAW_CHECK(condition)                                                          \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

#endif
