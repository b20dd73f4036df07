"""Basic transfers of an LFS server over HTTP (git-lfs: docs/api/basic-transfers.md): what to do with what a batch has permitted.

Where an object lies, and with which header it is asked for, is the server's word.  The header goes there and nowhere else; login
and password of the server's own address go to other places never.  Errors name an object and a host, never a header or the query
of an address, which may be a signature.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from urllib.parse import urljoin, urlsplit

from git_data.errors import GitDataError, NotOnRemote, ObjectRefused, RemoteError, RemoteUnavailable, UsageError
from git_data.remote.address import check_host, redacted
from git_data.remote.base import CHUNK_BYTES
from git_data.remote.credentials import is_loopback
from git_data.remote.http import part
from git_data.remote.http_client import Client, Response
from git_data.remote.lfs_api import DOWNLOAD, JSON_HEADERS, UPLOAD, Action, Granted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from git_data.remote.base import Options, Source

_REDIRECTS = (307, 308)
_OF_ONE = (400, 402, 405, 406, 409, 411, 412, 413, 414, 415, 422, 451)
"""What a server may say of one object without anything being wrong with the others (RFC 9110, 15.5)."""


class Basic:
    """Uses the connections of the API at ``api``; ``url`` is what users may see of the server."""

    def __init__(self, url: str, api: str, client: Client, options: Options) -> None:
        self.url = url
        self._api = api
        self._client = client
        self._options = options
        self._allow_plain = options.flag("allowplainhttp")

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
        given = {**headers, **action.header}
        try:
            response = self._client.send(
                method, url, given, body, (*ok, *_OF_ONE), follow=body is None, login=not granted.authenticated
            )
            if response.status not in ok:
                raise ObjectRefused(response.error().message)
        except GitDataError as error:
            raise _without_query(error, url, oid) from None
        return response

    def download(self, oid: str, granted: Granted, start: int, length: int | None) -> Iterator[bytes]:
        """See ``Server.download``."""
        headers = {}
        if start or length is not None:
            headers["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        response = self._request(
            "GET", oid, granted.actions[DOWNLOAD], granted, headers, None, (200, 206, 416)[: 3 if headers else 1]
        )
        skip = start if response.status == 200 else 0
        with closing(response):
            if response.status == 416:
                return
            if response.status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                raise RemoteError(f"object {oid[:12]}: the server sends another part than the one it was asked for")
            try:
                yield from part(response.chunks(CHUNK_BYTES), skip, length)
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
                self._request("POST", oid, verify, granted, JSON_HEADERS, body, (200, 201, 202, 204)).close()
            except NotOnRemote as error:
                raise RemoteUnavailable(f"{error.message}: what was sent did not arrive") from None
            except ObjectRefused as error:
                raise ObjectRefused(f"{error.message}: the server does not accept what was sent") from None

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
            try:
                response = self._request("PUT", oid, at, granted, headers, body, (200, 201, 202, 204, *_REDIRECTS))
            except NotOnRemote as error:
                raise ObjectRefused(error.message) from None
            response.close()
            if response.status not in _REDIRECTS:
                return
            target = urljoin(at.href, response.headers.get("Location", ""))
            same = urlsplit(target)[:2] == urlsplit(at.href)[:2]
            if urlsplit(at.href).scheme == "https" and not target.startswith("https:"):
                raise RemoteError(f"object {oid[:12]}: the server redirects to where nothing is encrypted; refused")
            at = Action(target, given if same else {}, action.ends_s)
        raise RemoteError(f"object {oid[:12]}: more than 3 redirects")


def _has(header: Mapping[str, str], name: str) -> bool:
    return any(given.lower() == name.lower() for given in header)


def _without_query(error: GitDataError, url: str, oid: str) -> GitDataError:
    """The same error with the object's name for its address: any part of a query may give access."""
    parts = urlsplit(url)
    shown = f"object {oid[:12]} at {parts.netloc.rpartition('@')[2]}"
    message = error.message.replace(redacted(url), shown).replace(url, shown)
    message = re.sub(r"(https?://[^\s?]+)\?[^\s:;,]*", r"\1", message)  # where it was led to from there
    if isinstance(error, RemoteUnavailable):
        return RemoteUnavailable(message, error.hint, error.retry_after_s)
    return type(error)(message, error.hint)
