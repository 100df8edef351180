/* An exchange that lies, and one that loses replies: every lie is noticed and has its name, nothing
 * is lost, and the next iteration goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/simulators/taler/wallet_world.h"

/* --- lies ------------------------------------------------------------------------------------- */

struct lie {
    const char *sets[4]; /* of the stand-in */
    const char *kind;    /* of the failure */
    bool at_start;
};

static const struct lie lies[] = {
    {{"lie=bad-blind-signature"}, "bad-blind-signature", false},
    {{"lie=reused-blind-signature"}, "bad-blind-signature", false},
    {{"lie=fewer-blind-signatures"}, "bad-reply", false},
    {{"lie=bad-deposit-signature"}, "bad-deposit-signature", false},
    {{"lie=wrong-balance"}, "wrong-balance", false},
    {{"lie=bad-keys-signature"}, "bad-keys-signature", true},
    {{"lie=bad-denomination-signature"}, "bad-keys-signature", true},
    {{"lie=bad-signkey-signature"}, "bad-keys-signature", true},
    {{"lie=wrong-keyset"}, "bad-keys-signature", true},
    {{"lie=truncated-json", "lie_at=config"}, "bad-reply", true},
    {{"lie=truncated-json", "lie_at=keys"}, "bad-reply", true},
    {{"lie=truncated-json", "lie_at=reserve"}, "bad-reply", false},
    {{"lie=truncated-json", "lie_at=withdraw"}, "bad-reply", false},
    {{"lie=truncated-json", "lie_at=deposit"}, "bad-reply", false},
    {{"lie=truncated-json", "lie_at=wire", "protocol=14"}, "bad-reply", true},
    {{"lie=deep-json", "lie_at=keys"}, "bad-reply", true},
    {{"lie=deep-json", "lie_at=withdraw"}, "bad-reply", false},
    {{"lie=deep-json", "lie_at=deposit"}, "bad-reply", false},
    {{"lie=no-json", "lie_at=config"}, "bad-reply", true},
    {{"lie=no-json", "lie_at=deposit"}, "bad-reply", false},
    {{"lie=empty-object", "lie_at=withdraw"}, "bad-reply", false},
    {{"lie=empty-object", "lie_at=deposit"}, "bad-reply", false},
    {{"lie=empty-object", "lie_at=reserve"}, "bad-reply", false},
    {{"lie=huge-reply", "lie_at=deposit"}, "too-large", false},
    {{"lie=silence", "lie_at=withdraw"}, "timeout", false},
    {{"lie=silence", "lie_at=config"}, "timeout", true},
};

static void tell(struct world *w)
{
    const struct lie *lie = w->arg;
    struct client_store *s = client_new(true, 0);
    bool failed_at_start = world_do(w, world_start, NULL, 0, 0) != SHOAL_OK;

    if (failed_at_start != lie->at_start)
        world_note(w, "start: %s: %s\n", w->failure.kind, w->failure.text);
    if (!failed_at_start && world_do(w, world_iterate, s, 1, 0) == SHOAL_OK)
        world_note(w, "believed\n");
    if (!w->said[0] && strcmp(w->failure.kind, lie->kind) != 0)
        world_note(w, "named %s: %s\n", w->failure.kind, w->failure.text);
    client_free(s);
}

static void every_lie_is_noticed(void **state)
{
    const char *wallet[] = {"withdraw_amount=8", "payments=2", "pay_amount=2", NULL, NULL};

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        const char *standin[8] = {"rsa_bits=1024", "keys=1"};
        wallet[3] = strcmp(lies[i].kind, "timeout") == 0 ? "timeout=400ms" : "timeout=20s";
        memcpy(standin + 2, lies[i].sets, sizeof lies[i].sets);
        struct world *w = world_new(standin, wallet, NULL);
        w->arg = (void *)(uintptr_t)&lies[i];
        world_run(w, tell);
        if (w->said[0])
            fail_msg("%s %s: %s", lies[i].sets[0], lies[i].sets[1] ? lies[i].sets[1] : "", w->said);
        free(w);
    }
}

/* --- lost replies ----------------------------------------------------------------------------- */

#define STORMY_CLIENTS 12
#define STORMY_ITERATIONS 3
#define CALM_TRIES 60

static uint64_t units_of(const struct taler_amount *a)
{
    uint64_t units = 0;

    if (taler_amount_to_units(a, &units))
        abort();
    return units;
}

static void storm(struct world *w)
{
    struct client_store *stores[STORMY_CLIENTS];
    uint64_t money = 0, intents = 0, succeeded = 0;

    /* Finding the exchange is not what is tested here. */
    for (int i = 0; i < CALM_TRIES && !w->fleet.data; i++)
        world_do(w, world_start, NULL, 0, 0);
    for (uint64_t c = 0; c < STORMY_CLIENTS && w->fleet.data; c++) {
        struct client_store *s = stores[c] = client_new(true, 0);
        for (uint64_t i = 0; i < STORMY_ITERATIONS; i++)
            succeeded += world_do(w, world_iterate, s, c + 1, i) == SHOAL_OK;
        for (int i = 0; i < CALM_TRIES; i++)
            if (world_do(w, world_recover, s, c + 1, STORMY_ITERATIONS) == SHOAL_OK)
                break;
        for (size_t i = 0; i < s->count; i++) {
            struct memory_record *r = &s->now[i];
            struct reserve reserve;
            struct coin coin;
            if (!r->value.data)
                continue;
            intents += r->table == TABLE_INTENTS;
            if (r->table == TABLE_RESERVES &&
                !reserve_from_record(&reserve, r->key, r->value, "EUR"))
                money += units_of(&reserve.balance);
            if (r->table == TABLE_COINS && !coin_from_record(&coin, r->key, r->value, "EUR"))
                money += units_of(&coin.left);
        }
        client_free(s);
    }
    const cJSON *ledger = world_ledger(w);
    struct taler_amount reserves, coins;
    if (!cJSON_IsTrue(cJSON_GetObjectItem(ledger, "balanced")))
        world_note(w, "the books do not balance\n");
    if (taler_amount_parse(&reserves, json_string(ledger, "reserves")) ||
        taler_amount_parse(&coins, json_string(ledger, "coins_outstanding")))
        abort();
    if (intents)
        world_note(w, "%llu intents are still open\n", (unsigned long long)intents);
    if (!succeeded)
        world_note(w, "no iteration succeeded\n");
    if (money != units_of(&reserves) + units_of(&coins))
        world_note(w, "wallets have %llu, the exchange has %llu + %llu for them\n",
                   (unsigned long long)money, (unsigned long long)units_of(&reserves),
                   (unsigned long long)units_of(&coins));
}

static void nothing_is_lost_with_replies(void **state)
{
    static const struct faults_options faults = {.error_share = 0.05,
                                                 .error_status = 502,
                                                 .drop_share = 0.05,
                                                 .lose_share = 0.06,
                                                 .truncate_share = 0.05,
                                                 .seed = 7};
    static const char *const standin[] = {"rsa_bits=1024", "keys=1", NULL};
    static const char *const plain[] = {"withdraw_amount=8",  "payments=2", "pay_amount=2",
                                        "fund_timeout=200ms", "timeout=1s", NULL};
    static const char *const retrying[] = {
        "withdraw_amount=8", "payments=2", "pay_amount=2", "fund_timeout=200ms", "timeout=1s",
        "retries=2",         NULL};
    const char *const *const wallets[] = {plain, retrying};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_new(standin, wallets[i], &faults);
        world_run(w, storm);
        if (w->said[0])
            fail_msg("%s: %s", i ? "with retries" : "without", w->said);
        free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lie_is_noticed),
        cmocka_unit_test(nothing_is_lost_with_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
