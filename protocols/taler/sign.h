/* Ed25519 over Taler's signed structs: size u32be | purpose u32be | body, all packed.
 *
 * Each row of TALER_STATEMENTS is one layout: its purpose number, the whole struct's size and the
 * protocol versions that use it. A statement names its layout and fills the member of that layout's
 * kind; the two layouts of a deposit (1201) and of a confirmation (1033) share one member, so a
 * flow fills it once and takes the layout from the protocol's row (version.h). Reference: section
 * 4; exchange src/util/{wallet,exchange,offline}_signatures.c.
 */
#ifndef SHOAL_PROTOCOLS_TALER_SIGN_H
#define SHOAL_PROTOCOLS_TALER_SIGN_H

#include "protocols/taler/amount.h"
#include "protocols/taler/timestamp.h"

/*    layout        purpose size first last version   signed by */
#define TALER_STATEMENTS(X)                                                           \
    X(WITHDRAW, 1200, 160, 14, 23)    /* reserve */                                   \
    X(DEPOSIT_V14, 1201, 392, 14, 16) /* coin */                                      \
    X(DEPOSIT_V17, 1201, 456, 17, 23) /* coin */                                      \
    X(CONFIRM_V14, 1033, 312, 14, 17) /* exchange, once per coin */                   \
    X(CONFIRM_V17, 1033, 344, 17, 23) /* exchange, once per batch; began within 17 */ \
    X(KEYSET, 1035, 80, 14, 23)       /* exchange */                                  \
    X(DENOM, 1025, 256, 14, 23)       /* master */                                    \
    X(SIGNKEY, 1024, 64, 14, 23)      /* master */                                    \
    X(WIRE_FEE, 1028, 136, 14, 23)    /* master */                                    \
    X(ACCOUNT_V14, 1030, 40, 14, 14)  /* master */                                    \
    X(ACCOUNT_V15, 1030, 232, 15, 23) /* master */

enum taler_layout {
#define TALER_LAYOUT_ENUM(id, purpose, size, first, last) TALER_##id,
    TALER_STATEMENTS(TALER_LAYOUT_ENUM)
#undef TALER_LAYOUT_ENUM
        TALER_LAYOUTS
};
#define TALER_STATEMENT_SIZE_MAX 456

struct taler_statement {
    enum taler_layout layout;
    union {
        struct {
            struct taler_amount amount_with_fee; /* value + fee_withdraw */
            struct taler_hash h_denom, h_envelope;
        } withdraw;
        struct {
            struct taler_hash h_contract, h_policy, h_wire, h_denom;
            struct taler_short_hash h_age; /* zero: none */
            uint64_t timestamp_s, refund_deadline_s;
            struct taler_amount amount_with_fee, deposit_fee;
            struct taler_pub merchant;
            struct taler_hash wallet_data_hash; /* V17 only; zero: none */
        } deposit;
        struct {
            struct taler_hash h_contract, h_wire, h_policy;
            uint64_t timestamp_s, wire_deadline_s, refund_deadline_s;
            struct taler_amount without_fee; /* V14: of the coin; V17: of all coins */
            struct taler_pub coin;           /* V14 only */
            struct taler_hash h_coin_sigs;   /* V17 only */
            struct taler_pub merchant;
        } confirm;
        struct {
            uint64_t list_issue_s;
            struct taler_hash hash; /* see keys.h: one of two kinds */
        } keyset;
        struct {
            struct taler_pub master;
            uint64_t start_s, expire_withdraw_s, expire_deposit_s, expire_legal_s;
            struct taler_amount value, fee_withdraw, fee_deposit, fee_refresh, fee_refund;
            struct taler_hash h_denom;
        } denom;
        struct {
            uint64_t start_s, expire_s, end_s;
            struct taler_pub key;
        } signkey;
        struct {
            struct taler_hash h_method; /* SHA-512 of the method with its NUL */
            uint64_t start_s, end_s;
            struct taler_amount wire_fee, closing_fee;
        } wire_fee;
        struct {
            struct taler_short_hash h_payto;
            struct taler_hash h_conversion, h_credit, h_debit; /* V15 only */
        } account;
    };
};

struct taler_layout_row {
    const char *name;
    uint32_t purpose, size;
    int first_version, last_version;
};
const struct taler_layout_row *taler_layout_row(enum taler_layout layout);

/* The bytes that are signed; returns their number, the row's size. */
size_t taler_statement_pack(uint8_t out[TALER_STATEMENT_SIZE_MAX], const struct taler_statement *s);

/* Fills key->pub from key->seed. */
void taler_key_from_seed(struct taler_key *key, const uint8_t seed[TALER_SEED_SIZE]);

void taler_sign(struct taler_sig *out, const struct taler_key *key,
                const struct taler_statement *s);
bool taler_verify(const struct taler_sig *sig, const struct taler_pub *signer,
                  const struct taler_statement *s) TALER_CHECKED;

/* Ed25519 over bytes that carry their own header. */
void taler_sign_bytes(struct taler_sig *out, const struct taler_key *key, struct slice message);
bool taler_verify_bytes(const struct taler_sig *sig, const struct taler_pub *signer,
                        struct slice message) TALER_CHECKED;

#endif
