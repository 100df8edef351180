/* A temporary folder of a test, and its removal. */
#ifndef SHOAL_TESTS_REPORT_FOLDER_H
#define SHOAL_TESTS_REPORT_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER_SIZE 64

static inline int folder_make(char out[FOLDER_SIZE])
{
    snprintf(out, FOLDER_SIZE, "/tmp/shoal-test-XXXXXX");
    return mkdtemp(out) ? 0 : -1;
}

static inline int folder_remove_one(const char *path, const struct stat *st, int kind,
                                    struct FTW *place)
{
    return remove(path);
}

static inline int folder_remove(const char *path)
{
    return nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
