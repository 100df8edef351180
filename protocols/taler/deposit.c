/* Deposits: the bodies. What is signed is in confirm.c. */
#include "protocols/taler/deposit.h"

#include "protocols/taler/body.h"

static void put_terms_head(struct buf *out, const struct taler_deposit_terms *t)
{
    put_text(out, "merchant_payto_uri", t->merchant_payto);
    PUT_BYTES(out, "wire_salt", &t->wire_salt);
    PUT_BYTES(out, "h_contract_terms", &t->h_contract);
}

static void put_terms_tail(struct buf *out, const struct taler_deposit_terms *t)
{
    put_time(out, "timestamp", t->timestamp_s);
    PUT_BYTES(out, "merchant_pub", &t->merchant);
    if (t->has_merchant_sig)
        PUT_BYTES(out, "merchant_sig", &t->merchant_sig);
    if (t->has_wallet_data_hash)
        PUT_BYTES(out, "wallet_data_hash", &t->wallet_data_hash);
    put_time(out, "refund_deadline", t->refund_deadline_s);
    put_time(out, "wire_transfer_deadline", t->wire_deadline_s);
}

static void read_terms(struct body *b, struct taler_deposit_terms *t)
{
    memset(t, 0, sizeof(*t));
    body_text(b, "merchant_payto_uri", t->merchant_payto, sizeof(t->merchant_payto));
    BODY_BYTES(b, "wire_salt", &t->wire_salt);
    BODY_BYTES(b, "h_contract_terms", &t->h_contract);
    body_time(b, "timestamp", &t->timestamp_s);
    BODY_BYTES(b, "merchant_pub", &t->merchant);
    body_time(b, "wire_transfer_deadline", &t->wire_deadline_s);
    if (body_has(b, "refund_deadline"))
        body_time(b, "refund_deadline", &t->refund_deadline_s);
    t->has_merchant_sig = body_has(b, "merchant_sig");
    if (t->has_merchant_sig)
        BODY_BYTES(b, "merchant_sig", &t->merchant_sig);
    t->has_wallet_data_hash = body_has(b, "wallet_data_hash");
    if (t->has_wallet_data_hash)
        BODY_BYTES(b, "wallet_data_hash", &t->wallet_data_hash);
}

/* A single deposit has the coin's public key in its path. */
static void put_coin(struct buf *out, const struct taler_deposit_coin *c, bool with_pub)
{
    PUT_BYTES(out, "denom_pub_hash", &c->h_denom);
    put_open(out, "ub_sig", '{');
    put_text(out, "cipher", "RSA");
    put_rsa(out, "rsa_signature", &c->denom_sig);
    put_close(out, '}');
    if (with_pub)
        PUT_BYTES(out, "coin_pub", &c->coin);
    put_amount(out, "contribution", &c->contribution);
    if (c->has_age)
        PUT_BYTES(out, "h_age_commitment", &c->h_age);
    PUT_BYTES(out, "coin_sig", &c->coin_sig);
}

static void read_coin(struct body *b, struct taler_deposit_coin *c, bool with_pub)
{
    char cipher[8];
    body_amount(b, "contribution", &c->contribution);
    BODY_BYTES(b, "denom_pub_hash", &c->h_denom);
    if (with_pub)
        BODY_BYTES(b, "coin_pub", &c->coin);
    c->has_age = body_has(b, "h_age_commitment");
    memset(&c->h_age, 0, sizeof(c->h_age));
    if (c->has_age)
        BODY_BYTES(b, "h_age_commitment", &c->h_age);
    BODY_BYTES(b, "coin_sig", &c->coin_sig);
    const cJSON *before = b->at, *object = body_object(b, "ub_sig");
    body_enter(b, object);
    body_text(b, "cipher", cipher, sizeof(cipher));
    if (strcmp(cipher, "RSA") != 0)
        body_fail(b, SHOAL_E_BAD_REPLY, "cipher", "not RSA");
    body_rsa(b, "rsa_signature", &c->denom_sig);
    b->at = before;
}

void taler_deposit_request_write(struct buf *out, const struct taler_deposit_terms *terms,
                                 const struct taler_deposit_coin *coin)
{
    put_open(out, NULL, '{');
    put_terms_head(out, terms);
    put_coin(out, coin, false);
    put_terms_tail(out, terms);
    put_close(out, '}');
}

int taler_deposit_request_read(struct taler_deposit_terms *terms, struct taler_deposit_coin *coin,
                               struct slice text, struct taler_fault *fault)
{
    struct body b;
    body_open(&b, text, fault);
    read_terms(&b, terms);
    read_coin(&b, coin, false);
    return body_close(&b);
}

void taler_batch_deposit_request_write(struct buf *out, const struct taler_deposit_terms *terms,
                                       const struct taler_deposit_coin coins[], size_t count)
{
    put_open(out, NULL, '{');
    put_terms_head(out, terms);
    put_open(out, "coins", '[');
    for (size_t i = 0; i < count; i++) {
        put_open(out, NULL, '{');
        put_coin(out, &coins[i], true);
        put_close(out, '}');
    }
    put_close(out, ']');
    put_terms_tail(out, terms);
    put_close(out, '}');
}

int taler_batch_deposit_request_read(struct taler_deposit_terms *terms,
                                     struct taler_deposit_coin coins[], size_t max, size_t *count,
                                     struct slice text, struct taler_fault *fault)
{
    struct body b;
    const cJSON *item;
    *count = 0;
    body_open(&b, text, fault);
    read_terms(&b, terms);
    const cJSON *list = body_array(&b, "coins");
    if (list && !list->child)
        body_fail(&b, SHOAL_E_BAD_REPLY, "coins", "empty");
    cJSON_ArrayForEach(item, list)
    {
        if (*count == max)
            body_fail(&b, SHOAL_E_LIMIT, "coins", "more than we take");
        if (b.error)
            break;
        body_enter(&b, item);
        read_coin(&b, &coins[*count], true);
        ++*count;
    }
    return body_close(&b);
}

void taler_deposit_reply_write(struct buf *out, const struct taler_deposit_reply *r)
{
    put_open(out, NULL, '{');
    put_time(out, "exchange_timestamp", r->timestamp_s);
    PUT_BYTES(out, "exchange_pub", &r->exchange);
    if (r->single || r->kind == TALER_NEW) {
        PUT_BYTES(out, "exchange_sig", &r->sigs[0]);
    } else {
        put_open(out, "exchange_sigs", '[');
        for (size_t i = 0; i < r->count; i++) {
            put_open(out, NULL, '{');
            PUT_BYTES(out, "exchange_sig", &r->sigs[i]);
            put_close(out, '}');
        }
        put_close(out, ']');
    }
    put_close(out, '}');
}

static void read_sigs(struct body *b, struct taler_deposit_reply *r, size_t coins)
{
    const cJSON *item, *list = body_array(b, "exchange_sigs");
    if ((size_t)cJSON_GetArraySize(list) != coins || coins > TALER_BATCH_MAX)
        body_fail(b, SHOAL_E_BAD_REPLY, "exchange_sigs", "not one signature for each coin");
    cJSON_ArrayForEach(item, list)
    {
        if (b->error)
            break;
        body_enter(b, item);
        BODY_BYTES(b, "exchange_sig", &r->sigs[r->count]);
        r->count++;
    }
}

int taler_deposit_reply_read(struct taler_deposit_reply *out, bool single,
                             enum taler_variant expected, size_t coins, struct slice text,
                             struct taler_fault *fault)
{
    struct body b;
    memset(out, 0, sizeof(*out));
    body_open(&b, text, fault);
    body_time(&b, "exchange_timestamp", &out->timestamp_s);
    BODY_BYTES(&b, "exchange_pub", &out->exchange);
    out->single = single;
    out->kind = single                          ? TALER_OLD
                : expected != TALER_BY_REPLY    ? expected
                : body_has(&b, "exchange_sigs") ? TALER_OLD
                                                : TALER_NEW;
    if (single && coins != 1)
        body_fail(&b, SHOAL_E_BAD_REPLY, "exchange_sig", "one signature for several coins");
    if (single || out->kind == TALER_NEW) {
        BODY_BYTES(&b, "exchange_sig", &out->sigs[0]);
        out->count = 1;
    } else {
        read_sigs(&b, out, coins);
    }
    return body_close(&b);
}
