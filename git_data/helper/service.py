"""What a conversation of git is handed on to: a process or a connection that answers git directly, through our standard output.

git waits until we end, not until it ends: when the other side has gone, so must we, or git would wait for an answer for ever.
Only while data is being sent (``busy``) nothing ends: if the server loses patience meanwhile, it is connected anew.
"""

from __future__ import annotations

import os
import subprocess
import threading

from git_data.base.fsio import write_all
from git_data.errors import GitFailed, RemoteUnavailable
from git_data.git.pktline import FLUSH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE_BYTES = 65536
_IN, _OUT = 0, 1


class Service:
    """The other side. ``send`` to it, then ``relay`` what git says, then ``end``."""

    def __init__(self) -> None:
        self.busy = threading.Lock()
        self._over = threading.Event()
        self._status = 0
        self._ending = False
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        self._status = self._until_over()
        self._over.set()
        with self.busy:
            if not self._ending:
                os._exit(self._status)

    def is_over(self) -> bool:
        """Whether the other side has gone."""
        return self._over.is_set()

    def abandon(self) -> None:
        """Whatever becomes of it does not matter any more."""
        self._ending = True
        self._close()

    def relay(self) -> None:
        """Hand on what git says, as it is, until it says no more."""
        while data := os.read(_IN, _PIECE_BYTES):
            self.send(data)

    def end(self) -> int:
        """Nothing more comes from git; wait for the rest of the answer. The exit status."""
        self._ending = True
        self._close()
        self._thread.join()
        return self._status

    def send(self, data: bytes) -> None:
        """Hand on some bytes; into the void if the other side has gone, which is noticed elsewhere."""
        try:
            self._write(data)
        except OSError:
            pass

    def _until_over(self) -> int:
        raise NotImplementedError

    def _write(self, data: bytes) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError


class Process(Service):
    """A program that reads what we send, and writes where we would; ``again``: what it says first, git has heard before."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None, again: bool = False) -> None:
        output = subprocess.PIPE if again else None
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, env=env, bufsize=0)
        except OSError as error:
            raise GitFailed(f"'{command[0]}' cannot be started: {error.strerror}") from None
        assert self._process.stdin is not None
        self._input = self._process.stdin
        super().__init__()

    def _until_over(self) -> int:
        if self._process.stdout is not None:
            _hand_on(self._process.stdout.read, again=True)
        status = self._process.wait()
        return status if status >= 0 else 128 - status

    def _write(self, data: bytes) -> None:
        write_all(self._input.fileno(), data)

    def _close(self) -> None:
        self._input.close()


class Connection(Service):
    """A TCP connection, which is told ``request`` first."""

    def __init__(self, host: str, port: int, request: bytes, again: bool = False) -> None:
        import socket

        self._again = again
        try:
            self._socket = socket.create_connection((host, port))
        except OSError as error:
            raise RemoteUnavailable(f"{host}:{port} cannot be reached: {error.strerror or error}") from None
        self._socket.sendall(request)
        super().__init__()

    def _until_over(self) -> int:
        try:
            _hand_on(self._socket.recv, self._again)
        except OSError:
            return 128
        return 0

    def _write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _close(self) -> None:
        try:
            self._socket.shutdown(1)  # SHUT_WR
        except OSError:
            pass  # the other side was faster


def _hand_on(read: Callable[[int], bytes], again: bool) -> None:
    """Hand on what the other side says; ``again``: but not the refs it advertises."""
    while again:
        head = _exactly(read, 4)
        again = bool(head) and head != FLUSH
        if again:
            _exactly(read, int(head, 16) - 4)
    while data := read(_PIECE_BYTES):
        write_all(_OUT, data)


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    parts = b""
    while len(parts) < size and (data := read(size - len(parts))):
        parts += data
    return parts
