"""Writing files so that a crash leaves the old one or the new one, never half of either.

A new file is written under a temporary name in the directory (or on the file
system) of the target and renamed over it.  What a crash leaves behind is the
temporary, whose name starts with ``TEMP_PREFIX`` so that it can be swept.
"""

from __future__ import annotations

import os
import sys

from git_data.base import native

TEMP_PREFIX = "git-data-tmp-"
_counter = 0


def temp_name() -> str:
    """A file name no other process uses: process id, start-independent random part, counter."""
    global _counter
    _counter += 1
    return f"{TEMP_PREFIX}{os.getpid()}-{os.urandom(4).hex()}-{_counter}"


def write_all(fd: int, data: bytes | memoryview) -> None:
    """``os.write`` until everything is written."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_file(path: str, data: bytes, mode: int = 0o666, sync: bool = False) -> None:
    """Replace or create ``path`` atomically with ``data``; ``mode`` is subject to the umask.

    Raises: OSError.
    """
    temporary = os.path.join(os.path.dirname(path), temp_name())
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        try:
            write_all(fd, data)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        remove_if_exists(temporary)
        raise
    if sync:
        sync_directory(os.path.dirname(path))


def sync_directory(path: str) -> None:
    """Make a rename in ``path`` durable."""
    if os.name == "nt":
        return
    fd = os.open(path or ".", os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_filesystem(path: str) -> bool:
    """Make everything written to the file system that holds ``path`` durable, in one call.

    Whether errors would have been seen: sync(2) reports none, but leaves them, and little else, to an fsync of each file.

    Raises: OSError.
    """
    if os.name == "nt":
        return False
    fd = os.open(path, os.O_RDONLY)
    try:
        if native.lib is not None:
            error = native.lib.gd_sync_filesystem(fd)
            if error:
                raise OSError(error, os.strerror(error), path)
            return sys.platform == "linux"
        # sync(2) waits for completion on Linux, and covers more than is needed.
        os.sync()
        return False
    finally:
        os.close(fd)


def remove_if_exists(path: str) -> None:
    """``os.unlink`` that does not mind a missing file."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def read_file(path: str) -> bytes | None:
    """The bytes of ``path``, or ``None`` if it does not exist."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def clock_ns(directory: str) -> int:
    """The time, in nanoseconds, by the clock that dates files in ``directory``; a server's may differ from ours.

    Raises: OSError.
    """
    mark = os.path.join(directory, temp_name())
    os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        return os.stat(mark).st_ctime_ns
    finally:
        os.unlink(mark)


def sweep(directory: str, grace_s: float) -> int:
    """Delete temporaries older than ``grace_s`` seconds from ``directory``; the bytes freed.

    Age is measured by the clock of the file system, which dates the files, not by ours.
    """
    try:
        names = [name for name in os.listdir(directory) if name.startswith(TEMP_PREFIX)]
        if not names:
            return 0
        now = clock_ns(directory) / 1e9
    except OSError:
        return 0
    freed = 0
    for name in names:
        path = os.path.join(directory, name)
        try:
            status = os.lstat(path)
            if now - status.st_mtime > grace_s:
                os.unlink(path)
                freed += status.st_size
        except OSError:
            continue  # somebody else swept it
    return freed
