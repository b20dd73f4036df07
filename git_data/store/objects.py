"""The store: content under the name of its SHA-256, read-only, shared by all who link to it.

Layout (``docs/formats.md``)::

    objects/sha256/ab/<oid>    content, 0444
    tmp/                       being written; swept after a day
    quarantine/                what did not match its name
    repositories/              who uses a shared store (gc must ask them all)

One level of fan-out: 256 directories hold millions of files well on today's file systems, and a second
level would cost a directory for every small object (4 KiB each on ext4).

**Stamp.**  The nanoseconds of an object's mtime are derived from its name, the seconds are those of the day it
was stored.  A write through a hard link, or by root, changes the mtime, and a look at the stat data shows it
without hashing.  On a file system without nanoseconds every look costs a hash instead.

A crash leaves a temporary in ``tmp/``, never a partial object; after a power failure an object can be
short, which its size shows.
"""

from __future__ import annotations

import errno
import os
import time

from git_data.base import fsio
from git_data.base.digest import file_sha256
from git_data.errors import FileSystemError, from_os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

TEMP_GRACE_S = 24 * 3600
YOUNG_S = 3600
"""The kernel has written everything older than this."""
FEW_OBJECTS = 8
"""Up to so many objects are synced one by one, more with one sync of the file system."""


def stamp_ns(oid: str, time_s: int) -> int:
    """The mtime, in nanoseconds, of an object stored at ``time_s``."""
    return time_s * 10**9 + stamp_part(oid)


def stamp_part(oid: str) -> int:
    """The nanosecond part of every time an object may carry."""
    return int(oid[:8], 16) % 10**9


class Store:
    """One store, and the stores it may read from besides.

    ``root`` is the directory, made at the first write.  ``fsync`` is ``batch``, ``object`` or ``none``.  ``shared`` are
    the permission bits of ``core.sharedRepository`` (0: as the umask says).  ``alternates`` are roots of further stores.
    """

    def __init__(self, root: str, fsync: str = "batch", shared: int = 0, alternates: list[str] | None = None) -> None:
        self.root = root
        self.fsync = fsync
        self.shared = shared
        self.objects = os.path.join(root, "objects", "sha256")
        self.tmp = os.path.join(root, "tmp")
        self.alternates = [os.path.join(other, "objects", "sha256") for other in alternates or []]
        self._unsynced: list[str] = []
        self._made = False

    # -- reading

    def path(self, oid: str) -> str:
        """Where the object is or would be in this store."""
        return f"{self.objects}/{oid[:2]}/{oid}"

    def find(self, oid: str, size: int) -> str | None:
        """The path of the object here or in an alternate, if it has the right size."""
        for objects in (self.objects, *self.alternates):
            path = f"{objects}/{oid[:2]}/{oid}"
            try:
                status = os.stat(path, follow_symlinks=False)
            except OSError:
                continue
            if status.st_size == size:
                return path
        return None

    def open(self, oid: str, size: int) -> int | None:
        """A descriptor of the object's content, or ``None`` if no store has it.

        An object whose stamp is wrong is hashed first, and moved to quarantine if it does not match its name.
        """
        path = self.sound(oid, size)
        return None if path is None else os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def sound(self, oid: str, size: int) -> str | None:
        """Like ``find``, but never a path whose content was changed since it was stored."""
        while (path := self.find(oid, size)) is not None:
            if os.stat(path).st_mtime_ns % 10**9 == stamp_part(oid) or self.verify(path, oid):
                return path
            if not path.startswith(self.objects):
                return None
        return None

    def verify(self, path: str, oid: str) -> bool:
        """Hash the object at ``path``: stamp it again if it is sound, else move it to quarantine."""
        fd = os.open(path, os.O_RDONLY)
        try:
            sound = file_sha256(fd)[0] == oid
        finally:
            os.close(fd)
        if sound:
            self.touch(path, oid)
        elif path.startswith(self.objects):
            self.quarantine(path)
        return sound

    def each(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every object of this store, as ``(oid, stat)``."""
        for name in _names(self.objects):
            for oid in _names(os.path.join(self.objects, name)):
                try:
                    yield oid, os.lstat(os.path.join(self.objects, name, oid))
                except FileNotFoundError:
                    continue

    # -- writing

    def make(self) -> None:
        """Create the directories. Raises: FileSystemError."""
        if self._made:
            return
        for path in (self.objects, self.tmp):
            try:
                self.make_directory(path)
            except OSError as error:
                raise from_os_error(error, path, "creating the store") from None
        self._made = True

    def make_directory(self, path: str) -> None:
        """Create ``path`` and its parents; inside the store with the permissions of a shared one. Raises: OSError."""
        if os.path.isdir(path):
            return
        self.make_directory(os.path.dirname(path))
        try:
            os.mkdir(path)
        except FileExistsError:
            return
        if self.directory_mode and path.startswith(self.root):
            os.chmod(path, self.directory_mode)

    @property
    def directory_mode(self) -> int:
        """Permission bits of directories, 0 when the umask decides (git: ``adjust_shared_perm``)."""
        if not self.shared:
            return 0
        mode = 0o700 | self.shared
        return 0o2000 | mode | (mode & 0o444) >> 2

    @property
    def object_mode(self) -> int:
        """Permission bits of objects: never writable."""
        if self.shared:
            return 0o400 | (self.shared & 0o444)
        return 0o444 & ~umask()

    def new_temporary(self) -> tuple[int, str]:
        """An empty file in ``tmp/`` open for reading and writing, and its path. Raises: FileSystemError."""
        self.make()
        path = os.path.join(self.tmp, fsio.temp_name())
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600), path
        except OSError as error:
            raise from_os_error(error, path, "writing into the store") from None

    def install(self, fd: int, temporary: str, oid: str) -> None:
        """Give the finished temporary its name; ``fd`` is closed whatever happens. Raises: OSError."""
        path = self.path(oid)
        directory = os.path.dirname(path)
        try:
            try:
                stamp = stamp_ns(oid, int(time.time()))
                os.utime(fd if os.utime in os.supports_fd else temporary, ns=(stamp, stamp))
                os.chmod(temporary, self.object_mode)
                if self.fsync == "object":
                    os.fsync(fd)
            finally:
                os.close(fd)
            if not os.path.isdir(directory):
                self.make_directory(directory)
            os.replace(temporary, path)
        except BaseException:
            fsio.remove_if_exists(temporary)
            raise
        if self.fsync == "object":
            fsio.sync_directory(directory)
        self.note_unsynced(path)

    def note_unsynced(self, path: str) -> None:
        """Remember an object that ``flush`` must make durable."""
        if self.fsync == "batch":
            self._unsynced.append(path)

    def flush(self) -> None:
        """Make everything stored since the last call durable (``data.fsync = batch``).

        Raises: FileSystemError; it is not tried again, because after a failed fsync the kernel may have dropped
        the data and a second one would report success.  What was to be synced is in quarantine then: the next
        ``git add`` must write it again.
        """
        paths, self._unsynced = self._unsynced, []
        if not paths:
            return
        try:
            if len(paths) > FEW_OBJECTS and fsio.sync_filesystem(self.objects):
                return
            for path in paths:
                fd = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)
            for directory in {self.objects, *(os.path.dirname(path) for path in paths)}:
                fsio.sync_directory(directory)
        except OSError as error:
            for path in paths:
                self._distrust(path)
            failure = from_os_error(error, paths[0], "syncing the store")
            failure.hint = "do not trust the disk; what was just stored is in quarantine, store it again: git add --renormalize ."
            raise failure from None

    def _distrust(self, path: str) -> None:
        if path.startswith(self.objects):
            try:
                self.quarantine(path)
            except FileSystemError:
                pass  # nothing can be written any more

    def touch(self, path: str, oid: str) -> None:
        """Date an object to now, so that a collection that runs just now keeps it.

        A hard-linked one keeps its date, which is that of the files in work trees.  Whoever stored a young object may have been
        killed before it was synced: that is done with what we store.
        """
        now_s = int(time.time())
        stamp = stamp_ns(oid, now_s)
        try:
            status = os.stat(path)
            if abs(now_s - status.st_mtime) < YOUNG_S:
                self.note_unsynced(path)
            if status.st_nlink == 1:
                os.utime(path, ns=(stamp, stamp))
            else:
                os.chmod(path, status.st_mode & 0o7777)  # no change, but of the ctime, which a collection looks at, too
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise  # otherwise the store, or the object in it, is somebody else's

    def quarantine(self, path: str) -> str:
        """Move an object that does not match its name out of the way; where it went. Raises: FileSystemError."""
        place = os.path.join(self.root, "quarantine")
        target = os.path.join(place, f"{os.path.basename(path)}.{time.time_ns()}")
        try:
            self.make_directory(place)
            os.rename(path, target)
        except OSError as error:
            raise from_os_error(error, path, "moving a damaged object to quarantine") from None
        return target

    def remove(self, oid: str) -> None:
        """Delete an object. Raises: FileSystemError."""
        try:
            os.unlink(self.path(oid))
        except OSError as error:
            raise from_os_error(error, self.path(oid), "deleting") from None

    def sweep(self) -> int:
        """Delete temporaries that no running command can still be writing; the bytes freed."""
        return fsio.sweep(self.tmp, TEMP_GRACE_S)


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


_umask = -1


def umask() -> int:
    """The process's umask, which can only be read by setting it."""
    global _umask
    if _umask < 0:
        _umask = os.umask(0o022)
        os.umask(_umask)
    return _umask
