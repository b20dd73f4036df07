"""The work items of the batch functions, and what can become of one.

``error`` is 0, an errno, or one of the three negative codes; the compiled core uses the same numbers
(``_native/core.h``).
"""

from __future__ import annotations

NOT_EXPECTED = -1
"""The file in place is not exactly what was expected: it was left alone."""
OBJECT_SUSPECT = -2
"""The object's size or stamp is not as recorded: verify it before using it."""
CHANGED = -3
"""The source changed while it was read: nothing was stored."""

REFLINK, HARDLINK, COPY, SYMLINK = 1, 2, 3, 4
METHOD_NAMES = {REFLINK: "reflink", HARDLINK: "hardlink", COPY: "copy", SYMLINK: "symlink"}
METHODS = {name: number for number, name in METHOD_NAMES.items()}

FRESH_NS = 20_000_000
"""Two writes within one tick of the kernel's coarse clock (at most 10 ms) show the same ctime; a file
changed more recently than this cannot be vouched for by its stat data."""

ZERO_STAT = (0,) * 10


class Link:
    """Content to be put at ``path`` (relative to a root directory).

    ``expect`` are the bytes that must be there now; with ``status`` it is the file with these stat data; with neither nothing
    may be there.
    ``stamp_ns`` is the nanosecond part the object's mtime must show, -1 for any.
    ``mode`` are permission bits, -1 for those of the file that is replaced.
    After the call ``error``, ``method`` and ``stat`` (the ten fields of a git index entry) are set.
    """

    __slots__ = ("error", "expect", "method", "mode", "mtime_ns", "object", "path", "size", "stamp_ns", "stat", "status")

    def __init__(
        self,
        path: bytes,
        object: bytes,
        size: int,
        expect: bytes | None,
        mtime_ns: int,
        stamp_ns: int = -1,
        mode: int = -1,
        status: os.stat_result | None = None,
    ) -> None:
        self.path = path
        self.object = object
        self.size = size
        self.expect = expect
        self.mtime_ns = mtime_ns
        self.stamp_ns = stamp_ns
        self.mode = mode
        self.status = status
        self.error = 0
        self.method = 0
        self.stat: tuple[int, ...] = ZERO_STAT


class Put:
    """One object to be stored under ``object`` (relative to the objects directory).

    Its bytes are ``content``, or those of the file ``source`` (relative to a root directory), whose
    ``status`` (an ``os.stat_result``) must not have changed.  With both, ``source`` is cloned if it holds exactly
    ``content``.
    """

    __slots__ = (
        "clone", "content", "dir_mode", "error", "fsync", "method", "mode", "object", "size", "source", "stamp_ns",
        "status",
    )  # fmt: skip

    def __init__(
        self,
        object: bytes,
        size: int,
        stamp_ns: int,
        *,
        source: bytes | None = None,
        status: os.stat_result | None = None,
        content: bytes | memoryview | None = None,
        clone: bool = True,
        mode: int = 0o444,
        dir_mode: int = 0,
        fsync: bool = False,
    ) -> None:
        self.object = object
        self.size = size
        self.stamp_ns = stamp_ns
        self.source = source
        self.status = status
        self.content = content
        self.clone = clone
        self.mode = mode
        self.dir_mode = dir_mode
        self.fsync = fsync
        self.error = 0
        self.method = 0


TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
