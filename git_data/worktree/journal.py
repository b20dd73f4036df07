"""The journal: paths that hold a pointer and wait for their content.

Written before git is told that a path may hold its pointer, one file a process in
``<git dir>/data/pending/``; removed when all its paths are done.  If the process is killed, the
next filter, hook or ``git data checkout`` finds the file and finishes the work.

The process that writes a journal, and later whoever works on it, holds a lock on it (flock); the
kernel drops it when the process ends, however it ends.  Record: ``<oid> <size> <format> <path>`` and NUL.
"""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.pointer import FORMATS, Pointer, is_oid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows: no flock; one process at a time works on a journal there
    fcntl = None  # type: ignore[assignment]


class Waiting:
    """One path (relative to the work tree) and the pointer it holds."""

    __slots__ = ("path", "pointer")

    def __init__(self, path: bytes, pointer: Pointer) -> None:
        self.path = path
        self.pointer = pointer


class Journal:
    """What one process has left to do; the file is made with the first path, and locked while the process lives."""

    def __init__(self, data_dir: str) -> None:
        self.directory = os.path.join(data_dir, "pending")
        self._fd = -1

    def add(self, path: bytes, pointer: Pointer) -> None:
        """Remember one path; on return a kill cannot lose it. Raises: OSError."""
        if self._fd >= 0 and os.fstat(self._fd).st_nlink == 0:
            self.close()  # a hook has done the work so far and removed the file
        if self._fd < 0:
            os.makedirs(self.directory, exist_ok=True)
            name = os.path.join(self.directory, fsio.temp_name())
            self._fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
            _lock(self._fd)
        fsio.write_all(self._fd, b"%s %d %s %s\0" % (pointer.oid.encode(), pointer.size, pointer.format.encode(), path))

    def close(self) -> None:
        """No more paths will come: whoever wants to may finish the work."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def exists(data_dir: str) -> bool:
    """Whether any path may wait; costs one look at a directory."""
    try:
        return bool(os.listdir(os.path.join(data_dir, "pending")))
    except OSError:
        return False


class Claim:
    """The exclusive right to finish one journal."""

    def __init__(self, path: str, fd: int, waiting: list[Waiting]) -> None:
        self._path = path
        self._fd = fd
        self.waiting = waiting

    def done(self) -> None:
        """The work is finished: the journal goes."""
        fsio.remove_if_exists(self._path)
        os.close(self._fd)

    def give_back(self) -> None:
        """Not finished: somebody else may try later."""
        os.close(self._fd)


def claim_all(data_dir: str, steal: bool = False) -> Iterator[Claim]:
    """Every journal nobody works on just now, each claimed for the caller.

    ``steal`` takes those of living processes, too: a hook does, because the git command that started it waits for it and
    the filter process for git.
    """
    directory = os.path.join(data_dir, "pending")
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for name in names:
        path = os.path.join(directory, name)
        try:
            fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            continue
        if not (_lock(fd, wait=False) or steal) or not os.path.exists(path):
            os.close(fd)
            continue
        with open(fd, "rb", closefd=False) as file:
            content = file.read()
        yield Claim(path, fd, list(_parse(content)))


def read_all(data_dir: str) -> list[Waiting]:
    """What every journal names, whoever works on it; for those who must not delete it. Raises: OSError."""
    directory = os.path.join(data_dir, "pending")
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    contents = (fsio.read_file(os.path.join(directory, name)) for name in names)
    return [waiting for content in contents for waiting in _parse(content or b"")]


def _parse(content: bytes) -> Iterator[Waiting]:
    # a torn last record (power failure) has no NUL and is dropped
    for record in content.split(b"\0")[:-1]:
        parts = record.split(b" ", 3)
        if len(parts) != 4 or not parts[1].isdigit():
            continue
        oid, format = parts[0].decode("ascii", "replace"), parts[2].decode("ascii", "replace")
        if is_oid(oid) and format in FORMATS:
            yield Waiting(parts[3], Pointer(oid, int(parts[1]), format))


def _lock(fd: int, wait: bool = True) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
