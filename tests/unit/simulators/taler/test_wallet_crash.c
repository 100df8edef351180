/* A wallet dies at every call to its state, with all or nothing of its last turn on the disk, and
 * comes back: it has exactly the money that the exchange says it has, and is not open to anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/simulators/taler/wallet_world.h"

#define CALLS_MAX 200

/* In units of 1e-8. */
static uint64_t units_of(const struct taler_amount *a)
{
    uint64_t units = 0;

    if (taler_amount_to_units(a, &units))
        abort();
    return units;
}

static uint64_t units_in(const cJSON *ledger, const char *name)
{
    struct taler_amount a;

    if (taler_amount_parse(&a, json_string(ledger, name)))
        abort();
    return units_of(&a);
}

struct money {
    uint64_t reserves, coins;
};

static void count_money(struct world *w, const struct client_store *s, struct money *m)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct memory_record *r = &s->now[i];
        struct reserve reserve;
        struct coin coin;
        if (!r->value.data)
            continue;
        if (r->table == TABLE_INTENTS)
            world_note(w, "client %llu still has an intent\n", (unsigned long long)w->client);
        if (r->table == TABLE_RESERVES && !reserve_from_record(&reserve, r->key, r->value, "EUR"))
            m->reserves += units_of(&reserve.balance);
        if (r->table == TABLE_COINS && !coin_from_record(&coin, r->key, r->value, "EUR"))
            m->coins += units_of(&coin.left);
    }
}

static void compare(struct world *w, const struct money *m)
{
    const cJSON *ledger = world_ledger(w);
    uint64_t reserves = units_in(ledger, "reserves");
    uint64_t coins = units_in(ledger, "coins_outstanding");

    if (!cJSON_IsTrue(cJSON_GetObjectItem(ledger, "balanced")))
        world_note(w, "the books do not balance\n");
    if (m->reserves != reserves || m->coins != coins)
        world_note(w,
                   "client %llu: wallets have %llu in reserves and %llu in coins, the exchange "
                   "%llu and %llu\n",
                   (unsigned long long)w->client, (unsigned long long)m->reserves,
                   (unsigned long long)m->coins, (unsigned long long)reserves,
                   (unsigned long long)coins);
}

/* true when the iteration had no such call and so lived to its end. */
static bool live_and_die(struct world *w, uint64_t call, bool commits_each, struct money *m)
{
    struct client_store *s = client_new(commits_each, call);
    uint64_t client = 2 * call + commits_each;
    int error = world_do(w, world_iterate, s, client, 0);
    bool lived = error == SHOAL_OK;

    if (error && error != SHOAL_E_CANCELLED)
        world_note(w, "call %llu: %s: %s\n", (unsigned long long)call, w->failure.kind,
                   w->failure.text);
    memory_crash(s);
    error = world_do(w, world_recover, s, client, 1);
    if (error)
        world_note(w, "recovery after call %llu: %s: %s\n", (unsigned long long)call,
                   w->failure.kind, w->failure.text);
    count_money(w, s, m);
    compare(w, m);
    client_free(s);
    return lived;
}

static void die_everywhere(struct world *w)
{
    struct money m = {0};
    bool lived = false;

    if (world_do(w, world_start, NULL, 0, 0)) {
        world_note(w, "start: %s", w->failure.text);
        return;
    }
    for (uint64_t call = 1; !lived && call < CALLS_MAX && !w->said[0]; call++) {
        live_and_die(w, call, false, &m);
        lived = live_and_die(w, call, true, &m);
    }
    if (!lived && !w->said[0])
        world_note(w, "the iteration has more calls than are tried\n");
    if (!m.coins)
        world_note(w, "there never were coins\n");
}

static void run(const char *const *standin, const char *const *wallet)
{
    struct world *w = world_new(standin, wallet, NULL);

    world_run(w, die_everywhere);
    if (w->said[0])
        fail_msg("%s", w->said);
    free(w);
}

#define WALLET                                                                           \
    "withdraw_amount=8", "payments=3", "pay_amount={\"uniform\": [\"0.50\", \"2.50\"]}", \
        "fund_timeout=200ms"

static void version_23(void **state)
{
    static const char *const standin[] = {"protocol=23", "rsa_bits=1024", "keys=1", NULL};
    static const char *const wallet[] = {WALLET, NULL};

    (void)state;
    run(standin, wallet);
}

static void version_14(void **state)
{
    static const char *const standin[] = {"protocol=14", "rsa_bits=1024", "keys=1", NULL};
    static const char *const wallet[] = {WALLET, NULL};

    (void)state;
    run(standin, wallet);
}

static void version_14_one_by_one(void **state)
{
    static const char *const standin[] = {"protocol=14", "rsa_bits=1024", "keys=1", NULL};
    static const char *const wallet[] = {WALLET, "withdraw=single", "deposit=single", NULL};

    (void)state;
    run(standin, wallet);
}

static void small_batches_and_own_keys(void **state)
{
    static const char *const standin[] = {"protocol=17", "rsa_bits=1024", "keys=1", NULL};
    static const char *const wallet[] = {WALLET, "max_coins=3", "keys=wallet", NULL};

    (void)state;
    run(standin, wallet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_23),
        cmocka_unit_test(version_14),
        cmocka_unit_test(version_14_one_by_one),
        cmocka_unit_test(small_batches_and_own_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
