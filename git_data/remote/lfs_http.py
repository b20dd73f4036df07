"""LFS over HTTP: the API of git-lfs (docs/api/batch.md, authentication.md). What it permits is done by ``lfs_basic``.

Login and password belong to the server's own address; what SSH gave for the way (``lfs_authenticate``) comes before them.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing

from git_data.base.report import harmless
from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError
from git_data.remote.http_client import Client, Response
from git_data.remote.lfs_api import DOWNLOAD, JSON_HEADERS, MEDIA_TYPE, Action, Granted, end_s, refusal
from git_data.remote.lfs_basic import Basic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from git_data.remote.base import Options, Source
    from git_data.remote.lfs_locks import Locks

_ANSWER_BYTES = 32 << 20
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
        self._basic: Basic | None = None
        self._lock = threading.Lock()

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
        headers = {**JSON_HEADERS, **access.header} if body is not None else {"Accept": MEDIA_TYPE, **access.header}
        client = self._connected(access.url)
        self.requests += 1
        return client.send(method, f"{access.url}/{path}", headers, body, ok, follow=True)

    def _connected(self, url: str) -> Client:
        """The connections; ``url`` is what credentials belong to."""
        with self._lock:
            if self._client is None:
                self._client = Client(url, self._options, self._user, _WORKERS)
                self._client.assumed = "Basic"
                self._basic = Basic(self.url, url, self._client, self._options)
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

    def _transfers(self) -> Basic:
        assert self._basic is not None  # or nothing would have been permitted yet
        self.requests += 1
        return self._basic

    def download(self, oid: str, granted: Granted, start: int, length: int | None) -> Iterator[bytes]:
        """See ``Server.download``."""
        return self._transfers().download(oid, granted, start, length)

    def ranges(self, oid: str, granted: Granted) -> bool:
        """See ``Server.ranges``."""
        return self._transfers().ranges(oid, granted)

    def upload(self, oid: str, granted: Granted, source: Source) -> None:
        """See ``Server.upload``."""
        self._transfers().upload(oid, granted, source)

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
