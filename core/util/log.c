#include "core/util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/util/bytes.h"

static void write_all(const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, p, len);
        if (n <= 0)
            return; /* nobody is left to be told */
        p += n;
        len -= (size_t)n;
    }
}

void log_line(const char *format, ...)
{
    struct buf line = {0};
    va_list args;
    va_start(args, format);
    buf_str(&line, "shoal: ");
    buf_vprintf(&line, format, args);
    buf_char(&line, '\n');
    va_end(args);
    write_all(line.data, line.len);
    buf_free(&line);
}

/* Without the heap, which may be what failed. */
void die(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = snprintf(line, sizeof line, "shoal: internal error: ");
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    va_end(args);
    size_t len = (size_t)n + (m > 0 ? (size_t)m : 0);
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    line[len++] = '\n';
    write_all(line, len);
    abort();
}
