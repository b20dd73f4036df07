"""Keys of git-annex: how git names them, and where their content lies.

Formats: git-annex's ``internals``, ``backends``, ``internals/hashing``, ``internals/pointer_file``.  A key is
``BACKEND[-sSIZE][-mMTIME][-SCHUNKSIZE-CCHUNK]--NAME``; as a file name ``/`` is written ``%``, and ``%``, ``:`` and ``&`` are
``&s``, ``&c`` and ``&a``.  In git a locked file is a symbolic link to ``.git/annex/objects/<2>/<2>/KEY/KEY``, an unlocked one
has ``/annex/objects/KEY`` and LF as its content.

What only looks like one of them is none: whatever is read here was written by whoever could push.
"""

from __future__ import annotations

import hashlib
import re

MAX_POINTER_BYTES = 4096
"""git-annex reads pointer files of up to 32 kB, with lines for later versions of it; it has never written one above 300 bytes."""

_KEY = re.compile(rb"([A-Z][A-Z0-9_]*)((?:-[smSC][0-9]+)*)--([^/\0\n]+)", re.DOTALL)
_LINK = re.compile(rb"(?:\.\./)*\.git/annex/objects/(?:[^/]+/[^/]+/)?([^/]+)/([^/]+)", re.DOTALL)
_UNESCAPE = re.compile(rb"%|&[sca]")
_PLAIN = {b"%": b"/", b"&s": b"%", b"&c": b":", b"&a": b"&"}
_LETTERS = "0123456789zqjxkmvwgpfZQJXKMVWGPF"
_MAX_SIZE = 2**63 - 1
_HASHES = {
    "MD5": ("md5", 32), "SHA1": ("sha1", 40), "SHA224": ("sha224", 56), "SHA256": ("sha256", 64), "SHA384": ("sha384", 96),
    "SHA512": ("sha512", 128), "SHA3_224": ("sha3_224", 56), "SHA3_256": ("sha3_256", 64), "SHA3_384": ("sha3_384", 96),
    "SHA3_512": ("sha3_512", 128), "BLAKE2B160": ("blake2b-160", 40), "BLAKE2B224": ("blake2b-224", 56),
    "BLAKE2B256": ("blake2b-256", 64), "BLAKE2B384": ("blake2b-384", 96), "BLAKE2B512": ("blake2b-512", 128),
    "BLAKE2S160": ("blake2s-160", 40), "BLAKE2S224": ("blake2s-224", 56), "BLAKE2S256": ("blake2s-256", 64),
}  # fmt: skip
"""Backend (without the ``E`` that adds the file's extension) → algorithm of ``adopt.Content`` and its hexadecimal digits."""


class Key:
    """One key: its ``name`` as git-annex writes it into file names, ``size`` (-1: not known) and the hash it vouches for."""

    __slots__ = ("algorithm", "digest", "name", "size")

    def __init__(self, name: bytes, size: int, algorithm: str, digest: str) -> None:
        self.name = name
        self.size = size
        self.algorithm = algorithm
        self.digest = digest

    def places(self) -> list[bytes]:
        """Where its content may lie below a directory of objects: hashed as work trees do it, and as bare ones and remotes do."""
        digest = hashlib.md5(_UNESCAPE.sub(lambda found: _PLAIN[found[0]], self.name), usedforsecurity=False)
        word = int.from_bytes(digest.digest()[:4], "little")
        one, two, three, four = (_LETTERS[word >> 6 * number & 31] for number in range(4))
        lower = digest.hexdigest()
        directories = (f"{two}{one}/{four}{three}", f"{lower[:3]}/{lower[3:6]}")
        return [b"%s/%s/%s" % (directory.encode(), self.name, self.name) for directory in directories]


def parse(name: bytes) -> Key | None:
    """The key that a file name is, if it is one of a whole content."""
    match = _KEY.fullmatch(name)
    if match is None or len(name) > 255:
        return None
    backend, fields, rest = match[1].decode(), match[2].decode(), match[3]
    size = -1
    for field in fields.split("-")[1:]:
        if field[0] in "SC":
            return None  # a part of one, which no file can be
        if field[0] == "s":
            size = int(field[1:])
    if size > _MAX_SIZE:
        return None
    algorithm, digits = _HASHES.get(backend, ("", 0))
    if not algorithm and backend.endswith("E"):
        algorithm, digits = _HASHES.get(backend[:-1], ("", 0))
        rest = rest.partition(b".")[0]
    if algorithm and not re.fullmatch(rb"[0-9a-f]{%d}" % digits, rest):
        return None
    return Key(name, size, algorithm, rest.decode() if algorithm else "")


def of_link(target: bytes) -> Key | None:
    """The key of a locked file, from the target of its symbolic link."""
    match = _LINK.fullmatch(target.replace(b"\\", b"/"))
    return parse(match[2]) if match is not None and match[1] == match[2] else None


def of_pointer(content: bytes) -> Key | None:
    """The key of an unlocked file, from what git has of it."""
    first, *others = content.split(b"\n")
    if others and not others[-1]:
        others.pop()
    if not first.startswith(b"/annex/objects/") or not all(line.startswith(b"/annex/") for line in others):
        return None
    return parse(first[len(b"/annex/objects/") :].removesuffix(b"\r"))
