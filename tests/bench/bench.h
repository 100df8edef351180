/* How a benchmark says what it measured: lines for people, or one JSON object that run.py reads. */
#ifndef SHOAL_TESTS_BENCH_BENCH_H
#define SHOAL_TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct bench_row {
    const char *name, *unit;
    double value, limit;   /* no more than this; 0: none */
    const char *yardstick; /* what the value is to be held against; NULL: nothing */
};

/* `--json` as the only argument; false also when there is none. */
static inline bool bench_json(int argc, char **argv)
{
    return argc == 2 && strcmp(argv[1], "--json") == 0;
}

static inline void bench_print_row(const struct bench_row *r, bool json)
{
    char limit[32] = "null";
    if (r->limit > 0)
        (void)snprintf(limit, sizeof limit, "%g", r->limit);
    if (!json) {
        printf("%-48s %12.3f %-5s %s\n", r->name, r->value, r->unit,
               r->yardstick ? r->yardstick : "");
        return;
    }
    printf("{\"name\": \"%s\", \"value\": %.4f, \"unit\": \"%s\", \"limit\": %s, \"yardstick\": ",
           r->name, r->value, r->unit, limit);
    if (r->yardstick)
        printf("\"%s\"}", r->yardstick);
    else
        printf("null}");
}

static inline void bench_print(const char *bench, const struct bench_row *rows, size_t count,
                               bool json)
{
    if (json)
        printf("{\"bench\": \"%s\", \"rows\": [", bench);
    for (size_t i = 0; i < count; i++) {
        if (json && i)
            printf(", ");
        bench_print_row(&rows[i], json);
    }
    if (json)
        printf("]}\n");
}

#endif
