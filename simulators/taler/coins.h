/* What a wallet keeps of its money, and which coins it spends: records of the tables "reserves",
 * "coins" and "history", and the selection. Pure functions.
 *
 * Every record begins with the time it was made (u64be microseconds since 1970), as purges by age
 * want. Reserves are keyed by the iteration that made them, coins by that and their number in it,
 * payments by iteration and number, so keys are in order of age. Amounts are without currency: a
 * wallet has one.
 */
#ifndef SHOAL_SIMULATORS_TALER_COINS_H
#define SHOAL_SIMULATORS_TALER_COINS_H

#include "protocols/taler/keys.h"

#define RESERVE_KEY_SIZE 8
#define COIN_KEY_SIZE 10
#define PAYMENT_KEY_SIZE 10
#define AMOUNT_RECORD_SIZE 12 /* value u64be | fraction u32be */

struct reserve {
    uint64_t iteration; /* of the wallet, that made it */
    uint64_t created_us;
    struct taler_key key;
    struct taler_amount balance;
};
#define RESERVE_RECORD_SIZE (8 + TALER_SEED_SIZE + AMOUNT_RECORD_SIZE)

struct coin {
    uint8_t key[COIN_KEY_SIZE];
    uint64_t created_us;
    struct taler_hash h_denom;
    const struct taler_denom *denom; /* NULL: not in the key set (any more) */
    struct taler_amount left;
    struct taler_key
        pair;         /* the public key is kept too: making it again costs as much as signing */
    struct slice sig; /* unblinded; the denomination's signature over the coin */
};
#define COIN_HEAD_SIZE (8 + TALER_HASH_SIZE + AMOUNT_RECORD_SIZE + TALER_SEED_SIZE + TALER_PUB_SIZE)
#define COIN_RECORD_MAX (COIN_HEAD_SIZE + TALER_RSA_SIZE_MAX)

/* One payment, for the record. The coins it took follow the head, COIN_KEY_SIZE bytes each. */
struct payment {
    uint64_t created_us;
    uint32_t merchant;
    struct taler_amount amount; /* contributions of all coins */
    struct taler_hash h_contract;
};
#define PAYMENT_RECORD_SIZE (8 + 4 + AMOUNT_RECORD_SIZE + TALER_HASH_SIZE)

void amount_record(uint8_t out[AMOUNT_RECORD_SIZE], const struct taler_amount *a);
/* SHOAL_E_CORRUPT when it is no amount. */
int amount_from_record(struct taler_amount *out, const uint8_t in[AMOUNT_RECORD_SIZE],
                       const char *currency) TALER_CHECKED;

void reserve_key(uint8_t out[RESERVE_KEY_SIZE], uint64_t iteration);
void reserve_record(uint8_t out[RESERVE_RECORD_SIZE], const struct reserve *r);
/* SHOAL_E_CORRUPT. Leaves the public key out: taler_key_from_seed is for who needs it. */
int reserve_from_record(struct reserve *out, struct slice key, struct slice value,
                        const char *currency) TALER_CHECKED;

void coin_key(uint8_t out[COIN_KEY_SIZE], uint64_t iteration, uint16_t number);
size_t coin_record(uint8_t out[COIN_RECORD_MAX], const struct coin *c);
/* SHOAL_E_CORRUPT. c->sig points into `value`; c->denom is NULL. */
int coin_from_record(struct coin *out, struct slice key, struct slice value,
                     const char *currency) TALER_CHECKED;

void payment_record(uint8_t out[PAYMENT_RECORD_SIZE], const struct payment *p);

/* Which coins pay `amount`. Contributions are with the deposit fee, as on the wire, and never below
 * it. One coin that is large enough is best, the smallest of those (so an exact one first, and the
 * one that expires first among equals); else the largest coins together. SHOAL_E_NOT_FOUND when
 * nothing covers it, SHOAL_E_LIMIT when it would take more than `max` coins. */
struct coin_pick {
    struct coin *coin;
    struct taler_amount contribution;
};
int coins_select(struct coin coins[], size_t count, const struct taler_amount *amount,
                 uint64_t now_s, struct coin_pick picks[], size_t max, size_t *picked);

#endif
