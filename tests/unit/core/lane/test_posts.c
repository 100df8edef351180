/* Posts: what other threads hand to a lane. Bounded, in order, none lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "core/lane/lane.h"
#include "core/util/error.h"

static struct lane *lane_of(size_t posts_max)
{
    struct lane *lane;

    assert_int_equal(lane_new(&lane, &(struct lane_options){.posts_max = posts_max}), 0);
    return lane;
}

static void counts(void *arg)
{
    ++*(int *)arg;
}

static void test_posts_are_bounded(void **state)
{
    struct lane *lane = lane_of(5);
    int done = 0;
    struct lane_health health;

    for (int i = 0; i < 5; i++)
        assert_int_equal(lane_post(lane, counts, &done), 0);
    assert_int_equal(lane_post(lane, counts, &done), SHOAL_E_FULL);
    lane_health_read(lane, &health);
    assert_int_equal(health.posts_refused, 1);
    lane_stop(lane);
    lane_run(lane);
    assert_int_equal(done, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(lane_post(lane, counts, &done), 0);
    lane_stop(lane);
    lane_run(lane);
    assert_int_equal(done, 10);
    lane_free(lane);
}

#define PRODUCERS 4
#define POSTS_EACH 50000

struct producer {
    struct lane *lane;
    struct producer *all;
    uint64_t refused;
    uint32_t seen; /* by the lane */
};

struct letter {
    struct producer *from;
    uint32_t number;
};

static void receive(void *arg)
{
    struct letter *letter = arg;
    struct producer *from = letter->from;
    uint64_t sum = 0;

    assert_int_equal(letter->number, from->seen); /* none lost, none twice, in order */
    from->seen++;
    free(letter);
    for (int i = 0; i < PRODUCERS; i++)
        sum += from->all[i].seen;
    if (sum == PRODUCERS * POSTS_EACH)
        lane_stop(lane_current());
}

static void *produce(void *arg)
{
    struct producer *self = arg;

    for (uint32_t i = 0; i < POSTS_EACH; i++) {
        struct letter *letter = malloc(sizeof *letter);

        *letter = (struct letter){self, i};
        while (lane_post(self->lane, receive, letter) != 0) {
            self->refused++;
            sched_yield();
        }
    }
    return NULL;
}

static void test_posts_from_four_threads(void **state)
{
    struct lane *lane = lane_of(64);
    struct producer producers[PRODUCERS] = {0};
    pthread_t threads[PRODUCERS];
    struct lane_health health;
    uint64_t refused = 0;

    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.lane = lane, .all = producers};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    lane_run(lane);
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(producers[i].seen, POSTS_EACH);
        refused += producers[i].refused;
    }
    lane_health_read(lane, &health);
    assert_int_equal(health.posts_refused, refused);
    print_message("%d posts, %lu refused, %lu turns\n", PRODUCERS * POSTS_EACH,
                  (unsigned long)refused, (unsigned long)health.turns);
    lane_free(lane);
}

/* Two lanes that wait for each other's posts: a lost wake would stop both for ever. */
struct player {
    struct lane *lane;
    struct player *other;
    int left;
};

static void hit(void *arg)
{
    struct player *self = arg;

    if (--self->left >= 0)
        assert_int_equal(lane_post(self->other->lane, hit, self->other), 0);
    if (self->left <= 0)
        lane_stop(self->lane);
}

static void *play(void *arg)
{
    struct player *self = arg;

    lane_run(self->lane);
    return NULL;
}

static void test_two_lanes_wake_each_other(void **state)
{
    struct player players[2] = {{.lane = lane_of(0), .left = 5000},
                                {.lane = lane_of(0), .left = 5000}};
    pthread_t thread;

    players[0].other = &players[1];
    players[1].other = &players[0];
    assert_int_equal(lane_post(players[0].lane, hit, &players[0]), 0);
    assert_int_equal(pthread_create(&thread, NULL, play, &players[1]), 0);
    play(&players[0]);
    pthread_join(thread, NULL);
    assert_true(players[0].left <= 0 && players[1].left <= 0);
    lane_free(players[0].lane);
    lane_free(players[1].lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_posts_are_bounded),
        cmocka_unit_test(test_posts_from_four_threads),
        cmocka_unit_test(test_two_lanes_wake_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
