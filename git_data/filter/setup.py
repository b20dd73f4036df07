"""Making a cleaner that fits a repository."""

from __future__ import annotations

import os

from git_data.errors import GitDataError
from git_data.filter.clean import Cleaner
from git_data.git.repo import Repository
from git_data.link import probe
from git_data.store.objects import Store
from git_data.store.place import register


def make_cleaner(repo: Repository, store: Store) -> Cleaner:
    """A cleaner for ``repo``'s work tree; creates the store on the way.

    A store that cannot be written is no obstacle yet: checkouts only read.
    """
    clone = False
    try:
        store.make()
        register(repo, store)
        if repo.worktree:
            methods = probe.usable(("reflink",), repo.worktree, store.tmp, _memory(repo))
            clone = "reflink" in methods
    except (GitDataError, OSError):
        clone = False
    return Cleaner(store, repo.worktree or ".", clone, repo.settings.pointer_format)


def _memory(repo: Repository) -> str:
    return os.path.join(repo.data_dir, "links")
