"""A lock among clients of one WebDAV server (LOCK, RFC 4918, 9.10): what makes "only if" atomic where no condition does.

The server ends a lock after ``_LOCK_S`` by its own clock, so a client that was killed holds nobody up for long.  A client that
was stopped in between must not go on as if it still had the lock: it asks ``Lock.check`` before the one step that counts.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager

from git_data.errors import GitDataError, RemoteUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_data.remote.http_client import Client

_LOCK_S = 60
_SAFE_S = 20.0
_WAIT_S = 75.0
_EACH_S = 0.05
_REQUEST = (
    b'<?xml version="1.0" encoding="utf-8"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope>'
    b"<locktype><write/></locktype><owner>git-data</owner></lockinfo>"
)


class Lock:
    """A lock that is held, for a while."""

    def __init__(self, shown: str, token: str, since_s: float) -> None:
        self.token = token
        self._shown = shown
        self._since_s = since_s

    def check(self) -> None:
        """Raises: RemoteUnavailable when too much time has passed to be sure of the lock."""
        if time.monotonic() - self._since_s > _SAFE_S:
            raise RemoteUnavailable(f"{self._shown}: the lock was held for too long; nothing was changed")


def take(client: Client, url: str) -> Lock | None:
    """Lock what is at ``url``, or will be; ``None`` if another client has. Raises: RemoteError where there are no locks."""
    headers = {"Timeout": f"Second-{_LOCK_S}", "Depth": "0", "Content-Type": 'application/xml; charset="utf-8"'}
    since_s = time.monotonic()
    response = client.send("LOCK", url, headers, _REQUEST, ok=(200, 201, 423))
    response.close()
    token = response.headers.get("Lock-Token", "")
    return Lock(response.shown, token, since_s) if response.status != 423 and token else None


def release(client: Client, url: str, lock: Lock) -> None:
    """Unlock. What fails here ends by itself."""
    try:
        client.send("UNLOCK", url, {"Lock-Token": lock.token}, ok=(200, 204)).close()
    except GitDataError:
        return


def works(client: Client, url: str) -> bool:
    """Whether the server really locks: the second one must be kept out."""
    try:
        first = take(client, url)
    except RemoteUnavailable:
        raise
    except GitDataError:
        return False
    if first is None:
        return False
    try:
        return take(client, url) is None
    finally:
        release(client, url, first)


@contextmanager
def held(client: Client, url: str) -> Iterator[Lock]:
    """Wait for the lock and hold it. Raises: RemoteUnavailable when others never let go."""
    until_s = time.monotonic() + _WAIT_S
    while (lock := take(client, url)) is None:
        if time.monotonic() > until_s:
            raise RemoteUnavailable(f"{url}: another client holds the lock")
        time.sleep(_EACH_S * (0.5 + random.random()))
    try:
        yield lock
    finally:
        release(client, url, lock)
