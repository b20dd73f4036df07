"""An LFS server that moves everything over SSH: sessions of ``git-lfs-transfer`` (``lfs_transfer``), and what to ask them."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

from git_data.errors import AccessDenied, GitDataError, NotOnRemote, ObjectRefused, RemoteError, RemoteUnavailable
from git_data.remote.lfs_api import DOWNLOAD, UPLOAD, Action, Granted, end_s, refusal
from git_data.remote.lfs_transfer import Answer, Session
from git_data.remote.ssh_client import connection, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from git_data.remote.address import Address
    from git_data.remote.base import Options, Source
    from git_data.remote.lfs_locks import Locks
    from git_data.remote.ssh_client import Connects


def path_for(address: Address) -> str:
    """The path as the server's commands take it."""
    path = address.path or "/"
    if path.startswith("/./"):
        return path[3:].lstrip("/")
    return path[1:] if path.startswith("/~") else path


class Sessions:
    """Sessions of ``git-lfs-transfer`` by operation (``download``, ``upload``), used by one thread at a time."""

    def __init__(self, address: Address, options: Options, connects: Connects | None = None) -> None:
        self.address = address
        self.requests = 0
        self._connects = connects or connection(address, options)
        self._idle: dict[str, list[Session]] = {}
        self._lock = threading.Lock()
        self._starting = threading.Lock()

    @contextmanager
    def use(self, operation: str) -> Iterator[Session]:
        """A session. Raises: NoSuchProtocol where there is no such command, RemoteError."""
        session = self._take(operation)
        if session is None:
            # one after the other: servers drop connections when many begin at once (sshd_config: MaxStartups)
            with self._starting:
                session = self._take(operation) or self._start(operation)
        self.requests += 1
        try:
            yield session
        finally:
            if session.is_sound:
                with self._lock:
                    self._idle.setdefault(operation, []).append(session)
            else:
                session.close()

    def _take(self, operation: str) -> Session | None:
        with self._lock:
            idle = self._idle.get(operation)
            return idle.pop() if idle else None

    def _start(self, operation: str) -> Session:
        stream = self._connects.open(f"git-lfs-transfer {quoted(path_for(self.address))} {operation}")
        try:
            return Session(stream, self.address.url)
        except BaseException:
            stream.close()
            raise

    def close(self) -> None:
        """End all that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for sessions in idle.values():
            for session in sessions:
                session.close()
        self._connects.close()


class TransferServer:
    """See ``lfs_api.Server``: everything over SSH."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.url = sessions.address.url

    @property
    def requests(self) -> int:
        """Requests so far."""
        return self.sessions.requests

    def batch(self, operation: str, objects: Sequence[tuple[str, int]]) -> dict[str, Granted | GitDataError]:
        """See ``Server.batch``."""
        asked_s = time.monotonic()
        with self.sessions.use(operation) as session:
            answer = session.ask("batch", ["transfer=ssh", "hash-algo=sha256"], [f"{oid} {size}" for oid, size in objects])
        if not answer.ok:
            raise _failure(self.url, answer)
        sizes = dict(objects)
        found: dict[str, Granted | GitDataError] = {}
        for line in answer.lines:
            oid, size, *words = line.split(" ")
            if oid not in sizes or not words:
                continue
            granted = found.setdefault(oid, Granted(int(size) if size.isascii() and size.isdigit() else sizes[oid], {}, True))
            if words[0] != "noop" and isinstance(granted, Granted):
                granted.actions[words[0]] = _action(words[1:], asked_s)
        for oid in sizes:
            granted = found.get(oid) or refusal(self.url, oid, 0, "the server says nothing about it", operation)
            if operation == DOWNLOAD and isinstance(granted, Granted) and DOWNLOAD not in granted.actions:
                granted = refusal(self.url, oid, 404, "the server does not have it", operation)
            found[oid] = granted
        return found

    def download(self, oid: str, granted: Granted, start: int, length: int | None) -> Iterator[bytes]:
        """See ``Server.download``: what comes before ``start`` is read, too, because the protocol has no ranges."""
        with self.sessions.use(DOWNLOAD) as session:
            arguments = [f"size={granted.size}", *granted.actions[DOWNLOAD].arguments]
            answer, content = session.get(f"get-object {oid}", arguments)
            if not answer.ok:
                if answer.status in (404, 410):
                    raise NotOnRemote(f"{self.url}: object {oid[:12]}: {answer.said}")
                raise _failure(self.url, answer, oid)
            at, end = 0, None if length is None else start + length
            for data in content:
                piece = data[max(start - at, 0) : None if end is None else max(end - at, 0)]
                at += len(data)
                if piece:
                    yield piece
                if end is not None and at >= end and end < granted.size:
                    return

    def ranges(self, oid: str, granted: Granted) -> bool:
        """See ``Server.ranges``."""
        return False

    def upload(self, oid: str, granted: Granted, source: Source) -> None:
        """See ``Server.upload``."""
        action = granted.actions.get(UPLOAD)
        with self.sessions.use(UPLOAD) as session:
            if action is not None:
                arguments = [f"size={source.size}", *action.arguments]
                answer = session.put(f"put-object {oid}", arguments, source.chunks())
                if not answer.ok:
                    raise _failure(self.url, answer, oid)
            verify = granted.actions.get("verify") or action
            if verify is not None:
                answer = session.ask(f"verify-object {oid}", [f"size={source.size}", *verify.arguments])
                if not answer.ok:
                    raise ObjectRefused(f"{self.url}: object {oid[:12]} was sent, and is not accepted: {answer.said}")

    def locks(self, operation: str) -> Locks:
        """See ``Server.locks``."""
        from git_data.remote.lfs_locks_ssh import SshLocks

        return SshLocks(self.sessions, operation)

    def close(self) -> None:
        """See ``Server.close``."""
        self.sessions.close()


def _action(words: list[str], asked_s: float) -> Action:
    values = dict(word.partition("=")[::2] for word in words)
    seconds = values.get("expires-in", "").lstrip("-")
    expires_in = int(values["expires-in"]) if seconds.isascii() and seconds.isdigit() and len(seconds) < 11 else None
    ends_s = end_s(expires_in, values.get("expires-at"), asked_s, time.time())
    return Action(ends_s=ends_s, arguments=[f"{name}={values[name]}" for name in ("id", "token") if values.get(name)])


def _failure(url: str, answer: Answer, oid: str = "") -> GitDataError:
    about = f"{url}: object {oid[:12]}: {answer.said}" if oid else f"{url}: {answer.said}"
    if answer.status in (401, 403):
        return AccessDenied(about)
    if answer.status == 429 or answer.status >= 500 and answer.status not in (501, 507, 509):
        return RemoteUnavailable(about)
    return ObjectRefused(about) if oid else RemoteError(about)
