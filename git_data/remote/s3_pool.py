"""The connections to one S3 server: opened when needed, directly or through a proxy, and kept for the next request."""

from __future__ import annotations

import os
import socket

from git_data.errors import RemoteError, RemoteUnavailable, UsageError
from git_data.remote.s3_http import Connection, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

CONNECT_S = 10.0


class Server:
    """Where connections go: one host, directly or through a proxy of the environment (``HTTPS_PROXY``, ``NO_PROXY``)."""

    def __init__(self, scheme: str, host: str, port: int, idle_s: float, ca_bundle: str = "") -> None:
        self.scheme = scheme
        self.host = host
        self.port = port or (443 if scheme == "https" else 80)
        self.idle_s = idle_s
        self.ca_bundle = ca_bundle
        named = f"[{host}]" if ":" in host else host
        self.netloc = f"{named}:{port}" if port and port != (443 if scheme == "https" else 80) else named
        self._idle: list[Connection] = []
        self._context: ssl.SSLContext | None = None
        self._proxy = _proxy(scheme, self.netloc)

    def send(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes | Iterable[bytes] = b"",
        size: int = 0,
        again: bool = True,
    ) -> Response:
        """One round trip; the answer is to be read to its end, or closed.

        ``body`` of ``size`` bytes is sent as it comes; what its iterator raises ends the connection and passes through.
        ``again`` allows to send a body of bytes once more when the connection was closed by the other side while it was idle.

        Raises: RemoteUnavailable, RemoteError.
        """
        if isinstance(body, bytes):
            size = len(body)
        else:
            again = False
        if self._proxy and self.scheme == "http":
            target = f"http://{self.netloc}{target}"
            headers = headers | self._proxy[2]
        lines = [f"{method} {target} HTTP/1.1\r\nhost: {self.netloc}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
        if size or method in ("PUT", "POST"):
            lines.append(f"content-length: {size}\r\n")
        lines.append("\r\n")
        head = "".join(lines).encode("ascii")
        while True:
            connection, used = self._connection()
            try:
                try:
                    connection.send(head, body)
                except OSError:
                    if used and again:
                        raise
                    # a server that refuses does not always wait for the end of the body
                    return connection.early_answer(method, self)
                return connection.answer(method, self)
            except (OSError, EOFError) as error:
                connection.close()
                if not (used and again and not connection.answered) or isinstance(error, TimeoutError):
                    raise self.unavailable(error) from None
                # it was closed by the other side while it was idle
            except BaseException:
                connection.close()
                raise

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        connection.answered = False
        self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _connection(self) -> tuple[Connection, bool]:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connected(), False
            if connection.usable():
                return connection, True
            connection.close()

    def _connected(self) -> Connection:
        try:
            if self._proxy:
                found = self._through_proxy(*self._proxy)
            else:
                # as bytes, because text is first put through the codec of international names, which is slow to import
                host = self.host.encode("ascii") if self.host.isascii() else self.host
                found = socket.create_connection((host, self.port), CONNECT_S)  # type: ignore[arg-type]
            if self.scheme == "https":
                found = self._tls().wrap_socket(found, server_hostname=self.host)
        except OSError as error:
            raise self.unavailable(error) from None
        found.settimeout(self.idle_s)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(found)

    def _through_proxy(self, host: str, port: int, headers: dict[str, str]) -> socket.socket:
        from http.client import HTTPConnection

        connection = HTTPConnection(host, port, timeout=CONNECT_S)
        if self.scheme == "https":
            connection.set_tunnel(self.host, self.port, headers)
        connection.connect()
        found: socket.socket = connection.sock
        return found

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            import ssl

            context = ssl.create_default_context(cafile=self.ca_bundle or None)
            paths = ssl.get_default_verify_paths()
            if not (self.ca_bundle or paths.cafile or paths.capath):
                import botocore

                context.load_verify_locations(os.path.join(os.path.dirname(botocore.__file__), "cacert.pem"))
            self._context = context
        return self._context

    def unavailable(self, error: Exception) -> RemoteError:
        """What a broken connection means for the user."""
        place = f"{self.scheme}://{self.netloc}"
        if type(error).__name__ == "SSLCertVerificationError":
            return RemoteError(
                f"the certificate of {place} is not valid: {error}", "export AWS_CA_BUNDLE=<file of your authority>"
            )
        if isinstance(error, socket.gaierror):
            return RemoteUnavailable(f"the host of {place} cannot be found: {error.strerror}")
        if isinstance(error, TimeoutError):
            return RemoteUnavailable(f"{place} does not answer")
        return RemoteUnavailable(f"the connection to {place} failed: {getattr(error, 'strerror', None) or error}")


def _proxy(scheme: str, netloc: str) -> tuple[str, int, dict[str, str]] | None:
    """Host, port and headers of the proxy for a host, if there is one."""
    if not any(name.lower() in (f"{scheme}_proxy", "all_proxy") for name in os.environ):
        return None
    from urllib.parse import unquote, urlsplit
    from urllib.request import getproxies_environment, proxy_bypass

    proxies = getproxies_environment()
    url = proxies.get(scheme) or proxies.get("all") or ""
    if not url or proxy_bypass(netloc):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise UsageError("only proxies that are reached over http:// can be used for S3", f"env | grep -i {scheme}_proxy")
    headers = {}
    if parts.username:
        from base64 import b64encode

        plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["proxy-authorization"] = "Basic " + b64encode(plain.encode()).decode("ascii")
    return parts.hostname, parts.port or 8080, headers
