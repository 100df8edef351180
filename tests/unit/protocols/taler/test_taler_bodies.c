/* The recorded bodies decode, and encode again to the same JSON; their signatures verify. */
#include "tests/unit/protocols/taler/vectors.h"

#include "protocols/taler/deposit.h"
#include "protocols/taler/hash.h"
#include "protocols/taler/keys.h"
#include "protocols/taler/reply.h"
#include "protocols/taler/withdraw.h"

/* A recorded exchange whose path contains `part`, of a set. */
static const cJSON *recorded(const cJSON *root, const char *set, const char *part)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, vector_set(root, set))
    {
        if (strstr(json_string(item, "p"), part))
            return item;
    }
    fail_msg("%s has no %s", set, part);
    return NULL;
}

static char *body_of(const cJSON *exchange, const char *side)
{
    return cJSON_PrintUnformatted(json_object(exchange, side));
}

/* The public key in a path such as /reserves/$PUB/withdraw. */
static struct taler_pub pub_in_path(const cJSON *exchange)
{
    struct taler_pub pub = {{0}};
    const char *start = strchr(json_string(exchange, "p") + 1, '/') + 1;
    assert_int_equal(taler_b32_decode(pub.bytes, sizeof(pub.bytes), start, 52), 0);
    return pub;
}

static void assert_same_json(const char *text, struct buf *written)
{
    cJSON *want, *got;
    assert_int_equal(written->error, 0);
    assert_int_equal(json_parse(&want, slice_str(text), NULL), 0);
    assert_int_equal(json_parse(&got, buf_slice(written), NULL), 0);
    if (!cJSON_Compare(want, got, true))
        fail_msg("%s\nis not\n%s", (const char *)written->data, text);
    cJSON_Delete(want);
    cJSON_Delete(got);
    buf_free(written);
}

static struct taler_keyset *live_keys(const cJSON *root, const char *set)
{
    struct taler_keyset *k;
    char *text = cJSON_PrintUnformatted(cJSON_GetArrayItem(vector_set(root, set), 0));
    assert_int_equal(taler_keyset_read(&k, slice_str(text), NULL, NULL), 0);
    cJSON_free(text);
    return k;
}

/* 1200, recorded. Denominations of another day are not in the recorded key set; says whether. */
static bool withdraw_verifies(const struct taler_keyset *k, const struct taler_withdraw_planchet *p,
                              const struct taler_pub *reserve)
{
    const struct taler_denom *d = taler_keyset_denom(k, &p->h_denom);
    struct taler_statement s = {.layout = TALER_WITHDRAW};
    if (!d)
        return false;
    s.withdraw.amount_with_fee = d->cost;
    s.withdraw.h_denom = p->h_denom;
    taler_hash_envelope(&s.withdraw.h_envelope, &p->h_denom, &p->blinded);
    assert_true(taler_verify(&p->reserve_sig, reserve, &s));
    return true;
}

static void single_withdraw(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *x = recorded(root, "live_http_v14", "/withdraw");
    char *request = body_of(x, "req"), *reply = body_of(x, "resp");
    struct taler_withdraw_planchet p;
    struct taler_rsa_value sig;
    struct buf out = {0};
    assert_int_equal(taler_withdraw_request_read(&p, slice_str(request), NULL), 0);
    taler_withdraw_request_write(&out, &p);
    assert_same_json(request, &out);
    assert_int_equal(taler_withdraw_reply_read(&sig, slice_str(reply), NULL), 0);
    assert_int_equal(sig.len, 256);
    taler_withdraw_reply_write(&out, &sig);
    assert_same_json(reply, &out);
    struct taler_keyset *k = live_keys(root, "live_keys_v14");
    struct taler_pub reserve = pub_in_path(x);
    assert_true(withdraw_verifies(k, &p, &reserve));
    taler_keyset_free(k);
    cJSON_free(request);
    cJSON_free(reply);
    cJSON_Delete(root);
}

static void batch_withdraw(void **state)
{
    static const char *const sets[][2] = {{"live_http_v14", "live_keys_v14"},
                                          {"live_http_v23", "live_keys_v23"}};
    cJSON *root = vectors_load();
    int verified = 0;
    for (size_t i = 0; i < 2; i++) {
        const cJSON *x = recorded(root, sets[i][0], "/batch-withdraw");
        char *request = body_of(x, "req"), *reply = body_of(x, "resp");
        struct taler_withdraw_planchet p[4];
        struct taler_rsa_value sigs[4];
        struct buf out = {0};
        size_t count;
        assert_int_equal(taler_batch_withdraw_request_read(p, 4, &count, slice_str(request), NULL),
                         0);
        assert_int_equal(count, 1);
        taler_batch_withdraw_request_write(&out, p, count);
        assert_same_json(request, &out);
        assert_int_equal(taler_batch_withdraw_reply_read(sigs, 1, slice_str(reply), NULL), 0);
        taler_batch_withdraw_reply_write(&out, sigs, 1);
        assert_same_json(reply, &out);
        assert_int_equal(taler_batch_withdraw_reply_read(sigs, 2, slice_str(reply), NULL),
                         SHOAL_E_BAD_REPLY);
        assert_int_equal(taler_batch_withdraw_request_read(p, 0, &count, slice_str(request), NULL),
                         SHOAL_E_LIMIT);
        struct taler_keyset *k = live_keys(root, sets[i][1]);
        struct taler_pub reserve = pub_in_path(x);
        verified += withdraw_verifies(k, &p[0], &reserve);
        taler_keyset_free(k);
        cJSON_free(request);
        cJSON_free(reply);
    }
    assert_true(verified >= 1);
    cJSON_Delete(root);
}

/* The coin's denomination signature, its own (1201), and the exchange's (1033). */
static void check_deposit(const struct taler_keyset *k, const struct taler_deposit_terms *terms,
                          const struct taler_deposit_coin *coin,
                          const struct taler_deposit_reply *reply)
{
    const struct taler_denom *d = taler_keyset_denom(k, &coin->h_denom);
    struct taler_hash h_wire, h_coin;
    struct taler_statement s;
    assert_non_null(d);
    taler_hash_coin(&h_coin, &coin->coin, NULL);
    assert_true(taler_rsa_verify(&coin->denom_sig, d->rsa, &h_coin));
    taler_hash_wire(&h_wire, terms->merchant_payto, &terms->wire_salt);
    taler_deposit_statement(&s, k->protocol->deposit_layout, terms, &h_wire, coin, &d->fee_deposit);
    assert_true(taler_verify(&coin->coin_sig, &coin->coin, &s));

    const struct taler_deposit_facts facts = {terms, &h_wire, coin, &d->fee_deposit, 1};
    assert_int_equal(taler_deposit_check(reply, k, &facts), 0);
    struct taler_deposit_reply bad = *reply;
    bad.sigs[0].bytes[5] ^= 1;
    assert_int_equal(taler_deposit_check(&bad, k, &facts), SHOAL_E_BAD_SIGNATURE);
    bad = *reply;
    bad.timestamp_s++;
    assert_int_equal(taler_deposit_check(&bad, k, &facts), SHOAL_E_BAD_SIGNATURE);
    bad = *reply;
    bad.exchange.bytes[0] ^= 1;
    assert_int_equal(taler_deposit_check(&bad, k, &facts), SHOAL_E_BAD_SIGNATURE);
    bad = *reply;
    bad.count = 0;
    assert_int_equal(taler_deposit_check(&bad, k, &facts), SHOAL_E_BAD_SIGNATURE);
}

static void single_deposit(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *x = recorded(root, "live_http_v14", "/deposit");
    char *request = body_of(x, "req"), *reply_text = body_of(x, "resp");
    struct taler_deposit_terms terms;
    struct taler_deposit_coin coin = {.coin = pub_in_path(x)};
    struct taler_deposit_reply reply;
    struct buf out = {0};
    assert_int_equal(taler_deposit_request_read(&terms, &coin, slice_str(request), NULL), 0);
    taler_deposit_request_write(&out, &terms, &coin);
    assert_same_json(request, &out);
    assert_int_equal(
        taler_deposit_reply_read(&reply, true, TALER_OLD, 1, slice_str(reply_text), NULL), 0);
    taler_deposit_reply_write(&out, &reply);
    assert_same_json(reply_text, &out);
    struct taler_keyset *k = live_keys(root, "live_keys_v14");
    check_deposit(k, &terms, &coin, &reply);
    taler_keyset_free(k);
    cJSON_free(request);
    cJSON_free(reply_text);
    cJSON_Delete(root);
}

static void batch_deposit_of_23(void **state)
{
    cJSON *root = vectors_load();
    const cJSON *x = recorded(root, "live_http_v23", "/batch-deposit");
    char *request = body_of(x, "req"), *reply_text = body_of(x, "resp");
    struct taler_deposit_terms terms;
    struct taler_deposit_coin coins[2];
    struct taler_deposit_reply reply;
    struct buf out = {0};
    size_t count;
    assert_int_equal(
        taler_batch_deposit_request_read(&terms, coins, 2, &count, slice_str(request), NULL), 0);
    assert_int_equal(count, 1);
    assert_true(terms.has_merchant_sig);
    taler_batch_deposit_request_write(&out, &terms, coins, count);
    assert_same_json(request, &out);
    static const enum taler_variant kinds[] = {TALER_NEW, TALER_BY_REPLY};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            taler_deposit_reply_read(&reply, false, kinds[i], 1, slice_str(reply_text), NULL), 0);
        assert_int_equal(reply.kind, TALER_NEW);
    }
    assert_int_equal(
        taler_deposit_reply_read(&reply, false, TALER_OLD, 1, slice_str(reply_text), NULL),
        SHOAL_E_BAD_REPLY);
    taler_deposit_reply_read(&reply, false, TALER_NEW, 1, slice_str(reply_text), NULL);
    taler_deposit_reply_write(&out, &reply);
    assert_same_json(reply_text, &out);
    struct taler_keyset *k = live_keys(root, "live_keys_v23");
    check_deposit(k, &terms, &coins[0], &reply);
    taler_keyset_free(k);
    cJSON_free(request);
    cJSON_free(reply_text);
    cJSON_Delete(root);
}

/* Both kinds of confirmation, made by us, read by us, checked by us; each bit of them counts. */
static void confirmations_made_here_are_checked(void **state)
{
    enum { COINS = 3 };
    const uint8_t seed[TALER_SEED_SIZE] = {9};
    struct taler_key key;
    taler_key_from_seed(&key, seed);
    struct taler_signkey signkey = {.key = key.pub, .start_s = 10, .expire_s = 20, .end_s = 30};
    const struct taler_keyset keys = {.signkey_count = 1, .signkeys = &signkey};
    struct taler_deposit_terms terms = {.merchant_payto = "payto://x/y", .wire_deadline_s = 5};
    struct taler_deposit_coin coins[COINS];
    struct taler_amount fees[COINS];
    const struct taler_hash h_wire = {{1}};
    memset(coins, 0, sizeof(coins));
    for (uint8_t i = 0; i < COINS; i++) {
        coins[i].coin.bytes[0] = i;
        coins[i].coin_sig.bytes[0] = i;
        coins[i].contribution = amount("EUR:1.5");
        fees[i] = amount("EUR:0.01");
    }
    const struct taler_deposit_facts facts = {&terms, &h_wire, coins, fees, COINS};
    for (int kind = TALER_OLD; kind <= TALER_NEW; kind++) {
        struct taler_deposit_reply made = {.kind = (enum taler_variant)kind, .timestamp_s = 15};
        struct taler_deposit_reply back;
        struct buf out = {0};
        assert_int_equal(taler_deposit_confirm(&made, &key, &facts), 0);
        assert_int_equal(made.count, kind == TALER_OLD ? COINS : 1);
        taler_deposit_reply_write(&out, &made);
        assert_int_equal(
            taler_deposit_reply_read(&back, false, TALER_BY_REPLY, COINS, buf_slice(&out), NULL),
            0);
        assert_int_equal(back.kind, kind);
        assert_int_equal(taler_deposit_check(&back, &keys, &facts), 0);
        for (size_t bit = 0; bit < back.count * 512; bit++) {
            struct taler_deposit_reply bad = back;
            bad.sigs[bit / 512].bytes[bit % 512 / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(taler_deposit_check(&bad, &keys, &facts), SHOAL_E_BAD_SIGNATURE);
        }
        coins[2].contribution = amount("EUR:1.6");
        assert_int_equal(taler_deposit_check(&back, &keys, &facts), SHOAL_E_BAD_SIGNATURE);
        coins[2].contribution = amount("EUR:1.5");
        signkey.end_s = 15;
        assert_int_equal(taler_deposit_check(&back, &keys, &facts), SHOAL_E_BAD_SIGNATURE);
        signkey.end_s = 30;
        buf_free(&out);
    }
    struct taler_deposit_reply made = {.kind = TALER_NEW};
    coins[1].contribution = amount("EUR:0");
    assert_int_equal(taler_deposit_confirm(&made, &key, &facts), SHOAL_E_BAD_INPUT);
    made.kind = TALER_OLD;
    assert_int_equal(taler_deposit_confirm(&made, &key, &facts), SHOAL_E_BAD_INPUT);
}

static void reserve_wire_and_bank_bodies(void **state)
{
    cJSON *root = vectors_load();
    struct buf out = {0};
    char *text = body_of(recorded(root, "live_http_v14", "timeout_ms"), "resp");
    struct taler_reserve_status r;
    assert_int_equal(taler_reserve_status_read(&r, slice_str(text), NULL), 0);
    taler_reserve_status_write(&out, &r);
    assert_same_json(text, &out);
    cJSON_free(text);
    const char *with_origin =
        "{\"last_origin\":\"payto://x/y?receiver-name=z\",\"balance\":\"EUR:1\"}";
    assert_int_equal(taler_reserve_status_read(&r, slice_str(with_origin), NULL), 0);
    taler_reserve_status_write(&out, &r);
    assert_same_json(with_origin, &out);

    text = body_of(recorded(root, "live_http_v14", "/wire"), "resp");
    struct taler_wire w;
    assert_int_equal(taler_wire_read(&w, slice_str(text), NULL), 0);
    taler_wire_write(&out, &w);
    assert_same_json(text, &out);
    cJSON_free(text);

    const char *incoming =
        "{\"reserve_pub\":\"0000000000000000000000000000000000000000000000000000\","
        "\"amount\":\"EUR:6.02\",\"debit_account\":\"payto://a/\\u00e4\"}";
    struct taler_incoming_request q;
    assert_int_equal(taler_incoming_request_read(&q, slice_str(incoming), NULL), 0);
    taler_incoming_request_write(&out, &q);
    assert_same_json(incoming, &out);
    const char *row = "{\"row_id\":9007199254740992,\"timestamp\":{\"t_s\":\"never\"}}";
    struct taler_incoming_reply a;
    assert_int_equal(taler_incoming_reply_read(&a, slice_str(row), NULL), 0);
    assert_true(a.row_id == UINT64_C(9007199254740992) && a.timestamp_s == TALER_NEVER_S);
    taler_incoming_reply_write(&out, &a);
    assert_same_json(row, &out);
    cJSON_Delete(root);
}

static void config_bodies(void **state)
{
    const char *text = "{\"version\":\"14:0:2\",\"currency\":\"EUR\",\"name\":\"taler-exchange\","
                       "\"supported_kyc_requirements\":[]}";
    struct taler_config c, back;
    struct buf out = {0};
    assert_int_equal(taler_config_read(&c, slice_str(text), NULL), 0);
    taler_config_write(&out, &c, taler_protocol_row(14));
    assert_same_json(text, &out);
    taler_config_write(&out, &c, taler_protocol_row(23));
    assert_int_equal(taler_config_read(&back, buf_slice(&out), NULL), 0);
    assert_memory_equal(&back, &c, sizeof(c));
    buf_free(&out);
    assert_int_equal(taler_config_read(&c, slice_str("{\"version\":14}"), NULL), SHOAL_E_BAD_REPLY);
}

/* Every shortened error reply of the recording, its placeholders filled with zeros. */
static void every_recorded_error_reply_is_read(void **state)
{
    struct buf file = read_file(WIRE_SAMPLES);
    char *save, *line = strtok_r((char *)file.data, "\n", &save);
    int errors = 0, histories = 0, status = 0;
    for (; line; line = strtok_r(NULL, "\n", &save)) {
        char *arrow = strstr(line, "-> ");
        if (strncmp(line, "###", 3) == 0 && arrow)
            status = atoi(arrow + 3);
        if (strncmp(line, "  RESP ", 7) != 0 || status < 400)
            continue;
        struct buf text = {0}, out = {0};
        for (const char *p = line + 7; *p;) {
            if (strncmp(p, "<b32:", 5) == 0) {
                for (int n = atoi(p + 5); n > 0; n--)
                    buf_char(&text, '0');
                p = strchr(p, '>') + 1;
            } else {
                buf_char(&text, *p++);
            }
        }
        struct taler_history_entry history[8];
        struct taler_error_reply e = {.history = history, .history_max = 8};
        struct taler_fault fault;
        if (taler_error_reply_read(&e, buf_slice(&text), &fault))
            fail_msg("%s: %s", line, fault.text);
        assert_true(e.code >= 1000 && e.hint[0] != '\0');
        assert_int_equal(e.history_count, e.history_total);
        for (size_t i = 0; i < e.history_count; i++)
            assert_int_not_equal(history[i].type, TALER_HISTORY_OTHER);
        if (e.has_history && status == 409) {
            taler_error_reply_write(&out, &e);
            assert_same_json((const char *)text.data, &out);
            histories++;
        }
        errors++;
        buf_free(&text);
        buf_free(&out);
    }
    assert_int_equal(errors, 14);
    assert_int_equal(histories, 8);
    buf_free(&file);
}

static void error_replies_are_bounded(void **state)
{
    struct taler_error_reply e = {.history = NULL};
    struct buf text = {0};
    buf_str(&text, "{\"code\":7,\"hint\":\"");
    for (int i = 0; i < 200; i++)
        buf_str(&text, "ä");
    buf_str(&text, "\",\"history\":[{\"type\":\"NEW KIND\"},{\"type\":\"CREDIT\"}]}");
    assert_int_equal(taler_error_reply_read(&e, buf_slice(&text), NULL), 0);
    assert_int_equal(strlen(e.hint), 254); /* not in the middle of a character */
    assert_int_equal(e.history_total, 2);
    assert_int_equal(e.history_count, 0);
    struct taler_history_entry one[2];
    e = (struct taler_error_reply){.history = one, .history_max = 1};
    assert_int_equal(taler_error_reply_read(&e, buf_slice(&text), NULL), 0);
    assert_int_equal(one[0].type, TALER_HISTORY_OTHER);
    e = (struct taler_error_reply){.history = one, .history_max = 2};
    assert_int_equal(taler_error_reply_read(&e, buf_slice(&text), NULL), SHOAL_E_BAD_REPLY);
    buf_free(&text);
    assert_int_equal(taler_error_reply_read(&e, slice_str("<html>"), NULL), SHOAL_E_BAD_REPLY);
    assert_int_equal(taler_error_reply_read(&e, slice_str("{\"hint\":\"x\"}"), NULL),
                     SHOAL_E_BAD_REPLY);
    assert_string_not_equal(taler_code_text(TALER_CODE_COIN_SIGNATURE), "");
    assert_string_equal(taler_code_text(1), "");
}

static void faults_name_the_member(void **state)
{
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"{}", "ev_sig: missing"},
        {"{\"ev_sig\":[]}", "ev_sig: not an object"},
        {"{\"ev_sig\":{\"cipher\":\"CS\"}}", "cipher: not RSA"},
        {"{\"ev_sig\":{\"cipher\":\"RSA\",\"blinded_rsa_signature\":\"!\"}}",
         "blinded_rsa_signature: not base32"},
        {"{\"ev_sig\":{\"cipher\":\"RSA\",\"blinded_rsa_signature\":\"\"}}",
         "blinded_rsa_signature: not base32"},
        {"{\"ev_sig\":", "body: "},
        {"[]", "body: not a JSON object"},
        {"", "body: "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct taler_rsa_value sig;
        struct taler_fault fault;
        assert_int_equal(taler_withdraw_reply_read(&sig, slice_str(cases[i].body), &fault),
                         SHOAL_E_BAD_REPLY);
        if (strncmp(fault.text, cases[i].says, strlen(cases[i].says)) != 0)
            fail_msg("\"%s\" does not begin with \"%s\"", fault.text, cases[i].says);
    }
}

static void payto_uris(void **state)
{
    static const struct {
        const char *uri;
        bool plain, with_receiver;
    } cases[] = {
        {"payto://x-taler-bank/localhost/42?receiver-name=42", true, true},
        {"payto://iban/DE75512108001245126199?amount=EUR:1&receiver-name=A%20B", true, true},
        {"payto://x-taler-bank/localhost/42", true, false},
        {"payto://x-taler-bank/localhost/42?receiver-name=", true, false},
        {"payto://x-taler-bank/localhost/42?xreceiver-name=42", true, false},
        {"payto://x-taler-bank/", false, false},
        {"payto://x-taler-bank", false, false},
        {"payto:///x?receiver-name=a", false, false},
        {"payto://x-taler-bank/?receiver-name=a", false, false},
        {"http://x/y?receiver-name=a", false, false},
        {"payto://x/a b?receiver-name=a", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(taler_payto_valid(cases[i].uri, false), cases[i].plain);
        assert_int_equal(taler_payto_valid(cases[i].uri, true), cases[i].with_receiver);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_withdraw),
        cmocka_unit_test(batch_withdraw),
        cmocka_unit_test(single_deposit),
        cmocka_unit_test(batch_deposit_of_23),
        cmocka_unit_test(confirmations_made_here_are_checked),
        cmocka_unit_test(reserve_wire_and_bank_bodies),
        cmocka_unit_test(config_bodies),
        cmocka_unit_test(every_recorded_error_reply_is_read),
        cmocka_unit_test(error_replies_are_bounded),
        cmocka_unit_test(faults_name_the_member),
        cmocka_unit_test(payto_uris),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
