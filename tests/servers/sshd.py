"""OpenSSH's server on a free port: its own host key and configuration, one key that may log in, the current user."""

from __future__ import annotations

import ctypes
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_START_LIMIT_S = 20
_PR_SET_PDEATHSIG = 1  # prctl(2)


class Sshd:
    """A running server. ``key`` may log in, ``known_hosts`` has the server's key; ``stop`` and ``start`` as one likes."""

    def __init__(self, place: Path, settings: str = "") -> None:
        self.place = place
        self.settings = settings
        self.user = getpass.getuser()
        self.key = place / "key"
        self.known_hosts = place / "known_hosts"
        self.port = _free_port()
        for path in (self.key, place / "host_key", place / "other_key", place / "other_host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True)
        (place / "authorized_keys").write_bytes((place / "key.pub").read_bytes())
        self.known_hosts.write_text(self.line_of("host_key.pub"))
        (place / "config").write_text("")
        self.process: subprocess.Popen[bytes] | None = None

    def line_of(self, public_key: str) -> str:
        """The line of known_hosts that makes a key this server's."""
        kind, key = (self.place / public_key).read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def start(self) -> None:
        """Start, and wait until it answers."""
        config = self.place / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.place}/host_key\n"
            f"AuthorizedKeysFile {self.place}/authorized_keys\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"PermitRootLogin prohibit-password\nStrictModes no\nUsePAM no\nPidFile none\nMaxStartups 100\n"
            f"AcceptEnv GIT_PROTOCOL\n{self.settings or 'Subsystem sftp internal-sftp'}\n"
        )
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # where it has itself locked up while it talks to strangers
        with open(self.place / "log", "ab") as log:
            self.process = subprocess.Popen(
                [_sshd(), "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=log, preexec_fn=_die_with_us
            )
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail("sshd does not start: " + (self.place / "log").read_text(), pytrace=False)
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop, and cut every connection."""
        if self.process is not None:
            self.cut()
            self.process.kill()
            self.process.wait()
            self.process = None

    def signal(self, number: int) -> None:
        """Send a signal to the processes of all connections; the server goes on."""
        assert self.process is not None
        for child in descendants(self.process.pid):
            _signal(child, number)

    def cut(self) -> None:
        """Cut every connection; the server goes on."""
        self.signal(signal.SIGKILL)

    def url(self, path: Path | str, scheme: str = "ssh") -> str:
        """The address of a directory."""
        return f"{scheme}://{self.user}@127.0.0.1:{self.port}{path}"

    def command(self, key: str = "key", known_hosts: str = "known_hosts", config: str = "config") -> str:
        """``core.sshCommand`` for this server alone. ssh takes the user's home from the system, not from HOME."""
        return (
            f"ssh -F {self.place / config} -i {self.place / key} -oIdentitiesOnly=yes -oIdentityAgent=none "
            f"-oUserKnownHostsFile={self.place / known_hosts} -oGlobalKnownHostsFile=/dev/null"
        )

    def write_home(self, home: Path, key: str = "key", known_hosts: str = "known_hosts", more: str = "") -> None:
        """``~/.ssh`` for those who read it by HOME: paramiko."""
        (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
        (home / ".ssh" / "config").write_text(
            f"{more}\nHost *\n  IdentityFile {self.place / key}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.place / known_hosts}\n"
        )


def _sshd() -> str:
    found = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if found is None or shutil.which("ssh") is None:
        reason = "OpenSSH is not installed (Debian: openssh-server, openssh-client)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found


def _die_with_us() -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def descendants(process: int) -> list[int]:
    """What a process started, and what that started."""
    done = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    children: dict[int, list[int]] = {}
    for line in done.stdout.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found[1:]


def _signal(process: int, number: int) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server for the whole session."""
    _sshd()
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A server of this test's own, to be maltreated."""
    _sshd()
    place = tmp_path / "sshd"
    place.mkdir()
    server = Sshd(place)
    server.start()
    yield server
    server.stop()
