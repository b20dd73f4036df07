"""Files that are as git wrote them: let content share its blocks with the store, and spare git a second look.

Commands of ``rebase --exec`` must see content while git still runs, and ``git apply`` or ``git am`` write the bytes
themselves; a pointer stays where content is missing or not wanted.  Such a file is as young as the index, so git would take it
for racily clean and clean it at the next ``git status``.  A file that is in every respect the one git has described in its index
is dated back a little and described again.

A crash leaves a file git compares once more.
"""

from __future__ import annotations

import os

from git_data.base.digest import blob_oid
from git_data.errors import GitDataError
from git_data.git import index as git_index
from git_data.link.extents import is_unsupported, share, shared
from git_data.link.pure import index_fields
from git_data.store.objects import stamp_part
from git_data.worktree.relink import BACKDATE_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.store.objects import Store


def settle(repo: Repository, store: Store, copies: dict[bytes, Pointer], wait_s: float = 0.1) -> None:
    """Share and describe content that was written; whatever stands in the way costs time later, nothing else."""
    _share(repo, store, copies)
    _describe(repo, {path: (pointer, pointer.size) for path, pointer in copies.items()}, wait_s)


def settle_pointers(repo: Repository, pointers: dict[bytes, Pointer], wait_s: float = 0.1) -> None:
    """Describe files that keep their pointers."""
    _describe(repo, {path: (pointer, len(pointer.encode())) for path, pointer in pointers.items()}, wait_s)


def _describe(repo: Repository, files: dict[bytes, tuple[Pointer, int]], wait_s: float) -> None:
    """Date back those of ``files``, given with the sizes they must have, that are racy."""
    if os.path.realpath(repo.index) != os.path.realpath(repo.own_index):
        return  # a temporary index: the files are not those of the work tree's own
    paths = sorted(files)
    root = os.fsencode(repo.require_worktree())

    def describe(index: git_index.Index, number: int, offset: int) -> bool:
        pointer, size = files[paths[number]]
        if index.blob(offset) != blob_oid(pointer.encode(), repo.object_format):
            return False
        mtime_ns = (index.mtime_ns // 10**9 - BACKDATE_S) * 10**9 + stamp_part(pointer.oid)
        stat = _date_back(os.path.join(root, paths[number]), size, mtime_ns, lambda fields: index.describes(offset, fields))
        if stat is not None:
            index.set_stat(offset, stat)
        return stat is not None

    try:
        git_index.patch(repo.index, paths, repo.object_format, describe, wait_s)
    except (GitDataError, git_index.SplitIndex, OSError):
        return


def _share(repo: Repository, store: Store, copies: dict[bytes, Pointer]) -> None:
    for path, pointer in copies.items():
        target = os.path.join(os.fsencode(repo.require_worktree()), path)
        object = store.find(pointer.oid, pointer.size)
        try:
            if object is not None and os.lstat(target).st_size == pointer.size and not shared(object, target):
                share(object, target)
        except OSError as error:
            # not there: git wrote it elsewhere (``checkout-index --prefix``, difftool)
            if is_unsupported(error):
                return


def _date_back(path: bytes, size: int, mtime_ns: int, is_known: Callable[[tuple[int, ...]], bool]) -> tuple[int, ...] | None:
    """Give the file this date if it is younger and still what git described; its stat data then."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        racy = status.st_mtime_ns // 10**9 >= mtime_ns // 10**9 + BACKDATE_S
        if not racy or status.st_size != size or not is_known(index_fields(status)):
            return None
        os.utime(fd if os.utime in os.supports_fd else path, ns=(mtime_ns, mtime_ns))
        return index_fields(os.fstat(fd))
    finally:
        os.close(fd)
