"""``http(s)://``: a tree of files on any web server, to read from; WebDAV where the server speaks it, to write to as well.

Reading asks nothing but the objects themselves.  Whether the server speaks WebDAV is asked (OPTIONS, RFC 4918, 10.1) when
somebody first wants to write, to list, or to know.
"""

from __future__ import annotations

import threading
from contextlib import closing
from urllib.parse import quote, urlsplit

from git_data.base.digest import sha256
from git_data.errors import GitDataError, NotOnRemote, RemoteError, UsageError
from git_data.remote.address import Address
from git_data.remote.base import CHUNK_BYTES, SMALL_BYTES, Entry, Options, Remote, Source, Traits
from git_data.remote.http_client import Client, Response, base_url
from git_data.remote.http_errors import http_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from git_data.remote.webdav import WebDav

_WORKERS = 16
_NO_HEAD = (403, 405, 501)  # presigned URLs and simple servers
_MANY_HEAD = (200, 404, 410, *_NO_HEAD)
_REDIRECTS = (301, 302, 307, 308)


def open_remote(address: Address, options: Options) -> Http:
    """The tree at an address of the scheme ``http`` or ``https``."""
    return Http(*connect(address, address.scheme, options), options)


def connect(address: Address, scheme: str, options: Options) -> tuple[str, Client]:
    """What users may see of an address, and a client for it."""
    if not address.host:
        raise UsageError(f"'{address.url}' names no host", "git data remote add NAME https://HOST/PATH")
    if address.query:
        raise UsageError(f"'{address.url}' has a query, to which no path of an object can be added")
    url = base_url(scheme, address.host, address.port, urlsplit(address.url).path)
    return address.url, Client(url, options, address.user, _WORKERS)


class LearnedTraits(Traits):
    """Traits of which some are found out when somebody asks for them."""

    __slots__ = ("_learn",)

    def __init__(self, learn: Callable[[str], Any]) -> None:
        self._learn = learn
        self.ranges = True
        self.objects_only = False
        self.workers = _WORKERS

    def __getattr__(self, name: str) -> Any:
        """Called for what is not set yet."""
        value = self._learn(name)
        setattr(self, name, value)
        return value


class HttpReader(Remote):
    """What reading over HTTP has in common, with or without WebDAV."""

    def __init__(self, url: str, client: Client, traits: Traits) -> None:
        self._client = client
        super().__init__(url, traits)

    @property
    def requests(self) -> int:
        """Round trips so far."""
        return self._client.requests

    @requests.setter
    def requests(self, number: int) -> None:
        self._client.requests = number

    def _url(self, key: str) -> str:
        if not all(part not in ("", ".", "..") for part in key.split("/")):
            raise RemoteError(f"'{key}' is no key of a remote")
        return f"{self._client.url}/{quote(key, safe='/')}"

    def stat(self, key: str) -> Entry | None:
        """See ``Remote.stat``: HEAD, or the first byte where that is not allowed."""
        url = self._url(key)
        response = self._client.send("HEAD", url, ok=_MANY_HEAD, follow=True)
        response.close()
        if response.status in (404, 410) or urlsplit(response.url).path == urlsplit(url).path + "/":
            return None  # the latter is a directory
        size = response.size() if response.status == 200 else None
        if size is None:
            return self._stat_by_get(key)
        return _entry(key, size, response)

    def _stat_by_get(self, key: str) -> Entry | None:
        try:
            response = self._client.send("GET", self._url(key), {"Range": "bytes=0-0"}, ok=(200, 206, 416), follow=True)
        except NotOnRemote:
            return None
        response.close()
        size = response.size() if response.status == 200 else _total(response)
        if size is None:
            raise RemoteError(f"{response.shown}: the server does not say how large it is")
        return _entry(key, size, response)

    def list(self, prefix: str) -> Iterator[Entry]:
        """See ``Remote.list``."""
        raise RemoteError(f"{self.url} cannot be listed: it is read-only, and the server does not speak WebDAV")

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See ``Remote.get``."""
        if length is not None and length <= 0:
            return
        response, skip = self._open(key, start, length)
        with closing(response):
            if response.status == 416:
                return
            yield from part(response.chunks(CHUNK_BYTES), skip, length)

    def _open(self, key: str, start: int, length: int | None) -> tuple[Response, int]:
        """An answer and how many bytes of it come before those that were asked for."""
        headers = {}
        if start or length is not None:
            headers["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        response = self._client.send("GET", self._url(key), headers, ok=(200, 206, 416) if headers else (200,), follow=True)
        if response.status == 206:
            unit, _, first = response.headers.get("Content-Range", "").partition("-")[0].partition(" ")
            if unit != "bytes" or first != str(start):
                response.close()
                raise RemoteError(f"{response.shown}: the server sends another part than the one it was asked for")
        return response, start if response.status == 200 else 0

    def read(self, key: str, limit: int = SMALL_BYTES) -> tuple[bytes, str]:
        """See ``Remote.read``."""
        response = self._client.send("GET", self._url(key), follow=True)
        data = response.read(limit + 1)
        if len(data) > limit:
            raise RemoteError(f"'{key}' on {self.url} is larger than {limit:,} bytes")
        return data, response.headers.get("ETag", "") or sha256(data).hexdigest()

    def get_many(self, wanted: Sequence[tuple[str, int]]) -> Sequence[bytes | GitDataError]:
        """See ``Remote.get_many``."""
        return [self._whole(key, size) for key, size in wanted]

    def _whole(self, key: str, size: int) -> bytes | GitDataError:
        try:
            return self._client.send("GET", self._url(key), follow=True).read(size + 1)
        except GitDataError as error:
            if error.retryable:
                raise
            return error

    def public_url(self, key: str, expires_s: int) -> str:
        """See ``Remote.public_url``: the plain URL, which does not expire."""
        return self._url(key)

    def close(self) -> None:
        """See ``Remote.close``."""
        self._client.close()


class Http(HttpReader):
    """See ``base.Remote``. Everything but reading is WebDAV's business, if there is any."""

    def __init__(self, url: str, client: Client, options: Options) -> None:
        super().__init__(url, client, LearnedTraits(self._learn))
        self._options = options
        self._asked = False
        self._dav: WebDav | None = None
        self._lock = threading.Lock()

    def _learn(self, name: str) -> Any:
        dav = self._webdav()
        return getattr(Traits(writable=False, listing="none") if dav is None else dav.traits, name)

    def _webdav(self) -> WebDav | None:
        with self._lock:
            if not self._asked:
                if self._speaks_webdav():
                    from git_data.remote.webdav import WebDav

                    self._dav = WebDav(self.url, self._client)
                self._asked = True
            return self._dav

    def _speaks_webdav(self) -> bool:
        any_refusal = (200, 204, *_REDIRECTS, 400, 403, 404, 405, 410, 500, 501)
        response = self._client.send("OPTIONS", self._client.url + "/", ok=any_refusal)
        response.close()
        classes = [word.strip() for word in response.headers.get("DAV", "").split(",")]
        allowed = {word.strip().upper() for word in response.headers.get("Allow", "").split(",") if word.strip()}
        # "Allow" of a collection leaves out PUT, that of what is not there leaves out PROPFIND
        return (
            response.status < 300
            and "1" in classes
            and (not allowed or not allowed.isdisjoint(("PUT", "MKCOL", "MOVE", "DELETE")))
        )

    def _writer(self) -> WebDav:
        dav = self._webdav()
        if dav is None:
            raise RemoteError(
                f"{self.url} is read-only: the server does not speak WebDAV there",
                "to write, use a remote of another kind or switch WebDAV on: git data remote set-url NAME URL",
            )
        return dav

    def list(self, prefix: str) -> Iterator[Entry]:
        """See ``Remote.list``."""
        dav = self._webdav()
        return super().list(prefix) if dav is None else dav.list(prefix)

    def put(self, key: str, source: Source) -> None:
        """See ``Remote.put``."""
        self._writer().put(key, source)

    def create(self, key: str, data: bytes) -> bool:
        """See ``Remote.create``."""
        return self._writer().create(key, data)

    def swap(self, key: str, data: bytes, tag: str) -> bool:
        """See ``Remote.swap``."""
        return self._writer().swap(key, data, tag)

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Remote.delete``."""
        self._writer().delete(keys)


def part(pieces: Iterator[bytes], skip: int, length: int | None) -> Iterator[bytes]:
    """Of a body in pieces what follows the first ``skip`` bytes, and no more than ``length`` of it."""
    left = length
    for piece in pieces:
        data = piece[skip:]
        skip = max(skip - len(piece), 0)
        data = data if left is None else data[:left]
        if data:
            yield data
        if left is not None:
            left -= len(data)
            if left <= 0:
                return


def _entry(key: str, size: int, response: Response) -> Entry:
    return Entry(key, size, http_time(response.headers.get("Last-Modified", "")), response.headers.get("ETag", ""))


def _total(response: Response) -> int | None:
    """The size after the slash of ``Content-Range: bytes 0-0/1234``."""
    text = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(text) if text.isascii() and text.isdigit() else None
