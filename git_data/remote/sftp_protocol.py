"""SFTP version 3 on the wire: numbers, packing, and what a status means for a user.

Source: draft-ietf-secsh-filexfer-02; the extensions are those of OpenSSH's ``PROTOCOL`` file, section 4.
"""

from __future__ import annotations

import stat
import struct

from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 3
INIT, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT = 1, 3, 4, 5, 6, 7, 8
OPENDIR, READDIR, REMOVE, MKDIR, STAT, RENAME, EXTENDED = 11, 12, 13, 14, 17, 18, 200
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED_REPLY = 101, 102, 103, 104, 105, 201
VERSION_REPLY = 2

FOR_READING, FOR_WRITING, CREATE, TRUNCATE, EXCLUSIVE = 0x01, 0x02, 0x08, 0x10, 0x20

OK, END, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, NO_CONNECTION, CONNECTION_LOST, UNSUPPORTED = 0, 1, 2, 3, 4, 6, 7, 8

POSIX_RENAME = b"posix-rename@openssh.com"
HARDLINK = b"hardlink@openssh.com"
FSYNC = b"fsync@openssh.com"
LIMITS = b"limits@openssh.com"
STATVFS = b"statvfs@openssh.com"

_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_MORE = 0x01, 0x02, 0x04, 0x08, 0x80000000
_NO_SPACE_WORDS = ("no space", "quota", "disk full", "disk is full", "enospc", "insufficient storage")

Answer = tuple[int, bytes]
"""The type of a response and what follows its id."""


class Attributes:
    """Size, mode and time of a file, each as far as the server told."""

    __slots__ = ("mode", "size", "time_s")

    def __init__(self, size: int = -1, mode: int = 0, time_s: float = 0.0) -> None:
        self.size = size
        self.mode = mode
        self.time_s = time_s

    @property
    def is_file(self) -> bool:
        """A regular file, or one of a server that tells no modes."""
        return stat.S_ISREG(self.mode) or not self.mode

    @property
    def is_directory(self) -> bool:
        """A directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """A symbolic link."""
        return stat.S_ISLNK(self.mode)


def text(data: bytes) -> bytes:
    """A string of the protocol: its length, then itself."""
    return len(data).to_bytes(4, "big") + data


def unpack_text(data: bytes, at: int = 0) -> tuple[bytes, int]:
    """A string and where it ends. Raises: RemoteError."""
    end = at + 4 + int.from_bytes(data[at : at + 4], "big")
    if end > len(data):
        raise RemoteError("the SFTP server sent a message that makes no sense")
    return data[at + 4 : end], end


def opening(path: bytes, flags: int) -> bytes:
    """The body of OPEN: no attributes, so that the server's umask decides."""
    return text(path) + flags.to_bytes(4, "big") + bytes(4)


def reading(handle: bytes, at: int, size: int) -> bytes:
    """The body of READ."""
    return text(handle) + struct.pack(">QI", at, size)


def writing(handle: bytes, at: int, size: int) -> bytes:
    """The body of WRITE up to the data."""
    return text(handle) + struct.pack(">QI", at, size)


def making(path: bytes) -> bytes:
    """The body of MKDIR."""
    return text(path) + bytes(4)


def unpack_attributes(data: bytes, at: int = 0) -> tuple[Attributes, int]:
    """ATTRS, and where they end. Raises: RemoteError."""
    found = Attributes()
    try:
        (flags,) = struct.unpack_from(">I", data, at)
        at += 4
        if flags & _HAS_SIZE:
            (found.size,) = struct.unpack_from(">Q", data, at)
            at += 8
        if flags & _HAS_OWNER:
            at += 8
        if flags & _HAS_MODE:
            (found.mode,) = struct.unpack_from(">I", data, at)
            at += 4
        if flags & _HAS_TIMES:
            found.time_s = float(struct.unpack_from(">II", data, at)[1])
            at += 8
        if flags & _HAS_MORE:
            (count,) = struct.unpack_from(">I", data, at)
            at += 4
            for _ in range(2 * count):
                _, at = unpack_text(data, at)
    except struct.error:
        raise RemoteError("the SFTP server sent a message that makes no sense") from None
    return found, at


def unpack_names(data: bytes) -> Iterator[tuple[bytes, Attributes]]:
    """The entries of a directory, without ``.`` and ``..``. Raises: RemoteError."""
    at = 4
    for _ in range(int.from_bytes(data[:4], "big")):
        name, at = unpack_text(data, at)
        _, at = unpack_text(data, at)
        found, at = unpack_attributes(data, at)
        if name not in (b".", b".."):
            yield name, found


def status_of(answer: Answer) -> int:
    """The status code of a response; ``OK`` for one that is no status."""
    return int.from_bytes(answer[1][:4], "big") if answer[0] == STATUS else OK


def failure(answer: Answer, place: str, doing: str) -> GitDataError:
    """The error that a response stands for; ``place`` is the path as the user knows it."""
    kind, body = answer
    if kind != STATUS:
        return RemoteError(f"the SFTP server answered {doing} '{place}' with something else (type {kind})")
    code = int.from_bytes(body[:4], "big")
    words = ""
    if len(body) > 8:
        words = unpack_text(body, 4)[0].decode("utf-8", "replace").strip()
    if code == NO_SUCH_FILE:
        return NotOnRemote(f"'{place}' is not there")
    if code == PERMISSION_DENIED:
        return AccessDenied(f"permission denied while {doing} '{place}'", "check the owner and mode of that path on the server")
    if code in (NO_CONNECTION, CONNECTION_LOST):
        return RemoteUnavailable(f"the server lost its connection while {doing} '{place}'")
    if any(word in words.lower() for word in _NO_SPACE_WORDS):
        return RemoteError(f"no space left while {doing} '{place}' ({words})", "free space on the server and run it again")
    return RemoteError(f"the server refused {doing} '{place}': {words or f'status {code}'}")


def handle_in(answer: Answer, place: str, doing: str) -> bytes:
    """The handle in the response to OPEN or OPENDIR. Raises: what the server says instead."""
    if answer[0] != HANDLE:
        raise failure(answer, place, doing)
    return unpack_text(answer[1])[0]


def expect_ok(answer: Answer, place: str, doing: str) -> None:
    """Raises: what a response says if that is not "ok"."""
    if answer[0] != STATUS or status_of(answer) != OK:
        raise failure(answer, place, doing)
