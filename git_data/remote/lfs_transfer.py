"""``git-lfs-transfer``: LFS over SSH alone, in pkt-lines (git-lfs: docs/proposals/ssh_adapter.md), version 1.

A request is a command, arguments, and, after a delimiter packet, lines or content; so is an answer, beginning with a status as in
HTTP.  One session answers one request after the other.  Where the specification and stock git-lfs differ (the size of
``verify-object`` is an argument, not a part of the command), this does as stock git-lfs does, because servers were tried with it.
"""

from __future__ import annotations

from git_data.base.report import harmless
from git_data.errors import GitDataError, RemoteError, RemoteUnavailable
from git_data.git.pktline import FLUSH, MAX_PAYLOAD_BYTES, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from git_data.remote.ssh_client import CommandStream

DELIM = b"0001"
CHUNK_BYTES = 32 << 10
"""Content in a packet, as stock git-lfs sends it."""
_FLUSH, _DELIM = 0, 1
_TOGETHER_BYTES = 256 << 10
_MOST_PACKETS = 100_000
"""In an answer without content: who sends more is not to be listened to."""
_HEX = frozenset(b"0123456789abcdefABCDEF")


class NoSuchProtocol(RemoteError):
    """The other side does not begin as ``git-lfs-transfer`` would; ``status`` is how the command ended, 127 if there is none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Answer:
    """``status`` as in HTTP; ``arguments`` by their names; ``lines`` of an answer without content."""

    __slots__ = ("arguments", "lines", "status")

    def __init__(self, status: int, arguments: dict[str, str], lines: list[str]) -> None:
        self.status = status
        self.arguments = arguments
        self.lines = lines

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked for."""
        return 200 <= self.status < 300

    @property
    def said(self) -> str:
        """Why not, in the server's words, harmless to show."""
        line = next((line for line in self.lines if line), "").removeprefix("message ")
        return harmless(line)[:200] or f"status {self.status}"


class Session:
    """``capabilities`` is what the server offers (``version=1``, ``locking``). One thread at a time.

    Raises: NoSuchProtocol when the server says something else, or nothing; RemoteError.
    """

    def __init__(self, stream: CommandStream, url: str) -> None:
        self.url = url
        self.is_sound = True
        """false while a request is under way, and after one that broke off: what comes next belongs to that"""
        self._stream = stream
        self._buffer = b""
        self._at = 0
        self.capabilities = self._greet()
        if "version=1" not in self.capabilities:
            raise RemoteError(f"{url} speaks a version of git-lfs-transfer that is not known here")
        answer = self.ask("version 1")
        if not answer.ok:
            raise RemoteError(f"{url} does not agree to version 1 of git-lfs-transfer: {answer.said}")

    def _greet(self) -> list[str]:
        found: list[str] = []
        try:
            while isinstance(packet := self._packet(first=True), bytes):
                found.append(packet.decode("utf-8", "replace").rstrip("\n"))
                if len(found) > 1000:
                    raise NoSuchProtocol(f"{self.url} does not speak git-lfs-transfer")
        finally:
            self.is_sound = True
        return found

    # -- requests

    def ask(self, command: str, arguments: Sequence[str] = (), lines: Iterable[str] | None = None) -> Answer:
        """A request without content, and its answer, whatever its status. Raises: RemoteError."""
        self._send(command, arguments, lines)
        return self._answer()

    def get(self, command: str, arguments: Sequence[str] = ()) -> tuple[Answer, Iterator[bytes]]:
        """A request that is answered with content: nothing, if the answer is no success.

        The content must be read to its end, or else the session closed.
        """
        self._send(command, arguments, None)
        status, given, ended = self._head()
        if ended or not 200 <= status < 300:
            return Answer(status, given, [] if ended else self._lines()), iter(())
        return Answer(status, given, []), self._content()

    def put(self, command: str, arguments: Sequence[str], chunks: Iterable[bytes]) -> Answer:
        """A request with content, and its answer. What ``chunks`` raises leaves the session of no use."""
        self._begin()
        self._stream.write(self._header(command, arguments) + DELIM)
        held: list[bytes] = []
        size = 0
        for data in chunks:
            for at in range(0, len(data), CHUNK_BYTES):
                held.append(encode(data[at : at + CHUNK_BYTES]))
                size += CHUNK_BYTES
                if size >= _TOGETHER_BYTES:
                    self._stream.write(b"".join(held))
                    held.clear()
                    size = 0
        self._stream.write(b"".join([*held, FLUSH]))
        return self._answer()

    def close(self) -> None:
        """Say good-bye where that can be understood, and end."""
        if self.is_sound:
            try:
                self.ask("quit")
            except GitDataError:
                pass
        self.is_sound = False
        self._stream.close()

    # -- what is sent

    def _begin(self) -> None:
        self.is_sound = False

    def _header(self, command: str, arguments: Sequence[str]) -> bytes:
        return b"".join(_text(line) for line in (command, *arguments))

    def _send(self, command: str, arguments: Sequence[str], lines: Iterable[str] | None) -> None:
        self._begin()
        body = b"" if lines is None else DELIM + b"".join(_text(line) for line in lines)
        self._stream.write(self._header(command, arguments) + body + FLUSH)

    # -- what comes

    def _answer(self) -> Answer:
        status, arguments, ended = self._head()
        lines = [] if ended else self._lines()
        self.is_sound = True
        return Answer(status, arguments, lines)

    def _head(self) -> tuple[int, dict[str, str], bool]:
        """Status, arguments, and whether that was all."""
        first = self._packet()
        text = first.decode("utf-8", "replace").rstrip("\n") if isinstance(first, bytes) else ""
        word, _, number = text.partition(" ")
        if word != "status" or not number.isascii() or not number.isdigit() or len(number) > 3:
            raise self._nonsense()
        arguments: dict[str, str] = {}
        for _ in range(_MOST_PACKETS):
            packet = self._packet()
            if isinstance(packet, int):
                return int(number), arguments, packet == _FLUSH
            name, _, value = packet.decode("utf-8", "replace").rstrip("\n").partition("=")
            arguments[name] = value
        raise self._nonsense()

    def _lines(self) -> list[str]:
        lines: list[str] = []
        for _ in range(_MOST_PACKETS):
            packet = self._packet()
            if packet == _FLUSH:
                self.is_sound = True
                return lines
            if isinstance(packet, int):
                break
            lines.append(packet.decode("utf-8", "replace").rstrip("\n"))
        raise self._nonsense()

    def _content(self) -> Iterator[bytes]:
        held: list[bytes] = []
        size = 0
        while (packet := self._packet()) != _FLUSH:
            if isinstance(packet, int):
                raise self._nonsense()
            held.append(packet)
            size += len(packet)
            if size >= _TOGETHER_BYTES:
                yield b"".join(held)
                held.clear()
                size = 0
        self.is_sound = True
        if held:
            yield b"".join(held)

    def _packet(self, first: bool = False) -> bytes | int:
        """The next payload, or which of the packets without one it is. ``first``: it may be anything."""
        digits = self._take(4, first)
        length = int(digits, 16) if _HEX.issuperset(digits) else -1
        if length in (_FLUSH, _DELIM):
            return length
        if not 4 <= length <= MAX_PAYLOAD_BYTES + 7:
            if first:
                raise NoSuchProtocol(f"{self.url} does not speak git-lfs-transfer")
            raise self._nonsense()
        return self._take(length - 4, first)

    def _take(self, size: int, first: bool) -> bytes:
        if len(self._buffer) - self._at < size:
            parts = [self._buffer[self._at :]]
            lacking = size - len(parts[0])
            while lacking > 0:
                data = self._stream.read(lacking)
                if not data:
                    raise self._ended(first)
                parts.append(data)
                lacking -= len(data)
            self._buffer, self._at = b"".join(parts), 0
        data = self._buffer[self._at : self._at + size]
        self._at += size
        return data

    def _ended(self, first: bool) -> RemoteError:
        from git_data.remote.ssh_errors import explain

        failure = self._stream.end()
        if first and failure.status != 255:
            words = harmless(failure.words.strip())[:200] or f"exit status {failure.status}"
            return NoSuchProtocol(f"{self.url}: git-lfs-transfer: {words}", failure.status)
        if first:
            return explain(failure)
        return RemoteUnavailable(f"the connection to {self.url} ended early: {harmless(failure.words.strip())[-200:]}")

    def _nonsense(self) -> RemoteError:
        return RemoteError(f"{self.url}: git-lfs-transfer says something that is not in its protocol")


def _text(line: str) -> bytes:
    return encode(line.encode("utf-8", "surrogateescape") + b"\n")
