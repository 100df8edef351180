/* The stand-in for GNU Taler: a bank (wire gateway) and an exchange below one base URL.
 *
 * Strict where a wallet could be wrong: it verifies every signature and every coin, refuses double
 * spends, and keeps exact books. It speaks any protocol version from 14 to 23, one at a time.
 */
#ifndef SHOAL_SIMULATORS_TALER_STANDIN_H
#define SHOAL_SIMULATORS_TALER_STANDIN_H

#include "core/load/standin.h"

extern const struct standin taler_standin;

#endif
