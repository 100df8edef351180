/* Amounts of money: exact, one currency each, in units of 1e-8.
 *
 * JSON "EUR:5.01" (up to 8 digits behind the point, value at most 2^52); in signed structs 24
 * bytes: value u64be | fraction u32be | currency, zero-padded to 12. Currency is [A-Z]{1,11}.
 * Reference: section 3; exchange src/include/taler_amount_lib.h, src/util/amount.c.
 *
 * An amount is valid or was never made: every function that makes one checks it, and on failure
 * leaves *out alone. `out` may be one of the operands.
 */
#ifndef SHOAL_PROTOCOLS_TALER_AMOUNT_H
#define SHOAL_PROTOCOLS_TALER_AMOUNT_H

#include "protocols/taler/types.h"

#define TALER_CURRENCY_MAX 12 /* with the NUL */
#define TALER_FRACTION_BASE 100000000u
#define TALER_AMOUNT_VALUE_MAX (UINT64_C(1) << 52)
#define TALER_AMOUNT_NBO_SIZE 24
#define TALER_AMOUNT_TEXT_MAX 48

struct taler_amount {
    uint64_t value;
    uint32_t fraction; /* below TALER_FRACTION_BASE */
    char currency[TALER_CURRENCY_MAX];
};

/* "EUR:5.01". 0, or SHOAL_E_BAD_INPUT (form), SHOAL_E_LIMIT (value too large). */
int taler_amount_parse(struct taler_amount *out, const char *text);
/* The shortest form, as upstream writes it ("EUR:5", "EUR:0.1"). Returns out. */
const char *taler_amount_format(const struct taler_amount *a, char out[TALER_AMOUNT_TEXT_MAX]);

void taler_amount_to_nbo(const struct taler_amount *a, uint8_t out[TALER_AMOUNT_NBO_SIZE]);
int taler_amount_from_nbo(struct taler_amount *out, const uint8_t in[TALER_AMOUNT_NBO_SIZE]);

/* Nothing, in a currency. SHOAL_E_BAD_INPUT when that is no currency. */
int taler_amount_zero(struct taler_amount *out, const char *currency);

/* In units of 1e-8, for drawing amounts at random. SHOAL_E_LIMIT beyond 64 bits. */
int taler_amount_from_units(struct taler_amount *out, const char *currency, uint64_t units);
int taler_amount_to_units(const struct taler_amount *a, uint64_t *out);

/* SHOAL_E_BAD_INPUT: different currencies. SHOAL_E_LIMIT: above the largest amount, or below 0. */
int taler_amount_add(struct taler_amount *out, const struct taler_amount *a,
                     const struct taler_amount *b) TALER_CHECKED;
int taler_amount_sub(struct taler_amount *out, const struct taler_amount *a,
                     const struct taler_amount *b) TALER_CHECKED;
int taler_amount_multiply(struct taler_amount *out, const struct taler_amount *a,
                          uint32_t times) TALER_CHECKED;

bool taler_amount_is_zero(const struct taler_amount *a);
bool taler_amount_same_currency(const struct taler_amount *a, const struct taler_amount *b);
/* -1, 0, 1. Comparing two currencies is a mistake of ours and aborts. */
int taler_amount_cmp(const struct taler_amount *a, const struct taler_amount *b);

#endif
