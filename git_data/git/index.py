"""Patching stat data in git's index, in place.

git decides from the stat data in the index whether a file may have changed.  After a pointer was
replaced by its content, the entry must describe the new file, or every later ``git status`` would
show it as modified.  Only the 40 bytes of stat data of the given entries are written, and the
trailer is computed again; everything else is kept byte for byte.

Versions 2, 3 and 4, SHA-1 and SHA-256, ``index.skipHash``.  Format: gitformat-index(5).  A split index has its
entries in another file and is not patched (``SplitIndex``).

A crash leaves the old index or the new one.
"""

from __future__ import annotations

import os
import struct
import time

from git_data.base import fsio
from git_data.base.digest import new
from git_data.base.lock import LockFile
from git_data.errors import RepositoryError
from git_data.git.index_scan import find_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STAT = struct.Struct(">10I")
"""ctime s, ctime ns, mtime s, mtime ns, dev, ino, mode, uid, gid, size."""

_MODE = 6
_MODE_OFFSET, _SIZE_OFFSET = 24, 36
_EXTENDED, _STAGE, _ASSUME_VALID = 0x4000, 0x3000, 0x8000
_INTENT_TO_ADD, _SKIP_WORKTREE = 0x2000, 0x4000

KEEP_MTIME_S = 5
"""An index younger than this keeps its mtime when it is patched; see ``commit``."""


class SplitIndex(Exception):
    """The entries are in a shared index file: use ``git update-index`` instead."""


class Index:
    """The bytes of one index file and where the entries of some paths are in it.

    ``paths`` must be sorted.  ``offsets`` holds, for each path, the offset of its
    entry or -1 when there is none that may be patched.

    Raises: RepositoryError when the file is not an index we know; SplitIndex; FileNotFoundError.
    """

    def __init__(self, path: str, paths: list[bytes], object_format: str) -> None:
        self.path = path
        self.object_format = object_format
        self.hash_len = 32 if object_format == "sha256" else 20
        with open(path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            self.data = bytearray(status.st_size)
            file.readinto(self.data)
        self.mtime_ns = status.st_mtime_ns
        self.mode = status.st_mode & 0o777
        self._check_header()
        racy_since = status.st_mtime_ns // 10**9
        self.offsets, self.racy, end = find_entries(self.data, self.version, self.hash_len, paths, racy_since)
        self._check_extensions(end)
        for number, offset in enumerate(self.offsets):
            if offset >= 0 and not self._may_patch(offset):
                self.offsets[number] = -1

    def _check_header(self) -> None:
        data = self.data
        if len(data) < 12 + self.hash_len or data[:4] != b"DIRC":
            raise RepositoryError(f"'{self.path}' is not a git index", "git fsck; git reset")
        self.version = int.from_bytes(data[4:8], "big")
        if self.version not in (2, 3, 4):
            raise RepositoryError(f"'{self.path}' has version {self.version}, which this program does not know")
        trailer = data[-self.hash_len :]
        self.has_hash = any(trailer)
        if self.has_hash and new(self.object_format, memoryview(data)[: -self.hash_len]).digest() != trailer:
            raise RepositoryError(f"'{self.path}' is damaged: its checksum is wrong", "git fsck; git reset")

    def _check_extensions(self, at: int) -> None:
        end = len(self.data) - self.hash_len
        while at + 8 <= end:
            if self.data[at : at + 4] == b"link":
                raise SplitIndex
            at += 8 + int.from_bytes(self.data[at + 4 : at + 8], "big")

    def _may_patch(self, offset: int) -> bool:
        flags_at = offset + 40 + self.hash_len
        flags = int.from_bytes(self.data[flags_at : flags_at + 2], "big")
        if flags & (_STAGE | _ASSUME_VALID):
            return False
        if flags & _EXTENDED:
            extended = int.from_bytes(self.data[flags_at + 2 : flags_at + 4], "big")
            if extended & (_INTENT_TO_ADD | _SKIP_WORKTREE):
                return False
        # regular files only: not symbolic links, submodules or sparse directories
        mode = int.from_bytes(self.data[offset + _MODE_OFFSET : offset + _MODE_OFFSET + 4], "big")
        return mode >> 12 == 0o10

    def blob(self, offset: int) -> bytes:
        """The raw object id of the entry at ``offset``."""
        return bytes(self.data[offset + 40 : offset + 40 + self.hash_len])

    def forget_size(self, offset: int) -> bytes:
        """Write size 0, which makes git compare the content the next time it looks; the field as it was."""
        size = bytes(self.data[offset + _SIZE_OFFSET : offset + _SIZE_OFFSET + 4])
        self.restore_size(offset, bytes(4))
        return size

    def restore_size(self, offset: int, size: bytes) -> None:
        """Take ``forget_size`` back."""
        self.data[offset + _SIZE_OFFSET : offset + _SIZE_OFFSET + 4] = size

    def set_stat(self, offset: int, stat: tuple[int, ...]) -> None:
        """Write the ten fields of ``STAT``, but keep the entry's mode: it is git's, not the file's."""
        mode = self.data[offset + _MODE_OFFSET : offset + _MODE_OFFSET + 4]
        STAT.pack_into(self.data, offset, *stat)
        self.data[offset + _MODE_OFFSET : offset + _MODE_OFFSET + 4] = mode

    def describes(self, offset: int, stat: tuple[int, ...], ctime_ns: bool = True) -> bool:
        """Whether the entry has these stat data; its mode is git's own.

        Without ``ctime_ns`` ctime may differ within its second: git takes no notice of that, and leaves the entry as it is.
        """
        known = STAT.unpack_from(self.data, offset)
        first = slice(1) if not ctime_ns else slice(2)
        return known[first] == stat[first] and known[2:_MODE] == stat[2:_MODE] and known[_MODE + 1 :] == stat[_MODE + 1 :]

    def commit(self, lock: LockFile) -> None:
        """Write the patched index and rename it into place.

        git takes an entry whose mtime is not older than the index file itself for "racily clean" and
        compares its content.  So the time of the file matters: a young index keeps its time; an old one
        gets the present, and the entries that were racy lose their size instead, as git itself does it.
        """
        keep_time = time.time_ns() - self.mtime_ns < KEEP_MTIME_S * 10**9
        if not keep_time:
            for offset in self.racy:
                self.forget_size(offset)
        body = memoryview(self.data)[: -self.hash_len]
        fsio.write_all(lock.fd, body)
        trailer = new(self.object_format, body).digest() if self.has_hash else bytes(self.hash_len)
        fsio.write_all(lock.fd, trailer)
        if hasattr(os, "fchmod"):
            os.fchmod(lock.fd, self.mode)
        if keep_time:
            os.utime(lock.lock_path, ns=(self.mtime_ns, self.mtime_ns))
        lock.commit()


def patch(
    path: str,
    paths: list[bytes],
    object_format: str,
    change: Callable[[Index, int, int], bool],
    wait_s: float,
) -> int:
    """Lock, read, let ``change(index, number, offset)`` alter each entry found, write; how many it altered.

    ``number`` is the position in ``paths`` (sorted).  Nothing is written when nothing is altered.

    Raises: Locked, RepositoryError, SplitIndex, OSError.
    """
    with LockFile(path, wait_s=wait_s) as lock:
        try:
            index = Index(path, paths, object_format)
        except FileNotFoundError:
            return 0
        changed = 0
        for number, offset in enumerate(index.offsets):
            if offset >= 0 and change(index, number, offset):
                changed += 1
        if changed:
            index.commit(lock)
        return changed
