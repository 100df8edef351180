/* Protocol versions 14 to 23: what an exchange of each version wants, as rows of one table.
 *
 * GET /config says "current:revision:age" (libtool's rule): such an exchange serves clients of
 * versions current - age to current. We speak TALER_VERSION_MIN to MAX and use the newest both
 * know. Within 17 several changes came without a number; there the row says TALER_BY_REPLY and the
 * reply's own members decide, and only end points that exist in all of 17 are used. Reference:
 * sections 5 and 6. A later version is one more row in version.c.
 */
#ifndef SHOAL_PROTOCOLS_TALER_VERSION_H
#define SHOAL_PROTOCOLS_TALER_VERSION_H

#include "protocols/taler/sign.h"

#define TALER_VERSION_MIN 14
#define TALER_VERSION_MAX 23
#define TALER_WHY_MAX 256

struct taler_version {
    int current, revision, age;
};

enum taler_variant {
    TALER_OLD,      /* as in 14 */
    TALER_NEW,      /* as in 23 */
    TALER_BY_REPLY, /* either; the reply's members tell */
};

struct taler_protocol {
    int version;
    bool single_withdraw; /* POST /reserves/$PUB/withdraw is certain to exist; batch always is */
    bool single_deposit;  /* POST /coins/$PUB/deposit is certain to exist; batch always is */
    bool wire_endpoint;   /* GET /wire */
    bool wire_in_keys;    /* accounts and wire_fees in GET /keys */
    bool flat_denoms;     /* GET /keys repeats the denominations in denoms[] */
    bool merchant_sig;    /* batch-deposit carries merchant_sig (all zero is accepted) */
    bool last_origin;     /* GET /reserves/$PUB has last_origin */
    enum taler_layout deposit_layout; /* of 1201 */
    enum taler_layout account_layout; /* of 1030 */
    enum taler_variant
        confirm;               /* 1033. OLD: exchange_sigs[], one per coin; NEW: one exchange_sig */
    enum taler_variant keyset; /* 1035. OLD: denominations_sig, XOR; NEW: exchange_sig, SHA-512 */
    enum taler_variant history; /* OLD: conflict replies carry history[]; NEW: they do not */
};

/* "14:0:2". SHOAL_E_BAD_REPLY when it is not three numbers with age <= current. */
int taler_version_parse(struct taler_version *out, const char *text);

/* The row to use with such an exchange; NULL when there is no common version, and then `why` is a
 * sentence that names its version and ours, as is `why` for a text that is no version.
 * `why` may be NULL. */
const struct taler_protocol *taler_protocol_for(const char *version_text, char why[TALER_WHY_MAX]);

/* The row of one version, for the stand-in; NULL outside MIN..MAX. */
const struct taler_protocol *taler_protocol_row(int version);

#endif
