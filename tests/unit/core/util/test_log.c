#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util/log.h"

/* What a child writes to standard error, and how it ended. */
static int capture(void (*fn)(void), char *text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        fn();
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    ssize_t n;
    while ((n = read(ends[0], text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = 0;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void say_hello(void)
{
    log_line("hello %d", 7);
}

static void say_much(void)
{
    char text[9001];
    memset(text, 'x', 9000);
    text[9000] = 0;
    log_line("%s", text);
}

static void give_up(void)
{
    die("bad %s", "luck");
}

static void a_line_has_a_prefix_and_an_end(void **state)
{
    char text[64];
    assert_int_equal(capture(say_hello, text, sizeof text), 0);
    assert_string_equal(text, "shoal: hello 7\n");
}

static void a_long_line_is_whole(void **state)
{
    static char text[10000];
    assert_int_equal(capture(say_much, text, sizeof text), 0);
    assert_int_equal(strlen(text), 7 + 9000 + 1);
}

static void dying_says_why_and_aborts(void **state)
{
    char text[256];
    int status = capture(give_up, text, sizeof text);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_string_equal(text, "shoal: internal error: bad luck\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_a_prefix_and_an_end),
        cmocka_unit_test(a_long_line_is_whole),
        cmocka_unit_test(dying_says_why_and_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
