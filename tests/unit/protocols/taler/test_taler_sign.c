#include "tests/unit/protocols/taler/vectors.h"

#include "protocols/taler/hash.h"
#include "protocols/taler/sign.h"

static struct taler_key vector_key(const cJSON *v, const char *priv, const char *pub)
{
    uint8_t seed[TALER_SEED_SIZE];
    struct taler_pub want;
    struct taler_key key;
    vector_bytes(v, priv, seed, sizeof(seed));
    taler_key_from_seed(&key, seed);
    if (pub) {
        VECTOR_BYTES(v, pub, &want);
        assert_true(taler_equal(&key.pub, &want));
    }
    return key;
}

/* Signing gives exactly the vector's signature, which verifies. */
static void check(const struct taler_statement *s, const struct taler_key *key, const cJSON *v,
                  const char *sig_key)
{
    struct taler_sig want, got;
    VECTOR_BYTES(v, sig_key, &want);
    taler_sign(&got, key, s);
    assert_true(taler_equal(&got, &want));
    assert_true(taler_verify(&got, &key->pub, s));
}

static void ed25519_matches(void **state)
{
    static const char *const sets[] = {"gnunet_crypto_tvg_2023", "gnunet_crypto_tvg_2024"};
    cJSON *root = vectors_load();
    for (size_t i = 0; i < 2; i++) {
        vector_key(vector(root, sets[i], "eddsa_key_derivation"), "priv", "pub");
        const cJSON *v = vector(root, sets[i], "eddsa_signing");
        struct taler_key key = vector_key(v, "priv", "pub");
        struct buf data = vector_blob(v, "data");
        struct taler_sig want, got;
        VECTOR_BYTES(v, "sig", &want);
        taler_sign_bytes(&got, &key, buf_slice(&data));
        assert_true(taler_equal(&got, &want));
        assert_true(taler_verify_bytes(&got, &key.pub, buf_slice(&data)));
        buf_free(&data);
    }
    cJSON_Delete(root);
}

static struct taler_statement withdraw_statement(const cJSON *v)
{
    struct taler_statement s = {.layout = TALER_WITHDRAW};
    s.withdraw.amount_with_fee = vector_amount(v, "amount_with_fee");
    VECTOR_BYTES(v, "h_denom_pub", &s.withdraw.h_denom);
    VECTOR_BYTES(v, "h_coin_envelope", &s.withdraw.h_envelope);
    return s;
}

static void withdraw_1200_matches(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *v = vector(root, V09, "withdraw_request_1200");
    struct taler_key key = vector_key(v, "reserve_priv", "reserve_pub");
    struct taler_statement s = withdraw_statement(v);
    check(&s, &key, v, "reserve_sig");
    cJSON_Delete(root);
}

static struct taler_statement deposit_statement(const cJSON *v, enum taler_layout layout)
{
    struct taler_statement s = {.layout = layout};
    VECTOR_BYTES(v, "h_contract_terms", &s.deposit.h_contract);
    VECTOR_BYTES(v, "h_wire", &s.deposit.h_wire);
    VECTOR_BYTES(v, "h_denom_pub", &s.deposit.h_denom);
    VECTOR_BYTES(v, "merchant_pub", &s.deposit.merchant);
    s.deposit.timestamp_s = vector_int(v, "wallet_timestamp_s");
    s.deposit.refund_deadline_s = vector_int(v, "refund_deadline_s");
    s.deposit.amount_with_fee = vector_amount(v, "amount_with_fee");
    s.deposit.deposit_fee = vector_amount(v, "deposit_fee");
    return s;
}

static void deposit_1201_matches_in_both_layouts(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *v = vector(root, V09, "deposit_1201");
    struct taler_key key = vector_key(v, "coin_priv", NULL);
    struct taler_statement s = deposit_statement(v, TALER_DEPOSIT_V14);
    check(&s, &key, v, "coin_sig");

    v = vector(root, V14_1, "deposit_1201_v17plus");
    key = vector_key(v, "coin_priv", NULL);
    s = deposit_statement(v, TALER_DEPOSIT_V17);
    check(&s, &key, v, "coin_sig");
    VECTOR_BYTES(v, "wallet_data_hash_example", &s.deposit.wallet_data_hash);
    check(&s, &key, v, "coin_sig_with_wallet_data_hash");
    cJSON_Delete(root);
}

static void confirmation_1033_matches(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *v = vector(root, V14_1, "deposit_confirmation_1033_v17plus");
    struct taler_key key = vector_key(v, "exchange_priv", "exchange_pub");
    struct taler_statement s = {.layout = TALER_CONFIRM_V17};
    struct taler_sig sigs[2];
    VECTOR_BYTES(v, "h_contract_terms", &s.confirm.h_contract);
    VECTOR_BYTES(v, "h_wire", &s.confirm.h_wire);
    VECTOR_BYTES(v, "merchant_pub", &s.confirm.merchant);
    VECTOR_BYTES(v, "coin_sig_0", &sigs[0]);
    VECTOR_BYTES(v, "coin_sig_1", &sigs[1]);
    taler_hash_coin_sigs(&s.confirm.h_coin_sigs, sigs, 2);
    s.confirm.timestamp_s = vector_int(v, "exchange_timestamp_s");
    s.confirm.wire_deadline_s = vector_int(v, "wire_deadline_s");
    s.confirm.refund_deadline_s = vector_int(v, "refund_deadline_s");
    s.confirm.without_fee = vector_amount(v, "total_without_fee");
    check(&s, &key, v, "exchange_sig");
    cJSON_Delete(root);
}

static void denomination_1025_matches(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *v = vector(root, V09, "denom_validity_1025");
    struct taler_key key = vector_key(v, "master_priv", "master_pub");
    struct taler_statement s = {.layout = TALER_DENOM};
    s.denom.master = key.pub;
    s.denom.start_s = vector_int(v, "stamp_start");
    s.denom.expire_withdraw_s = vector_int(v, "stamp_expire_withdraw");
    s.denom.expire_deposit_s = vector_int(v, "stamp_expire_deposit");
    s.denom.expire_legal_s = vector_int(v, "stamp_expire_legal");
    s.denom.value = vector_amount(v, "value");
    s.denom.fee_withdraw = vector_amount(v, "fee_withdraw");
    s.denom.fee_deposit = vector_amount(v, "fee_deposit");
    s.denom.fee_refresh = vector_amount(v, "fee_refresh");
    s.denom.fee_refund = vector_amount(v, "fee_refund");
    VECTOR_BYTES(v, "h_denom_pub", &s.denom.h_denom);
    check(&s, &key, v, "master_sig");
    cJSON_Delete(root);
}

/* Each layout's head, size and versions, and that each byte of the body counts. */
static void every_layout_packs_to_its_size(void **state)
{
    for (int i = 0; i < TALER_LAYOUTS; i++) {
        const struct taler_layout_row *row = taler_layout_row((enum taler_layout)i);
        struct taler_statement s = {.layout = (enum taler_layout)i};
        uint8_t out[TALER_STATEMENT_SIZE_MAX];
        assert_int_equal(taler_statement_pack(out, &s), row->size);
        assert_int_equal(get_u32be(out), row->size);
        assert_int_equal(get_u32be(out + 4), row->purpose);
        assert_true(row->size <= TALER_STATEMENT_SIZE_MAX);
        assert_true(row->first_version <= row->last_version);
        assert_non_null(row->name);
    }
}

static void every_flipped_bit_is_rejected(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *v = vector(root, V09, "withdraw_request_1200");
    struct taler_key key = vector_key(v, "reserve_priv", "reserve_pub");
    struct taler_statement s = withdraw_statement(v);
    struct taler_sig sig;
    uint8_t text[TALER_STATEMENT_SIZE_MAX];
    size_t len = taler_statement_pack(text, &s);
    taler_sign(&sig, &key, &s);
    for (size_t bit = 0; bit < sizeof(sig.bytes) * 8; bit++) {
        struct taler_sig bad = sig;
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(taler_verify(&bad, &key.pub, &s));
    }
    for (size_t bit = 0; bit < sizeof(key.pub.bytes) * 8; bit++) {
        struct taler_pub bad = key.pub;
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(taler_verify(&sig, &bad, &s));
    }
    for (size_t bit = 0; bit < len * 8; bit++) {
        text[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(taler_verify_bytes(&sig, &key.pub, slice_of(text, len)));
        text[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(taler_verify_bytes(&sig, &key.pub, slice_of(text, len)));
    cJSON_Delete(root);
}

static void a_layout_is_not_taken_for_the_other(void **state)
{
    const uint8_t seed[TALER_SEED_SIZE] = {7};
    struct taler_key key;
    struct taler_sig sig;
    taler_key_from_seed(&key, seed);
    struct taler_statement s = {.layout = TALER_DEPOSIT_V14};
    taler_sign(&sig, &key, &s);
    s.layout = TALER_DEPOSIT_V17;
    assert_false(taler_verify(&sig, &key.pub, &s));
    s = (struct taler_statement){.layout = TALER_CONFIRM_V14};
    taler_sign(&sig, &key, &s);
    s.layout = TALER_CONFIRM_V17;
    assert_false(taler_verify(&sig, &key.pub, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ed25519_matches),
        cmocka_unit_test(withdraw_1200_matches),
        cmocka_unit_test(deposit_1201_matches_in_both_layouts),
        cmocka_unit_test(confirmation_1033_matches),
        cmocka_unit_test(denomination_1025_matches),
        cmocka_unit_test(every_layout_packs_to_its_size),
        cmocka_unit_test(every_flipped_bit_is_rejected),
        cmocka_unit_test(a_layout_is_not_taken_for_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
