"""pkt-line framing (gitprotocol-common(5)) over file descriptors.

A packet is four hex digits of length (including themselves) and the payload;
``0000`` is a flush packet.  The reader works on one buffer of a megabyte, so
that a stream of 64 KiB packets costs few system calls and no memory.
"""

from __future__ import annotations

import os

MAX_PAYLOAD_BYTES = 65516
FLUSH = b"0000"
_HEX = frozenset(b"0123456789abcdefABCDEF")
_HEADER_BYTES = 16384
"""More than the header of a request ever has: a few keys and one path."""


class ProtocolError(Exception):
    """The peer broke the framing; there is no way to go on with it."""


class Reader:
    """Reads packets from ``fd``."""

    def __init__(self, fd: int, buffer_bytes: int = 1 << 20) -> None:
        self.fd = fd
        self._buffer = bytearray(buffer_bytes)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self._left = 0
        self.at_flush = True
        """false while content is being read; whoever stops early must ``skip_to_flush``"""

    def _fill(self, need_bytes: int) -> bool:
        """Have at least ``need_bytes`` in the buffer; False at a clean end of the stream."""
        while self._end - self._start < need_bytes:
            if self._start and self._start + need_bytes > len(self._buffer):
                rest = bytes(self._view[self._start : self._end])
                self._view[: len(rest)] = rest
                self._start, self._end = 0, len(rest)
            elif self._start == self._end:
                self._start = self._end = 0
            count = _read_into(self.fd, self._view[self._end :])
            if not count:
                if self._start == self._end:
                    return False
                raise ProtocolError("the stream ends inside a packet")
            self._end += count
        return True

    def packet(self) -> memoryview | None:
        """The next payload, ``None`` for a flush packet.

        The view is valid until the next call.  Raises: EOFError at the end of
        the stream, ProtocolError if it is not pkt-line.
        """
        if not self._fill(4):
            raise EOFError
        length = self._length()
        if length == 0:
            return None
        if not self._fill(length - 4):
            raise ProtocolError("the stream ends inside a packet")
        payload = self._view[self._start : self._start + length - 4]
        self._start += length - 4
        return payload

    def _length(self) -> int:
        """The four digits at the start of the buffer: 0 for a flush packet."""
        digits = bytes(self._buffer[self._start : self._start + 4])
        self._start += 4
        length = int(digits, 16) if _HEX.issuperset(digits) else -1
        if length != 0 and not 4 <= length <= MAX_PAYLOAD_BYTES + 4:
            raise ProtocolError(f"bad packet length {digits!r}")
        return length

    def text_list(self) -> list[bytes]:
        """Text packets up to the next flush, each without its final LF only."""
        result = []
        while (payload := self.packet()) is not None:
            text = bytes(payload)
            result.append(text[:-1] if text.endswith(b"\n") else text)
        return result

    def request(self) -> dict[bytes, bytes]:
        """The ``key=value`` packets up to the next flush.

        The header of a request comes in one piece as a rule; it is taken apart without a call per packet, because
        this runs once per file.  Raises: EOFError, ProtocolError.
        """
        if not self._fill(4):
            raise EOFError
        pairs: dict[bytes, bytes] = {}
        data = bytes(self._view[self._start : min(self._end, self._start + _HEADER_BYTES)])
        at = 0
        try:
            while (length := int(data[at : at + 4], 16)) and at + length <= len(data) and length > 4:
                line = data[at + 4 : at + length]
                key, _, value = line.partition(b"=")
                # a path may hold "=" and line feeds: split at the first "=", drop the final LF only
                pairs[key] = value[:-1] if value.endswith(b"\n") else value
                at += length
        except ValueError:
            length = -1  # cut off, or not pkt-line: the careful way finds out
        if length == 0 and at + 4 <= len(data):
            self._start += at + 4
            return pairs
        for line in self.text_list():
            key, _, value = line.partition(b"=")
            pairs[key] = value
        return pairs

    def small_content(self, limit_bytes: int) -> tuple[bytes, bool]:
        """Content of up to ``limit_bytes``: ``(bytes, whether the flush packet was seen)``."""
        if self._end - self._start < 4:
            self._fill(4)
        start = self._start
        digits = bytes(self._view[start : start + 4])
        end = start + (int(digits, 16) if _HEX.issuperset(digits) else 0)
        length = end - start
        if 4 < length <= limit_bytes + 4 and self._buffer[end : end + 4] == FLUSH and end + 4 <= self._end:
            self._start = end + 4
            return bytes(self._view[start + 4 : end]), True
        target = bytearray(limit_bytes)
        count, ended = self.content_into(memoryview(target))
        return bytes(target[:count]), ended

    def content_into(self, target: memoryview) -> tuple[int, bool]:
        """Fill ``target`` with content: ``(bytes written, whether the flush packet was seen)``.

        Payload goes from the pipe straight into ``target``, without a copy in between.
        """
        filled = 0
        self.at_flush = False
        while filled < len(target):
            if not self._left:
                if not self._fill(4):
                    raise ProtocolError("the stream ends inside content")
                length = self._length()
                if length == 0:
                    self.at_flush = True
                    return filled, True
                self._left = length - 4
            take = min(self._left, len(target) - filled)
            buffered = min(take, self._end - self._start)
            if buffered:
                target[filled : filled + buffered] = self._view[self._start : self._start + buffered]
                self._start += buffered
                count = buffered
            else:
                count = self._read_payload(target[filled : filled + take], take == self._left)
            filled += count
            self._left -= count
        return filled, False

    def _read_payload(self, target: memoryview, whole: bool) -> int:
        """Read into ``target``, and with the end of a packet the four digits that follow it."""
        self._start = self._end = 0
        if whole and hasattr(os, "readv"):
            count = os.readv(self.fd, [target, self._view[:4]])
            if count > len(target):
                self._end = count - len(target)
                return len(target)
        else:
            count = _read_into(self.fd, target)
        if not count:
            raise ProtocolError("the stream ends inside content")
        return count

    def skip_to_flush(self) -> None:
        """Read and drop what is left of the content, up to its flush."""
        scrap = memoryview(bytearray(MAX_PAYLOAD_BYTES))
        while not self.content_into(scrap)[1]:
            pass


def encode(payload: bytes) -> bytes:
    """One packet."""
    return b"%04x%s" % (len(payload) + 4, payload)


def encode_list(*texts: bytes) -> bytes:
    """Text packets, each with a final LF, and a flush."""
    return b"".join(encode(text + b"\n") for text in texts) + FLUSH


def encode_content(content: bytes) -> bytes:
    """Content in as many packets as it takes, and a flush."""
    if len(content) <= MAX_PAYLOAD_BYTES:
        return (encode(content) if content else b"") + FLUSH
    starts = range(0, len(content), MAX_PAYLOAD_BYTES)
    return b"".join(encode(content[at : at + MAX_PAYLOAD_BYTES]) for at in starts) + FLUSH


def _read_into(fd: int, target: memoryview) -> int:
    if hasattr(os, "readv"):
        return os.readv(fd, [target])
    data = os.read(fd, len(target))
    target[: len(data)] = data
    return len(data)
