"""What the ways to an LFS server have in common: objects with their sizes, and what the server permits to be done with each.

The words are those of git-lfs's batch API (docs/api/batch.md): a client asks for many objects at once, and is told for each what
to do (``Action``), or why not.  What was permitted may expire and is asked for again then.
"""

from __future__ import annotations

import time

from git_data.base.report import harmless
from git_data.errors import AccessDenied, GitDataError, NotOnRemote, ObjectRefused, RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Protocol

    from git_data.remote.base import Source
    from git_data.remote.lfs_locks import Locks

    class Server(Protocol):
        """A way to an LFS server. All methods may be called by many threads at once, and raise RemoteError and its kin."""

        @property
        def requests(self) -> int:
            """Requests so far."""

        def batch(self, operation: str, objects: Sequence[tuple[str, int]]) -> dict[str, Granted | GitDataError]:
            """What may be done with some objects (oid, size), ``MOST`` at a time at most."""

        def download(self, oid: str, granted: Granted, start: int, length: int | None) -> Iterator[bytes]:
            """The content of an object, in pieces."""

        def upload(self, oid: str, granted: Granted, source: Source) -> None:
            """Send an object, and have it verified if the server wants that."""

        def ranges(self, oid: str, granted: Granted) -> bool:
            """Whether a download can begin in the middle."""

        def locks(self, operation: str) -> Locks:
            """The locks on files, for one who only looks (``DOWNLOAD``) or changes something (``UPLOAD``)."""

        def close(self) -> None:
            """Give up connections."""


DOWNLOAD, UPLOAD = "download", "upload"
MEDIA_TYPE = "application/vnd.git-lfs+json"
JSON_HEADERS = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
MOST = 100
"""Objects in one question, as stock git-lfs asks; GitHub and GitLab take no more."""
_EARLY_S = 5.0
"""So much before it expires an action is not begun any more, as in git-lfs (tq/transfer.go)."""
_LONGEST_S = 2**31


class Action:
    """Where to get or put an object, and until when (``time.monotonic``; 0: does not expire).

    ``header`` goes with the request, and may be a secret.  ``arguments`` is what a server over SSH wants to be told again.
    """

    __slots__ = ("arguments", "ends_s", "header", "href")

    def __init__(
        self, href: str = "", header: Mapping[str, str] | None = None, ends_s: float = 0.0, arguments: Sequence[str] = ()
    ) -> None:
        self.href = href
        self.header = dict(header or {})
        self.ends_s = ends_s
        self.arguments = list(arguments)

    @property
    def is_over(self) -> bool:
        """Whether it has expired, or will before anything could be done with it."""
        return bool(self.ends_s) and time.monotonic() > self.ends_s - _EARLY_S


class Granted:
    """What a server permits for one object of ``size`` bytes. ``authenticated``: the requests need no other credentials."""

    __slots__ = ("actions", "authenticated", "size")

    def __init__(self, size: int, actions: dict[str, Action], authenticated: bool = False) -> None:
        self.size = size
        self.actions = actions
        self.authenticated = authenticated

    @property
    def is_over(self) -> bool:
        """Whether one of its actions has expired."""
        return any(action.is_over for action in self.actions.values())


def end_s(expires_in: Any, expires_at: Any, asked_s: float, now_s: float) -> float:
    """When something ends by ``time.monotonic``; ``expires_in`` (seconds) counts from ``asked_s`` on.

    It comes before ``expires_at`` (RFC 3339), which is compared with ``now_s``, the time of day.  Go's zero time, which some
    servers send, means that it does not expire.
    """
    if isinstance(expires_in, (int, float)) and not isinstance(expires_in, bool) and expires_in:
        return asked_s + max(-_LONGEST_S, min(float(expires_in), _LONGEST_S))
    if isinstance(expires_at, str) and expires_at:
        at_s = rfc3339(expires_at)
        if at_s > 0:
            return max(time.monotonic() + at_s - now_s, 0.001)
    return 0.0


def rfc3339(text: str) -> float:
    """Seconds since the epoch; 0 for what is no time of RFC 3339, and for Go's zero time."""
    import re
    from datetime import datetime

    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)", text.strip())
    if not found or found[1] < "1970":
        return 0.0
    zone = "+00:00" if found[3] in "Zz" else found[3]
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}").timestamp()
    except ValueError:
        return 0.0


def refusal(url: str, oid: str, code: Any, message: Any, operation: str) -> GitDataError:
    """The error for one object of many; none of these concerns any other object, but for missing rights."""
    said = harmless(message)[:200] if isinstance(message, str) and message else "no reason given"
    number = code if isinstance(code, int) else 0
    text = f"{url}: object {oid[:12]}: {said}" + (f" ({number})" if number else "")
    if operation == DOWNLOAD and number in (404, 410):
        return NotOnRemote(text)
    if number in (401, 403):
        return AccessDenied(text, "the server knows who asks and does not allow it; ask who runs it")
    return ObjectRefused(text)


def no_listing(url: str) -> RemoteError:
    """For what an LFS server has no request for."""
    return RemoteError(
        f"{url} is an LFS server, which cannot be listed and deletes nothing for its users",
        "for a remote that can be looked after, copy the data to another kind: git data mirror NAME OTHER",
    )
