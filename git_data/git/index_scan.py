"""Finding entries in the bytes of an index: the compiled core, and its twin in Python.

Format: gitformat-index(5); the prefix compression of version 4 uses the variable-length integers of git's
``varint.c``.
"""

from __future__ import annotations

from git_data.base import native
from git_data.errors import RepositoryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def find_entries(
    data: bytearray, version: int, hash_len: int, paths: list[bytes], racy_since: int
) -> tuple[list[int], list[int], int]:
    """Offsets of the stage-0 entries of ``paths`` (sorted; -1 where there is none), of the racy entries, and the end.

    An entry is racy when the second of its mtime is not before ``racy_since``.  The end is the offset of the first extension.

    Raises: RepositoryError when the entries do not parse.
    """
    if native.lib is not None:
        return _find_native(data, version, hash_len, paths, racy_since)
    return _find_pure(data, version, hash_len, paths, racy_since)


def _find_native(
    data: bytearray, version: int, hash_len: int, paths: list[bytes], racy_since: int
) -> tuple[list[int], list[int], int]:
    ffi, lib = native.ffi, native.lib
    count = _count(data, hash_len)
    path_buffers = [ffi.from_buffer(path) for path in paths]
    path_array = ffi.new("const char *[]", path_buffers)
    lengths = ffi.new("int32_t[]", [len(path) for path in paths])
    offsets = ffi.new("int64_t[]", len(paths))
    racy = ffi.new("int64_t[]", count)
    racy_count = ffi.new("int64_t *")
    end = lib.gd_index_find(
        ffi.from_buffer("unsigned char[]", data), len(data), version, hash_len, count,
        path_array, lengths, len(paths), offsets, racy_since & 0xFFFFFFFF, racy, count, racy_count,
    )  # fmt: skip
    if end < 0:
        raise _malformed()
    return ffi.unpack(offsets, len(paths)) if paths else [], ffi.unpack(racy, racy_count[0]) if count else [], end


def _find_pure(
    data: bytearray, version: int, hash_len: int, paths: list[bytes], racy_since: int
) -> tuple[list[int], list[int], int]:
    wanted = {path: number for number, path in enumerate(paths)}
    offsets = [-1] * len(paths)
    racy = []
    end = 12
    for offset, path, flags, behind in entries(data, version, hash_len):
        end = behind
        if int.from_bytes(data[offset + 8 : offset + 12], "big") >= racy_since:
            racy.append(offset)
        number = wanted.get(path)
        if number is not None and not flags & 0x3000:
            offsets[number] = offset
    return offsets, racy, end


def entries(data: bytearray | bytes, version: int, hash_len: int) -> Iterator[tuple[int, bytes, int, int]]:
    """Every entry as ``(offset, path, flags, offset of the next)``. Raises: RepositoryError."""
    at, path = 12, b""
    for _ in range(_count(data, hash_len)):
        start = at
        name_at = at + 42 + hash_len
        flags = int.from_bytes(data[name_at - 2 : name_at], "big")
        if flags & 0x4000:
            name_at += 2
        if version == 4:
            strip, name_at = _varint(data, name_at)
            end = data.find(b"\0", name_at)
            if end < 0 or strip > len(path):
                raise _malformed()
            path = path[: len(path) - strip] + bytes(data[name_at:end])
            at = end + 1
        else:
            end = data.find(b"\0", name_at)
            if end < 0:
                raise _malformed()
            path = bytes(data[name_at:end])
            at = start + ((end - start) // 8 + 1) * 8
        if at > len(data) - hash_len:
            raise _malformed()
        yield start, path, flags, at


def _count(data: bytearray | bytes, hash_len: int) -> int:
    """How many entries the header announces; never more than there is room for."""
    count = int.from_bytes(data[8:12], "big")
    if count > len(data) // (hash_len + 42):
        raise _malformed()
    return count


def _varint(data: bytearray | bytes, at: int) -> tuple[int, int]:
    try:
        byte = data[at]
        value = byte & 127
        while byte & 128:
            at += 1
            byte = data[at]
            value = ((value + 1) << 7) | (byte & 127)
    except IndexError:
        raise _malformed() from None
    return value, at + 1


def _malformed() -> RepositoryError:
    return RepositoryError("the git index is malformed", "git fsck; git reset")
