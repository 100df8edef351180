/* The exchange's keys: master, signing and denomination keys, made at start or kept in a folder,
 * and the body of GET /keys they are published with.
 *
 * The body is read back as a wallet reads it, so what is served is known to verify, and the key set
 * that comes out is what deposits are checked with.
 */
#ifndef SHOAL_SIMULATORS_TALER_STANDIN_KEYS_H
#define SHOAL_SIMULATORS_TALER_STANDIN_KEYS_H

#include "protocols/taler/keys.h"
#include "protocols/taler/rsa_private.h"
#include "simulators/taler/standin_options.h"

struct standin_keys {
    struct taler_key master, signkey;
    char currency[TALER_CURRENCY_MAX];
    uint64_t created_s;
    struct taler_rsa_private **rsa; /* as they were made */
    size_t rsa_count;
    struct taler_keyset *set;
    const struct taler_rsa_private **by_denom; /* the private key of set->denoms[i] */
    struct taler_wire wire;                    /* accounts and wire fees */
    struct buf body;                           /* of GET /keys */
    char etag[24];                             /* with its quotes */
};

struct standin_keys_source {
    const struct standin_options *options;
    const struct taler_protocol *protocol;
    const char *folder; /* NULL: keys are made anew */
    const char *base_url;
    uint64_t now_s;
};

/* 0; SHOAL_E_BAD_INPUT (denominations or fees that cannot be), or another code; *why (static text)
 * says what. */
int standin_keys_open(struct standin_keys *k, const struct standin_keys_source *source,
                      const char **why);
void standin_keys_close(struct standin_keys *k);

/* Index in set->denoms; SIZE_MAX: unknown. */
size_t standin_keys_find(const struct standin_keys *k, const struct taler_hash *h_denom);

/* Changes the body as the lie says; does nothing for a lie told elsewhere. */
int standin_keys_lie(struct standin_keys *k, const struct standin_keys_source *source,
                     enum standin_lie lie);

#endif
