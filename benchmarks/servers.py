"""Places to send data to, on this machine: a folder, SeaweedFS for S3, OpenSSH's server for SFTP and rsync.

A server belongs to one tool in one round: it is started for it on an empty directory, and gone afterwards, so that nobody finds
what others left.  Where the system can do that (Linux), a server dies with the benchmark, however that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import getpass
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

from measure import Place

KINDS = {"s3": "S3 (SeaweedFS on loopback)", "folder": "a folder on the same file system", "ssh": "SSH (sshd on loopback)"}
"""Kinds of remotes, and what is measured as such."""
KEY_ID, SECRET = "AKBENCHMARK000001", "the-secret-of-the-benchmark"
_START_LIMIT_S = 60
_PR_SET_PDEATHSIG = 1  # prctl(2)
_SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
_IDENTITIES = {
    "identities": [
        {"name": "benchmark", "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}], "actions": ["Admin"]},
        # asks, without a signature, whether the server is there
        {"name": "anonymous", "actions": ["Admin"]},
    ]
}
# what Go, asyncssh and paramiko can do, too, and the fastest of that; left alone, OpenSSH takes what costs several times as much
_ONE_CIPHER = "Ciphers aes128-gcm@openssh.com\nKexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org\n"
_WEED_PORTS = ("master.port", "volume.port", "filer.port", "s3.port")


class ServerFailed(Exception):
    """A server did not start."""


class Folder:
    """A directory; the base class of everything that keeps its data in one."""

    kind = "folder"

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, "remote")
        os.makedirs(self.path)

    @property
    def env(self) -> dict[str, str]:
        """What a tool finds in its environment."""
        return {}

    def close(self) -> None:
        """Nobody can reach it any more."""
        if os.path.isdir(self.path):
            os.rename(self.path, f"{self.path}-closed")


class _Server(Folder):
    """A process that answers on a port of the loopback device."""

    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = os.path.join(directory, "server.log")

    def _start(self, command: list[str], env: dict[str, str]) -> None:
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.path,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_us,
            )
        try:
            deadline = time.monotonic() + _START_LIMIT_S
            while not self._answers():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    with open(self._log, encoding="utf-8", errors="replace") as log_file:
                        raise ServerFailed(f"{command[0]} does not start: {log_file.read()[-2000:]}")
                time.sleep(0.05)
        except BaseException:
            self.close()
            raise

    def _answers(self) -> bool:
        raise NotImplementedError

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class S3(_Server):
    """A SeaweedFS in one process, with one empty bucket."""

    kind = "s3"
    bucket = "benchmark"

    def __init__(self, directory: str, env: dict[str, str]) -> None:
        super().__init__(directory)
        identities = os.path.join(directory, "identities.json")
        with open(identities, "w", encoding="ascii") as file:
            json.dump(_IDENTITIES, file)
        names = [*_WEED_PORTS, *(f"{name}.grpc" for name in _WEED_PORTS)]
        ports = dict(zip(names, free_ports(len(names))))
        self._port = ports["s3.port"]
        command = [_program("weed", env), "mini", f"-dir={self.path}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [f"-s3.config={identities}", f"-bucket={self.bucket}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        command += ["-admin.ui=false", "-webdav=false", "-master.telemetry=false", "-master.volumeSizeLimitMB=4096"]
        self._start([*command, *(f"-{name}={port}" for name, port in ports.items())], env)

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def env(self) -> dict[str, str]:
        """Credentials and region where every S3 client looks for them."""
        return {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}

    def _answers(self) -> bool:
        """Whether an object can be written, which also has it make its volumes."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("PUT", f"/{self.bucket}/ready", b"ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Ssh(_Server):
    """OpenSSH's server with keys of its own, for the current user.

    Cipher and key exchange are what server and tool agree upon by themselves, or, with ``one_cipher``, the same for every tool.
    """

    kind = "ssh"
    host = "127.0.0.1"

    def __init__(self, directory: str, env: dict[str, str], one_cipher: bool) -> None:
        super().__init__(directory)
        self.user = getpass.getuser()
        self.port = free_ports(1)[0]
        keys = os.path.join(directory, "keys")
        os.mkdir(keys, 0o700)
        self.key, host_key = os.path.join(keys, "key"), os.path.join(keys, "host_key")
        for path in (self.key, host_key):
            Place(directory, env).run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "benchmark", "-f", path)
        self.known_hosts = os.path.join(keys, "known_hosts")
        with open(f"{host_key}.pub", encoding="ascii") as public, open(self.known_hosts, "w", encoding="ascii") as file:
            file.write(f"[{self.host}]:{self.port} {public.read()}")
        config = os.path.join(keys, "sshd_config")
        with open(config, "w", encoding="ascii") as file:
            file.write(
                f"Port {self.port}\nListenAddress {self.host}\nHostKey {host_key}\nAuthorizedKeysFile {self.key}.pub\n"
                "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
                # nobody is turned away who opens many connections, or many channels in one
                "StrictModes no\nUsePAM no\nPidFile none\nMaxStartups 100\nMaxSessions 100\nSubsystem sftp internal-sftp\n"
            )
            if one_cipher:
                file.write(_ONE_CIPHER)
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # where it locks itself up while it talks to strangers
        self._start([_program("sshd", env), "-D", "-e", "-f", config], env)

    @property
    def env(self) -> dict[str, str]:
        """No agent, no keys of the user."""
        return {"SSH_AUTH_SOCK": ""}

    @property
    def command(self) -> str:
        """``ssh`` for this server alone; it looks for the user's home in the system, not in HOME."""
        return (
            f"ssh -F none -i {self.key} -oIdentitiesOnly=yes -oIdentityAgent=none"
            f" -oUserKnownHostsFile={self.known_hosts} -oGlobalKnownHostsFile=none"
        )

    def url(self, path: str) -> str:
        """The address of a directory below."""
        return f"ssh://{self.user}@{self.host}:{self.port}{os.path.join(self.path, path)}"

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), 5) as connection:
                return bool(connection.recv(4))
        except OSError:
            return False


Remote = Folder


def missing(kind: str, env: dict[str, str]) -> str:
    """Why a remote of this kind cannot be had here; empty if it can."""
    for program in {"s3": ("weed",), "ssh": ("sshd", "ssh", "ssh-keygen")}.get(kind, ()):
        if _find(program, env) is None:
            return f"{program} is not installed"
    return ""


@contextlib.contextmanager
def opened(kind: str, directory: str, env: dict[str, str], one_cipher: bool = False) -> Iterator[Remote]:
    """A new empty remote, its files in ``directory``. Raises: ServerFailed."""
    remote: Remote
    if kind == "s3":
        remote = S3(directory, env)
    elif kind == "ssh":
        remote = Ssh(directory, env, one_cipher)
    else:
        remote = Folder(directory)
    try:
        yield remote
    finally:
        remote.close()


def free_ports(number: int) -> list[int]:
    """Ports nobody listens on just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def version(kind: str, directory: str, env: dict[str, str]) -> str:
    """What the server calls itself; empty for a folder."""
    if kind == "s3":
        return Place(directory, env).run(_program("weed", env), "version").splitlines()[0]
    if kind == "ssh":
        done = subprocess.run(["ssh", "-V"], env=env, capture_output=True, text=True)
        return done.stderr.strip()
    return ""


def _find(program: str, env: dict[str, str]) -> str | None:
    return shutil.which(program, path=env["PATH"]) or shutil.which(program, path=_SBIN)


def _program(name: str, env: dict[str, str]) -> str:
    found = _find(name, env)
    if found is None:
        raise ServerFailed(f"{name} is not installed")
    return found


def _end_with_us() -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
