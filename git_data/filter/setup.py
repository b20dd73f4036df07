"""Making a cleaner that fits a repository."""

from __future__ import annotations

import os

from git_data.errors import GitDataError, UsageError
from git_data.filter.clean import Cleaner
from git_data.git.repo import Repository
from git_data.link import probe
from git_data.pointer import FORMATS
from git_data.store.objects import Store
from git_data.store.place import register


def make_cleaner(repo: Repository, store: Store, pointer_format: str = "") -> Cleaner:
    """A cleaner for ``repo``'s work tree; creates the store on the way. Pointers are as the settings say, or as given.

    A store that cannot be written is no obstacle yet: checkouts only read.

    Raises: UsageError for a format there is not.
    """
    if pointer_format and pointer_format not in FORMATS:
        raise UsageError(f"'{pointer_format}' is not a format of pointers", f"one of: {', '.join(FORMATS)}")
    clone = False
    try:
        store.make()
        register(repo, store)
        if repo.worktree:
            methods = probe.usable(("reflink",), _like_worktree(repo, store), store.tmp, _memory(repo))
            clone = "reflink" in methods
    except (GitDataError, OSError):
        clone = False
    kept = None
    if repo.worktree and len(repo.filters) > 1:
        from git_data.filter.formats import Kept

        kept = Kept(repo)
    return Cleaner(store, repo.worktree or ".", clone, pointer_format or repo.settings.pointer_format, kept)


def _like_worktree(repo: Repository, store: Store) -> str:
    """A directory of ours on the work tree's file system, so that a kill leaves no probe file among the user's."""
    device = os.stat(repo.worktree).st_dev
    if os.stat(store.tmp).st_dev == device:
        return store.tmp
    stage = os.path.join(repo.data_dir, "tmp")
    os.makedirs(stage, exist_ok=True)
    return stage if os.stat(stage).st_dev == device else repo.worktree


def _memory(repo: Repository) -> str:
    return os.path.join(repo.data_dir, "links")
