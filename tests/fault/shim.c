/* Makes one file-system call of our processes fail; loaded with LD_PRELOAD, compiled by the tests.
 *
 * Only processes of git-data are concerned: Python whose command line names git_data/launch.py, git-data or git-remote-data.
 * git itself, the shell and whatever else runs in between is left alone.  Calls are counted over all our processes of one
 * command, in a file that they map.  The environment says what to do:
 *
 *   FAULT_KIND   kill      the process dies at the call; a write gets half of its bytes out first
 *                kill-git  git, our parent, dies; we go on
 *                kill-all  the process group dies
 *                eio       the call fails with EIO (reads, writes, looks, closes)
 *                enospc    the call fails with ENOSPC (whatever may need space)
 *                fsync     the call fails with EIO (fsync, fdatasync, syncfs)
 *                stop      the process stops before the call until it gets SIGCONT
 *   FAULT_AT     the number of the call, from 1
 *   FAULT_ROOT   only files below this directory count, and for the kills what is written to pipes
 *   FAULT_STATE  the file with the counter and what was hit
 *   FAULT_TRACE  a file to which each counted call is added, a line each
 *   FAULT_CLOCK  seconds by which the clock is wrong, in all processes
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CHANGE = 1, READ = 2, SPACE = 4, SYNC = 8 };

typedef struct { uint32_t calls, hit; char what[4088]; } state_t;

static state_t *state;
static pid_t active_pid;
static int counted;          /* kinds of calls that count */
static int injected;         /* errno to inject, 0 to kill */
static int stops;
static char kill_whom;       /* 0, 's'elf, 'g'it, 'a'll */
static uint32_t fault_at;
static int trace_fd = -1;
static const char *root;
static size_t root_len;
static long long clock_offset_s;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

/* ---- who and where -------------------------------------------------------------------------- */

static int is_ours(void)
{
    char line[4096], *script;
    ssize_t n;
    int fd = REAL(open)("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = REAL(read)(fd, line, sizeof line - 1);
    REAL(close)(fd);
    if (n <= 0)
        return 0;
    line[n] = 0;
    script = strrchr(line, '/');
    if (strncmp(script ? script + 1 : line, "python", 6))
        return 0;
    for (script = line; script < line + n; script += strlen(script) + 1) {
        size_t len = strlen(script);
        if ((len >= 18 && !strcmp(script + len - 18, "git_data/launch.py")) || (len >= 9 && !strcmp(script + len - 9, "/git-data"))
            || (len >= 16 && !strcmp(script + len - 16, "/git-remote-data")))
            return 1;
    }
    return 0;
}

__attribute__((constructor)) static void start(void)
{
    const char *kind = getenv("FAULT_KIND"), *at = getenv("FAULT_AT"), *path = getenv("FAULT_STATE");
    int fd;
    if (getenv("FAULT_CLOCK"))
        clock_offset_s = atoll(getenv("FAULT_CLOCK"));
    root = getenv("FAULT_ROOT");
    if (!kind || !at || !path || !root || !is_ours())
        return;
    root_len = strlen(root);
    fault_at = (uint32_t)atoi(at);
    if (!strncmp(kind, "kill", 4)) {
        counted = CHANGE;
        kill_whom = kind[4] ? kind[5] : 's';
    } else if (!strcmp(kind, "stop")) {
        counted = CHANGE | READ;
        stops = 1;
    } else if (!strcmp(kind, "eio")) {
        counted = CHANGE | READ;
        injected = EIO;
    } else if (!strcmp(kind, "enospc")) {
        counted = SPACE;
        injected = ENOSPC;
    } else if (!strcmp(kind, "fsync")) {
        counted = SYNC;
        injected = EIO;
    } else {
        abort();
    }
    fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        abort();
    state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REAL(close)(fd);
    if (state == MAP_FAILED)
        abort();
    if (getenv("FAULT_TRACE"))
        trace_fd = REAL(open)(getenv("FAULT_TRACE"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    active_pid = getpid();
}

static int below_root(const char *path)
{
    return !strncmp(path, root, root_len) && (path[root_len] == '/' || !path[root_len]);
}

/* Where a descriptor points to: its path, or "pipe:[…]". */
static const char *fd_path(int fd, char *buffer, size_t size)
{
    char link[64];
    ssize_t n;
    if (fd == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, buffer, size - 1);
    buffer[n < 0 ? 0 : n] = 0;
    return buffer;
}

/* ---- the fault ------------------------------------------------------------------------------ */

static pid_t git_above(void)
{
    pid_t pid = getppid();
    char path[64], text[512], *p;
    while (pid > 1) {
        ssize_t n;
        int fd;
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        fd = REAL(open)(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return 0;
        n = REAL(read)(fd, text, sizeof text - 1);
        REAL(close)(fd);
        if (n <= 0)
            return 0;
        text[n] = 0;
        if (strstr(text, "(git)"))
            return pid;
        p = strrchr(text, ')');
        if (!p || sscanf(p + 1, " %*c %d", &pid) != 1)
            return 0;
    }
    return 0;
}

/* Whether this process does not come back from die. */
static int is_dying(void)
{
    return kill_whom == 's' || kill_whom == 'a';
}

static void die(void)
{
    if (stops) {
        raise(SIGSTOP);
        return;
    }
    if (kill_whom == 'g') {
        pid_t git = git_above();
        if (git)
            kill(git, SIGKILL);
        return;
    }
    kill(kill_whom == 'a' ? 0 : getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Whether this call is the one. */
static int is_hit(int kinds, const char *call, const char *path)
{
    uint32_t number;
    if (!(kinds & counted))
        return 0;
    number = __sync_add_and_fetch(&state->calls, 1);
    if (trace_fd >= 0) {
        char line[8300];
        int len = snprintf(line, sizeof line, "%s %s\n", call, path);
        if (REAL(write)(trace_fd, line, (size_t)len) != len)
            abort();
    }
    if (number != fault_at)
        return 0;
    state->hit = (uint32_t)getpid();
    snprintf(state->what, sizeof state->what, "%s %s", call, path);
    return 1;
}

static int hit_fd(int kinds, const char *call, int fd)
{
    char path[4096];
    int saved = errno, hit = 0;
    if (state && getpid() == active_pid && (kinds & counted)) {
        fd_path(fd, path, sizeof path);
        if (below_root(path) || (kill_whom && !strncmp(path, "pipe:", 5)))
            hit = is_hit(kinds, call, path);
    }
    errno = saved;
    return hit;
}

static int hit_at(int kinds, const char *call, int dir_fd, const char *name)
{
    char path[8192];
    int saved = errno, hit = 0;
    if (state && getpid() == active_pid && (kinds & counted) && name) {
        size_t len = 0;
        if (name[0] != '/') {
            fd_path(dir_fd, path, 4096);
            len = strlen(path);
            path[len++] = '/';
        }
        snprintf(path + len, sizeof path - len, "%s", name);
        if (below_root(path))
            hit = is_hit(kinds, call, path);
    }
    errno = saved;
    return hit;
}

/* What the wrapper returns when its call was hit; goes on when somebody else was killed. */
#define FAIL(hit)                  \
    do {                           \
        if (hit) {                 \
            if (injected) {        \
                errno = injected;  \
                return -1;         \
            }                      \
            die();                 \
        }                          \
    } while (0)

/* ---- opening -------------------------------------------------------------------------------- */

static int open_kinds(int flags)
{
    return flags & O_CREAT ? CHANGE | SPACE : flags & O_TRUNC ? CHANGE : READ;
}

#define MODE(flags, mode)                           \
    do {                                            \
        if ((flags) & (O_CREAT | __O_TMPFILE)) {    \
            va_list list;                           \
            va_start(list, flags);                  \
            mode = va_arg(list, mode_t);            \
            va_end(list);                           \
        }                                           \
    } while (0)

#define OPEN(name)                                                      \
    int name(const char *path, int flags, ...)                          \
    {                                                                   \
        mode_t mode = 0;                                                \
        MODE(flags, mode);                                              \
        FAIL(hit_at(open_kinds(flags), "open", AT_FDCWD, path));        \
        return REAL(name)(path, flags, mode);                           \
    }
#define OPENAT(name)                                                    \
    int name(int dir_fd, const char *path, int flags, ...)              \
    {                                                                   \
        mode_t mode = 0;                                                \
        MODE(flags, mode);                                              \
        FAIL(hit_at(open_kinds(flags), "openat", dir_fd, path));        \
        return REAL(name)(dir_fd, path, flags, mode);                   \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

DIR *opendir(const char *path)
{
    if (hit_at(READ, "opendir", AT_FDCWD, path)) {
        if (injected) {
            errno = injected;
            return NULL;
        }
        die();
    }
    return REAL(opendir)(path);
}

int close(int fd)
{
    /* Only what was written can be lost at close. The descriptor is gone all the same (close(2)). */
    if (state && injected == EIO && counted & READ) {
        int flags = fcntl(fd, F_GETFL);
        if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && hit_fd(CHANGE, "close", fd)) {
            REAL(close)(fd);
            errno = EIO;
            return -1;
        }
    }
    return REAL(close)(fd);
}

/* ---- reading, looking ----------------------------------------------------------------------- */

ssize_t read(int fd, void *buffer, size_t size)
{
    FAIL(hit_fd(READ, "read", fd));
    return REAL(read)(fd, buffer, size);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t at)
{
    FAIL(hit_fd(READ, "pread", fd));
    return REAL(pread)(fd, buffer, size, at);
}

ssize_t pread64(int fd, void *buffer, size_t size, off64_t at)
{
    FAIL(hit_fd(READ, "pread", fd));
    return REAL(pread64)(fd, buffer, size, at);
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    FAIL(hit_fd(READ, "readv", fd));
    return REAL(readv)(fd, parts, count);
}

ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t at, int flags)
{
    FAIL(hit_fd(READ, "preadv", fd));
    return REAL(preadv64v2)(fd, parts, count, at, flags);
}

ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t at)
{
    FAIL(hit_fd(READ, "preadv", fd));
    return REAL(preadv64)(fd, parts, count, at);
}

int fstat64(int fd, struct stat64 *out)
{
    FAIL(hit_fd(READ, "fstat", fd));
    return REAL(fstat64)(fd, out);
}

int stat64(const char *path, struct stat64 *out)
{
    FAIL(hit_at(READ, "stat", AT_FDCWD, path));
    return REAL(stat64)(path, out);
}

int lstat64(const char *path, struct stat64 *out)
{
    FAIL(hit_at(READ, "lstat", AT_FDCWD, path));
    return REAL(lstat64)(path, out);
}

int fstatat64(int dir_fd, const char *path, struct stat64 *out, int flags)
{
    FAIL(hit_at(READ, "fstatat", dir_fd, path));
    return REAL(fstatat64)(dir_fd, path, out, flags);
}

/* ---- writing -------------------------------------------------------------------------------- */

ssize_t write(int fd, const void *buffer, size_t size)
{
    if (hit_fd(CHANGE | SPACE, "write", fd)) {
        if (is_dying() && size > 1)
            REAL(write)(fd, buffer, size / 2);
        FAIL(1);
    }
    return REAL(write)(fd, buffer, size);
}

ssize_t pwrite64(int fd, const void *buffer, size_t size, off64_t at)
{
    FAIL(hit_fd(CHANGE | SPACE, "pwrite", fd));
    return REAL(pwrite64)(fd, buffer, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    FAIL(hit_fd(CHANGE | SPACE, "writev", fd));
    return REAL(writev)(fd, parts, count);
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags)
{
    if (hit_fd(CHANGE | SPACE, "copy_file_range", out)) {
        if (is_dying())
            REAL(copy_file_range)(in, in_at, out, out_at, 4096, flags);
        FAIL(1);
    }
    return REAL(copy_file_range)(in, in_at, out, out_at, size, flags);
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t size)
{
    FAIL(hit_fd(CHANGE | SPACE, "sendfile", out));
    return REAL(sendfile64)(out, in, at, size);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    void *argument;
    va_start(list, request);
    argument = va_arg(list, void *);
    va_end(list);
    if (request == FICLONE)
        FAIL(hit_fd(CHANGE | SPACE, "ioctl FICLONE", fd));
    else
        FAIL(hit_fd(CHANGE, "ioctl", fd));
    return REAL(ioctl)(fd, request, argument);
}

int ftruncate64(int fd, off64_t size)
{
    FAIL(hit_fd(CHANGE | SPACE, "ftruncate", fd));
    return REAL(ftruncate64)(fd, size);
}

int ftruncate(int fd, off_t size)
{
    FAIL(hit_fd(CHANGE | SPACE, "ftruncate", fd));
    return REAL(ftruncate)(fd, size);
}

int fchmod(int fd, mode_t mode)
{
    FAIL(hit_fd(CHANGE, "fchmod", fd));
    return REAL(fchmod)(fd, mode);
}

int chmod(const char *path, mode_t mode)
{
    FAIL(hit_at(CHANGE, "chmod", AT_FDCWD, path));
    return REAL(chmod)(path, mode);
}

int fchmodat(int dir_fd, const char *path, mode_t mode, int flags)
{
    FAIL(hit_at(CHANGE, "fchmodat", dir_fd, path));
    return REAL(fchmodat)(dir_fd, path, mode, flags);
}

int futimens(int fd, const struct timespec times[2])
{
    FAIL(hit_fd(CHANGE, "futimens", fd));
    return REAL(futimens)(fd, times);
}

int utimensat(int dir_fd, const char *path, const struct timespec times[2], int flags)
{
    FAIL(hit_at(CHANGE, "utimensat", dir_fd, path));
    return REAL(utimensat)(dir_fd, path, times, flags);
}

/* ---- durability ----------------------------------------------------------------------------- */

int fsync(int fd)
{
    FAIL(hit_fd(CHANGE | SPACE | SYNC, "fsync", fd));
    return REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    FAIL(hit_fd(CHANGE | SPACE | SYNC, "fdatasync", fd));
    return REAL(fdatasync)(fd);
}

int syncfs(int fd)
{
    FAIL(hit_fd(CHANGE | SPACE | SYNC, "syncfs", fd));
    return REAL(syncfs)(fd);
}

/* ---- names ---------------------------------------------------------------------------------- */

int rename(const char *from, const char *to)
{
    FAIL(hit_at(CHANGE | SPACE, "rename", AT_FDCWD, to));
    return REAL(rename)(from, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    FAIL(hit_at(CHANGE | SPACE, "renameat", to_fd, to));
    return REAL(renameat)(from_fd, from, to_fd, to);
}

int link(const char *from, const char *to)
{
    FAIL(hit_at(CHANGE | SPACE, "link", AT_FDCWD, to));
    return REAL(link)(from, to);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    FAIL(hit_at(CHANGE | SPACE, "linkat", to_fd, to));
    return REAL(linkat)(from_fd, from, to_fd, to, flags);
}

int unlink(const char *path)
{
    FAIL(hit_at(CHANGE, "unlink", AT_FDCWD, path));
    return REAL(unlink)(path);
}

int unlinkat(int dir_fd, const char *path, int flags)
{
    FAIL(hit_at(CHANGE, "unlinkat", dir_fd, path));
    return REAL(unlinkat)(dir_fd, path, flags);
}

int rmdir(const char *path)
{
    FAIL(hit_at(CHANGE, "rmdir", AT_FDCWD, path));
    return REAL(rmdir)(path);
}

int mkdir(const char *path, mode_t mode)
{
    FAIL(hit_at(CHANGE | SPACE, "mkdir", AT_FDCWD, path));
    return REAL(mkdir)(path, mode);
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
    FAIL(hit_at(CHANGE | SPACE, "mkdirat", dir_fd, path));
    return REAL(mkdirat)(dir_fd, path, mode);
}

/* The compiled core calls renameat2 and openat2 this way, because old C libraries lack them. */
long syscall(long number, ...)
{
    va_list list;
    long a[6];
    int i;
    va_start(list, number);
    for (i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_renameat2)
        FAIL(hit_at(CHANGE | SPACE, "renameat2", (int)a[2], (const char *)a[3]));
    else if (number == SYS_openat2)
        FAIL(hit_at(READ, "openat2", (int)a[0], (const char *)a[1]));
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- the clock ------------------------------------------------------------------------------ */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = REAL(clock_gettime)(clock, now);
    if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += clock_offset_s;
    return result;
}

int gettimeofday(struct timeval *now, void *zone)
{
    int result = ((int (*)(struct timeval *, void *))real("gettimeofday"))(now, zone);
    if (!result)
        now->tv_sec += clock_offset_s;
    return result;
}

time_t time(time_t *out)
{
    time_t now = REAL(time)(NULL) + clock_offset_s;
    if (out)
        *out = now;
    return now;
}
