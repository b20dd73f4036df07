"""smudge with bytes: for readers other than the work tree (archive, ``cat-file --filters``, diff tools, apply).

The work tree itself gets links, after git has written its pointers: see ``process``.
"""

from __future__ import annotations

import os

from git_data.errors import MissingData
from git_data.git.pktline import MAX_PAYLOAD_BYTES
from git_data.git.repo import Repository
from git_data.pointer import Pointer
from git_data.store.objects import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_READ_BYTES = 16 * MAX_PAYLOAD_BYTES


def open_content(repo: Repository, store: Store, pointer: Pointer, path: bytes) -> int:
    """A descriptor of the content, brought from a remote if need be. Raises: MissingData."""
    fd = store.open(pointer.oid, pointer.size)
    if fd is None:
        from git_data.worktree.bring import bring

        bring(repo, store, [pointer])
        fd = store.open(pointer.oid, pointer.size)
    if fd is None:
        raise MissingData(
            f"'{os.fsdecode(path)}': its data ({pointer.size:,} bytes, sha256 {pointer.oid[:12]}) is not in the store",
            "git data fsck --pointers HEAD   # lists everything that is missing",
        )
    return fd


def chunks(fd: int, size: int) -> Iterator[bytes]:
    """The file in pieces, never more than ``size`` bytes in all; closes it at the end."""
    left = size
    try:
        while left > 0 and (data := os.read(fd, min(left, _READ_BYTES))):
            left -= len(data)
            yield data
    finally:
        os.close(fd)
