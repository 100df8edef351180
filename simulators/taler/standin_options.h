/* What `shoal serve taler --set key=value` takes. */
#ifndef SHOAL_SIMULATORS_TALER_STANDIN_OPTIONS_H
#define SHOAL_SIMULATORS_TALER_STANDIN_OPTIONS_H

#include "core/plan/option.h"

enum standin_auth { STANDIN_AUTH_NONE, STANDIN_AUTH_BASIC, STANDIN_AUTH_BEARER };

/* How the exchange lies, each in one place, to see whether a wallet notices. The second group
 * spoils the form of one reply, which one says lie_at. */
#define STANDIN_LIES(X)                                                                          \
    X(NONE, "none")                                                                              \
    X(BLIND_SIGNATURE, "bad-blind-signature")               /* one bit of each is wrong */       \
    X(REUSED_BLIND_SIGNATURE, "reused-blind-signature")     /* the denomination's one before */  \
    X(FEWER_BLIND_SIGNATURES, "fewer-blind-signatures")     /* a batch lacks its last */         \
    X(DEPOSIT_SIGNATURE, "bad-deposit-signature")           /* the confirmation's */             \
    X(KEYS_SIGNATURE, "bad-keys-signature")                 /* the one over the set */           \
    X(DENOMINATION_SIGNATURE, "bad-denomination-signature") /* the master's, of the first one */ \
    X(SIGNKEY_SIGNATURE, "bad-signkey-signature")           /* the master's */                   \
    X(WRONG_KEYSET, "wrong-keyset")     /* the set is signed by a key that it does not list */   \
    X(WRONG_BALANCE, "wrong-balance")   /* of a reserve: one more than there is */               \
    X(TRUNCATED_JSON, "truncated-json") /* half a body, rightly framed */                        \
    X(DEEP_JSON, "deep-json")           /* thousands of arrays in one another */                 \
    X(NO_JSON, "no-json")               /* a page of HTML with status 200 */                     \
    X(EMPTY_OBJECT, "empty-object")                                                              \
    X(HUGE_REPLY, "huge-reply") /* 100 MB */                                                     \
    X(SILENCE, "silence")       /* no reply at all */

enum standin_lie {
#define STANDIN_LIE_ENUM(id, name) LIE_##id,
    STANDIN_LIES(STANDIN_LIE_ENUM)
#undef STANDIN_LIE_ENUM
};

#define STANDIN_PLACES(X)   \
    X(WITHDRAW, "withdraw") \
    X(DEPOSIT, "deposit")   \
    X(KEYS, "keys")         \
    X(CONFIG, "config")     \
    X(RESERVE, "reserve")   \
    X(FUND, "fund")         \
    X(WIRE, "wire")

enum standin_place {
#define STANDIN_PLACE_ENUM(id, name) PLACE_##id,
    STANDIN_PLACES(STANDIN_PLACE_ENUM)
#undef STANDIN_PLACE_ENUM
        PLACE_OTHER, /* where no lie is told */
};

struct standin_options {
    int64_t protocol;
    int64_t rsa_bits;
    struct option_strings denominations;
    const char *fee_withdraw, *fee_deposit, *fee_refresh, *fee_refund;
    int64_t keys;
    int64_t wirewatch_ns;
    int bank_auth; /* enum standin_auth */
    const char *bank_user, *bank_secret;
    int lie;    /* enum standin_lie */
    int lie_at; /* enum standin_place */
};

extern const struct option_table standin_option_table;

#endif
