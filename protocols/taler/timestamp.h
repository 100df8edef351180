/* Points in time and spans. A point is uint64_t seconds since 1970 (fields end in _s), or
 * TALER_NEVER_S; a span is uint64_t microseconds (_us), or TALER_FOREVER_US.
 *
 * JSON {"t_s": 1795203783} or {"t_s": "never"}; {"d_us": 3600000000} or {"d_us": "forever"}. In
 * signed structs a point is u64be microseconds, never is 2^64-1. Reference: section 3. JSON is read
 * and written by the bodies' own functions.
 */
#ifndef SHOAL_PROTOCOLS_TALER_TIMESTAMP_H
#define SHOAL_PROTOCOLS_TALER_TIMESTAMP_H

#include "protocols/taler/types.h"

#define TALER_NEVER_S UINT64_MAX
#define TALER_FOREVER_US UINT64_MAX
/* The largest second a JSON number holds exactly and whose microseconds fit 64 bits. */
#define TALER_TIME_MAX_S (UINT64_C(1) << 43)
#define TALER_TIME_NBO_SIZE 8

/* A point beyond TALER_TIME_MAX_S becomes "never". */
void taler_time_to_nbo(uint64_t t_s, uint8_t out[TALER_TIME_NBO_SIZE]);
/* SHOAL_E_BAD_INPUT when it is not a whole second. */
int taler_time_from_nbo(uint64_t *out_s, const uint8_t in[TALER_TIME_NBO_SIZE]);

/* t + span, TALER_NEVER_S when either is unbounded. Parts of a second are dropped. */
uint64_t taler_time_after(uint64_t t_s, uint64_t span_us);

#endif
