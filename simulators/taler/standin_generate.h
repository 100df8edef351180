/* Many RSA keys at once: prime search takes 50 to 300 ms each, so the stand-in spreads it over
 * threads before it starts to serve. Here and not in protocols/taler, which starts no threads. */
#ifndef SHOAL_SIMULATORS_TALER_STANDIN_GENERATE_H
#define SHOAL_SIMULATORS_TALER_STANDIN_GENERATE_H

#include "protocols/taler/rsa_private.h"

/* `count` keys into keys[], made by `threads` threads (0: one), all ended when it returns.
 * 0, or SHOAL_E_INTERNAL with none made. */
int taler_rsa_private_generate_many(struct taler_rsa_private *keys[], size_t count, unsigned bits,
                                    unsigned threads);

#endif
