"""Locks: git's ``<file>.lock`` protocol, and an advisory lock for our own files.

git's protocol (``lockfile.h``): whoever creates ``<file>.lock`` with O_EXCL may
write the new content into it and rename it over ``<file>``.  A crash in between
leaves the lock behind, which git tells its user to remove; we therefore never
hold one while doing anything but writing.
"""

from __future__ import annotations

import os
import time

from git_data.errors import Locked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class LockFile:
    """``<path>.lock``, held from construction until ``commit`` or ``release``.

    Raises: Locked when somebody else holds it for longer than ``wait_s`` seconds.
    """

    def __init__(self, path: str, mode: int = 0o666, wait_s: float = 0.0) -> None:
        self.path = path
        self.lock_path = path + ".lock"
        deadline = time.monotonic() + wait_s
        while True:
            try:
                self.fd = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
                return
            except FileExistsError:
                if time.monotonic() >= deadline:
                    raise Locked(
                        f"'{self.lock_path}' is held by another git process",
                        "wait until it ends; if none is running, remove that file",
                    ) from None
            time.sleep(0.005)

    def commit(self) -> None:
        """Rename the lock over the file it guards: the new content becomes visible."""
        fd, self.fd = self.fd, -1
        try:
            os.close(fd)
            os.replace(self.lock_path, self.path)
        except BaseException:
            os.unlink(self.lock_path)
            raise

    def release(self) -> None:
        """Give the lock up without changing the file."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            try:
                os.close(fd)
            finally:
                os.unlink(self.lock_path)

    def __enter__(self) -> LockFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


class Advisory:
    """An exclusive flock on ``path``; the kernel drops it when the process ends, however it ends.

    ``acquired`` is false when somebody else has it and ``wait`` was not asked for.
    On systems without ``flock`` it is always acquired.
    """

    def __init__(self, path: str, wait: bool = True) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        self.acquired = True
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            self.acquired = False

    def __enter__(self) -> Advisory:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self.fd)
