"""Bringing lost or damaged objects back: from files in the work tree that hold their content, or from quarantine.

Quarantine may hold sound content: after a failed sync everything that was to be synced goes there.
"""

from __future__ import annotations

import os

from git_data.git.scan import in_index
from git_data.store.objects import Store
from git_data.store.put import put_item, put_items
from git_data.worktree.share import verify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.pointer import Pointer


def restore(repo: Repository, store: Store, lost: list[Pointer]) -> dict[str, str]:
    """Store again what can be found: oid → the path it came from. Raises: FileSystemError."""
    wanted = {pointer.oid: pointer for pointer in lost}
    restored = _from_quarantine(store, wanted)
    if repo.worktree:
        for oid, path in _from_worktree(repo, store, {oid: wanted[oid] for oid in wanted if oid not in restored}).items():
            restored[oid] = path
    store.flush()
    return restored


def _from_worktree(repo: Repository, store: Store, wanted: dict[str, Pointer]) -> dict[str, str]:
    restored: dict[str, str] = {}
    if not wanted:
        return restored
    for file in in_index(repo):
        oid = file.pointer.oid
        if oid in wanted and oid not in restored and _store(store, repo.worktree, file.path, file.pointer):
            restored[oid] = os.fsdecode(file.path)
    return restored


def _from_quarantine(store: Store, wanted: dict[str, Pointer]) -> dict[str, str]:
    restored: dict[str, str] = {}
    place = os.path.join(store.root, "quarantine")
    try:
        names = sorted(os.listdir(place))
    except OSError:
        return restored
    for name in names:
        pointer = wanted.get(name.partition(".")[0])
        # copied, not moved: what a failed sync left may be in memory only, and is written anew
        if pointer is not None and pointer.oid not in restored and _store(store, place, os.fsencode(name), pointer, clone=False):
            restored[pointer.oid] = os.path.join(place, name)
    return restored


def _store(store: Store, root: str, path: bytes, pointer: Pointer, clone: bool = True) -> bool:
    """Store a file (relative to ``root``) if it holds exactly what the pointer names."""
    full = os.path.join(os.fsencode(root), path)
    try:
        if os.lstat(full).st_size != pointer.size:
            return False
        status = verify(full, pointer)
    except OSError:
        return False
    if status is None:
        return False
    item = put_item(store, pointer.oid, pointer.size, source=path, status=status)
    item.clone = clone
    return not put_items(store, root, [item])
