/* The stand-in's books: every path of money, against a model and against what is wrong in a file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util/random.h"
#include "simulators/taler/standin_books.h"

static const struct books_denom denoms[] = {{100, 1, 1}, {10, 1, 1}, {1, 0, 0}};
#define DENOMS 3

static struct taler_pub pub_of(uint64_t number)
{
    struct taler_pub pub = {{0}};
    put_u64be(pub.bytes, number * UINT64_C(0x9E3779B97F4A7C15));
    return pub;
}

static struct books_planchet planchet_of(uint64_t number, uint32_t denom)
{
    struct books_planchet p = {.denom = denom};
    put_u64be(p.h_envelope.bytes, number * UINT64_C(0xD1342543DE82EF95));
    return p;
}

static struct books_spend spend_of(uint64_t coin, uint32_t denom, uint64_t contribution,
                                   uint64_t digest)
{
    struct books_spend s = {.coin = pub_of(coin), .denom = denom, .contribution = contribution};
    put_u64be(s.digest, digest);
    return s;
}

static enum books_result transfer(struct books *b, uint64_t reserve, uint64_t units,
                                  const char *payto)
{
    uint32_t index;
    struct books_transfer t = {.reserve = pub_of(reserve), .amount = units, .payto = payto};
    enum books_result r = books_transfer(b, &t, &index);
    if (r == BOOKS_DONE)
        books_credit(b, index);
    return r;
}

static enum books_result withdraw(struct books *b, uint64_t reserve, uint64_t number,
                                  uint32_t denom)
{
    uint64_t requested;
    struct taler_pub pub = pub_of(reserve);
    struct books_planchet p = planchet_of(number, denom);
    return books_withdraw(b, &pub, &p, 1, &requested);
}

static enum books_result deposit(struct books *b, struct books_spend spend)
{
    uint64_t time_s = 1000;
    size_t failed;
    return books_deposit(b, &spend, 1, &time_s, &failed);
}

static void check(const struct books *b)
{
    struct books_totals again;
    const char *why = NULL;
    if (!books_recount(b, &again, &why))
        fail_msg("%s", why);
    assert_memory_equal(&again, &b->totals, sizeof again);
    assert_true(books_add_up(&b->totals));
}

static void money_moves(void **state)
{
    struct books b;
    books_init(&b, denoms, DENOMS, true);
    assert_int_equal(transfer(&b, 1, 250, "a"), BOOKS_DONE);
    assert_int_equal(transfer(&b, 1, 250, "a"), BOOKS_REPLAY);
    assert_int_equal(transfer(&b, 1, 251, "a"), BOOKS_CONFLICT);
    assert_int_equal(transfer(&b, 1, 250, "b"), BOOKS_CONFLICT);
    assert_int_equal(transfer(&b, 2, BOOKS_UNITS_MAX, "a"), BOOKS_TOO_MUCH);
    assert_int_equal(withdraw(&b, 9, 1, 0), BOOKS_UNKNOWN);
    assert_int_equal(withdraw(&b, 1, 1, 0), BOOKS_DONE);
    assert_int_equal(withdraw(&b, 1, 2, 0), BOOKS_DONE); /* 48 are left */
    assert_int_equal(withdraw(&b, 1, 3, 0), BOOKS_INSUFFICIENT);
    assert_int_equal(withdraw(&b, 1, 1, 0), BOOKS_REPLAY);
    check(&b);
    assert_int_equal(b.totals.reserves, 48);
    assert_int_equal(b.totals.coins_outstanding, 200);

    assert_int_equal(deposit(&b, spend_of(1, 0, 60, 1)), BOOKS_DONE);
    assert_int_equal(deposit(&b, spend_of(1, 0, 60, 1)), BOOKS_REPLAY);
    assert_int_equal(deposit(&b, spend_of(1, 0, 41, 2)), BOOKS_INSUFFICIENT);
    assert_int_equal(deposit(&b, spend_of(1, 1, 10, 3)), BOOKS_CONFLICT);
    assert_int_equal(deposit(&b, spend_of(1, 0, 40, 4)), BOOKS_DONE);
    assert_int_equal(deposit(&b, spend_of(1, 0, 40, 4)), BOOKS_REPLAY); /* although it is empty */
    assert_int_equal(deposit(&b, spend_of(2, 0, 101, 5)), BOOKS_INSUFFICIENT);
    check(&b);
    assert_int_equal(b.totals.deposited, 98);
    assert_int_equal(b.totals.fees_deposit, 2);
    assert_int_equal(b.totals.fees_withdraw, 2);
    assert_int_equal(b.totals.coins_outstanding, 100);
    books_free(&b);
}

/* A batch is done whole or not at all, and keeps the time of what was done before. */
static void batches_are_whole(void **state)
{
    struct books b;
    uint64_t requested, time_s = 5000;
    size_t failed = 99;
    struct taler_pub pub = pub_of(1);
    books_init(&b, denoms, DENOMS, false);
    transfer(&b, 1, 113, "a");
    struct books_planchet two[] = {planchet_of(1, 0), planchet_of(2, 1), planchet_of(1, 0)};
    struct books_planchet three[] = {planchet_of(1, 0), planchet_of(2, 1), planchet_of(3, 2)};
    assert_int_equal(books_withdraw(&b, &pub, two, 3, &requested), BOOKS_DONE);
    assert_int_equal(requested, 112); /* the planchet that is there twice is paid once */
    assert_int_equal(b.totals.withdrawals, 2);
    assert_int_equal(books_withdraw(&b, &pub, three, 3, &requested), BOOKS_DONE);
    assert_int_equal(requested, 1);
    assert_int_equal(books_withdraw(&b, &pub, three, 3, &requested), BOOKS_REPLAY);
    three[1] = planchet_of(4, 2);
    assert_int_equal(books_withdraw(&b, &pub, three, 3, &requested), BOOKS_INSUFFICIENT);
    check(&b);

    struct books_spend s[] = {spend_of(1, 0, 50, 1), spend_of(2, 1, 11, 2)};
    assert_int_equal(books_deposit(&b, s, 2, &time_s, &failed), BOOKS_INSUFFICIENT);
    assert_int_equal(failed, 1);
    assert_int_equal(b.totals.deposits, 0);
    s[1].contribution = 10;
    assert_int_equal(books_deposit(&b, s, 1, &time_s, &failed), BOOKS_DONE);
    time_s = 6000;
    assert_int_equal(books_deposit(&b, s, 2, &time_s, &failed), BOOKS_DONE);
    assert_int_equal(time_s, 5000);
    time_s = 7000;
    assert_int_equal(books_deposit(&b, s, 2, &time_s, &failed), BOOKS_REPLAY);
    assert_int_equal(time_s, 5000);
    check(&b);
    books_free(&b);
}

static void transit_counts(void **state)
{
    struct books b;
    uint32_t index;
    struct books_transfer t = {.reserve = pub_of(1), .amount = 70, .payto = "a"};
    books_init(&b, denoms, DENOMS, false);
    assert_int_equal(books_transfer(&b, &t, &index), BOOKS_DONE);
    assert_null(books_reserve(&b, &t.reserve));
    assert_int_equal(b.totals.in_transit, 70);
    assert_int_equal(withdraw(&b, 1, 1, 2), BOOKS_UNKNOWN);
    check(&b);
    books_credit(&b, index);
    assert_non_null(books_reserve(&b, &t.reserve));
    assert_int_equal(b.totals.in_transit, 0);
    check(&b);
    books_free(&b);
}

/* What the second count is for: one entry changed behind the books' back. */
static void finds_what_is_wrong(void **state)
{
    for (int wrong = 0; wrong < 8; wrong++) {
        struct books b;
        struct books_totals again;
        const char *why = NULL;
        books_init(&b, denoms, DENOMS, false);
        transfer(&b, 1, 250, "a");
        transfer(&b, 2, 250, "a");
        withdraw(&b, 1, 1, 0);
        withdraw(&b, 2, 2, 0);
        deposit(&b, spend_of(1, 0, 60, 1));
        deposit(&b, spend_of(2, 0, 60, 2));
        check(&b);
        struct books_reserve *reserve = records_at(&b.reserves, 0);
        struct books_withdrawal *w = records_at(&b.withdrawals, 0);
        struct books_coin *coin = records_at(&b.coins, 0);
        struct books_deposit *d = records_at(&b.deposits, 0);
        switch (wrong) {
        case 0:
            reserve->balance++;
            break;
        case 1:
            w->denom = 1;
            break;
        case 2:
            coin->spent--;
            break;
        case 3:
            d->contribution++;
            break;
        case 4:
            d->coin = 1;
            break;
        case 5:
            reserve->withdrawals = 0;
            break;
        case 6:
            coin->denom = 1; /* none of that one was withdrawn */
            break;
        default:
            b.totals.deposited++;
        }
        bool sound = books_recount(&b, &again, &why) &&
                     memcmp(&again, &b.totals, sizeof again) == 0 && books_add_up(&b.totals);
        assert_false(sound);
        books_free(&b);
    }
}

/* Many random operations; the books always add up, also from a file. */
static void random_life(void **state)
{
    char path[] = "/tmp/shoal-books-XXXXXX";
    struct books b, c;
    struct rng rng;
    rng_init(&rng, &(struct rng_source){.seed = 7, .scenario = "books", .purpose = "test"});
    books_init(&b, denoms, DENOMS, true);
    for (int i = 0; i < 200000; i++) {
        uint64_t n = rng_below(&rng, 20000);
        uint32_t denom = (uint32_t)(n % DENOMS);
        struct books_planchet p = planchet_of(n, denom);
        switch (rng_below(&rng, 3)) {
        case 0:
            transfer(&b, rng_below(&rng, 3000), rng_below(&rng, 2000), i % 2 ? "a" : "b");
            break;
        case 1:
            withdraw(&b, rng_below(&rng, 3000), n, denom);
            break;
        default:
            /* Only coins that were withdrawn exist: their signature says so. */
            if (records_find(&b.withdrawals, &p.h_envelope) != RECORDS_NONE)
                deposit(&b, spend_of(n, denom, 1 + rng_below(&rng, denoms[denom].value),
                                     rng_below(&rng, 3)));
        }
        if (i % 20000 == 0)
            check(&b);
    }
    check(&b);
    assert_true(b.totals.withdrawals > 10000 && b.totals.deposits > 10000);
    assert_true(b.totals.transfers > 1000);

    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(books_save(&b, path), 0);
    books_init(&c, denoms, DENOMS, true);
    assert_int_equal(books_load(&c, path), 0);
    check(&c);
    assert_memory_equal(&b.totals, &c.totals, sizeof b.totals);
    for (uint32_t i = 0; i < b.reserves.count; i++) {
        const struct books_reserve *r = records_at(&b.reserves, i);
        const struct books_reserve *same = records_at(&c.reserves, i);
        assert_memory_equal(r, same, sizeof *r);
        assert_string_equal(books_payto(&b, r), books_payto(&c, same));
        assert_int_equal(records_find(&c.reserves, &r->pub), i);
    }
    books_free(&b);
    books_free(&c);
    assert_int_equal(unlink(path), 0);
}

static long size_of(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    fclose(f);
    return size;
}

/* Each byte changed, each length cut: never taken for books. */
static void refuses_damaged_files(void **state)
{
    char path[] = "/tmp/shoal-books-XXXXXX";
    struct books b;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    books_init(&b, denoms, DENOMS, true);
    assert_int_equal(books_load(&b, "/nowhere/books"), SHOAL_E_NOT_FOUND);
    transfer(&b, 1, 250, "a");
    withdraw(&b, 1, 1, 0);
    deposit(&b, spend_of(1, 0, 60, 1));
    assert_int_equal(books_save(&b, path), 0);
    assert_true(books_save(&b, "/nowhere/books") < 0);
    books_free(&b);
    long size = size_of(path);
    uint8_t *good = malloc((size_t)size);
    FILE *f = fopen(path, "rb");
    assert_int_equal(fread(good, 1, (size_t)size, f), size);
    fclose(f);
    for (long at = 0; at < size; at++)
        for (int cut = 0; cut < 2; cut++) {
            f = fopen(path, "wb");
            good[at] ^= 0x10;
            assert_true(fwrite(good, 1, (size_t)(cut ? at : size), f) == (size_t)(cut ? at : size));
            good[at] ^= 0x10;
            fclose(f);
            books_init(&b, denoms, DENOMS, true);
            assert_int_equal(books_load(&b, path), SHOAL_E_CORRUPT);
            books_free(&b);
        }
    f = fopen(path, "wb");
    assert_int_equal(fwrite(good, 1, (size_t)size, f), size);
    fclose(f);
    books_init(&b, denoms, DENOMS - 1, true);
    assert_int_equal(books_load(&b, path), SHOAL_E_CORRUPT);
    books_free(&b);
    books_init(&b, denoms, DENOMS, false);
    assert_int_equal(books_load(&b, path), SHOAL_E_CORRUPT);
    books_free(&b);
    books_init(&b, denoms, DENOMS, true);
    assert_int_equal(books_load(&b, path), 0);
    check(&b);
    books_free(&b);
    free(good);
    assert_int_equal(unlink(path), 0);
}

/* A million coins withdrawn and spent once stay within some hundred megabytes. */
static void memory_is_modest(void **state)
{
    struct books b;
    books_init(&b, denoms, DENOMS, false);
    for (uint64_t i = 0; i < 100000; i++) {
        if (i % 10 == 0)
            transfer(&b, i / 10, 1010, i % 100 ? "a" : "b");
        assert_int_equal(withdraw(&b, i / 10, i, 0), BOOKS_DONE);
        assert_int_equal(deposit(&b, spend_of(i, 0, 100, 1)), BOOKS_DONE);
    }
    check(&b);
    assert_true(books_bytes(&b) < 100000 * 250);
    books_free(&b);
    books_init(&b, denoms, DENOMS, true);
    for (uint64_t i = 0; i < 100000; i++) {
        transfer(&b, i, 101, "a");
        assert_int_equal(withdraw(&b, i, i, 0), BOOKS_DONE);
        assert_int_equal(deposit(&b, spend_of(i, 0, 100, 1)), BOOKS_DONE);
    }
    assert_true(books_bytes(&b) < 100000 * 750);
    books_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_moves),      cmocka_unit_test(batches_are_whole),
        cmocka_unit_test(transit_counts),   cmocka_unit_test(finds_what_is_wrong),
        cmocka_unit_test(random_life),      cmocka_unit_test(refuses_damaged_files),
        cmocka_unit_test(memory_is_modest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
