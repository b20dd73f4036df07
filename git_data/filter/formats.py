"""Which format a pointer gets in a repository that knows both: the one that git has for this content in this place already.

A branch from the time of git-lfs is merged, and its pointers stay git-lfs's under ``filter=data``.  Cleaned anew, such a file
must give the same pointer, or ``git status`` would call it modified.  Only repositories that came from git-lfs ask
(``Repository.filters``).
"""

from __future__ import annotations

from git_data.base.digest import blob_oid
from git_data.git.run import capture
from git_data.pointer import FORMATS, Pointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository


class Kept:
    """The index of one git command, read when the first content is cleaned."""

    def __init__(self, repo: Repository) -> None:
        self._object_format = repo.object_format
        self._blobs: dict[bytes, bytes] | None = None

    def format(self, path: bytes, oid: str, size: int, usual: str) -> str:
        """The format of the pointer that the index has for this content at ``path``; ``usual`` if it has another or none."""
        if self._blobs is None:
            self._blobs = _read()
        blob = self._blobs.get(path)
        return usual if blob is None else format_of(blob, oid, size, usual, self._object_format)


def format_of(blob: bytes, oid: str, size: int, usual: str, object_format: str) -> str:
    """The format in which the pointer to this content is the blob (hex); ``usual`` if in none."""
    for format in FORMATS:
        if blob_oid(Pointer(oid, size, format).encode(), object_format).hex().encode() == blob:
            return format
    return usual


def _read() -> dict[bytes, bytes]:
    """Path → blob (hex) of the index that git works on; filters run at the top of the work tree."""
    blobs = {}
    for record in capture(["ls-files", "-s", "-z", "--full-name"])[0][1].split(b"\0"):
        header, _, path = record.partition(b"\t")
        if path:
            blobs[path] = header.split(b" ")[1]
    return blobs
