/* What /proc says of this process, its threads and the machine. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/measure/health.h"
#include "core/util/clock.h"

#define DESCRIPTORS_SPARE 8 /* fewer free ones than this count as none */
#define PORTS_USED_SHARE 0.9

/* The beginning of a small file of /proc, NUL-terminated; false when it cannot be read. */
static bool read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t len = 0;
    ssize_t n;
    while (len + 1 < size && (n = read(fd, out + len, size - 1 - len)) > 0)
        len += (size_t)n;
    close(fd);
    out[len] = '\0';
    return len > 0;
}

uint64_t rss_anon_bytes(void)
{
    char text[4096];
    uint64_t kib = 0;
    if (!read_small("/proc/self/status", text, sizeof text))
        return 0;
    const char *line = strstr(text, "\nRssAnon:");
    if (!line || sscanf(line, "\nRssAnon: %" SCNu64, &kib) != 1)
        return 0;
    return kib * 1024;
}

bool thread_run_wait_ns(int tid, int64_t *out)
{
    char path[64], text[128];
    int64_t on_cpu, waited;
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", tid);
    if (!read_small(path, text, sizeof text) ||
        sscanf(text, "%" SCNd64 " %" SCNd64, &on_cpu, &waited) != 2)
        return false;
    *out = waited;
    return true;
}

static void sample_steal(struct machine_sample *out)
{
    char text[512];
    uint64_t t[8] = {0};
    if (!read_small("/proc/stat", text, sizeof text))
        return;
    if (sscanf(text,
               "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64 " %" SCNu64,
               &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 8)
        return;
    for (int i = 0; i < 8; i++)
        out->total_ticks += t[i];
    out->steal_ticks = t[7];
}

/* The lowest free descriptor is about the number of open ones; counting them would cost
 * milliseconds with many thousand connections. */
static void sample_descriptors(struct machine_sample *out)
{
    struct rlimit limit;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        out->descriptors_gone = errno == EMFILE || errno == ENFILE;
        return;
    }
    close(fd);
    out->descriptors = (unsigned)fd;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        out->descriptors_gone = (rlim_t)fd + DESCRIPTORS_SPARE >= limit.rlim_cur;
}

static void sample_ports(struct machine_sample *out)
{
    char text[1024];
    unsigned low, high, inuse = 0, orphan = 0, time_wait = 0;
    if (!read_small("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof text) ||
        sscanf(text, "%u %u", &low, &high) != 2 || high < low)
        return;
    if (!read_small("/proc/net/sockstat", text, sizeof text))
        return;
    const char *line = strstr(text, "TCP:");
    if (!line || sscanf(line, "TCP: inuse %u orphan %u tw %u", &inuse, &orphan, &time_wait) != 3)
        return;
    out->ports_scarce = inuse + time_wait >= PORTS_USED_SHARE * (high - low + 1);
}

static double processors(void)
{
    cpu_set_t set;
    char text[64];
    double quota, period;
    double count = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        count = CPU_COUNT(&set);
    else if (sysconf(_SC_NPROCESSORS_ONLN) > 0)
        count = (double)sysconf(_SC_NPROCESSORS_ONLN);
    if (read_small("/sys/fs/cgroup/cpu.max", text, sizeof text) &&
        sscanf(text, "%lf %lf", &quota, &period) == 2 && period > 0 && quota / period < count)
        count = quota / period;
    return count;
}

void machine_sample(struct machine_sample *out)
{
    struct timespec cpu;
    memset(out, 0, sizeof *out);
    out->processors = processors();
    out->rss_anon_bytes = rss_anon_bytes();
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
        out->cpu_ns = cpu.tv_sec * NS_PER_S + cpu.tv_nsec;
    sample_steal(out);
    sample_descriptors(out);
    sample_ports(out);
}
