#include "protocols/taler/version.h"

#include <stdio.h>

/* What changed is told by the first row that has it; section 6 of the protocol's change log:
 * 15 restrictions enter the account's signature; 16 wire data also in /keys; 17 /wire gone, wallet
 * data in 1201, then without a number: single deposit and withdraw gone, histories gone from error
 * replies, key set signed over master_sigs, one confirmation per batch; 22 merchant_sig; 23
 * last_origin. */
#define ROW(number)                                                                               \
    {                                                                                             \
        .version = (number), .single_withdraw = (number) <= 16, .single_deposit = (number) <= 16, \
        .wire_endpoint = (number) <= 16, .wire_in_keys = (number) >= 16,                          \
        .flat_denoms = (number) <= 16, .merchant_sig = (number) >= 22,                            \
        .last_origin = (number) >= 23,                                                            \
        .deposit_layout = (number) <= 16 ? TALER_DEPOSIT_V14 : TALER_DEPOSIT_V17,                 \
        .account_layout = (number) <= 14 ? TALER_ACCOUNT_V14 : TALER_ACCOUNT_V15,                 \
        .confirm = CHANGED_WITHIN_17(number), .keyset = CHANGED_WITHIN_17(number),                \
        .history = CHANGED_WITHIN_17(number),                                                     \
    }
#define CHANGED_WITHIN_17(number) \
    ((number) < 17 ? TALER_OLD : (number) == 17 ? TALER_BY_REPLY : TALER_NEW)

static const struct taler_protocol protocols[] = {
    ROW(14), ROW(15), ROW(16), ROW(17), ROW(18), ROW(19), ROW(20), ROW(21), ROW(22), ROW(23),
};
static_assert(sizeof(protocols) / sizeof(protocols[0]) == TALER_VERSION_MAX - TALER_VERSION_MIN + 1,
              "one row for each version");

/* Up to 6 digits; advances *text. */
static bool parse_number(const char **text, int *out)
{
    int n = 0, digits = 0;
    for (; **text >= '0' && **text <= '9' && digits < 6; (*text)++, digits++)
        n = n * 10 + (**text - '0');
    *out = n;
    return digits > 0;
}

int taler_version_parse(struct taler_version *out, const char *text)
{
    struct taler_version v;
    const char *p = text;
    if (!p || !parse_number(&p, &v.current) || *p++ != ':' || !parse_number(&p, &v.revision) ||
        *p++ != ':' || !parse_number(&p, &v.age) || *p != '\0' || v.age > v.current)
        return SHOAL_E_BAD_REPLY;
    *out = v;
    return 0;
}

const struct taler_protocol *taler_protocol_for(const char *version_text, char why[TALER_WHY_MAX])
{
    struct taler_version v;
    char ignored[TALER_WHY_MAX];
    if (!why)
        why = ignored;
    why[0] = '\0';
    if (taler_version_parse(&v, version_text)) {
        snprintf(why, TALER_WHY_MAX,
                 "the exchange names \"%.40s\" as its protocol version, which is not of the form "
                 "current:revision:age",
                 version_text ? version_text : "");
        return NULL;
    }
    if (v.current < TALER_VERSION_MIN || v.current - v.age > TALER_VERSION_MAX) {
        snprintf(why, TALER_WHY_MAX,
                 "the exchange speaks protocol %s (versions %d to %d), which is %s than ours "
                 "(versions %d to %d)",
                 version_text, v.current - v.age, v.current,
                 v.current < TALER_VERSION_MIN ? "older" : "newer", TALER_VERSION_MIN,
                 TALER_VERSION_MAX);
        return NULL;
    }
    return taler_protocol_row(v.current < TALER_VERSION_MAX ? v.current : TALER_VERSION_MAX);
}

const struct taler_protocol *taler_protocol_row(int version)
{
    if (version < TALER_VERSION_MIN || version > TALER_VERSION_MAX)
        return NULL;
    return &protocols[version - TALER_VERSION_MIN];
}
