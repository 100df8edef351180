#include "simulators/taler/standin_keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/json.h"
#include "protocols/taler/base32.h"

#define FILE_MAX (32u << 20)

static bool path_of(char path[4096], const struct standin_keys_file *file, const char *suffix)
{
    return snprintf(path, 4096, "%s/" STANDIN_KEYS_FILE "%s", file->folder, suffix) < 4096;
}

static int read_file(struct buf *out, const char *path)
{
    FILE *stream = fopen(path, "rbe");
    if (!stream)
        return errno == ENOENT ? SHOAL_E_NOT_FOUND : error_from_errno(errno);
    out->limit = FILE_MAX;
    char piece[8192];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, stream)) > 0)
        buf_put(out, piece, n);
    int error = ferror(stream) ? SHOAL_E_IO : out->error;
    fclose(stream);
    return error;
}

static bool read_seed(struct taler_key *key, const cJSON *root, const char *member)
{
    uint8_t seed[TALER_SEED_SIZE];
    const char *text = json_string(root, member);
    if (!text || taler_b32_decode(seed, sizeof seed, text, strlen(text)))
        return false;
    taler_key_from_seed(key, seed);
    taler_wipe(seed, sizeof seed);
    return true;
}

static int read_keys(struct standin_keys *k, const cJSON *root, const char *purpose,
                     const char **why)
{
    int64_t created_s;
    const char *made_for = json_string(root, "purpose");
    const cJSON *list = json_array(root, "rsa");
    *why = "the keys in its folder are damaged";
    if (!made_for || !list || !json_int(root, "created_s", &created_s) || created_s < 0 ||
        !read_seed(&k->master, root, "master") || !read_seed(&k->signkey, root, "signkey"))
        return SHOAL_E_CORRUPT;
    k->created_s = (uint64_t)created_s;
    if (strcmp(made_for, purpose) != 0) {
        *why = "the keys in its folder were made for other denominations; use another folder";
        return SHOAL_E_CORRUPT;
    }
    size_t n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (n == k->rsa_count || !cJSON_IsString(item))
            return SHOAL_E_CORRUPT;
        k->rsa[n] = taler_rsa_private_from_pem(slice_str(item->valuestring));
        if (!k->rsa[n])
            return SHOAL_E_CORRUPT;
        n++;
    }
    return n == k->rsa_count ? SHOAL_OK : SHOAL_E_CORRUPT;
}

int standin_keys_load(struct standin_keys *k, const struct standin_keys_file *file,
                      const char **why)
{
    char path[4096];
    struct buf text = {0};
    *why = "the keys in its folder cannot be read";
    int error = path_of(path, file, "") ? read_file(&text, path) : SHOAL_E_BAD_INPUT;
    cJSON *root = NULL;
    if (!error && json_parse(&root, buf_slice(&text), NULL)) {
        *why = "the keys in its folder are damaged";
        error = SHOAL_E_CORRUPT;
    }
    error = error ? error : read_keys(k, root, file->purpose, why);
    cJSON_Delete(root);
    if (text.data)
        taler_wipe(text.data, text.len);
    buf_free(&text);
    return error;
}

static void write_seed(struct buf *out, const char *member, const struct taler_key *key)
{
    buf_printf(out, ",\"%s\":\"", member);
    taler_b32_put(out, key->seed, sizeof key->seed);
    buf_char(out, '"');
}

static int write_keys(struct buf *out, const struct standin_keys *k, const char *purpose)
{
    buf_printf(out,
               "{\"format\":1,\"created_s\":%llu,\"purpose\":", (unsigned long long)k->created_s);
    json_quote(out, slice_str(purpose));
    write_seed(out, "master", &k->master);
    write_seed(out, "signkey", &k->signkey);
    buf_str(out, ",\"rsa\":[");
    for (size_t i = 0; i < k->rsa_count; i++) {
        struct buf pem = {0};
        int error = taler_rsa_private_to_pem(k->rsa[i], &pem);
        buf_str(out, i ? ",\n" : "\n");
        json_quote(out, buf_slice(&pem));
        if (pem.data)
            taler_wipe(pem.data, pem.len);
        buf_free(&pem);
        if (error)
            return error;
    }
    buf_str(out, "]}\n");
    return out->error;
}

int standin_keys_save(const struct standin_keys *k, const struct standin_keys_file *file,
                      const char **why)
{
    char path[4096], temporary[4096];
    *why = "its keys cannot be written to its folder";
    if (!path_of(path, file, "") || !path_of(temporary, file, ".new"))
        return SHOAL_E_BAD_INPUT;
    struct buf text = {0};
    int error = write_keys(&text, k, file->purpose);
    int fd = error ? -1 : open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *stream = fd >= 0 ? fdopen(fd, "wb") : NULL;
    bool ok = stream && fwrite(text.data, 1, text.len, stream) == text.len;
    ok = stream && fclose(stream) == 0 && ok;
    if (!error && (!ok || rename(temporary, path) != 0))
        error = error_from_errno(errno);
    if (text.data)
        taler_wipe(text.data, text.len);
    buf_free(&text);
    return error;
}
