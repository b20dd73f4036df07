"""Remembered answers to "which pointer is this git blob?".

A blob never changes, so an answer holds for ever; asking git again for a hundred thousand blobs takes a second
or more, reading this file a few hundredths.  It is a hint: losing it costs time only.

File ``<git common dir>/data/blobs``: magic, records, SHA-256 of everything before.  Record: blob id (20 or 32 bytes), kind (0 no
pointer, 1 git-data, 2 git-lfs), SHA-256 of the content, size (64 bits, big-endian).
"""

from __future__ import annotations

import os
import struct

from git_data.base import fsio
from git_data.base.digest import sha256
from git_data.pointer import Pointer

_MAGIC = b"git-data blobs 1\n"
_KINDS = ("", "data", "lfs")


class BlobCache:
    """Blob id (raw) → its pointer, or ``None`` for a blob that is not one."""

    def __init__(self, common_dir: str, object_format: str) -> None:
        self._path = os.path.join(common_dir, "data", "blobs")
        self._record = struct.Struct(">32sB32sQ" if object_format == "sha256" else ">20sB32sQ")
        self.known: dict[bytes, Pointer | None] = {}
        self._new = 0
        self._load()

    def _load(self) -> None:
        content = fsio.read_file(self._path)
        if content is None or not content.startswith(_MAGIC):
            return
        body = memoryview(content)[:-32]
        records = body[len(_MAGIC) :]
        if sha256(body).digest() != content[-32:] or len(records) % self._record.size:
            return
        known = self.known
        for blob, kind, oid, size in self._record.iter_unpack(records):
            known[blob] = Pointer(oid.hex(), size, _KINDS[kind]) if kind else None

    def add(self, blob: bytes, pointer: Pointer | None) -> None:
        """Remember one answer."""
        self.known[blob] = pointer
        self._new += 1

    def save(self) -> None:
        """Write the file again if there are new answers; a place that cannot be written is no obstacle."""
        if not self._new:
            return
        pack = self._record.pack
        records = [
            pack(blob, _KINDS.index(pointer.format), bytes.fromhex(pointer.oid), pointer.size)
            if pointer is not None
            else pack(blob, 0, bytes(32), 0)
            for blob, pointer in self.known.items()
        ]
        body = _MAGIC + b"".join(records)
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            fsio.write_file(self._path, body + sha256(body).digest())
        except OSError:
            return
        self._new = 0
