/* --state-from: a copy of an earlier run's client state (and of the stand-ins' books), so that the
 * same aged state can start any number of runs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_context.h"
#include "core/util/log.h"

#define COPY_DEPTH_MAX 4

static int cannot_copy(const char *path)
{
    log_line("--state-from: %s cannot be copied: %s", path, strerror(errno));
    return EXIT_OURS;
}

static int copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, status = EXIT_HELD;
    struct stat st;
    ssize_t n = 0;

    if (in >= 0 && fstat(in, &st) == 0)
        out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        status = cannot_copy(from);
    while (!status && (n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0)) > 0)
        continue;
    if (n < 0)
        status = cannot_copy(from);
    if (in >= 0)
        close(in);
    if (out >= 0 && close(out) && !status)
        status = cannot_copy(to);
    return status;
}

static int copy_tree(const char *from, const char *to, int depth)
{
    DIR *dir = opendir(from);
    struct dirent *entry;
    int status = EXIT_HELD;

    if (!dir || (mkdir(to, 0777) && errno != EEXIST)) {
        status = cannot_copy(dir ? to : from);
        if (dir)
            closedir(dir);
        return status;
    }
    while (!status && (entry = readdir(dir))) {
        char a[PATH_MAX], b[PATH_MAX];
        struct stat st;
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "lock") == 0)
            continue;
        if ((size_t)snprintf(a, sizeof(a), "%s/%s", from, entry->d_name) >= sizeof(a) ||
            (size_t)snprintf(b, sizeof(b), "%s/%s", to, entry->d_name) >= sizeof(b) ||
            stat(a, &st) != 0)
            status = cannot_copy(from);
        else if (S_ISDIR(st.st_mode))
            status = depth > 0 ? copy_tree(a, b, depth - 1) : EXIT_HELD;
        else
            status = copy_file(a, b);
    }
    closedir(dir);
    return status;
}

int run_state_copy(const char *from, const char *out, const char *state)
{
    char source[PATH_MAX], standins[PATH_MAX], target[PATH_MAX], error[RUN_ERROR_MAX];
    struct run_folder *folder;
    struct stat st;

    if ((size_t)snprintf(source, sizeof(source), "%s/state", from) >= sizeof(source) ||
        (size_t)snprintf(standins, sizeof(standins), "%s/standin", from) >= sizeof(standins) ||
        (size_t)snprintf(target, sizeof(target), "%s/standin", out) >= sizeof(target)) {
        log_line("--state-from: the path is too long");
        return EXIT_INPUT;
    }
    if (stat(source, &st) != 0 || !S_ISDIR(st.st_mode)) {
        log_line("--state-from: %s holds no client state; name the folder of a run", from);
        return EXIT_INPUT;
    }
    /* The lock of that run: a copy of files that are being written would be worthless. */
    if (run_folder_open(&folder, from, error)) {
        log_line("--state-from: %s", error);
        return EXIT_INPUT;
    }
    int status = copy_tree(source, state, COPY_DEPTH_MAX);
    if (!status && stat(standins, &st) == 0)
        status = copy_tree(standins, target, COPY_DEPTH_MAX);
    run_folder_close(folder);
    return status;
}
