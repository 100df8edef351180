#include "protocols/taler/rsa_private.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

struct taler_rsa_private {
    EVP_PKEY *key;
    uint16_t size, encoded_len;
    uint8_t encoded[TALER_RSA_ENCODED_MAX];
};

/* Takes over `pkey`; NULL, and pkey gone, when it is no key we take. */
static struct taler_rsa_private *adopt(EVP_PKEY *pkey)
{
    struct taler_rsa_private *key = calloc(1, sizeof(*key));
    BIGNUM *n = NULL, *e = NULL;
    bool ok = key && pkey && EVP_PKEY_is_a(pkey, "RSA") &&
              EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) &&
              EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) && BN_is_word(e, RSA_F4) &&
              BN_num_bits(n) >= TALER_RSA_BITS_MIN && BN_num_bits(n) <= TALER_RSA_BITS_MAX;
    if (ok) {
        key->key = pkey;
        key->size = (uint16_t)BN_num_bytes(n);
        key->encoded_len = (uint16_t)(4 + key->size + BN_num_bytes(e));
        put_u16be(key->encoded, key->size);
        put_u16be(key->encoded + 2, (uint16_t)BN_num_bytes(e));
        BN_bn2bin(n, key->encoded + 4);
        BN_bn2bin(e, key->encoded + 4 + key->size);
    } else {
        EVP_PKEY_free(pkey);
        free(key);
        key = NULL;
    }
    BN_free(n);
    BN_free(e);
    return key;
}

struct taler_rsa_private *taler_rsa_private_generate(unsigned bits)
{
    if (bits < TALER_RSA_BITS_MIN || bits > TALER_RSA_BITS_MAX)
        return NULL;
    EVP_PKEY *pkey = EVP_RSA_gen(bits);
    return pkey ? adopt(pkey) : NULL;
}

/* There is no person to ask for a passphrase: an encrypted file is refused. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    return -1;
}

struct taler_rsa_private *taler_rsa_private_from_pem(struct slice pem)
{
    if (pem.len > INT32_MAX)
        return NULL;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return pkey ? adopt(pkey) : NULL;
}

int taler_rsa_private_to_pem(const struct taler_rsa_private *key, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    int error = SHOAL_E_INTERNAL;
    if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key->key, NULL, NULL, 0, NULL, NULL)) {
        long len = BIO_get_mem_data(bio, &text);
        buf_put(out, text, (size_t)len);
        error = out->error;
    }
    BIO_free(bio);
    return error;
}

void taler_rsa_private_free(struct taler_rsa_private *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->key);
    free(key);
}

struct slice taler_rsa_private_encoded_public(const struct taler_rsa_private *key)
{
    return slice_of(key->encoded, key->encoded_len);
}

int taler_rsa_blind_sign(struct taler_rsa_value *out, const struct taler_rsa_private *key,
                         const struct taler_rsa_value *blinded)
{
    if (blinded->len != key->size || memcmp(blinded->bytes, key->encoded + 4, key->size) >= 0)
        return SHOAL_E_BAD_INPUT;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->key, NULL);
    size_t len = sizeof(out->bytes);
    bool ok = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
              EVP_PKEY_sign(ctx, out->bytes, &len, blinded->bytes, blinded->len) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (!ok)
        return SHOAL_E_INTERNAL;
    out->len = (uint16_t)len;
    return 0;
}
