#include "core/report/run_folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/clock.h"
#include "core/util/error.h"

#define LOCK_NAME "lock"
#define PATH_SIZE 4096
#define CUT_CHUNK 4096

struct run_folder {
    char path[PATH_SIZE - 64]; /* room for a file's name behind it */
    int lock;
    int growing[RUN_FILE_COUNT]; /* descriptors of appended files, -1: not open */
    uint64_t sizes[RUN_FILE_COUNT];
    char error[RUN_ERROR_MAX];
};

const char *run_file_name(enum run_file file)
{
    static const char *const names[] = {
#define RUN_FILE_NAME(id, name) name,
        RUN_FILES(RUN_FILE_NAME)
#undef RUN_FILE_NAME
    };
    return names[file];
}

const char *run_folder_path(const struct run_folder *f)
{
    return f->path;
}

const char *run_folder_error(const struct run_folder *f)
{
    return f->error;
}

void run_folder_set_error(struct run_folder *f, const char *sentence)
{
    snprintf(f->error, sizeof f->error, "%s", sentence);
}

void run_folder_default(char *out, size_t size, const char *name, int64_t wall_us)
{
    char utc[UTC_TEXT_MAX], plain[65];
    size_t at = 0;
    for (const char *p = name; *p && at + 1 < sizeof plain; p++) {
        bool good = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                    (*p >= '0' && *p <= '9') || *p == '_' || (*p == '.' && at > 0);
        plain[at++] = good ? *p : '-';
    }
    plain[at] = '\0';
    utc_format(wall_us, utc);
    char stamp[UTC_TEXT_MAX];
    at = 0;
    for (const char *p = utc; *p; p++)
        if (*p != '-' && *p != ':')
            stamp[at++] = *p;
    stamp[at] = '\0';
    snprintf(out, size, "runs/%s-%s", plain[0] ? plain : "run", stamp);
}

/* --- sentences ---------------------------------------------------------------------------- */

static int __attribute__((format(printf, 3, 4)))
say(char error[RUN_ERROR_MAX], int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, RUN_ERROR_MAX, format, args);
    va_end(args);
    return code;
}

/* What to do about an errno, as the end of a sentence. */
static const char *remedy(int err)
{
    switch (err) {
    case ENOSPC:
    case EDQUOT:
        return "free some space there, or choose another folder with --out";
    case EFBIG:
        return "raise the limit on file sizes (ulimit -f)";
    case EROFS:
    case EACCES:
    case EPERM:
        return "choose a folder that may be written with --out";
    case EMFILE:
    case ENFILE:
        return "raise the limit on open files (ulimit -n)";
    default:
        return "choose another folder with --out";
    }
}

static int write_failed(struct run_folder *f, enum run_file file, int err)
{
    return say(f->error, error_from_errno(err), "cannot write %s/%s: %s; %s", f->path,
               run_file_name(file), strerror(err), remedy(err));
}

/* --- opening ------------------------------------------------------------------------------ */

static int make_folders(const char *path)
{
    char part[PATH_SIZE];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(part, 0777) && errno != EEXIST)
            return errno;
        *p = '/';
    }
    return mkdir(part, 0777) && errno != EEXIST ? errno : 0;
}

/* The name of something in the folder beside the lock; an errno when it cannot be listed. */
static int find_content(const char *path, char *name, size_t size)
{
    DIR *dir = opendir(path);
    name[0] = '\0';
    if (!dir)
        return errno;
    const struct dirent *entry;
    while ((entry = readdir(dir)) && !name[0])
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
            strcmp(entry->d_name, LOCK_NAME))
            snprintf(name, size, "%s", entry->d_name);
    closedir(dir);
    return 0;
}

static int take_lock(struct run_folder *f, char error[RUN_ERROR_MAX])
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", f->path, LOCK_NAME);
    f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (f->lock < 0) {
        int err = errno;
        return say(error, SHOAL_E_BAD_INPUT, "the run folder %s cannot be written: %s; %s", f->path,
                   strerror(err), remedy(err));
    }
    if (flock(f->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return say(error, SHOAL_E_BUSY,
                   "the run folder %s is in use by another process; wait for it to end, or choose "
                   "another folder",
                   f->path);
    return say(error, SHOAL_E_IO, "cannot lock %s: %s", path, strerror(errno));
}

static int new_handle(struct run_folder **out, const char *path, char error[RUN_ERROR_MAX])
{
    struct run_folder *f = calloc(1, sizeof *f);
    if (!f)
        return say(error, SHOAL_E_NOMEM, "no memory for the run folder");
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    f->lock = -1;
    for (int i = 0; i < RUN_FILE_COUNT; i++)
        f->growing[i] = -1;
    if (len == 0 || len >= sizeof f->path) {
        free(f);
        return say(error, SHOAL_E_BAD_INPUT, "the run folder's path is empty or too long");
    }
    memcpy(f->path, path, len);
    /* A write beyond the limit on file sizes shall be an error that is told, not a signal. */
    signal(SIGXFSZ, SIG_IGN);
    *out = f;
    return 0;
}

int run_folder_create(struct run_folder **out, const char *path, char error[RUN_ERROR_MAX])
{
    struct run_folder *f;
    char name[256];
    *out = NULL;
    int code = new_handle(&f, path, error);
    if (code)
        return code;
    int err = make_folders(f->path);
    if (!err)
        err = find_content(f->path, name, sizeof name);
    if (err)
        code = say(error, SHOAL_E_BAD_INPUT, "the run folder %s cannot be made: %s; %s", f->path,
                   strerror(err), remedy(err));
    else if (name[0])
        code = say(error, SHOAL_E_BAD_INPUT,
                   "the run folder %s is not empty (it holds %.80s); choose a new one with --out, "
                   "or continue that run with --resume",
                   f->path, name);
    else
        code = take_lock(f, error);
    if (code) {
        run_folder_close(f);
        return code;
    }
    *out = f;
    return 0;
}

int run_folder_open(struct run_folder **out, const char *path, char error[RUN_ERROR_MAX])
{
    struct run_folder *f;
    char file[PATH_SIZE];
    *out = NULL;
    int code = new_handle(&f, path, error);
    if (code)
        return code;
    snprintf(file, sizeof file, "%s/%s", f->path, run_file_name(RUN_MANIFEST));
    if (access(file, R_OK))
        code = say(error, SHOAL_E_BAD_INPUT, "%s is not the folder of a run: %s: %s", f->path,
                   run_file_name(RUN_MANIFEST), strerror(errno));
    else
        code = take_lock(f, error);
    if (code) {
        run_folder_close(f);
        return code;
    }
    *out = f;
    return 0;
}

void run_folder_close(struct run_folder *f)
{
    if (!f)
        return;
    for (int i = 0; i < RUN_FILE_COUNT; i++)
        if (f->growing[i] >= 0)
            close(f->growing[i]);
    if (f->lock >= 0)
        close(f->lock);
    free(f);
}

void run_folder_discard(struct run_folder *f)
{
    char path[PATH_SIZE];
    for (int i = 0; i < RUN_FILE_COUNT; i++) {
        snprintf(path, sizeof path, "%s/%s", f->path, run_file_name((enum run_file)i));
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/%s", f->path, LOCK_NAME);
    unlink(path);
    rmdir(f->path);
}

/* --- writing ------------------------------------------------------------------------------ */

static int write_at(int fd, struct slice content, uint64_t offset)
{
    while (content.len > 0) {
        ssize_t n = pwrite(fd, content.data, content.len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        content.data += n;
        content.len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int run_folder_write(struct run_folder *f, enum run_file file, struct slice content)
{
    char path[PATH_SIZE], beside[PATH_SIZE + 8];
    snprintf(path, sizeof path, "%s/%s", f->path, run_file_name(file));
    snprintf(beside, sizeof beside, "%s.tmp", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return write_failed(f, file, errno);
    int err = write_at(fd, content, 0);
    if (close(fd) && !err)
        err = errno;
    if (!err && rename(beside, path))
        err = errno;
    if (!err)
        return 0;
    unlink(beside);
    return write_failed(f, file, err);
}

/* Where the last whole line ends: what a killed run left behind it is cut off. */
static int end_of_lines(int fd, uint64_t *end, bool *half)
{
    struct stat st;
    char chunk[CUT_CHUNK];
    if (fstat(fd, &st))
        return errno;
    *half = false;
    for (off_t at = st.st_size; at > 0;) {
        size_t want = at < CUT_CHUNK ? (size_t)at : CUT_CHUNK;
        if (pread(fd, chunk, want, at - (off_t)want) != (ssize_t)want)
            return EIO;
        const char *newline = memrchr(chunk, '\n', want);
        if (newline) {
            *end = (uint64_t)(at - (off_t)want) + (uint64_t)(newline - chunk) + 1;
            *half = *end < (uint64_t)st.st_size;
            return 0;
        }
        at -= (off_t)want;
    }
    *end = 0;
    *half = st.st_size > 0;
    return 0;
}

int run_folder_touch(struct run_folder *f, enum run_file file)
{
    char path[PATH_SIZE];
    if (f->growing[file] >= 0)
        return 0;
    snprintf(path, sizeof path, "%s/%s", f->path, run_file_name(file));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return write_failed(f, file, errno);
    bool half;
    int err = end_of_lines(fd, &f->sizes[file], &half);
    if (!err && half && ftruncate(fd, (off_t)f->sizes[file]))
        err = errno;
    if (err) {
        close(fd);
        return write_failed(f, file, err);
    }
    f->growing[file] = fd;
    return 0;
}

int run_folder_append(struct run_folder *f, enum run_file file, struct slice content)
{
    int code = run_folder_touch(f, file);
    if (code)
        return code;
    int err = write_at(f->growing[file], content, f->sizes[file]);
    if (!err) {
        f->sizes[file] += content.len;
        return 0;
    }
    /* No half line stays; when even that fails, readers skip it. */
    if (ftruncate(f->growing[file], (off_t)f->sizes[file]))
        return write_failed(f, file, err);
    return write_failed(f, file, err);
}

int run_folder_replace_tail(struct run_folder *f, enum run_file file, uint64_t offset,
                            struct slice content)
{
    int code = run_folder_touch(f, file);
    if (code)
        return code;
    assert(offset <= f->sizes[file]);
    int err = write_at(f->growing[file], content, offset);
    if (!err) {
        f->sizes[file] = offset + content.len;
        err = ftruncate(f->growing[file], (off_t)f->sizes[file]) ? errno : 0;
    }
    return err ? write_failed(f, file, err) : 0;
}

uint64_t run_folder_size(const struct run_folder *f, enum run_file file)
{
    return f->sizes[file];
}

/* --- reading ------------------------------------------------------------------------------ */

static int read_failed(struct run_folder *f, enum run_file file, int err)
{
    return say(f->error, err == ENOENT ? SHOAL_E_NOT_FOUND : error_from_errno(err),
               "cannot read %s/%s: %s", f->path, run_file_name(file), strerror(err));
}

static FILE *open_to_read(struct run_folder *f, enum run_file file)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", f->path, run_file_name(file));
    return fopen(path, "re");
}

int run_folder_read(struct run_folder *f, enum run_file file, struct buf *out)
{
    char chunk[16384];
    size_t n;
    FILE *in = open_to_read(f, file);
    if (!in)
        return read_failed(f, file, errno);
    out->limit = RUN_FILE_READ_MAX;
    while ((n = fread(chunk, 1, sizeof chunk, in)) > 0)
        buf_put(out, chunk, n);
    int err = ferror(in) ? EIO : 0;
    fclose(in);
    if (err)
        return read_failed(f, file, err);
    if (out->error)
        return say(f->error, out->error, "cannot read %s/%s: %s", f->path, run_file_name(file),
                   error_text(out->error));
    return 0;
}

int run_folder_each_line(struct run_folder *f, enum run_file file,
                         int (*fn)(void *arg, struct slice line), void *arg)
{
    FILE *in = open_to_read(f, file);
    if (!in)
        return read_failed(f, file, errno);
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    int code = 0;
    /* A line without its end is what a killed run was writing. */
    while (code == 0 && (len = getline(&line, &room, in)) > 0 && line[len - 1] == '\n')
        code = fn(arg, slice_of(line, (size_t)len - 1));
    if (code == 0 && ferror(in))
        code = read_failed(f, file, EIO);
    free(line);
    fclose(in);
    return code;
}
