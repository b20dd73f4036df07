"""What this clone remembers of locks: those it holds, and those it was last told of.

``<git dir>/data/locks/own`` has the locks of whoever works here, ``seen`` what each server listed last.  Both are records of
six fields, each ended by NUL: address of the server, id, path, owner, time (RFC 3339), and ``ours``, ``theirs`` or nothing.
Work trees of one repository share them.  Filters and hooks read ``own``, so nothing is imported here that takes time.

Files are replaced as a whole; two processes at once take turns.  What is lost is the memory, never the lock.
"""

from __future__ import annotations

import os

from git_data.base import fsio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository

OURS, THEIRS = "ours", "theirs"
_FIELDS = 6


class Known:
    """A lock as it was told of. ``whose``: ``OURS``, ``THEIRS``, or empty where the server did not say."""

    __slots__ = ("id", "locked_at", "owner", "path", "server", "whose")

    def __init__(self, server: str, id: str, path: str, owner: str = "", locked_at: str = "", whose: str = "") -> None:
        self.server = server
        self.id = id
        self.path = path
        self.owner = owner
        self.locked_at = locked_at
        self.whose = whose


def own(repo: Repository) -> list[Known]:
    """The locks that are held here, as far as is known without asking."""
    return _read(_place(repo, "own"))


def own_paths(repo: Repository) -> set[bytes]:
    """The paths of those."""
    return {os.fsencode(lock.path) for lock in own(repo)}


def seen(repo: Repository, server: str) -> list[Known] | None:
    """What a server listed last; ``None`` if it was never asked for all it has."""
    path = _place(repo, "seen")
    found = [lock for lock in _read(path) if lock.server == server]
    # an empty record says that there were none
    return [lock for lock in found if lock.id] if found else None


def add(repo: Repository, lock: Known) -> None:
    """A lock is ours now. Raises: OSError."""
    with _Turn(repo):
        kept = [other for other in own(repo) if (other.server, other.path) != (lock.server, lock.path)]
        _write(repo, "own", [*kept, lock])


def remove(repo: Repository, server: str, id: str) -> None:
    """A lock is gone. Raises: OSError."""
    with _Turn(repo):
        for name in ("own", "seen"):
            known = _read(_place(repo, name))
            kept = [lock for lock in known if (lock.server, lock.id) != (server, id)]
            if len(kept) < len(known):
                _write(repo, name, kept)


def replace(repo: Repository, server: str, locks: list[Known], told_whose: bool) -> None:
    """All locks of a server, from now on; of those of ours only ``told_whose`` says which they are. Raises: OSError."""
    with _Turn(repo):
        others = [lock for lock in _read(_place(repo, "seen")) if lock.server != server]
        _write(repo, "seen", [*others, Known(server, "", ""), *locks])
        known = own(repo)
        ids = {lock.id for lock in locks if not told_whose or lock.whose == OURS}
        before = {lock.id for lock in known if lock.server == server}
        kept = [lock for lock in known if lock.server != server or lock.id in ids]
        new = [lock for lock in locks if lock.whose == OURS and lock.id not in before]
        if new or len(kept) < len(known):
            _write(repo, "own", [*kept, *new])


class _Turn:
    """The exclusive right to write."""

    def __init__(self, repo: Repository) -> None:
        from git_data.base.lock import Advisory

        os.makedirs(_place(repo, ""), exist_ok=True)
        self._lock = Advisory(_place(repo, "turn"))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        os.close(self._lock.fd)


def _place(repo: Repository, name: str) -> str:
    return os.path.join(repo.common_dir, "data", "locks", name)


def _read(path: str) -> list[Known]:
    fields = [os.fsdecode(field) for field in (fsio.read_file(path) or b"").split(b"\0")[:-1]]
    return [Known(*fields[at : at + _FIELDS]) for at in range(0, len(fields) - _FIELDS + 1, _FIELDS)]


def _write(repo: Repository, name: str, locks: Iterable[Known]) -> None:
    records = [
        os.fsencode("".join(f"{field}\0" for field in (lock.server, lock.id, lock.path, lock.owner, lock.locked_at, lock.whose)))
        for lock in locks
    ]
    fsio.write_file(_place(repo, name), b"".join(records))
