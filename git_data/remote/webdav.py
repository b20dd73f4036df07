"""WebDAV (RFC 4918), to read and write: ``webdav://``, ``webdavs://``, and ``http(s)://`` where the server speaks it.

Content above ``_DIRECT_BYTES`` is uploaded to ``tmp/`` and moved onto its key: some servers keep what had arrived when a
connection breaks.  Below, all of it is in the buffer of the socket as soon as it is sent, and one request does.  What a crash
leaves lies in ``tmp/`` and is swept by a later upload, by the server's clock.

Creating and swapping on condition are what servers differ in most, so it is tried out, with scratch files, before it is relied
on: ``If-None-Match`` and ``If-Match`` (which nginx and rclone ignore), else a lock (Apache and rclone have it).  A MOVE that must
not overwrite is honoured nearly everywhere, but servers look first and move then: it is used, and not called atomic.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import closing
from urllib.parse import quote, unquote, urlsplit

from git_data.base import fsio
from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable
from git_data.remote import multistatus, webdav_lock
from git_data.remote.address import Address
from git_data.remote.base import CHUNK_BYTES, Entry, Options, Source
from git_data.remote.http import HttpReader, LearnedTraits, connect
from git_data.remote.http_client import Client, Response
from git_data.remote.http_errors import http_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from git_data.remote.webdav_lock import Lock

_SCHEMES = {"dav": "http", "webdav": "http", "davs": "https", "webdavs": "https"}
_TMP = "tmp"
_LOCK = "tmp/git-data-lock"
_TEMP_GRACE_S = 7 * 24 * 3600
_DIRECT_BYTES = 128 << 10
_DONE = (200, 201, 204)
_NO_PARENT = (403, 404, 409, 500)  # 409 by RFC 4918, 9.7.1; rclone answers 403 to MOVE, nginx 500 to PUT
_NO_MOVE = (400, 403, 405, 409, 500, 501, 502)  # 502: the server does not recognize its own name behind a proxy
_LONGEST_KEY = 1024
_LOCKED_TRIES = 20
_LOCKED_WAIT_S = 0.05


def open_remote(address: Address, options: Options) -> WebDav:
    """The collection at an address of the scheme ``webdav(s)`` or ``dav(s)``."""
    return WebDav(*connect(address, _SCHEMES[address.scheme], options))


class _Conditions:
    """``create``: how (``put`` with If-None-Match, ``move``, or not at all); ``swap``: by If-Match; ``locks``: with a lock."""

    def __init__(self, create: str, swap: bool, locks: bool) -> None:
        self.create = create
        self.swap = swap
        self.locks = locks


class WebDav(HttpReader):
    """See ``base.Remote``."""

    def __init__(self, url: str, client: Client) -> None:
        super().__init__(url, client, LearnedTraits(self._learn))
        self._made: set[str] = set()
        self._moves = True
        self._lock = threading.RLock()
        self._conditions: _Conditions | None = None

    def _learn(self, name: str) -> Any:
        if name == "writable":
            return True
        if name == "listing":
            return "tree" if self._can_list() else "none"
        conditions = self._tried_out()
        if name == "gapless":
            return conditions.swap  # many servers delete the target of a MOVE before they move
        return conditions.locks or (conditions.create == "put" if name == "create" else conditions.swap)

    # -- listing

    def _can_list(self) -> bool:
        try:
            self._propfind("", "0", ok=(207, 404)).close()
        except RemoteError as error:
            if isinstance(error, (AccessDenied, RemoteUnavailable)):
                raise
            return False
        return True

    def _propfind(self, directory: str, depth: str, ok: tuple[int, ...]) -> Response:
        headers = {"Depth": depth, "Content-Type": 'application/xml; charset="utf-8"'}
        return self._client.send("PROPFIND", self._collection(directory), headers, multistatus.REQUEST, ok=ok)

    def _collection(self, directory: str) -> str:
        return self._url(directory) + "/" if directory else self._client.url + "/"

    def list(self, prefix: str) -> Iterator[Entry]:
        """See ``Remote.list``: one PROPFIND a directory, breadth-first."""
        waiting = deque([prefix.rstrip("/")])
        while waiting:
            directory = waiting.popleft()
            try:
                found = self._listed(directory)
                for name, resource in found:
                    key = f"{directory}/{name}" if directory else name
                    if resource.is_collection:
                        if key != _TMP and len(key) < _LONGEST_KEY:
                            waiting.append(key)
                    else:
                        yield Entry(key, resource.size, resource.time_s, resource.tag)
            except NotOnRemote:
                continue

    def _listed(self, directory: str) -> Iterator[tuple[str, multistatus.Found]]:
        """Names and properties of what is directly within a directory; what the server says of other places is left out."""
        url = self._collection(directory)
        base = unquote(urlsplit(url).path).rstrip("/")
        response = self._propfind(directory, "1", ok=(207,))
        with closing(response):
            for found in multistatus.parse(response.chunks(64 << 10), response.shown):
                name = multistatus.child(found, base)
                if name and (found.is_collection or found.size >= 0):
                    yield name, found

    # -- writing

    def put(self, key: str, source: Source) -> None:
        """See ``Remote.put``."""
        if source.size <= _DIRECT_BYTES:
            self._put_bytes(key, source.read())
        elif not self._moves:
            self._put_directly(key, source)
        elif not self._put_and_move(key, source):
            sent = source.sent
            told = None if sent is None else lambda size: sent(0)  # the same bytes once more
            self._put_directly(key, Source(source.size, source.sha256, source.path, source.content, told))

    def _put_bytes(self, key: str, data: bytes) -> None:
        url, headers = self._url(key), _headers(len(data))
        self._with_parent(key, lambda: self._client.send("PUT", url, headers, data, ok=(*_DONE, *_NO_PARENT)), _DONE)

    def _put_and_move(self, key: str, source: Source) -> bool:
        """False if the server does not move: then the next ones are not tried."""
        temporary = self._temporary()
        try:
            self._stream(temporary, source)
            status = self._with_parent(key, lambda: self._move(temporary, key, "T"), source=temporary)
        except BaseException:
            self._discard(temporary)
            raise
        if status in _DONE:
            return True
        self._discard(temporary)
        self._moves = False
        return False

    def _put_directly(self, key: str, source: Source) -> None:
        """The last resort: a part may be seen while it is written, but is taken back when it stays one."""
        self._make_parent(key)
        try:
            self._stream(key, source)
            if self._is_cut(key, source.size):
                raise RemoteUnavailable(f"{self._url(key)}: the server did not keep all of it")
        except BaseException:
            if self._is_cut(key, source.size):
                self._discard(key)
            raise

    def _is_cut(self, key: str, size: int) -> bool:
        """Whether what lies there has another size; another client may have put all of it there in the meantime."""
        entry = self.stat(key)
        return entry is not None and entry.size != size

    def _stream(self, key: str, source: Source) -> None:
        body = _Body(source)
        try:
            self._client.send("PUT", self._url(key), _headers(source.size), body, ok=_DONE).close()
        except RemoteError:
            if body.failure is not None:
                raise body.failure from None
            raise

    def _with_parent(self, key: str, act: Callable[[], Response], needed: tuple[int, ...] = (), source: str = "") -> int:
        """Do what needs the collection of a key, which is made when the server says that it lacks: the status.

        It is not done again without its ``source``: to move what is not there any more deletes what is at the target.

        Raises: RemoteError when that is none of ``needed``, if there are any.
        """
        response = act()
        for forget in (False, True):
            if response.status not in _NO_PARENT:
                break
            response.close()
            if source and self.stat(source) is None:
                return response.status
            self._make_parent(key, forget)
            response = act()
        if needed and response.status not in needed:
            raise response.error()
        response.close()
        return response.status

    def _move(self, source: str, target: str, overwrite: str) -> Response:
        headers = {"Destination": self._url(target), "Overwrite": overwrite}
        return self._client.send("MOVE", self._url(source), headers, ok=(*_DONE, *_NO_PARENT, *_NO_MOVE, 412))

    def _discard(self, key: str) -> None:
        """Try to remove what is of no use; what does not go now is swept later."""
        try:
            self._client.send("DELETE", self._url(key), ok=(*_DONE, 404)).close()
        except GitDataError:
            return

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Remote.delete``."""
        for key in keys:
            self._client.send("DELETE", self._url(key), ok=(*_DONE, 404, 410)).close()

    # -- collections

    def _make_parent(self, key: str, forget: bool = False) -> None:
        directory = key.rpartition("/")[0]
        with self._lock:  # two MKCOL at once of one collection lock each other out
            if forget:
                self._made.discard(directory)
            if directory not in self._made:
                parts = [quote(part, safe="") for part in directory.split("/")] if directory else []
                self._make(self._client.url.split("/")[3:] + parts)
                self._made.add(directory)

    def _make(self, parts: Sequence[str]) -> None:
        """MKCOL; 405 says that it is there, 409 that its parent is not."""
        if not parts:
            return
        url = "/".join(self._client.url.split("/")[:3]) + "/" + "/".join(parts) + "/"
        there = (200, 201, 405)
        response = self._client.send("MKCOL", url, ok=(*there, *_NO_PARENT))
        response.close()
        if response.status in _NO_PARENT:
            self._make(parts[:-1])
            self._client.send("MKCOL", url, ok=there).close()

    def _temporary(self) -> str:
        key = f"{_TMP}/{fsio.temp_name()}"
        with self._lock:
            if _TMP not in self._made:
                self._make_parent(key)
                self._sweep()
        return key

    def _sweep(self) -> None:
        """Remove what uploads left that broke off long ago. A courtesy: not being allowed to is no error."""
        try:
            response = self._client.send(
                "HEAD", self._client.url + "/", ok=(200, 204, 301, 302, 307, 308, 401, 403, 404, 405, 501)
            )
            response.close()
            now = http_time(response.headers.get("Date", ""))
            old = [name for name, found in self._listed(_TMP) if 0 < found.time_s < now - _TEMP_GRACE_S]
        except RemoteError:
            return
        for name in old:
            if name.startswith(fsio.TEMP_PREFIX):
                self._discard(f"{_TMP}/{name}")

    # -- on condition

    def create(self, key: str, data: bytes) -> bool:
        """See ``Remote.create``."""
        conditions = self._tried_out()
        if conditions.create == "put":
            self._make_parent(key)
            return self._put_if(key, data, {"If-None-Match": "*"})
        if not conditions.locks:
            return self._create_by_move(key, data) if conditions.create else super().create(key, data)
        with webdav_lock.held(self._client, self._url(_LOCK)) as lock:
            return self.stat(key) is None and self._create_by_move(key, data, lock)

    def _create_by_move(self, key: str, data: bytes, lock: Lock | None = None, overwrite: str = "F") -> bool:
        temporary = self._temporary()
        try:
            self._put_bytes(temporary, data)
            if lock is not None:
                lock.check()
            status = self._unlocked_move(temporary, key, overwrite)
        except BaseException:
            self._discard(temporary)
            raise
        if status in _DONE:
            return True
        if status != 412 and self.stat(temporary) is None:
            # an error was the answer to a first try that worked, or somebody has swept it away
            raise RemoteUnavailable(f"{self._url(key)}: the server does not tell whether a file was moved onto it ({status})")
        self._discard(temporary)
        if status == 412:
            return False
        raise RemoteError(f"{self._url(key)}: the server refuses to move a file onto it ({status})")

    def _unlocked_move(self, source: str, target: str, overwrite: str = "F") -> int:
        """A MOVE; others who want the same place lock it for a moment (423)."""
        for _ in range(_LOCKED_TRIES):
            try:
                return self._with_parent(target, lambda: self._move(source, target, overwrite), source=source)
            except RemoteUnavailable as error:
                if ": 423 " not in error.message:
                    raise
                time.sleep(_LOCKED_WAIT_S)
        return self._with_parent(target, lambda: self._move(source, target, overwrite), source=source)

    def swap(self, key: str, data: bytes, tag: str) -> bool:
        """See ``Remote.swap``."""
        conditions = self._tried_out()
        if conditions.swap:
            return self._put_if(key, data, {"If-Match": tag})
        if not conditions.locks:
            return super().swap(key, data, tag)
        with webdav_lock.held(self._client, self._url(_LOCK)) as lock:
            try:
                now = self.read(key)[1]
            except NotOnRemote:
                return False
            return now == tag and self._create_by_move(key, data, lock, overwrite="T")

    def _put_if(self, key: str, data: bytes, condition: dict[str, str]) -> bool:
        response = self._client.send("PUT", self._url(key), {**_headers(len(data)), **condition}, data, ok=(*_DONE, 412))
        response.close()
        return response.status != 412

    def _tried_out(self) -> _Conditions:
        """What the server honours; with scratch files, once."""
        with self._lock:
            if self._conditions is None:
                scratch, other = self._temporary(), self._temporary()
                try:
                    self._conditions = self._try_out(scratch, other)
                finally:
                    self._discard(scratch)
                    self._discard(other)
            return self._conditions

    def _try_out(self, scratch: str, other: str) -> _Conditions:
        self._put_bytes(scratch, b"scratch")
        self._put_bytes(other, b"other")
        if self._refuses(scratch, {"If-None-Match": "*"}):
            create = "put"
        else:
            create = "move" if self._unlocked_move(other, scratch) == 412 else ""
        tag = self.read(scratch)[1]
        swap = self._refuses(scratch, {"If-Match": '"another"'}) and tag.startswith('"')
        swap = swap and self._put_if(scratch, b"swapped", {"If-Match": tag})
        locks = create == "move" and not swap and webdav_lock.works(self._client, self._url(scratch))
        return _Conditions(create, swap, locks)

    def _refuses(self, key: str, condition: dict[str, str]) -> bool:
        return not self._put_if(key, b"again", condition)


class _Body:
    """A source as the body of a request; an error in reading it is kept apart from those of the network."""

    def __init__(self, source: Source) -> None:
        self.failure: BaseException | None = None
        self._source = source

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._source.chunks(CHUNK_BYTES)
        except Exception as error:
            self.failure = error
            raise


def _headers(size: int) -> dict[str, str]:
    return {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
