/* The batch core: everything that must be done once per file, without the interpreter.
 *
 * Each function has a twin in Python (git_data/link/pure.py, git_data/git/index_scan.py) that
 * passes the same tests; the tool works without this file.
 *
 * What a crash leaves behind: a temporary in the staging directory (swept later), never a partial
 * file under a final name.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <linux/fs.h>
#endif
#ifdef __APPLE__
#include <sys/attr.h>
#include <sys/clonefile.h>
#endif
#include "core.h"

#ifdef __APPLE__
#define ST_MTIM st_mtimespec
#define ST_CTIM st_ctimespec
#else
#define ST_MTIM st_mtim
#define ST_CTIM st_ctim
#endif

/* A file system stamps changes with a coarse clock (a tick is at most 10 ms), so two writes within
 * one tick show the same ctime.  A file changed this recently cannot be vouched for by its stat. */
#define FRESH_NS 20000000LL

/* ---- directories ------------------------------------------------------------------------- */

/* Open the directory part of path under root_fd, never through a symbolic link. */
static int open_parent_walk(int root_fd, const char *path, size_t dir_len)
{
    int fd = dup(root_fd);
    const char *p = path, *end = path + dir_len;
    char name[4096];
    while (fd >= 0 && p < end) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        size_t n = slash ? (size_t)(slash - p) : (size_t)(end - p);
        int next;
        if (n >= sizeof name) { close(fd); errno = ENAMETOOLONG; return -1; }
        memcpy(name, p, n);
        name[n] = 0;
        if (!strcmp(name, "..")) { close(fd); errno = EXDEV; return -1; }
        next = n ? openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : dup(fd);
        { int saved = errno; close(fd); errno = saved; }
        fd = next;
        p += n + 1;
    }
    return fd;
}

static int open_parent(int root_fd, const char *path, size_t dir_len)
{
#if defined(__linux__) && defined(SYS_openat2)
    /* struct open_how and RESOLVE_* from linux/openat2.h, spelt out: old headers lack them. */
    struct { uint64_t flags, mode, resolve; } how = { O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0x02 | 0x04 | 0x08 };
    char dir[4096];
    long fd;
    if (dir_len < sizeof dir) {
        memcpy(dir, path, dir_len);
        dir[dir_len] = 0;
        fd = syscall(SYS_openat2, root_fd, dir_len ? dir : ".", &how, sizeof how);
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EAGAIN && errno != EINVAL))
            return (int)fd;
    }
#endif
    return open_parent_walk(root_fd, path, dir_len);
}

/* Items come sorted by path, so the last directory is usually the next one too. */
typedef struct { int root_fd, fd; const char *path; size_t len; } dir_cache;

static int cached_parent(dir_cache *cache, const char *path, const char **leaf)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    *leaf = slash ? slash + 1 : path;
    if (cache->fd >= 0 && cache->len == len && !memcmp(cache->path, path, len))
        return cache->fd;
    if (cache->fd >= 0)
        close(cache->fd);
    cache->fd = open_parent(cache->root_fd, path, len);
    cache->path = path;
    cache->len = len;
    return cache->fd;
}

/* ---- copying ------------------------------------------------------------------------------ */

int gd_clone_fd(int source_fd, int target_fd)
{
#if defined(__linux__) && defined(FICLONE)
    return ioctl(target_fd, FICLONE, source_fd) ? errno : 0;
#else
    (void)source_fd; (void)target_fd;
    return EOPNOTSUPP;
#endif
}

int gd_copy_fd(int source_fd, int target_fd, int64_t size)
{
    char *buffer;
    int64_t left = size;
    int result = 0;
#ifdef __linux__
    while (left > 0) {
        ssize_t n = copy_file_range(source_fd, NULL, target_fd, NULL, (size_t)(left < 1 << 30 ? left : 1 << 30), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO)) return errno;
        if (n <= 0) break;
        left -= n;
    }
    while (left > 0) {
        ssize_t n = sendfile(target_fd, source_fd, NULL, (size_t)(left < 1 << 30 ? left : 1 << 30));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO)) return errno;
        if (n <= 0) break;
        left -= n;
    }
#endif
    if (!left)
        return 0;
    if (!(buffer = malloc(1 << 20)))
        return ENOMEM;
    while (left > 0 && !result) {
        ssize_t n = read(source_fd, buffer, 1 << 20), done = 0;
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) { result = n ? errno : EIO; break; }
        while (done < n) {
            ssize_t w = write(target_fd, buffer + done, (size_t)(n - done));
            if (w < 0 && errno == EINTR) continue;
            if (w < 0) { result = errno; break; }
            done += w;
        }
        left -= n;
    }
    free(buffer);
    return result;
}

static int write_all(int fd, const char *data, int64_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, (size_t)(size < 1 << 30 ? size : 1 << 30));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        data += n;
        size -= n;
    }
    return 0;
}

/* 1 if the file's bytes are exactly content, 0 if not, -1 on a read error. */
static int same_bytes(int fd, const char *content, int64_t size)
{
    char buffer[65536];
    int64_t at = 0;
    while (at < size) {
        int64_t want = size - at < (int64_t)sizeof buffer ? size - at : (int64_t)sizeof buffer;
        ssize_t n = pread(fd, buffer, (size_t)want, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0 || memcmp(buffer, content + at, (size_t)n)) return 0;
        at += n;
    }
    return 1;
}

int gd_sync_filesystem(int fd)
{
#ifdef __linux__
    return syncfs(fd) ? errno : 0;
#else
    (void)fd;
    sync();
    return 0;
#endif
}

/* ---- store → work tree -------------------------------------------------------------------- */

static void fill_stat(gd_stat *out, const struct stat *st)
{
    out->ctime_s = (uint32_t)st->ST_CTIM.tv_sec;
    out->ctime_ns = (uint32_t)st->ST_CTIM.tv_nsec;
    out->mtime_s = (uint32_t)st->ST_MTIM.tv_sec;
    out->mtime_ns = (uint32_t)st->ST_MTIM.tv_nsec;
    out->dev = (uint32_t)st->st_dev;
    out->ino = (uint32_t)st->st_ino;
    out->mode = (uint32_t)st->st_mode;
    out->uid = (uint32_t)st->st_uid;
    out->gid = (uint32_t)st->st_gid;
    /* Sizes are stored modulo 2^32.  git >= 2.43 stores a multiple of 4 GiB as 0x80000000, older ones as
     * 0; the 0 is right for both, because it makes git compare the content. */
    out->size = (uint32_t)st->st_size;
}

static int same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->ST_MTIM.tv_sec == b->ST_MTIM.tv_sec && a->ST_MTIM.tv_nsec == b->ST_MTIM.tv_nsec;
}

static int drop_temp(int stage_fd, const char *tmp, int error)
{
    unlinkat(stage_fd, tmp, 0);
    return error;
}

/* Swap the finished temporary for the target; the target must still be the file seen before. */
static int replace_file(int stage_fd, const char *tmp, int dir_fd, const char *leaf, const struct stat *old)
{
    struct stat now;
#if defined(__linux__) && defined(SYS_renameat2)
    /* RENAME_EXCHANGE (2): what was there comes out whole, so a user's edit is never overwritten. */
    if (!syscall(SYS_renameat2, stage_fd, tmp, dir_fd, leaf, 2)) {
        int error = fstatat(stage_fd, tmp, &now, AT_SYMLINK_NOFOLLOW) ? errno : same_file(&now, old) ? 0 : GD_NOT_EXPECTED;
        /* Another file than the one seen before goes back; if that fails it stays in the staging place, whole. */
        if (!error || !syscall(SYS_renameat2, stage_fd, tmp, dir_fd, leaf, 2))
            unlinkat(stage_fd, tmp, 0);
        return error;
    }
    if (errno != EINVAL && errno != ENOSYS)
        return drop_temp(stage_fd, tmp, errno == ENOENT ? GD_NOT_EXPECTED : errno);
#endif
    if (fstatat(dir_fd, leaf, &now, AT_SYMLINK_NOFOLLOW))
        return drop_temp(stage_fd, tmp, errno == ENOENT ? GD_NOT_EXPECTED : errno);
    if (!same_file(&now, old))
        return drop_temp(stage_fd, tmp, GD_NOT_EXPECTED);
    return renameat(stage_fd, tmp, dir_fd, leaf) ? drop_temp(stage_fd, tmp, errno) : 0;
}

/* Put a new file under a name that must not exist. */
static int create_file(int stage_fd, const char *tmp, int dir_fd, const char *leaf)
{
#if defined(__linux__) && defined(SYS_renameat2)
    if (!syscall(SYS_renameat2, stage_fd, tmp, dir_fd, leaf, 1))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return drop_temp(stage_fd, tmp, errno);
#endif
    return drop_temp(stage_fd, tmp, linkat(stage_fd, tmp, dir_fd, leaf, 0) ? errno : 0);
}

static int make_temp(int object_fd, const struct stat *object_st, const gd_link *item, int stage_fd,
                     const char *tmp, const int32_t *methods, int n_methods, mode_t mode, int *method)
{
    int i, fd, error = EOPNOTSUPP;
    for (i = 0; i < n_methods; i++) {
        *method = methods[i];
        if (methods[i] == GD_HARDLINK) {
            /* A hard link shares its mode: not possible for a file that must be executable. */
            if (mode & 0111) continue;
            if (!linkat(AT_FDCWD, item->object, stage_fd, tmp, 0)) return 0;
            error = errno;
            continue;
        }
#ifdef __APPLE__
        /* APFS clones into a new name, never into an open file. */
        if (methods[i] == GD_REFLINK && !fclonefileat(object_fd, stage_fd, tmp, 0)) {
            struct timespec times[2] = { { item->mtime_s, item->mtime_ns }, { item->mtime_s, item->mtime_ns } };
            if (!fchmodat(stage_fd, tmp, mode, 0) && !utimensat(stage_fd, tmp, times, 0)) return 0;
            unlinkat(stage_fd, tmp, 0);
        }
#endif
        fd = openat(stage_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0) return errno;
        error = methods[i] == GD_REFLINK ? gd_clone_fd(object_fd, fd)
                                         : gd_copy_fd(object_fd, fd, object_st->st_size);
        if (!error) {
            struct timespec times[2] = { { item->mtime_s, item->mtime_ns }, { item->mtime_s, item->mtime_ns } };
            if (fchmod(fd, mode) || futimens(fd, times)) error = errno;
        }
        if (close(fd) && !error) error = errno;
        if (!error) return 0;
        unlinkat(stage_fd, tmp, 0);
        if (error == ENOSPC || error == EDQUOT || error == EIO || error == EROFS) return error;
    }
    return error;
}

static int is_as_seen(const struct stat *st, const gd_link *item)
{
    return S_ISREG(st->st_mode) && st->st_ino == (ino_t)item->old_ino && st->st_size == item->old_size &&
           st->ST_MTIM.tv_sec == item->old_mtime_s && st->ST_MTIM.tv_nsec == item->old_mtime_ns &&
           st->ST_CTIM.tv_sec == item->old_ctime_s && st->ST_CTIM.tv_nsec == item->old_ctime_ns;
}

static int relink_one(dir_cache *cache, int stage_fd, const char *tmp, const int32_t *methods,
                      int n_methods, gd_link *item)
{
    const char *leaf;
    struct stat old, object_st, now;
    char buffer[1024];
    int fd, object_fd, error, dir_fd = cached_parent(cache, item->path, &leaf);
    mode_t mode = (mode_t)item->mode;

    /* A parent that is gone or became a link: the user moved on; nothing may be resurrected. */
    if (dir_fd < 0)
        return item->expect_len != -1 && (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == EXDEV)
                   ? GD_NOT_EXPECTED : errno;
    if (stage_fd < 0)
        stage_fd = dir_fd;
    if (item->expect_len >= 0) {
        ssize_t n;
        fd = openat(dir_fd, leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) return errno == ENOENT || errno == ELOOP ? GD_NOT_EXPECTED : errno;
        if (fstat(fd, &old)) { error = errno; close(fd); return error; }
        if (!S_ISREG(old.st_mode) || old.st_size != item->expect_len || item->expect_len > (int)sizeof buffer) {
            close(fd);
            return GD_NOT_EXPECTED;
        }
        n = pread(fd, buffer, (size_t)item->expect_len, 0);
        error = n < 0 ? errno : 0;
        close(fd);
        if (error) return error;
        if (n != item->expect_len || memcmp(buffer, item->expect, (size_t)n)) return GD_NOT_EXPECTED;
        if (item->mode < 0) mode = old.st_mode & 07777;
    } else if (item->expect_len == -2) {
        if (fstatat(dir_fd, leaf, &old, AT_SYMLINK_NOFOLLOW)) return errno == ENOENT ? GD_NOT_EXPECTED : errno;
        if (!is_as_seen(&old, item)) return GD_NOT_EXPECTED;
        if (item->mode < 0) mode = old.st_mode & 07777;
    }
    object_fd = open(item->object, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (object_fd < 0) return errno;
    if (fstat(object_fd, &object_st)) { error = errno; close(object_fd); return error; }
    if (object_st.st_size != item->size ||
        (item->stamp_ns >= 0 && object_st.ST_MTIM.tv_nsec != item->stamp_ns)) {
        close(object_fd);
        return GD_OBJECT_SUSPECT;
    }
    error = make_temp(object_fd, &object_st, item, stage_fd, tmp, methods, n_methods, mode, &item->method);
    close(object_fd);
    if (error) return error;
    error = item->expect_len != -1 ? replace_file(stage_fd, tmp, dir_fd, leaf, &old)
                                  : create_file(stage_fd, tmp, dir_fd, leaf);
    if (error) return error;
    /* After the rename: it changes ctime on most file systems, and git compares ctime.  The content is in place now
     * whatever this says; without an answer the fields stay 0, which makes git compare it. */
    if (!fstatat(dir_fd, leaf, &now, AT_SYMLINK_NOFOLLOW))
        fill_stat(&item->st, &now);
    return 0;
}

int gd_relink_batch(int root_fd, int stage_fd, const char *stage_prefix,
                    const int32_t *methods, int n_methods, gd_link *items, int n)
{
    dir_cache cache = { root_fd, -1, "", 0 };
    char tmp[256];
    int i, failed = 0;
    for (i = 0; i < n; i++) {
        snprintf(tmp, sizeof tmp, "%s%d", stage_prefix, i);
        items[i].error = relink_one(&cache, stage_fd, tmp, methods, n_methods, &items[i]);
        failed += items[i].error != 0;
    }
    if (cache.fd >= 0) close(cache.fd);
    return failed;
}

/* ---- work tree → store -------------------------------------------------------------------- */

static int unchanged(const struct stat *st, const gd_put *item)
{
    return st->st_size == item->size && st->st_ino == (ino_t)item->ino &&
           st->ST_MTIM.tv_sec == item->mtime_s && st->ST_MTIM.tv_nsec == item->mtime_ns &&
           st->ST_CTIM.tv_sec == item->ctime_s && st->ST_CTIM.tv_nsec == item->ctime_ns;
}

/* Asks the clock that dates files, not ours: the temporary was just made. */
static int is_fresh(const struct stat *st, int temp_fd)
{
    struct stat now;
    if (fstat(temp_fd, &now)) return 1;
    return (now.ST_CTIM.tv_sec - st->ST_CTIM.tv_sec) * 1000000000LL + (now.ST_CTIM.tv_nsec - st->ST_CTIM.tv_nsec) < FRESH_NS;
}

/* Clone first, compare afterwards: cloning writes the source's dirty pages back, so that any later
 * store, even through a shared mapping, changes its times and shows in the second stat. */
static int clone_verified(int source_fd, int fd, const gd_put *item)
{
    struct stat before, after;
    if (fstat(source_fd, &before) || !S_ISREG(before.st_mode) || before.st_size != item->size || is_fresh(&before, fd))
        return 0;
    if (gd_clone_fd(source_fd, fd))
        return 0;
    if (same_bytes(source_fd, item->content, item->size) == 1 && !fstat(source_fd, &after) &&
        same_file(&before, &after) && before.ST_CTIM.tv_sec == after.ST_CTIM.tv_sec &&
        before.ST_CTIM.tv_nsec == after.ST_CTIM.tv_nsec)
        return 1;
    if (ftruncate(fd, 0)) return -1;
    return 0;
}

static int fill_object(int fd, dir_cache *cache, gd_put *item)
{
    const char *leaf;
    struct stat st;
    int source_fd = -1, dir_fd, error;
    if (item->source && (item->clone || !item->content)) {
        dir_fd = cached_parent(cache, item->source, &leaf);
        if (dir_fd >= 0)
            source_fd = openat(dir_fd, leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    }
    if (item->content) {
        int cloned = source_fd >= 0 && item->clone ? clone_verified(source_fd, fd, item) : 0;
        if (source_fd >= 0) close(source_fd);
        if (cloned < 0) return EIO;
        item->method = cloned ? GD_REFLINK : GD_COPY;
        return cloned ? 0 : write_all(fd, item->content, item->size);
    }
    if (source_fd < 0) return GD_CHANGED;
    if (fstat(source_fd, &st) || !unchanged(&st, item)) {
        close(source_fd);
        return GD_CHANGED;
    }
    item->method = GD_REFLINK;
    error = item->clone ? gd_clone_fd(source_fd, fd) : EOPNOTSUPP;
    if (error) {
        item->method = GD_COPY;
        error = gd_copy_fd(source_fd, fd, item->size);
    }
    if (!error && (fstat(source_fd, &st) || !unchanged(&st, item))) error = GD_CHANGED;
    close(source_fd);
    return error;
}

static int install_object(int tmp_fd, const char *tmp, int objects_fd, const gd_put *item)
{
    char dir[256];
    const char *slash = strrchr(item->object, '/');
    size_t n = slash ? (size_t)(slash - item->object) : 0;
    if (!renameat(tmp_fd, tmp, objects_fd, item->object)) return 0;
    if (errno != ENOENT || !n || n >= sizeof dir) return errno;
    memcpy(dir, item->object, n);
    dir[n] = 0;
    if (!mkdirat(objects_fd, dir, 0777)) {
        if (item->dir_mode && fchmodat(objects_fd, dir, (mode_t)item->dir_mode, 0)) return errno;
    } else if (errno != EEXIST) {
        return errno;
    }
    return renameat(tmp_fd, tmp, objects_fd, item->object) ? errno : 0;
}

static int sync_parent(int objects_fd, const char *object)
{
    const char *slash = strrchr(object, '/');
    int error, fd = open_parent(objects_fd, object, slash ? (size_t)(slash - object) : 0);
    if (fd < 0) return errno;
    error = fsync(fd) ? errno : 0;
    close(fd);
    return error;
}

static int put_one(dir_cache *cache, int objects_fd, int tmp_fd, const char *tmp, gd_put *item)
{
    struct timespec times[2] = { { item->stamp_s, item->stamp_ns }, { item->stamp_s, item->stamp_ns } };
    int error, fd = openat(tmp_fd, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    error = fill_object(fd, cache, item);
    if (!error && (fchmod(fd, (mode_t)item->mode) || futimens(fd, times))) error = errno;
    if (!error && item->fsync && fsync(fd)) error = errno;
    if (close(fd) && !error) error = errno;
    if (!error) error = install_object(tmp_fd, tmp, objects_fd, item);
    if (error) {
        unlinkat(tmp_fd, tmp, 0);
        return error;
    }
    return item->fsync ? sync_parent(objects_fd, item->object) : 0;
}

int gd_put_batch(int root_fd, int objects_fd, int tmp_fd, const char *tmp_prefix, gd_put *items, int n)
{
    dir_cache cache = { root_fd, -1, "", 0 };
    char tmp[256];
    int i, failed = 0;
    for (i = 0; i < n; i++) {
        snprintf(tmp, sizeof tmp, "%s%d", tmp_prefix, i);
        items[i].error = put_one(&cache, objects_fd, tmp_fd, tmp, &items[i]);
        failed += items[i].error != 0;
    }
    if (cache.fd >= 0) close(cache.fd);
    return failed;
}

/* ---- the git index ------------------------------------------------------------------------ */

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Offset of the entry of each path (sorted, stage 0), or -1; and of the entries whose mtime is not
 * older than racy_since (git's "racily clean" ones).  Returns the offset behind the last entry, or
 * -1 if the index is malformed.  Format: gitformat-index(5). */
int64_t gd_index_find(const unsigned char *data, int64_t len, int version, int hash_len,
                      uint32_t n_entries, const char *const *paths, const int32_t *path_lens,
                      int64_t n_paths, int64_t *offsets, uint32_t racy_since,
                      int64_t *racy, int64_t max_racy, int64_t *n_racy)
{
    int64_t at = 12, next = 0, end = len - hash_len;
    unsigned char *name = NULL;
    int64_t name_len = 0, name_cap = 0;
    uint32_t i;
    *n_racy = 0;
    for (i = 0; i < n_paths; i++) offsets[i] = -1;
    for (i = 0; i < n_entries; i++) {
        const unsigned char *path;
        int64_t start = at, path_len, p = at + 40 + hash_len;
        int flags, order;
        if (p + 2 > end) goto malformed;
        flags = data[p] << 8 | data[p + 1];
        p += flags & 0x4000 ? 4 : 2;
        if (p >= end) goto malformed;
        if (version == 4) {
            /* "offset encoding" varint of git's varint.c, then the NUL-terminated suffix */
            uint64_t strip = data[p] & 127;
            const unsigned char *nul;
            while (data[p++] & 128) {
                if (p >= end || strip > (1ULL << 40)) goto malformed;
                strip = ((strip + 1) << 7) | (data[p] & 127);
            }
            nul = memchr(data + p, 0, (size_t)(end - p));
            if (!nul || (int64_t)strip > name_len) goto malformed;
            path_len = name_len - (int64_t)strip + (nul - (data + p));
            if (path_len > name_cap) {
                unsigned char *grown = realloc(name, (size_t)path_len * 2 + 64);
                if (!grown) goto malformed;
                name = grown;
                name_cap = path_len * 2 + 64;
            }
            memcpy(name + name_len - (int64_t)strip, data + p, (size_t)(nul - (data + p)));
            name_len = path_len;
            path = name;
            at = (nul - data) + 1;
        } else {
            const unsigned char *nul;
            path = data + p;
            path_len = flags & 0xfff;
            if (path_len == 0xfff || p + path_len >= end || data[p + path_len]) {
                nul = memchr(data + p, 0, (size_t)(end - p));
                if (!nul) goto malformed;
                path_len = nul - path;
            }
            at = start + ((p + path_len - start) / 8 + 1) * 8;
        }
        if (at > end) goto malformed;
        if (racy_since && be32(data + start + 8) >= racy_since) {
            if (*n_racy < max_racy) racy[*n_racy] = start;
            ++*n_racy;
        }
        if (flags & 0x3000) continue;
        while (next < n_paths) {
            int64_t common = path_lens[next] < path_len ? path_lens[next] : path_len;
            order = memcmp(paths[next], path, (size_t)common);
            if (!order) order = path_lens[next] == path_len ? 0 : path_lens[next] < path_len ? -1 : 1;
            if (order > 0) break;
            if (!order) offsets[next] = start;
            ++next;
        }
    }
    free(name);
    return at;
malformed:
    free(name);
    return -1;
}
