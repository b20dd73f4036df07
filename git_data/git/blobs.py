"""Writing many small blobs at once.

Git has no command that takes many contents and writes many blobs quickly: ``hash-object --stdin-paths`` wants files,
``fast-import`` looks for deltas that pointers do not have.  So a pack is made here and git takes it in: ``index-pack``
keeps it as one file, ``unpack-objects`` makes loose objects of a few, as ``git fetch`` does.

Format: gitformat-pack(5).
"""

from __future__ import annotations

import struct
import zlib

from git_data.base.digest import new
from git_data.git.run import git

UNPACK_BELOW = 100
"""Fewer objects than this become loose ones; git's default of ``fetch.unpackLimit``."""

_BLOB = 3


def write_blobs(blobs: dict[bytes, bytes], object_format: str, partial_clone: bool = False) -> int:
    """Have git own these blobs (raw object id → content); how many were written.

    ``partial_clone``: do not ask which exist already, because git would fetch those that do not, one by one.

    Raises: GitFailed.
    """
    missing = list(blobs) if partial_clone else _missing(list(blobs))
    if missing:
        pack = _pack([blobs[blob] for blob in missing], object_format)
        git(*(("unpack-objects", "-q") if len(missing) < UNPACK_BELOW else ("index-pack", "--stdin")), stdin=pack)
    return len(missing)


def _missing(blobs: list[bytes]) -> list[bytes]:
    if not blobs:
        return []
    names = "\n".join(blob.hex() for blob in blobs).encode() + b"\n"
    answers = git("cat-file", "--buffer", "--batch-check=%(objecttype)", stdin=names).splitlines()
    return [blob for blob, answer in zip(blobs, answers) if answer != b"blob"]


def _pack(contents: list[bytes], object_format: str) -> bytes:
    parts = [b"PACK" + struct.pack(">II", 2, len(contents))]
    for content in contents:
        parts.append(_entry_header(len(content)))
        parts.append(zlib.compress(content, 1))
    body = b"".join(parts)
    return body + new(object_format, body).digest()


def _entry_header(size: int) -> bytes:
    """Type and size: four bits of the size in the first byte, seven in each that follows."""
    header = bytearray([_BLOB << 4 | size & 15])
    size >>= 4
    while size:
        header[-1] |= 0x80
        header.append(size & 0x7F)
        size >>= 7
    return bytes(header)
