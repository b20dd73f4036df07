"""Contents by the names DVC gives them: read once for both hashes, and noted so that a killed command does not read them again.

``<git common dir>/data/migrate/dvc-contents`` (``docs/formats.md``): a line ``git-data-dvc-contents 1``, then records of one size
each: MD5, raw; one byte, 1 if that is of text with Unix line ends; SHA-256, raw; size, 64 bits, big-endian.  A record that is cut
off at the end, and a file of another version, count as nothing.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct

from git_data.base import fsio
from git_data.base.digest import sha256
from git_data.migrate.dvc_files import Key
from git_data.pointer import MAX_SIZE_BYTES, Pointer, parse
from git_data.store.presence import Presence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from git_data.git.repo import Repository
    from git_data.store.objects import Store

EMPTY_MD5 = hashlib.md5(usedforsecurity=False).hexdigest()
CHUNK_BYTES = 1 << 20
"""DVC reads so much at once, and looks for line ends in each piece by itself."""
_HEADER = b"git-data-dvc-contents 1\n"
_RECORD = struct.Struct(">16sB32sQ")
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"
_SNIFFED_BYTES = 512


class Hashes:
    """Both hashes of one content while it goes by, in pieces of ``CHUNK_BYTES`` (the last one shorter)."""

    def __init__(self, legacy: bool) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._unix = hashlib.md5(usedforsecurity=False) if legacy else None
        self._sha256 = sha256()
        self.size = 0

    def update(self, piece: bytes | memoryview) -> None:
        """One more piece."""
        self._md5.update(piece)
        self._sha256.update(piece)
        self.size += len(piece)
        if self._unix is not None:
            data = bytes(piece)
            self._unix.update(data.replace(b"\r\n", b"\n") if b"\r\n" in data and _is_text(data[:_SNIFFED_BYTES]) else data)

    @property
    def oid(self) -> str:
        """The SHA-256 in hex."""
        return self._sha256.hexdigest()

    def keys(self) -> list[Key]:
        """The names DVC may give to the content."""
        names = [Key(self._md5.hexdigest(), False), Key(self._md5.hexdigest(), True)]
        return names if self._unix is None else [*names, Key(self._unix.hexdigest(), True)]

    def match(self, key: Key) -> bool:
        """Whether DVC would give this name to the content."""
        if key.md5 == self._md5.hexdigest():
            return True
        return key.legacy and self._unix is not None and key.md5 == self._unix.hexdigest()


def _is_text(block: bytes) -> bool:
    """DVC's guess (``dvc_data/hashfile/istextfile.py``)."""
    return b"\0" not in block and len(block.translate(None, _TEXT)) / len(block) <= 0.30


def read_all(fd: int, hashes: Hashes) -> None:
    """Hash a file from where it is at to its end. Raises: OSError."""
    buffer = memoryview(bytearray(CHUNK_BYTES))
    file = io.FileIO(fd, closefd=False)
    while True:
        filled = 0
        while filled < CHUNK_BYTES and (count := file.readinto(buffer[filled:])):
            filled += count
        if not filled:
            return
        hashes.update(buffer[:filled])
        if filled < CHUNK_BYTES:
            return


class Notes:
    """What is known of contents: their names with DVC, and ours."""

    def __init__(self, repo: Repository) -> None:
        self._path = os.path.join(repo.common_dir, "data", "migrate", "dvc-contents")
        self._new: list[bytes] = []
        self.unsaved_bytes = 0

    def stored(self, store: Store, keys: Iterable[Key]) -> dict[Key, Pointer]:
        """Those of the contents that are known, and in the store."""
        wanted = set(keys)
        found = {key: pointer for key, pointer in self._load() if key in wanted}
        presence = Presence(store, len(found))
        return {key: pointer for key, pointer in found.items() if presence.has(pointer.oid, pointer.size)}

    def _load(self) -> Iterable[tuple[Key, Pointer]]:
        data = fsio.read_file(self._path) or b""
        if not data.startswith(_HEADER):
            return
        whole = len(data) - (len(data) - len(_HEADER)) % _RECORD.size
        for md5, legacy, oid, size in _RECORD.iter_unpack(data[len(_HEADER) : whole]):
            yield Key(md5.hex(), bool(legacy)), Pointer(oid.hex(), size)

    def add(self, key: Key, pointer: Pointer) -> None:
        """Note a content that is in the store; ``save`` when it is durable."""
        self._new.append(_RECORD.pack(bytes.fromhex(key.md5), key.legacy, bytes.fromhex(pointer.oid), pointer.size))
        self.unsaved_bytes += pointer.size

    def save(self) -> None:
        """Write what was added. Raises: OSError."""
        if not self._new:
            return
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        with open(self._path, "ab") as file:
            size = file.tell()
            if not size or (fsio.read_file(self._path) or b"")[: len(_HEADER)] != _HEADER:
                file.truncate(0)
                file.write(_HEADER)
            elif (size - len(_HEADER)) % _RECORD.size:
                file.truncate(size - (size - len(_HEADER)) % _RECORD.size)
            file.write(b"".join(self._new))
        self._new, self.unsaved_bytes = [], 0


def in_git(store: Store, pointer: Pointer, format: str) -> bytes:
    """What git is to hold for a content: the pointer; a content that is a pointer itself, or empty, as the filter has it."""
    if not pointer.size:
        return b""
    if pointer.size < MAX_SIZE_BYTES:
        path = store.find(pointer.oid, pointer.size)
        content = fsio.read_file(path) if path else None
        if content is not None and parse(content) is not None:
            return content
    return Pointer(pointer.oid, pointer.size, format).encode()


def digest_path(
    path: bytes | str, legacy: bool, before: Callable[[os.stat_result], None] | None = None
) -> tuple[Hashes, os.stat_result]:
    """The hashes of a regular file, and its stat data from before it was read. Raises: OSError."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        status = os.fstat(fd)
        if before is not None:
            before(status)
        hashes = Hashes(legacy)
        read_all(fd, hashes)
        return hashes, status
    finally:
        os.close(fd)
