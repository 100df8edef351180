/* Where a state folder may be, and who may use it: not on a network, not two at once, and not a
 * folder that is somebody else's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/util/error.h"
#include "state/internal.h"

struct network_type {
    long magic;
    const char *name;
};

/* By the numbers of statfs(2). LMDB maps its file and locks by it; over a network neither holds. */
static const struct network_type network_types[] = {
    {0x6969, "NFS"},       {0x517b, "SMB"},          {0xff534d42, "CIFS"},   {0xfe534d42, "SMB2"},
    {0x01021997, "9p"},    {0x5346414f, "AFS"},      {0x6b414653, "AFS"},    {0x00c36400, "Ceph"},
    {0x73757245, "Coda"},  {0x564c, "NCP"},          {0x0bd00bd0, "Lustre"}, {0x01161970, "GFS2"},
    {0x7461636f, "OCFS2"}, {0x19830326, "BeeGFS"},   {0x47504653, "GPFS"},   {0x786f4256, "vboxsf"},
    {0xaad7aaea, "PanFS"}, {0x20030528, "OrangeFS"},
};

#define FUSE_MAGIC 0x65735546
#define TYPE_MAX 64

const char *guard_network_name(long type, const char *mount_type)
{
    for (size_t i = 0; i < sizeof network_types / sizeof network_types[0]; i++) {
        if (network_types[i].magic == (type & 0xffffffffL))
            return network_types[i].name;
    }
    if (type != FUSE_MAGIC)
        return NULL;
    /* FUSE tells nothing of what is behind it, except for these two, which are local. */
    if (strcmp(mount_type, "fuseblk") == 0 || strcmp(mount_type, "fuse.fuse-overlayfs") == 0)
        return NULL;
    return mount_type[0] ? mount_type : "FUSE";
}

/* The type of the mount that holds `folder` by /proc/self/mountinfo; empty when not found. */
static void mount_type_of(const char *folder, char out[TYPE_MAX])
{
    out[0] = 0;
    struct stat st;
    FILE *file = stat(folder, &st) == 0 ? fopen("/proc/self/mountinfo", "re") : NULL;
    if (!file)
        return;
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, file) > 0) {
        unsigned major_no, minor_no;
        const char *dash = strstr(line, " - ");
        if (dash && sscanf(line, "%*d %*d %u:%u", &major_no, &minor_no) == 2 &&
            makedev(major_no, minor_no) == st.st_dev)
            (void)sscanf(dash + 3, "%63s", out);
    }
    free(line);
    (void)fclose(file);
}

int guard_file_system(const char *folder, char *error)
{
    struct statfs fs;
    char shown[STATE_SHOWN_MAX];
    if (statfs(folder, &fs))
        return state_refuse(error, SHOAL_E_IO, "the state folder %s cannot be used: %s",
                            state_shown(folder, shown), strerror(errno));
    char mount_type[TYPE_MAX] = "";
    if (fs.f_type == FUSE_MAGIC)
        mount_type_of(folder, mount_type);
    const char *name = guard_network_name((long)fs.f_type, mount_type);
    if (!name)
        return 0;
    return state_refuse(error, SHOAL_E_IO,
                        "the state folder %s is on a network file system (%s), where the state "
                        "would not be safe: choose a local disk with --state-dir",
                        state_shown(folder, shown), name);
}

/* The names that this module gives to files. */
static bool our_name(const char *name)
{
    unsigned index;
    int end = 0;
    if (strcmp(name, "lock") == 0 || strcmp(name, "manifest.json.tmp") == 0)
        return true;
    if (sscanf(name, "shard-%2u.mdb%n", &index, &end) != 1 || end == 0)
        return false;
    return name[end] == 0 || strcmp(name + end, "-lock") == 0;
}

int guard_unfinished(const char *folder, char *error)
{
    char shown[STATE_SHOWN_MAX];
    DIR *dir = opendir(folder);
    if (!dir)
        return state_refuse(error, SHOAL_E_IO, "the state folder %s cannot be read: %s",
                            state_shown(folder, shown), strerror(errno));
    int rc = 0;
    const struct dirent *entry;
    while (rc == 0 && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            strcmp(entry->d_name, "lost+found") == 0 || our_name(entry->d_name))
            continue;
        rc = state_refuse(error, SHOAL_E_BAD_INPUT,
                          "%s is not a state folder: it has no manifest.json and holds '%.60s', "
                          "which is not ours; give a new or an empty folder",
                          state_shown(folder, shown), entry->d_name);
    }
    closedir(dir);
    return rc;
}

static int refuse_busy(const char *folder, int fd, char *error)
{
    char shown[STATE_SHOWN_MAX], text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    char holder[48] = "another process";
    if (pid == (long)getpid())
        (void)snprintf(holder, sizeof holder, "this process already");
    else if (pid > 0)
        (void)snprintf(holder, sizeof holder, "process %ld", pid);
    return state_refuse(error, SHOAL_E_BUSY,
                        "the state folder %s is in use by %s: wait for its end or choose another "
                        "with --state-dir",
                        state_shown(folder, shown), holder);
}

int guard_lock(const char *folder, int *out, char *error)
{
    char path[STATE_PATH_MAX], shown[STATE_SHOWN_MAX];
    (void)snprintf(path, sizeof path, "%s/lock", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        int err = errno;
        bool denied = err == EROFS || err == EACCES || err == EPERM;
        return state_refuse(error, error_from_errno(err), "the state folder %s cannot be %s: %s%s",
                            state_shown(folder, shown), denied ? "written" : "locked",
                            strerror(err), denied ? "; choose one that can with --state-dir" : "");
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        int rc = errno == EWOULDBLOCK
                     ? refuse_busy(folder, fd, error)
                     : state_refuse(error, SHOAL_E_IO, "the state folder %s cannot be locked: %s",
                                    state_shown(folder, shown), strerror(errno));
        close(fd);
        return rc;
    }
    /* Who holds it is said for the other's message only; a full disk does not matter here. */
    char text[32];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) != len)
        (void)!ftruncate(fd, 0);
    *out = fd;
    return 0;
}
