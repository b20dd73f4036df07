"""Objects of git-lfs on this machine become objects of the store without a second copy.

git-lfs keeps them as ``<storage>/objects/ab/cd/<oid>`` (git-lfs-config(5): ``lfs.storage``, ``.git/lfs`` by default) and never
writes one in place.  Each is hashed on the way.  Where the file system shares blocks the store gets a reflink; on one file system
without them a hard link, which makes git-lfs's own file read-only, too; a copy where nothing else works.  An object that somebody
has open for writing, or that changes while it is looked at, is never linked.

A crash leaves whole objects, each under the name of its content.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from git_data.base.digest import file_sha256
from git_data.base.fsio import remove_if_exists, temp_name
from git_data.link import probe
from git_data.link.batch import run_parallel
from git_data.link.items import COPY, FRESH_NS
from git_data.link.pure import is_fresh, same_times
from git_data.migrate.lfs_place import object_path, objects_directory
from git_data.store.objects import stamp_ns
from git_data.store.place import beside_git_alternates, register
from git_data.store.presence import Presence
from git_data.store.put import put_item, put_items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.base.report import Progress
    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.store.objects import Store

_CHUNK_FILES = 128
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class Local:
    """One object in git-lfs's storage, at ``root``/``path``."""

    __slots__ = ("path", "pointer", "root")

    def __init__(self, root: str, path: str, pointer: Pointer) -> None:
        self.root = root
        self.path = path
        self.pointer = pointer


class Found:
    """Where the content of pointers is: ``stored`` already, in a file of git-lfs (``local``), or in neither (``absent``)."""

    __slots__ = ("absent", "local", "stored")

    def __init__(self) -> None:
        self.stored: list[Pointer] = []
        self.local: list[Local] = []
        self.absent: list[Pointer] = []


class Taken:
    """What became of local objects: by link or copied, and those that were not what their name says."""

    __slots__ = ("copied_bytes", "damaged", "linked", "linked_bytes")

    def __init__(self) -> None:
        self.linked: dict[str, str] = {}
        """oid → the file of git-lfs that has the same blocks as the object"""
        self.linked_bytes = 0
        self.copied_bytes = 0
        self.damaged: list[Local] = []


def storages(repo: Repository) -> list[str]:
    """Directories with objects of git-lfs that this repository can read, its own first."""
    others = [os.path.join(os.path.dirname(place), "lfs", "objects") for place in beside_git_alternates(repo.common_dir)]
    return [objects_directory(repo), *others]


def find(repo: Repository, store: Store, pointers: Iterable[Pointer]) -> Found:
    """Look for the content of pointers on this machine, by name and size."""
    found = Found()
    wanted = list({pointer.oid: pointer for pointer in pointers}.values())
    presence = Presence(store, len(wanted))
    places = storages(repo)
    for pointer in wanted:
        if presence.has(pointer.oid, pointer.size):
            found.stored.append(pointer)
            continue
        path = object_path("", pointer.oid)
        root = next((root for root in places if _has(os.path.join(root, path), pointer.size)), None)
        if root is None:
            found.absent.append(pointer)
        else:
            found.local.append(Local(root, path, pointer))
    return found


def _has(path: str, size: int) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size


def can_link(repo: Repository, store: Store, local: list[Local]) -> bool:
    """Whether the store can have these objects without a copy. Raises: OSError, FileSystemError."""
    return all(_method(repo, store, root) != "copy" for root in {item.root for item in local})


def _method(repo: Repository, store: Store, root: str) -> str:
    store.make()
    if os.name == "nt" or os.stat(root).st_dev != os.stat(store.objects).st_dev:
        return "copy"
    return probe.usable(("reflink", "hardlink", "copy"), store.tmp, store.tmp, os.path.join(repo.data_dir, "links"))[0]


def take(repo: Repository, store: Store, local: list[Local], jobs: int, progress: Progress) -> Taken:
    """Hash local objects and have them in the store, durably.

    Raises: FileSystemError; what was taken before stays.
    """
    store.make()
    register(repo, store)
    work = _Work(repo, store, {root: _method(repo, store, root) for root in {item.root for item in local}}, progress)
    _survive_leases()
    run_parallel(work, [local[at : at + _CHUNK_FILES] for at in range(0, len(local), _CHUNK_FILES)], jobs)
    store.flush()
    return work.taken


class _Work:
    """Takes one chunk after the other, from several threads."""

    def __init__(self, repo: Repository, store: Store, methods: dict[str, str], progress: Progress) -> None:
        self.store = store
        self.methods = methods
        self.progress = progress
        self.taken = Taken()
        self.group = os.stat(store.objects).st_gid if store.shared else -1
        for number in range(256):
            store.make_directory(os.path.join(store.objects, f"{number:02x}"))

    def __call__(self, chunk: list[Local]) -> None:
        """Take these in."""
        later: dict[str, list[tuple[Local, os.stat_result]]] = {}
        for item in chunk:
            verified = self._look(item)
            if verified is not None:
                later.setdefault(item.root, []).append((item, verified))
        for root, items in later.items():
            self._put(root, items)
        self.progress(len(chunk), sum(item.pointer.size for item in chunk))

    def _look(self, item: Local) -> os.stat_result | None:
        """Hash one; its stat data if it is sound and still to be stored."""
        try:
            fd = os.open(os.path.join(item.root, item.path), _READ)
        except OSError:
            self.taken.damaged.append(item)
            return None
        try:
            before = os.fstat(fd)
            if is_fresh(before, time.time_ns()):
                time.sleep(FRESH_NS / 1e9)  # so that any later change shows in the stat data
                before = os.fstat(fd)
            try:
                sound = file_sha256(fd) == (item.pointer.oid, item.pointer.size)
            except OSError:
                sound = False
            if not sound:
                self.taken.damaged.append(item)
                return None
            if self.methods[item.root] == "hardlink" and self._link(fd, item, before):
                self._linked(item)
                return None
            return before
        finally:
            os.close(fd)

    def _link(self, fd: int, item: Local, before: os.stat_result) -> bool:
        """Give the open file, which was hashed, its name in the store; whether that could be done."""
        if self.group >= 0 and before.st_gid != self.group:
            return False  # others could not read it
        path = self.store.path(item.pointer.oid)
        try:
            if _is_being_written(fd) or not same_times(before, os.fstat(fd)):
                return False
            os.fchmod(fd, self.store.object_mode)
            stamp = stamp_ns(item.pointer.oid, int(time.time()))
            os.utime(fd, ns=(stamp, stamp))
            self._name(os.path.join(item.root, item.path), path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
                raise
            return False  # somebody else's file, too many links: a copy does it
        if not os.path.samestat(os.stat(path), os.fstat(fd)):
            os.unlink(path)  # the file was replaced at the last moment
            return False
        self.store.note_unsynced(path)
        return True

    def _name(self, source: str, path: str) -> None:
        try:
            os.link(source, path)
        except FileExistsError:
            temporary = os.path.join(self.store.tmp, temp_name())
            os.link(source, temporary)
            try:
                os.replace(temporary, path)
            finally:
                remove_if_exists(temporary)  # rename does nothing between two names of one file

    def _put(self, root: str, items: list[tuple[Local, os.stat_result]]) -> None:
        puts = [
            put_item(self.store, item.pointer.oid, item.pointer.size, source=os.fsencode(item.path), status=verified)
            for item, verified in items
        ]
        changed = put_items(self.store, root, puts)
        for put, (item, _) in zip(puts, items):
            if put in changed:
                self.taken.damaged.append(item)
                continue
            if put.method == COPY:
                self.taken.copied_bytes += put.size
            else:
                self._linked(item)

    def _linked(self, item: Local) -> None:
        self.taken.linked[item.pointer.oid] = os.path.join(item.root, item.path)
        self.taken.linked_bytes += item.pointer.size


def _is_being_written(fd: int) -> bool:
    """Whether anybody has the file open for writing (fcntl(2): a read lease is refused then); no where that cannot be asked."""
    import fcntl

    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EACCES)
    return False


def _survive_leases() -> None:
    """Who opens a file for writing while we hold a lease makes the kernel send us a signal that would end us."""
    import signal

    if hasattr(signal, "SIGIO"):
        try:
            signal.signal(signal.SIGIO, signal.SIG_IGN)
        except ValueError:
            pass  # not the main thread: whoever called us decides
