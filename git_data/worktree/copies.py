"""Files that take their space twice although they could be links."""

from __future__ import annotations

import os

from git_data.link import probe
from git_data.worktree.share import share_with_store
from git_data.worktree.state import CONTENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.store.objects import Store
    from git_data.worktree.state import State

WORTH_BYTES = 1 << 16
MOST_FILES = 200
"""Where blocks can be shared the largest files are looked at only: asking for the blocks of one takes a few system calls."""


def link_types(repo: Repository, store: Store) -> tuple[str, ...]:
    """The types of links that work from the store into the work tree, best first; empty where nothing can be tried.

    Tried once for a pair of file systems and remembered.
    """
    if not repo.worktree or not os.path.isdir(store.tmp):
        return ()
    stage = os.path.join(repo.data_dir, "tmp")
    try:
        os.makedirs(stage, exist_ok=True)
        return probe.usable(("reflink", "hardlink", "copy"), store.tmp, stage, os.path.join(repo.data_dir, "links"))
    except OSError:
        return ()


class Copies:
    """Files that could be links; ``complete`` is false where only the largest were looked at."""

    __slots__ = ("complete", "files")

    def __init__(self, files: list[tuple[bytes, Pointer]], complete: bool = True) -> None:
        self.files = files
        self.complete = complete

    @property
    def size_bytes(self) -> int:
        """What they take a second time."""
        return sum(pointer.size for _, pointer in self.files)


def find_copies(repo: Repository, store: Store, states: list[State]) -> Copies:
    """Files that are copies where a link of the kind that is configured works."""
    candidates = [
        (state.tracked.path, state.tracked.pointer)
        for state in states
        if state.here == CONTENT and state.stored and state.tracked.pointer.size >= WORTH_BYTES
    ]
    works = link_types(repo, store) if candidates else ()
    method = next((name for name in repo.settings.link if name in works), "copy")
    if method == "reflink":
        candidates.sort(key=lambda item: -item[1].size)
        largest = candidates[:MOST_FILES]
        copies = set(share_with_store(store, repo.worktree, largest, dry_run=True).linked)
        return Copies([item for item in largest if item[0] in copies], len(candidates) <= MOST_FILES)
    if method == "hardlink":
        return Copies([item for item in candidates if _is_alone(os.path.join(os.fsencode(repo.worktree), item[0]))])
    return Copies([])


def _is_alone(path: bytes) -> bool:
    """Whether nothing else links to the file, and it could be a link: hard links cannot be executable."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return status.st_nlink == 1 and not status.st_mode & 0o111
