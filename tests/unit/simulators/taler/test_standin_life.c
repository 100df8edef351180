/* A reserve's and its coins' whole life at the stand-in, in every protocol version. */
#include "standin_client.h"

static const char *const sets_14[] = {"protocol=14", NULL};
static const char *const sets_16[] = {"protocol=16", NULL};
static const char *const sets_17[] = {"protocol=17", NULL};
static const char *const sets_20[] = {"protocol=20", NULL};
static const char *const sets_23[] = {"protocol=23", NULL};

static const char *gateway_of(const struct peer *p)
{
    return p->keys->version.current == 14 ? "/Exchange/admin/add-incoming"
                                          : GATEWAY "/admin/add-incoming";
}

/* Fund EUR 20, withdraw 5 + 5 + 1 + 0.10, pay twice with one coin and once with two. */
static void live(const char *const *sets)
{
    struct peer p;
    struct taler_key reserve;
    struct coin coins[4];
    struct payment pay;
    struct answer a;
    char text[64];
    peer_start(&p, NULL, sets);
    peer_keys(&p);
    new_key(&reserve);
    balance_of(&p, &reserve, text);
    assert_string_equal(text, "");
    assert_int_equal(fund(&p, gateway_of(&p), &reserve, "EUR:20", PAYTO), 200);
    balance_of(&p, &reserve, text);
    assert_string_equal(text, "EUR:20");

    const char *const values[] = {"EUR:5", "EUR:5", "EUR:1", "EUR:0.1"};
    for (int i = 0; i < 4; i++)
        new_planchet(&coins[i], denom_of(&p, values[i]));
    withdraw_coins(&p, &reserve, &coins[0], 1);
    withdraw_coins(&p, &reserve, &coins[1], 3);
    balance_of(&p, &reserve, text);
    assert_string_equal(text, "EUR:8.86"); /* 20 - 11.10 - 4 x 0.01 */

    for (int i = 0; i < 2; i++) {
        new_payment(&pay, PAYTO);
        add_coin(&p, &pay, &coins[0], i ? "EUR:1.5" : "EUR:3.5");
        send_payment(&p, &pay, &a);
        assert_int_equal(a.status, 200);
        assert_int_equal(check_confirmation(&p, &pay, &a), 0);
        answer_free(&a);
    }
    new_payment(&pay, PAYTO);
    add_coin(&p, &pay, &coins[1], "EUR:5");
    add_coin(&p, &pay, &coins[2], "EUR:0.01"); /* nothing but its fee */
    send_payment(&p, &pay, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(check_confirmation(&p, &pay, &a), 0);
    answer_free(&a);

    cJSON *ledger = peer_stop(&p);
    assert_string_equal(json_string(ledger, "in"), "EUR:20");
    assert_string_equal(json_string(ledger, "reserves"), "EUR:8.86");
    assert_string_equal(json_string(ledger, "coins_outstanding"), "EUR:1.09");
    assert_string_equal(json_string(ledger, "deposited"), "EUR:9.97");
    assert_string_equal(json_string(ledger, "fees_withdraw"), "EUR:0.04");
    assert_string_equal(json_string(ledger, "fees_deposit"), "EUR:0.04");
    assert_string_equal(json_string(ledger, "fees"), "EUR:0.08");
    assert_int_equal(number_in(ledger, "withdrawals"), 4);
    assert_int_equal(number_in(ledger, "deposits"), 4);
    assert_int_equal(number_in(ledger, "conflicts"), 0);
    assert_int_equal(number_in(ledger, "requests"), 10);
    cJSON_Delete(ledger);
}

static void lives_in_14(void **state)
{
    live(sets_14);
}

static void lives_in_16(void **state)
{
    live(sets_16);
}

static void lives_in_17(void **state)
{
    live(sets_17);
}

static void lives_in_20(void **state)
{
    live(sets_20);
}

static void lives_in_23(void **state)
{
    live(sets_23);
}

/* The same withdrawal again is answered with the same signature, also when the reserve is empty;
 * the same payment again with the same timestamp; neither moves money. */
static void replay(const char *const *sets)
{
    struct peer p;
    struct taler_key reserve;
    struct coin coins[2];
    struct payment pay;
    struct answer first, again;
    char text[64];
    peer_start(&p, NULL, sets);
    peer_keys(&p);
    new_key(&reserve);
    assert_int_equal(fund(&p, gateway_of(&p), &reserve, "EUR:6.02", PAYTO), 200);
    assert_int_equal(fund(&p, gateway_of(&p), &reserve, "EUR:6.02", PAYTO), 200);
    assert_int_equal(fund(&p, gateway_of(&p), &reserve, "EUR:6.03", PAYTO), 409);
    new_planchet(&coins[0], denom_of(&p, "EUR:5"));
    new_planchet(&coins[1], denom_of(&p, "EUR:1"));
    for (size_t count = 1; count <= 2; count++) {
        ask_for_coins(&p, &reserve, coins, count, &first);
        ask_for_coins(&p, &reserve, coins, count, &again);
        assert_int_equal(first.status, 200);
        assert_int_equal(again.status, 200);
        assert_true(slice_equal(buf_slice(&first.body), buf_slice(&again.body)));
        assert_int_equal(take_coins(&p, coins, count, &again), 0);
        answer_free(&first);
        answer_free(&again);
    }
    balance_of(&p, &reserve, text);
    assert_string_equal(text, "EUR:0");

    new_payment(&pay, PAYTO);
    add_coin(&p, &pay, &coins[0], "EUR:5");
    send_payment(&p, &pay, &first);
    assert_int_equal(first.status, 200);
    sleep(1); /* so that a fresh timestamp would be another */
    sleep(1);
    send_payment(&p, &pay, &again);
    assert_int_equal(again.status, 200);
    assert_true(slice_equal(buf_slice(&first.body), buf_slice(&again.body)));
    answer_free(&first);
    answer_free(&again);

    cJSON *ledger = peer_stop(&p);
    assert_string_equal(json_string(ledger, "in"), "EUR:6.02");
    assert_string_equal(json_string(ledger, "deposited"), "EUR:4.99");
    assert_int_equal(number_in(ledger, "withdrawals"), 2);
    assert_int_equal(number_in(ledger, "deposits"), 1);
    assert_int_equal(number_in(ledger, "replays"), 4);
    cJSON_Delete(ledger);
}

static void replays_in_14(void **state)
{
    replay(sets_14);
}

static void replays_in_23(void **state)
{
    replay(sets_23);
}

/* Keys and books outlive the process in a folder. */
static void keeps_its_books(void **state)
{
    char folder[] = "/tmp/shoal-standin-XXXXXX", text[64];
    struct peer p, q;
    struct taler_key reserve;
    struct coin coins[2];
    struct payment pay;
    struct answer a;
    assert_non_null(mkdtemp(folder));
    peer_start(&p, folder, sets_14);
    peer_keys(&p);
    new_key(&reserve);
    assert_int_equal(fund(&p, GATEWAY "/admin/add-incoming", &reserve, "EUR:10", PAYTO), 200);
    new_planchet(&coins[0], denom_of(&p, "EUR:5"));
    new_planchet(&coins[1], denom_of(&p, "EUR:1"));
    withdraw_coins(&p, &reserve, coins, 1);
    new_payment(&pay, PAYTO);
    add_coin(&p, &pay, &coins[0], "EUR:5");
    send_payment(&p, &pay, &a);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    struct taler_keyset *before = p.keys;
    p.keys = NULL;
    cJSON_Delete(peer_stop(&p));

    peer_start(&q, folder, sets_14);
    peer_keys(&q);
    assert_true(taler_equal(&q.keys->master, &before->master));
    assert_non_null(taler_keyset_denom(q.keys, &coins[0].denom->hash));
    balance_of(&q, &reserve, text);
    assert_string_equal(text, "EUR:4.99");
    withdraw_coins(&q, &reserve, coins, 1);
    send_payment(&q, &pay, &a);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    new_payment(&pay, PAYTO);
    add_coin(&q, &pay, &coins[0], "EUR:0.5");
    send_payment(&q, &pay, &a);
    assert_int_equal(a.status, 409);
    answer_free(&a);
    withdraw_coins(&q, &reserve, &coins[1], 1);
    cJSON *ledger = peer_stop(&q);
    assert_string_equal(json_string(ledger, "in"), "EUR:10");
    assert_int_equal(number_in(ledger, "withdrawals"), 2);
    assert_int_equal(number_in(ledger, "deposits"), 1);
    cJSON_Delete(ledger);
    taler_keyset_free(before);

    /* Keys for other denominations are not taken for these. */
    const char *sets[] = {"rsa_bits=1024", "denominations=[\"EUR:2\"]"};
    struct embedded_options options = {.program = "/proc/self/exe",
                                       .system = "taler",
                                       .folder = folder,
                                       .sets = sets,
                                       .set_count = 2};
    struct embedded *child;
    char error[EMBEDDED_ERROR_MAX], command[128];
    assert_int_equal(embedded_start(&child, &options, error), SHOAL_E_INTERNAL);
    assert_non_null(strstr(error, "status 3"));
    static const char *const files[] = {"taler-keys.json", "taler-books", "ledger.json", "lock"};
    for (int i = 0; i < 4; i++) {
        snprintf(command, sizeof command, "%s/%s", folder, files[i]);
        assert_int_equal(unlink(command), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

/* A poll waits for the transfer, and no longer than it said. */
static void waits_for_transfers(void **state)
{
    static const char *const sets[] = {"wirewatch=300ms", NULL};
    struct peer p;
    struct taler_key reserve, stranger;
    struct answer a;
    char path[256];
    struct timespec start, end;
    peer_start(&p, NULL, sets);
    peer_keys(&p);
    new_key(&reserve);
    new_key(&stranger);
    int fd = peer_connect(&p), other = peer_connect(&p), leaver = peer_connect(&p);
    path_of(path, "/reserves/", &reserve.pub, "?timeout_ms=20000");
    peer_send(fd, "GET", path, "", (struct slice){0});
    peer_send(leaver, "GET", path, "", (struct slice){0});
    path_of(path, "/reserves/", &stranger.pub, "?timeout_ms=200");
    clock_gettime(CLOCK_MONOTONIC, &start);
    peer_send(other, "GET", path, "", (struct slice){0});
    assert_true(peer_receive(other, &a));
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_int_equal(a.status, 404);
    assert_int_equal(code_of(&a), 1027);
    double waited =
        (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    assert_true(waited > 0.19 && waited < 5);
    answer_free(&a);
    close(leaver);

    clock_gettime(CLOCK_MONOTONIC, &start);
    assert_int_equal(fund(&p, GATEWAY "/admin/add-incoming", &reserve, "EUR:3", PAYTO), 200);
    assert_true(peer_receive(fd, &a));
    clock_gettime(CLOCK_MONOTONIC, &end);
    waited = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    assert_true(waited > 0.29 && waited < 5);
    assert_int_equal(a.status, 200);
    struct taler_reserve_status status;
    assert_int_equal(taler_reserve_status_read(&status, buf_slice(&a.body), NULL), 0);
    assert_string_equal(status.last_origin, PAYTO);
    answer_free(&a);

    /* Who still waits at the end is answered. */
    path_of(path, "/reserves/", &stranger.pub, "?timeout_ms=60000");
    int last = peer_connect(&p);
    peer_send(last, "GET", path, "", (struct slice){0});
    usleep(100 * 1000);
    cJSON *ledger = peer_stop(&p);
    assert_int_equal(number_in(ledger, "polls"), 4);
    assert_string_equal(json_string(ledger, "in_transit"), "EUR:0");
    cJSON_Delete(ledger);
    close(fd);
    close(other);
    close(last);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "serve") == 0)
        return client_serve(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_in_14),         cmocka_unit_test(lives_in_16),
        cmocka_unit_test(lives_in_17),         cmocka_unit_test(lives_in_20),
        cmocka_unit_test(lives_in_23),         cmocka_unit_test(replays_in_14),
        cmocka_unit_test(replays_in_23),       cmocka_unit_test(keeps_its_books),
        cmocka_unit_test(waits_for_transfers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
