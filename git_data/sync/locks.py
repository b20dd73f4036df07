"""Taking locks on files, giving them back, and listing them.

What the server says is remembered (``lock_cache``): whether a file may be edited, and who locks what, can be told without it.
"""

from __future__ import annotations

from git_data.errors import AccessDenied, CheckFailed, Locked, NotOnRemote
from git_data.git.repo import Repository
from git_data.remote.address import parse
from git_data.remote.lfs import Lfs
from git_data.sync import lock_cache
from git_data.sync.lock_cache import OURS, THEIRS, Known
from git_data.sync.lock_server import current_ref, server_for
from git_data.sync.remotes import Named, open_named
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.remote.base import Remote
    from git_data.remote.lfs_locks import Lock


class Desk:
    """One server, in use. ``url`` is what it is remembered by; ``remote`` may be given where it is open already."""

    def __init__(self, repo: Repository, named: Named, ref: str, remote: Remote | None = None) -> None:
        self._is_ours_to_close = remote is None
        remote = remote or open_named(repo, named)
        assert isinstance(remote, Lfs)  # by its address
        self.repo = repo
        self.url = remote.url
        self._remote = remote
        self._ref = ref

    def close(self) -> None:
        """Give up connections that were made for it."""
        if self._is_ours_to_close:
            self._remote.close()

    def take(self, path: str) -> tuple[Known, bool]:
        """Lock a path (relative to the top): the lock, and whether it is new; it may be ours from before, from any clone.

        Raises: Locked when it is somebody else's, RemoteError, AccessDenied.
        """
        # asked again, perhaps, it says that the lock is there, and ours
        lock, is_new = retried(lambda: self._remote.locks().create(path, self._ref))
        if not is_new and not self._is_ours(lock, path):
            raise Locked(
                f"'{path}' is locked by {_who(lock)}",
                f"ask for it; or, if nobody needs it any more: git data unlock --force '{path}'",
            )
        known = Known(self.url, lock.id, path, lock.owner, lock.locked_at, OURS)
        lock_cache.add(self.repo, known)
        return known, is_new

    def _is_ours(self, lock: Lock, path: str) -> bool:
        ours = {known.id for known in lock_cache.own(self.repo) if known.server == self.url}
        if lock.id in ours:
            return True
        # held from another clone, perhaps; who may not ask that has no lock of his own
        try:
            return any(other.path == path for other in self.all_verified()[0])
        except AccessDenied:
            return False

    def give_back(self, lock: Known, force: bool = False) -> None:
        """Unlock. Raises: Locked for somebody else's without ``force``, CheckFailed when there is no such lock, RemoteError."""
        try:
            self._remote.locks().remove(lock.id, self._ref, force)
        except NotOnRemote:
            lock_cache.remove(self.repo, self.url, lock.id)
            raise CheckFailed(f"'{lock.path or lock.id}' is not locked any more") from None
        except AccessDenied as error:
            if lock.whose == OURS or force:
                raise
            raise Locked(
                f"'{lock.path or lock.id}' is locked by {_who(lock)}: {error.message}",
                f"if nobody needs the lock any more: git data unlock --force {_words(lock)}",
            ) from None
        lock_cache.remove(self.repo, self.url, lock.id)

    def look_up(self, path: str = "", id: str = "") -> Known | None:
        """The lock on a path, or with an id: what is remembered of our own, else what the server says."""
        for known in lock_cache.own(self.repo):
            if known.server == self.url and (known.path == path or (id and known.id == id)):
                return known
        found = [lock for lock in self._find(path, id) if lock.path == path or (id and lock.id == id)]
        return self._known(found[0], "") if found else None

    def find(self, path: str = "", id: str = "", limit: int = 0) -> list[Known]:
        """What the server lists; whose a lock is, is known of our own only."""
        ours = {known.id for known in lock_cache.own(self.repo) if known.server == self.url}
        found = self._find(path, id, limit)
        known = [self._known(lock, OURS if lock.id in ours else "") for lock in found]
        if not path and not id and not limit:
            lock_cache.replace(self.repo, self.url, known, told_whose=False)
        return known

    def _find(self, path: str, id: str, limit: int = 0) -> list[Lock]:
        return retried(lambda: self._remote.locks(to_change=False).find(self._ref, path, id, limit))

    def all_verified(self) -> tuple[list[Known], list[Known]]:
        """All locks, ours and those of others, as the server knows who asks."""
        ours, theirs = retried(lambda: self._remote.locks().verify(self._ref))
        found = [self._known(lock, OURS) for lock in ours], [self._known(lock, THEIRS) for lock in theirs]
        lock_cache.replace(self.repo, self.url, [*found[0], *found[1]], told_whose=True)
        return found

    def _known(self, lock: Lock, whose: str) -> Known:
        return Known(self.url, lock.id, lock.path, lock.owner, lock.locked_at, whose)


def open_desk(repo: Repository, name: str = "") -> Desk:
    """The server, see ``server_for``; nothing is connected yet."""
    named, git_remote = server_for(repo, name)
    return Desk(repo, named, current_ref(repo, git_remote))


def known_url(repo: Repository, name: str = "") -> str:
    """What the server is remembered by."""
    return parse(server_for(repo, name)[0].url).url


def _who(lock: Lock | Known) -> str:
    return f"'{lock.owner}'" + (f" since {lock.locked_at}" if lock.locked_at else "") if lock.owner else "somebody else"


def _words(lock: Known) -> str:
    return f"'{lock.path}'" if lock.path else f"--id {lock.id}"
