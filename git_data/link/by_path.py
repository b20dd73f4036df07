"""The batch functions for systems without directory descriptors (Windows): paths, copies and hard links.

Weaker than ``pure``: a parent directory that is swapped for a link while we work is noticed by a look before and after, not
excluded.
"""

from __future__ import annotations

import errno
import os
import stat

from git_data.base.fsio import remove_if_exists, write_all
from git_data.link.items import CHANGED, COPY, METHODS, NOT_EXPECTED, OBJECT_SUSPECT, Link, Put
from git_data.link.pure import copy_fd, index_fields, same_times

_BINARY = getattr(os, "O_BINARY", 0)


def relink(root: str, stage: str, stage_prefix: str, methods: tuple[str, ...], items: list[Link]) -> None:
    """See ``batch.relink``; ``root`` and ``stage`` are paths."""
    for number, item in enumerate(items):
        try:
            item.error = _relink_one(root, os.path.join(stage, f"{stage_prefix}{number}"), methods, item)
        except OSError as error:
            item.error = error.errno or errno.EIO


def _relink_one(root: str, temporary: str, methods: tuple[str, ...], item: Link) -> int:
    target = os.path.join(root, os.fsdecode(item.path))
    if _behind_link(root, item.path):
        return NOT_EXPECTED if item.expect is not None or item.status is not None else errno.ELOOP
    old = None
    if item.expect is not None or item.status is not None:
        old = _look(target, item.expect) if item.expect is not None else _seen(target, item)
        if old is None:
            return NOT_EXPECTED
    status = os.lstat(item.object)
    if (
        not stat.S_ISREG(status.st_mode)
        or status.st_size != item.size
        or (item.stamp_ns >= 0 and status.st_mtime_ns % 10**9 != item.stamp_ns)
    ):
        return OBJECT_SUSPECT
    mode = stat.S_IMODE(old.st_mode) if old is not None and item.mode < 0 else item.mode
    try:
        item.method = _make(temporary, methods, mode, item)
        if old is None:
            os.rename(temporary, target)  # refuses an existing target on Windows
        elif not same_times(old, os.lstat(target)):
            return NOT_EXPECTED
        else:
            os.replace(temporary, target)
    finally:
        remove_if_exists(temporary)
    item.stat = index_fields(os.lstat(target))
    return 0


def _behind_link(root: str, path: bytes) -> bool:
    parts = os.fsdecode(path).split("/")[:-1]
    return ".." in parts or any(os.path.islink(os.path.join(root, *parts[: end + 1])) for end in range(len(parts)))


def _look(target: str, expect: bytes) -> os.stat_result | None:
    """The stat of the file in place, if it holds exactly ``expect``."""
    try:
        status = os.lstat(target)
        if not stat.S_ISREG(status.st_mode) or status.st_size != len(expect):
            return None
        with open(target, "rb", buffering=0) as file:
            return status if file.read(len(expect) + 1) == expect else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _seen(target: str, item: Link) -> os.stat_result | None:
    """The stat of the file in place, if it is still the one the caller saw."""
    try:
        status = os.lstat(target)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if item.status is not None and same_times(item.status, status) else None


def _make(temporary: str, methods: tuple[str, ...], mode: int, item: Link) -> int:
    if "hardlink" in (*methods, "copy")[: (*methods, "copy").index("copy")] and not mode & 0o111:
        try:
            os.link(item.object, temporary)
            return METHODS["hardlink"]
        except OSError:
            if "copy" not in methods:
                raise
            # another volume, or too many links: copy
    source = os.open(item.object, os.O_RDONLY | _BINARY)
    try:
        target = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        try:
            copy_fd(source, target, item.size)
        finally:
            os.close(target)
    finally:
        os.close(source)
    os.utime(temporary, ns=(item.mtime_ns, item.mtime_ns))
    os.chmod(temporary, mode)
    return COPY


def put(root: str, objects: str, tmp: str, tmp_prefix: str, items: list[Put]) -> None:
    """See ``batch.put``; the places are paths."""
    for number, item in enumerate(items):
        try:
            item.error = _put_one(root, objects, os.path.join(tmp, f"{tmp_prefix}{number}"), item)
        except OSError as error:
            item.error = error.errno or errno.EIO


def _put_one(root: str, objects: str, temporary: str, item: Put) -> int:
    fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
    try:
        try:
            if item.content is not None:
                write_all(fd, item.content)
            elif not _copy_source(root, fd, item):
                return CHANGED
            if item.fsync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.utime(temporary, ns=(item.stamp_ns, item.stamp_ns))
        os.chmod(temporary, item.mode)
        target = os.path.join(objects, os.fsdecode(item.object))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(temporary, target)
        item.method = COPY
        return 0
    finally:
        remove_if_exists(temporary)


def _copy_source(root: str, fd: int, item: Put) -> bool:
    """Copy the source file, unless it changed since it was hashed."""
    assert item.source is not None
    try:
        source = os.open(os.path.join(root, os.fsdecode(item.source)), os.O_RDONLY | _BINARY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        before = os.fstat(source)
        if before.st_size != item.size or (item.status is not None and not same_times(item.status, before)):
            return False
        copy_fd(source, fd, item.size)
        return same_times(before, os.fstat(source))
    finally:
        os.close(source)
