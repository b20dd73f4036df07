"""What blobs of git hold, as far as their content was taken into the store: notes that survive a kill.

``<git common dir>/data/migrate/contents`` (``docs/formats.md``): a line ``git-data-contents 1 <hash of git>``, then records of
one size each: the blob's id, raw; the SHA-256 of its content, raw; its size, 64 bits, big-endian.  A record that is cut off at
the end, and a file of another version, count as nothing.
"""

from __future__ import annotations

import os
import struct

from git_data.base import fsio
from git_data.pointer import Pointer
from git_data.store.presence import Presence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from git_data.git.repo import Repository
    from git_data.store.objects import Store

    class Named(Protocol):
        """Whatever has a blob's id."""

        oid: bytes


class Contents:
    """The notes of one repository."""

    def __init__(self, repo: Repository) -> None:
        self._path = os.path.join(repo.common_dir, "data", "migrate", "contents")
        self._header = f"git-data-contents 1 {repo.object_format}\n".encode()
        self._blob_bytes = 20 if repo.object_format == "sha1" else 32
        self._new: list[bytes] = []
        self.unsaved_bytes = 0
        """size of the contents that were added and are not saved yet"""

    def stored(self, store: Store, blobs: Iterable[Named]) -> dict[bytes, Pointer]:
        """Of these blobs those whose content is known and in the store: blob (hex) → pointer."""
        wanted = {blob.oid for blob in blobs}
        found = {}
        for blob, pointer in self._load():
            if blob in wanted:
                found[blob] = pointer
        presence = Presence(store, len(found))
        return {blob: pointer for blob, pointer in found.items() if presence.has(pointer.oid, pointer.size)}

    def _load(self) -> Iterable[tuple[bytes, Pointer]]:
        data = fsio.read_file(self._path) or b""
        if not data.startswith(self._header):
            return
        record = struct.Struct(f">{self._blob_bytes}s32sQ")
        whole = len(data) - (len(data) - len(self._header)) % record.size
        for blob, oid, size in record.iter_unpack(data[len(self._header) : whole]):
            yield blob.hex().encode(), Pointer(oid.hex(), size)

    def add(self, pointers: dict[bytes, Pointer]) -> None:
        """Note contents that are in the store, blob (hex) → pointer; ``save`` when they are durable."""
        for blob, pointer in pointers.items():
            raw = bytes.fromhex(blob.decode()) + bytes.fromhex(pointer.oid)
            self._new.append(raw + struct.pack(">Q", pointer.size))
            self.unsaved_bytes += pointer.size

    def save(self) -> None:
        """Write what was added. Raises: OSError."""
        if not self._new:
            return
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        with open(self._path, "ab") as file:
            size = file.tell()
            record = self._blob_bytes + 40
            if not size or (fsio.read_file(self._path) or b"")[: len(self._header)] != self._header:
                file.truncate(0)
                file.write(self._header)
            elif (size - len(self._header)) % record:
                file.truncate(size - (size - len(self._header)) % record)
            file.write(b"".join(self._new))
        self._new, self.unsaved_bytes = [], 0

    def forget(self) -> None:
        """Delete the notes: what they are for is done."""
        fsio.remove_if_exists(self._path)
