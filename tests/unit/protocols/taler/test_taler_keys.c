#include "tests/unit/protocols/taler/vectors.h"

#include "protocols/taler/hash.h"
#include "protocols/taler/keys_write.h"
#include "protocols/taler/rsa_private.h"

/* --- the recorded key sets ------------------------------------------------------------------ */

static char *live_text(const cJSON *root, const char *set)
{
    return cJSON_PrintUnformatted(cJSON_GetArrayItem(vector_set(root, set), 0));
}

static struct taler_keyset *read_keys(const char *text)
{
    struct taler_keyset *k;
    struct taler_fault fault;
    int error = taler_keyset_read(&k, slice_str(text), NULL, &fault);
    if (error)
        fail_msg("%s: %s", error_name(error), fault.text);
    return k;
}

static void recorded_keys_verify(const char *set, int version, enum taler_variant signature,
                                 uint64_t now_s)
{
    cJSON *root = vectors_load();
    char *text = live_text(root, set);
    struct taler_keyset *k = read_keys(text);
    const struct taler_denom *found[32];
    char value[TALER_AMOUNT_TEXT_MAX];
    assert_int_equal(k->version.current, version);
    assert_int_equal(k->protocol->version, version);
    assert_int_equal(k->signature, signature);
    assert_string_equal(k->currency, "EUR");
    assert_int_equal(k->denom_count, 25);
    assert_int_equal(k->signkey_count, 1);
    assert_int_equal(k->by_value_count, 25);
    for (size_t i = 0; i < 25; i++)
        assert_ptr_equal(taler_keyset_denom(k, &k->denoms[i].hash), &k->denoms[i]);
    struct taler_hash unknown = k->denoms[0].hash;
    unknown.bytes[63] ^= 1;
    assert_null(taler_keyset_denom(k, &unknown));

    assert_int_equal(taler_keyset_selectable(k, now_s, found, 32), 5);
    static const char *const values[] = {"EUR:10", "EUR:5", "EUR:1", "EUR:0.1", "EUR:0.01"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(taler_amount_format(&found[i]->value, value), values[i]);
    assert_int_equal(taler_keyset_selectable(k, now_s - 1000000000, found, 32), 0);
    assert_int_equal(taler_keyset_selectable(k, now_s, found, 2), 5);

    const struct taler_signkey *s = &k->signkeys[0];
    assert_ptr_equal(taler_keyset_signkey(k, &s->key, s->start_s), s);
    assert_null(taler_keyset_signkey(k, &s->key, s->start_s - 1));
    assert_null(taler_keyset_signkey(k, &s->key, s->end_s));
    assert_null(taler_keyset_signkey(k, &k->master, now_s));
    taler_keyset_free(k);
    cJSON_free(text);
    cJSON_Delete(root);
}

static void recorded_v14_verifies(void **state)
{
    recorded_keys_verify("live_keys_v14", 14, TALER_OLD, 1795203200);
}

static void recorded_v23_verifies(void **state)
{
    recorded_keys_verify("live_keys_v23", 23, TALER_NEW, 1795204600);
    cJSON *root = vectors_load();
    char *text = live_text(root, "live_keys_v23");
    struct taler_keyset *k = read_keys(text);
    assert_non_null(k->wire);
    assert_int_equal(k->wire->account_count, 1);
    assert_int_equal(k->wire->fee_count, 1);
    taler_keyset_free(k);
    cJSON_free(text);
    cJSON_Delete(root);
}

/* The master's signature over the recorded /wire of 14, and over wire fees of both ends. */
static void recorded_wire_verifies(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *item;
    int seen = 0;
    cJSON_ArrayForEach(item, vector_set(root, "live_http_v14"))
    {
        if (strcmp(json_string(item, "p"), "/wire") != 0)
            continue;
        char *text = cJSON_PrintUnformatted(json_object(item, "resp"));
        struct taler_wire w;
        assert_int_equal(taler_wire_read(&w, slice_str(text), NULL), 0);
        assert_int_equal(w.account_count, 1);
        assert_true(taler_account_verify(&w.accounts[0], &w.master, taler_protocol_row(14)));
        assert_false(taler_account_verify(&w.accounts[0], &w.master, taler_protocol_row(15)));
        w.accounts[0].payto_uri[12] ^= 1;
        assert_false(taler_account_verify(&w.accounts[0], &w.master, taler_protocol_row(14)));
        assert_int_equal(w.fee_count, 1);
        struct taler_statement s = {.layout = TALER_WIRE_FEE,
                                    .wire_fee = {.start_s = w.fees[0].start_s,
                                                 .end_s = w.fees[0].end_s,
                                                 .wire_fee = w.fees[0].wire_fee,
                                                 .closing_fee = w.fees[0].closing_fee}};
        const struct slice method = slice_of("x-taler-bank", 13);
        taler_sha512(&s.wire_fee.h_method, &method, 1);
        assert_true(taler_verify(&w.fees[0].sig, &w.master, &s));
        cJSON_free(text);
        seen++;
    }
    assert_int_equal(seen, 1);
    cJSON_Delete(root);
}

/* --- tampering ------------------------------------------------------------------------------ */

static cJSON *at(cJSON *node, const char *path)
{
    char part[64];
    while (*path) {
        size_t n = strcspn(path, "/");
        assert_true(n < sizeof(part));
        memcpy(part, path, n);
        part[n] = '\0';
        node = part[0] >= '0' && part[0] <= '9' ? cJSON_GetArrayItem(node, atoi(part))
                                                : cJSON_GetObjectItemCaseSensitive(node, part);
        if (!node)
            fail_msg("no %s", path);
        path += n + (path[n] == '/');
    }
    return node;
}

/* What replaces a member; NULL deletes it. */
struct change {
    const char *set, *path, *value;
    int error;
};

static void check_change(const cJSON *root, const struct change *c)
{
    cJSON *copy = cJSON_Duplicate(cJSON_GetArrayItem(vector_set(root, c->set), 0), true);
    cJSON *node = at(copy, c->path);
    struct taler_keyset *k;
    struct taler_fault fault;
    if (!c->value) {
        cJSON_Delete(cJSON_DetachItemViaPointer(copy, node));
    } else if (cJSON_IsNumber(node)) {
        cJSON_SetNumberValue(node, atof(c->value));
    } else if (c->value[0] == '~') { /* turn one character of a base32 text */
        char *p = node->valuestring + strlen(node->valuestring) / 2;
        *p = *p == '0' ? '1' : '0';
    } else {
        cJSON_SetValuestring(node, c->value);
    }
    char *text = cJSON_PrintUnformatted(copy);
    int error = taler_keyset_read(&k, slice_str(text), NULL, &fault);
    if (error != c->error)
        fail_msg("%s %s: %s instead of %s (%s)", c->set, c->path, error_name(error),
                 error_name(c->error), fault.text);
    assert_null(k);
    assert_true(fault.text[0] != '\0');
    cJSON_free(text);
    cJSON_Delete(copy);
}

#define V14 "live_keys_v14"
#define V23 "live_keys_v23"

static void every_change_is_noticed(void **state)
{
    static const struct change changes[] = {
        {V14, "denominations/0/denoms/0/master_sig", "~", SHOAL_E_BAD_REPLY},
        {V23, "denominations/0/denoms/0/master_sig", "~", SHOAL_E_BAD_SIGNATURE},
        {V23, "denominations/4/denoms/4/rsa_pub", "~", SHOAL_E_BAD_SIGNATURE},
        {V23, "denominations/0/value", "EUR:2", SHOAL_E_BAD_SIGNATURE},
        {V23, "denominations/0/value", "USD:1", SHOAL_E_BAD_REPLY},
        {V23, "denominations/0/fee_withdraw", "EUR:0", SHOAL_E_BAD_SIGNATURE},
        {V23, "denominations/0/fee_refund", "EUR:0", SHOAL_E_BAD_SIGNATURE},
        {V23, "denominations/0/denoms/1/stamp_expire_legal/t_s", "1", SHOAL_E_BAD_SIGNATURE},
        {V23, "denominations/0/denoms/1/stamp_start/t_s", "1", SHOAL_E_BAD_SIGNATURE},
        {V23, "denominations/0/denoms/1/stamp_start/t_s", "1.5", SHOAL_E_BAD_REPLY},
        {V23, "denominations/0/cipher", "ROT13", SHOAL_E_BAD_REPLY},
        {V23, "denominations/0/cipher", "RSA+age_restricted", SHOAL_E_BAD_REPLY},
        {V23, "signkeys/0/master_sig", "~", SHOAL_E_BAD_SIGNATURE},
        {V23, "signkeys/0/stamp_end/t_s", "1", SHOAL_E_BAD_SIGNATURE},
        {V23, "signkeys/0/key", "~", SHOAL_E_BAD_SIGNATURE},
        {V23, "master_public_key", "~", SHOAL_E_BAD_SIGNATURE},
        {V23, "exchange_sig", "~", SHOAL_E_BAD_SIGNATURE},
        {V23, "exchange_pub", "~", SHOAL_E_BAD_SIGNATURE},
        {V23, "exchange_sig", NULL, SHOAL_E_BAD_REPLY},
        {V23, "list_issue_date/t_s", "1", SHOAL_E_BAD_SIGNATURE},
        {V23, "accounts/0/master_sig", "~", SHOAL_E_BAD_SIGNATURE},
        {V23, "accounts/0/payto_uri", "payto://x-taler-bank/x/y", SHOAL_E_BAD_SIGNATURE},
        {V23, "currency", "USD", SHOAL_E_BAD_REPLY},
        {V23, "currency", "eur", SHOAL_E_BAD_REPLY},
        {V23, "version", "24:0:0", SHOAL_E_UNSUPPORTED},
        {V23, "version", "13:0:0", SHOAL_E_UNSUPPORTED},
        {V23, "version", "new", SHOAL_E_BAD_REPLY},
        {V23, "version", "14:0:0", SHOAL_E_BAD_REPLY}, /* would need denominations_sig */
        {V23, "denominations", NULL, SHOAL_E_BAD_REPLY},
        {V23, "signkeys", NULL, SHOAL_E_BAD_REPLY},
        {V14, "denominations_sig", "~", SHOAL_E_BAD_SIGNATURE},
        {V14, "denominations_sig", NULL, SHOAL_E_BAD_REPLY},
        {V14, "eddsa_pub", "~", SHOAL_E_BAD_SIGNATURE},
        {V14, "list_issue_date/t_s", "1", SHOAL_E_BAD_SIGNATURE},
        {V14, "denoms/3/denom_pub/rsa_public_key", "~", SHOAL_E_BAD_REPLY},
        {V14, "denoms/3/fee_deposit", "EUR:9", SHOAL_E_BAD_REPLY},
        {V14, "denoms/3/denom_pub/age_mask", "1", SHOAL_E_BAD_REPLY},
        {V14, "denoms/24/stamp_expire_deposit/t_s", "1", SHOAL_E_BAD_REPLY},
    };
    cJSON *root = vectors_load();
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        check_change(root, &changes[i]);
    cJSON_Delete(root);
}

static void a_denomination_left_out_or_doubled_is_noticed(void **state)
{
    static const char *const sets[] = {V14, V23};
    cJSON *root = vectors_load();
    struct taler_keyset *k;
    for (size_t i = 0; i < 2; i++) {
        cJSON *copy = cJSON_Duplicate(cJSON_GetArrayItem(vector_set(root, sets[i]), 0), true);
        cJSON_DeleteItemFromObjectCaseSensitive(copy, "denoms");
        char *text = cJSON_PrintUnformatted(copy);
        k = read_keys(text); /* the groups alone are enough */
        taler_keyset_free(k);
        cJSON_free(text);
        cJSON *list = at(copy, "denominations/0/denoms");
        cJSON *one = cJSON_DetachItemFromArray(list, 2);
        text = cJSON_PrintUnformatted(copy);
        assert_int_equal(taler_keyset_read(&k, slice_str(text), NULL, NULL), SHOAL_E_BAD_SIGNATURE);
        cJSON_free(text);
        cJSON_AddItemToArray(list, cJSON_Duplicate(one, true));
        cJSON_AddItemToArray(list, one);
        text = cJSON_PrintUnformatted(copy);
        assert_int_equal(taler_keyset_read(&k, slice_str(text), NULL, NULL), SHOAL_E_BAD_REPLY);
        cJSON_free(text);
        cJSON_Delete(copy);
    }
    cJSON_Delete(root);
}

static void the_flat_list_alone_is_enough_when_it_verifies(void **state)
{
    cJSON *root = vectors_load();
    cJSON *copy = cJSON_Duplicate(cJSON_GetArrayItem(vector_set(root, V14), 0), true);
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "denominations");
    char *text = cJSON_PrintUnformatted(copy);
    struct taler_keyset *k = read_keys(text);
    assert_int_equal(k->denom_count, 25);
    assert_int_equal(k->by_value_count, 25);
    taler_keyset_free(k);
    cJSON_free(text);
    cJSON_SetValuestring(at(copy, "denoms/3/fee_deposit"), "EUR:9");
    text = cJSON_PrintUnformatted(copy);
    assert_int_equal(taler_keyset_read(&k, slice_str(text), NULL, NULL), SHOAL_E_BAD_SIGNATURE);
    cJSON_free(text);
    cJSON_Delete(copy);
    cJSON_Delete(root);
}

static void the_master_key_can_be_pinned(void **state)
{
    cJSON *root = vectors_load();
    char *text = live_text(root, V23);
    struct taler_keyset *k = read_keys(text);
    struct taler_pub master = k->master;
    taler_keyset_free(k);
    assert_int_equal(taler_keyset_read(&k, slice_str(text), &master, NULL), 0);
    taler_keyset_free(k);
    master.bytes[0] ^= 1;
    assert_int_equal(taler_keyset_read(&k, slice_str(text), &master, NULL), SHOAL_E_BAD_SIGNATURE);
    cJSON_free(text);
    cJSON_Delete(root);
}

static void every_truncation_is_refused(void **state)
{
    cJSON *root = vectors_load();
    char *text = live_text(root, V23);
    struct taler_keyset *k;
    size_t len = strlen(text);
    for (size_t n = 0; n < len; n += 97)
        assert_int_not_equal(taler_keyset_read(&k, slice_of(text, n), NULL, NULL), 0);
    assert_int_not_equal(taler_keyset_read(&k, slice_of(text, len - 1), NULL, NULL), 0);
    cJSON_free(text);
    cJSON_Delete(root);
}

/* --- writing and reading back --------------------------------------------------------------- */

#define NOW_S 1795203200u
#define OFFERS 6

struct stage {
    struct taler_key master, signkey;
    struct taler_rsa_private *rsa[OFFERS];
    uint8_t cs[TALER_PUB_SIZE];
    struct taler_denom_offer offers[OFFERS + 1];
    struct taler_wire wire;
    struct taler_keys_source source;
};

static void make_offer(struct stage *s, size_t i, const char *value, uint64_t start_s)
{
    s->offers[i] = (struct taler_denom_offer){
        .cipher = TALER_CIPHER_RSA,
        .encoded_pub = taler_rsa_private_encoded_public(s->rsa[i]),
        .start_s = start_s,
        .expire_withdraw_s = start_s + 1000,
        .expire_deposit_s = start_s + 2000,
        .expire_legal_s = TALER_NEVER_S,
        .value = amount(value),
        .fee_withdraw = amount("KUDOS:0.01"),
        .fee_deposit = amount("KUDOS:0.02"),
        .fee_refresh = amount("KUDOS:0.03"),
        .fee_refund = amount("KUDOS:0.04"),
    };
}

/* 5 (two overlapping keys), 1, 0.1 with an age mask, 2 lost, 1 of Clause-Schnorr, 3 in the future
 */
static int make_stage(void **state)
{
    static struct stage s;
    const uint8_t seed[2][TALER_SEED_SIZE] = {{1}, {2}};
    taler_key_from_seed(&s.master, seed[0]);
    taler_key_from_seed(&s.signkey, seed[1]);
    for (size_t i = 0; i < OFFERS; i++)
        s.rsa[i] = taler_rsa_private_generate(1024);
    make_offer(&s, 0, "KUDOS:5", NOW_S - 100);
    make_offer(&s, 1, "KUDOS:1", NOW_S - 100);
    make_offer(&s, 2, "KUDOS:0.1", NOW_S - 100);
    make_offer(&s, 3, "KUDOS:5", NOW_S - 500);
    make_offer(&s, 4, "KUDOS:2", NOW_S - 100);
    make_offer(&s, 5, "KUDOS:3", NOW_S + 100);
    s.offers[2].age_mask = 278785;
    s.offers[4].lost = true;
    s.offers[6] = s.offers[1];
    s.offers[6].cipher = TALER_CIPHER_CS;
    memset(s.cs, 7, sizeof(s.cs));
    s.offers[6].encoded_pub = slice_of(s.cs, sizeof(s.cs));
    s.wire.master = s.master.pub;
    s.wire.account_count = 1;
    snprintf(s.wire.accounts[0].payto_uri, TALER_PAYTO_MAX,
             "payto://x-taler-bank/localhost/exchange?receiver-name=exchange");
    s.wire.fee_count = 2;
    for (size_t i = 0; i < 2; i++) {
        struct taler_wire_fee *f = &s.wire.fees[i];
        snprintf(f->method, sizeof(f->method), i ? "iban" : "x-taler-bank");
        f->wire_fee = f->closing_fee = amount("KUDOS:0.01");
        f->end_s = TALER_NEVER_S;
        taler_wire_fee_sign(f, &s.master);
    }
    s.source = (struct taler_keys_source){
        .base_url = "http://localhost/",
        .currency = "KUDOS",
        .master = &s.master,
        .signkey = &s.signkey,
        .signkey_start_s = NOW_S - 100,
        .signkey_expire_s = NOW_S + 1000,
        .signkey_end_s = NOW_S + 2000,
        .list_issue_s = NOW_S - 50,
        .reserve_closing_delay_us = TALER_FOREVER_US,
        .denoms = s.offers,
        .denom_count = OFFERS + 1,
        .wire = &s.wire,
    };
    *state = &s;
    return 0;
}

static int drop_stage(void **state)
{
    struct stage *s = *state;
    for (size_t i = 0; i < OFFERS; i++)
        taler_rsa_private_free(s->rsa[i]);
    return 0;
}

static struct taler_keyset *written_keys(struct stage *s, int version)
{
    struct buf out = {0};
    s->source.protocol = taler_protocol_row(version);
    taler_account_sign(&s->wire.accounts[0], &s->master, s->source.protocol);
    assert_int_equal(taler_keys_write(&out, &s->source), 0);
    struct taler_keyset *k = read_keys((const char *)out.data);
    buf_free(&out);
    return k;
}

static void what_is_written_reads_back_in_every_version(void **state)
{
    struct stage *s = *state;
    for (int version = TALER_VERSION_MIN; version <= TALER_VERSION_MAX; version++) {
        struct taler_keyset *k = written_keys(s, version);
        assert_int_equal(k->protocol->version, version);
        assert_int_equal(k->denom_count, OFFERS + 1);
        assert_int_equal(k->signature, version < 17 ? TALER_OLD : TALER_NEW);
        assert_int_equal(k->wire != NULL, version >= 16);
        if (k->wire)
            assert_int_equal(k->wire->fee_count, 2);
        for (size_t i = 0; i <= OFFERS; i++) {
            const struct taler_denom_offer *o = &s->offers[i];
            struct taler_hash h;
            taler_hash_denom(&h, o->cipher, o->age_mask, o->encoded_pub);
            const struct taler_denom *d = taler_keyset_denom(k, &h);
            assert_non_null(d);
            assert_int_equal(d->cipher, o->cipher);
            assert_int_equal(d->age_mask, o->age_mask);
            assert_int_equal(d->lost, o->lost);
            assert_int_equal(d->start_s, o->start_s);
            assert_true(d->expire_legal_s == TALER_NEVER_S);
            assert_int_equal(d->selectable, i != 2 && i != 4 && i != 6);
            assert_int_equal(taler_amount_cmp(&d->value, &o->value), 0);
            assert_int_equal(taler_amount_cmp(&d->fee_refund, &o->fee_refund), 0);
        }
        taler_keyset_free(k);
    }
}

static void amounts_become_coins_largest_first(void **state)
{
    static const struct {
        const char *amount, *rest;
        size_t fives, ones;
        size_t max;
        int error;
    } cases[] = {
        {"KUDOS:11.03", "KUDOS:0", 2, 1, 64, 0},
        {"KUDOS:11.02", "KUDOS:1", 2, 0, 64, 0}, /* not enough left for the fee of the 1 */
        {"KUDOS:5.01", "KUDOS:0", 1, 0, 64, 0},
        {"KUDOS:5", "KUDOS:0.96", 0, 4, 64, 0},
        {"KUDOS:1", "KUDOS:1", 0, 0, 64, 0},
        {"KUDOS:0", "KUDOS:0", 0, 0, 64, 0},
        {"KUDOS:60", "KUDOS:49.98", 2, 0, 2, SHOAL_E_LIMIT},
        {"KUDOS:10.02", "KUDOS:0", 2, 0, 2, 0},
        {"EUR:5", "EUR:5", 0, 0, 64, SHOAL_E_BAD_INPUT},
    };
    struct taler_keyset *k = written_keys(*state, 23);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct taler_denom *coins[64];
        struct taler_amount a = amount(cases[i].amount), rest, five = amount("KUDOS:5");
        size_t count, fives = 0;
        char text[TALER_AMOUNT_TEXT_MAX];
        assert_int_equal(taler_keyset_decompose(k, NOW_S, &a, coins, cases[i].max, &count, &rest),
                         cases[i].error);
        assert_string_equal(taler_amount_format(&rest, text), cases[i].rest);
        for (size_t c = 0; c < count; c++) {
            fives += taler_amount_cmp(&coins[c]->value, &five) == 0;
            assert_true(coins[c]->selectable);
        }
        assert_int_equal(fives, cases[i].fives);
        assert_int_equal(count - fives, cases[i].ones);
    }
    taler_keyset_free(k);
}

static void overlapping_keys_use_the_one_that_lasts_longer(void **state)
{
    struct taler_keyset *k = written_keys(*state, 23);
    const struct taler_denom *found[8];
    assert_int_equal(taler_keyset_selectable(k, NOW_S, found, 8), 3); /* 5, 5, 1 */
    assert_true(found[0]->expire_withdraw_s > found[1]->expire_withdraw_s);
    assert_int_equal(taler_keyset_selectable(k, NOW_S + 100, found, 8), 4); /* and 3 */
    assert_int_equal(taler_keyset_selectable(k, NOW_S + 500, found, 8), 3); /* an old 5 is gone */
    taler_keyset_free(k);
}

static void offers_that_are_no_keys_are_refused(void **state)
{
    struct stage *s = *state;
    struct buf out = {0};
    struct slice kept = s->offers[0].encoded_pub;
    s->source.protocol = taler_protocol_row(23);
    s->offers[0].encoded_pub.len = 3;
    assert_int_equal(taler_keys_write(&out, &s->source), SHOAL_E_BAD_INPUT);
    s->offers[0].encoded_pub = kept;
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_v14_verifies),
        cmocka_unit_test(recorded_v23_verifies),
        cmocka_unit_test(recorded_wire_verifies),
        cmocka_unit_test(every_change_is_noticed),
        cmocka_unit_test(a_denomination_left_out_or_doubled_is_noticed),
        cmocka_unit_test(the_flat_list_alone_is_enough_when_it_verifies),
        cmocka_unit_test(the_master_key_can_be_pinned),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(what_is_written_reads_back_in_every_version),
        cmocka_unit_test(amounts_become_coins_largest_first),
        cmocka_unit_test(overlapping_keys_use_the_one_that_lasts_longer),
        cmocka_unit_test(offers_that_are_no_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, make_stage, drop_stage);
}
