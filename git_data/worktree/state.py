"""Where the content of each data file is: in the work tree, in the store, nowhere.

git says which files changed (it compares stat data and hashes only what it must), the size of an unchanged file tells
content from a pointer, the store is listed.  No content is read.
"""

from __future__ import annotations

import os
import stat

from git_data.git import scan, status
from git_data.git.attributes import with_filter
from git_data.git.index_sizes import recorded_sizes
from git_data.pointer import MAX_SIZE_BYTES
from git_data.store.presence import Presence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.git.scan import Tracked
    from git_data.store.objects import Store

CONTENT = "content"
"""the work tree has the content the index names"""
MODIFIED = "modified"
POINTER = "pointer"
DELETED = "deleted"
ABSENT = "absent"
"""not in the work tree, and git wants it so: sparse checkout, no work tree, another revision"""
CONFLICT = "conflict"


class State:
    """One data file; ``here`` is what lies in the work tree, ``stored`` whether the store has the content the index names."""

    __slots__ = ("here", "stored", "tracked")

    def __init__(self, tracked: Tracked, here: str, stored: bool) -> None:
        self.tracked = tracked
        self.here = here
        self.stored = stored

    @property
    def where(self) -> str:
        """``worktree``, ``store`` or ``nowhere``: the first place that has the content."""
        if self.here == CONTENT:
            return "worktree"
        return "store" if self.stored else "nowhere"


def survey(repo: Repository, store: Store, pathspecs: list[str] | None = None) -> list[State]:
    """The state of every data file in the index, in git's order; ``pathspecs`` are relative to the current directory.

    Raises: GitFailed, RepositoryError in a bare repository.
    """
    from concurrent.futures import ThreadPoolExecutor

    root = os.fsencode(repo.require_worktree())
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(status.changed, pathspecs or [])
        tracked = scan.in_index(repo, pathspecs)
        letters = {entry.path: entry.unstaged for entry in asked.result()}
    return classify(repo, store, tracked, letters, root)


def classify(repo: Repository, store: Store, tracked: list[Tracked], letters: dict[bytes, str], root: bytes) -> list[State]:
    """The states of files whose ``unstaged`` letters (``git.status``) are known; a path without one is unchanged."""
    has = Presence(store, len(tracked)).has
    sizes = recorded_sizes(repo.index, [item.path for item in tracked], repo.object_format)
    states = []
    for item, recorded in zip(tracked, sizes):
        pointer = item.pointer
        if recorded == pointer.size >= MAX_SIZE_BYTES and item.path not in letters:
            here = CONTENT
        else:
            here = _here(item, letters.get(item.path, "."), root)
        states.append(State(item, here, has(pointer.oid, pointer.size)))
    pointers = [state for state in states if state.here == POINTER]
    if not pointers:
        return states
    # A pointer without the filter is a text file about pointers: not ours.
    filters = with_filter([state.tracked.path for state in pointers], os.fsdecode(root))
    texts = {state.tracked.path for state in pointers if filters.get(state.tracked.path) not in ("data", "lfs")}
    return [state for state in states if state.here != POINTER or state.tracked.path not in texts]


def of_versions(store: Store, tracked: list[Tracked]) -> list[State]:
    """The states of files of a revision: only the store is asked."""
    presence = Presence(store, len(tracked))
    return [State(item, ABSENT, presence.has(item.pointer.oid, item.pointer.size)) for item in tracked]


def _here(item: Tracked, letter: str, root: bytes) -> str:
    if item.stage or letter == "U":
        return CONFLICT
    if letter == "D":
        return DELETED
    path = root + b"/" + item.path
    try:
        found = os.lstat(path)
    except OSError:
        return ABSENT
    size = found.st_size
    # Also where git says "modified": it does so for every file of another size than it has recorded.
    if size < MAX_SIZE_BYTES:
        pointer = item.pointer.encode()
        if size == len(pointer) and _read(path, found) == pointer:
            return POINTER
    return CONTENT if letter == "." and size == item.pointer.size else MODIFIED


def _read(path: bytes, found: os.stat_result) -> bytes:
    try:
        if stat.S_ISREG(found.st_mode):
            with open(path, "rb", buffering=0) as file:
                return file.read(MAX_SIZE_BYTES)
    except OSError:
        pass
    return b""
