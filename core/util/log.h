/* Messages to the person at the terminal, on standard error, one line each.
 * Never on the hot path, never a secret. */
#ifndef SHOAL_CORE_UTIL_LOG_H
#define SHOAL_CORE_UTIL_LOG_H

#include <stdarg.h>

/* Prints "shoal: TEXT\n" in one write, so that lines of several threads do not mix. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A failed invariant of ours: says where, and aborts. */
_Noreturn void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
