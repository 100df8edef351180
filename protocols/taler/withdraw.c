#include "protocols/taler/withdraw.h"

#include "protocols/taler/body.h"
#include "protocols/taler/hash.h"

static struct slice literal(const char *text)
{
    return slice_of(text, strlen(text));
}

void taler_planchet_coin(struct taler_key *coin, const uint8_t secret[TALER_PLANCHET_SECRET_SIZE])
{
    uint8_t seed[TALER_SEED_SIZE];
    taler_kdf(seed, sizeof(seed),
              &(struct taler_kdf){.salt = literal("coin"),
                                  .secret = slice_of(secret, TALER_PLANCHET_SECRET_SIZE)});
    taler_key_from_seed(coin, seed);
    taler_wipe(seed, sizeof(seed));
}

int taler_planchet_make(struct taler_planchet *out, const struct taler_denom *denom,
                        const uint8_t secret[TALER_PLANCHET_SECRET_SIZE])
{
    struct taler_hash h_coin;
    if (!denom->rsa)
        return SHOAL_E_BAD_INPUT;
    taler_planchet_coin(&out->coin, secret);
    taler_kdf(out->bks, sizeof(out->bks),
              &(struct taler_kdf){.salt = literal("bks"),
                                  .secret = slice_of(secret, TALER_PLANCHET_SECRET_SIZE)});
    taler_hash_coin(&h_coin, &out->coin.pub, NULL);
    int error = taler_rsa_blind(&out->blinded, &out->blinding, denom->rsa, out->bks, &h_coin);
    if (error == 0)
        taler_hash_envelope(&out->h_envelope, &denom->hash, &out->blinded);
    return error;
}

int taler_planchet_finish(struct taler_rsa_value *coin_sig, const struct taler_planchet *planchet,
                          const struct taler_denom *denom, const struct taler_rsa_value *blind_sig)
{
    if (!denom->rsa)
        return SHOAL_E_BAD_INPUT;
    return taler_rsa_unblind(coin_sig, denom->rsa, &planchet->blinding, blind_sig);
}

void taler_reserve_status_write(struct buf *out, const struct taler_reserve_status *r)
{
    put_open(out, NULL, '{');
    if (r->last_origin[0] != '\0')
        put_text(out, "last_origin", r->last_origin);
    put_amount(out, "balance", &r->balance);
    put_close(out, '}');
}

int taler_reserve_status_read(struct taler_reserve_status *out, struct slice text,
                              struct taler_fault *fault)
{
    struct body b;
    memset(out, 0, sizeof(*out));
    body_open(&b, text, fault);
    body_amount(&b, "balance", &out->balance);
    body_text_cut(&b, "last_origin", out->last_origin, sizeof(out->last_origin));
    return body_close(&b);
}

/* {"cipher":"RSA", member: value}, the form of blinded planchets and blind signatures. */
static void put_rsa_object(struct buf *out, const char *name, const char *member,
                           const struct taler_rsa_value *v)
{
    put_open(out, name, '{');
    put_text(out, "cipher", "RSA");
    put_rsa(out, member, v);
    put_close(out, '}');
}

static void read_rsa_object(struct body *b, const char *name, const char *member,
                            struct taler_rsa_value *v)
{
    char cipher[8];
    const cJSON *before = b->at, *object = body_object(b, name);
    body_enter(b, object);
    body_text(b, "cipher", cipher, sizeof(cipher));
    if (strcmp(cipher, "RSA") != 0)
        body_fail(b, SHOAL_E_BAD_REPLY, "cipher", "not RSA");
    body_rsa(b, member, v);
    b->at = before;
}

static void put_planchet(struct buf *out, const struct taler_withdraw_planchet *p)
{
    put_open(out, NULL, '{');
    PUT_BYTES(out, "denom_pub_hash", &p->h_denom);
    put_rsa_object(out, "coin_ev", "rsa_blinded_planchet", &p->blinded);
    PUT_BYTES(out, "reserve_sig", &p->reserve_sig);
    put_close(out, '}');
}

static void read_planchet(struct body *b, struct taler_withdraw_planchet *p)
{
    BODY_BYTES(b, "denom_pub_hash", &p->h_denom);
    read_rsa_object(b, "coin_ev", "rsa_blinded_planchet", &p->blinded);
    BODY_BYTES(b, "reserve_sig", &p->reserve_sig);
}

void taler_withdraw_request_write(struct buf *out, const struct taler_withdraw_planchet *p)
{
    put_planchet(out, p);
}

int taler_withdraw_request_read(struct taler_withdraw_planchet *out, struct slice text,
                                struct taler_fault *fault)
{
    struct body b;
    body_open(&b, text, fault);
    read_planchet(&b, out);
    return body_close(&b);
}

static void put_ev_sig(struct buf *out, const struct taler_rsa_value *blind_sig)
{
    put_open(out, NULL, '{');
    put_rsa_object(out, "ev_sig", "blinded_rsa_signature", blind_sig);
    put_close(out, '}');
}

void taler_withdraw_reply_write(struct buf *out, const struct taler_rsa_value *blind_sig)
{
    put_ev_sig(out, blind_sig);
}

int taler_withdraw_reply_read(struct taler_rsa_value *blind_sig, struct slice text,
                              struct taler_fault *fault)
{
    struct body b;
    body_open(&b, text, fault);
    read_rsa_object(&b, "ev_sig", "blinded_rsa_signature", blind_sig);
    return body_close(&b);
}

void taler_batch_withdraw_request_write(struct buf *out, const struct taler_withdraw_planchet p[],
                                        size_t count)
{
    put_open(out, NULL, '{');
    put_open(out, "planchets", '[');
    for (size_t i = 0; i < count; i++)
        put_planchet(out, &p[i]);
    put_close(out, ']');
    put_close(out, '}');
}

int taler_batch_withdraw_request_read(struct taler_withdraw_planchet out[], size_t max,
                                      size_t *count, struct slice text, struct taler_fault *fault)
{
    struct body b;
    const cJSON *item;
    *count = 0;
    body_open(&b, text, fault);
    const cJSON *list = body_array(&b, "planchets");
    if (list && !list->child)
        body_fail(&b, SHOAL_E_BAD_REPLY, "planchets", "empty");
    cJSON_ArrayForEach(item, list)
    {
        if (*count == max)
            body_fail(&b, SHOAL_E_LIMIT, "planchets", "more than we take");
        if (b.error)
            break;
        body_enter(&b, item);
        read_planchet(&b, &out[*count]);
        ++*count;
    }
    return body_close(&b);
}

void taler_batch_withdraw_reply_write(struct buf *out, const struct taler_rsa_value blind_sigs[],
                                      size_t count)
{
    put_open(out, NULL, '{');
    put_open(out, "ev_sigs", '[');
    for (size_t i = 0; i < count; i++)
        put_ev_sig(out, &blind_sigs[i]);
    put_close(out, ']');
    put_close(out, '}');
}

int taler_batch_withdraw_reply_read(struct taler_rsa_value blind_sigs[], size_t count,
                                    struct slice text, struct taler_fault *fault)
{
    struct body b;
    const cJSON *item;
    size_t i = 0;
    body_open(&b, text, fault);
    const cJSON *list = body_array(&b, "ev_sigs");
    if ((size_t)cJSON_GetArraySize(list) != count)
        body_fail(&b, SHOAL_E_BAD_REPLY, "ev_sigs", "not one signature for each planchet");
    cJSON_ArrayForEach(item, list)
    {
        if (b.error)
            break;
        body_enter(&b, item);
        read_rsa_object(&b, "ev_sig", "blinded_rsa_signature", &blind_sigs[i++]);
    }
    return body_close(&b);
}
