/* What the stand-in refuses, with which status and code; and that its replies have the members of
 * those recorded from a real exchange of protocol 14. */
#include <zlib.h>

#include "standin_client.h"

#define SAMPLES "tests/vectors/taler-wire-samples-v14.txt"

static const char *const sets_14[] = {"protocol=14", NULL};

struct stage {
    struct peer p;
    struct taler_key reserve;
    struct coin coins[3]; /* EUR 5, 5, 1 */
};

/* EUR 12 in the reserve, three coins withdrawn. */
static void open_stage(struct stage *s, const char *const *sets)
{
    peer_start(&s->p, NULL, sets);
    peer_keys(&s->p);
    new_key(&s->reserve);
    assert_int_equal(fund(&s->p, GATEWAY "/admin/add-incoming", &s->reserve, "EUR:12", PAYTO), 200);
    for (int i = 0; i < 3; i++)
        new_planchet(&s->coins[i], denom_of(&s->p, i == 2 ? "EUR:1" : "EUR:5"));
    withdraw_coins(&s->p, &s->reserve, s->coins, 3);
}

static void expect(struct answer *a, int status, int64_t code)
{
    if (a->status != status || code_of(a) != code)
        fail_msg("%d %s instead of %d, %d", a->status, (const char *)a->body.data, status,
                 (int)code);
    answer_free(a);
}

/* --- shapes -------------------------------------------------------------------------------------
 */

/* The recorded reply to `title` ("POST /coins/$X/deposit -> 409"), with that code where it is not
 * 0.
 */
static cJSON *sample(const char *title, int64_t code)
{
    static const size_t line_max = 1 << 16;
    char *line = malloc(line_max);
    FILE *file = fopen(SAMPLES, "r");
    bool here = false;
    cJSON *tree = NULL;
    assert_non_null(file);
    while (!tree && fgets(line, (int)line_max, file)) {
        if (strncmp(line, "### ", 4) == 0)
            here = strncmp(line + 4, title, strlen(title)) == 0;
        if (!here || strncmp(line, "  RESP ", 7) != 0)
            continue;
        assert_int_equal(json_parse(&tree, slice_str(line + 7), NULL), 0);
        int64_t is = 0;
        json_int(tree, "code", &is);
        if (is != code) {
            cJSON_Delete(tree);
            tree = NULL;
        }
    }
    fclose(file);
    free(line);
    if (!tree)
        fail_msg("there is no sample of %s with code %d", title, (int)code);
    return tree;
}

/* The same members of the same types, and no others. Of an array every element must look like some
 * element of the sample's; its texts such as "...(4 items)" stand for what was cut. */
static bool same_shape(const cJSON *is, const cJSON *wanted)
{
    const cJSON *item, *other;
    if ((is->type & 0xff) != (wanted->type & 0xff) && !(cJSON_IsBool(is) && cJSON_IsBool(wanted)))
        return false;
    if (cJSON_IsArray(is)) {
        cJSON_ArrayForEach(item, is)
        {
            bool found = false;
            cJSON_ArrayForEach(other, wanted) found |= same_shape(item, other);
            if (!found)
                return false;
        }
        return true;
    }
    if (!cJSON_IsObject(is))
        return !cJSON_IsString(is) ||
               (strncmp(wanted->valuestring, "<b32:", 5) == 0 ? strlen(is->valuestring) > 20
                                                              : strlen(is->valuestring) > 0);
    cJSON_ArrayForEach(item, is)
    {
        other = cJSON_GetObjectItemCaseSensitive(wanted, item->string);
        if (!other || !same_shape(item, other))
            return false;
    }
    return cJSON_GetArraySize(is) == cJSON_GetArraySize(wanted);
}

/* Status and members as recorded; frees the answer. */
static void like_recorded(struct answer *a, const char *title, int64_t code)
{
    cJSON *wanted = sample(title, code), *is = NULL;
    assert_int_equal(a->status, atoi(strstr(title, "-> ") + 3));
    assert_int_equal(json_parse(&is, buf_slice(&a->body), NULL), 0);
    int64_t has = 0;
    json_int(is, "code", &has);
    assert_int_equal(has, code);
    if (!same_shape(is, wanted))
        fail_msg("%s: not like the recorded one: %s", title, (const char *)a->body.data);
    cJSON_Delete(wanted);
    cJSON_Delete(is);
    answer_free(a);
}

static void looks_like_recorded(void **state)
{
    struct stage s;
    struct answer a;
    struct payment pay;
    struct coin more, wrong;
    char path[256];
    open_stage(&s, sets_14);
    struct taler_incoming_request in = {.amount = amount("EUR:1")};
    struct taler_key other;
    new_key(&other);
    in.reserve = other.pub;
    snprintf(in.debit_account, sizeof in.debit_account, "%s", PAYTO);
    struct buf body = {0};
    taler_incoming_request_write(&body, &in);
    peer_post(&s.p, "/Exchange/admin/add-incoming", &body, &a);
    like_recorded(&a, "POST /2/admin/add-incoming -> 200", 0);
    buf_free(&body);
    peer_get(&s.p, "/Exchange/history/incoming?delta=1", &a);
    like_recorded(&a, "GET /2/history/incoming?delta=1 -> 200", 0);
    peer_get(&s.p, "/Exchange/history/incoming?delta=1&start=2", &a);
    assert_int_equal(a.status, 204);
    answer_free(&a);
    peer_get(&s.p, "/wire", &a);
    like_recorded(&a, "GET /wire -> 200", 0);
    peer_get(&s.p, path_of(path, "/reserves/", &s.reserve.pub, ""), &a);
    like_recorded(&a, "GET /reserves/$X -> 200", 0);

    new_planchet(&more, denom_of(&s.p, "EUR:5"));
    ask_for_coins(&s.p, &s.reserve, &more, 1, &a);
    like_recorded(&a, "POST /reserves/$X/withdraw -> 409", 1150);
    ask_for_coins(&s.p, &s.reserve, s.coins, 1, &a);
    like_recorded(&a, "POST /reserves/$X/withdraw -> 200", 0);
    ask_for_coins(&s.p, &s.reserve, s.coins, 2, &a);
    like_recorded(&a, "POST /reserves/$X/batch-withdraw -> 200", 0);

    new_payment(&pay, PAYTO);
    add_coin(&s.p, &pay, &s.coins[0], "EUR:5");
    send_payment(&s.p, &pay, &a);
    like_recorded(&a, "POST /coins/$X/deposit -> 200", 0);
    new_payment(&pay, PAYTO);
    add_coin(&s.p, &pay, &s.coins[0], "EUR:0.02");
    send_payment(&s.p, &pay, &a);
    like_recorded(&a, "POST /coins/$X/deposit -> 409", 1012);
    new_payment(&pay, PAYTO);
    add_coin(&s.p, &pay, &s.coins[1], "EUR:1");
    add_coin(&s.p, &pay, &s.coins[2], "EUR:1");
    send_payment(&s.p, &pay, &a);
    like_recorded(&a, "POST /batch-deposit -> 200", 0);

    /* The same coin key, honestly signed by two denominations, is one coin in the books. */
    struct taler_key rich;
    uint8_t secret[TALER_PLANCHET_SECRET_SIZE];
    new_key(&rich);
    assert_int_equal(fund(&s.p, GATEWAY "/admin/add-incoming", &rich, "EUR:20", PAYTO), 200);
    random_bytes(secret, sizeof secret);
    wrong.denom = denom_of(&s.p, "EUR:5");
    assert_int_equal(taler_planchet_make(&wrong.planchet, wrong.denom, secret), 0);
    more.denom = denom_of(&s.p, "EUR:1");
    assert_int_equal(taler_planchet_make(&more.planchet, more.denom, secret), 0);
    withdraw_coins(&s.p, &rich, &wrong, 1);
    withdraw_coins(&s.p, &rich, &more, 1);
    new_payment(&pay, PAYTO);
    add_coin(&s.p, &pay, &wrong, "EUR:1");
    send_payment(&s.p, &pay, &a);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    new_payment(&pay, PAYTO);
    add_coin(&s.p, &pay, &more, "EUR:1");
    send_payment(&s.p, &pay, &a);
    like_recorded(&a, "POST /coins/$X/deposit -> 409", 1003);
    cJSON_Delete(peer_stop(&s.p));
}

/* The history of a conflict proves it: its entries carry signatures that verify. */
static void proves_conflicts(void **state)
{
    struct stage s;
    struct answer a;
    struct payment spent, again;
    struct coin more;
    open_stage(&s, sets_14);
    new_payment(&spent, PAYTO);
    add_coin(&s.p, &spent, &s.coins[0], "EUR:4.5");
    send_payment(&s.p, &spent, &a);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    new_payment(&again, PAYTO);
    add_coin(&s.p, &again, &s.coins[0], "EUR:0.51");
    send_payment(&s.p, &again, &a);
    assert_int_equal(a.status, 409);
    struct taler_history_entry entries[8];
    struct taler_error_reply error = {.history = entries, .history_max = 8};
    assert_int_equal(taler_error_reply_read(&error, buf_slice(&a.body), NULL), 0);
    assert_int_equal(error.history_total, 1);
    assert_true(taler_equal(&entries[0].sig, &spent.coins[0].coin_sig));
    assert_true(taler_equal(&entries[0].h_wire, &spent.h_wire));
    struct taler_amount sum = amount("EUR:4.5");
    assert_int_equal(taler_amount_cmp(&entries[0].amount, &sum), 0);
    answer_free(&a);

    new_planchet(&more, denom_of(&s.p, "EUR:1"));
    ask_for_coins(&s.p, &s.reserve, &more, 1, &a);
    assert_int_equal(a.status, 409);
    error = (struct taler_error_reply){.history = entries, .history_max = 8};
    assert_int_equal(taler_error_reply_read(&error, buf_slice(&a.body), NULL), 0);
    assert_int_equal(error.history_total, 4); /* the transfer and three coins */
    struct taler_amount left = amount("EUR:0.97");
    assert_true(error.has_balance && taler_amount_cmp(&error.balance, &left) == 0);
    for (int i = 1; i < 4; i++) {
        struct taler_statement w = {.layout = TALER_WITHDRAW};
        w.withdraw.amount_with_fee = entries[i].amount;
        w.withdraw.h_denom = entries[i].h_denom;
        w.withdraw.h_envelope = entries[i].h_wire;
        assert_true(taler_verify(&entries[i].sig, &s.reserve.pub, &w));
    }
    answer_free(&a);
    cJSON *ledger = peer_stop(&s.p);
    assert_int_equal(number_in(ledger, "conflicts"), 2);
    cJSON_Delete(ledger);
}

/* --- refusals -----------------------------------------------------------------------------------
 */

static void refuses_withdrawals(void **state)
{
    struct stage s;
    struct answer a;
    struct taler_key stranger;
    struct coin more;
    struct buf body = {0};
    char path[256];
    open_stage(&s, NULL);
    new_key(&stranger);
    new_planchet(&more, denom_of(&s.p, "EUR:0.1"));
    ask_for_coins(&s.p, &stranger, &more, 1, &a);
    expect(&a, 404, 1027);
    struct taler_withdraw_planchet w = sign_planchet(&more, &stranger);
    taler_batch_withdraw_request_write(&body, &w, 1);
    path_of(path, "/reserves/", &s.reserve.pub, "/batch-withdraw");
    peer_post(&s.p, path, &body, &a);
    expect(&a, 403, 1154);

    w = sign_planchet(&more, &s.reserve);
    w.h_denom.bytes[5] ^= 1;
    buf_clear(&body);
    taler_batch_withdraw_request_write(&body, &w, 1);
    peer_post(&s.p, path, &body, &a);
    expect(&a, 404, 1005);

    /* A denomination that is not valid yet, and one all of whose planchets are too long. */
    for (size_t i = 0; i < s.p.keys->denom_count; i++) {
        const struct taler_denom *d = &s.p.keys->denoms[i];
        if (d->start_s <= now_s())
            continue;
        struct coin early;
        new_planchet(&early, d);
        ask_for_coins(&s.p, &s.reserve, &early, 1, &a);
        expect(&a, 412, 1008);
        break;
    }
    more.planchet.blinded.len = 64;
    w = sign_planchet(&more, &s.reserve);
    buf_clear(&body);
    taler_batch_withdraw_request_write(&body, &w, 1);
    peer_post(&s.p, path, &body, &a);
    expect(&a, 400, 26);

    /* The whole batch or nothing: the second one is too much. */
    struct coin two[2];
    new_planchet(&two[0], denom_of(&s.p, "EUR:0.1"));
    new_planchet(&two[1], denom_of(&s.p, "EUR:1"));
    ask_for_coins(&s.p, &s.reserve, two, 2, &a);
    cJSON *tree = NULL;
    assert_int_equal(json_parse(&tree, buf_slice(&a.body), NULL), 0);
    assert_null(json_array(tree, "history")); /* since 17 */
    cJSON_Delete(tree);
    expect(&a, 409, 1150);
    char text[64];
    balance_of(&s.p, &s.reserve, text);
    assert_string_equal(text, "EUR:0.97");
    cJSON *ledger = peer_stop(&s.p);
    assert_int_equal(number_in(ledger, "withdrawals"), 3);
    assert_int_equal(number_in(ledger, "forbidden"), 1);
    cJSON_Delete(ledger);
    buf_free(&body);
}

/* Every value that a deposit's signatures cover, changed one at a time. */
static void refuses_deposits(void **state)
{
    struct stage s;
    struct answer a;
    struct payment pay;
    open_stage(&s, NULL);
    for (int wrong = 0; wrong < 9; wrong++) {
        new_payment(&pay, PAYTO);
        add_coin(&s.p, &pay, &s.coins[0], "EUR:2");
        struct taler_deposit_coin *c = &pay.coins[0];
        switch (wrong) {
        case 0:
            c->coin_sig.bytes[0] ^= 1;
            break;
        case 1:
            pay.terms.h_contract.bytes[63] ^= 1;
            break;
        case 2:
            pay.terms.merchant.bytes[0] ^= 1;
            break;
        case 3:
            c->contribution = amount("EUR:1");
            break;
        case 4:
            pay.terms.wire_salt.bytes[0] ^= 1;
            break;
        case 5:
            pay.terms.timestamp_s--;
            break;
        case 6: /* another coin's key */
            c->coin = s.coins[1].planchet.coin.pub;
            break;
        case 7:
            c->denom_sig.bytes[c->denom_sig.len - 1] ^= 1;
            break;
        default: /* signed by another denomination than it says */
            c->h_denom = s.coins[2].denom->hash;
        }
        send_payment(&s.p, &pay, &a);
        expect(&a, 403, wrong < 6 ? 1205 : 1006);
    }

    static const struct {
        const char *payto, *contribution;
        int64_t refund_later_s;
        int status, code;
    } cases[] = {
        {"payto://x-taler-bank/localhost/user-1", "EUR:2", 0, 400, 24},
        {"mailto:somebody", "EUR:2", 0, 400, 24},
        {PAYTO, "EUR:2", 100, 400, 1208},
        {PAYTO, "EUR:0.005", 0, 400, 1207},
        {PAYTO, "USD:2", 0, 400, 30},
        {PAYTO, "EUR:5.01", 0, 409, 1012},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        new_payment(&pay, cases[i].payto);
        pay.terms.refund_deadline_s += (uint64_t)cases[i].refund_later_s;
        add_coin(&s.p, &pay, &s.coins[0], cases[i].contribution);
        send_payment(&s.p, &pay, &a);
        expect(&a, cases[i].status, cases[i].code);
    }

    /* One spent coin stops the whole batch. */
    new_payment(&pay, PAYTO);
    add_coin(&s.p, &pay, &s.coins[0], "EUR:5");
    send_payment(&s.p, &pay, &a);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    new_payment(&pay, PAYTO);
    add_coin(&s.p, &pay, &s.coins[1], "EUR:1");
    add_coin(&s.p, &pay, &s.coins[0], "EUR:1");
    send_payment(&s.p, &pay, &a);
    cJSON *tree = NULL;
    char text[TALER_PUB_TEXT_MAX];
    assert_int_equal(json_parse(&tree, buf_slice(&a.body), NULL), 0);
    assert_null(json_array(tree, "history"));
    assert_string_equal(
        json_string(tree, "coin_pub"),
        taler_b32_encode(text, sizeof text, s.coins[0].planchet.coin.pub.bytes, TALER_PUB_SIZE));
    cJSON_Delete(tree);
    expect(&a, 409, 1012);
    new_payment(&pay, PAYTO);
    add_coin(&s.p, &pay, &s.coins[1], "EUR:1");
    add_coin(&s.p, &pay, &s.coins[1], "EUR:2");
    send_payment(&s.p, &pay, &a);
    expect(&a, 400, 26);
    cJSON *ledger = peer_stop(&s.p);
    assert_int_equal(number_in(ledger, "deposits"), 1);
    assert_int_equal(number_in(ledger, "conflicts"), 2);
    assert_int_equal(number_in(ledger, "forbidden"), 9);
    cJSON_Delete(ledger);
}

/* --- HTTP ---------------------------------------------------------------------------------------
 */

static void call_text(const struct peer *p, const char *method, const char *path,
                      const char *headers, const char *body, struct answer *a)
{
    peer_call(p, method, path, headers, slice_str(body), a);
}

static void speaks_http(void **state)
{
    struct peer p;
    struct answer a;
    char header[128];
    peer_start(&p, NULL, NULL);
    peer_keys(&p);
    call_text(&p, "GET", "/nowhere", "", "", &a);
    assert_non_null(strcasestr(a.head, "connection: close"));
    expect(&a, 404, 21);
    call_text(&p, "POST", "/keys", "", "{}", &a);
    expect(&a, 405, 20);
    call_text(&p, "POST", "/batch-deposit", "", "{\"merchant_payto_uri\":", &a);
    assert_null(strcasestr(a.head, "connection: close"));
    expect(&a, 400, 22);
    call_text(&p, "POST", "/batch-deposit", "", "{\"coins\":[]}", &a);
    expect(&a, 400, 26);
    call_text(&p, "GET", "/reserves/ABC", "", "", &a);
    expect(&a, 400, 26);
    /* Only in older versions. */
    call_text(&p, "GET", "/wire", "", "", &a);
    expect(&a, 404, 21);
    call_text(&p, "POST", "/coins/ABC/deposit", "", "{}", &a);
    expect(&a, 404, 21);
    call_text(&p, "POST", "/reserves/ABC/withdraw", "", "{}", &a);
    expect(&a, 404, 21);

    call_text(&p, "GET", "/keys", "", "", &a);
    assert_int_equal(a.status, 200);
    const char *etag = strcasestr(a.head, "etag: ");
    assert_non_null(etag);
    assert_non_null(strcasestr(a.head, "cache-control: "));
    snprintf(header, sizeof header, "If-None-Match: %.*s\r\n", (int)strcspn(etag + 6, "\r"),
             etag + 6);
    answer_free(&a);
    call_text(&p, "GET", "/keys", header, "", &a);
    assert_int_equal(a.status, 304);
    assert_int_equal(a.body.len, 0);
    answer_free(&a);
    call_text(&p, "GET", "/keys", "If-None-Match: \"other\"\r\n", "", &a);
    assert_int_equal(a.status, 200);
    answer_free(&a);

    struct taler_config config;
    call_text(&p, "GET", "/config", "", "", &a);
    assert_int_equal(taler_config_read(&config, buf_slice(&a.body), NULL), 0);
    assert_string_equal(config.version, "23:0:6");
    assert_string_equal(config.name, "taler-exchange");
    answer_free(&a);
    call_text(&p, "GET", "/seed", "", "", &a);
    assert_int_equal(a.body.len, 32);
    answer_free(&a);
    cJSON *ledger = peer_stop(&p);
    assert_int_equal(number_in(ledger, "unknown"), 4);
    cJSON_Delete(ledger);
}

static void bank_knows_its_clients(void **state)
{
    static const struct {
        const char *auth, *header;
        bool may;
    } cases[] = {
        {"bank_auth=basic", "", false},
        {"bank_auth=basic", "Authorization: Basic ZXhjaGFuZ2U6c2VjcmV0\r\n", true},
        {"bank_auth=basic", "Authorization: Basic ZXhjaGFuZ2U6c2VjcmV1\r\n", false},
        {"bank_auth=basic", "Authorization: Bearer secret\r\n", false},
        {"bank_auth=bearer", "Authorization: Bearer secret\r\n", true},
        {"bank_auth=bearer", "Authorization: Bearer secre\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const sets[] = {cases[i].auth, "keys=1", "denominations=[\"EUR:1\"]", NULL};
        struct peer p;
        struct answer a;
        struct buf body = {0};
        struct taler_key reserve;
        new_key(&reserve);
        peer_start(&p, NULL, sets);
        struct taler_incoming_request in = {.amount = amount("EUR:1"), .reserve = reserve.pub};
        snprintf(in.debit_account, sizeof in.debit_account, "%s", PAYTO);
        taler_incoming_request_write(&body, &in);
        peer_call(&p, "POST", GATEWAY "/admin/add-incoming", cases[i].header, buf_slice(&body), &a);
        if (cases[i].may)
            assert_int_equal(a.status, 200);
        else
            expect(&a, 401, 40);
        answer_free(&a);
        buf_free(&body);
        cJSON_Delete(peer_stop(&p));
    }
}

/* Upstream's client compresses every body. */
static void takes_deflated_bodies(void **state)
{
    struct peer p;
    struct answer a;
    struct buf body = {0};
    struct taler_key reserve;
    uint8_t packed[4096];
    uLongf len = sizeof packed;
    new_key(&reserve);
    peer_start(&p, NULL, NULL);
    struct taler_incoming_request in = {.amount = amount("EUR:1"), .reserve = reserve.pub};
    snprintf(in.debit_account, sizeof in.debit_account, "%s", PAYTO);
    taler_incoming_request_write(&body, &in);
    assert_int_equal(compress(packed, &len, body.data, body.len), Z_OK);
    peer_call(&p, "POST", GATEWAY "/admin/add-incoming", "Content-Encoding: deflate\r\n",
              slice_of(packed, len), &a);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    peer_call(&p, "POST", GATEWAY "/admin/add-incoming", "Content-Encoding: deflate\r\n",
              buf_slice(&body), &a);
    assert_int_equal(a.status, 400);
    answer_free(&a);
    buf_free(&body);
    cJSON *ledger = peer_stop(&p);
    assert_int_equal(number_in(ledger, "transfers"), 1);
    cJSON_Delete(ledger);
}

static void bank_refuses(void **state)
{
    struct peer p;
    struct taler_key reserve;
    peer_start(&p, NULL, NULL);
    new_key(&reserve);
    const char *path = GATEWAY "/admin/add-incoming";
    assert_int_equal(fund(&p, path, &reserve, "USD:1", PAYTO), 400);
    assert_int_equal(fund(&p, path, &reserve, "EUR:1", "payto://x-taler-bank/localhost/u"), 400);
    assert_int_equal(fund(&p, path, &reserve, "EUR:4503599627370496", PAYTO), 400);
    assert_int_equal(fund(&p, path, &reserve, "EUR:1", PAYTO), 200);
    assert_int_equal(fund(&p, path, &reserve, "EUR:1", PAYTO "x"), 409);
    cJSON *ledger = peer_stop(&p);
    assert_string_equal(json_string(ledger, "in"), "EUR:1");
    cJSON_Delete(ledger);
}

/* What a client must filter is there: keys of the future and keys with an age mask. */
static void offers_what_must_be_filtered(void **state)
{
    static const char *const sets[] = {"keys=4", NULL};
    struct peer p;
    size_t future = 0, aged = 0, usable = 0;
    const struct taler_denom *list[64];
    peer_start(&p, NULL, sets);
    peer_keys(&p);
    assert_int_equal(p.keys->denom_count, 20);
    for (size_t i = 0; i < p.keys->denom_count; i++) {
        future += p.keys->denoms[i].start_s > now_s();
        aged += p.keys->denoms[i].age_mask != 0;
    }
    usable = taler_keyset_selectable(p.keys, now_s(), list, 64);
    assert_int_equal(future, 5);
    assert_int_equal(aged, 5);
    assert_int_equal(usable, 10);
    const struct taler_denom *cent = denom_of(&p, "EUR:0.01");
    assert_true(taler_amount_is_zero(&cent->fee_withdraw));
    assert_true(taler_amount_is_zero(&cent->fee_deposit));
    cJSON_Delete(peer_stop(&p));
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "serve") == 0)
        return client_serve(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_like_recorded),
        cmocka_unit_test(proves_conflicts),
        cmocka_unit_test(refuses_withdrawals),
        cmocka_unit_test(refuses_deposits),
        cmocka_unit_test(speaks_http),
        cmocka_unit_test(bank_knows_its_clients),
        cmocka_unit_test(takes_deflated_bodies),
        cmocka_unit_test(bank_refuses),
        cmocka_unit_test(offers_what_must_be_filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
