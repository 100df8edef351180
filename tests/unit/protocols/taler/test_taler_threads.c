/* A key set and its denominations are read by all threads at once: run with ThreadSanitizer. */
#include "tests/unit/protocols/taler/vectors.h"

#include <pthread.h>

#include "protocols/taler/keys_write.h"
#include "protocols/taler/rsa_private.h"
#include "protocols/taler/withdraw.h"

#define THREADS 4
#define COINS 8
#define NOW_S 1000

struct job {
    const struct taler_keyset *keys;
    const struct taler_rsa_private *priv;
    uint8_t number;
    int made;
};

static void *withdraw_coins(void *arg)
{
    struct job *job = arg;
    for (uint8_t i = 0; i < COINS; i++) {
        const struct taler_denom *d;
        const uint8_t secret[TALER_PLANCHET_SECRET_SIZE] = {job->number, i};
        struct taler_planchet p;
        struct taler_rsa_value blind_sig, sig;
        if (taler_keyset_selectable(job->keys, NOW_S, &d, 1) == 1 &&
            taler_keyset_denom(job->keys, &d->hash) == d &&
            taler_planchet_make(&p, d, secret) == 0 &&
            taler_rsa_blind_sign(&blind_sig, job->priv, &p.blinded) == 0 &&
            taler_planchet_finish(&sig, &p, d, &blind_sig) == 0)
            job->made++;
    }
    return NULL;
}

static void threads_share_a_key_set(void **state)
{
    const uint8_t seed[TALER_SEED_SIZE] = {1};
    struct taler_key key;
    struct taler_rsa_private *priv = taler_rsa_private_generate(1024);
    taler_key_from_seed(&key, seed);
    const struct taler_amount fee = amount("EUR:0.01");
    const struct taler_denom_offer offer = {.cipher = TALER_CIPHER_RSA,
                                            .encoded_pub = taler_rsa_private_encoded_public(priv),
                                            .expire_withdraw_s = NOW_S + 1,
                                            .value = amount("EUR:1"),
                                            .fee_withdraw = fee,
                                            .fee_deposit = fee,
                                            .fee_refresh = fee,
                                            .fee_refund = fee};
    const struct taler_keys_source source = {.protocol = taler_protocol_row(14),
                                             .base_url = "http://localhost/",
                                             .currency = "EUR",
                                             .master = &key,
                                             .signkey = &key,
                                             .denoms = &offer,
                                             .denom_count = 1};
    struct buf text = {0};
    struct taler_keyset *keys;
    assert_int_equal(taler_keys_write(&text, &source), 0);
    assert_int_equal(taler_keyset_read(&keys, buf_slice(&text), NULL, NULL), 0);

    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    for (uint8_t i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){keys, priv, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, withdraw_coins, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].made, COINS);
    }
    taler_keyset_free(keys);
    taler_rsa_private_free(priv);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_a_key_set)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
