"""Deleting objects nobody needs.

Who needs what is the caller's business (``worktree.needed``).  An object stays when it changed (was stored, linked to, unlinked
or found by an add) more recently than the grace, by the clock of the store's file system: a command that runs just now may
be about to refer to it.

A crash leaves some of the objects; running the command again deletes the rest.
"""

from __future__ import annotations

import os

from git_data.base.lock import Advisory
from git_data.errors import Locked, from_os_error
from git_data.pointer import is_oid
from git_data.store.objects import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.base.report import Progress

GRACE_S = 14 * 24 * 3600
"""As long as git itself keeps unreachable objects (``gc.pruneExpire``)."""


class Garbage:
    """What may go: objects as ``(oid, stat)``, quarantined files as ``(path, stat)``; and how many objects stay."""

    __slots__ = ("kept", "objects", "quarantined", "young")

    def __init__(self) -> None:
        self.objects: list[tuple[str, os.stat_result]] = []
        self.quarantined: list[tuple[str, os.stat_result]] = []
        self.kept = 0
        self.young = 0
        """not needed, but within the grace"""

    @property
    def size_bytes(self) -> int:
        """What the objects take, if nobody shares their blocks."""
        return sum(status.st_size for _, status in self.objects)


def find_garbage(store: Store, needed: set[str], grace_s: float | None = GRACE_S) -> Garbage:
    """Objects that are not ``needed``; ``grace_s`` is ``None`` to spare not even the youngest. Raises: FileSystemError."""
    garbage = Garbage()
    oldest_kept_s = float("inf") if grace_s is None else file_system_time(store) - grace_s
    for oid, status in store.each():
        if not is_oid(oid):
            continue
        if oid in needed:
            garbage.kept += 1
        elif _changed_s(status) > oldest_kept_s:
            garbage.young += 1
        else:
            garbage.objects.append((oid, status))
    garbage.quarantined = _old_quarantine(store)
    return garbage


def _old_quarantine(store: Store) -> list[tuple[str, os.stat_result]]:
    """Quarantined files older than the grace, always: somebody may still want to look at a young one."""
    place = os.path.join(store.root, "quarantine")
    if not os.path.isdir(place):
        return []
    with os.scandir(place) as found:
        entries = [(entry.path, entry.stat(follow_symlinks=False)) for entry in found]
    oldest_kept_s = file_system_time(store) - GRACE_S
    return sorted(entry for entry in entries if _changed_s(entry[1]) <= oldest_kept_s)


def _changed_s(status: os.stat_result) -> float:
    # a hard link shows the time of the user's file; the change of the inode cannot be dated back
    return max(status.st_mtime, status.st_ctime)


def file_system_time(store: Store) -> float:
    """The present by the clock that dates the objects, which may be another machine's. Raises: FileSystemError."""
    fd, path = store.new_temporary()
    try:
        return os.fstat(fd).st_mtime
    finally:
        os.close(fd)
        os.unlink(path)


def delete(store: Store, garbage: Garbage, progress: Progress) -> tuple[int, int]:
    """Delete it: ``(objects, bytes)``. One that changed since it was listed stays. Raises: FileSystemError."""
    count = size = 0
    for oid, status in garbage.objects:
        progress(1, status.st_size)
        if _unlink(store.path(oid), status):
            count += 1
            size += status.st_size
    for path, status in garbage.quarantined:
        _unlink(path, status)
    return count, size


def _unlink(path: str, seen: os.stat_result) -> bool:
    try:
        now = os.lstat(path)
        if (now.st_ino, now.st_mtime_ns, now.st_ctime_ns) != (seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns):
            return False
        os.unlink(path)
        return True
    except FileNotFoundError:
        return False
    except OSError as error:
        raise from_os_error(error, path, "deleting") from None


class Lock:
    """``<store>/gc.lock``: one collection at a time. Raises: Locked, FileSystemError."""

    def __init__(self, store: Store) -> None:
        store.make()
        path = os.path.join(store.root, "gc.lock")
        try:
            self._lock = Advisory(path, wait=False)
        except OSError as error:
            raise from_os_error(error, path, "locking the store") from None
        if not self._lock.acquired:
            self._lock.__exit__(None, None, None)
            raise Locked(f"another git data gc works on '{store.root}'", "wait until it ends")

    def release(self) -> None:
        """Let others in."""
        self._lock.__exit__(None, None, None)
