"""LFS over HTTP: the batch API of git-lfs (docs/api/batch.md, authentication.md) and its basic transfers (basic-transfers.md).

Where an object lies, and with which header it is asked for, is the server's word.  The header goes there and nowhere else; login
and password of the server's own address go to other places never.  Errors name an object and a host, never a header or the query
of an address, which may be a signature.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from urllib.parse import urlsplit

from git_data.base.report import harmless
from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable, UsageError
from git_data.remote.address import check_host, redacted
from git_data.remote.base import CHUNK_BYTES
from git_data.remote.credentials import is_loopback
from git_data.remote.http_client import Client, Response
from git_data.remote.lfs_api import DOWNLOAD, UPLOAD, Action, Granted, end_s, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from git_data.remote.base import Options, Source
    from git_data.remote.lfs_locks import Locks

MEDIA_TYPE = "application/vnd.git-lfs+json"
_JSON = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
_ANSWER_BYTES = 32 << 20
_REDIRECTS = (307, 308)
_WORKERS = 8


class Access:
    """Where the API is and the header that goes with each of its requests; ``ends_s`` as in ``Action``."""

    __slots__ = ("ends_s", "header", "url")

    def __init__(self, url: str, header: Mapping[str, str] | None = None, ends_s: float = 0.0) -> None:
        self.url = url.rstrip("/")
        self.header = dict(header or {})
        self.ends_s = ends_s


class HttpServer:
    """See ``lfs_api.Server``. ``access`` is asked before each request for the operation it is for; it may look at the network."""

    def __init__(self, url: str, options: Options, access: Callable[[str, Access | None], Access], user: str = "") -> None:
        self.url = url
        self.requests = 0
        self._options = options
        self._access = access
        self._user = user
        self._client: Client | None = None
        self._api = ""
        self._lock = threading.Lock()
        self._allow_plain = options.flag("allowplainhttp")

    # -- the API

    def call(
        self, method: str, path: str, operation: str, content: dict[str, Any] | None = None, ok: tuple[int, ...] = (200,)
    ) -> tuple[int, dict[str, Any]]:
        """One request of the API: its status, which is one of ``ok``, and what it says.

        ``path`` is below the server's URL (``objects/batch``, ``locks``).  Raises: RemoteError …; for 404 NotOnRemote.
        """
        body = None if content is None else json.dumps(content).encode()
        access = self._access(operation, None)
        try:
            response = self._send(method, access, path, body, ok)
        except AccessDenied:
            if "Authorization" not in access.header:
                raise
            # what SSH gave for the way may be over before its time
            response = self._send(method, self._access(operation, access), path, body, ok)
        with closing(response):
            data = response.read(_ANSWER_BYTES)
        try:
            answer = json.loads(data) if data.strip() or response.status == 200 else {}
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            if response.status < 400:
                raise self._not_lfs(response)
            answer = {}  # a refusal may be told in HTML
        return response.status, answer

    def _send(self, method: str, access: Access, path: str, body: bytes | None, ok: tuple[int, ...]) -> Response:
        headers = {**_JSON, **access.header} if body is not None else {"Accept": MEDIA_TYPE, **access.header}
        client = self._connected(access.url)
        self.requests += 1
        return client.send(method, f"{access.url}/{path}", headers, body, ok, follow=True)

    def _connected(self, url: str) -> Client:
        """The connections; ``url`` is what credentials belong to."""
        with self._lock:
            if self._client is None:
                self._client = Client(url, self._options, self._user, _WORKERS)
                self._client.assumed = "Basic"
                self._api = url
            return self._client

    def batch(self, operation: str, objects: Sequence[tuple[str, int]]) -> dict[str, Granted | GitDataError]:
        """See ``Server.batch``."""
        question = {
            "operation": operation,
            "transfers": ["basic"],
            "objects": [{"oid": oid, "size": size} for oid, size in objects],
            "hash_algo": "sha256",
        }
        asked_s = time.monotonic()
        try:
            status, answer = self.call("POST", "objects/batch", operation, question, (200, 413, 422))
        except NotOnRemote as error:
            if operation == DOWNLOAD and "object" in error.message.rpartition("404")[2].lower():
                # giftless says so of all where it has none of them
                return {oid: refusal(self.url, oid, 404, "the server does not have it", operation) for oid, _ in objects}
            raise RemoteError(
                f"{self.url}: there is no LFS server, no such repository, or it is not yours to see: {error.message}",
                "if the address is that of a repository, it must end with .git: lfs+https://HOST/REPOSITORY.git",
            ) from None
        if status != 200 and len(objects) > 1:
            # too many at once, or "none of them is valid", which may be the fault of one
            half = len(objects) // 2
            return {**self.batch(operation, objects[:half]), **self.batch(operation, objects[half:])}
        if status != 200:
            return {oid: refusal(self.url, oid, status, answer.get("message"), operation) for oid, _ in objects}
        return self._understood(operation, objects, answer, asked_s)

    def _understood(
        self, operation: str, objects: Sequence[tuple[str, int]], answer: dict[str, Any], asked_s: float
    ) -> dict[str, Granted | GitDataError]:
        if answer.get("transfer", "basic") not in ("basic", "", None):
            raise RemoteError(
                f"{self.url} wants transfers by '{harmless(str(answer['transfer']))[:40]}', which is not known here"
            )
        if answer.get("hash_algo", "sha256") not in ("sha256", "", None):
            raise RemoteError(f"{self.url} names objects by '{harmless(str(answer['hash_algo']))[:40]}'; git-data by sha256")
        told = answer.get("objects")
        if not isinstance(told, list):
            raise RemoteError(f"{self.url} does not answer as an LFS server would", "git data remote check")
        sizes = dict(objects)
        now_s = time.time()
        found: dict[str, Granted | GitDataError] = {}
        for item in told:
            oid = item.get("oid") if isinstance(item, dict) else None
            if oid not in sizes:
                continue
            error = item.get("error")
            if isinstance(error, dict):
                found[oid] = refusal(self.url, oid, error.get("code"), error.get("message"), operation)
                continue
            size = item.get("size")
            actions = item.get("actions", item.get("_links"))  # the latter: servers of the time before 1.0
            found[oid] = Granted(
                size if isinstance(size, int) and size >= 0 else sizes[oid],
                {name: self._action(name, value, asked_s, now_s) for name, value in (actions or {}).items() if value},
                bool(item.get("authenticated")),
            )
        for oid in sizes:
            if oid not in found:
                found[oid] = refusal(self.url, oid, 0, "the server says nothing about it", operation)
            granted = found[oid]
            if operation == DOWNLOAD and isinstance(granted, Granted) and DOWNLOAD not in granted.actions:
                found[oid] = refusal(self.url, oid, 404, "the server offers no download", operation)
        return found

    def _action(self, name: str, value: Any, asked_s: float, now_s: float) -> Action:
        href, header = value.get("href"), value.get("header") or {}
        if not isinstance(href, str) or not isinstance(header, dict):
            raise RemoteError(f"{self.url}: the server's word for '{harmless(name)[:20]}' cannot be understood")
        header = {str(key): str(text) for key, text in header.items()}
        if any(character in text for pair in header.items() for text in pair for character in "\r\n\0"):
            raise RemoteError(f"{self.url}: the server wants a header that is none")
        return Action(href, header, end_s(value.get("expires_in"), value.get("expires_at"), asked_s, now_s))

    def _not_lfs(self, response: Response) -> RemoteError:
        kind = harmless(response.headers.get("Content-Type", ""))[:60] or "something"
        return RemoteError(
            f"{response.shown}: the answer is no JSON ({kind}): there is no LFS server, or a proxy lies in between",
            "git data remote list -v; is that the address of the LFS server?",
        )

    # -- transfers

    def _url(self, action: Action) -> str:
        """Where an action leads. Raises: RemoteError for where nobody should go."""
        try:
            parts = urlsplit(action.href)
            check_host(action.href)
        except ValueError:
            raise RemoteError(f"{self.url}: the server sends us to what is no URL") from None
        except UsageError as error:
            raise RemoteError(f"{self.url}: the server sends us where nobody should go: {error.message}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RemoteError(f"{self.url}: the server sends us to '{redacted(action.href)[:80]}', which is not HTTP")
        unsafe = parts.scheme == "http" and self._api.startswith("https:") and not is_loopback(parts.hostname)
        if unsafe and not self._allow_plain:
            raise RemoteError(
                f"{self.url}: the server sends us to {parts.netloc.rpartition('@')[2]} without encryption; refused",
                f"in a network that you trust: git config data.{self._options.name or 'NAME'}.allowplainhttp true",
            )
        return action.href

    def _request(
        self, method: str, oid: str, action: Action, granted: Granted, headers: Mapping[str, str], body: Any, ok: tuple[int, ...]
    ) -> Response:
        url = self._url(action)
        self.requests += 1
        assert self._client is not None  # or there would be no action
        try:
            return self._client.send(
                method, url, {**headers, **action.header}, body, ok, follow=body is None, login=not granted.authenticated
            )
        except GitDataError as error:
            raise _without_query(error, url, oid) from None

    def download(self, oid: str, granted: Granted, start: int, length: int | None) -> Iterator[bytes]:
        """See ``Server.download``."""
        headers = {}
        if start or length is not None:
            headers["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        response = self._request(
            "GET", oid, granted.actions[DOWNLOAD], granted, headers, None, (200, 206, 416)[: 3 if headers else 1]
        )
        skip = start if response.status == 200 else 0
        left = length
        with closing(response):
            if response.status == 416:
                return
            if response.status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                raise RemoteError(f"object {oid[:12]}: the server sends another part than the one it was asked for")
            try:
                for piece in response.chunks(CHUNK_BYTES):
                    data = piece[skip:]
                    skip = max(skip - len(piece), 0)
                    data = data if left is None else data[:left]
                    if data:
                        yield data
                    if left is not None:
                        left -= len(data)
                        if left <= 0:
                            return
            except GitDataError as error:
                raise _without_query(error, response.url, oid) from None

    def ranges(self, oid: str, granted: Granted) -> bool:
        """See ``Server.ranges``: the first byte is asked for."""
        response = self._request("GET", oid, granted.actions[DOWNLOAD], granted, {"Range": "bytes=0-0"}, None, (200, 206, 416))
        response.close()
        return response.status == 206

    def upload(self, oid: str, granted: Granted, source: Source) -> None:
        """See ``Server.upload``. Without an action the server has it already."""
        action = granted.actions.get(UPLOAD)
        if action is not None:
            self._put(oid, action, granted, source)
        verify = granted.actions.get("verify")
        if verify is not None:
            body = json.dumps({"oid": oid, "size": source.size}).encode()
            try:
                self._request("POST", oid, verify, granted, _JSON, body, (200, 201, 202, 204)).close()
            except NotOnRemote as error:
                raise RemoteUnavailable(f"{error.message}: what was sent did not arrive") from None

    def _put(self, oid: str, action: Action, granted: Granted, source: Source) -> None:
        """Redirects are followed with the content sent anew, and the header to the same server only."""
        headers: dict[str, str] = {} if _has(action.header, "Content-Type") else {"Content-Type": "application/octet-stream"}
        chunked = next((value for name, value in action.header.items() if name.lower() == "transfer-encoding"), "") == "chunked"
        if not chunked:
            headers["Content-Length"] = str(source.size)
        given = {name: value for name, value in action.header.items() if name.lower() not in ("content-length",)}
        at = Action(action.href, given, action.ends_s)
        for _ in range(4):
            body = source.chunks() if source.size else b""
            response = self._request("PUT", oid, at, granted, headers, body, (200, 201, 202, 204, *_REDIRECTS))
            response.close()
            if response.status not in _REDIRECTS:
                return
            target = response.headers.get("Location", "")
            same = urlsplit(target)[:2] == urlsplit(at.href)[:2]
            if urlsplit(at.href).scheme == "https" and not target.startswith("https:"):
                raise RemoteError(f"object {oid[:12]}: the server redirects to where nothing is encrypted; refused")
            at = Action(target, given if same else {}, action.ends_s)
        raise RemoteError(f"object {oid[:12]}: more than 3 redirects")

    def locks(self, operation: str) -> Locks:
        """See ``Server.locks``."""
        from git_data.remote.lfs_locks import HttpLocks

        return HttpLocks(self, operation)

    def close(self) -> None:
        """See ``Server.close``."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()


def _has(header: Mapping[str, str], name: str) -> bool:
    return any(given.lower() == name.lower() for given in header)


def _without_query(error: GitDataError, url: str, oid: str) -> GitDataError:
    """The same error with the object's name for its address: any part of a query may give access."""
    parts = urlsplit(url)
    shown = f"object {oid[:12]} at {parts.netloc.rpartition('@')[2]}"
    message = error.message.replace(redacted(url), shown).replace(url, shown)
    if isinstance(error, RemoteUnavailable):
        return RemoteUnavailable(message, error.hint, error.retry_after_s)
    return type(error)(message, error.hint)
