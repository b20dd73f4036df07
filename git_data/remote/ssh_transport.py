"""SFTP, or one command of a server, through the program ``ssh``, the way git reaches its own remotes.

So ``~/.ssh/config``, agents, keys in hardware, jump hosts and known hosts work as they do for git.  For SFTP ssh is asked
for the subsystem, never to run a command.  It never asks anything itself: what it says goes to a file and is shown when it fails.
"""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import tempfile

from git_data.errors import RemoteUnavailable
from git_data.remote.address import Address
from git_data.remote.ssh_errors import Failure, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.errors import RemoteError
    from git_data.remote.base import Options

CONNECT_TIMEOUT_S = 15
_PIPE_BYTES = 1 << 20
_END_WAIT_S = 2.0
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of fcntl(2); named in Python's fcntl from 3.10 on, on Linux only
_SAFE = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    # what sftp(1) sets: nothing of this has a use here
    "ForwardX11=no",
    "ForwardAgent=no",
    "PermitLocalCommand=no",
    "ClearAllForwardings=yes",
    "RemoteCommand=none",
    "RequestTTY=no",
)


def command_line(address: Address, options: Options, ciphers: str = "", command: str = "") -> list[str]:
    """What is started for a connection; ``ciphers`` in place of those of the configuration.

    ``command`` is for the server's shell; without one it is the subsystem ``sftp`` that is asked for.
    """
    arguments = [f"-o{option}" for option in (*_SAFE, *([f"Ciphers={ciphers}"] if ciphers else []))]
    arguments += [f"-oConnectTimeout={CONNECT_TIMEOUT_S}", "-oServerAliveCountMax=3"]
    arguments += [f"-oServerAliveInterval={max(1, int(options.idle_s / 4))}"]
    if address.port:
        arguments += ["-p", str(address.port)]
    if address.user:
        arguments += ["-l", address.user]
    service = ["--", address.host, command] if command else ["-s", "--", address.host, "sftp"]
    return _started(options, [*arguments, *service])


def _started(options: Options, arguments: list[str]) -> list[str]:
    if not options.ssh_command:
        return ["ssh", *arguments]
    if os.name == "nt":
        return [*shlex.split(options.ssh_command), *arguments]
    # git gives core.sshCommand to a shell (connect.c); it comes from the user's own configuration, never from .gitdata
    return ["sh", "-c", f'{options.ssh_command} "$@"', options.ssh_command, *arguments]


def faster_ciphers(address: Address, options: Options) -> str:
    """The ciphers ssh would offer to this host, AES-GCM first; empty to leave them as they are.

    OpenSSH prefers ChaCha20, which takes twice the time of AES-GCM on a processor with instructions for AES.  Nothing is offered
    that ssh would not offer, and an order of the user's own that does not begin with ChaCha20 stays.
    """
    if not _has_aes():
        return ""
    port = ["-p", str(address.port)] if address.port else []
    user = ["-l", address.user] if address.user else []
    command = _started(options, ["-G", *port, *user, "--", address.host])
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CONNECT_TIMEOUT_S)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    line = next((line for line in done.stdout.splitlines() if line.startswith("ciphers ")), "") if not done.returncode else ""
    ciphers = line.removeprefix("ciphers ").strip().split(",")
    gcm = [cipher for cipher in ciphers if "-gcm@" in cipher]
    if not gcm or not ciphers[0].startswith("chacha20"):
        return ""
    return ",".join([*gcm, *(cipher for cipher in ciphers if cipher not in gcm)])


def _has_aes() -> bool:
    """Whether the processor has instructions for AES; only Linux tells."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            lines = (line for line in file if line.lower().startswith(("flags", "features")))
            return " aes" in next(lines, "")
    except OSError:
        return False


class Connection:
    """Starts an ssh for each channel; sharing one connection is the user's choice (``ControlMaster`` of ssh_config(5))."""

    def __init__(self, address: Address, options: Options) -> None:
        self._address = address
        self._options = options
        self._ciphers: str | None = None

    def open(self, command: str = "") -> SshStream:
        """A new channel, for SFTP or what ``command`` speaks. Raises: RemoteError."""
        if self._ciphers is None:
            self._ciphers = faster_ciphers(self._address, self._options)
        return SshStream(self._address, self._options, self._ciphers, command)

    def close(self) -> None:
        """Nothing is shared."""


class SshStream:
    """See ``sftp_session.Stream``."""

    def __init__(self, address: Address, options: Options, ciphers: str, command: str = "") -> None:
        self._address = address
        self._idle_s = options.idle_s
        self._words = tempfile.TemporaryFile()
        self._established = False
        try:
            self._process = subprocess.Popen(
                command_line(address, options, ciphers, command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                bufsize=0,
            )
        except OSError as error:
            self._words.close()
            raise explain(Failure(address, f"ssh cannot be started: {error.strerror}", 127)) from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdout.fileno(), self._process.stdin.fileno()
        self._early: list[bytes] = []
        if os.name != "nt":
            os.set_blocking(self._in, False)
            os.set_blocking(self._out, False)
            self._widen()

    def _widen(self) -> None:
        import fcntl
        import sys

        if sys.platform == "linux":
            for fd in (self._in, self._out):
                try:
                    fcntl.fcntl(fd, _SET_PIPE_SIZE, _PIPE_BYTES)
                except OSError:
                    return  # the user's limit of pipe buffers is reached (pipe(7))

    def write(self, data: bytes) -> None:
        """See ``Stream.write``. What comes in meanwhile is kept, so that the server never waits for us to read."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._out, left) :]
            except BlockingIOError:
                if self._wait(writing=True):
                    self._keep()
            except OSError:
                raise self.lost() from None

    def _keep(self) -> None:
        try:
            data = os.read(self._in, _PIPE_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise self.lost()
        self._established = True
        self._early.append(data)

    def read(self, size: int) -> bytes:
        """See ``Stream.read``."""
        if self._early:
            data = b"".join(self._early)
            self._early.clear()
            return data
        while True:
            try:
                data = os.read(self._in, max(size, _PIPE_BYTES))
                self._established = self._established or bool(data)
                return data
            except BlockingIOError:
                self._wait(writing=False)

    def _wait(self, writing: bool) -> bool:
        """Until something moves; whether there is something to read. Raises: RemoteUnavailable."""
        poll = select.poll()
        poll.register(self._in, select.POLLIN)
        if writing:
            poll.register(self._out, select.POLLOUT)
        limit_s = self._idle_s if self._established else max(self._idle_s, 2 * CONNECT_TIMEOUT_S)
        events = poll.poll(limit_s * 1000)
        if not events:
            self.close()
            raise RemoteUnavailable(f"{self._address.url} has been silent for {limit_s:.0f} seconds")
        return any(fd == self._in for fd, _ in events)

    def lost(self) -> RemoteError:
        """See ``Stream.lost``."""
        return explain(self.end())

    def end(self) -> Failure:
        """How it ended, or does end now: the exit status, and what was said on the way."""
        try:
            status = self._process.wait(_END_WAIT_S)
        except subprocess.TimeoutExpired:
            status = 255
        self._words.seek(0)
        words = self._words.read().decode("utf-8", "replace")
        return Failure(self._address, words, status, self._established)

    def is_alive(self) -> bool:
        """See ``Stream.is_alive``."""
        return self._process.poll() is None

    def close(self) -> None:
        """See ``Stream.close``."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.terminate()
        try:
            self._process.wait(_END_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if not self._words.closed:
            self._words.close()
