#include <stdlib.h>

#include "protocols/taler/amount.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(const struct taler_amount *a)
{
    char text[TALER_AMOUNT_TEXT_MAX];
    uint8_t nbo[TALER_AMOUNT_NBO_SIZE];
    struct taler_amount b, c, sum, back;
    taler_amount_to_nbo(a, nbo);
    if (taler_amount_parse(&b, taler_amount_format(a, text)) || taler_amount_cmp(a, &b) != 0 ||
        taler_amount_from_nbo(&c, nbo) || taler_amount_cmp(a, &c) != 0)
        abort();
    if (taler_amount_add(&sum, a, &b) == 0 &&
        (taler_amount_sub(&back, &sum, a) || taler_amount_cmp(&back, a) != 0))
        abort();
    if (taler_amount_multiply(&c, a, 2) == 0 && taler_amount_cmp(&c, &sum) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256];
    struct taler_amount a;
    if (size >= sizeof(text))
        return 0;
    if (size == TALER_AMOUNT_NBO_SIZE && taler_amount_from_nbo(&a, data) == 0)
        there_and_back(&a);
    memcpy(text, data, size);
    text[size] = '\0';
    if (taler_amount_parse(&a, text) == 0)
        there_and_back(&a);
    return 0;
}
