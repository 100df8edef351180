/* What a fleet shares: one fetch for all, rotation, failures, and waiters that leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "core/lane/lane.h"
#include "core/lane/shared.h"
#include "core/util/clock.h"
#include "core/util/error.h"

#define LANES 4
#define FIBERS 50 /* of each lane */

static int64_t in_ms(int64_t ms)
{
    return clock_ns() + ms * NS_PER_MS;
}

/* A fleet: lanes on threads, each with one root fiber that plays `play` on a slot they share. */
struct fleet {
    struct shared *slot;
    fiber_fn play; /* with a struct seat */
    atomic_int fetches, failures_left, got, failed, gone;
    int64_t takes_ms, valid_ms;
    atomic_int versions_alive;
};

struct seat {
    struct fleet *fleet;
    int lane;
};

/* A version: its number, and where it is counted while it lives. */
struct version {
    int number;
    atomic_int *alive;
};

static void destroy_version(void *data)
{
    struct version *v = data;

    atomic_fetch_sub(v->alive, 1);
    free(v);
}

static struct version *version_new(int number, atomic_int *alive)
{
    struct version *v = malloc(sizeof *v);

    assert_non_null(v);
    *v = (struct version){number, alive};
    atomic_fetch_add(alive, 1);
    return v;
}

static int fetch_version(void *arg, void *previous, int64_t deadline_ns, void **data,
                         int64_t *expires_ns)
{
    struct fleet *fleet = arg;
    int number = atomic_fetch_add(&fleet->fetches, 1) + 1;

    (void)previous;
    (void)deadline_ns;
    int rc = lane_sleep_until(in_ms(fleet->takes_ms));

    if (rc != 0)
        return rc;
    if (atomic_fetch_sub(&fleet->failures_left, 1) > 0)
        return SHOAL_E_REFUSED;
    *data = version_new(number, &fleet->versions_alive);
    *expires_ns = fleet->valid_ms ? in_ms(fleet->valid_ms) : CLOCK_NEVER;
    return 0;
}

static void *run_seat(void *arg)
{
    struct seat *seat = arg;
    struct lane *lane;

    assert_int_equal(lane_new(&lane, &(struct lane_options){.index = seat->lane}), 0);
    assert_int_equal(lane_spawn(lane, NULL, seat->fleet->play, seat), 0);
    lane_stop(lane);
    lane_run(lane);
    return lane;
}

static void run_fleet(struct fleet *fleet)
{
    pthread_t threads[LANES];
    struct seat seats[LANES];
    void *lanes[LANES];

    fleet->slot = shared_new(destroy_version);
    for (int i = 0; i < LANES; i++) {
        seats[i] = (struct seat){fleet, i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_seat, &seats[i]), 0);
    }
    for (int i = 0; i < LANES; i++)
        assert_int_equal(pthread_join(threads[i], &lanes[i]), 0);
    shared_free(fleet->slot);
    for (int i = 0; i < LANES; i++)
        lane_free(lanes[i]);
    assert_int_equal(atomic_load(&fleet->versions_alive), 0);
}

/* --- one fetch for all ------------------------------------------------------------------------ */

static void gets_once(void *arg)
{
    struct fleet *fleet = arg;
    struct shared_value *value;
    int rc = shared_get(fleet->slot, fetch_version, fleet, in_ms(20000), &value);

    if (rc == 0) {
        const struct version *v = shared_data(value);

        assert_int_equal(v->number, atomic_load(&fleet->fetches));
        atomic_fetch_add(&fleet->got, 1);
        assert_int_equal(lane_sleep_until(in_ms(2)), 0);
        assert_int_equal(v->number, atomic_load(&fleet->fetches));
    } else {
        assert_int_equal(rc, SHOAL_E_REFUSED);
        assert_null(value);
        atomic_fetch_add(&fleet->failed, 1);
    }
    shared_put(value);
}

static void play_gets(void *arg)
{
    struct seat *seat = arg;
    struct fiber_group group = {0};

    for (int i = 0; i < FIBERS; i++)
        assert_int_equal(lane_spawn(lane_current(), &group, gets_once, seat->fleet), 0);
    assert_int_equal(group_join(&group, CLOCK_NEVER), 0);
}

static void test_one_fetch_for_four_lanes(void **state)
{
    struct fleet fleet = {.play = play_gets, .takes_ms = 30};

    run_fleet(&fleet);
    assert_int_equal(fleet.fetches, 1);
    assert_int_equal(fleet.got, LANES * FIBERS);
}

/* Each failure goes to the one who fetched; the others try one after another. */
static void test_failures_go_to_who_fetched(void **state)
{
    struct fleet fleet = {.play = play_gets, .takes_ms = 5, .failures_left = 3};

    run_fleet(&fleet);
    assert_int_equal(fleet.fetches, 4);
    assert_int_equal(fleet.failed, 3);
    assert_int_equal(fleet.got, LANES * FIBERS - 3);
}

/* --- rotation --------------------------------------------------------------------------------- */

static int fetch_same(void *arg, void *previous, int64_t deadline_ns, void **data,
                      int64_t *expires_ns)
{
    struct fleet *fleet = arg;

    atomic_fetch_add(&fleet->fetches, 1);
    *data = previous;
    *expires_ns = in_ms(60000);
    return 0;
}

static int number_of(struct shared_value *value)
{
    return ((struct version *)shared_data(value))->number;
}

static struct shared_value *get(struct fleet *fleet, shared_fetch fetch)
{
    struct shared_value *value;

    assert_int_equal(shared_get(fleet->slot, fetch, fleet, in_ms(20000), &value), 0);
    return value;
}

static void play_rotation(void *arg)
{
    struct seat *seat = arg;
    struct fleet *fleet = seat->fleet;
    struct shared_value *first, *second, *third;

    if (seat->lane != 0)
        return;
    first = get(fleet, fetch_version);
    second = get(fleet, fetch_version);
    assert_ptr_equal(first, second); /* not expired: no fetch */
    shared_put(second);

    shared_expire(fleet->slot, first);
    second = get(fleet, fetch_version);
    assert_int_equal(number_of(second), 2);
    assert_int_equal(number_of(first), 1); /* an iteration keeps what it began with */
    assert_int_equal(atomic_load(&fleet->versions_alive), 2);
    shared_expire(fleet->slot, first); /* not the current one any more: nothing */
    third = get(fleet, fetch_version);
    assert_ptr_equal(third, second);
    shared_put(third);
    shared_put(first);
    assert_int_equal(atomic_load(&fleet->versions_alive), 1);

    shared_expire(fleet->slot, second);
    third = get(fleet, fetch_same); /* 304: the same version lives on */
    assert_ptr_equal(shared_data(third), shared_data(second));
    assert_int_equal(fleet->fetches, 3);
    shared_put(third);
    shared_put(get(fleet, fetch_version));
    assert_int_equal(fleet->fetches, 3);

    shared_expire(fleet->slot, second);
    fleet->failures_left = 1; /* the replacement fails: the error is told, the version stays */
    assert_int_equal(shared_get(fleet->slot, fetch_version, fleet, CLOCK_NEVER, &third),
                     SHOAL_E_REFUSED);
    assert_null(third);
    assert_int_equal(number_of(second), 2);
    shared_put(second);

    fleet->valid_ms = 10; /* expiry by the clock */
    first = get(fleet, fetch_version);
    assert_int_equal(lane_sleep_until(in_ms(15)), 0);
    second = get(fleet, fetch_version);
    assert_ptr_not_equal(first, second);
    shared_put(first);
    shared_put(second);
    shared_put(NULL);
    atomic_fetch_add(&fleet->got, 1);
}

static void test_rotation(void **state)
{
    struct fleet fleet = {.play = play_rotation};

    run_fleet(&fleet);
    assert_int_equal(fleet.got, 1);
}

static int fetch_stale(void *arg, void *previous, int64_t deadline_ns, void **data,
                       int64_t *expires_ns)
{
    int rc = fetch_version(arg, previous, deadline_ns, data, expires_ns);

    *expires_ns = 0; /* expired before it is here: good for those who wait, and nobody else */
    return rc;
}

static void gets_stale(void *arg)
{
    struct fleet *fleet = arg;

    shared_put(get(fleet, fetch_stale));
    fleet->got++;
}

static void play_stale(void *arg)
{
    struct seat *seat = arg;
    struct fiber_group group = {0};

    if (seat->lane != 0)
        return;
    for (int i = 0; i < FIBERS; i++)
        assert_int_equal(lane_spawn(lane_current(), &group, gets_stale, seat->fleet), 0);
    assert_int_equal(group_join(&group, CLOCK_NEVER), 0);
}

static void test_stale_versions_serve_who_waited(void **state)
{
    struct fleet fleet = {.play = play_stale, .takes_ms = 20};

    run_fleet(&fleet);
    assert_int_equal(fleet.got, FIBERS);
    assert_int_equal(fleet.fetches, 1);
}

/* --- waiters that leave ----------------------------------------------------------------------- */

static void gets_until_cancelled(void *arg)
{
    struct fleet *fleet = arg;
    struct shared_value *value;

    assert_int_equal(shared_get(fleet->slot, fetch_version, fleet, CLOCK_NEVER, &value),
                     SHOAL_E_CANCELLED);
    fleet->gone++;
}

static void gets_with_deadline(void *arg)
{
    struct fleet *fleet = arg;
    struct shared_value *value;

    assert_int_equal(shared_get(fleet->slot, fetch_version, fleet, in_ms(5), &value),
                     SHOAL_E_TIMEOUT);
    fleet->gone++;
}

/* The fetcher is cancelled in its fetch, and one of those it keeps waiting takes over. */
static void play_leaving(void *arg)
{
    struct seat *seat = arg;
    struct fleet *fleet = seat->fleet;
    struct lane *lane = lane_current();
    struct fiber_group fetcher = {0}, others = {0};

    if (seat->lane != 0)
        return;
    assert_int_equal(lane_spawn(lane, &fetcher, gets_until_cancelled, fleet), 0);
    lane_yield();
    assert_int_equal(lane_spawn(lane, &fetcher, gets_until_cancelled, fleet), 0);
    assert_int_equal(lane_spawn(lane, &others, gets_with_deadline, fleet), 0);
    for (int i = 0; i < FIBERS; i++)
        assert_int_equal(lane_spawn(lane, &others, gets_once, fleet), 0);
    assert_int_equal(lane_sleep_until(in_ms(20)), 0);
    assert_int_equal(fleet->gone, 1);
    group_end(&fetcher);
    assert_int_equal(fleet->gone, 3);
    assert_int_equal(group_join(&others, CLOCK_NEVER), 0);
}

static void test_a_cancelled_fetcher_is_replaced(void **state)
{
    struct fleet fleet = {.play = play_leaving, .takes_ms = 300};

    run_fleet(&fleet);
    assert_int_equal(fleet.fetches, 2);
    assert_int_equal(fleet.got, FIBERS);
}

/* --- all at once ------------------------------------------------------------------------------ */

struct storm {
    struct fleet *fleet;
    uint64_t random;
};

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static void weathers_storm(void *arg)
{
    struct storm *storm = arg;
    struct fleet *fleet = storm->fleet;

    for (int i = 0; i < 40; i++) {
        struct shared_value *value;
        int64_t deadline_ns = clock_ns() + (int64_t)(next_random(&storm->random) % 4000000);
        int rc = shared_get(fleet->slot, fetch_version, fleet, deadline_ns, &value);

        if (rc == 0) {
            assert_true(number_of(value) > 0);
            if (next_random(&storm->random) % 2)
                shared_expire(fleet->slot, value);
            if (next_random(&storm->random) % 8 == 0)
                atomic_store(&fleet->failures_left, 2);
            lane_sleep_until(clock_ns() + (int64_t)(next_random(&storm->random) % 1000000));
            atomic_fetch_add(&fleet->got, 1);
            shared_put(value);
        }
        if (rc == SHOAL_E_CANCELLED)
            break;
        if (rc != 0)
            lane_yield();
    }
    atomic_fetch_add(&fleet->gone, 1);
}

static void play_storm(void *arg)
{
    struct seat *seat = arg;
    struct storm storms[FIBERS];
    struct fiber_group groups[2] = {{0}, {0}};

    for (int i = 0; i < FIBERS; i++) {
        storms[i] = (struct storm){seat->fleet, (uint64_t)(seat->lane * FIBERS + i + 1) * 7919};
        assert_int_equal(lane_spawn(lane_current(), &groups[i % 2], weathers_storm, &storms[i]), 0);
    }
    assert_int_equal(lane_sleep_until(in_ms(10 + seat->lane)), 0);
    group_end(&groups[0]);
    assert_int_equal(group_join(&groups[1], CLOCK_NEVER), 0);
}

static void test_a_storm_leaves_nothing_behind(void **state)
{
    struct fleet fleet = {.play = play_storm, .takes_ms = 1, .valid_ms = 1};

    run_fleet(&fleet);
    assert_int_equal(fleet.gone, LANES * FIBERS);
    assert_true(fleet.got > 0);
    print_message("%d got, %d fetches\n", fleet.got, fleet.fetches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_fetch_for_four_lanes),
        cmocka_unit_test(test_failures_go_to_who_fetched),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_stale_versions_serve_who_waited),
        cmocka_unit_test(test_a_cancelled_fetcher_is_replaced),
        cmocka_unit_test(test_a_storm_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
