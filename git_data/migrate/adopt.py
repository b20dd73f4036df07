"""Files that other tools keep under other names go into the store: verified, and by link where that is possible.

Each content is read once.  Where the file system shares blocks the store gets a clone, and the clone is hashed; else, if the
owner of the file never writes to it, a hard link; else a copy, hashed while it is made.  Content that does not match the hash
it is known by is not taken in.

What is done is noted under the content's foreign name in ``<git common dir>/data/migrate/contents`` (``migrate/contents.py``), so
that a command that was killed hashes nothing twice.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time

from git_data.base import fsio
from git_data.base.digest import blob_oid
from git_data.errors import from_os_error
from git_data.link.batch import run_parallel
from git_data.link.pure import clone_fd, same_times
from git_data.migrate.contents import Contents
from git_data.migrate.hashes import EMPTY, Hashes, is_empty
from git_data.pointer import Pointer
from git_data.store.objects import stamp_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.base.report import Progress
    from git_data.git.repo import Repository
    from git_data.store.objects import Store

_BINARY = getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | _BINARY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_SAVE_BYTES = 256 << 20
"""So much is read again at most after a kill."""
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Place:
    """A file that should hold the content; ``linkable``: nobody ever writes to it, so it may be hard-linked."""

    __slots__ = ("linkable", "path")

    def __init__(self, path: str, linkable: bool = False) -> None:
        self.path = path
        self.linkable = linkable


class Content:
    """Content that is known by a foreign ``name``, which says what it is for ever (``git-annex MD5E-s3--…``).

    ``places`` are tried in order.  ``size`` is -1 where it is not known; ``algorithm`` and ``digest`` (hex) are the hash it must
    have, empty where there is none; algorithms are those of ``hashlib``.  Afterwards it has ``pointer``, or ``trouble`` says why
    not.  Empty content has a pointer of size 0, which must not be written as one.
    """

    __slots__ = ("algorithm", "copied", "digest", "name", "places", "pointer", "size", "trouble")

    def __init__(self, name: bytes, places: list[Place], size: int = -1, algorithm: str = "", digest: str = "") -> None:
        self.name = name
        self.places = places
        self.size = size
        self.algorithm = algorithm
        self.digest = digest
        self.pointer: Pointer | None = None
        self.trouble = ""
        self.copied = False
        """whether the store has a copy that shares no blocks with the file"""


class _Name:
    __slots__ = ("oid",)

    def __init__(self, oid: bytes) -> None:
        self.oid = oid


def adopt(repo: Repository, store: Store, contents: list[Content], jobs: int, progress: Progress | None = None) -> None:
    """Take contents into the store; what became of each is in it. Raises: FileSystemError when the store cannot be written."""
    notes = Contents(repo)
    names = {note(content, repo): content for content in contents}
    known = notes.stored(store, [_Name(name) for name in names])
    store.make()
    work = _Work(store, notes, repo)
    rest = []
    for name, content in names.items():
        content.pointer = known.get(name) or stored(store, content)
        if content.pointer is None:
            rest.append(content)
        elif progress is not None:
            progress(1, content.pointer.size)
    # large ones first, so that no thread ends with one alone
    rest.sort(key=lambda content: -content.size)

    def take(content: Content) -> None:
        work.take(content)
        if progress is not None:
            progress(1, max(content.size, 0) if content.pointer is None else content.pointer.size)

    try:
        run_parallel(take, rest, jobs)
    finally:
        store.flush()
        notes.save()


def known(repo: Repository, store: Store, contents: list[Content]) -> dict[bytes, Pointer]:
    """For planning: by their names the contents that were taken in before, and empty ones."""
    names = {note(content, repo): content for content in contents}
    noted = Contents(repo).stored(store, [_Name(name) for name in names])
    found = {name: noted.get(name) or stored(store, content) for name, content in names.items()}
    return {names[name].name: pointer for name, pointer in found.items() if pointer is not None}


def sizes(store: Store, contents: Iterable[Content]) -> None:
    """For planning: give each content whose file is there, with the right size, a pointer that has its size and no real oid."""
    for content in contents:
        content.pointer = stored(store, content)
        if content.pointer is not None:
            continue
        for place in content.places:
            try:
                status = os.lstat(place.path)
            except OSError as error:
                content.trouble = f"{error.strerror or error}: '{place.path}'"
                continue
            content.trouble = _unfit(status, place, content)
            if not content.trouble:
                content.pointer = Pointer("0" * 64, status.st_size)
                break


def _unfit(status: os.stat_result, place: Place, content: Content) -> str:
    """Why a file cannot be the content, by a look at it."""
    if not stat.S_ISREG(status.st_mode):
        return f"'{place.path}' is not a regular file"
    if content.size >= 0 and status.st_size != content.size:
        return f"'{place.path}' has {status.st_size:,} bytes, its name says {content.size:,}"
    return ""


def note(content: Content, repo: Repository) -> bytes:
    """What stands for a foreign name in the notes: the id its name would have as a blob, which no real blob has by accident."""
    return blob_oid(b"git-data adopted\n" + content.name, repo.object_format).hex().encode()


def stored(store: Store, content: Content) -> Pointer | None:
    """What the store has already under the name that the content must have; empty content is everywhere."""
    if content.size == 0:
        return Pointer(EMPTY, 0) if is_empty(content.algorithm, content.digest) else None
    if content.algorithm != "sha256" or content.size < 1:
        return None
    path = store.sound(content.digest, content.size)
    if path is None:
        return None
    store.touch(path, content.digest)
    return Pointer(content.digest, content.size)


class _Work:
    def __init__(self, store: Store, notes: Contents, repo: Repository) -> None:
        self._store = store
        self._notes = notes
        self._repo = repo
        self._lock = threading.Lock()
        self._no_clones: set[int] = set()
        """file systems (device numbers) whose files cannot be cloned into the store"""

    def take(self, content: Content) -> None:
        """Try one place after the other. Raises: FileSystemError."""
        for place in content.places:
            try:
                fd = os.open(place.path, _READ)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    content.trouble = f"{error.strerror or error}: '{place.path}'"
                continue
            try:
                content.pointer = self._from(fd, place, content)
            finally:
                os.close(fd)
            if content.pointer is not None:
                content.trouble = ""
                with self._lock:
                    self._notes.add({note(content, self._repo): content.pointer})
                    if self._notes.unsaved_bytes >= _SAVE_BYTES:
                        self._store.flush()
                        self._notes.save()
                return

    def _from(self, fd: int, place: Place, content: Content) -> Pointer | None:
        status = os.fstat(fd)
        content.trouble = _unfit(status, place, content)
        if content.trouble:
            return None
        temporary = os.path.join(self._store.tmp, fsio.temp_name())
        try:
            found = self._make(fd, status, place, content, temporary)
            if found is None or found.size != status.st_size:
                content.trouble = f"'{place.path}' changed while it was read"
                return None
            if not found.match():
                content.trouble = f"'{place.path}' is damaged: its content does not match its name"
                return None
            pointer = Pointer(found.oid, found.size)
            if found.size:
                self._name(temporary, pointer)
            return pointer
        except OSError as error:
            if error.errno == errno.EIO:
                content.trouble = f"'{place.path}': {error.strerror}"
                return None
            raise from_os_error(error, place.path, "taking into the store", self._store.root, status.st_size) from None
        finally:
            fsio.remove_if_exists(temporary)

    def _make(self, fd: int, status: os.stat_result, place: Place, content: Content, temporary: str) -> Hashes | None:
        """Bring the content to ``temporary`` and hash what is there; ``None`` if somebody wrote to it. Raises: OSError."""
        if status.st_dev not in self._no_clones:
            target = _create(temporary)
            try:
                if self._clone(fd, target, status.st_dev):
                    return Hashes(content.algorithm, content.digest, target)
            finally:
                os.close(target)
            os.unlink(temporary)
        if place.linkable and _link(place.path, status, temporary):
            before = os.fstat(fd)  # linking has changed the ctime
            found = Hashes(content.algorithm, content.digest, fd)
            return found if same_times(before, os.fstat(fd)) else None
        target = _create(temporary)
        content.copied = True
        try:
            return Hashes(content.algorithm, content.digest, fd, target)
        finally:
            os.close(target)

    def _clone(self, fd: int, target: int, device: int) -> bool:
        try:
            clone_fd(fd, target)
            return True
        except OSError as error:
            if error.errno in _FATAL:
                raise
            self._no_clones.add(device)
            return False

    def _name(self, temporary: str, pointer: Pointer) -> None:
        """Give verified content its mode, time and name. Raises: OSError."""
        store = self._store
        existing = store.sound(pointer.oid, pointer.size)
        if existing is not None:
            store.touch(existing, pointer.oid)
            return
        stamp = stamp_ns(pointer.oid, int(time.time()))
        os.utime(temporary, ns=(stamp, stamp))
        os.chmod(temporary, store.object_mode)
        if store.fsync == "object":
            _sync(temporary)
        path = store.path(pointer.oid)
        store.make_directory(os.path.dirname(path))
        os.replace(temporary, path)
        store.note_unsynced(path)


def _create(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY | getattr(os, "O_CLOEXEC", 0), 0o600)


def _may_link(status: os.stat_result) -> bool:
    """Whether a file can be an object of the store: ours, and nobody may write to it or execute it."""
    return not status.st_mode & 0o333 and status.st_uid == getattr(os, "geteuid", lambda: -1)()


def _link(path: str, status: os.stat_result, temporary: str) -> bool:
    """Make a hard link, if it is one to that very file."""
    if not _may_link(status):
        return False
    try:
        os.link(path, temporary, follow_symlinks=False)
    except OSError:
        return False  # another file system, or too many links
    if os.path.samestat(os.lstat(temporary), status):
        return True
    os.unlink(temporary)
    return False


def _sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
