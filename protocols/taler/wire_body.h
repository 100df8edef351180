/* The parts of /wire that /keys has too; internal to protocols/taler. */
#ifndef SHOAL_PROTOCOLS_TALER_WIRE_BODY_H
#define SHOAL_PROTOCOLS_TALER_WIRE_BODY_H

#include "protocols/taler/body.h"
#include "protocols/taler/wire.h"

/* Methods' names are written as they are: they are [a-z0-9-]. */
void put_accounts(struct buf *out, const struct taler_wire *w, bool with_restrictions);
void put_wire_fees(struct buf *out, const char *member, const struct taler_wire *w);
void read_accounts(struct body *b, struct taler_wire *w);
void read_wire_fees(struct body *b, const char *member, struct taler_wire *w);

#endif
