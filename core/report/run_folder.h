/* The folder a run leaves: who may use it, and how its files are written.
 *
 * Whole files are written beside and renamed, so a reader sees the old or the new one. Growing
 * files (timeline, histograms) are appended with one write; a write that failed half way is cut off
 * again. Only one process uses a folder at a time (flock on DIR/lock).
 *
 * Every failure fills `error` with one sentence: what, where, what would be right. Codes: BAD_INPUT
 * (not empty, not a folder of ours, cannot be made or written), BUSY (somebody else uses it),
 * NO_SPACE, IO. Before the run starts that is exit status 2, later 5.
 */
#ifndef SHOAL_CORE_REPORT_RUN_FOLDER_H
#define SHOAL_CORE_REPORT_RUN_FOLDER_H

#include <stdint.h>

#include "core/util/bytes.h"

#define RUN_FILES(X)                 \
    X(PLAN, "plan.json")             \
    X(MANIFEST, "manifest.json")     \
    X(TIMELINE, "timeline.jsonl")    \
    X(HISTOGRAMS, "histograms.hlog") \
    X(ERRORS, "errors.jsonl")        \
    X(SUMMARY, "summary.json")

enum run_file {
#define RUN_FILE_ENUM(id, name) RUN_##id,
    RUN_FILES(RUN_FILE_ENUM)
#undef RUN_FILE_ENUM
        RUN_FILE_COUNT
};

#define RUN_ERROR_MAX 512
#define RUN_FILE_READ_MAX (UINT64_C(4) << 30) /* bytes of a file that is read back */

struct run_folder;

/* "runs/<name>-20261120T205135.123Z"; what a file name should not have becomes '-'. */
void run_folder_default(char *out, size_t size, const char *name, int64_t wall_us);

/* A new folder (parents are made). One that holds anything is refused. */
int run_folder_create(struct run_folder **out, const char *path, char error[RUN_ERROR_MAX]);
/* An existing one, to resume or to report on. */
int run_folder_open(struct run_folder **out, const char *path, char error[RUN_ERROR_MAX]);
void run_folder_close(struct run_folder *f); /* NULL is allowed */
/* Removes our files from a folder that was made for a run which then did not start, and the folder
 * itself when nothing else is in it, so that the same command can be given again. Then close it. */
void run_folder_discard(struct run_folder *f);

const char *run_folder_path(const struct run_folder *f);
const char *run_file_name(enum run_file file);
/* The sentence of the last failure on this folder. */
const char *run_folder_error(const struct run_folder *f);
void run_folder_set_error(struct run_folder *f, const char *sentence);

int run_folder_write(struct run_folder *f, enum run_file file, struct slice content);
int run_folder_append(struct run_folder *f, enum run_file file, struct slice content);
/* Opens a growing file, made when missing, cut behind its last whole line. */
int run_folder_touch(struct run_folder *f, enum run_file file);
/* Replaces everything from `offset` to the end with one write. */
int run_folder_replace_tail(struct run_folder *f, enum run_file file, uint64_t offset,
                            struct slice content);
uint64_t run_folder_size(const struct run_folder *f, enum run_file file); /* of a growing file */

/* The whole content, or NOT_FOUND. Free with buf_free. */
int run_folder_read(struct run_folder *f, enum run_file file, struct buf *out);
/* Line by line, without the line ends; a last line that lacks its end is left out. fn returns 0 to
 * go on, anything else stops and is returned. NOT_FOUND without the file. */
int run_folder_each_line(struct run_folder *f, enum run_file file,
                         int (*fn)(void *arg, struct slice line), void *arg);

#endif
