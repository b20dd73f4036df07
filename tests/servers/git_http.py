"""A git server over HTTP: ``git http-backend`` behind Python's server, optionally with a password, dumb, or out of order."""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "alice", "pass word:1"
_LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class GitHttp:
    """Repositories below ``root`` are at ``url(name)``. ``requests`` has method, path and protocol version of each request.

    Below ``/private/`` a password is wanted; ``/status/<number>/`` answers that, ``/html/`` a page to everything; ``/moved/``
    redirects to the same path without it; ``/dumb/`` serves nothing but files.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests: list[tuple[str, str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"house": self}))
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path: str) -> str:
        """The address of a repository."""
        return f"http://{self.host}/{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    house: GitHttp

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_HEAD = do_GET

    def _serve(self) -> None:
        body = self._body()
        path, _, query = self.path.partition("?")
        self.house.requests.append((self.command, self.path, self.headers.get("Git-Protocol", "")))
        kind, _, rest = path[1:].partition("/")
        if kind == "status":
            self._answer(int(rest.partition("/")[0]), {}, b"no")
        elif kind == "html":
            self._answer(200, {"Content-Type": "text/html"}, b"<html><body>Welcome</body></html>")
        elif kind == "moved":
            self._answer(301, {"Location": f"/{rest}" + (f"?{query}" if query else "")}, b"")
        elif kind == "private" and self.headers.get("Authorization") != _LOGIN:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"who are you?")
        elif kind == "dumb":
            self._file(rest)
        else:
            self._backend(path.removeprefix("/private"), query, body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            data = b"".join(parts)
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(data) if self.headers.get("Content-Encoding") == "gzip" else data

    def _file(self, path: str) -> None:
        file = self.house.root / path
        if file.is_file():
            self._answer(200, {"Content-Type": "text/plain"}, file.read_bytes())
        else:
            self._answer(404, {}, b"")

    def _backend(self, path: str, query: str, body: bytes) -> None:
        env = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.house.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": USER,
            "REMOTE_ADDR": "127.0.0.1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=env)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
