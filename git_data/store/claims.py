"""One download of an object at a time, whoever asks for it: the right to bring an object into a store.

A claim is a lock on one byte of ``<store>/tmp/claims``, at an offset taken from the object's name: no file for each object, and
the kernel drops it with the process (open file description locks, fcntl(2); they work between threads, too).  Systems without
them download twice now and then, which harms nobody.
"""

from __future__ import annotations

import errno
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.store.objects import Store

_LAYOUT = "hhqqi4x"  # struct flock of 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid


class Claims:
    """The claims of one process on objects of one store. ``exclusive`` is false where they keep nobody out."""

    def __init__(self, store: Store) -> None:
        store.make()
        self.exclusive = True
        self._fd = os.open(
            os.path.join(store.tmp, "claims"),
            os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0),
            0o666 if store.shared else 0o644,
        )

    def claim(self, oid: str, wait: bool = False) -> bool:
        """Whether the object is ours to bring; waits for others with ``wait``."""
        try:
            import fcntl

            command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
            fcntl.fcntl(self._fd, command, _flock(fcntl.F_WRLCK, oid))
        except (ImportError, AttributeError):
            self.exclusive = False
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            self.exclusive = False
        return True

    def release(self, oid: str) -> None:
        """The object is here, or is not going to be brought by us."""
        try:
            import fcntl

            fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _flock(fcntl.F_UNLCK, oid))
        except (ImportError, AttributeError, OSError):
            return

    def close(self) -> None:
        """Release everything."""
        os.close(self._fd)


def _flock(kind: int, oid: str) -> bytes:
    return struct.pack(_LAYOUT, kind, os.SEEK_SET, int(oid[:15], 16), 1, 0)
