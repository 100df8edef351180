/* What a deposit's coins sign, and what the exchange signs in return. */
#include "protocols/taler/deposit.h"
#include "protocols/taler/hash.h"

void taler_deposit_statement(struct taler_statement *out, enum taler_layout layout,
                             const struct taler_deposit_terms *terms,
                             const struct taler_hash *h_wire, const struct taler_deposit_coin *coin,
                             const struct taler_amount *deposit_fee)
{
    *out = (struct taler_statement){
        .layout = layout,
        .deposit = {.h_contract = terms->h_contract,
                    .h_wire = *h_wire,
                    .h_denom = coin->h_denom,
                    .timestamp_s = terms->timestamp_s,
                    .refund_deadline_s = terms->refund_deadline_s,
                    .amount_with_fee = coin->contribution,
                    .deposit_fee = *deposit_fee,
                    .merchant = terms->merchant},
    };
    if (coin->has_age)
        out->deposit.h_age = coin->h_age;
    if (terms->has_wallet_data_hash)
        out->deposit.wallet_data_hash = terms->wallet_data_hash;
}

/* What both layouts of a confirmation share. */
static void fill_common(struct taler_statement *s, enum taler_layout layout,
                        const struct taler_deposit_facts *facts, uint64_t timestamp_s)
{
    *s = (struct taler_statement){
        .layout = layout,
        .confirm = {.h_contract = facts->terms->h_contract,
                    .h_wire = *facts->h_wire,
                    .timestamp_s = timestamp_s,
                    .wire_deadline_s = facts->terms->wire_deadline_s,
                    .refund_deadline_s = facts->terms->refund_deadline_s,
                    .merchant = facts->terms->merchant},
    };
}

static int fill_coin(struct taler_statement *s, const struct taler_deposit_facts *facts, size_t i)
{
    s->confirm.coin = facts->coins[i].coin;
    return taler_amount_sub(&s->confirm.without_fee, &facts->coins[i].contribution,
                            &facts->fees[i]);
}

static int fill_total(struct taler_statement *s, const struct taler_deposit_facts *facts)
{
    struct slice sigs[TALER_BATCH_MAX]; /* not copies: those would be 16 KiB of stack */
    struct taler_amount total, one;
    int error = taler_amount_zero(&total, facts->fees[0].currency);
    for (size_t i = 0; i < facts->count && error == 0; i++) {
        sigs[i] = slice_of(facts->coins[i].coin_sig.bytes, TALER_SIG_SIZE);
        error = taler_amount_sub(&one, &facts->coins[i].contribution, &facts->fees[i]);
        if (error == 0)
            error = taler_amount_add(&total, &total, &one);
    }
    s->confirm.without_fee = total;
    if (error == 0)
        taler_sha512(&s->confirm.h_coin_sigs, sigs, facts->count);
    return error;
}

/* The i-th statement of a reply of this kind. */
static int fill(struct taler_statement *s, enum taler_variant kind,
                const struct taler_deposit_facts *facts, size_t i, uint64_t timestamp_s)
{
    bool per_coin = kind == TALER_OLD;
    fill_common(s, per_coin ? TALER_CONFIRM_V14 : TALER_CONFIRM_V17, facts, timestamp_s);
    return per_coin ? fill_coin(s, facts, i) : fill_total(s, facts);
}

int taler_deposit_confirm(struct taler_deposit_reply *reply, const struct taler_key *exchange,
                          const struct taler_deposit_facts *facts)
{
    struct taler_statement s;
    if (facts->count == 0 || facts->count > TALER_BATCH_MAX)
        return SHOAL_E_LIMIT;
    reply->exchange = exchange->pub;
    reply->count = reply->kind == TALER_OLD ? facts->count : 1;
    for (size_t i = 0; i < reply->count; i++) {
        if (fill(&s, reply->kind, facts, i, reply->timestamp_s))
            return SHOAL_E_BAD_INPUT;
        taler_sign(&reply->sigs[i], exchange, &s);
    }
    return 0;
}

int taler_deposit_check(const struct taler_deposit_reply *reply, const struct taler_keyset *keys,
                        const struct taler_deposit_facts *facts)
{
    struct taler_statement s;
    if (facts->count == 0 || facts->count > TALER_BATCH_MAX)
        return SHOAL_E_LIMIT;
    if (!taler_keyset_signkey(keys, &reply->exchange, reply->timestamp_s) ||
        reply->count != (reply->kind == TALER_OLD ? facts->count : 1))
        return SHOAL_E_BAD_SIGNATURE;
    for (size_t i = 0; i < reply->count; i++) {
        if (fill(&s, reply->kind, facts, i, reply->timestamp_s))
            return SHOAL_E_BAD_INPUT;
        if (!taler_verify(&reply->sigs[i], &reply->exchange, &s))
            return SHOAL_E_BAD_SIGNATURE;
    }
    return 0;
}
