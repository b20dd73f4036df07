"""Files of a history by type, which is their suffix."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.migrate.versions import Versions

_LARGE_BYTES = 1_000_000
_TEXT = frozenset(
    ".c .cc .cpp .css .go .h .hpp .html .ini .java .js .json .lock .md .po .py .r .rb .rs .rst .sh .sql .svg .tex .toml .ts .txt "
    ".xml .yaml .yml".split()
)
"""Suffixes of text that people edit, and want to see as such in a diff."""


class Kind:
    """One type: the ``pattern`` of its suffix (or the name, where there is none), and the versions it has."""

    __slots__ = ("bytes", "largest", "paths", "pattern", "versions")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.paths: set[bytes] = set()
        self.versions = 0
        self.bytes = 0
        self.largest = (0, b"")
        """size and path"""

    @property
    def is_binary(self) -> bool:
        """Whether these files are better off as data: large ones, which are no source code."""
        return self.largest[0] >= _LARGE_BYTES and os.path.splitext(self.pattern)[1].lower() not in _TEXT


def by_kind(versions: Versions, above_bytes: int) -> list[Kind]:
    """Types by the bytes of all their versions of at least ``above_bytes``, the largest first."""
    found: dict[str, Kind] = {}
    for path, _, size in versions.versions():
        if size < above_bytes:
            continue
        name = os.fsdecode(os.path.basename(path))
        suffix = os.path.splitext(name)[1]
        pattern = f"*{suffix}" if suffix else name
        kind = found.get(pattern)
        if kind is None:
            kind = found[pattern] = Kind(pattern)
        kind.paths.add(path)
        kind.versions += 1
        kind.bytes += size
        kind.largest = max(kind.largest, (size, path))
    return sorted(found.values(), key=lambda kind: (-kind.bytes, kind.pattern))
