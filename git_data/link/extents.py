"""Sharing blocks of files that exist already, and asking whether they are shared (Linux: XFS, btrfs).

``FIDEDUPERANGE`` (ioctl_fideduperange(2)) lets the kernel compare two files and share their blocks if they are equal: no
race with a writer, and the file keeps its inode and its times, so git notices nothing.
"""

from __future__ import annotations

import errno
import os
import struct

_FIDEDUPERANGE = 0xC0189436
_FS_IOC_FIEMAP = 0xC020660B
_RANGE = struct.Struct("=QQHHI")
_TARGET = struct.Struct("=qQQiI")
_FIEMAP = struct.Struct("=QQIIII")
_EXTENT = struct.Struct("=QQQQQIIII")
_CHUNK_BYTES = 16 << 20  # btrfs takes no more in one call
_MAX_EXTENTS = 512
_LAST, _SYNC = 1, 1


def share(source: str | bytes, target: str | bytes) -> bool:
    """Make ``target`` share the blocks of ``source`` if both hold the same bytes; whether it does now.

    Raises: OSError where the file system cannot.
    """
    import fcntl

    source_fd = os.open(source, os.O_RDONLY)
    try:
        target_fd = _open_target(target)
        try:
            size = os.fstat(source_fd).st_size
            if size != os.fstat(target_fd).st_size:
                return False
            at = 0
            while at < size:
                length = min(_CHUNK_BYTES, size - at)
                request = bytearray(_RANGE.pack(at, length, 1, 0, 0) + _TARGET.pack(target_fd, at, 0, 0, 0))
                fcntl.ioctl(source_fd, _FIDEDUPERANGE, request)
                _, _, done, status, _ = _TARGET.unpack_from(request, _RANGE.size)
                if status < 0:
                    raise OSError(-status, os.strerror(-status))
                if status or not done:
                    return False
                at += done
            return True
        finally:
            os.close(target_fd)
    finally:
        os.close(source_fd)


def _open_target(path: str | bytes) -> int:
    """For writing if that is allowed; the owner of a read-only file may share its blocks all the same (since Linux 4.19)."""
    nofollow = getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(path, os.O_RDWR | nofollow)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.ETXTBSY):
            raise
        return os.open(path, os.O_RDONLY | nofollow)


def is_unsupported(error: OSError) -> bool:
    """Whether the error says that these file systems cannot share blocks at all."""
    return error.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS)


def physical(path: str | bytes) -> list[tuple[int, int, int]] | None:
    """The extents of a file as ``(logical, physical, length)`` in bytes; ``None`` where they cannot be asked for.

    Format: Linux ``Documentation/filesystems/fiemap.rst``.
    """
    try:
        import fcntl
    except ImportError:
        return None
    extents: list[tuple[int, int, int]] = []
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        try:
            start = 0
            while True:
                request = bytearray(_FIEMAP.size + _MAX_EXTENTS * _EXTENT.size)
                _FIEMAP.pack_into(request, 0, start, 2**63 - 1, _SYNC, 0, _MAX_EXTENTS, 0)
                fcntl.ioctl(fd, _FS_IOC_FIEMAP, request)
                count = _FIEMAP.unpack_from(request)[3]
                for number in range(count):
                    fields = _EXTENT.unpack_from(request, _FIEMAP.size + number * _EXTENT.size)
                    extents.append(fields[:3])
                    start = fields[0] + fields[2]
                    if fields[5] & _LAST:
                        return extents
                if not count:
                    return extents
        finally:
            os.close(fd)
    except OSError:
        return None


def shared(first: str | bytes, second: str | bytes) -> bool:
    """Whether two files have all their blocks in common (a hard link has, too)."""
    one, other = os.stat(first), os.stat(second)
    if os.path.samestat(one, other):
        return True
    if one.st_dev != other.st_dev:
        return False
    extents = _merged(physical(first))
    return bool(extents) and extents == _merged(physical(second))


def _merged(extents: list[tuple[int, int, int]] | None) -> list[tuple[int, int, int]]:
    """Neighbours joined: two files may have the same blocks and divide them differently."""
    merged: list[tuple[int, int, int]] = []
    for logical, block, length in extents or ():
        if merged and merged[-1][0] + merged[-1][2] == logical and merged[-1][1] + merged[-1][2] == block:
            merged[-1] = (*merged[-1][:2], merged[-1][2] + length)
        else:
            merged.append((logical, block, length))
    return merged
