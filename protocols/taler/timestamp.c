#include "protocols/taler/timestamp.h"

#define US_PER_S 1000000u

void taler_time_to_nbo(uint64_t t_s, uint8_t out[TALER_TIME_NBO_SIZE])
{
    put_u64be(out, t_s > TALER_TIME_MAX_S ? UINT64_MAX : t_s * US_PER_S);
}

int taler_time_from_nbo(uint64_t *out_s, const uint8_t in[TALER_TIME_NBO_SIZE])
{
    uint64_t us = get_u64be(in);
    if (us == UINT64_MAX) {
        *out_s = TALER_NEVER_S;
        return 0;
    }
    if (us % US_PER_S != 0 || us / US_PER_S > TALER_TIME_MAX_S)
        return SHOAL_E_BAD_INPUT;
    *out_s = us / US_PER_S;
    return 0;
}

uint64_t taler_time_after(uint64_t t_s, uint64_t span_us)
{
    if (t_s > TALER_TIME_MAX_S || span_us == TALER_FOREVER_US)
        return TALER_NEVER_S;
    uint64_t sum_s = t_s + span_us / US_PER_S;
    return sum_s > TALER_TIME_MAX_S ? TALER_NEVER_S : sum_s;
}
