"""Locks on files, which an LFS server keeps for all who work on a repository (git-lfs: docs/api/locking.md).

A lock is on a path, relative to the top of the work tree, and belongs to whoever the server knows the client as.  Here is what
it takes over HTTP; ``lfs_locks_ssh`` does the same over SSH.  Neither knows files.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from git_data.base.report import harmless
from git_data.errors import NotOnRemote, RemoteError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from git_data.remote.lfs_http import HttpServer

    class Locks(Protocol):
        """The locks of one repository. All methods raise RemoteError and its kin; NoLocking where the server keeps none.

        ``ref`` is the full name of the ref that is worked on, empty if there is none: some servers give rights by it.
        """

        def create(self, path: str, ref: str) -> tuple[Lock, bool]:
            """Lock a path: the lock, and whether it was made now; else it is the one that is in the way."""

        def remove(self, id: str, ref: str, force: bool) -> None:
            """Unlock; with ``force`` a lock of somebody else. Raises: NotOnRemote, AccessDenied."""

        def find(self, ref: str, path: str = "", id: str = "", limit: int = 0) -> list[Lock]:
            """All locks, or those of a path or with an id; ``limit`` 0: however many there are."""

        def verify(self, ref: str) -> tuple[list[Lock], list[Lock]]:
            """All locks, ours and those of others. Takes the right to push."""


MOST_PAGES = 10_000


class NoLocking(RemoteError):
    """The server keeps no locks."""


class Lock:
    """``owner`` is a name for people; ``locked_at`` is RFC 3339, as the server writes it. Both may be empty."""

    __slots__ = ("id", "locked_at", "owner", "path")

    def __init__(self, id: str, path: str, owner: str = "", locked_at: str = "") -> None:
        self.id = _clean(id)
        self.path = _clean(path)
        self.owner = _clean(owner)
        self.locked_at = _clean(locked_at)


def _clean(text: str) -> str:
    """Text that can be written down, whatever the server says."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()


def no_locking(url: str) -> NoLocking:
    """For a server without locks."""
    return NoLocking(f"{url} keeps no locks on files", "git data remote list   # is it the right server?")


def check_path(path: str) -> None:
    """Raises: UsageError for a path that no server could be told."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UsageError(f"'{harmless(path)}' cannot be locked: its name is not UTF-8") from None
    if "\n" in path:
        raise UsageError(f"'{harmless(path)}' cannot be locked: there is a line feed in its name")


class HttpLocks:
    """See ``Locks``. ``operation`` says which rights are asked for, where the way to the server depends on them."""

    def __init__(self, server: HttpServer, operation: str) -> None:
        self._server = server
        self._operation = operation
        self.url = server.url

    def _call(self, method: str, path: str, content: dict[str, Any] | None, ok: tuple[int, ...]) -> tuple[int, dict[str, Any]]:
        status, answer = self._server.call(method, path, self._operation, content, (*ok, 501))
        if status == 501:
            raise no_locking(self.url)
        return status, answer

    def create(self, path: str, ref: str) -> tuple[Lock, bool]:
        """See ``Locks.create``."""
        check_path(path)
        try:
            status, answer = self._call("POST", "locks", {"path": path, **_ref(ref)}, (200, 201, 409))
        except NotOnRemote:
            raise no_locking(self.url) from None
        lock = _lock(answer.get("lock"))
        if lock is not None:
            return lock, status != 409
        # some servers do not say whose lock is in the way, or not even by the status that there is one
        there = self.find(ref, path=path)
        if not there:
            raise self._nonsense(answer)
        return there[0], False

    def remove(self, id: str, ref: str, force: bool) -> None:
        """See ``Locks.remove``."""
        _, answer = self._call("POST", f"locks/{quote(id, safe='')}/unlock", {"force": force, **_ref(ref)}, (200,))
        if answer.get("message") and not answer.get("lock"):
            raise self._nonsense(answer)

    def find(self, ref: str, path: str = "", id: str = "", limit: int = 0) -> list[Lock]:
        """See ``Locks.find``."""
        found: list[Lock] = []
        query = {"path": path, "id": id, "limit": str(limit) if limit else "", "refspec": ref}
        for _ in range(MOST_PAGES):
            words = urlencode({name: value for name, value in query.items() if value}, quote_via=quote)
            try:
                _, answer = self._call("GET", f"locks?{words}" if words else "locks", None, (200,))
            except NotOnRemote:
                raise no_locking(self.url) from None
            found += self._locks(answer, "locks")
            query["cursor"] = _cursor(answer.get("next_cursor"))
            if not query["cursor"] or 0 < limit <= len(found):
                break
        return found[:limit] if limit else found

    def verify(self, ref: str) -> tuple[list[Lock], list[Lock]]:
        """See ``Locks.verify``."""
        ours: list[Lock] = []
        theirs: list[Lock] = []
        question: dict[str, Any] = _ref(ref)
        for _ in range(MOST_PAGES):
            try:
                _, answer = self._call("POST", "locks/verify", question, (200,))
            except NotOnRemote:
                raise no_locking(self.url) from None
            ours += self._locks(answer, "ours")
            theirs += self._locks(answer, "theirs")
            question["cursor"] = _cursor(answer.get("next_cursor"))
            if not question["cursor"]:
                break
        return ours, theirs

    def _locks(self, answer: dict[str, Any], name: str) -> list[Lock]:
        listed = answer.get(name)
        locks = [_lock(item) for item in listed] if isinstance(listed, list) else []
        if (listed is not None and not isinstance(listed, list)) or None in locks:
            raise self._nonsense({})
        if not locks and answer.get("message"):
            raise self._nonsense(answer)
        return [lock for lock in locks if lock is not None]

    def _nonsense(self, answer: dict[str, Any]) -> RemoteError:
        said = answer.get("message")
        if isinstance(said, str) and said:
            return RemoteError(f"{self.url}: {harmless(said)[:200]}")
        return RemoteError(f"{self.url} does not tell of locks as an LFS server would")


def _ref(ref: str) -> dict[str, Any]:
    return {"ref": {"name": ref}} if ref else {}


def _lock(item: Any) -> Lock | None:
    if not isinstance(item, dict) or not isinstance(item.get("path"), str) or not item.get("id"):
        return None
    owner = item.get("owner")
    name = owner.get("name") if isinstance(owner, dict) else ""
    at = item.get("locked_at")
    return Lock(str(item["id"]), item["path"], name if isinstance(name, str) else "", at if isinstance(at, str) else "")


def _cursor(value: Any) -> str:
    return str(value) if isinstance(value, (str, int)) and value else ""
