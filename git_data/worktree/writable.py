"""Giving and taking write permission, so that git notices nothing.

The mode of a file is nothing to git, but a change of it changes ctime, and git would hash the file at the next look.  So the
entry in the index gets the new stat data, if it described the file before.  A crash in between leaves files that git compares.
"""

from __future__ import annotations

import os
import stat

from git_data.errors import Locked, RepositoryError
from git_data.git import index as git_index
from git_data.link.pure import index_fields, open_parent
from git_data.store.objects import umask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository

_WRITE = 0o222
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def with_permission(mode: int, writable: bool) -> int:
    """Permission bits that let everybody write whom the umask lets, or nobody."""
    return mode | _WRITE & ~umask() if writable else mode & ~_WRITE


def set_writable(repo: Repository, paths: Iterable[bytes], writable: bool, wait_s: float = 0.1) -> list[bytes]:
    """Give or take write permission, and describe the files in the index if it described them before; which were changed.

    Hard links are left alone when permission is given: they may be objects of the store.
    """
    root = repo.require_worktree()
    changed: dict[bytes, tuple[os.stat_result, os.stat_result]] = {}
    for path in sorted(set(paths)):
        if _needs(os.path.join(os.fsencode(root), path), writable):
            looks = _change(root, path, writable)
            if looks is not None:
                changed[path] = looks
    if changed:
        _describe(repo, changed, wait_s)
    return list(changed)


def _describe(repo: Repository, changed: dict[bytes, tuple[os.stat_result, os.stat_result]], wait_s: float) -> None:
    """Tell the index of files (sorted) that it described before; what stands in the way makes git compare them, once."""
    if os.path.realpath(repo.index) != os.path.realpath(repo.own_index):
        return
    paths = list(changed)

    def describe(index: git_index.Index, number: int, offset: int) -> bool:
        before, after = changed[paths[number]]
        if not index.describes(offset, index_fields(before), ctime_ns=False):
            return False
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            return False  # somebody writes to it
        index.set_stat(offset, index_fields(after))
        return True

    try:
        git_index.patch(repo.index, paths, repo.object_format, describe, wait_s)
    except (Locked, RepositoryError, git_index.SplitIndex, OSError):
        return


def _needs(path: bytes, writable: bool) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode) or (writable and status.st_nlink > 1):
        return False
    return not status.st_mode & stat.S_IWUSR if writable else bool(status.st_mode & _WRITE)


def _change(root: str, path: bytes, writable: bool) -> tuple[os.stat_result, os.stat_result] | None:
    """The looks at the file before and after; ``None`` if nothing was done."""
    try:
        fd = _open(root, path)
    except OSError:
        return None
    try:
        before = os.fstat(fd)
        mode = stat.S_IMODE(before.st_mode)
        if not stat.S_ISREG(before.st_mode):
            return None
        mode = with_permission(mode, writable)
        if hasattr(os, "fchmod"):
            os.fchmod(fd, mode)
        else:
            os.chmod(os.path.join(os.fsencode(root), path), mode)
        return before, os.fstat(fd)
    except OSError:
        return None  # somebody else's file
    finally:
        os.close(fd)


def _open(root: str, path: bytes) -> int:
    """The file, not by way of any symbolic link."""
    if os.open not in os.supports_dir_fd:
        return os.open(os.path.join(os.fsencode(root), path), os.O_RDONLY)
    root_fd = os.open(root, os.O_RDONLY)
    try:
        parent_fd, leaf = open_parent(root_fd, path)
    finally:
        os.close(root_fd)
    try:
        return os.open(leaf, os.O_RDONLY | _NOFOLLOW, dir_fd=parent_fd)
    finally:
        os.close(parent_fd)
