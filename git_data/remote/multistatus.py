"""Reading what PROPFIND answers: ``DAV:multistatus`` (RFC 4918, 13 and 14).

The answer is read as it comes; nothing but what is asked for is kept.  A document type, and with it every entity that could
expand to gigabytes or name a file, is refused (docs.python.org/3/library/xml.html#xml-security).
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit
from xml.parsers import expat

from git_data.errors import RemoteError
from git_data.remote.http_errors import http_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LIMIT_BYTES = 64 << 20
_TEXT_CHARACTERS = 16 << 10
REQUEST = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>"
)


class Found:
    """One resource: ``path`` has no percent escapes and no slash at its end; ``size`` is -1 if the server does not say."""

    __slots__ = ("host", "is_collection", "path", "size", "tag", "time_s")

    def __init__(self) -> None:
        self.host = ""
        self.path = ""
        self.is_collection = False
        self.size = -1
        self.time_s = 0.0
        self.tag = ""


class _Reader:
    def __init__(self) -> None:
        self.found: list[Found] = []
        self._now = Found()
        self._above: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def feed(self, data: bytes, final: bool = False) -> list[Found]:
        self._parser.Parse(data, final)
        found, self.found = self.found, []
        return found

    def _refuse(self, *_: object) -> None:
        raise RemoteError("the answer has a document type, which WebDAV does not use")

    def _start(self, name: str, _: dict[str, str]) -> None:
        if name == "DAV: response":
            self._now = Found()
        elif name == "DAV: collection" and self._above[-1:] == ["DAV: resourcetype"]:
            self._now.is_collection = True
        self._above.append(name)
        self._text.clear()
        self._length = 0

    def _characters(self, text: str) -> None:
        self._length += len(text)
        if self._length <= _TEXT_CHARACTERS:
            self._text.append(text)

    def _end(self, name: str) -> None:
        self._above.pop()
        text = "".join(self._text).strip()
        self._text.clear()
        if name == "DAV: response":
            self.found.append(self._now)
        elif name == "DAV: href" and self._above[-1:] == ["DAV: response"]:
            try:
                parts = urlsplit(text)
                self._now.host, self._now.path = parts.netloc, unquote(parts.path, errors="strict").rstrip("/")
            except ValueError:
                self._now.path = ""
        elif self._above[-1:] != ["DAV: prop"]:
            return
        elif name == "DAV: getcontentlength" and text.isascii() and text.isdigit():
            self._now.size = int(text[:20])
        elif name == "DAV: getlastmodified":
            self._now.time_s = http_time(text)
        elif name == "DAV: getetag":
            self._now.tag = text


def parse(pieces: Iterable[bytes], shown: str) -> Iterator[Found]:
    """The resources in an answer. Raises: RemoteError for what is no such answer, or endless."""
    reader = _Reader()
    size = 0
    try:
        for piece in pieces:
            size += len(piece)
            if size > LIMIT_BYTES:
                raise RemoteError("the answer is endless")
            yield from reader.feed(piece)
        yield from reader.feed(b"", final=True)
    except expat.ExpatError as error:
        raise RemoteError(f"{shown}: the listing cannot be understood: {error}") from None
    except RemoteError as error:
        if error.retryable:
            raise
        raise RemoteError(f"{shown}: the listing is refused: {error.message}") from None


def child(found: Found, base: str) -> str:
    """The name of a resource directly within the collection of path ``base``; empty for anything else."""
    if not found.path.startswith(base + "/"):
        return ""
    name = found.path[len(base) + 1 :]
    return "" if "/" in name or name in (".", "..") or "\0" in name or not name.isprintable() else name
