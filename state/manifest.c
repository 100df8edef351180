/* The folder's manifest: what the records are for, their tables, and over how many shards they are
 * spread. Written once, whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/error.h"
#include "core/util/json.h"
#include "state/internal.h"

#define MANIFEST_MAX ((size_t)64 * 1024)

static int damaged(const char *folder, char *error, const char *what)
{
    char shown[STATE_SHOWN_MAX];
    return state_refuse(error, SHOAL_E_CORRUPT,
                        "%s/manifest.json is damaged or not ours (%s): restore it or give a new "
                        "folder with --state-dir",
                        state_shown(folder, shown), what);
}

static int read_tables(const cJSON *list, struct manifest *out)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || out->table_count == STATE_TABLES_MAX ||
            strlen(item->valuestring) >= STATE_NAME_MAX)
            return SHOAL_E_CORRUPT;
        (void)snprintf(out->tables[out->table_count++], STATE_NAME_MAX, "%s", item->valuestring);
    }
    return out->table_count ? 0 : SHOAL_E_CORRUPT;
}

static int read_members(const char *folder, const cJSON *root, struct manifest *out, char *error)
{
    int64_t format = 0, shards = 0, partitions = 0, segments = 0;
    const char *purpose = json_string(root, "purpose");
    if (!json_int(root, "format", &format))
        return damaged(folder, error, "it has no format");
    if (format != STATE_FORMAT) {
        char shown[STATE_SHOWN_MAX];
        return state_refuse(error, SHOAL_E_BAD_INPUT,
                            "the state folder %s has format %lld and this shoal knows format %d: "
                            "use the shoal that made it or a new folder with --state-dir",
                            state_shown(folder, shown), (long long)format, STATE_FORMAT);
    }
    if (!purpose || strlen(purpose) >= sizeof out->purpose)
        return damaged(folder, error, "it has no purpose");
    if (!json_int(root, "shards", &shards) || shards < 1 || shards > STATE_SHARDS_MAX)
        return damaged(folder, error, "its number of shards is impossible");
    if (!json_int(root, "partitions", &partitions) || partitions < 0 || partitions > UINT32_MAX ||
        !json_int(root, "segments", &segments) || segments < 1 || segments > UINT32_MAX)
        return damaged(folder, error, "its partitions or segments are impossible");
    if (read_tables(json_array(root, "tables"), out))
        return damaged(folder, error, "its list of tables is impossible");
    (void)snprintf(out->purpose, sizeof out->purpose, "%s", purpose);
    out->spread = (struct state_spread){(uint32_t)partitions, (uint32_t)segments, (uint32_t)shards};
    return 0;
}

/* The file's text; NOT_FOUND when there is none. */
static int read_text(const char *folder, struct buf *text, char *error)
{
    char path[STATE_PATH_MAX], shown[STATE_SHOWN_MAX], piece[4096];
    (void)snprintf(path, sizeof path, "%s/manifest.json", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return SHOAL_E_NOT_FOUND;
    ssize_t n = -1;
    if (fd >= 0) {
        while ((n = read(fd, piece, sizeof piece)) > 0 && text->len < MANIFEST_MAX)
            buf_put(text, piece, (size_t)n);
    }
    int err = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return state_refuse(error, error_from_errno(err), "%s/manifest.json cannot be read: %s",
                            state_shown(folder, shown), strerror(err));
    return text->error ? state_refuse(error, text->error, "out of memory") : 0;
}

int manifest_read(const char *folder, struct manifest *out, char *error)
{
    *out = (struct manifest){0};
    struct buf text = {0};
    int rc = read_text(folder, &text, error);
    if (rc == 0) {
        cJSON *root = NULL;
        struct json_error where;
        if (json_parse(&root, buf_slice(&text), &where))
            rc = damaged(folder, error, text.len ? where.text : "it is empty");
        else
            rc = read_members(folder, root, out, error);
        cJSON_Delete(root);
    }
    buf_free(&text);
    return rc;
}

static void compose(struct buf *out, const struct manifest *m)
{
    buf_printf(out, "{\"format\": %d, \"purpose\": ", STATE_FORMAT);
    json_quote(out, slice_str(m->purpose));
    buf_str(out, ", \"tables\": [");
    for (unsigned i = 0; i < m->table_count; i++) {
        buf_str(out, i ? ", " : "");
        json_quote(out, slice_str(m->tables[i]));
    }
    buf_printf(out, "], \"partitions\": %u, \"segments\": %u, \"shards\": %u}\n",
               m->spread.partitions, m->spread.segments, m->spread.shards);
}

int manifest_write(const char *folder, const struct manifest *m, char *error)
{
    char path[STATE_PATH_MAX], temp[STATE_PATH_MAX], shown[STATE_SHOWN_MAX];
    struct buf text = {0};
    compose(&text, m);
    (void)snprintf(path, sizeof path, "%s/manifest.json", folder);
    (void)snprintf(temp, sizeof temp, "%s/manifest.json.tmp", folder);
    int rc = text.error;
    int err = ENOMEM;
    int fd = rc ? -1 : open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        errno = ENOSPC; /* what a short write means */
        bool written = write(fd, text.data, text.len) == (ssize_t)text.len && fsync(fd) == 0;
        err = errno;
        close(fd);
        if (!written)
            rc = error_from_errno(err);
        else if (rename(temp, path))
            rc = error_from_errno(err = errno);
        if (rc)
            unlink(temp);
    } else if (!rc) {
        rc = error_from_errno(err = errno);
    }
    buf_free(&text);
    return rc ? state_refuse(error, rc, "%s/manifest.json cannot be written: %s",
                             state_shown(folder, shown), strerror(err))
              : 0;
}

/* "a, b, c", cut when long. */
static void join(const struct manifest *m, char out[80])
{
    size_t used = 0;
    out[0] = 0;
    for (unsigned i = 0; i < m->table_count && used < 79; i++)
        used += (size_t)snprintf(out + used, 80 - used, "%s%s", i ? ", " : "", m->tables[i]);
}

int manifest_check(const char *folder, const struct manifest *have, const struct manifest *want,
                   char *error)
{
    char shown[STATE_SHOWN_MAX], theirs[80], ours[80];
    if (strcmp(have->purpose, want->purpose) != 0)
        return state_refuse(error, SHOAL_E_BAD_INPUT,
                            "the state folder %s is for '%.60s', not for '%.60s': choose another "
                            "with --state-dir",
                            state_shown(folder, shown), have->purpose, want->purpose);
    if (have->spread.partitions != want->spread.partitions ||
        have->spread.segments != want->spread.segments)
        return state_refuse(error, SHOAL_E_BAD_INPUT,
                            "the state folder %s spreads its clients over %u partitions and %u "
                            "segments, not %u and %u: keep the numbers of clients and segments, or "
                            "give a new folder",
                            state_shown(folder, shown), have->spread.partitions,
                            have->spread.segments, want->spread.partitions, want->spread.segments);
    bool same = have->table_count == want->table_count;
    for (unsigned i = 0; same && i < want->table_count; i++)
        same = strcmp(have->tables[i], want->tables[i]) == 0;
    if (same)
        return 0;
    join(have, theirs);
    join(want, ours);
    return state_refuse(error, SHOAL_E_BAD_INPUT,
                        "the state folder %s has the tables %.60s, where %.60s are needed: use the "
                        "shoal that made it or a new folder",
                        state_shown(folder, shown), theirs, ours);
}
