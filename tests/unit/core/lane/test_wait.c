/* Waits, groups, cancellation: of completion, deadline and cancel exactly one wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/lane/lane.h"
#include "core/util/clock.h"
#include "core/util/error.h"

static void run_lane(fiber_fn fn, void *arg)
{
    struct lane *lane;

    assert_int_equal(lane_new(&lane, &(struct lane_options){.stacks.stacks_max = 4096}), 0);
    assert_int_equal(lane_spawn(lane, NULL, fn, arg), 0);
    lane_stop(lane); /* it runs until no fiber is left */
    lane_run(lane);
    lane_free(lane);
}

static int64_t in_ms(int64_t ms)
{
    return clock_ns() + ms * NS_PER_MS;
}

static void hold_lane_until(int64_t until_ns)
{
    while (clock_ns() < until_ns)
        continue;
}

/* --- one wait --------------------------------------------------------------------------------- */

static void fiber_single_waits(void *arg)
{
    struct fiber_wait w;
    int64_t before_ns;

    wait_init(&w);
    assert_true(wait_wake(&w, 7)); /* a wake before the wait is kept */
    assert_false(wait_wake(&w, 8));
    assert_int_equal(wait_until(&w, CLOCK_NEVER), 7);
    assert_int_equal(wait_until(&w, 0), 7);

    wait_init(&w);
    assert_int_equal(wait_until(&w, clock_ns() - 1), SHOAL_E_TIMEOUT); /* at once */
    assert_false(wait_wake(&w, 0));

    wait_init(&w);
    before_ns = clock_ns();
    assert_int_equal(wait_until(&w, before_ns + 5 * NS_PER_MS), SHOAL_E_TIMEOUT);
    assert_true(clock_ns() >= before_ns + 5 * NS_PER_MS);
    assert_false(wait_wake(&w, 0));

    before_ns = clock_ns();
    assert_int_equal(lane_sleep_until(before_ns + 2 * NS_PER_MS), 0);
    assert_true(clock_ns() >= before_ns + 2 * NS_PER_MS);
    assert_int_equal(lane_sleep_until(before_ns), 0);
    *(int *)arg = 1;
}

static void test_single_waits(void **state)
{
    int done = 0;

    run_lane(fiber_single_waits, &done);
    assert_int_equal(done, 1);
}

/* --- races ------------------------------------------------------------------------------------ */

enum { WAKE, CANCEL, DEADLINE, EVENTS };

struct race {
    struct fiber_group group;
    struct fiber_wait wait;
    int64_t at_ns[EVENTS];
    struct lane_timer wake, cancel;
    bool wake_won;
    int result;
};

static void race_waits(void *arg)
{
    struct race *race = arg;

    race->result = wait_until(&race->wait, race->at_ns[DEADLINE]);
}

static void race_wakes(struct lane_timer *timer)
{
    struct race *race = (struct race *)(void *)((char *)timer - offsetof(struct race, wake));

    race->wake_won = wait_wake(&race->wait, 5);
}

static void race_cancels(struct lane_timer *timer)
{
    struct race *race = (struct race *)(void *)((char *)timer - offsetof(struct race, cancel));

    group_cancel(&race->group);
}

/* All three events are due in one turn, in every order, and the first of them decides. */
static void fiber_races(void *arg)
{
    static const int orders[6][EVENTS] = {{WAKE, CANCEL, DEADLINE}, {WAKE, DEADLINE, CANCEL},
                                          {CANCEL, WAKE, DEADLINE}, {CANCEL, DEADLINE, WAKE},
                                          {DEADLINE, WAKE, CANCEL}, {DEADLINE, CANCEL, WAKE}};
    static const int results[EVENTS] = {5, SHOAL_E_CANCELLED, SHOAL_E_TIMEOUT};
    struct lane *lane = lane_current();

    for (int i = 0; i < 6; i++) {
        struct race race = {.wake.fn = race_wakes, .cancel.fn = race_cancels, .result = 1};
        int64_t base_ns = in_ms(20);

        for (int k = 0; k < EVENTS; k++)
            race.at_ns[orders[i][k]] = base_ns + k * NS_PER_US;
        wait_init(&race.wait);
        assert_int_equal(lane_spawn(lane, &race.group, race_waits, &race), 0);
        lane_yield(); /* it waits now */
        lane_timer_set(lane, &race.wake, race.at_ns[WAKE]);
        lane_timer_set(lane, &race.cancel, race.at_ns[CANCEL]);
        hold_lane_until(base_ns + NS_PER_MS);
        assert_int_equal(race.result, 1);
        assert_int_equal(group_join(&race.group, CLOCK_NEVER), 0);
        assert_int_equal(race.result, results[orders[i][0]]);
        assert_int_equal(race.wake_won, orders[i][0] == WAKE);
        lane_timer_stop(lane, &race.wake);
        lane_timer_stop(lane, &race.cancel);
        ++*(int *)arg;
    }
}

static void test_exactly_one_of_three_wins(void **state)
{
    int done = 0;

    run_lane(fiber_races, &done);
    assert_int_equal(done, 6);
}

/* --- groups ----------------------------------------------------------------------------------- */

struct tree {
    int depth;
    int *ended;
    int *cancelled;
};

/* Every node has two children and a group of its own, and ends them before it ends. */
static void tree_node(void *arg)
{
    struct tree *self = arg;
    struct tree child = {self->depth - 1, self->ended, self->cancelled};
    struct fiber_group children = {0};

    for (int i = 0; i < 2 && self->depth > 0; i++)
        assert_int_equal(lane_spawn(lane_current(), &children, tree_node, &child), 0);
    if (lane_sleep_until(in_ms(60000)) == SHOAL_E_CANCELLED)
        ++*self->cancelled;
    assert_true(fiber_cancelled());
    group_end(&children);
    assert_int_equal(children.count, 0);
    ++*self->ended;
}

static void fiber_cancels_tree(void *arg)
{
    int ended = 0, cancelled = 0;
    struct tree root = {6, &ended, &cancelled};
    struct fiber_group group = {0};

    assert_int_equal(group_join(&group, CLOCK_NEVER), 0); /* an empty one */
    assert_int_equal(lane_spawn(lane_current(), &group, tree_node, &root), 0);
    assert_int_equal(group_join(&group, in_ms(5)), SHOAL_E_TIMEOUT);
    assert_int_equal(ended, 0);
    for (int i = 0; i < 1000 && fiber_pool_running(lane_stacks(lane_current())) < 1 + 127; i++)
        assert_int_equal(lane_sleep_until(in_ms(5)), 0);
    assert_int_equal(fiber_pool_running(lane_stacks(lane_current())), 1 + 127);
    group_cancel(&group);
    assert_int_equal(group_join(&group, in_ms(5000)), 0);
    assert_int_equal(ended, 127);
    assert_int_equal(cancelled, 127);
    assert_int_equal(fiber_pool_running(lane_stacks(lane_current())), 1);
    *(int *)arg = 1;
}

static void test_cancel_reaches_nested_children(void **state)
{
    int done = 0;

    run_lane(fiber_cancels_tree, &done);
    assert_int_equal(done, 1);
}

static void counts_cancelled(void *arg)
{
    int *seen = arg;

    *seen += fiber_cancelled() ? 1 : 100;
    *seen += lane_sleep_until(CLOCK_NEVER) == SHOAL_E_CANCELLED ? 10 : 1000;
}

struct late {
    struct fiber_group *group;
    int seen;
};

static void spawns_when_cancelled(void *arg)
{
    struct late *late = arg;

    assert_int_equal(lane_sleep_until(CLOCK_NEVER), SHOAL_E_CANCELLED);
    assert_int_equal(lane_sleep_until(CLOCK_NEVER), SHOAL_E_CANCELLED); /* and from now on */
    assert_int_equal(lane_spawn(lane_current(), late->group, counts_cancelled, &late->seen), 0);
}

static void cancels_itself(void *arg)
{
    group_cancel(arg);
    assert_true(fiber_cancelled());
    assert_int_equal(lane_sleep_until(in_ms(1000)), SHOAL_E_CANCELLED);
}

static void sleeps_a_moment(void *arg)
{
    *(int *)arg = lane_sleep_until(in_ms(1));
}

static void fiber_late_members(void *arg)
{
    struct fiber_group group = {0};
    struct late late = {&group, 0};
    int result = 1;

    assert_int_equal(lane_spawn(lane_current(), &group, spawns_when_cancelled, &late), 0);
    lane_yield();
    group_end(&group);
    assert_int_equal(late.seen, 11); /* born cancelled */

    assert_int_equal(lane_spawn(lane_current(), &group, sleeps_a_moment, &result), 0);
    assert_int_equal(group_join(&group, in_ms(5000)), 0);
    assert_int_equal(result, 0); /* an emptied group starts anew */

    assert_int_equal(lane_spawn(lane_current(), &group, cancels_itself, &group), 0);
    assert_int_equal(group_join(&group, in_ms(500)), 0);

    assert_int_equal(lane_spawn(lane_current(), &group, counts_cancelled, &late.seen), 0);
    late.seen = 0;
    group_cancel(&group); /* before it ran at all */
    assert_int_equal(group_join(&group, in_ms(500)), 0);
    assert_int_equal(late.seen, 11);
    *(int *)arg = 1;
}

static void test_members_that_come_late(void **state)
{
    int done = 0;

    run_lane(fiber_late_members, &done);
    assert_int_equal(done, 1);
}

/* --- shield ----------------------------------------------------------------------------------- */

static void cleans_up_shielded(void *arg)
{
    int64_t start_ns = clock_ns();

    assert_int_equal(lane_sleep_until(CLOCK_NEVER), SHOAL_E_CANCELLED);
    fiber_shield(true);
    fiber_shield(true);
    assert_true(fiber_cancelled());
    assert_int_equal(lane_sleep_until(in_ms(3)), 0);
    fiber_shield(false);
    assert_int_equal(lane_sleep_until(in_ms(3)), 0); /* still one shield */
    fiber_shield(false);
    assert_int_equal(lane_sleep_until(in_ms(3000)), SHOAL_E_CANCELLED);
    assert_true(clock_ns() - start_ns >= 6 * NS_PER_MS);
    ++*(int *)arg;
}

static void shielded_from_the_start(void *arg)
{
    fiber_shield(true);
    assert_int_equal(lane_sleep_until(in_ms(10)), 0); /* the cancel comes in here */
    fiber_shield(false);
    assert_int_equal(lane_sleep_until(in_ms(3000)), SHOAL_E_CANCELLED);
    ++*(int *)arg;
}

static void fiber_shields(void *arg)
{
    struct fiber_group group = {0};

    assert_int_equal(lane_spawn(lane_current(), &group, cleans_up_shielded, arg), 0);
    assert_int_equal(lane_spawn(lane_current(), &group, shielded_from_the_start, arg), 0);
    lane_yield();
    group_end(&group);
}

static void test_shield(void **state)
{
    int done = 0;

    run_lane(fiber_shields, &done);
    assert_int_equal(done, 2);
}

/* --- the run queue ---------------------------------------------------------------------------- */

struct chorus {
    char text[64];
    struct singer {
        struct chorus *chorus;
        char letter;
    } singers[3];
};

static void sings(void *arg)
{
    struct singer *self = arg;

    for (int i = 0; i < 3; i++) {
        self->chorus->text[strlen(self->chorus->text)] = self->letter;
        lane_yield();
    }
}

static void fiber_chorus(void *arg)
{
    struct chorus *chorus = arg;
    struct fiber_group group = {0};

    for (int i = 0; i < 3; i++) {
        chorus->singers[i] = (struct singer){chorus, (char)('a' + i)};
        assert_int_equal(lane_spawn(lane_current(), &group, sings, &chorus->singers[i]), 0);
    }
    assert_int_equal(group_join(&group, CLOCK_NEVER), 0);
}

static void test_yield_lets_the_others_run(void **state)
{
    struct chorus chorus = {0};

    run_lane(fiber_chorus, &chorus);
    assert_string_equal(chorus.text, "abcabcabc");
}

static void ends(void *arg)
{
    ++*(int *)arg;
}

static void sleeps_long(void *arg)
{
    lane_sleep_until(CLOCK_NEVER);
    ++*(int *)arg;
}

static void fiber_spawns_too_many(void *arg)
{
    struct fiber_group group = {0};
    int ended = 0, spawned = 0, rc;

    while ((rc = lane_spawn(lane_current(), &group, sleeps_long, &ended)) == 0)
        spawned++;
    assert_int_equal(rc, SHOAL_E_FULL);
    assert_int_equal(spawned, 4095);
    assert_int_equal(group.count, 4095);
    group_end(&group);
    assert_int_equal(ended, 4095);
    for (int i = 0; i < 4095; i++) /* every stack is there again */
        assert_int_equal(lane_spawn(lane_current(), &group, ends, &ended), 0);
    assert_int_equal(group_join(&group, CLOCK_NEVER), 0);
    assert_int_equal(ended, 2 * 4095);
    *(int *)arg = 1;
}

static void test_spawn_is_bounded(void **state)
{
    int done = 0;

    run_lane(fiber_spawns_too_many, &done);
    assert_int_equal(done, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_waits),
        cmocka_unit_test(test_exactly_one_of_three_wins),
        cmocka_unit_test(test_cancel_reaches_nested_children),
        cmocka_unit_test(test_members_that_come_late),
        cmocka_unit_test(test_shield),
        cmocka_unit_test(test_yield_lets_the_others_run),
        cmocka_unit_test(test_spawn_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
