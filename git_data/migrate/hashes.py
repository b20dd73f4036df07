"""Content that is known by other hashes than SHA-256: both are computed while it is read once."""

from __future__ import annotations

import hashlib
import os

from git_data.base.digest import CHUNK_BYTES, sha256
from git_data.base.fsio import write_all

EMPTY = sha256().hexdigest()


class Hashes:
    """What is read from ``fd`` (and written to ``target``): its size, its oid, and whether it has the hash it must have."""

    __slots__ = ("_other", "_wanted", "oid", "size")

    def __init__(self, algorithm: str, digest: str, fd: int, target: int = -1) -> None:
        self._wanted = digest
        other = None if algorithm in ("", "sha256") else _hasher(algorithm)
        own = sha256()
        self.size = 0
        while data := os.read(fd, CHUNK_BYTES):
            own.update(data)
            if other is not None:
                other.update(data)
            if target >= 0:
                write_all(target, data)
            self.size += len(data)
        self.oid = own.hexdigest()
        self._other = self.oid if other is None else other.hexdigest()

    def match(self) -> bool:
        """Whether it may be taken in."""
        return not self._wanted or self._other == self._wanted


def _hasher(algorithm: str) -> hashlib._Hash:
    """``sha512``, ``md5`` …; ``blake2b-224`` has so many bits."""
    name, _, bits = algorithm.partition("-")
    if bits:
        return getattr(hashlib, name)(digest_size=int(bits) // 8)  # type: ignore[no-any-return]
    return hashlib.new(algorithm, usedforsecurity=False)


def is_empty(algorithm: str, digest: str) -> bool:
    """Whether the hash is that of nothing; one that is not known may be."""
    return not algorithm or (EMPTY if algorithm == "sha256" else _hasher(algorithm).hexdigest()) == digest
