/* The run folder: who may use it, and what becomes of writes that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/report/run_folder.h"
#include "core/util/error.h"
#include "tests/unit/core/report/folder.h"

static char base[FOLDER_SIZE];

static int make_base(void **state)
{
    return folder_make(base);
}

static int remove_base(void **state)
{
    return folder_remove(base);
}

static const char *path_of(const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", base, name);
    return out;
}

static void put_file(const char *path, const char *content)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static void assert_content(struct run_folder *f, enum run_file file, const char *content)
{
    struct buf text = {0};
    assert_int_equal(run_folder_read(f, file, &text), 0);
    assert_string_equal(text.len ? (const char *)text.data : "", content);
    buf_free(&text);
}

static void a_new_folder_is_made_with_its_parents(void **state)
{
    struct run_folder *f;
    char path[256], error[RUN_ERROR_MAX];
    assert_int_equal(run_folder_create(&f, path_of("a/b/c/", path), error), 0);
    assert_int_equal(run_folder_write(f, RUN_PLAN, slice_str("{}\n")), 0);
    assert_content(f, RUN_PLAN, "{}\n");
    struct buf none = {0};
    assert_int_equal(run_folder_read(f, RUN_SUMMARY, &none), SHOAL_E_NOT_FOUND);
    buf_free(&none);
    run_folder_close(f);
}

static void a_folder_with_content_is_refused(void **state)
{
    struct run_folder *f;
    char path[256], file[256], error[RUN_ERROR_MAX];
    mkdir(path_of("full", path), 0755);
    put_file(path_of("full/lock", file), ""); /* left by a run that wrote nothing */
    assert_int_equal(run_folder_create(&f, path, error), 0);
    run_folder_close(f);
    put_file(path_of("full/notes.txt", file), "mine");
    assert_int_equal(run_folder_create(&f, path, error), SHOAL_E_BAD_INPUT);
    assert_null(f);
    assert_non_null(strstr(error, "not empty (it holds notes.txt)"));
    assert_non_null(strstr(error, "--resume"));
}

static void a_second_user_is_kept_out(void **state)
{
    struct run_folder *f, *second;
    char path[256], error[RUN_ERROR_MAX];
    assert_int_equal(run_folder_create(&f, path_of("locked", path), error), 0);
    assert_int_equal(run_folder_write(f, RUN_MANIFEST, slice_str("{}")), 0);
    assert_int_equal(run_folder_open(&second, path, error), SHOAL_E_BUSY);
    assert_non_null(strstr(error, "in use"));
    run_folder_close(f);
    assert_int_equal(run_folder_open(&second, path, error), 0);
    run_folder_close(second);
}

static void what_is_no_run_folder_is_not_opened(void **state)
{
    struct run_folder *f;
    char path[256], error[RUN_ERROR_MAX];
    assert_int_equal(run_folder_open(&f, path_of("nowhere", path), error), SHOAL_E_BAD_INPUT);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(run_folder_create(&f, "/proc/nothing/here", error), SHOAL_E_BAD_INPUT);
    assert_non_null(strstr(error, "/proc/nothing/here"));
    put_file(path_of("file", path), "");
    assert_int_equal(run_folder_create(&f, path, error), SHOAL_E_BAD_INPUT);
    assert_int_equal(run_folder_create(&f, "", error), SHOAL_E_BAD_INPUT);
}

/* Root may write anywhere, so the test becomes somebody else in a child. */
static void a_folder_that_may_not_be_written_is_one_sentence(void **state)
{
    char path[256], error[RUN_ERROR_MAX];
    mkdir(path_of("readonly", path), 0555);
    chmod(base, 0755);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct run_folder *f;
        if (getuid() == 0 && setuid(65534))
            _exit(9);
        int code = run_folder_create(&f, path, error);
        _exit(code == SHOAL_E_BAD_INPUT && strstr(error, "--out") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void growing_files_grow_and_tails_are_replaced(void **state)
{
    struct run_folder *f;
    char path[256], error[RUN_ERROR_MAX];
    assert_int_equal(run_folder_create(&f, path_of("grow", path), error), 0);
    assert_int_equal(run_folder_append(f, RUN_TIMELINE, slice_str("one\n")), 0);
    uint64_t tail = run_folder_size(f, RUN_TIMELINE);
    assert_int_equal(tail, 4);
    assert_int_equal(run_folder_append(f, RUN_TIMELINE, slice_str("two\n")), 0);
    assert_int_equal(run_folder_append(f, RUN_TIMELINE, slice_str("three\n")), 0);
    assert_int_equal(run_folder_replace_tail(f, RUN_TIMELINE, tail, slice_str("sum\n")), 0);
    assert_int_equal(run_folder_append(f, RUN_TIMELINE, slice_str("four\n")), 0);
    assert_content(f, RUN_TIMELINE, "one\nsum\nfour\n");
    run_folder_close(f);
}

static int join_lines(void *arg, struct slice line)
{
    struct buf *out = arg;
    buf_put(out, line.data, line.len);
    buf_char(out, '|');
    return 0;
}

static void a_half_line_is_left_out_and_cut_off(void **state)
{
    struct run_folder *f;
    struct buf joined = {0};
    char path[256], file[256], error[RUN_ERROR_MAX];
    assert_int_equal(run_folder_create(&f, path_of("cut", path), error), 0);
    put_file(path_of("cut/timeline.jsonl", file), "one\ntwo\n{\"half\":");
    assert_int_equal(run_folder_each_line(f, RUN_TIMELINE, join_lines, &joined), 0);
    assert_string_equal((const char *)joined.data, "one|two|");
    buf_free(&joined);
    assert_int_equal(run_folder_append(f, RUN_TIMELINE, slice_str("three\n")), 0);
    assert_content(f, RUN_TIMELINE, "one\ntwo\nthree\n");
    run_folder_close(f);
}

/* A limit on the size of files is the full disk that a test can have everywhere. */
static void a_write_that_fails_leaves_no_half_line(void **state)
{
    struct run_folder *f;
    char path[256], error[RUN_ERROR_MAX], big[8000];
    struct rlimit limit, small;
    memset(big, 'x', sizeof big);
    assert_int_equal(run_folder_create(&f, path_of("fulldisk", path), error), 0);
    assert_int_equal(run_folder_append(f, RUN_TIMELINE, slice_str("one\n")), 0);
    assert_int_equal(run_folder_write(f, RUN_ERRORS, slice_str("old\n")), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){4096, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int appended = run_folder_append(f, RUN_TIMELINE, slice_of(big, sizeof big));
    char sentence[RUN_ERROR_MAX];
    snprintf(sentence, sizeof sentence, "%s", run_folder_error(f));
    int written = run_folder_write(f, RUN_ERRORS, slice_of(big, sizeof big));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(appended, SHOAL_E_IO);
    assert_int_equal(written, SHOAL_E_IO);
    assert_non_null(strstr(sentence, "timeline.jsonl"));
    assert_non_null(strstr(sentence, "ulimit -f"));
    assert_content(f, RUN_TIMELINE, "one\n");
    assert_content(f, RUN_ERRORS, "old\n");
    assert_int_equal(run_folder_append(f, RUN_TIMELINE, slice_str("two\n")), 0);
    assert_content(f, RUN_TIMELINE, "one\ntwo\n");
    run_folder_close(f);
}

static void a_full_disk_says_so(void **state)
{
    struct run_folder *f;
    char path[256], file[256], error[RUN_ERROR_MAX];
    assert_int_equal(run_folder_create(&f, path_of("devfull", path), error), 0);
    assert_int_equal(symlink("/dev/full", path_of("devfull/timeline.jsonl", file)), 0);
    assert_int_equal(run_folder_append(f, RUN_TIMELINE, slice_str("one\n")), SHOAL_E_NO_SPACE);
    assert_non_null(strstr(run_folder_error(f), "free some space"));
    run_folder_close(f);
}

static void default_names_are_plain(void **state)
{
    char out[256];
    run_folder_default(out, sizeof out, "my plan/1", INT64_C(1795207895123000));
    assert_string_equal(out, "runs/my-plan-1-20261120T205135.123Z");
    run_folder_default(out, sizeof out, "../x", INT64_C(1795207895123000));
    assert_string_equal(out, "runs/-.-x-20261120T205135.123Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_folder_is_made_with_its_parents),
        cmocka_unit_test(a_folder_with_content_is_refused),
        cmocka_unit_test(a_second_user_is_kept_out),
        cmocka_unit_test(what_is_no_run_folder_is_not_opened),
        cmocka_unit_test(a_folder_that_may_not_be_written_is_one_sentence),
        cmocka_unit_test(growing_files_grow_and_tails_are_replaced),
        cmocka_unit_test(a_half_line_is_left_out_and_cut_off),
        cmocka_unit_test(a_write_that_fails_leaves_no_half_line),
        cmocka_unit_test(a_full_disk_says_so),
        cmocka_unit_test(default_names_are_plain),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
