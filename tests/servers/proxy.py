"""A bad network: a reverse proxy in front of a real HTTP server (S3, WebDAV, static) that breaks what it is told to break.

    proxy.rules.append(Fault("GET", "objects/", "reset", at=5000, times=2))

Requests that no rule matches pass through untouched; the ``Host`` header is kept, so that signatures stay valid.
"""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = 64 << 10


class Fault:
    """What to do to the next ``times`` requests of a method whose path contains ``part``.

    kind: ``status`` (answer with ``at``, ``headers`` and ``body`` instead of passing on), ``reset`` (RST after ``at`` bytes of
    the answer's body), ``truncate`` (orderly end there), ``alter`` (flip a bit of the byte at ``at``), ``stall`` (silence after
    ``at`` bytes), ``silence`` (the request does not reach the server, and gets no answer), ``hush`` (the server does the work,
    and there is no answer), ``lose`` (the server does the work, the answer is lost), ``fail`` (the server does the work, and the
    answer is ``at``), ``refuse`` (RST before anything is answered).
    """

    def __init__(
        self,
        method: str,
        part: str,
        kind: str,
        at: int = 0,
        times: int = 1,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        skip: int = 0,
    ) -> None:
        self.method = method
        self.part = part
        self.kind = kind
        self.at = at
        self.times = times
        self.headers = headers or {}
        self.body = body
        self.skip = skip

    def takes(self, method: str, path: str) -> bool:
        """Whether it strikes now; counts."""
        if self.times == 0 or self.method not in (method, "*") or self.part not in path:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class Proxy:
    """A running proxy: ``url``, ``rules``, and ``seen`` requests as ``(method, path, body bytes)``."""

    def __init__(self, upstream: tuple[str, int], port: int) -> None:
        self.upstream = upstream
        self.port = port
        self.rules: list[Fault] = []
        self.seen: list[tuple[str, str, int]] = []
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.struck = threading.Event()
        """set when a request gets silence, or hush"""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def strike(self, method: str, path: str, size: int) -> Fault | None:
        with self.lock:
            self.seen.append((method, path, size))
            return next((rule for rule in self.rules if rule.takes(method, path)), None)

    def count(self, method: str, part: str = "") -> int:
        """How many requests of a method came so far."""
        with self.lock:
            return sum(1 for seen, path, _ in self.seen if seen == method and part in path)

    def paths(self, method: str, part: str = "") -> set[str]:
        """Of what such requests were."""
        with self.lock:
            return {path for seen, path, _ in self.seen if seen == method and part in path}

    def sent(self, method: str, part: str = "") -> int:
        """How many bytes of body such requests had."""
        with self.lock:
            return sum(size for seen, path, size in self.seen if seen == method and part in path)


@contextmanager
def running(upstream: tuple[str, int]) -> Iterator[Proxy]:
    """A proxy in front of ``(host, port)``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    proxy = Proxy(upstream, server.server_address[1])
    server.proxy = proxy  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # answers come in several small writes; without this each would wait for an acknowledgement
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline:
                self.close_connection = True
            elif self.parse_request():
                self._serve(self.server.proxy)  # type: ignore[attr-defined]
        except (TimeoutError, ConnectionError):
            self.close_connection = True

    def _serve(self, proxy: Proxy) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._body()
        fault = proxy.strike(self.command, self.path, len(body))
        if fault is not None and fault.kind == "refuse":
            self._reset()
            return
        if fault is not None and fault.kind == "silence":
            proxy.struck.set()
            proxy.released.wait(60)
            self.close_connection = True
            return
        if fault is not None and fault.kind == "status":
            self._answer(fault.at, fault.headers, fault.body)
            return
        upstream = http.client.HTTPConnection(*proxy.upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("expect", "connection")}
        if headers.pop("Transfer-Encoding", None):
            headers["Content-Length"] = str(len(body))
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body)
        answer = upstream.getresponse()
        data = b"" if self.command == "HEAD" else answer.read()
        upstream.close()
        if fault is not None and fault.kind == "lose":
            self._reset()
            return
        if fault is not None and fault.kind == "fail":
            self._answer(fault.at, fault.headers, fault.body)
            return
        if fault is not None and fault.kind == "hush":
            proxy.struck.set()
            proxy.released.wait(60)
            self.close_connection = True
            return
        self._pass_back(proxy, answer, data, fault)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _pass_back(self, proxy: Proxy, answer: http.client.HTTPResponse, data: bytes, fault: Fault | None) -> None:
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                lines.append(f"{name}: {value}")
        size = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        if size is not None and answer.status not in (204, 304):
            lines.append(f"Content-Length: {size}")
        if fault is not None and fault.kind == "alter" and data:
            data = data[: fault.at] + bytes([data[fault.at] ^ 1]) + data[fault.at + 1 :]
        self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        if fault is not None and fault.kind in ("reset", "truncate", "stall"):
            self.wfile.write(data[: fault.at])
            self.wfile.flush()
            if fault.kind == "stall":
                proxy.released.wait(60)
            if fault.kind == "reset":
                self._reset()
            self.close_connection = True
            return
        self.wfile.write(data)
        self.wfile.flush()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, '')}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if self.command == "HEAD" else body))

    def _reset(self) -> None:
        """Close with RST instead of FIN (SO_LINGER of zero, socket(7))."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
