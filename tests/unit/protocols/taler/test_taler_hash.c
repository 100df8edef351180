#include "tests/unit/protocols/taler/vectors.h"

#include "protocols/taler/hash.h"
#include "protocols/taler/sign.h"

static const char *const tvg_sets[] = {"gnunet_crypto_tvg_2023", "gnunet_crypto_tvg_2024"};

static void sha512_matches(void **state)
{
    cJSON *root = vectors_load();
    for (size_t i = 0; i < 2; i++) {
        const cJSON *v = vector(root, tvg_sets[i], "hash");
        struct buf in = vector_blob(v, "input");
        struct taler_hash want, got;
        VECTOR_BYTES(v, "output", &want);
        const struct slice parts[] = {slice_of(in.data, 3), slice_of(in.data + 3, in.len - 3)};
        taler_sha512(&got, parts, 2);
        assert_true(taler_equal(&got, &want));
        buf_free(&in);
    }
    cJSON_Delete(root);
}

static void kdf_matches(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *set, *v;
    int seen = 0;
    cJSON_ArrayForEach(set, json_array(root, "sets"))
    {
        cJSON_ArrayForEach(v, json_array(set, "vectors"))
        {
            const char *operation = json_string(v, "operation");
            if (!operation || strcmp(operation, "kdf") != 0)
                continue;
            struct buf salt = vector_blob(v, "salt"), ikm = vector_blob(v, "ikm");
            struct buf ctx = vector_blob(v, "ctx");
            uint8_t want[64], got[64];
            vector_bytes(v, "out", want, sizeof(want));
            const struct slice context[] = {slice_of(ctx.data, 10),
                                            slice_of(ctx.data + 10, ctx.len - 10)};
            taler_kdf(got, sizeof(got),
                      &(struct taler_kdf){buf_slice(&salt), buf_slice(&ikm), context, 2});
            assert_memory_equal(got, want, sizeof(got));
            buf_free(&salt);
            buf_free(&ikm);
            buf_free(&ctx);
            seen++;
        }
    }
    assert_int_equal(seen, 3);
    cJSON_Delete(root);
}

static void kdf_mod_stays_below_the_modulus(void **state)
{
    static const uint8_t small[] = {0x01, 0x00, 0x01}, tiny[] = {0x03}, zero[] = {0x00, 0x10};
    uint8_t out[3];
    int differ = 0;
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t secret[4];
        put_u32be(secret, i);
        assert_int_equal(taler_kdf_mod(out, small, 3, slice_str("salt"), slice_of(secret, 4),
                                       slice_str("context")),
                         0);
        assert_true(memcmp(out, small, 3) < 0);
        differ += out[0] == 0 && out[1] > 0x7f;
        assert_int_equal(
            taler_kdf_mod(out, tiny, 1, slice_str("salt"), slice_of(secret, 4), slice_str("c")), 0);
        assert_true(out[0] < 3);
    }
    assert_in_range(differ, 60, 140);
    assert_int_equal(taler_kdf_mod(out, zero, 2, slice_str("s"), slice_str("i"), slice_str("c")),
                     SHOAL_E_BAD_INPUT);
    assert_int_equal(taler_kdf_mod(out, zero, 0, slice_str("s"), slice_str("i"), slice_str("c")),
                     SHOAL_E_BAD_INPUT);
}

static void wire_and_denomination_hashes_match(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *v = vector(root, V09, "merchant_wire_hash");
    struct taler_hash want, got;
    struct taler_salt salt;
    VECTOR_BYTES(v, "wire_salt", &salt);
    VECTOR_BYTES(v, "h_wire", &want);
    taler_hash_wire(&got, vector_text(v, "payto_uri"), &salt);
    assert_true(taler_equal(&got, &want));
    if (json_string(v, "h_payto")) {
        struct taler_short_hash h_want, h_got;
        VECTOR_BYTES(v, "h_payto", &h_want);
        taler_hash_payto(&h_got, vector_text(v, "payto_uri"));
        assert_true(taler_equal(&h_got, &h_want));
    }

    v = vector(root, V09, "rsa_denomination");
    struct buf pub = vector_blob(v, "rsa_public_key");
    VECTOR_BYTES(v, "denom_pub_hash", &want);
    taler_hash_denom(&got, TALER_CIPHER_RSA, (uint32_t)vector_int(v, "age_mask"), buf_slice(&pub));
    assert_true(taler_equal(&got, &want));
    taler_hash_denom(&got, TALER_CIPHER_RSA, 1, buf_slice(&pub));
    assert_false(taler_equal(&got, &want));
    buf_free(&pub);

    v = vector(root, V09, "planchet_rsa");
    struct taler_pub coin;
    VECTOR_BYTES(v, "coin_pub", &coin);
    VECTOR_BYTES(v, "coin_pub_hash", &want);
    taler_hash_coin(&got, &coin, NULL);
    assert_true(taler_equal(&got, &want));
    const struct taler_short_hash age = {{1}};
    taler_hash_coin(&got, &coin, &age);
    assert_false(taler_equal(&got, &want));
    cJSON_Delete(root);
}

static void contract_hashes_match(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *v = vector(root, V09, "contract_hash");
    struct taler_hash want, got;
    VECTOR_BYTES(v, "h_contract_terms", &want);
    assert_int_equal(taler_hash_contract(&got, json_object(v, "contract_terms")), 0);
    assert_true(taler_equal(&got, &want));

    const cJSON *set, *w;
    int seen = 0;
    cJSON_ArrayForEach(set, json_array(root, "sets"))
    {
        cJSON_ArrayForEach(w, json_array(set, "vectors"))
        {
            const char *operation = json_string(w, "operation");
            if (!operation || strcmp(operation, "contract_hash") != 0 || !json_string(w, "h"))
                continue;
            VECTOR_BYTES(w, "h", &want);
            assert_int_equal(taler_hash_contract(&got, json_object(w, "contract_terms")), 0);
            assert_true(taler_equal(&got, &want));
            seen++;
        }
    }
    assert_int_equal(seen, 1);
    cJSON_Delete(root);
}

/* Forgetting beforehand what may be forgotten does not change the hash. */
static void forgotten_terms_hash_the_same(void **state)
{
    cJSON *full, *part;
    struct taler_hash h, k1;
    const struct slice canonical = slice_of("1", 2), salt = slice_of("SALT", 5);
    char text[TALER_HASH_TEXT_MAX];
    taler_kdf(k1.bytes, sizeof(k1.bytes), &(struct taler_kdf){.salt = salt, .secret = canonical});
    taler_b32_encode(text, sizeof(text), k1.bytes, sizeof(k1.bytes));
    struct buf b = {0};
    buf_printf(&b, "{\"a\":2,\"$forgotten\":{\"k1\":\"%s\"},\"$forgettable\":{\"k1\":\"SALT\"}}",
               text);
    assert_int_equal(
        json_parse(&full, slice_str("{\"k1\":1,\"$forgettable\":{\"k1\":\"SALT\"},\"a\":2}"), NULL),
        0);
    assert_int_equal(json_parse(&part, buf_slice(&b), NULL), 0);
    struct taler_hash other;
    assert_int_equal(taler_hash_contract(&h, full), 0);
    assert_int_equal(taler_hash_contract(&other, part), 0);
    assert_true(taler_equal(&h, &other));
    cJSON_Delete(full);
    cJSON_Delete(part);
    buf_free(&b);
}

static void wrong_contracts_are_refused(void **state)
{
    static const char *const bad[] = {
        "[]",
        "1",
        "{\"a\":1e999}",
        "{\"a\":1,\"$forgettable\":[]}",
        "{\"a\":1,\"$forgettable\":{\"a\":true}}",
        "{\"b\":{\"a\":1,\"$forgettable\":{\"a\":1}}}",
        "{\"$forgotten\":{\"a\":\"h\"},\"$forgettable\":{\"$forgotten\":\"x\"}}",
        "{\"a\":1,\"$forgotten\":1,\"$forgettable\":{\"a\":\"x\"}}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cJSON *tree;
        struct taler_hash h;
        assert_int_equal(json_parse(&tree, slice_str(bad[i]), NULL), 0);
        assert_int_equal(taler_hash_contract(&h, tree), SHOAL_E_BAD_INPUT);
        cJSON_Delete(tree);
    }
}

/* The examples of RFC 8785 and the corners of its number rule. */
static void canonical_json_follows_the_rfc(void **state)
{
    static const char *const cases[][2] = {
        {"{\"b\": [1, true, null, false], \"a\": {}}", "{\"a\":{},\"b\":[1,true,null,false]}"},
        {"\"\\u20ac$\\u000f\\nA'B\\\"\\\\\\\"\\/\"", "\"€$\\u000f\\nA'B\\\"\\\\\\\"/\""},
        {"[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001]",
         "[333333333.3333333,1e+30,4.5,0.002,1e-27]"},
        {"[0,-0.0,1e21,1e20,123456789012345680000,1e-6,1e-7,-1.5e-9,9007199254740992]",
         "[0,0,1e+21,100000000000000000000,123456789012345680000,0.000001,1e-7,-1.5e-9,"
         "9007199254740992]"},
        {"{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,"
         "\"\\u00f6\":7}",
         "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\xef\xac\xb3\":3}"},
        {"[]", "[]"},
        {"{\"a\":1,\"ab\":2,\"\":3,\"A\":4}", "{\"\":3,\"A\":4,\"a\":1,\"ab\":2}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cJSON *tree;
        struct buf out = {0};
        assert_int_equal(json_parse(&tree, slice_str(cases[i][0]), NULL), 0);
        taler_canonical_json(&out, tree);
        assert_int_equal(out.error, 0);
        assert_string_equal((const char *)out.data, cases[i][1]);
        cJSON_Delete(tree);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha512_matches),
        cmocka_unit_test(kdf_matches),
        cmocka_unit_test(kdf_mod_stays_below_the_modulus),
        cmocka_unit_test(wire_and_denomination_hashes_match),
        cmocka_unit_test(contract_hashes_match),
        cmocka_unit_test(forgotten_terms_hash_the_same),
        cmocka_unit_test(wrong_contracts_are_refused),
        cmocka_unit_test(canonical_json_follows_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
