/* Records of a wallet's money, and which coins it spends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulators/taler/coins.h"

#define NOW 1000

static struct taler_amount eur(const char *text)
{
    struct taler_amount a;

    assert_int_equal(taler_amount_parse(&a, text), 0);
    return a;
}

static void check_amount(const struct taler_amount *a, const char *expected)
{
    char text[TALER_AMOUNT_TEXT_MAX];

    assert_string_equal(taler_amount_format(a, text), expected);
}

static struct taler_denom denom(const char *value, uint64_t expires_s)
{
    struct taler_denom d = {0};

    d.value = eur(value);
    d.fee_deposit = eur("EUR:0.01");
    d.expire_deposit_s = expires_s;
    return d;
}

static struct coin coin(const struct taler_denom *d, const char *left)
{
    struct coin c = {.denom = d};

    c.left = eur(left);
    return c;
}

/* --- selection ------------------------------------------------------------------------------ */

static struct taler_denom ten, five, one, cent;

static int setup(void **state)
{
    (void)state;
    ten = denom("EUR:10", NOW + 100);
    five = denom("EUR:5", NOW + 100);
    one = denom("EUR:1", NOW + 100);
    cent = denom("EUR:0.01", NOW + 100);
    return 0;
}

static void an_exact_coin_is_best(void **state)
{
    struct coin coins[] = {coin(&ten, "EUR:10"), coin(&five, "EUR:5"), coin(&ten, "EUR:7")};
    struct taler_amount amount = eur("EUR:5");
    struct coin_pick picks[4];
    size_t count;

    (void)state;
    assert_int_equal(coins_select(coins, 3, &amount, NOW, picks, 4, &count), 0);
    assert_int_equal(count, 1);
    assert_ptr_equal(picks[0].coin, &coins[1]);
    check_amount(&picks[0].contribution, "EUR:5");
}

static void the_smallest_coin_that_covers_is_taken_in_part(void **state)
{
    struct coin coins[] = {coin(&ten, "EUR:10"), coin(&ten, "EUR:7"), coin(&five, "EUR:5")};
    struct taler_amount amount = eur("EUR:5.5");
    struct coin_pick picks[4];
    size_t count;

    (void)state;
    assert_int_equal(coins_select(coins, 3, &amount, NOW, picks, 4, &count), 0);
    assert_int_equal(count, 1);
    assert_ptr_equal(picks[0].coin, &coins[1]);
    check_amount(&picks[0].contribution, "EUR:5.5");
}

static void of_equal_coins_the_first_to_expire_goes(void **state)
{
    struct taler_denom old = denom("EUR:5", NOW + 10);
    struct coin coins[] = {coin(&five, "EUR:5"), coin(&old, "EUR:5")};
    struct taler_amount amount = eur("EUR:5");
    struct coin_pick picks[4];
    size_t count;

    (void)state;
    assert_int_equal(coins_select(coins, 2, &amount, NOW, picks, 4, &count), 0);
    assert_ptr_equal(picks[0].coin, &coins[1]);
}

static void several_coins_add_up_exactly(void **state)
{
    struct coin coins[] = {coin(&one, "EUR:1"), coin(&ten, "EUR:10"), coin(&five, "EUR:5")};
    struct taler_amount amount = eur("EUR:15.3"), sum = eur("EUR:0");
    struct coin_pick picks[4];
    size_t count;

    (void)state;
    assert_int_equal(coins_select(coins, 3, &amount, NOW, picks, 4, &count), 0);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(taler_amount_add(&sum, &sum, &picks[i].contribution), 0);
        assert_true(taler_amount_cmp(&picks[i].contribution, &picks[i].coin->left) <= 0);
    }
    check_amount(&sum, "EUR:15.3");
    check_amount(&picks[2].contribution, "EUR:0.3");
}

/* 5.001 leaves 0.001 for the second coin, less than its fee of 0.01. */
static void no_coin_contributes_less_than_its_fee(void **state)
{
    struct coin coins[] = {coin(&five, "EUR:5"), coin(&one, "EUR:1")};
    struct taler_amount amount = eur("EUR:5.001"), sum;
    struct coin_pick picks[4];
    size_t count;

    (void)state;
    assert_int_equal(coins_select(coins, 2, &amount, NOW, picks, 4, &count), 0);
    assert_int_equal(count, 2);
    check_amount(&picks[0].contribution, "EUR:4.991");
    check_amount(&picks[1].contribution, "EUR:0.01");
    assert_int_equal(taler_amount_add(&sum, &picks[0].contribution, &picks[1].contribution), 0);
    check_amount(&sum, "EUR:5.001");
}

static void what_cannot_be_spent_is_left(void **state)
{
    struct taler_denom expired = denom("EUR:5", NOW);
    struct coin coins[] = {coin(&expired, "EUR:5"), coin(NULL, "EUR:5"), coin(&one, "EUR:0.005"),
                           coin(&one, "EUR:1")};
    struct taler_amount amount = eur("EUR:1.005"), small = eur("EUR:0.005"), none = eur("EUR:0");
    struct coin_pick picks[4];
    size_t count;

    (void)state;
    assert_int_equal(coins_select(coins, 4, &amount, NOW, picks, 4, &count), SHOAL_E_NOT_FOUND);
    assert_int_equal(coins_select(coins, 4, &small, NOW, picks, 4, &count), SHOAL_E_NOT_FOUND);
    assert_int_equal(coins_select(coins, 4, &none, NOW, picks, 4, &count), SHOAL_E_NOT_FOUND);
    amount = eur("EUR:1");
    assert_int_equal(coins_select(coins, 4, &amount, NOW, picks, 4, &count), 0);
    assert_ptr_equal(picks[0].coin, &coins[3]);
    assert_int_equal(coins_select(coins, 0, &amount, NOW, picks, 4, &count), SHOAL_E_NOT_FOUND);
}

static void more_coins_than_a_payment_may_use(void **state)
{
    struct coin coins[] = {coin(&one, "EUR:1"), coin(&one, "EUR:1"), coin(&one, "EUR:1")};
    struct taler_amount amount = eur("EUR:3");
    struct coin_pick picks[3];
    size_t count;

    (void)state;
    assert_int_equal(coins_select(coins, 3, &amount, NOW, picks, 2, &count), SHOAL_E_LIMIT);
    assert_int_equal(coins_select(coins, 3, &amount, NOW, picks, 3, &count), 0);
    assert_int_equal(count, 3);
}

/* --- records -------------------------------------------------------------------------------- */

static void coins_come_back_from_their_records(void **state)
{
    uint8_t sig[256], record[COIN_RECORD_MAX];
    struct coin made = coin(&five, "EUR:4.99"), read;

    (void)state;
    memset(sig, 0xa5, sizeof sig);
    coin_key(made.key, 0x0102030405060708u, 0x090a);
    made.created_us = 1795203783000000u;
    memset(made.h_denom.bytes, 1, TALER_HASH_SIZE);
    memset(made.pair.seed, 2, TALER_SEED_SIZE);
    memset(made.pair.pub.bytes, 3, TALER_PUB_SIZE);
    made.sig = slice_of(sig, sizeof sig);
    size_t len = coin_record(record, &made);
    assert_int_equal(len, COIN_HEAD_SIZE + 256);
    assert_int_equal(get_u64be(record), made.created_us);

    struct slice key = slice_of(made.key, COIN_KEY_SIZE);
    assert_int_equal(coin_from_record(&read, key, slice_of(record, len), "EUR"), 0);
    assert_memory_equal(read.key, "\1\2\3\4\5\6\7\10\11\12", COIN_KEY_SIZE);
    assert_int_equal(read.created_us, made.created_us);
    assert_true(taler_equal(&read.h_denom, &made.h_denom));
    assert_memory_equal(&read.pair, &made.pair, sizeof read.pair);
    check_amount(&read.left, "EUR:4.99");
    assert_true(slice_equal(read.sig, made.sig));
    assert_null(read.denom);
}

static void damaged_records_are_refused(void **state)
{
    uint8_t sig[256] = {1}, record[COIN_RECORD_MAX], key[COIN_KEY_SIZE] = {0};
    struct coin made = coin(&five, "EUR:5"), read;
    struct reserve reserve;

    (void)state;
    made.sig = slice_of(sig, sizeof sig);
    size_t len = coin_record(record, &made);
    struct slice k = slice_of(key, sizeof key);
    assert_int_equal(coin_from_record(&read, slice_of(key, 9), slice_of(record, len), "EUR"),
                     SHOAL_E_CORRUPT);
    assert_int_equal(coin_from_record(&read, k, slice_of(record, COIN_HEAD_SIZE), "EUR"),
                     SHOAL_E_CORRUPT);
    assert_int_equal(coin_from_record(&read, k, slice_of(record, COIN_RECORD_MAX + 1), "EUR"),
                     SHOAL_E_CORRUPT);
    put_u32be(record + 8 + TALER_HASH_SIZE + 8, TALER_FRACTION_BASE);
    assert_int_equal(coin_from_record(&read, k, slice_of(record, len), "EUR"), SHOAL_E_CORRUPT);
    assert_int_equal(reserve_from_record(&reserve, slice_of(key, RESERVE_KEY_SIZE),
                                         slice_of(record, RESERVE_RECORD_SIZE - 1), "EUR"),
                     SHOAL_E_CORRUPT);
}

static void reserves_come_back_from_their_records(void **state)
{
    struct reserve made = {.iteration = 77, .created_us = 5}, read;
    uint8_t key[RESERVE_KEY_SIZE], record[RESERVE_RECORD_SIZE];

    (void)state;
    made.balance = eur("EUR:9.94");
    memset(made.key.seed, 9, TALER_SEED_SIZE);
    reserve_key(key, made.iteration);
    reserve_record(record, &made);
    assert_int_equal(reserve_from_record(&read, slice_of(key, sizeof key),
                                         slice_of(record, sizeof record), "EUR"),
                     0);
    assert_int_equal(read.iteration, 77);
    assert_int_equal(read.created_us, 5);
    assert_memory_equal(read.key.seed, made.key.seed, TALER_SEED_SIZE);
    check_amount(&read.balance, "EUR:9.94");
}

static void payments_begin_with_their_time(void **state)
{
    struct payment p = {.created_us = 42, .merchant = 7};
    uint8_t record[PAYMENT_RECORD_SIZE];

    (void)state;
    p.amount = eur("EUR:3.5");
    memset(p.h_contract.bytes, 6, TALER_HASH_SIZE);
    payment_record(record, &p);
    assert_int_equal(get_u64be(record), 42);
    assert_int_equal(get_u32be(record + 8), 7);
    assert_int_equal(get_u64be(record + 12), 3);
    assert_int_equal(get_u32be(record + 20), 50000000);
    assert_int_equal(record[PAYMENT_RECORD_SIZE - 1], 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_coin_is_best),
        cmocka_unit_test(the_smallest_coin_that_covers_is_taken_in_part),
        cmocka_unit_test(of_equal_coins_the_first_to_expire_goes),
        cmocka_unit_test(several_coins_add_up_exactly),
        cmocka_unit_test(no_coin_contributes_less_than_its_fee),
        cmocka_unit_test(what_cannot_be_spent_is_left),
        cmocka_unit_test(more_coins_than_a_payment_may_use),
        cmocka_unit_test(coins_come_back_from_their_records),
        cmocka_unit_test(damaged_records_are_refused),
        cmocka_unit_test(reserves_come_back_from_their_records),
        cmocka_unit_test(payments_begin_with_their_time),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
