#include "core/report/manifest.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

#include <cjson/cJSON.h>

#include "core/report/json_out.h"
#include "core/util/clock.h"

#define HASH_TEXT (2 * crypto_hash_sha256_BYTES + 1)

static void hash_text(const uint8_t hash[crypto_hash_sha256_BYTES], char out[HASH_TEXT])
{
    sodium_bin2hex(out, HASH_TEXT, hash, crypto_hash_sha256_BYTES);
}

/* The SHA-256 of the program that runs; NULL when it cannot be read. */
static const char *program_hash(char out[HASH_TEXT])
{
    crypto_hash_sha256_state state;
    uint8_t chunk[16384], hash[crypto_hash_sha256_BYTES];
    ssize_t n;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    crypto_hash_sha256_init(&state);
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        crypto_hash_sha256_update(&state, chunk, (unsigned long long)n);
    close(fd);
    if (n < 0)
        return NULL;
    crypto_hash_sha256_final(&state, hash);
    hash_text(hash, out);
    return out;
}

static void put_versions(struct json_out *o, const struct manifest *m)
{
    unsigned curl_bits = curl_version_info(CURLVERSION_NOW)->version_num;
    char curl[32];
    snprintf(curl, sizeof curl, "%u.%u.%u", curl_bits >> 16, curl_bits >> 8 & 0xff,
             curl_bits & 0xff);
    jo_open(o, "libraries", '{');
    jo_string(o, "glibc", gnu_get_libc_version());
    jo_string(o, "libuv", uv_version_string());
    jo_string(o, "libcurl", curl);
    jo_string(o, "libmicrohttpd", MHD_get_version());
    jo_string(o, "openssl", OpenSSL_version(OPENSSL_VERSION));
    jo_string(o, "libsodium", sodium_version_string());
    jo_string(o, "zlib", zlibVersion());
    jo_string(o, "cjson", cJSON_Version());
    for (size_t i = 0; i < m->version_count; i++)
        jo_string(o, m->versions[i].name, m->versions[i].value);
    jo_close(o, '}');
}

/* The value of the first line "KEY<blanks>: VALUE" of a file of /proc, or NULL. */
static const char *proc_value(const char *path, const char *key, char *out, size_t size)
{
    char line[512];
    FILE *in = fopen(path, "re");
    if (!in)
        return NULL;
    const char *found = NULL;
    while (!found && fgets(line, sizeof line, in)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, strlen(key)) != 0)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(out, size, "%s", colon);
        found = out;
    }
    fclose(in);
    return found;
}

static void put_host(struct json_out *o)
{
    struct utsname name;
    cpu_set_t set;
    char text[256];
    uint64_t kib = 0;
    jo_open(o, "host", '{');
    if (uname(&name) == 0) {
        jo_string(o, "name", name.nodename);
        jo_string(o, "system", name.sysname);
        jo_string(o, "kernel", name.release);
        jo_string(o, "machine", name.machine);
    }
    jo_int(o, "processors", sysconf(_SC_NPROCESSORS_ONLN));
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        jo_int(o, "processors_allowed", CPU_COUNT(&set));
    jo_string(o, "processor", proc_value("/proc/cpuinfo", "model name", text, sizeof text));
    if (proc_value("/proc/meminfo", "MemTotal", text, sizeof text))
        sscanf(text, "%" SCNu64, &kib);
    jo_uint(o, "memory_bytes", kib * 1024);
    jo_close(o, '}');
}

static void put_limit(struct json_out *o, const char *key, rlim_t value)
{
    if (value == RLIM_INFINITY)
        jo_null(o, key);
    else
        jo_uint(o, key, value);
}

static void put_limits(struct json_out *o)
{
    struct rlimit limit;
    unsigned low = 0, high = 0;
    jo_open(o, "limits", '{');
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        put_limit(o, "nofile_soft", limit.rlim_cur);
        put_limit(o, "nofile_hard", limit.rlim_max);
    }
    FILE *in = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (in) {
        if (fscanf(in, "%u %u", &low, &high) == 2 && high >= low)
            jo_uint(o, "local_ports", high - low + 1);
        fclose(in);
    }
    jo_close(o, '}');
}

static const char *file_system(const char *path, char *out, size_t size)
{
    static const struct {
        long type;
        const char *name;
    } known[] = {{0xEF53, "ext4"},      {0x58465342, "xfs"},  {0x9123683E, "btrfs"},
                 {0x01021994, "tmpfs"}, {0x6969, "nfs"},      {0x794C7630, "overlay"},
                 {0x2FC12FC1, "zfs"},   {0xFF534D42, "cifs"}, {0xFE534D42, "smb2"},
                 {0x65735546, "fuse"},  {0x00C36400, "ceph"}, {0x0BD00BD0, "lustre"},
                 {0x47504653, "gpfs"},  {0x01021997, "9p"},   {0xF2F52010, "f2fs"},
                 {0x19830326, "beegfs"}};
    struct statfs fs;
    if (!path || statfs(path, &fs))
        return NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].type == (long)((unsigned long)fs.f_type & 0xffffffff))
            return known[i].name;
    snprintf(out, size, "0x%lx", (unsigned long)fs.f_type & 0xffffffff);
    return out;
}

static void put_wall(struct json_out *o, const char *key, int64_t wall_us)
{
    char utc[UTC_TEXT_MAX];
    jo_string(o, key, wall_us ? utc_format(wall_us, utc) : NULL);
}

static void put_identity(struct json_out *o, const struct manifest *m)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char text[HASH_TEXT], id[2 * RUN_ID_SIZE + 1];
    jo_uint(o, "format", 1);
    jo_string(o, "shoal", SHOAL_VERSION);
    jo_string(o, "name", m->name);
    jo_string(o, "run_id", sodium_bin2hex(id, sizeof id, m->run_id, RUN_ID_SIZE));
    jo_uint(o, "seed", m->seed);
    jo_open(o, "segment", '{');
    jo_uint(o, "index", m->segment);
    jo_uint(o, "count", m->segments);
    jo_close(o, '}');
    put_wall(o, "started", m->started_wall_us);
    put_wall(o, "ended", m->ended_wall_us);
    jo_uint(o, "resumed", m->resumed);
    jo_string(o, "command_line", m->command_line);
    crypto_hash_sha256(hash, m->plan.data, m->plan.len);
    hash_text(hash, text);
    jo_string(o, "plan_sha256", text);
    jo_string(o, "program_sha256", program_hash(text));
}

static void put_counts(struct json_out *o, const struct manifest_counts *counts)
{
    if (!counts) {
        jo_null(o, "at_end");
        return;
    }
    jo_open(o, "at_end", '{');
#define PUT_COUNT(name) jo_uint(o, #name, counts->name);
    MANIFEST_COUNTS(PUT_COUNT)
#undef PUT_COUNT
    jo_close(o, '}');
}

int manifest_save(struct run_folder *folder, const struct manifest *m)
{
    struct buf text = {0};
    struct json_out o = {.buf = &text, .indent_depth = 2};
    char fs[32];
    jo_open(&o, NULL, '{');
    put_identity(&o, m);
    put_versions(&o, m);
    put_host(&o);
    put_limits(&o);
    jo_open(&o, "file_systems", '{');
    jo_string(&o, "results", file_system(run_folder_path(folder), fs, sizeof fs));
    jo_string(&o, "state", file_system(m->state_folder, fs, sizeof fs));
    jo_close(&o, '}');
    jo_string(&o, "state_folder", m->state_folder);
    jo_open(&o, "targets", '{');
    for (size_t i = 0; i < m->target_count; i++)
        jo_string(&o, m->targets[i].name, m->targets[i].value);
    jo_close(&o, '}');
    jo_uint(&o, "lanes", m->lanes);
    if (m->start_skew_ns >= 0)
        jo_ms(&o, "start_skew_ms", (uint64_t)m->start_skew_ns);
    else
        jo_null(&o, "start_skew_ms");
    jo_string(&o, "fiber_guard", m->fiber_guard);
    jo_bool(&o, "insecure_tls", m->insecure_tls);
    put_counts(&o, m->at_end);
    jo_close(&o, '}');
    buf_char(&text, '\n');
    int code = text.error ? text.error : run_folder_write(folder, RUN_MANIFEST, buf_slice(&text));
    buf_free(&text);
    return code;
}
