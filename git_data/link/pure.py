"""The twin of the compiled core in Python: the same functions, one file at a time.

Without ``renameat2`` the last look at the target and the rename over it are two steps; a user's edit in
the microseconds between them would be lost, which the compiled core excludes.
"""

from __future__ import annotations

import errno
import os
import stat

from git_data.base.fsio import write_all
from git_data.link.items import CHANGED, COPY, FRESH_NS, METHODS, NOT_EXPECTED, OBJECT_SUSPECT, REFLINK, Link, Put

_FICLONE = 0x40049409  # linux/fs.h
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_CREAT | os.O_EXCL | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
_GONE = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.EXDEV)
_COPY_CHUNK_BYTES = 1 << 30


class _Refused(Exception):
    """Ends the work on one item with its code."""

    def __init__(self, code: int) -> None:
        self.code = code


def clone_fd(source_fd: int, target_fd: int) -> None:
    """Share all blocks of ``source_fd`` with the empty ``target_fd``. Raises: OSError where that is impossible."""
    try:
        import fcntl
    except ImportError:
        raise OSError(errno.EOPNOTSUPP, "no reflinks on this system") from None
    fcntl.ioctl(target_fd, _FICLONE, source_fd)


def copy_fd(source_fd: int, target_fd: int, size: int) -> None:
    """Copy ``size`` bytes inside the kernel, or by a loop where it cannot. Raises: OSError."""
    left = size
    if hasattr(os, "copy_file_range"):
        try:
            while left > 0 and (count := os.copy_file_range(source_fd, target_fd, min(left, _COPY_CHUNK_BYTES))):
                left -= count
        except OSError as error:
            if error.errno in _FATAL:
                raise
    while left > 0:
        data = os.read(source_fd, min(left, 1 << 20))
        if not data:
            raise OSError(errno.EIO, "the file is shorter than its size")
        write_all(target_fd, data)
        left -= len(data)


def open_parent(root_fd: int, path: bytes) -> tuple[int, bytes]:
    """The directory of ``path``, opened without following any symbolic link, and the last component."""
    *directories, leaf = path.split(b"/")
    fd = os.dup(root_fd)
    try:
        for name in directories:
            if name == b"..":
                raise OSError(errno.EXDEV, "path leaves the work tree")
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = inner
    except BaseException:
        os.close(fd)
        raise
    return fd, leaf


def relink(root_fd: int, stage_fd: int, stage_prefix: str, methods: tuple[str, ...], items: list[Link]) -> None:
    """See ``batch.relink``."""
    for number, item in enumerate(items):
        try:
            _relink_one(root_fd, stage_fd, f"{stage_prefix}{number}", methods, item)
        except _Refused as refused:
            item.error = refused.code
        except OSError as error:
            item.error = error.errno or errno.EIO


def _relink_one(root_fd: int, stage_fd: int, temporary: str, methods: tuple[str, ...], item: Link) -> None:
    try:
        dir_fd, leaf = open_parent(root_fd, item.path)
    except OSError as error:
        creates = item.expect is None and item.status is None
        raise _Refused(error.errno or 5 if creates or error.errno not in _GONE else NOT_EXPECTED) from None
    try:
        if stage_fd < 0:
            stage_fd = dir_fd
        old = _seen(dir_fd, leaf, item) if item.expect is None else _look(dir_fd, leaf, item.expect)
        mode = stat.S_IMODE(old.st_mode) if old is not None and item.mode < 0 else item.mode
        object_fd = os.open(item.object, _READ & ~getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(object_fd)
            if status.st_size != item.size or (item.stamp_ns >= 0 and status.st_mtime_ns % 10**9 != item.stamp_ns):
                raise _Refused(OBJECT_SUSPECT)
            _make_temporary(object_fd, stage_fd, temporary, methods, mode, item)
        finally:
            os.close(object_fd)
        try:
            _install(stage_fd, temporary, dir_fd, leaf, old)
        except BaseException:
            os.unlink(temporary, dir_fd=stage_fd)
            raise
        try:
            item.stat = index_fields(os.stat(leaf, dir_fd=dir_fd, follow_symlinks=False))
        except OSError:
            pass  # the content is in place; a stat of zeros makes git compare it
    finally:
        os.close(dir_fd)


def _look(dir_fd: int, leaf: bytes, expect: bytes) -> os.stat_result:
    """The stat of the file in place, if it holds exactly ``expect``."""
    try:
        fd = os.open(leaf, _READ, dir_fd=dir_fd)
    except OSError as error:
        raise _Refused(NOT_EXPECTED if error.errno in _GONE else error.errno or 5) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size != len(expect) or os.read(fd, len(expect) + 1) != expect:
            raise _Refused(NOT_EXPECTED)
        return status
    finally:
        os.close(fd)


def _seen(dir_fd: int, leaf: bytes, item: Link) -> os.stat_result | None:
    """The stat of the file in place, which must be as the caller saw it; ``None`` if nothing may be there."""
    if item.status is None:
        return None
    try:
        status = os.stat(leaf, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        raise _Refused(NOT_EXPECTED) from None
    if not stat.S_ISREG(status.st_mode) or not same_times(item.status, status):
        raise _Refused(NOT_EXPECTED)
    return status


def _make_temporary(object_fd: int, stage_fd: int, temporary: str, methods: tuple[str, ...], mode: int, item: Link) -> None:
    failure = OSError(errno.EOPNOTSUPP, "no link type works here")
    for name in methods:
        item.method = METHODS[name]
        try:
            if name == "hardlink":
                if mode & 0o111:
                    continue
                os.link(item.object, temporary, dst_dir_fd=stage_fd)
                return
            fd = os.open(temporary, os.O_WRONLY | _CREATE, 0o600, dir_fd=stage_fd)
            try:
                os.lseek(object_fd, 0, os.SEEK_SET)
                clone_fd(object_fd, fd) if name == "reflink" else copy_fd(object_fd, fd, item.size)
                os.fchmod(fd, mode)
                os.utime(fd, ns=(item.mtime_ns, item.mtime_ns))
            except BaseException:
                os.unlink(temporary, dir_fd=stage_fd)
                raise
            finally:
                os.close(fd)
            return
        except OSError as error:
            if error.errno in _FATAL:
                raise
            failure = error
    raise failure


def _install(stage_fd: int, temporary: str, dir_fd: int, leaf: bytes, old: os.stat_result | None) -> None:
    if old is None:
        os.link(temporary, leaf, src_dir_fd=stage_fd, dst_dir_fd=dir_fd)
        os.unlink(temporary, dir_fd=stage_fd)
        return
    try:
        now = os.stat(leaf, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        raise _Refused(NOT_EXPECTED) from None
    if (now.st_ino, now.st_dev, now.st_size, now.st_mtime_ns) != (
        old.st_ino, old.st_dev, old.st_size, old.st_mtime_ns
    ):  # fmt: skip
        raise _Refused(NOT_EXPECTED)
    os.rename(temporary, leaf, src_dir_fd=stage_fd, dst_dir_fd=dir_fd)


def index_fields(status: os.stat_result) -> tuple[int, ...]:
    """The ten stat fields of a git index entry; a size is stored modulo 2^32."""
    ctime_s, ctime_ns = divmod(status.st_ctime_ns, 10**9)
    mtime_s, mtime_ns = divmod(status.st_mtime_ns, 10**9)
    fields = (
        ctime_s, ctime_ns, mtime_s, mtime_ns, status.st_dev, status.st_ino, status.st_mode, status.st_uid,
        status.st_gid, status.st_size,
    )  # fmt: skip
    return tuple(field & 0xFFFFFFFF for field in fields)


def put(root_fd: int, objects_fd: int, tmp_fd: int, tmp_prefix: str, items: list[Put]) -> None:
    """See ``batch.put``."""
    for number, item in enumerate(items):
        temporary = f"{tmp_prefix}{number}"
        try:
            _put_one(root_fd, objects_fd, tmp_fd, temporary, item)
        except _Refused as refused:
            item.error = refused.code
        except OSError as error:
            item.error = error.errno or errno.EIO


def _put_one(root_fd: int, objects_fd: int, tmp_fd: int, temporary: str, item: Put) -> None:
    fd = os.open(temporary, os.O_RDWR | _CREATE, 0o600, dir_fd=tmp_fd)
    try:
        try:
            _fill(root_fd, fd, item)
            os.fchmod(fd, item.mode)
            os.utime(fd, ns=(item.stamp_ns, item.stamp_ns))
            if item.fsync:
                os.fsync(fd)
        finally:
            os.close(fd)
        _install_object(tmp_fd, temporary, objects_fd, item)
    except BaseException:
        remove_if_exists_at(temporary, tmp_fd)
        raise


def _install_object(tmp_fd: int, temporary: str, objects_fd: int, item: Put) -> None:
    directory = os.path.dirname(item.object)
    try:
        os.rename(temporary, item.object, src_dir_fd=tmp_fd, dst_dir_fd=objects_fd)
    except FileNotFoundError:
        try:
            os.mkdir(directory, dir_fd=objects_fd)
            if item.dir_mode:
                os.chmod(directory, item.dir_mode, dir_fd=objects_fd)
        except FileExistsError:
            pass
        os.rename(temporary, item.object, src_dir_fd=tmp_fd, dst_dir_fd=objects_fd)
    if item.fsync:
        dir_fd = os.open(directory, os.O_RDONLY, dir_fd=objects_fd)
        try:
            os.fsync(dir_fd)
        finally:
            os.close(dir_fd)


def _fill(root_fd: int, fd: int, item: Put) -> None:
    source_fd = _open_source(root_fd, item) if item.source is not None else -1
    try:
        if item.content is not None:
            if source_fd >= 0 and item.clone and _clone_verified(source_fd, fd, item.content):
                item.method = REFLINK
                return
            item.method = COPY
            os.ftruncate(fd, 0)
            write_all(fd, item.content)
            return
        if source_fd < 0 or not _unchanged(os.fstat(source_fd), item):
            raise _Refused(CHANGED)
        try:
            if not item.clone:
                raise OSError(errno.EOPNOTSUPP, "not asked for")
            clone_fd(source_fd, fd)
            item.method = REFLINK
        except OSError:
            copy_fd(source_fd, fd, item.size)
            item.method = COPY
        if not _unchanged(os.fstat(source_fd), item):
            raise _Refused(CHANGED)
    finally:
        if source_fd >= 0:
            os.close(source_fd)


def _open_source(root_fd: int, item: Put) -> int:
    assert item.source is not None
    try:
        dir_fd, leaf = open_parent(root_fd, item.source)
        try:
            return os.open(leaf, _READ, dir_fd=dir_fd)
        finally:
            os.close(dir_fd)
    except OSError:
        return -1


def _clone_verified(source_fd: int, fd: int, content: bytes | memoryview) -> bool:
    """Clone, then compare: see ``clone_verified`` in ``core.c`` for why in this order."""
    before = os.fstat(source_fd)
    if not stat.S_ISREG(before.st_mode) or before.st_size != len(content) or is_fresh(before, os.fstat(fd).st_ctime_ns):
        return False
    try:
        clone_fd(source_fd, fd)
    except OSError:
        return False
    return os.pread(source_fd, len(content) + 1, 0) == content and same_times(before, os.fstat(source_fd))


def is_fresh(status: os.stat_result, now_ns: int) -> bool:
    """Whether the file changed so recently that another change might not show in its ctime.

    ``now_ns`` is the time by the clock that dates the file: ``fsio.clock_ns``, or the ctime of a file just made.
    """
    return now_ns - status.st_ctime_ns < FRESH_NS


def same_times(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether a file did not change between two looks at it."""
    return (before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_ino, after.st_size, after.st_mtime_ns, after.st_ctime_ns
    )  # fmt: skip


def _unchanged(status: os.stat_result, item: Put) -> bool:
    return item.status is None or (status.st_size == item.size and same_times(item.status, status))


def remove_if_exists_at(name: str, dir_fd: int) -> None:
    """Unlink a temporary that may never have been made."""
    try:
        os.unlink(name, dir_fd=dir_fd)
    except FileNotFoundError:
        pass
