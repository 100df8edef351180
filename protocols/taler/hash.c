#include "protocols/taler/hash.h"

void taler_hash_wire(struct taler_hash *out, const char *payto_uri, const struct taler_salt *salt)
{
    static const char info[] = "merchant-wire-signature";
    const struct slice context[] = {slice_of(info, sizeof(info) - 1)};
    taler_kdf(out->bytes, sizeof(out->bytes),
              &(struct taler_kdf){
                  .salt = slice_of(salt->bytes, sizeof(salt->bytes)),
                  .secret = slice_of(payto_uri, strlen(payto_uri) + 1),
                  .context = context,
                  .context_count = 1,
              });
}

void taler_hash_payto(struct taler_short_hash *out, const char *payto_uri)
{
    struct taler_hash whole;
    const struct slice part = slice_of(payto_uri, strlen(payto_uri) + 1);
    taler_sha512(&whole, &part, 1);
    memcpy(out->bytes, whole.bytes, sizeof(out->bytes));
}

void taler_hash_denom(struct taler_hash *out, enum taler_cipher cipher, uint32_t age_mask,
                      struct slice encoded_pub)
{
    uint8_t head[8];
    put_u32be(head, age_mask);
    put_u32be(head + 4, (uint32_t)cipher);
    const struct slice parts[] = {slice_of(head, sizeof(head)), encoded_pub};
    taler_sha512(out, parts, 2);
}

void taler_hash_coin(struct taler_hash *out, const struct taler_pub *coin,
                     const struct taler_short_hash *age)
{
    struct slice parts[2] = {slice_of(coin->bytes, sizeof(coin->bytes))};
    if (age)
        parts[1] = slice_of(age->bytes, sizeof(age->bytes));
    taler_sha512(out, parts, age ? 2 : 1);
}

void taler_hash_envelope(struct taler_hash *out, const struct taler_hash *h_denom,
                         const struct taler_rsa_value *blinded)
{
    uint8_t cipher[4];
    put_u32be(cipher, TALER_CIPHER_RSA);
    const struct slice parts[] = {
        slice_of(h_denom->bytes, sizeof(h_denom->bytes)),
        slice_of(cipher, sizeof(cipher)),
        slice_of(blinded->bytes, blinded->len),
    };
    taler_sha512(out, parts, 3);
}

void taler_hash_coin_sigs(struct taler_hash *out, const struct taler_sig sigs[], size_t count)
{
    static_assert(sizeof(struct taler_sig) == TALER_SIG_SIZE, "signatures lie without gaps");
    const struct slice part = slice_of(sigs, count * sizeof(sigs[0]));
    taler_sha512(out, &part, 1);
}
