#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/listener_inside.h"

#define BACKLOG 4096

static socklen_t address_parse(const char *text, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return sizeof *v6;
    }
    return 0;
}

static void say_why(const char *address, uint16_t port, int err, char error[LISTENER_ERROR_MAX])
{
    static const struct {
        int err;
        const char *text;
    } texts[] = {
        {EADDRINUSE, "is in use by another program; choose another with --listen"},
        {EACCES, "needs a right this user does not have; choose a port from 1024 on"},
        {EADDRNOTAVAIL, "is no address of this machine"},
        {EAFNOSUPPORT, "is of a kind this machine does not have"},
    };
    const char *text = strerror(err);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].err == err)
            text = texts[i].text;
    if (strchr(address, ':'))
        snprintf(error, LISTENER_ERROR_MAX, "[%.60s]:%u %s", address, port, text);
    else
        snprintf(error, LISTENER_ERROR_MAX, "%.60s:%u %s", address, port, text);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof bound;
    getsockname(fd, (struct sockaddr *)&bound, &len);
    return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&bound)->sin6_port
                                             : ((struct sockaddr_in *)(void *)&bound)->sin_port);
}

int listener_socket(const char *address, uint16_t port, uint16_t *bound,
                    char error[LISTENER_ERROR_MAX])
{
    struct sockaddr_storage at;
    socklen_t len = address_parse(address, port, &at);
    int on = 1;
    if (!len) {
        snprintf(error, LISTENER_ERROR_MAX, "%.60s is not an IP address to listen on", address);
        return -1;
    }
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        say_why(address, port, errno, error);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* inherited by what it accepts */
    if (bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, BACKLOG) != 0) {
        say_why(address, port, errno, error);
        close(fd);
        return -1;
    }
    *bound = port_of(fd);
    return fd;
}
