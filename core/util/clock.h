/* Clocks and durations. CLOCK_MONOTONIC everywhere; the wall clock only for protocol timestamps,
 * file names and the manifest. Durations and deadlines are int64_t nanoseconds. */
#ifndef SHOAL_CORE_UTIL_CLOCK_H
#define SHOAL_CORE_UTIL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define CLOCK_NEVER INT64_MAX /* as a deadline: none */

int64_t clock_ns(void);            /* CLOCK_MONOTONIC */
int64_t clock_wall_us(void);       /* microseconds since 1970 UTC */
int64_t clock_thread_cpu_ns(void); /* CPU time of the calling thread */

/* now + duration, saturating at CLOCK_NEVER. */
int64_t clock_after(int64_t now_ns, int64_t duration_ns);

/* "30s", "1500ms", "2m30s", "1h", "250us", "0s": a number (a fraction is allowed) and a unit
 * (d, h, m, s, ms, us, ns), or several from large to small; no blanks. 0, or SHOAL_E_BAD_INPUT. */
int duration_parse(const char *text, int64_t *out_ns);

#define DURATION_TEXT_MAX 32
/* The shortest form that duration_parse reads back to the same value. Returns out. */
const char *duration_format(int64_t ns, char out[DURATION_TEXT_MAX]);

#define UTC_TEXT_MAX 32
/* "2026-11-20T20:51:35.123Z" */
const char *utc_format(int64_t wall_us, char out[UTC_TEXT_MAX]);

#endif
