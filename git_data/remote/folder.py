"""A folder as a remote: a path or ``file://``, on a disk, a network file system, a mounted bucket.

Content is cloned where the file system can (reflink), else hard-linked where the caller allows it, else copied inside the kernel.
Temporaries lie in ``tmp/`` of the folder, so that a crash leaves nothing under a final name.  What was put is synced by
``flush``, many objects with one sync of the file system; a power failure before it can leave an object short, which its size
shows.  Works on NFS: nothing but rename, link and exclusive creation is relied on, and times are those of the server.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from contextlib import contextmanager

from git_data.base import fsio
from git_data.base.digest import sha256
from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable, from_os_error
from git_data.link import batch
from git_data.link.items import CHANGED, Put
from git_data.remote.address import Address
from git_data.remote.base import CHUNK_BYTES, Entry, Options, Remote, Source, Traits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TMP = "tmp"
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_WAIT_ERRORS = (errno.ESTALE, errno.ETIMEDOUT, errno.EIO, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN, errno.EAGAIN)
_FEW = 8
TEMP_GRACE_S = 7 * 24 * 3600
_real: dict[str, str] = {}


def open_remote(address: Address, options: Options) -> Folder:
    """The folder at an address of the scheme ``file``."""
    return Folder(address.path, options)


class Folder(Remote):
    """See ``base.Remote``."""

    def __init__(self, root: str, options: Options) -> None:
        super().__init__(root, Traits(create=True, listing="tree", workers=4, batch=256))
        self.root = root
        self.hardlink = options.hardlink
        self.sync = options.sync
        self._unsynced: list[str] = []
        self._unsynced_above: set[str] = set()
        """directories in which others were made"""
        self._lock = threading.Lock()

    def _path(self, key: str) -> str:
        if key.startswith("/") or not all(part not in ("", ".", "..") for part in key.split("/")):
            raise RemoteError(f"'{key}' is no key of a remote")
        return os.path.join(self.root, key)

    # -- reading

    def stat(self, key: str) -> Entry | None:
        """See ``Remote.stat``."""
        try:
            with self._named(key, "looking at"):
                status = os.lstat(self._path(key))
        except NotOnRemote:
            return None
        return _entry(key, status) if stat.S_ISREG(status.st_mode) else None

    def list(self, prefix: str) -> Iterator[Entry]:
        """See ``Remote.list``."""
        directory = self._path(prefix.rstrip("/")) if prefix else self.root
        try:
            with self._named(prefix, "listing"):
                found = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except NotOnRemote:
            return
        for entry in found:
            key = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if key != _TMP:
                    yield from self.list(key + "/")
            elif entry.is_file(follow_symlinks=False) and not entry.name.startswith(fsio.TEMP_PREFIX):
                try:
                    yield _entry(key, entry.stat(follow_symlinks=False))
                except FileNotFoundError:
                    continue

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See ``Remote.get``."""
        with self._named(key, "reading"):
            fd = os.open(self._path(key), _READ)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise NotOnRemote(f"'{self._path(key)}' is not a file")
            left = max(status.st_size - start, 0) if length is None else length
            os.lseek(fd, start, os.SEEK_SET)
            if left > CHUNK_BYTES and hasattr(os, "posix_fadvise"):
                os.posix_fadvise(fd, start, left, os.POSIX_FADV_SEQUENTIAL)  # read further ahead
            while left > 0:
                with self._named(key, "reading"):
                    data = os.read(fd, min(left, CHUNK_BYTES))
                if not data:
                    raise RemoteUnavailable(f"'{self._path(key)}' ended early")
                left -= len(data)
                yield data
        finally:
            os.close(fd)

    def local_path(self, key: str) -> str:
        """See ``Remote.local_path``."""
        return _physical(self._path(key))

    # -- writing

    def put(self, key: str, source: Source) -> None:
        """See ``Remote.put``."""
        failure = self.put_many([(key, source)])[0]
        if failure is not None:
            raise failure
        self.flush()

    def put_many(self, items: Sequence[tuple[str, Source]]) -> Sequence[GitDataError | None]:
        """See ``Remote.put_many``: files by links, at once; the rest from memory."""
        self.requests += 1
        self._make(_TMP)
        outcome: list[GitDataError | None] = [None] * len(items)
        puts: list[tuple[int, Put]] = []
        done: list[str] = []
        for number, (key, source) in enumerate(items):
            try:
                if self.hardlink and self._hard_linked(key, source):
                    done.append(key)
                else:
                    puts.append((number, self._item(key, source)))
            except GitDataError as error:
                outcome[number] = error
        with self._named(items[0][0] if items else "", "writing"):
            batch.put("/", self.root, os.path.join(self.root, _TMP), [item for _, item in puts])
        for number, item in puts:
            key, source = items[number]
            if item.error == CHANGED:
                outcome[number] = RemoteUnavailable(f"'{source.path}' changed while it was read")
            elif item.error:
                refused = OSError(item.error, os.strerror(item.error))
                outcome[number] = self._translated(refused, key, "writing", source.size)
            elif source.sent is not None and source.content is None:
                source.sent(source.size)
        with self._lock:
            self._unsynced += [*done, *(items[number][0] for number, item in puts if not item.error)]
        return outcome

    def _item(self, key: str, source: Source) -> Put:
        self._make(os.path.dirname(key))
        stamp_ns = int(source.sha256[:8], 16) % 10**9 + int(time.time()) * 10**9
        if source.content is not None:
            return Put(key.encode(), source.size, stamp_ns, content=source.read())
        with self._named(key, "reading"):
            status = os.stat(source.path)
        return Put(key.encode(), source.size, stamp_ns, source=os.fsencode(_physical(source.path).lstrip("/")), status=status)

    def _hard_linked(self, key: str, source: Source) -> bool:
        """Share the file itself where blocks cannot be shared; not across file systems."""
        if source.content is not None:
            return False
        temporary = os.path.join(self.root, _TMP, fsio.temp_name())
        try:
            os.link(source.path, temporary)
        except OSError:
            return False
        self._make(os.path.dirname(key))
        with self._named(key, "writing"):
            os.replace(temporary, self._path(key))
            fsio.remove_if_exists(temporary)  # rename(2) does nothing when both are the same file
        if source.sent is not None:
            source.sent(source.size)
        return True

    def flush(self) -> None:
        """See ``Remote.flush``."""
        with self._lock:
            keys, self._unsynced = self._unsynced, []
            above, self._unsynced_above = self._unsynced_above, set()
        if not keys or not self.sync:
            return
        with self._named(keys[0], "syncing"):
            if len(keys) > _FEW and fsio.sync_filesystem(self.root):
                return
            for key in keys:
                fd = os.open(self._path(key), _READ)
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)
            _sync_directories({os.path.dirname(self._path(key)) for key in keys} | above)

    def create(self, key: str, data: bytes) -> bool:
        """See ``Remote.create``: a hard link to a finished file fails if there is one already, on NFS, too."""
        self._make(_TMP)
        self._make(os.path.dirname(key))
        path, temporary = self._path(key), os.path.join(self.root, _TMP, fsio.temp_name())
        with self._named(key, "writing"):
            fsio.write_file(temporary, data, mode=0o444, sync=True)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise self._translated(error, key, "writing", len(data)) from None
            return self._create_exclusively(key, path, data)
        finally:
            fsio.remove_if_exists(temporary)
        self._sync_name(path)
        return True

    def _sync_name(self, path: str) -> None:
        with self._lock:
            above, self._unsynced_above = self._unsynced_above, set()
        if self.sync:
            with self._named(os.path.relpath(path, self.root), "syncing"):
                _sync_directories({os.path.dirname(path)} | above)

    def _create_exclusively(self, key: str, path: str, data: bytes) -> bool:
        """For file systems without hard links (FAT, some mounted buckets)."""
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        except FileExistsError:
            return False
        except OSError as error:
            raise self._translated(error, key, "writing", len(data)) from None
        with self._named(key, "writing"):
            try:
                fsio.write_all(fd, data)
                os.fsync(fd)
            finally:
                os.close(fd)
        self._sync_name(path)
        return True

    def read(self, key: str, limit: int = CHUNK_BYTES) -> tuple[bytes, str]:
        """See ``Remote.read``."""
        data, _ = super().read(key, limit)
        return data, sha256(data).hexdigest()

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Remote.delete``."""
        for key in keys:
            try:
                with self._named(key, "deleting"):
                    os.unlink(self._path(key))
            except NotOnRemote:
                continue

    # -- the rest

    def _make(self, directory: str) -> None:
        path = os.path.join(self.root, directory) if directory else self.root
        if not os.path.isdir(path):
            new = path
            while new and not os.path.isdir(new):
                new = os.path.dirname(new)
                with self._lock:
                    self._unsynced_above.add(new)
            with self._named(directory, "creating"):
                os.makedirs(path, exist_ok=True)
            if directory == _TMP:
                fsio.sweep(path, TEMP_GRACE_S)

    @contextmanager
    def _named(self, key: str, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._translated(error, key, doing) from None

    def _translated(self, error: OSError, key: str, doing: str, size: int = 0) -> GitDataError:
        path = os.path.join(self.root, key)
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return NotOnRemote(f"'{path}' is not there")
        # after a sync that failed the next one would not tell of it again
        if error.errno in _WAIT_ERRORS and doing != "syncing":
            return RemoteUnavailable(f"{error.strerror} while {doing} '{path}'")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return AccessDenied(f"{error.strerror} while {doing} '{path}'", f"ls -ld '{os.path.dirname(path)}'")
        return from_os_error(error, path, doing, self.root, size)


def _physical(path: str) -> str:
    """The path without symbolic links on its way: files are stored without following any, and these are the user's own."""
    directory, name = os.path.split(path)
    if directory not in _real:
        _real[directory] = os.path.realpath(directory)
    return os.path.join(_real[directory], name)


def _sync_directories(paths: set[str]) -> None:
    for path in paths:
        try:
            fsio.sync_directory(path)
        except PermissionError:
            continue  # who may write into a directory may not always read it
        except OSError as error:
            if error.errno != errno.EINVAL:  # fsync(2): the file system knows no such thing
                raise


def _entry(key: str, status: os.stat_result) -> Entry:
    # the mtime is set by who writes, up to a second ahead, and a hard link shows that of another place; the server sets the ctime
    return Entry(key, status.st_size, status.st_ctime or status.st_mtime, f"{status.st_mtime_ns:x}-{status.st_size:x}")
