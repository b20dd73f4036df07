"""HTTP for backends, over urllib3: connections that are kept, time-outs, redirects, credentials and errors.

Nothing is sent twice but what had no effect, nothing is retried (``git_data.transfer`` does that), no body is decompressed, and
what a server says is shown in one harmless line at most.  Credentials go to the server of the remote's own address, to no other.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import urllib3
from urllib3.exceptions import (
    HTTPError,
    IncompleteRead,
    LocationParseError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
    TimeoutError,
)

from git_data import __version__
from git_data.errors import ConfigError, GitDataError, RemoteError, RemoteUnavailable, UsageError
from git_data.remote import http_errors
from git_data.remote.address import check_host, redacted
from git_data.remote.credentials import Credentials, origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from git_data.remote.base import Options

CONNECT_S = 10.0
REDIRECTS = 5
_PLAIN: dict[str, Any] = {
    "retries": False,
    "redirect": False,
    "preload_content": False,
    "decode_content": False,
    "enforce_content_length": True,
}
_DRAIN_BYTES = 64 << 10
_REDIRECTS = (301, 302, 303, 307, 308)
_SAFE = "/%:@!$&'()*+,;=~"  # RFC 3986, 3.3: what may stand in a path
_FOR_ANYBODY = ("accept", "content-length", "content-type", "range", "transfer-encoding")
"""What another server than the one that was meant is told, too; anything else may be a secret."""


class Response:
    """An answer whose body has not been read. Read it or ``close`` it: both give the connection back."""

    __slots__ = ("_raw", "headers", "status", "url")

    def __init__(self, raw: urllib3.HTTPResponse, url: str) -> None:
        self._raw = raw
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers
        self.url = url

    @property
    def shown(self) -> str:
        """The URL as users may see it."""
        return redacted(self.url)

    def size(self) -> int | None:
        """What ``Content-Length`` says, ``None`` if it says nothing."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    def read(self, limit: int) -> bytes:
        """The body, but no more than ``limit`` bytes. Raises: RemoteUnavailable when it ends early."""
        parts = []
        left = limit
        for piece in self.chunks(min(limit, 1 << 20)):
            parts.append(piece[:left])
            left -= len(parts[-1])
            if left <= 0:
                break
        self.close()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def chunks(self, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The body in pieces. Raises: RemoteUnavailable when it ends early; RemoteError when it is compressed."""
        coding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            self.close()
            raise RemoteError(f"{self.shown}: the server compressed what it was asked not to ({coding[:20]})")
        try:
            yield from self._raw.stream(chunk_bytes, decode_content=False)
        except (HTTPError, OSError) as error:
            raise _translated(error, self.url, "reading") from None

    def close(self) -> None:
        """Give the connection back; one with much unread is closed."""
        raw, left = self._raw, self._raw.length_remaining
        try:
            if raw.chunked if left is None else left > _DRAIN_BYTES:
                raw.close()
            else:
                raw.read(decode_content=False)
        except (HTTPError, OSError):
            raw.close()
        raw.release_conn()

    def error(self, hint: str = "") -> GitDataError:
        """The error that stands for this answer."""
        text = ""
        if self.headers.get("Content-Type", "").startswith(("text/plain", "application/json", "application/vnd.git-lfs+json")):
            try:
                text = self.read(2048).decode("utf-8", "replace")
            except GitDataError:
                text = ""
        self.close()
        return http_errors.of_status(self.status, self.shown, self._raw.reason or "", self.headers, text, hint)


class Client:
    """Requests to one server, and to where it redirects. Any number of threads may use it."""

    def __init__(self, url: str, options: Options, user: str = "", workers: int = 16) -> None:
        self.url = url
        self.requests = 0
        self._root = "/".join(url.split("/", 3)[:3]) + "/"
        self.credentials = Credentials(url, user, options.flag("allowplainhttp"), options.name)
        self._anonymous = options.flag("anonymous")
        self.assumed = ""
        """the way to log in where a server asks for a login and does not say how"""
        self._workers = max(workers, options.jobs) + 2
        self._idle_s = options.idle_s
        self._timeout = urllib3.Timeout(connect=CONNECT_S, read=options.idle_s)
        self._certificates = options.get("cafile") or os.environ.get("GIT_SSL_CAINFO", "")
        self._managers: dict[str, urllib3.PoolManager] = {}
        self._pool: urllib3.HTTPConnectionPool | None = None
        """our server's connections, where no proxy is in between: finding them anew each time takes as long as a small request"""
        self._proxies: dict[str, str] | None = None
        self._lock = threading.Lock()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] | None = None,
        ok: tuple[int, ...] = (200,),
        follow: bool = False,
        login: bool = True,
    ) -> Response:
        """One request; an answer with a status of ``ok``, anything else is raised.

        A body in pieces needs a ``Content-Length`` and is sent once: have a request without one answered before it.
        ``follow`` is for what may be sent twice: redirects are followed, without credentials where they lead to another server.
        Without ``login``, and with an ``Authorization`` among the ``headers``, nothing else is told about who asks.

        Raises: AccessDenied, NotOnRemote, RemoteUnavailable, RemoteError; whatever a body in pieces raises.
        """
        for _ in range(REDIRECTS + 1):
            response = self._authorized(method, url, headers or {}, body, login)
            if response.status in ok:
                return response
            if response.status not in _REDIRECTS:
                ours = login and self.credentials.covers(url)
                raise response.error(self.credentials.hint if response.status == 401 and ours else "")
            target = self._target(response)
            response.close()
            if not follow:
                raise RemoteError(
                    f"{method} {response.shown}: the server redirects to {redacted(target)}",
                    "if that is the right place, make it the URL of the remote: git data remote set-url NAME URL",
                )
            if headers and origin(target) != origin(url):
                headers = {name: value for name, value in headers.items() if name.lower() in _FOR_ANYBODY}
            url = target
        raise RemoteError(f"{redacted(url)}: more than {REDIRECTS} redirects")

    def _authorized(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None, login: bool
    ) -> Response:
        ours = login and not self._anonymous and (url.startswith(self._root) or self.credentials.covers(url))
        ours = ours and "Authorization" not in headers
        used = self.credentials.header if ours else ""
        response = self._once(method, url, headers, body, used)
        while response.status == 401 and ours and (body is None or isinstance(body, bytes)):
            challenge = response.headers.get("WWW-Authenticate") or response.headers.get("LFS-Authenticate") or self.assumed
            response.close()
            self.credentials.refused(used)
            used = self.credentials.ask(used, challenge, response.shown)
            response = self._once(method, url, headers, body, used)
        if response.status == 401 and ours:
            self.credentials.refused(used)
        elif used and response.status < 400:
            self.credentials.accepted(used)
        return response

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None, used: str
    ) -> Response:
        sent = {"User-Agent": f"git-data/{__version__}", "Accept-Encoding": "identity", **headers}
        if used:
            sent["Authorization"] = used
        self.requests += 1
        try:
            if (pool := self._pool) is not None and url.startswith(self._root):
                raw = pool.urlopen(method, url[len(self._root) - 1 :], body, sent, timeout=self._timeout, **_PLAIN)
            else:
                raw = self._manager(url).urlopen(method, url, body=body, headers=sent, timeout=self._timeout, **_PLAIN)
        except (HTTPError, OSError) as error:
            raise _translated(error, url, "asking" if body is None else "writing to") from None
        assert isinstance(raw, urllib3.HTTPResponse)
        return Response(raw, url)

    def _target(self, response: Response) -> str:
        location = response.headers.get("Location", "")
        try:
            target = urljoin(response.url, location.strip()).partition("#")[0]
            scheme = urlsplit(target).scheme
            check_host(target)
        except ValueError:
            target = scheme = ""
        except UsageError as error:
            raise RemoteError(f"{response.shown}: redirect to where nobody should go: {error.message}") from None
        if not location or scheme not in ("http", "https"):
            raise RemoteError(f"{response.shown}: the server redirects to nowhere ({response.status})")
        if scheme == "http" and urlsplit(response.url).scheme == "https":
            raise RemoteError(f"{response.shown}: the server redirects to {redacted(target)}, which is not encrypted; refused")
        return target

    # -- connections

    def _manager(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = self._proxy(parts.scheme, parts.hostname or "")
        manager = self._managers.get(proxy)
        if manager is None:
            with self._lock:
                manager = self._managers.get(proxy) or self._new_manager(proxy)
                self._managers[proxy] = manager
                if not proxy and url.startswith(self._root):
                    self._pool = manager.connection_from_url(url)
        return manager

    def _new_manager(self, proxy: str) -> urllib3.PoolManager:
        context = self._context()
        manager = self._made_manager(proxy, context)
        manager.pool_classes_by_scheme = _patient_pools(self._idle_s)
        return manager

    def _made_manager(self, proxy: str, context: ssl.SSLContext) -> urllib3.PoolManager:
        if not proxy:
            return urllib3.PoolManager(num_pools=8, maxsize=self._workers, ssl_context=context)
        login = urlsplit(proxy)
        headers = None
        if login.username:
            headers = urllib3.make_headers(proxy_basic_auth=f"{login.username}:{login.password or ''}")
            proxy = urlunsplit(login._replace(netloc=login.netloc.rpartition("@")[2]))
        return urllib3.ProxyManager(proxy, 8, proxy_headers=headers, maxsize=self._workers, ssl_context=context)

    def _proxy(self, scheme: str, host: str) -> str:
        from urllib.request import getproxies, proxy_bypass

        if self._proxies is None:
            self._proxies = getproxies()
        if not self._proxies or proxy_bypass(host):
            return ""
        proxy = self._proxies.get(scheme) or self._proxies.get("all") or ""
        return proxy if "://" in proxy or not proxy else f"http://{proxy}"

    def _context(self) -> ssl.SSLContext:
        context = urllib3.util.ssl_.create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
        if not self._certificates:
            context.load_default_certs()  # heeds SSL_CERT_FILE and SSL_CERT_DIR
            return context
        path = os.path.expanduser(self._certificates)
        try:
            context.load_verify_locations(path)
        except OSError as error:
            raise ConfigError(f"the certificates in '{path}' cannot be read: {error.strerror or error}") from None
        return context

    def close(self) -> None:
        """Give up connections."""
        with self._lock:
            managers, self._managers = self._managers, {}
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
        for manager in managers.values():
            manager.clear()


class _Patient:
    """A connection that allows for ``idle_s`` while sending, too; urllib3 would break off after the time for connecting."""

    idle_s = 60.0
    sock: socket.socket | None

    def send(self, data: bytes) -> None:
        """See ``http.client``."""
        if self.sock is not None:
            self.sock.settimeout(self.idle_s)
        super().send(data)  # type: ignore[misc]


def _patient_pools(idle_s: float) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    pools = {}
    for scheme, pool in (("http", urllib3.HTTPConnectionPool), ("https", urllib3.HTTPSConnectionPool)):
        connection = type("PatientConnection", (_Patient, pool.ConnectionCls), {"idle_s": idle_s})
        pools[scheme] = type("PatientPool", (pool,), {"ConnectionCls": connection})
    return pools


def base_url(scheme: str, host: str, port: int, path: str) -> str:
    """A URL without a slash at its end; ``path`` as it was written, escapes included."""
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}{f':{port}' if port else ''}{quote(path.rstrip('/'), safe=_SAFE)}"


def _translated(error: Exception, url: str, doing: str) -> GitDataError:
    """What went wrong below HTTP."""
    shown, host = redacted(url), urlsplit(url).netloc
    if isinstance(error, ProxyError) and error.original_error is not None:
        return RemoteUnavailable(f"{shown}: the proxy cannot be used ({_reason(error.original_error)})", "env | grep -i proxy")
    if isinstance(error, SSLError):
        return RemoteError(
            f"{shown}: no secure connection: {_reason(error)}",
            "a certificate of your own authority: git config data.NAME.cafile /path/to/ca.pem   (or SSL_CERT_FILE)",
        )
    if isinstance(error, LocationParseError):
        return UsageError(f"'{shown}' is not a URL")
    if isinstance(error.__context__, socket.gaierror):
        return RemoteUnavailable(
            f"the host '{urlsplit(url).hostname}' of {shown} cannot be found", "check its name and the network"
        )
    if isinstance(error, NewConnectionError):
        return RemoteUnavailable(f"{host} cannot be reached: {_reason(error)}")
    if isinstance(error, TimeoutError):
        return RemoteUnavailable(f"{host} did not answer in time while {doing} {shown}")
    if isinstance(error, IncompleteRead):
        return RemoteUnavailable(f"{shown} ended early")
    if isinstance(error, ProtocolError) and any(isinstance(part, IncompleteRead) for part in error.args):
        return RemoteUnavailable(f"{shown} ended early")
    return RemoteUnavailable(f"the connection to {host} broke while {doing} {shown}: {_reason(error)}")


def _reason(error: BaseException) -> str:
    """The innermost reason, in the words of the system."""
    seen = 0
    inner: BaseException | None = error
    while inner is not None and seen < 8:
        if isinstance(inner, OSError) and inner.strerror:
            return str(inner.strerror)
        error = inner
        inner = (
            next((part for part in inner.args if isinstance(part, BaseException)), None) or inner.__cause__ or inner.__context__
        )
        seen += 1
    return http_errors.first_line(str(error)) or type(error).__name__
