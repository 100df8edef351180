#include "core/util/clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/util/error.h"
#include "core/util/log.h"

struct unit {
    const char *name;
    int64_t ns;
    bool fraction; /* may duration_format write a fraction of it? */
};

/* From large to small, the order in which a duration must name them. */
static const struct unit units[] = {
    {"d", 24 * 3600 * NS_PER_S, false},
    {"h", 3600 * NS_PER_S, false},
    {"m", 60 * NS_PER_S, false},
    {"s", NS_PER_S, true},
    {"ms", NS_PER_MS, true},
    {"us", NS_PER_US, true},
    {"ns", 1, false},
};
#define UNITS (sizeof units / sizeof units[0])

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t))
        die("clock_gettime(%d) failed", (int)id);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return read_clock(CLOCK_REALTIME) / NS_PER_US;
}

int64_t clock_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

int64_t clock_after(int64_t now_ns, int64_t duration_ns)
{
    int64_t sum;
    if (__builtin_add_overflow(now_ns, duration_ns, &sum))
        return duration_ns > 0 ? CLOCK_NEVER : INT64_MIN;
    return sum;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The unit at *text, or UNITS. Letters up to the next digit are the name. */
static size_t parse_unit(const char **text)
{
    size_t len = strcspn(*text, "0123456789.");
    for (size_t i = 0; i < UNITS; i++) {
        if (strlen(units[i].name) == len && memcmp(*text, units[i].name, len) == 0) {
            *text += len;
            return i;
        }
    }
    return UNITS;
}

#define MANTISSA_MAX 19 /* digits: below 2^64, so the product fits 128 bits */

/* One number and its unit. Digits of a fraction below a nanosecond are cut off. */
static int parse_part(const char **text, size_t *unit, int64_t *out_ns)
{
    const char *p = *text;
    uint64_t mantissa = 0, scale = 1;
    int digits = 0;
    if (!is_digit(*p))
        return SHOAL_E_BAD_INPUT;
    for (bool fraction = false; is_digit(*p) || (*p == '.' && !fraction); p++) {
        if (*p == '.') {
            fraction = true;
            if (!is_digit(p[1]))
                return SHOAL_E_BAD_INPUT;
            continue;
        }
        if (++digits > MANTISSA_MAX)
            return SHOAL_E_BAD_INPUT;
        mantissa = mantissa * 10 + (uint64_t)(*p - '0');
        scale = fraction ? scale * 10 : scale;
    }
    *unit = parse_unit(&p);
    if (*unit == UNITS)
        return SHOAL_E_BAD_INPUT;
    unsigned __int128 ns = (unsigned __int128)mantissa * (uint64_t)units[*unit].ns / scale;
    if (ns > INT64_MAX)
        return SHOAL_E_BAD_INPUT;
    *out_ns = (int64_t)ns;
    *text = p;
    return SHOAL_OK;
}

int duration_parse(const char *text, int64_t *out_ns)
{
    int64_t total = 0;
    bool first = true;
    size_t previous = 0;
    do {
        size_t unit;
        int64_t part;
        if (parse_part(&text, &unit, &part) || (!first && unit <= previous) ||
            __builtin_add_overflow(total, part, &total))
            return SHOAL_E_BAD_INPUT;
        previous = unit;
        first = false;
    } while (*text);
    *out_ns = total;
    return SHOAL_OK;
}

/* The value in one unit, in as few digits as are exact; 0 when the unit cannot hold it. */
static int format_in(char *out, uint64_t ns, const struct unit *u)
{
    uint64_t unit_ns = (uint64_t)u->ns;
    uint64_t rest = ns % unit_ns;
    if (rest == 0)
        return snprintf(out, DURATION_TEXT_MAX - 1, "%" PRIu64 "%s", ns / unit_ns, u->name);
    if (!u->fraction)
        return 0;
    int width = 0;
    for (uint64_t n = unit_ns; n > 1; n /= 10)
        width++;
    while (rest % 10 == 0) {
        rest /= 10;
        width--;
    }
    return snprintf(out, DURATION_TEXT_MAX - 1, "%" PRIu64 ".%0*" PRIu64 "%s", ns / unit_ns, width,
                    rest, u->name);
}

const char *duration_format(int64_t ns, char out[DURATION_TEXT_MAX])
{
    uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    char best[DURATION_TEXT_MAX] = "0s";
    int best_len = 0;
    for (size_t i = 0; i < UNITS && magnitude; i++) {
        char text[DURATION_TEXT_MAX];
        int len = format_in(text, magnitude, &units[i]);
        if (len > 0 && (best_len == 0 || len < best_len)) {
            best_len = len;
            memcpy(best, text, (size_t)len + 1);
        }
    }
    snprintf(out, DURATION_TEXT_MAX, "%s%.30s", ns < 0 ? "-" : "", best);
    return out;
}

const char *utc_format(int64_t wall_us, char out[UTC_TEXT_MAX])
{
    int64_t us = wall_us % 1000000;
    time_t seconds = (time_t)(wall_us / 1000000);
    if (us < 0) {
        us += 1000000;
        seconds--;
    }
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) ||
        snprintf(out, UTC_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)(us / 1000)) >= UTC_TEXT_MAX)
        snprintf(out, UTC_TEXT_MAX, "out-of-range");
    return out;
}
