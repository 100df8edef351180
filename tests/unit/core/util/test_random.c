#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/util/random.h"

static const struct rng_source base = {1, "wallets", "think", 7, 3};

static uint64_t first(struct rng_source source)
{
    struct rng r;
    rng_init(&r, &source);
    return rng_u64(&r);
}

static void choices_repeat_and_depend_on_every_part(void **state)
{
    struct rng_source others[] = {base, base, base, base, base, base};
    others[0].seed = 2;
    others[1].scenario = "wallet";
    others[2].purpose = "pay";
    others[3].client = 8;
    others[4].iteration = 4;
    others[5].scenario = "walletst"; /* the boundary to the next text counts */
    others[5].purpose = "hink";
    assert_int_equal(first(base), first(base));
    for (size_t i = 0; i < 6; i++) {
        assert_int_not_equal(first(base), first(others[i]));
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(first(others[i]), first(others[j]));
    }
}

/* A plan and its seed must mean the same next year: these values are a promise. */
static void choices_stay_what_they_were(void **state)
{
    struct rng r;
    rng_init(&r, &base);
    uint64_t values[3] = {rng_u64(&r), rng_u64(&r), rng_u64(&r)};
    static const uint64_t golden[3] = {UINT64_C(0x38cbeacbf7e12bb4), UINT64_C(0x97355e3d235397c0),
                                       UINT64_C(0x59cc1f0ac388684f)};
    assert_memory_equal(values, golden, sizeof values);
}

/* The reference sequence of xoshiro256** from the state 1, 2, 3, 4. */
static void the_generator_is_xoshiro256starstar(void **state)
{
    struct rng r = {{1, 2, 3, 4}};
    assert_int_equal(rng_u64(&r), 11520);
    assert_int_equal(rng_u64(&r), 0);
    assert_int_equal(rng_u64(&r), 1509978240);
    assert_int_equal(rng_u64(&r), UINT64_C(1215971899390074240));
}

static void below_stays_below_and_is_even(void **state)
{
    struct rng r;
    rng_init(&r, &base);
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t v = rng_below(&r, 7);
        assert_true(v < 7);
        counts[v]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9500, 10500);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rng_below(&r, 1), 0);
        assert_true(rng_below(&r, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
    }
}

static void units_and_exponentials_have_their_means(void **state)
{
    struct rng r;
    rng_init(&r, &base);
    double sum = 0, exponential = 0;
    for (int i = 0; i < 100000; i++) {
        double u = rng_unit(&r), e = rng_exponential(&r, 20);
        assert_true(u >= 0 && u < 1);
        assert_true(e >= 0 && isfinite(e));
        sum += u;
        exponential += e;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.01);
    assert_true(fabs(exponential / 100000 - 20) < 0.4);
}

static void secrets_repeat_and_depend_on_every_part(void **state)
{
    struct secret_source s = {1, {9}, "wallets", 7, 3}, t[5] = {s, s, s, s, s};
    uint8_t out[8][SECRET_SIZE];
    t[0].seed = 2;
    t[1].run_id[15] = 1;
    t[2].scenario = "w";
    t[3].client = 8;
    t[4].iteration = 4;
    for (int i = 0; i < 5; i++)
        secret_derive(out[i], &t[i], "reserve", 0);
    secret_derive(out[5], &s, "reserve", 0);
    secret_derive(out[6], &s, "reserve", 1);
    secret_derive(out[7], &s, "coin", 0);
    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(out[i], out[j], SECRET_SIZE);
    }
    uint8_t again[SECRET_SIZE];
    secret_derive(again, &s, "reserve", 0);
    assert_memory_equal(again, out[5], SECRET_SIZE);
    static const uint8_t golden[8] = {0x25, 0x52, 0xc2, 0xde, 0x02, 0x50, 0xc3, 0x81};
    assert_memory_equal(again, golden, sizeof golden);
}

static void the_system_gives_random_bytes(void **state)
{
    uint8_t a[64] = {0}, b[64] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    random_bytes(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices_repeat_and_depend_on_every_part),
        cmocka_unit_test(choices_stay_what_they_were),
        cmocka_unit_test(the_generator_is_xoshiro256starstar),
        cmocka_unit_test(below_stays_below_and_is_even),
        cmocka_unit_test(units_and_exponentials_have_their_means),
        cmocka_unit_test(secrets_repeat_and_depend_on_every_part),
        cmocka_unit_test(the_system_gives_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
