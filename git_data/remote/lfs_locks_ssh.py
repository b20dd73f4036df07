"""Locks on files over SSH alone: commands of ``git-lfs-transfer`` (git-lfs: docs/proposals/ssh_adapter.md, "Locks").

The specification has an operation ``lock`` for them; stock git-lfs sends them in sessions for ``download`` and ``upload``, and
some servers know no others.  So do we.
"""

from __future__ import annotations

from git_data.base.report import harmless
from git_data.errors import AccessDenied, NotOnRemote, RemoteError, RemoteUnavailable, UsageError
from git_data.remote.lfs_locks import MOST_PAGES, Lock, check_path, no_locking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.remote.lfs_pure import Sessions
    from git_data.remote.lfs_transfer import Answer

_NO_SUCH_COMMAND = (404, 405, 410, 501)


class SshLocks:
    """See ``lfs_locks.Locks``; ``operation`` is that of the sessions."""

    def __init__(self, sessions: Sessions, operation: str) -> None:
        self._sessions = sessions
        self._operation = operation
        self.url = sessions.address.url

    def _ask(self, command: str, arguments: dict[str, str]) -> Answer:
        words = [f"{name}={value}" for name, value in arguments.items() if value]
        with self._sessions.use(self._operation) as session:
            if "locking" not in session.capabilities:
                raise no_locking(self.url)
            return session.ask(command, words)

    def create(self, path: str, ref: str) -> tuple[Lock, bool]:
        """See ``Locks.create``."""
        check_path(path)
        answer = self._ask("lock", {"path": path, "refname": ref})
        if not answer.ok and answer.status != 409:
            raise self._failure(answer)
        told = answer.arguments
        if answer.ok and not told.get("id"):
            raise self._nonsense()
        lock = Lock(told.get("id", ""), told.get("path") or path, told.get("ownername", ""), told.get("locked-at", ""))
        return lock, answer.ok

    def remove(self, id: str, ref: str, force: bool) -> None:
        """See ``Locks.remove``."""
        if any(character in id for character in " \n\0"):
            raise UsageError(f"'{harmless(id)}' is no id of a lock")
        answer = self._ask(f"unlock {id}", {"refname": ref, "force": "true" if force else ""})
        if answer.status in (404, 410):
            raise NotOnRemote(f"{self.url}: {answer.said}")
        if not answer.ok:
            raise self._failure(answer)

    def find(self, ref: str, path: str = "", id: str = "", limit: int = 0) -> list[Lock]:
        """See ``Locks.find``."""
        if "\n" in path + id:
            return []
        return [lock for lock, _ in self._pages({"path": path, "id": id, "refspec": ref}, limit)]

    def verify(self, ref: str) -> tuple[list[Lock], list[Lock]]:
        """See ``Locks.verify``. A lock the server does not say the owner's relation of is somebody else's."""
        found = self._pages({"refname": ref}, 0)
        return [lock for lock, ours in found if ours], [lock for lock, ours in found if not ours]

    def _pages(self, arguments: dict[str, str], limit: int) -> list[tuple[Lock, bool]]:
        found: list[tuple[Lock, bool]] = []
        arguments["limit"] = str(limit) if limit else ""
        for _ in range(MOST_PAGES):
            answer = self._ask("list-lock", arguments)
            if not answer.ok:
                raise self._failure(answer)
            found += self._understood(answer)
            arguments["cursor"] = answer.arguments.get("next-cursor", "")
            if not arguments["cursor"] or 0 < limit <= len(found):
                break
        return found[:limit] if limit else found

    def _understood(self, answer: Answer) -> list[tuple[Lock, bool]]:
        found: dict[str, dict[str, str]] = {}
        for line in answer.lines:
            word, _, rest = line.partition(" ")
            id, _, value = rest.partition(" ")
            if word == "lock":
                found[id] = {}
            elif id in found:
                found[id][word] = value
            else:
                raise self._nonsense()
        if not all(lock.get("path") for lock in found.values()):
            raise self._nonsense()
        return [
            (Lock(id, lock["path"], lock.get("ownername", ""), lock.get("locked-at", "")), lock.get("owner") == "ours")
            for id, lock in found.items()
        ]

    def _failure(self, answer: Answer) -> RemoteError:
        about = f"{self.url}: {answer.said}"
        if answer.status in (401, 403):
            return AccessDenied(about)
        if answer.status in _NO_SUCH_COMMAND:
            return no_locking(self.url)
        return RemoteUnavailable(about) if answer.status == 429 or answer.status >= 500 else RemoteError(about)

    def _nonsense(self) -> RemoteError:
        return RemoteError(f"{self.url}: git-lfs-transfer does not tell of locks as it should")
