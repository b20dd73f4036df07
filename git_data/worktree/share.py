"""Turning copies in the work tree into links to the store.

Two ways.  Where the file system shares blocks the kernel compares file and object and shares what is equal: the file keeps
its inode and its times, and git notices nothing.  Where hard links are configured the file is hashed, replaced by a link to the
object in one rename if it is still the file that was hashed, and the index gets its new stat data.

A crash leaves each file whole; at worst git compares the content of some once more.
"""

from __future__ import annotations

import os
import stat
import time

from git_data.base.digest import blob_oid, file_sha256
from git_data.errors import Locked, from_os_error
from git_data.git import index as git_index
from git_data.link import batch, extents
from git_data.link.items import FRESH_NS, NOT_EXPECTED, Link
from git_data.link.pure import is_fresh, same_times
from git_data.store.objects import stamp_part
from git_data.worktree.ctime import stop_trusting_ctime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from git_data.base.report import Progress
    from git_data.errors import GitDataError
    from git_data.git.repo import Repository
    from git_data.git.scan import Tracked
    from git_data.pointer import Pointer
    from git_data.store.objects import Store


class Shared:
    """What became of the files: paths that were linked now, were links before, are something else, or failed."""

    __slots__ = ("already", "bytes_saved", "different", "failed", "linked", "unsupported")

    def __init__(self) -> None:
        self.linked: list[bytes] = []
        self.bytes_saved = 0
        self.already: list[bytes] = []
        self.different: list[bytes] = []
        """not the content of the pointer in the index, or not in the store"""
        self.failed: list[tuple[bytes, GitDataError]] = []
        self.unsupported = False
        """the file system cannot share blocks"""


def share_with_store(
    store: Store,
    root: str,
    files: list[tuple[bytes, Pointer]],
    progress: Progress | None = None,
    dry_run: bool = False,
    twins: Mapping[str, str] | None = None,
) -> Shared:
    """Let files (relative to ``root``) that hold what their pointer names share the store's blocks.

    ``twins``: oid → another file with the object's blocks, which was just read: the kernel compares from its page cache, and the
    object itself would have to be read anew.
    """
    result = Shared()
    twins = twins or {}
    for path, pointer in files:
        target = os.path.join(os.fsencode(root), path)
        object = os.fsencode(twins.get(pointer.oid) or store.find(pointer.oid, pointer.size) or "")
        try:
            status = os.lstat(target)
            if not object or not stat.S_ISREG(status.st_mode) or status.st_size != pointer.size:
                result.different.append(path)
            elif extents.shared(object, target):
                result.already.append(path)
            elif dry_run or extents.share(object, target):
                result.linked.append(path)
                result.bytes_saved += pointer.size
            else:
                result.different.append(path)
        except OSError as error:
            if extents.is_unsupported(error):
                result.unsupported = True
                return result
            result.failed.append((path, from_os_error(error, path, "sharing blocks of")))
        if progress is not None:
            progress(1, pointer.size)
    return result


def hardlink_to_store(
    repo: Repository, store: Store, files: list[Tracked], progress: Progress | None = None, dry_run: bool = False
) -> Shared:
    """Replace files that hold what their pointer names by hard links to the objects, read-only.

    Executable files are left alone: a hard link has the mode of the object.

    Raises: OSError when the staging place cannot be made.
    """
    result = Shared()
    links: list[Link] = []
    wanted: list[Tracked] = []
    for file in files:
        link = _verified_link(repo, store, file, result)
        if link is not None:
            links.append(link)
            wanted.append(file)
        if progress is not None:
            progress(1, file.pointer.size)
    if not dry_run:
        stage = os.path.join(repo.data_dir, "tmp")
        os.makedirs(stage, exist_ok=True)
        if links:
            stop_trusting_ctime(repo)
        for link in links:
            _date_object(link)
        batch.relink(repo.require_worktree(), stage, ("hardlink",), links, repo.settings.jobs)
    done: list[Link] = []
    for file, link in zip(wanted, links):
        if link.error == NOT_EXPECTED:
            result.different.append(file.path)
        elif link.error:
            error = OSError(abs(link.error), os.strerror(abs(link.error)))
            result.failed.append((file.path, from_os_error(error, file.path, "linking")))
        else:
            result.linked.append(file.path)
            result.bytes_saved += link.size
            done.append(link)
    if not dry_run:
        describe(repo, [file for file, link in zip(wanted, links) if not link.error], done)
    return result


def _verified_link(repo: Repository, store: Store, file: Tracked, result: Shared) -> Link | None:
    """The work item of a file whose content was hashed just now, or ``None``."""
    pointer = file.pointer
    target = os.path.join(os.fsencode(repo.require_worktree()), file.path)
    object = store.sound(pointer.oid, pointer.size)
    try:
        status = os.lstat(target)
        if object is None or not stat.S_ISREG(status.st_mode) or status.st_size != pointer.size or status.st_mode & 0o111:
            result.different.append(file.path)
            return None
        if os.path.samestat(status, os.stat(object)):
            result.already.append(file.path)
            return None
        verified = verify(target, pointer)
    except OSError as error:
        result.failed.append((file.path, from_os_error(error, file.path, "reading")))
        return None
    if verified is None:
        result.different.append(file.path)
        return None
    return Link(file.path, os.fsencode(object), pointer.size, None, 0, stamp_part(pointer.oid), status=verified)


def _date_object(link: Link) -> None:
    """A hard link shows its object's time: let that be the file's, if nobody else links to the object."""
    assert link.status is not None
    time_ns = link.status.st_mtime_ns // 10**9 * 10**9 + link.stamp_ns
    try:
        if os.stat(link.object).st_nlink == 1:
            os.utime(link.object, ns=(time_ns, time_ns))
    except PermissionError:
        pass  # a shared store, and the object is somebody else's


def verify(path: bytes, pointer: Pointer) -> os.stat_result | None:
    """The stat data of a file that holds exactly the pointer's content and did not change meanwhile. Raises: OSError."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        before = os.fstat(fd)
        if is_fresh(before, time.time_ns()):
            # let the kernel's clock tick, so that any later change shows in the stat data
            time.sleep(FRESH_NS / 1e9)
        if file_sha256(fd) != (pointer.oid, pointer.size):
            return None
        return before if same_times(before, os.fstat(fd)) else None
    finally:
        os.close(fd)


def describe(repo: Repository, files: list[Tracked], links: list[Link]) -> None:
    """Write the stat data of replaced files into the index; a locked index only costs git a look at their content."""
    order = sorted(range(len(files)), key=lambda number: files[number].path)
    blobs = [blob_oid(files[number].pointer.encode(), repo.object_format) for number in order]

    def write(index: git_index.Index, number: int, offset: int) -> bool:
        if index.blob(offset) != blobs[number]:
            return False
        index.set_stat(offset, links[order[number]].stat)
        return True

    try:
        git_index.patch(repo.index, [files[number].path for number in order], repo.object_format, write, wait_s=1.0)
    except (Locked, git_index.SplitIndex):
        pass
