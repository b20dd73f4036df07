"""Every object that git-lfs's pointers name gets into the store: from this machine, else from the LFS server.

What was brought stays when the command is killed; the next one goes on from there.
"""

from __future__ import annotations

import os

from git_data.base.report import Progress
from git_data.errors import GitDataError, UsageError
from git_data.migrate import lfs_objects
from git_data.remote.layout import object_key
from git_data.sync.fetch import fetch, lacking, sources
from git_data.sync.implied import look_for_remotes
from git_data.sync.lfs_discovery import discover
from git_data.sync.session import Session
from git_data.worktree.restore import restore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.lfs_objects import Local
    from git_data.migrate.lfs_plan import History
    from git_data.pointer import Pointer
    from git_data.store.objects import Store
    from git_data.sync.lfs_discovery import Found


class Supply:
    """Where the content of history is.

    ``server`` is the LFS server of the git remote, if there is one; ``trouble`` why it could not be asked; ``nowhere`` what
    neither this machine nor, as far as it was asked, the server has.
    """

    def __init__(self) -> None:
        self.stored: list[Pointer] = []
        self.local: list[Local] = []
        self.absent: list[Pointer] = []
        self.spare: list[Local] = []
        """what only reflogs need, as far as it is on this machine"""
        self.server: Found | None = None
        self.trouble: GitDataError | None = None
        self.nowhere: list[Pointer] = []
        self.damaged: list[Local] = []
        self.linked: dict[str, str] = {}
        """oid → the file of git-lfs that shares its blocks with the store"""
        self.linked_bytes = 0
        self.copied_bytes = 0
        self.fetched_bytes = 0

    @property
    def missing(self) -> set[str]:
        """The oids of what is nowhere."""
        return {pointer.oid for pointer in self.nowhere}


def look(repo: Repository, store: Store, history: History) -> Supply:
    """Look on this machine. Raises: GitFailed."""
    supply = Supply()
    found = lfs_objects.find(repo, store, history.needed.values())
    supply.stored, supply.local, supply.absent = found.stored, found.local, found.absent
    supply.spare = lfs_objects.find(repo, store, history.spare.values()).local
    supply.nowhere = list(supply.absent)
    try:
        supply.server = discover(repo)
    except UsageError as error:
        supply.trouble = error
    return supply


def ask_server(repo: Repository, supply: Supply) -> None:
    """Find out which of the absent objects the server has, without bringing them."""
    if supply.server is None or not supply.absent:
        return
    try:
        session = Session(repo, supply.server.named())
        try:
            wanted = [(object_key(pointer.oid), pointer.size) for pointer in supply.absent]
            answers = session.remote.find_many(wanted)
        finally:
            session.close()
    except GitDataError as error:
        supply.trouble = error
        return
    supply.nowhere = [pointer for pointer, answer in zip(supply.absent, answers) if answer is None]


def bytes_needed(store: Store, supply: Supply, linked: bool = True) -> int:
    """The space that the store will take besides what is there; ``linked``: links to files of git-lfs can be made."""
    device = _device(store.root)
    copies = [item for item in (*supply.local, *supply.spare) if not linked or os.stat(item.root).st_dev != device]
    missing = supply.missing
    absent = [pointer for pointer in supply.absent if pointer.oid not in missing or supply.server is not None]
    return sum(item.pointer.size for item in copies) + sum(pointer.size for pointer in absent)


def link(repo: Repository, store: Store, supply: Supply, jobs: int) -> None:
    """Take what git-lfs has here. Raises: FileSystemError."""
    local = [*supply.local, *supply.spare]
    size = sum(item.pointer.size for item in local)
    with Progress("linking objects of git-lfs", len(local), size) as progress:
        taken = lfs_objects.take(repo, store, local, jobs, progress)
    supply.damaged = taken.damaged
    supply.linked = taken.linked
    supply.linked_bytes, supply.copied_bytes = taken.linked_bytes, taken.copied_bytes


def fetch_rest(repo: Repository, store: Store, supply: Supply) -> None:
    """Have what is not here, too: from files in the work tree, then from servers. ``supply.nowhere`` is what remains.

    Raises: FileSystemError.
    """
    spare = {item.pointer.oid for item in supply.spare}
    damaged = [item.pointer for item in supply.damaged if item.pointer.oid not in spare]
    wanted = lacking(store, [*supply.absent, *damaged])
    if wanted and restore(repo, store, wanted):
        wanted = lacking(store, wanted)
    if wanted:
        look_for_remotes(repo)
        remotes = sources(repo)
        if supply.server is not None and all(remote.url != supply.server.address for remote in remotes):
            remotes.insert(0, supply.server.named())
        if remotes:
            fetched = fetch(repo, store, wanted, remotes)
            supply.fetched_bytes = fetched.bytes
            if fetched.missing:
                supply.trouble = fetched.missing[0][1]
    supply.nowhere = lacking(store, wanted)


def _device(path: str) -> int:
    return os.stat(_existing(path)).st_dev


def _existing(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path
