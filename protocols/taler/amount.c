#include "protocols/taler/amount.h"

#define FRACTION_DIGITS 8

/* Every amount this module makes leaves through here. */
static int finish(struct taler_amount *out, const struct taler_amount *made)
{
    if (made->value > TALER_AMOUNT_VALUE_MAX)
        return SHOAL_E_LIMIT;
    *out = *made;
    return 0;
}

/* The length of a currency at the start of `text`, 0 when there is none. */
static size_t currency_len(const char *text, size_t max)
{
    size_t n = 0;
    while (n < max && text[n] >= 'A' && text[n] <= 'Z')
        n++;
    return n < TALER_CURRENCY_MAX ? n : 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int taler_amount_parse(struct taler_amount *out, const char *text)
{
    struct taler_amount made = {0};
    size_t n = text ? currency_len(text, TALER_CURRENCY_MAX) : 0;
    if (n == 0 || text[n] != ':')
        return SHOAL_E_BAD_INPUT;
    memcpy(made.currency, text, n);

    const char *p = text + n + 1;
    if (!is_digit(*p))
        return SHOAL_E_BAD_INPUT;
    for (; is_digit(*p); p++) {
        made.value = made.value * 10 + (uint64_t)(*p - '0');
        if (made.value > TALER_AMOUNT_VALUE_MAX)
            return SHOAL_E_LIMIT;
    }
    if (*p == '.') {
        uint32_t unit = TALER_FRACTION_BASE / 10;
        p++;
        if (!is_digit(*p))
            return SHOAL_E_BAD_INPUT;
        for (; is_digit(*p) && unit > 0; p++, unit /= 10)
            made.fraction += unit * (uint32_t)(*p - '0');
    }
    if (*p != '\0')
        return SHOAL_E_BAD_INPUT;
    return finish(out, &made);
}

const char *taler_amount_format(const struct taler_amount *a, char out[TALER_AMOUNT_TEXT_MAX])
{
    /* By hand: this is written several times per request, and printf is deep in stack. */
    char digits[20];
    size_t n = 0, len = strnlen(a->currency, TALER_CURRENCY_MAX - 1);
    memcpy(out, a->currency, len);
    out[len++] = ':';
    uint64_t value = a->value;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (n > 0)
        out[len++] = digits[--n];
    if (a->fraction > 0) {
        char parts[FRACTION_DIGITS];
        uint32_t rest = a->fraction;
        for (n = FRACTION_DIGITS; n > 0; rest /= 10)
            parts[--n] = (char)('0' + rest % 10);
        for (n = FRACTION_DIGITS; parts[n - 1] == '0' && n > 1;)
            n--;
        out[len++] = '.';
        memcpy(out + len, parts, n);
        len += n;
    }
    out[len] = '\0';
    return out;
}

void taler_amount_to_nbo(const struct taler_amount *a, uint8_t out[TALER_AMOUNT_NBO_SIZE])
{
    put_u64be(out, a->value);
    put_u32be(out + 8, a->fraction);
    size_t len = strnlen(a->currency, TALER_CURRENCY_MAX);
    memset(out + 12, 0, TALER_CURRENCY_MAX);
    memcpy(out + 12, a->currency, len);
}

int taler_amount_from_nbo(struct taler_amount *out, const uint8_t in[TALER_AMOUNT_NBO_SIZE])
{
    struct taler_amount made = {.value = get_u64be(in), .fraction = get_u32be(in + 8)};
    const char *currency = (const char *)in + 12;
    size_t n = currency_len(currency, TALER_CURRENCY_MAX);
    if (n == 0 || made.fraction >= TALER_FRACTION_BASE)
        return SHOAL_E_BAD_INPUT;
    for (size_t i = n; i < TALER_CURRENCY_MAX; i++)
        if (currency[i] != '\0')
            return SHOAL_E_BAD_INPUT;
    memcpy(made.currency, currency, n);
    return finish(out, &made);
}

int taler_amount_zero(struct taler_amount *out, const char *currency)
{
    return taler_amount_from_units(out, currency, 0);
}

int taler_amount_from_units(struct taler_amount *out, const char *currency, uint64_t units)
{
    struct taler_amount made = {.value = units / TALER_FRACTION_BASE,
                                .fraction = (uint32_t)(units % TALER_FRACTION_BASE)};
    size_t n = currency ? currency_len(currency, TALER_CURRENCY_MAX) : 0;
    if (n == 0 || currency[n] != '\0')
        return SHOAL_E_BAD_INPUT;
    memcpy(made.currency, currency, n);
    return finish(out, &made);
}

int taler_amount_to_units(const struct taler_amount *a, uint64_t *out)
{
    if (a->value > (UINT64_MAX - a->fraction) / TALER_FRACTION_BASE)
        return SHOAL_E_LIMIT;
    *out = a->value * TALER_FRACTION_BASE + a->fraction;
    return 0;
}

bool taler_amount_same_currency(const struct taler_amount *a, const struct taler_amount *b)
{
    return memcmp(a->currency, b->currency, TALER_CURRENCY_MAX) == 0;
}

int taler_amount_add(struct taler_amount *out, const struct taler_amount *a,
                     const struct taler_amount *b)
{
    if (!taler_amount_same_currency(a, b))
        return SHOAL_E_BAD_INPUT;
    struct taler_amount made = *a;
    made.fraction += b->fraction;
    made.value += b->value + made.fraction / TALER_FRACTION_BASE;
    made.fraction %= TALER_FRACTION_BASE;
    return finish(out, &made);
}

int taler_amount_sub(struct taler_amount *out, const struct taler_amount *a,
                     const struct taler_amount *b)
{
    if (!taler_amount_same_currency(a, b))
        return SHOAL_E_BAD_INPUT;
    if (taler_amount_cmp(a, b) < 0)
        return SHOAL_E_LIMIT;
    struct taler_amount made = *a;
    if (made.fraction < b->fraction) {
        made.fraction += TALER_FRACTION_BASE;
        made.value--;
    }
    made.fraction -= b->fraction;
    made.value -= b->value;
    return finish(out, &made);
}

int taler_amount_multiply(struct taler_amount *out, const struct taler_amount *a, uint32_t times)
{
    /* The parts of 1e-8 cannot overflow: below 2^27 * 2^32; the whole ones can. */
    uint64_t parts = (uint64_t)a->fraction * times;
    uint64_t whole;
    struct taler_amount made = *a;
    if (__builtin_mul_overflow(a->value, (uint64_t)times, &whole))
        return SHOAL_E_LIMIT;
    if (__builtin_add_overflow(whole, parts / TALER_FRACTION_BASE, &made.value))
        return SHOAL_E_LIMIT;
    made.fraction = (uint32_t)(parts % TALER_FRACTION_BASE);
    return finish(out, &made);
}

bool taler_amount_is_zero(const struct taler_amount *a)
{
    return a->value == 0 && a->fraction == 0;
}

int taler_amount_cmp(const struct taler_amount *a, const struct taler_amount *b)
{
    assert(taler_amount_same_currency(a, b));
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    if (a->fraction != b->fraction)
        return a->fraction < b->fraction ? -1 : 1;
    return 0;
}
