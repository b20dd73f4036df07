"""The pointer: the few lines git stores in place of the content.

One valid encoding, byte for byte (``docs/formats.md``)::

    version git-data/1
    oid sha256:<64 lower-case hex>
    size <decimal, no leading zero>

The canonical git-lfs pointer (git-lfs ``docs/spec.md``, without extensions) is
read as well, and written where ``data.pointerFormat = lfs``.  Anything else,
however similar, is ordinary content: ``parse`` gives ``None`` and the bytes
round-trip untouched.

No regular expressions here: importing ``re`` costs a third of the start-up of
the filter process.
"""

from __future__ import annotations

MAX_SIZE_BYTES = 1024
"""A pointer is shorter than this; longer content is never parsed."""

MAX_CONTENT_SIZE_BYTES = 2**63 - 1
"""Larger sizes cannot be those of a file (``off_t``), so they are not pointers."""

DATA_VERSION = b"version git-data/1"
LFS_VERSION = b"version https://git-lfs.github.com/spec/v1"
FORMATS = {"data": DATA_VERSION, "lfs": LFS_VERSION}

_HEX = frozenset(b"0123456789abcdef")
_DIGITS = frozenset(b"0123456789")


class Pointer:
    """Names one content: ``oid`` is its SHA-256 in lower-case hex, ``size`` its bytes."""

    __slots__ = ("format", "oid", "size")

    def __init__(self, oid: str, size: int, format: str = "data") -> None:
        self.oid = oid
        self.size = size
        self.format = format

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pointer):
            return NotImplemented
        return self.oid == other.oid and self.size == other.size and self.format == other.format

    def __hash__(self) -> int:
        return hash((self.oid, self.size))

    def __repr__(self) -> str:
        return f"Pointer({self.oid!r}, {self.size}, {self.format!r})"

    def encode(self) -> bytes:
        """The exact bytes git stores."""
        return b"%s\noid sha256:%s\nsize %d\n" % (
            FORMATS[self.format],
            self.oid.encode("ascii"),
            self.size,
        )


def parse(content: bytes) -> Pointer | None:
    """The pointer that ``content`` is, or ``None`` if it is ordinary content."""
    if len(content) >= MAX_SIZE_BYTES or not content.startswith(b"version "):
        return None
    lines = content.split(b"\n")
    if len(lines) != 4 or lines[3]:
        return None
    if lines[0] == DATA_VERSION:
        format = "data"
    elif lines[0] == LFS_VERSION:
        format = "lfs"
    else:
        return None
    oid = _parse_oid(lines[1])
    size = _parse_size(lines[2])
    if oid is None or size is None:
        return None
    return Pointer(oid, size, format)


def is_oid(text: str) -> bool:
    """Whether ``text`` is a full object id: 64 lower-case hexadecimal digits."""
    return len(text) == 64 and _HEX.issuperset(text.encode("utf-8", "replace"))


def looks_like(content: bytes) -> bool:
    """Whether ``content`` was probably meant as a pointer, valid or not (for checks only)."""
    return len(content) < MAX_SIZE_BYTES and (b"git-data/" in content or b"git-lfs.github.com/spec" in content)


def _parse_oid(line: bytes) -> str | None:
    if len(line) != 75 or not line.startswith(b"oid sha256:"):
        return None
    hexadecimal = line[11:]
    return hexadecimal.decode("ascii") if _HEX.issuperset(hexadecimal) else None


def _parse_size(line: bytes) -> int | None:
    digits = line[5:]
    if not line.startswith(b"size ") or not digits or len(digits) > 19:
        return None
    if not _DIGITS.issuperset(digits) or (digits[0] == 0x30 and len(digits) > 1):
        return None
    size = int(digits)
    # An empty file is an empty blob, so size 0 never names a data object.
    return size if 0 < size <= MAX_CONTENT_SIZE_BYTES else None
