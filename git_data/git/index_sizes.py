"""The sizes git has recorded for files: a look into the index instead of a look at each file.

For a file git takes for unchanged, the size in the index is that of the file, unless git was told not to look (sparse checkout,
assume-unchanged) or forgot it on purpose (0).  Format: gitformat-index(5).
"""

from __future__ import annotations

import struct

from git_data.base import fsio, native
from git_data.errors import RepositoryError
from git_data.git.index_scan import find_entries

UNKNOWN = -1
_NOT_LOOKED_AT = 0xC000  # assume-valid, and the bit that says there are more flags


def recorded_sizes(index: str, paths: list[bytes], object_format: str) -> list[int]:
    """The size (modulo 2^32) of each of ``paths`` (in the order of the index), or ``UNKNOWN``.

    Only with the compiled core; a Python loop over the index takes longer than a look at the files.
    """
    unknown = [UNKNOWN] * len(paths)
    content = fsio.read_file(index) if native.lib is not None else None
    if content is None or len(content) < 12 or content[:4] != b"DIRC":
        return unknown
    data = bytearray(content)
    hash_len = 32 if object_format == "sha256" else 20
    try:
        offsets, _, _ = find_entries(data, int.from_bytes(data[4:8], "big"), hash_len, paths, 0xFFFFFFFF)
    except RepositoryError:
        return unknown
    unpack = struct.Struct(f">I{hash_len}xH").unpack_from
    sizes = []
    for offset in offsets:
        size, flags = unpack(data, offset + 36) if offset >= 0 else (UNKNOWN, 0)
        sizes.append(UNKNOWN if flags & _NOT_LOOKED_AT else size)
    return sizes
