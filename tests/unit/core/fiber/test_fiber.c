/* Fibers: switches, deep calls, guards, many parked stacks. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/fiber/annotate.h"
#include "core/fiber/fiber.h"

#if defined(__SANITIZE_THREAD__)
#define MANY 1000 /* ThreadSanitizer's fibers are threads to it, and those are limited */
#else
#define MANY 100000
#endif

#ifdef SHOAL_HAVE_VALGRIND
#define UNDER_VALGRIND (RUNNING_ON_VALGRIND != 0)
#else
#define UNDER_VALGRIND 0
#endif

static bool under_a_tool(void)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    return true;
#else
    return UNDER_VALGRIND;
#endif
}

static size_t many(void)
{
    return UNDER_VALGRIND ? 200 : MANY;
}

static struct fiber_pool *pool_of(enum fiber_guard guard, size_t stacks_max)
{
    struct fiber_pool *pool =
        fiber_pool_new(&(struct fiber_pool_options){.guard = guard, .stacks_max = stacks_max});

    assert_non_null(pool);
    return pool;
}

/* --- switches --------------------------------------------------------------------------------- */

struct trace {
    char text[32];
    struct fiber *self;
};

static void say(struct trace *trace, char c)
{
    size_t n = strlen(trace->text);

    assert_true(n + 1 < sizeof trace->text);
    trace->text[n] = c;
}

static void parks_twice(void *arg)
{
    struct trace *trace = arg;

    trace->self = fiber_current();
    say(trace, 'a');
    fiber_park();
    say(trace, 'b');
    fiber_park();
    say(trace, 'c');
}

static void parks_once(void *arg)
{
    (void)arg;
    fiber_park();
}

static void test_resume_and_park(void **state)
{
    struct fiber_pool *pool = pool_of(FIBER_GUARD_MADVISE, 8);
    struct trace trace = {0};
    struct fiber *f = fiber_new(pool, parks_twice, &trace);

    assert_int_equal(fiber_pool_running(pool), 1);
    assert_null(fiber_current());
    assert_false(fiber_resume(f));
    assert_null(fiber_current());
    say(&trace, '1');
    assert_false(fiber_resume(f));
    say(&trace, '2');
    assert_true(fiber_resume(f));
    assert_string_equal(trace.text, "a1b2c");
    assert_ptr_equal(trace.self, f);
    assert_int_equal(fiber_pool_running(pool), 0);
    fiber_pool_free(pool);
}

static void test_user_word(void **state)
{
    static const uint8_t zeros[200];
    struct fiber_pool *pool =
        fiber_pool_new(&(struct fiber_pool_options){.stacks_max = 4, .task_size = sizeof zeros});
    struct trace trace = {0};

    for (int round = 0; round < 3; round++) {
        struct fiber *f = fiber_new(pool, parks_twice, &trace);

        memset(trace.text, 0, sizeof trace.text);
        assert_non_null(fiber_user(f));
        assert_memory_equal(fiber_user(f), zeros, sizeof zeros);
        memset(fiber_user(f), 0xff, sizeof zeros);
        while (!fiber_resume(f))
            assert_int_equal(((uint8_t *)fiber_user(f))[sizeof zeros - 1], 0xff);
        assert_string_equal(trace.text, "abc");
    }
    fiber_pool_free(pool);

    pool = pool_of(FIBER_GUARD_MADVISE, 4);
    struct fiber *f = fiber_new(pool, parks_once, NULL);

    assert_null(fiber_user(f));
    fiber_set_user(f, &trace);
    assert_ptr_equal(fiber_user(f), &trace);
    while (!fiber_resume(f))
        continue;
    fiber_pool_free(pool);
}

static void test_pool_is_bounded_and_reuses_the_last(void **state)
{
    struct fiber_pool *pool = pool_of(FIBER_GUARD_MADVISE, 3);
    struct fiber *f[3];

    for (int i = 0; i < 3; i++) {
        f[i] = fiber_new(pool, parks_once, NULL);
        assert_non_null(f[i]);
        assert_false(fiber_resume(f[i]));
    }
    assert_null(fiber_new(pool, parks_once, NULL));
    assert_true(fiber_resume(f[0]));
    assert_true(fiber_resume(f[2]));
    struct fiber *again = fiber_new(pool, parks_once, NULL);

    assert_ptr_equal(again, f[2]);
    assert_false(fiber_resume(again));
    assert_true(fiber_resume(again));
    assert_true(fiber_resume(f[1]));
    fiber_pool_free(pool);
    assert_null(fiber_pool_new(&(struct fiber_pool_options){.stacks_max = SIZE_MAX}));
}

/* --- deep calls ------------------------------------------------------------------------------- */

/* Uses `bytes` of stack and writes all of them. */
static __attribute__((noinline)) unsigned eat(size_t bytes)
{
    unsigned char frame[1024];

    memset(frame, 1, sizeof frame);
    __asm__ volatile("" : : "r"(frame) : "memory");
    if (bytes <= sizeof frame)
        return frame[17];
    return frame[23] + eat(bytes - sizeof frame);
}

struct depth {
    size_t bytes;
    unsigned sum;
    int nested;
    bool had_fiber;
    struct fiber *here;
};

static void deepest(void *arg)
{
    struct depth *depth = arg;

    depth->nested++;
}

static void deep_call(void *arg)
{
    struct depth *depth = arg;

    depth->had_fiber = fiber_current() != NULL;
    depth->sum += eat(depth->bytes);
    fiber_deep(deepest, depth);
}

static void calls_deep(void *arg)
{
    struct depth *depth = arg;

    for (int i = 0; i < 3; i++) {
        fiber_deep(deep_call, depth);
        depth->here = fiber_current();
        fiber_park();
    }
}

static void test_deep_calls_run_on_the_large_stack(void **state)
{
    struct fiber_pool *pool = pool_of(FIBER_GUARD_MADVISE, 2);
    struct depth depth = {.bytes = 512 * 1024}; /* eight times a fiber's stack */
    struct fiber *f = fiber_new(pool, calls_deep, &depth);

    while (!fiber_resume(f)) {
        assert_ptr_equal(depth.here, f);
        assert_false(depth.had_fiber);
    }
    assert_int_equal(depth.sum, 3 * 512);
    assert_int_equal(depth.nested, 3);
    fiber_deep(deep_call, &depth); /* outside a fiber it simply calls */
    assert_int_equal(depth.nested, 4);
    fiber_pool_free(pool);
}

/* --- guards ----------------------------------------------------------------------------------- */

struct death {
    int status;
    char text[4096]; /* what it said on standard error */
};

static void die_in_child(void (*fn)(void *arg), void *arg, struct death *death)
{
    int ends[2];
    size_t n = 0;
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* the test library's handler would run on the full stack */
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(ends[1], STDERR_FILENO);
        fn(arg);
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], death->text + n, sizeof death->text - 1 - n)) > 0)
        n += (size_t)got;
    death->text[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &death->status, 0), child);
}

static void overflows(void *arg)
{
    const size_t *bytes = arg;

    eat(*bytes);
    fiber_park();
}

static void overflow_second_stack(void *arg)
{
    struct fiber_pool *pool = pool_of(*(enum fiber_guard *)arg, 4);
    size_t bytes = FIBER_STACK_DEFAULT + 4096 + 1024;

    if (fiber_pool_guard(pool) != *(enum fiber_guard *)arg)
        _exit(77);
    fiber_resume(fiber_new(pool, parks_once, NULL));
    fiber_resume(fiber_new(pool, overflows, &bytes));
}

static void stay_within_stack(void *arg)
{
    struct fiber_pool *pool = pool_of(*(enum fiber_guard *)arg, 4);
    size_t bytes = under_a_tool() ? 8 * 1024 : FIBER_STACK_DEFAULT - 4096;

    for (int i = 0; i < 4; i++)
        if (fiber_resume(fiber_new(pool, overflows, &bytes)))
            _exit(1);
}

static void test_guards_catch_an_overflow(void **state)
{
    static const int expected[] = {SIGSEGV, SIGSEGV, SIGABRT};

    for (enum fiber_guard guard = FIBER_GUARD_MADVISE; guard <= FIBER_GUARD_CANARY; guard++) {
        struct death death;

        die_in_child(stay_within_stack, &guard, &death);
        assert_int_equal(death.status, 0);
        if (UNDER_VALGRIND)
            continue; /* it reports the overflow as the error that it is */
        die_in_child(overflow_second_stack, &guard, &death);
        if (WIFEXITED(death.status) && WEXITSTATUS(death.status) == 77) {
            print_message("not here: %s\n", fiber_guard_text(guard));
            continue;
        }
        assert_int_not_equal(death.status, 0);
        if (under_a_tool())
            continue; /* it dies of the tool's own report */
        assert_true(WIFSIGNALED(death.status));
        assert_int_equal(WTERMSIG(death.status), expected[guard]);
        if (guard == FIBER_GUARD_CANARY)
            assert_non_null(strstr(death.text, "a fiber's stack overflowed"));
    }
}

static void deep_park(void *arg)
{
    (void)arg;
    fiber_park();
}

static void parks_in_deep(void *arg)
{
    (void)arg;
    fiber_deep(deep_park, NULL);
}

static void park_on_lane_stack(void *arg)
{
    struct fiber_pool *pool = pool_of(FIBER_GUARD_MADVISE, 1);

    (void)arg;
    fiber_resume(fiber_new(pool, parks_in_deep, NULL));
}

static void test_parking_in_a_deep_call_dies(void **state)
{
    struct death death;

    die_in_child(park_on_lane_stack, NULL, &death);
    assert_true(WIFSIGNALED(death.status));
    assert_int_equal(WTERMSIG(death.status), SIGABRT);
    assert_non_null(strstr(death.text, "a wait outside a fiber, or inside fiber_deep"));
}

/* --- many ------------------------------------------------------------------------------------- */

static size_t rss_anon_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    size_t kib = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %zu kB", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024;
}

static size_t mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    size_t lines = 0;
    int c;

    assert_non_null(file);
    while ((c = getc(file)) != EOF)
        lines += c == '\n';
    fclose(file);
    return lines;
}

/* Parks `count` fibers and returns them. */
static struct fiber **park_all(struct fiber_pool *pool, size_t count)
{
    struct fiber **fibers = calloc(count, sizeof(struct fiber *));

    assert_non_null(fibers);
    for (size_t i = 0; i < count; i++) {
        fibers[i] = fiber_new(pool, parks_once, NULL);
        assert_non_null(fibers[i]);
        assert_false(fiber_resume(fibers[i]));
    }
    assert_int_equal(fiber_pool_running(pool), count);
    return fibers;
}

static void end_all(struct fiber_pool *pool, struct fiber **fibers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(fiber_resume(fibers[i]));
    assert_int_equal(fiber_pool_running(pool), 0);
    free(fibers);
}

static void test_many_parked_stacks_cost_a_page_each(void **state)
{
    size_t count = many();
    struct fiber_pool *pool = pool_of(FIBER_GUARD_MADVISE, count);
    size_t mappings_before = mappings();
    size_t before = rss_anon_bytes();
    struct fiber **fibers = park_all(pool, count);
    size_t each = (rss_anon_bytes() - before) / count;

    print_message("%zu parked, %zu bytes resident each, %s\n", count, each,
                  fiber_guard_text(fiber_pool_guard(pool)));
    if (!under_a_tool())
        assert_in_range(each, 4096, 8192);
    if (fiber_pool_guard(pool) == FIBER_GUARD_MADVISE && !under_a_tool())
        assert_true(mappings() < mappings_before + 16);
    end_all(pool, fibers, count);

    /* The memory of idle stacks goes back, those that are kept stay, and all can be used again. */
    size_t keep = count / 10;
    size_t released = 0, step;

    while ((step = fiber_pool_trim(pool, keep)) > 0)
        released += step;
    assert_int_equal(released, count - keep);
    if (!under_a_tool())
        assert_true(rss_anon_bytes() < before + count * 4096 / 4);
    fibers = park_all(pool, count);
    end_all(pool, fibers, count);
    fiber_pool_free(pool);
}

/* Guards by mprotect take two mappings each, and the process must not run out of those. */
static void test_mprotect_guards_end_before_the_mappings_do(void **state)
{
    size_t count = under_a_tool() ? 500 : 40000;
    struct fiber_pool *pool = pool_of(FIBER_GUARD_MPROTECT, count);
    struct fiber **fibers = park_all(pool, count);

    print_message("%zu parked, now %s\n", count, fiber_guard_text(fiber_pool_guard(pool)));
    assert_int_not_equal(fiber_pool_guard(pool), FIBER_GUARD_MADVISE);
    struct fiber_pool *other = pool_of(FIBER_GUARD_MADVISE, 100); /* a mapping can still be had */

    fiber_pool_free(other);
    end_all(pool, fibers, count);
    while (fiber_pool_trim(pool, 0) > 0)
        continue;
    fibers = park_all(pool, count); /* no canary was lost by trimming */
    end_all(pool, fibers, count);
    fiber_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume_and_park),
        cmocka_unit_test(test_user_word),
        cmocka_unit_test(test_pool_is_bounded_and_reuses_the_last),
        cmocka_unit_test(test_deep_calls_run_on_the_large_stack),
        cmocka_unit_test(test_guards_catch_an_overflow),
        cmocka_unit_test(test_parking_in_a_deep_call_dies),
        cmocka_unit_test(test_many_parked_stacks_cost_a_page_each),
        cmocka_unit_test(test_mprotect_guards_end_before_the_mappings_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
