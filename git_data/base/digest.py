"""SHA-256 of content: the name of every object.

OpenSSL's implementation is taken straight from ``_hashlib`` where it exists: it uses the
processor's SHA instructions and releases the interpreter lock, and ``hashlib`` itself costs another
millisecond of start-up.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import _Hash

    Hash = _Hash

try:
    import _hashlib as _hashes

    _sha1, sha256 = _hashes.openssl_sha1, _hashes.openssl_sha256
except ImportError:
    import hashlib as _python_hashes

    _sha1, sha256 = _python_hashes.sha1, _python_hashes.sha256

CHUNK_BYTES = 1 << 20


def new(name: str, data: bytes | bytearray | memoryview = b"") -> Hash:
    """A hash object of git's ``sha1`` or ``sha256`` repository format."""
    return sha256(data) if name == "sha256" else _sha1(data, usedforsecurity=False)


def blob_oid(content: bytes, name: str) -> bytes:
    """The raw object id git gives ``content`` as a blob (``gitformat-pack``, "blob <size>\\0")."""
    return new(name, b"blob %d\0" % len(content) + content).digest()


def file_sha256(fd: int) -> tuple[str, int]:
    """Hash an open file from its current position: ``(hex digest, bytes read)``."""
    hasher = sha256()
    size = 0
    buffer = memoryview(bytearray(CHUNK_BYTES))
    while True:
        count = os.readv(fd, [buffer]) if hasattr(os, "readv") else _read_into(fd, buffer)
        if not count:
            return hasher.hexdigest(), size
        hasher.update(buffer[:count])
        size += count


def _read_into(fd: int, buffer: memoryview) -> int:
    data = os.read(fd, len(buffer))
    buffer[: len(data)] = data
    return len(data)
