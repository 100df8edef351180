/* A server on a thread of its own that does one nasty thing to every connection. */
#ifndef SHOAL_TESTS_HOSTILE_H
#define SHOAL_TESTS_HOSTILE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct hostile;

/* `nth` counts the connections from 0. Returns when the connection is to be closed. */
typedef void (*hostile_fn)(struct hostile *h, int fd, int nth);

struct hostile {
    hostile_fn fn;
    int listen_fd;
    unsigned port;
    atomic_bool stop;
    atomic_int accepted;
    pthread_t thread;
};

static inline void hostile_say(int fd, const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        text += n;
        len -= (size_t)n;
    }
}

/* Reads a request's head; false when the peer closed or the test ends. */
static inline bool hostile_hear(struct hostile *h, int fd)
{
    char data[8192];
    size_t len = 0;
    while (len < sizeof data - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (atomic_load(&h->stop)) {
            return false;
        }
        if (poll(&p, 1, 10) <= 0) {
            continue;
        }
        ssize_t n = recv(fd, data + len, sizeof data - 1 - len, 0);
        if (n <= 0) {
            return false;
        }
        len += (size_t)n;
        data[len] = '\0';
        if (strstr(data, "\r\n\r\n")) {
            return true;
        }
    }
    return false;
}

/* Until the peer closes or the test ends. */
static inline void hostile_linger(struct hostile *h, int fd)
{
    while (!atomic_load(&h->stop)) {
        char c;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 10) > 0 && recv(fd, &c, 1, 0) <= 0) {
            return;
        }
    }
}

static inline void hostile_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static inline void *hostile_main(void *arg)
{
    struct hostile *h = arg;
    while (!atomic_load(&h->stop)) {
        struct pollfd p = {.fd = h->listen_fd, .events = POLLIN};
        if (poll(&p, 1, 10) <= 0) {
            continue;
        }
        int fd = accept(h->listen_fd, NULL, NULL);
        if (fd >= 0) {
            h->fn(h, fd, atomic_fetch_add(&h->accepted, 1));
            close(fd);
        }
    }
    return NULL;
}

static inline void hostile_open(struct hostile *h, hostile_fn fn)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    memset(h, 0, sizeof *h);
    h->fn = fn;
    h->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(h->listen_fd, (struct sockaddr *)&at, len) != 0 || listen(h->listen_fd, 64) != 0 ||
        getsockname(h->listen_fd, (struct sockaddr *)&at, &len) != 0 ||
        pthread_create(&h->thread, NULL, hostile_main, h) != 0) {
        abort();
    }
    h->port = ntohs(at.sin_port);
}

static inline void hostile_close(struct hostile *h)
{
    atomic_store(&h->stop, true);
    pthread_join(h->thread, NULL);
    close(h->listen_fd);
}

#endif
