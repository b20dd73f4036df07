"""Content that is known by other hashes than SHA-256: both are computed while it is read once."""

from __future__ import annotations

import hashlib
import os

from git_data.base.digest import CHUNK_BYTES, sha256
from git_data.base.fsio import write_all

EMPTY = sha256().hexdigest()


class Pieces:
    """Both hashes of content that comes in pieces of any size."""

    def __init__(self, algorithm: str) -> None:
        self._own = sha256()
        self._other = None if algorithm in ("", "sha256") else _hasher(algorithm)
        self.size = 0

    def update(self, data: bytes) -> None:
        """One more piece."""
        self._own.update(data)
        if self._other is not None:
            self._other.update(data)
        self.size += len(data)

    def oid(self) -> str:
        """The SHA-256 in hex."""
        return self._own.hexdigest()

    def digest(self) -> str:
        """The other hash in hex."""
        return self.oid() if self._other is None else self._other.hexdigest()


class Hashes:
    """What is read from ``fd`` (and written to ``target``): its size, its oid, and whether it has the hash it must have."""

    __slots__ = ("_other", "_wanted", "oid", "size")

    def __init__(self, algorithm: str, digest: str, fd: int, target: int = -1) -> None:
        self._wanted = digest
        pieces = Pieces(algorithm)
        while data := os.read(fd, CHUNK_BYTES):
            pieces.update(data)
            if target >= 0:
                write_all(target, data)
        self.size = pieces.size
        self.oid = pieces.oid()
        self._other = pieces.digest()

    def match(self) -> bool:
        """Whether it may be taken in."""
        return not self._wanted or self._other == self._wanted


class _UnixText:
    """The MD5 that DVC 2 gave to text: of itself with Unix line ends (``dvc_data/hashfile/hash.py``, "md5-dos2unix").

    DVC read a mebibyte at once, and decided for each by its beginning whether it is text.
    """

    _READ_BYTES = 1 << 20
    _SNIFFED_BYTES = 512
    _TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._held = b""

    def update(self, data: bytes) -> None:
        data = self._held + data if self._held else data
        whole = len(data) - len(data) % self._READ_BYTES
        for at in range(0, whole, self._READ_BYTES):
            self._md5.update(self._unix(data[at : at + self._READ_BYTES]))
        self._held = data[whole:]

    def hexdigest(self) -> str:
        md5 = self._md5.copy()
        md5.update(self._unix(self._held))
        return md5.hexdigest()

    def _unix(self, data: bytes) -> bytes:
        begin = data[: self._SNIFFED_BYTES]
        is_text = b"\0" not in begin and len(begin.translate(None, self._TEXT)) <= 0.30 * len(begin)
        return data.replace(b"\r\n", b"\n") if is_text else data


def hash_of(content: bytes, algorithm: str) -> str:
    """The hash of content in memory, in hex."""
    hasher = _hasher(algorithm)
    hasher.update(content)
    return hasher.hexdigest()


def file_hash(path: bytes, algorithm: str) -> str:
    """The hash of a regular file, in hex. Raises: OSError, for a symbolic link, too."""
    hasher = _hasher(algorithm)
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        while data := os.read(fd, CHUNK_BYTES):
            hasher.update(data)
    finally:
        os.close(fd)
    return hasher.hexdigest()


def _hasher(algorithm: str) -> hashlib._Hash | _UnixText:
    """``sha512``, ``md5`` …; ``blake2b-224`` has so many bits; ``md5-dos2unix`` is DVC's."""
    if algorithm == "md5-dos2unix":
        return _UnixText()
    name, _, bits = algorithm.partition("-")
    if bits:
        return getattr(hashlib, name)(digest_size=int(bits) // 8)  # type: ignore[no-any-return]
    return hashlib.new(algorithm, usedforsecurity=False)


def is_empty(algorithm: str, digest: str) -> bool:
    """Whether the hash is that of nothing; one that is not known may be."""
    return not algorithm or (EMPTY if algorithm == "sha256" else _hasher(algorithm).hexdigest()) == digest
