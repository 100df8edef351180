/* Each lie is told where it says, the wallet's side sees it, and the books stay right. */
#include "standin_client.h"

static const char *const protocols[] = {"protocol=14", "protocol=23"};

static void start(struct peer *p, const char *protocol, const char *lie, const char *at)
{
    const char *const sets[] = {protocol, lie, at, NULL}; /* `at` may be NULL */
    peer_start(p, NULL, sets);
}

/* What reading /keys gives. */
static int keys_error(struct peer *p)
{
    struct answer a;
    peer_get(p, "/keys", &a);
    assert_int_equal(a.status, 200);
    int error = taler_keyset_read(&p->keys, buf_slice(&a.body), NULL, NULL);
    if (!error)
        p->protocol = p->keys->protocol;
    answer_free(&a);
    return error;
}

static void lies_about_keys(void **state)
{
    static const char *const lies[] = {"lie=bad-keys-signature", "lie=bad-denomination-signature",
                                       "lie=bad-signkey-signature", "lie=wrong-keyset"};
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < 4; i++) {
            struct peer p;
            start(&p, protocols[v], lies[i], NULL);
            assert_int_equal(keys_error(&p), SHOAL_E_BAD_SIGNATURE);
            assert_null(p.keys);
            cJSON_Delete(peer_stop(&p));
        }
}

struct stage {
    struct peer p;
    struct taler_key reserve;
    struct coin coins[3];
};

static void open_stage(struct stage *s, const char *protocol, const char *lie)
{
    start(&s->p, protocol, lie, NULL);
    assert_int_equal(keys_error(&s->p), 0);
    new_key(&s->reserve);
    assert_int_equal(fund(&s->p, GATEWAY "/admin/add-incoming", &s->reserve, "EUR:10", PAYTO), 200);
    for (int i = 0; i < 3; i++)
        new_planchet(&s->coins[i], denom_of(&s->p, "EUR:1"));
}

static void expect_lies(struct stage *s, int64_t lies)
{
    cJSON *ledger = peer_stop(&s->p);
    assert_int_equal(number_in(ledger, "lies"), lies);
    assert_int_equal(number_in(ledger, "withdrawals"), 3);
    cJSON_Delete(ledger);
}

/* One coin alone, then two together; what is expected of the two requests. */
static void withdraw_with_a_lie(const char *lie, int first, int second, int64_t lies)
{
    for (int v = 0; v < 2; v++) {
        struct stage s;
        struct answer a;
        open_stage(&s, protocols[v], lie);
        ask_for_coins(&s.p, &s.reserve, s.coins, 1, &a);
        assert_int_equal(a.status, 200);
        assert_int_equal(take_coins(&s.p, s.coins, 1, &a), first);
        answer_free(&a);
        ask_for_coins(&s.p, &s.reserve, s.coins + 1, 2, &a);
        assert_int_equal(a.status, 200);
        assert_int_equal(take_coins(&s.p, s.coins + 1, 2, &a), second);
        answer_free(&a);
        expect_lies(&s, lies);
    }
}

static void lies_about_blind_signatures(void **state)
{
    withdraw_with_a_lie("lie=none", 0, 0, 0);
    withdraw_with_a_lie("lie=bad-blind-signature", SHOAL_E_BAD_SIGNATURE, SHOAL_E_BAD_SIGNATURE, 3);
    withdraw_with_a_lie("lie=reused-blind-signature", 0, SHOAL_E_BAD_SIGNATURE, 2);
}

static void lies_about_how_many(void **state)
{
    struct stage s;
    struct answer a;
    open_stage(&s, "protocol=23", "lie=fewer-blind-signatures");
    ask_for_coins(&s.p, &s.reserve, s.coins, 3, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(take_coins(&s.p, s.coins, 3, &a), SHOAL_E_BAD_REPLY);
    answer_free(&a);
    expect_lies(&s, 1);
}

static void lies_about_deposits(void **state)
{
    for (int v = 0; v < 2; v++) {
        struct stage s;
        struct answer a;
        struct payment pay;
        open_stage(&s, protocols[v], "lie=bad-deposit-signature");
        withdraw_coins(&s.p, &s.reserve, s.coins, 3);
        new_payment(&pay, PAYTO);
        add_coin(&s.p, &pay, &s.coins[0], "EUR:1");
        add_coin(&s.p, &pay, &s.coins[1], "EUR:1");
        send_payment(&s.p, &pay, &a);
        assert_int_equal(a.status, 200);
        assert_int_equal(check_confirmation(&s.p, &pay, &a), SHOAL_E_BAD_SIGNATURE);
        answer_free(&a);
        expect_lies(&s, 1);
    }
}

static void lies_about_balances(void **state)
{
    struct stage s;
    char text[64];
    open_stage(&s, "protocol=23", "lie=wrong-balance");
    balance_of(&s.p, &s.reserve, text);
    assert_string_equal(text, "EUR:11");
    withdraw_coins(&s.p, &s.reserve, s.coins, 3);
    expect_lies(&s, 1);
}

/* A spoilt body in each place, and in no other. */
static void spoils_one_reply(void **state)
{
    static const char *const lies[] = {"lie=truncated-json", "lie=deep-json", "lie=no-json",
                                       "lie=empty-object"};
    for (int i = 0; i < 4; i++) {
        struct peer p;
        struct answer a;
        struct taler_key reserve;
        struct taler_config config;
        start(&p, "protocol=23", lies[i], "lie_at=keys");
        int error = keys_error(&p);
        assert_true(error == SHOAL_E_BAD_REPLY || error == SHOAL_E_LIMIT);
        peer_get(&p, "/config", &a);
        assert_int_equal(taler_config_read(&config, buf_slice(&a.body), NULL), 0);
        answer_free(&a);
        new_key(&reserve);
        assert_int_equal(fund(&p, GATEWAY "/admin/add-incoming", &reserve, "EUR:1", PAYTO), 200);
        cJSON *ledger = peer_stop(&p);
        assert_int_equal(number_in(ledger, "lies"), 1);
        cJSON_Delete(ledger);
    }
    static const char *const places[] = {"lie_at=config", "lie_at=reserve", "lie_at=fund"};
    for (int i = 0; i < 3; i++) {
        struct peer p;
        struct answer a;
        struct taler_key reserve;
        char path[256];
        start(&p, "protocol=23", "lie=empty-object", places[i]);
        new_key(&reserve);
        assert_int_equal(fund(&p, GATEWAY "/admin/add-incoming", &reserve, "EUR:1", PAYTO), 200);
        peer_get(&p, "/config", &a);
        assert_true((a.body.len == 2) == (i == 0));
        answer_free(&a);
        peer_get(&p, path_of(path, "/reserves/", &reserve.pub, ""), &a);
        assert_true((a.body.len == 2) == (i == 1));
        answer_free(&a);
        cJSON_Delete(peer_stop(&p));
    }
}

static void says_too_much_or_nothing(void **state)
{
    struct peer p;
    struct answer a;
    start(&p, "protocol=23", "lie=huge-reply", "lie_at=config");
    peer_get(&p, "/config", &a);
    assert_int_equal(a.status, 200);
    assert_true(a.body.len > 100u << 20);
    answer_free(&a);
    cJSON_Delete(peer_stop(&p));

    start(&p, "protocol=23", "lie=silence", "lie_at=config");
    int gone = peer_connect(&p), waiting = peer_connect(&p);
    struct timeval patience = {.tv_usec = 200 * 1000};
    peer_send(gone, "GET", "/config", "", (struct slice){0});
    peer_send(waiting, "GET", "/config", "", (struct slice){0});
    setsockopt(gone, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_false(peer_receive(gone, &a));
    answer_free(&a);
    close(gone);
    usleep(100 * 1000);
    cJSON *ledger = peer_stop(&p);
    assert_int_equal(number_in(ledger, "lies"), 2);
    cJSON_Delete(ledger);
    close(waiting);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "serve") == 0)
        return client_serve(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_about_keys),          cmocka_unit_test(lies_about_blind_signatures),
        cmocka_unit_test(lies_about_how_many),      cmocka_unit_test(lies_about_deposits),
        cmocka_unit_test(lies_about_balances),      cmocka_unit_test(spoils_one_reply),
        cmocka_unit_test(says_too_much_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
