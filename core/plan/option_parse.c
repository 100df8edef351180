/* The texts that values are written in. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/plan/option_value.h"
#include "core/util/error.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

cJSON *option_json_of_text(const char *text)
{
    cJSON *json;
    if (json_parse(&json, slice_str(text), NULL) == SHOAL_OK)
        return json;
    return cJSON_CreateString(text);
}

#define AMOUNT_VALUE_MAX (UINT64_C(1) << 52)

static int parse_amount_value(const char *p, struct option_amount *out)
{
    uint64_t value = 0, fraction = 0, weight = DISTRIBUTION_AMOUNT_BASE;
    if (!is_digit(*p))
        return SHOAL_E_BAD_INPUT;
    for (; is_digit(*p); p++) {
        value = value * 10 + (uint64_t)(*p - '0');
        if (value > AMOUNT_VALUE_MAX)
            return SHOAL_E_BAD_INPUT;
    }
    if (*p == '.' && !is_digit(*++p))
        return SHOAL_E_BAD_INPUT;
    for (; is_digit(*p); p++) {
        if (++out->digits > 8)
            return SHOAL_E_BAD_INPUT;
        weight /= 10;
        fraction += weight * (uint64_t)(*p - '0');
    }
    if (*p)
        return SHOAL_E_BAD_INPUT;
    if (__builtin_mul_overflow(value, (uint64_t)DISTRIBUTION_AMOUNT_BASE, &out->units) ||
        __builtin_add_overflow(out->units, fraction, &out->units))
        out->units = UINT64_MAX;
    return SHOAL_OK;
}

int option_amount_parse(const char *text, struct option_amount *out)
{
    struct option_amount amount = {0};
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (len >= sizeof amount.currency || (len > 0 && text[len] != ':'))
        return SHOAL_E_BAD_INPUT;
    memcpy(amount.currency, text, len);
    int error = parse_amount_value(text + len + (len > 0), &amount);
    if (!error)
        *out = amount;
    return error;
}

const char *option_amount_text(const cJSON *json, char out[OPTION_AMOUNT_TEXT_MAX])
{
    if (cJSON_IsString(json))
        return json->valuestring;
    if (!cJSON_IsNumber(json) || !(json->valuedouble >= 0) || json->valuedouble > 1e8)
        return NULL;
    int len = snprintf(out, OPTION_AMOUNT_TEXT_MAX, "%.8f", json->valuedouble);
    while (len > 0 && out[len - 1] == '0')
        out[--len] = '\0';
    if (len > 0 && out[len - 1] == '.')
        out[len - 1] = '\0';
    return out;
}

#define DECIMAL_MAX 40 /* characters of a number in a text */

/* A plain decimal number at the start of a text: no sign, no exponent, no "inf". */
static bool parse_decimal(const char **text, double *out)
{
    const char *p = *text;
    size_t whole = strspn(p, "0123456789");
    size_t len = whole;
    if (p[whole] == '.')
        len = whole + 1 + strspn(p + whole + 1, "0123456789");
    if (whole == 0 || p[len - 1] == '.' || len > DECIMAL_MAX)
        return false;
    *out = strtod(p, NULL);
    *text = p + len;
    return true;
}

struct unit {
    const char *name;
    double factor;
};

static bool find_unit(const struct unit *units, size_t count, const char *name, double *factor)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(units[i].name, name) == 0) {
            *factor = units[i].factor;
            return true;
        }
    }
    return false;
}

int option_rate_parse(const char *text, double *per_second)
{
    static const struct unit units[] = {
        {"/s", 1}, {"/m", 60}, {"/min", 60}, {"/h", 3600}, {"/d", 86400},
    };
    double number, seconds;
    if (!parse_decimal(&text, &number) ||
        !find_unit(units, sizeof units / sizeof units[0], text, &seconds))
        return SHOAL_E_BAD_INPUT;
    *per_second = number / seconds;
    return SHOAL_OK;
}

int option_size_parse(const char *text, int64_t *bytes)
{
    static const struct unit units[] = {
        {"B", 1},        {"kB", 1e3},     {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12},
        {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40},
    };
    double number, factor;
    if (!parse_decimal(&text, &number) ||
        !find_unit(units, sizeof units / sizeof units[0], text, &factor))
        return SHOAL_E_BAD_INPUT;
    double product = number * factor;
    if (product != floor(product) || product > 0x1p53)
        return SHOAL_E_BAD_INPUT;
    *bytes = (int64_t)product;
    return SHOAL_OK;
}
