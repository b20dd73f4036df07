"""A large object that is being downloaded: a file in the store's ``tmp/``, and beside it a list of the parts it has.

    git-data-tmp-part-<oid>         the content so far, with holes
    git-data-tmp-part-<oid>.parts   "<size> <part size>" LF, then the number of each finished part and LF

The names are those of temporaries, so what nobody goes on with is swept after a day.  Parts are hashed in order as they become
complete; after a power failure the hash may be wrong, then everything is downloaded once more.
"""

from __future__ import annotations

import os
import threading

from git_data.base import fsio
from git_data.base.digest import CHUNK_BYTES, sha256
from git_data.errors import from_os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.pointer import Pointer
    from git_data.store.objects import Store


class Partial:
    """One download. The caller holds the claim on the object, or else wants a ``private`` file, with which nobody goes on.

    Raises: FileSystemError when the file cannot be opened.
    """

    def __init__(self, store: Store, pointer: Pointer, part_bytes: int, private: bool = False) -> None:
        self.store = store
        self.pointer = pointer
        self.part_bytes = part_bytes
        self.count = -(-pointer.size // part_bytes)
        self.abandoned = False
        self._lock = threading.Lock()
        self._hasher = sha256()
        self._hashed = 0
        try:
            try:
                self._open(fsio.temp_name() if private else f"{fsio.TEMP_PREFIX}part-{pointer.oid}")
            except PermissionError:
                # in a store shared by users somebody else began it, and was broken off
                self._open(fsio.temp_name())
        except OSError as error:
            raise from_os_error(error, self._path, "writing into the store", store.root, pointer.size) from None

    def _open(self, name: str) -> None:
        """Raises: OSError."""
        self._path = os.path.join(self.store.tmp, name)
        self._list = self._path + ".parts"
        self._have = self._read_list()
        self.resumed = bool(self._have)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._fd = os.open(self._path, flags, 0o600)
        if not self._have:
            os.ftruncate(self._fd, 0)
            fsio.write_file(self._list, self._first_line())

    def _first_line(self) -> bytes:
        return b"%d %d\n" % (self.pointer.size, self.part_bytes)

    def _read_list(self) -> set[int]:
        lines = (fsio.read_file(self._list) or b"").split(b"\n")
        if lines[0] + b"\n" != self._first_line() or not os.path.exists(self._path):
            return set()
        # the last line may be torn, and is empty otherwise
        return {int(line) for line in lines[1:-1] if line.isdigit() and int(line) < self.count}

    def missing(self) -> list[tuple[int, int, int]]:
        """Parts that lack: number, start, length."""
        return [self._part(number) for number in range(self.count) if number not in self._have]

    def _part(self, number: int) -> tuple[int, int, int]:
        start = number * self.part_bytes
        return number, start, min(self.part_bytes, self.pointer.size - start)

    def write(self, at: int, data: bytes) -> None:
        """Raises: FileSystemError."""
        try:
            view = memoryview(data)
            while view:
                count = os.pwrite(self._fd, view, at)
                at += count
                view = view[count:]
        except OSError as error:
            raise from_os_error(error, self._path, "writing into the store", self.store.root, self.pointer.size) from None

    def done(self, number: int) -> bool:
        """A part is complete; whether it was the last one."""
        with self._lock:
            self._have.add(number)
            with open(self._list, "ab", buffering=0) as file:
                file.write(b"%d\n" % number)
            last = len(self._have) == self.count
        if not last:
            self._hash_ahead()
        return last

    def _hash_ahead(self) -> None:
        """Hash what is complete from the beginning on, unless another thread is at it."""
        if self._lock.acquire(blocking=False):
            try:
                self._hash()
            finally:
                self._lock.release()

    def _hash(self) -> None:
        while self._hashed in self._have:
            _, at, left = self._part(self._hashed)
            while left > 0:
                data = os.pread(self._fd, min(left, CHUNK_BYTES), at)
                if not data:
                    return  # shorter than its list says: the hash will not match
                self._hasher.update(data)
                at += len(data)
                left -= len(data)
            self._hashed += 1

    def install(self) -> bool:
        """Give the object its name; false, and nothing left, if it is not what it should be. Raises: OSError."""
        with self._lock:
            self._hash()
        if self._hashed != self.count or self._hasher.hexdigest() != self.pointer.oid:
            self.remove()
            return False
        os.ftruncate(self._fd, self.pointer.size)
        fsio.remove_if_exists(self._list)
        fd, self._fd = self._fd, -1
        self.store.install(fd, self._path, self.pointer.oid)
        return True

    def remove(self) -> None:
        """Give it up. Parts that are under way may still write: the descriptor is closed with the last of them."""
        fsio.remove_if_exists(self._list)
        fsio.remove_if_exists(self._path)

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)
