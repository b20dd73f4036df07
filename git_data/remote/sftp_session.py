"""One SFTP session: requests go out without waiting, answers are matched by their numbers.

A session is used by one thread at a time.  ``pipeline`` keeps many requests in flight.  Either all requests in flight are small
or all their answers are, so that the two directions never wait for each other; the transports see to the rest.
"""

from __future__ import annotations

from collections import deque

from git_data.errors import RemoteError, RemoteUnavailable
from git_data.remote import sftp_protocol as wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    class Stream(Protocol):
        """Bytes to and from the SFTP server. Every method raises GitDataError when the connection does not work."""

        def write(self, data: bytes) -> None:
            """Send all of it."""

        def read(self, size: int) -> bytes:
            """At least one byte and about ``size``; empty at the end."""

        def lost(self) -> RemoteError:
            """Why the connection ended."""

        def is_alive(self) -> bool:
            """Whether nothing is known against it."""

        def close(self) -> None:
            """End it."""


WINDOW = 64
"""Requests in flight."""
WINDOW_BYTES = 4 << 20
"""Content in flight: more than the window of an SSH channel (2 MiB in OpenSSH)."""
_FLUSH_BYTES = 64 << 10
_DEFAULT_BLOCK = 32 << 10
_LONGEST_BLOCK = 255 << 10
_LONGEST_PACKET = 1 << 20


class Session:
    """``block_read``, ``block_write``: how much one request may carry; ``extensions``: what the server offers."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._number = 0
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._in = b""
        self._at = 0
        self._answers: dict[int, wire.Answer] = {}
        self._ignored: set[int] = set()
        self._midway = False
        self.requests = 0
        self.block_read = self.block_write = _DEFAULT_BLOCK
        self.extensions: dict[bytes, bytes] = {}
        self._start()

    def _start(self) -> None:
        self._stream.write(b"\0\0\0\5" + bytes([wire.INIT]) + wire.VERSION.to_bytes(4, "big"))
        kind, version, rest = self._packet()  # where others have their number, this one has the version
        if kind != wire.VERSION_REPLY or version != wire.VERSION:
            raise RemoteError("the SFTP server does not speak version 3 of the protocol")
        at = 0
        while at < len(rest):
            name, at = wire.unpack_text(rest, at)
            value, at = wire.unpack_text(rest, at)
            self.extensions[name] = value
        if wire.LIMITS in self.extensions:
            kind, body = self.ask(wire.EXTENDED, wire.text(wire.LIMITS))
            if kind == wire.EXTENDED_REPLY and len(body) >= 24:
                read, write = int.from_bytes(body[8:16], "big"), int.from_bytes(body[16:24], "big")
                self.block_read = min(read, _LONGEST_BLOCK) if read else _LONGEST_BLOCK
                self.block_write = min(write, _LONGEST_BLOCK) if write else _LONGEST_BLOCK

    # -- requests

    def send(self, kind: int, body: bytes, data: bytes = b"") -> int:
        """Send a request some time before the next answer is waited for; its number."""
        self._number = number = (self._number + 1) & 0xFFFFFFFF
        size = 5 + len(body) + len(data)
        self._out.append(size.to_bytes(4, "big") + bytes([kind]) + number.to_bytes(4, "big") + body)
        if data:
            self._out.append(data)
        self._out_bytes += size
        self.requests += 1
        if self._out_bytes >= _FLUSH_BYTES:
            self.flush()
        return number

    def flush(self) -> None:
        """Send what was gathered."""
        if self._out:
            self._midway = True
            self._stream.write(b"".join(self._out))
            self._midway = False
            self._out.clear()
            self._out_bytes = 0

    def wait(self, number: int) -> wire.Answer:
        """The answer to a request. Raises: RemoteUnavailable when the connection ends before."""
        if number not in self._answers:
            self.flush()
        while number not in self._answers:
            kind, found, body = self._packet()
            if found in self._ignored:
                self._ignored.discard(found)
            else:
                self._answers[found] = kind, body
        return self._answers.pop(number)

    def ask(self, kind: int, body: bytes) -> wire.Answer:
        """One request, and its answer."""
        return self.wait(self.send(kind, body))

    def ignore(self, number: int) -> None:
        """Nobody will wait for this answer."""
        if self._answers.pop(number, None) is None:
            self._ignored.add(number)

    def forget(self, handle: bytes) -> None:
        """Close a handle; whether that works does not matter."""
        self.ignore(self.send(wire.CLOSE, wire.text(handle)))

    def pipeline(self, requests: Iterable[tuple[int, bytes, bytes]], window: int = WINDOW) -> Iterator[wire.Answer]:
        """The answers to ``(kind, body, data)`` in their order, with up to ``window`` requests in flight."""
        flying: deque[int] = deque()
        try:
            for kind, body, data in requests:
                flying.append(self.send(kind, body, data))
                if len(flying) >= window:
                    yield self.wait(flying.popleft())
            while flying:
                yield self.wait(flying.popleft())
        finally:
            for number in flying:
                self.ignore(number)

    def all(self, requests: Iterable[tuple[int, bytes]], window: int = WINDOW) -> list[wire.Answer]:
        """The answers to requests, all of them."""
        return list(self.pipeline(((kind, body, b"") for kind, body in requests), window))

    # -- answers

    def _packet(self) -> tuple[int, int, bytes]:
        """Type, number, and the rest; of DATA the data itself, because it is large and each copy costs."""
        self._midway = True
        head = self._take(9)
        size = int.from_bytes(head[:4], "big") - 5
        if not 0 <= size <= _LONGEST_PACKET:
            raise RemoteError(
                "what came from the server is not SFTP",
                "does a start-up file of its shell (.bashrc) print something? try: sftp HOST",
            )
        if head[4] == wire.DATA and size >= 4:
            self._take(4)
            size -= 4
        body = self._take(size)
        self._midway = False
        return head[4], int.from_bytes(head[5:], "big"), body

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end <= len(self._in):
            taken = self._in[self._at : end]
            self._at = end
            return taken
        parts: list[bytes | memoryview] = [self._in[self._at :]]
        missing = size - len(parts[0])
        while True:
            data = self._stream.read(missing)
            if not data:
                raise self._stream.lost()
            if len(data) >= missing:
                break
            parts.append(data)
            missing -= len(data)
        self._in, self._at = data, missing
        parts.append(memoryview(data)[:missing])
        return b"".join(parts)

    # -- the end

    @property
    def is_sound(self) -> bool:
        """Whether it can be used further: nothing was broken off half-way, and the connection seems to be there."""
        return not self._midway and self._stream.is_alive()

    def close(self) -> None:
        """End the connection."""
        self._midway = True
        self._stream.close()


def broken(place: str) -> RemoteUnavailable:
    """For content that ended too early."""
    return RemoteUnavailable(f"'{place}' ended early")
