#include "tests/unit/protocols/taler/vectors.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "protocols/taler/hash.h"
#include "protocols/taler/rsa_private.h"
#include "protocols/taler/withdraw.h"

static const char *const tvg_sets[] = {"gnunet_crypto_tvg_2023", "gnunet_crypto_tvg_2024"};

/* A number of a libgcrypt s-expression: "(1:n257:<bytes>)". */
static BIGNUM *sexp_number(struct slice sexp, char name)
{
    const char head[] = {'(', '1', ':', name, 0};
    const uint8_t *at = memmem(sexp.data, sexp.len, head, 4);
    assert_non_null(at);
    char *end;
    unsigned long len = strtoul((const char *)at + 4, &end, 10);
    assert_int_equal(*end, ':');
    return BN_bin2bn((const uint8_t *)end + 1, (int)len, NULL);
}

static BIGNUM *exponent(const BIGNUM *d, const BIGNUM *p, BN_CTX *ctx)
{
    BIGNUM *out = BN_dup(p);
    BN_sub_word(out, 1);
    BN_mod(out, d, out, ctx);
    return out;
}

/* The private key of a vector as PEM, which is how the stand-in keeps keys. libgcrypt's u is the
 * inverse of p modulo q, so its q is OpenSSL's first factor. */
static struct taler_rsa_private *vector_private(const cJSON *v, const char *key)
{
    static const char *const params[] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
    };
    struct buf blob = vector_blob(v, key);
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n[8] = {NULL};
    for (size_t i = 0; i < 6; i++)
        n[i] = sexp_number(buf_slice(&blob), "nedqpu"[i]);
    n[6] = exponent(n[2], n[3], ctx);
    n[7] = exponent(n[2], n[4], ctx);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(OSSL_PARAM_BLD_push_BN(build, params[i], n[i]), 1);
    OSSL_PARAM *list = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *from = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *pkey = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(from), 1);
    assert_int_equal(EVP_PKEY_fromdata(from, &pkey, EVP_PKEY_KEYPAIR, list), 1);
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &pem);
    struct taler_rsa_private *out = taler_rsa_private_from_pem(slice_of(pem, (size_t)len));
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    EVP_PKEY_CTX_free(from);
    OSSL_PARAM_free(list);
    OSSL_PARAM_BLD_free(build);
    for (size_t i = 0; i < 8; i++)
        BN_free(n[i]);
    BN_CTX_free(ctx);
    buf_free(&blob);
    assert_non_null(out);
    return out;
}

static struct taler_rsa_public *vector_public(const cJSON *v)
{
    struct buf blob = vector_blob(v, "rsa_public_key");
    struct taler_rsa_public *key = taler_rsa_public_new(buf_slice(&blob));
    assert_non_null(key);
    assert_true(slice_equal(taler_rsa_public_encoded(key), buf_slice(&blob)));
    assert_int_equal(taler_rsa_public_size(key), 256);
    buf_free(&blob);
    return key;
}

static void blind_signing_matches(void **state)
{
    cJSON *root = vectors_load();
    for (size_t i = 0; i < 2; i++) {
        const cJSON *v = vector(root, tvg_sets[i], "rsa_blind_signing");
        struct taler_rsa_public *pub = vector_public(v);
        struct taler_rsa_private *priv = vector_private(v, "rsa_private_key");
        assert_true(
            slice_equal(taler_rsa_private_encoded_public(priv), taler_rsa_public_encoded(pub)));
        struct taler_hash message;
        uint8_t bks[TALER_BKS_SIZE];
        struct taler_rsa_value want_blinded = vector_rsa(v, "blinded_message");
        struct taler_rsa_value want_blind_sig = vector_rsa(v, "blinded_sig");
        struct taler_rsa_value want_sig = vector_rsa(v, "sig"), blinded, blind_sig, sig;
        struct taler_rsa_blinding blinding;
        VECTOR_BYTES(v, "message_hash", &message);
        vector_bytes(v, "blinding_key_secret", bks, sizeof(bks));
        assert_int_equal(taler_rsa_blind(&blinded, &blinding, pub, bks, &message), 0);
        assert_true(taler_rsa_value_equal(&blinded, &want_blinded));
        assert_int_equal(taler_rsa_blind_sign(&blind_sig, priv, &blinded), 0);
        assert_true(taler_rsa_value_equal(&blind_sig, &want_blind_sig));
        assert_int_equal(taler_rsa_unblind(&sig, pub, &blinding, &blind_sig), 0);
        assert_true(taler_rsa_value_equal(&sig, &want_sig));
        assert_true(taler_rsa_verify(&sig, pub, &message));
        struct taler_rsa_value trusting;
        assert_int_equal(taler_rsa_unblind_trusting(&trusting, pub, &blinding, &blind_sig), 0);
        assert_true(taler_rsa_value_equal(&trusting, &want_sig));
        taler_rsa_public_free(pub);
        taler_rsa_private_free(priv);
    }
    cJSON_Delete(root);
}

static void planchet_matches(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *v = vector(root, V09, "planchet_rsa"), *d = vector(root, V09, "rsa_denomination");
    struct taler_denom denom = {.cipher = TALER_CIPHER_RSA, .rsa = vector_public(d)};
    struct taler_rsa_private *priv = vector_private(d, "rsa_private_key_gnunet");
    struct taler_rsa_value want = vector_rsa(v, "rsa_blinded_planchet"), blind_sig, sig;
    struct taler_planchet p;
    struct taler_hash h;
    struct taler_key coin;
    uint8_t secret[TALER_PLANCHET_SECRET_SIZE], bytes[32];
    VECTOR_BYTES(v, "denom_pub_hash", &denom.hash);
    vector_bytes(v, "planchet_master_secret", secret, sizeof(secret));
    assert_int_equal(taler_planchet_make(&p, &denom, secret), 0);
    vector_bytes(v, "coin_priv", bytes, 32);
    assert_memory_equal(p.coin.seed, bytes, 32);
    vector_bytes(v, "coin_pub", bytes, 32);
    assert_memory_equal(p.coin.pub.bytes, bytes, 32);
    vector_bytes(v, "rsa_bks", bytes, 32);
    assert_memory_equal(p.bks, bytes, 32);
    assert_true(taler_rsa_value_equal(&p.blinded, &want));
    VECTOR_BYTES(v, "h_coin_envelope", &h);
    assert_true(taler_equal(&p.h_envelope, &h));
    taler_planchet_coin(&coin, secret);
    assert_memory_equal(&coin, &p.coin, sizeof(coin));

    want = vector_rsa(v, "blinded_rsa_signature");
    assert_int_equal(taler_rsa_blind_sign(&blind_sig, priv, &p.blinded), 0);
    assert_true(taler_rsa_value_equal(&blind_sig, &want));
    want = vector_rsa(v, "rsa_signature");
    assert_int_equal(taler_planchet_finish(&sig, &p, &denom, &blind_sig), 0);
    assert_true(taler_rsa_value_equal(&sig, &want));

    struct taler_denom cs = {.cipher = TALER_CIPHER_CS};
    assert_int_equal(taler_planchet_make(&p, &cs, secret), SHOAL_E_BAD_INPUT);
    assert_int_equal(taler_planchet_finish(&sig, &p, &cs, &blind_sig), SHOAL_E_BAD_INPUT);
    taler_rsa_public_free(denom.rsa);
    taler_rsa_private_free(priv);
    cJSON_Delete(root);
}

static void every_flipped_bit_is_rejected(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *v = vector(root, tvg_sets[0], "rsa_blind_signing");
    struct taler_rsa_public *pub = vector_public(v);
    struct taler_rsa_value sig = vector_rsa(v, "sig"), blind_sig = vector_rsa(v, "blinded_sig");
    struct taler_rsa_value blinded, out = {.len = 7};
    struct taler_rsa_blinding blinding;
    struct taler_hash message;
    uint8_t bks[TALER_BKS_SIZE];
    VECTOR_BYTES(v, "message_hash", &message);
    vector_bytes(v, "blinding_key_secret", bks, sizeof(bks));
    assert_int_equal(taler_rsa_blind(&blinded, &blinding, pub, bks, &message), 0);
    for (size_t bit = 0; bit < 2048; bit++) {
        struct taler_rsa_value bad = sig, bad_blind = blind_sig;
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bad_blind.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(taler_rsa_verify(&bad, pub, &message));
        assert_int_equal(taler_rsa_unblind(&out, pub, &blinding, &bad_blind),
                         SHOAL_E_BAD_SIGNATURE);
    }
    for (size_t bit = 0; bit < 512; bit++) {
        struct taler_hash bad = message;
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(taler_rsa_verify(&sig, pub, &bad));
    }
    assert_int_equal(out.len, 7); /* a refused signature is not handed out */
    assert_true(taler_rsa_verify(&sig, pub, &message));
    taler_rsa_public_free(pub);
    cJSON_Delete(root);
}

static void values_out_of_range_are_rejected(void **state)
{
    struct taler_rsa_private *priv = taler_rsa_private_generate(1024);
    assert_non_null(priv);
    struct slice encoded = taler_rsa_private_encoded_public(priv);
    struct taler_rsa_public *pub = taler_rsa_public_new(encoded);
    const struct taler_hash message = {{1}};
    const uint8_t bks[TALER_BKS_SIZE] = {2};
    struct taler_rsa_value blinded, sig, out, n = {.len = 128}, zero = {.len = 128};
    struct taler_rsa_blinding blinding;
    memcpy(n.bytes, encoded.data + 4, 128);
    assert_int_equal(taler_rsa_blind(&blinded, &blinding, pub, bks, &message), 0);
    assert_int_equal(taler_rsa_blind_sign(&sig, priv, &blinded), 0);
    assert_int_equal(taler_rsa_unblind(&out, pub, &blinding, &sig), 0);
    assert_true(taler_rsa_verify(&out, pub, &message));
    assert_int_equal(taler_rsa_unblind(&out, pub, &blinding, &n), SHOAL_E_BAD_SIGNATURE);
    assert_int_equal(taler_rsa_unblind(&out, pub, &blinding, &zero), SHOAL_E_BAD_SIGNATURE);
    assert_int_equal(taler_rsa_blind_sign(&out, priv, &n), SHOAL_E_BAD_INPUT);
    sig.len--;
    assert_int_equal(taler_rsa_unblind(&out, pub, &blinding, &sig), SHOAL_E_BAD_SIGNATURE);
    blinded.len--;
    assert_int_equal(taler_rsa_blind_sign(&out, priv, &blinded), SHOAL_E_BAD_INPUT);
    taler_rsa_public_free(pub);
    taler_rsa_private_free(priv);
}

static void wrong_public_keys_are_refused(void **state)
{
    cJSON *root = vectors_load();
    struct buf blob = vector_blob(vector(root, V09, "rsa_denomination"), "rsa_public_key");
    struct taler_rsa_public *key = taler_rsa_public_new(buf_slice(&blob));
    assert_non_null(key);
    taler_rsa_public_free(key);
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {0, 0xff},   /* n longer than there is */
        {1, 0xff},   /* n shorter, e longer */
        {3, 0x02},   /* e shorter than there is */
        {4, 0x00},   /* leading zero of n */
        {259, 0xff}, /* even n: has the factor 2 */
        {260, 0x00}, /* leading zero of e */
        {262, 0x00}, /* even e */
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        uint8_t before = blob.data[changes[i].at];
        blob.data[changes[i].at] =
            changes[i].at == 259 ? (uint8_t)(before & 0xfe) : changes[i].value;
        assert_null(taler_rsa_public_new(buf_slice(&blob)));
        blob.data[changes[i].at] = before;
    }
    for (size_t len = 0; len < blob.len; len++)
        assert_null(taler_rsa_public_new(slice_of(blob.data, len)));
    buf_free(&blob);
    cJSON_Delete(root);
}

static void private_keys_survive_pem(void **state)
{
    struct taler_rsa_private *key = taler_rsa_private_generate(1024), *back;
    struct buf pem = {0};
    assert_non_null(key);
    assert_int_equal(taler_rsa_private_to_pem(key, &pem), 0);
    back = taler_rsa_private_from_pem(buf_slice(&pem));
    assert_non_null(back);
    assert_true(
        slice_equal(taler_rsa_private_encoded_public(key), taler_rsa_private_encoded_public(back)));
    taler_rsa_private_free(back);
    pem.data[pem.len / 2] ^= 1;
    back = taler_rsa_private_from_pem(buf_slice(&pem));
    taler_rsa_private_free(back); /* may still be a key; must not crash */
    assert_null(taler_rsa_private_from_pem(slice_str("no key")));
    assert_null(taler_rsa_private_from_pem(slice_of("", 0)));
    assert_null(taler_rsa_private_generate(256));
    assert_null(taler_rsa_private_generate(TALER_RSA_BITS_MAX + 1));
    buf_free(&pem);
    taler_rsa_private_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blind_signing_matches),
        cmocka_unit_test(planchet_matches),
        cmocka_unit_test(every_flipped_bit_is_rejected),
        cmocka_unit_test(values_out_of_range_are_rejected),
        cmocka_unit_test(wrong_public_keys_are_refused),
        cmocka_unit_test(private_keys_survive_pem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
