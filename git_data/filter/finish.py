"""What is left to do when git has closed our input: sync, link, share, report.

git waits for us here, and has written its index, unless it died: then it still holds ``index.lock``, so nothing waits for that
lock for long.
"""

from __future__ import annotations

import os

from git_data.git.repo import Repository
from git_data.pointer import Pointer
from git_data.store.objects import Store
from git_data.worktree import journal


def finish(repo: Repository, store: Store, copies: dict[bytes, Pointer], stored: bool) -> None:
    """Make what was stored durable, bring content to the paths that wait, share what had to be copied."""
    store.flush()
    if not repo.worktree:
        return
    if stored or copies or journal.exists(repo.data_dir):
        _complete_setup(repo, store)
    if journal.exists(repo.data_dir):
        from git_data.worktree.pending import relink_pending

        relink_pending(repo, store)
    if copies:
        _share_copies(repo, store, copies)


def _share_copies(repo: Repository, store: Store, copies: dict[bytes, Pointer]) -> None:
    """Let files that were written byte by byte share their blocks with the store, where the kernel can."""
    from git_data.link.extents import share, shared

    for path, pointer in copies.items():
        target = os.path.join(os.fsencode(repo.worktree), path)
        object = store.find(pointer.oid, pointer.size)
        try:
            if object is None or os.lstat(target).st_size != pointer.size or shared(object, target):
                continue
            share(object, target)
        except OSError:
            return  # this file system cannot share


def _complete_setup(repo: Repository, store: Store) -> None:
    """A repository that knows the filter from the user's settings only gets its hooks now."""
    if os.path.exists(os.path.join(repo.common_dir, "data", "installed")):
        return
    from git_data.setup.hooks import install_hooks

    store.make()
    install_hooks(repo)
