/* Single values: the JSON of one option, checked, into its field. core/plan's own. */
#ifndef SHOAL_CORE_PLAN_OPTION_VALUE_H
#define SHOAL_CORE_PLAN_OPTION_VALUE_H

#include "core/plan/option.h"

struct option_value {
    struct option_binder *binder;
    const struct option *option;
    const cJSON *json; /* never NULL */
    const char *path;
    void *field;
    cJSON *resolved; /* what the resolved plan says instead of a copy of json; may stay NULL */
};

/* By type; TABLE, LIST and CUSTOM are not among them. Adds an error and returns false when the
 * value cannot be used. */
bool option_value_bind(struct option_value *v);

/* option_distribution.c's part of it. */
bool option_value_distribution(struct option_value *v);

/* "VALUE is not TYPE; HINT", the value never shown for a secret. Returns false. */
bool option_value_wrong(const struct option_value *v, const cJSON *part);

/* Is it within the option's range? Adds an error if not. */
bool option_value_in_range(const struct option_value *v, double number);

/* What a default or an argument of --set says: JSON if it parses, else a string. */
cJSON *option_json_of_text(const char *text);

/* The default as a value; the option has one. */
cJSON *option_default_json(const struct option *o);

/* "EUR:5.01", or "5.01" in whatever currency the target has: 0 or SHOAL_E_BAD_INPUT. Units of 1e-8
 * saturate at UINT64_MAX; digits behind the point as written. */
struct option_amount {
    char currency[DISTRIBUTION_CURRENCY_MAX];
    uint64_t units;
    int digits;
};
int option_amount_parse(const char *text, struct option_amount *out);

/* The text of an amount that is a string, or a number (`--set amount=10` is one); NULL: neither. */
#define OPTION_AMOUNT_TEXT_MAX 32
const char *option_amount_text(const cJSON *json, char out[OPTION_AMOUNT_TEXT_MAX]);

/* "50/s", "3000/min": 0 or SHOAL_E_BAD_INPUT. */
int option_rate_parse(const char *text, double *per_second);
/* "1MiB", "64kB", "512B": 0 or SHOAL_E_BAD_INPUT. */
int option_size_parse(const char *text, int64_t *bytes);

#endif
