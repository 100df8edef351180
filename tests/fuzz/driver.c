/* Feeds every file below a folder to a fuzz entry once, so that a corpus is a regression test of
 * every build, also those without libFuzzer. */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FOLDERS_OPEN_MAX 16

/* A result other than 0 ends the walk. */
static int feed(const char *path, const struct stat *info, int type, struct FTW *place)
{
    if (type != FTW_F)
        return 0;
    FILE *f = fopen(path, "rb");
    size_t size = (size_t)info->st_size;
    uint8_t *data = malloc(size ? size : 1);
    if (!f || !data || fread(data, 1, size, f) != size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    fclose(f);
    printf("%s\n", path);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int is_file(const char *path, const struct stat *info, int type, struct FTW *place)
{
    return type == FTW_F;
}

int main(int argc, char **argv)
{
    if (argc != 2 || nftw(argv[1], is_file, FOLDERS_OPEN_MAX, FTW_PHYS) != 1) {
        fprintf(stderr, "usage: %s FOLDER, with at least one file in it\n", argv[0]);
        return 1;
    }
    return nftw(argv[1], feed, FOLDERS_OPEN_MAX, FTW_PHYS) ? 1 : 0;
}
