"""Fetching what a checkout lacks, all of it in one go, when the settings allow it (``data.fetch = auto``).

Nothing here stops a checkout: what cannot be had stays a pointer, and one line says why.
"""

from __future__ import annotations

import os

from git_data.base import report
from git_data.errors import GitDataError
from git_data.sync.implied import look_for_remotes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.store.objects import Store


def bring(repo: Repository, store: Store, pointers: Iterable[Pointer]) -> None:
    """Have in the store what remotes have of ``pointers``."""
    wanted = {pointer.oid: pointer for pointer in pointers if store.find(pointer.oid, pointer.size) is None}
    if not wanted or repo.settings.fetch != "auto":
        return
    repo = _with_remotes(repo)
    look_for_remotes(repo)
    if not repo.config.names_remotes:
        return
    from git_data.base import libraries

    libraries.enable()
    from git_data.sync.fetch import fetch, sources

    try:
        fetched = fetch(repo, store, list(wanted.values()), sources(repo))
    except GitDataError as error:
        _say(error)
        return
    if fetched.missing:
        _say(fetched.missing[0][1])


def _say(error: GitDataError) -> None:
    report.say(error.message + (f"\n  {error.hint}" if error.hint else ""))


def _with_remotes(repo: Repository) -> Repository:
    """The repository as it is now: git may just have written the ``.gitdata`` that names the remote."""
    if not repo.worktree or not os.path.exists(os.path.join(repo.worktree, ".gitdata")):
        return repo
    from git_data.git.repo import locate

    try:
        return locate()
    except GitDataError:
        return repo
