"""Writing what configuration says of remotes: into ``.gitdata`` or into the repository's own configuration.

git writes both files (``git config``), one key after the other and the URL last: a remote that is half-written has no URL yet and
does not count.
"""

from __future__ import annotations

import os
import shutil

from git_data.config import COMMITTED_FILE, REMOTE_LOCAL, remote_key
from git_data.errors import RepositoryError, UsageError
from git_data.git.run import git
from git_data.sync.remotes import COMMITTED, Named, address_of, directory_of, endpoint_may_be_committed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository

LOCAL = ("--local",)
"""The place that is nobody else's."""


def committed_place(repo: Repository) -> tuple[str, ...]:
    """The options of ``git config`` for ``.gitdata``. Raises: RepositoryError."""
    path = os.path.join(repo.require_worktree(), COMMITTED_FILE)
    if os.path.islink(path):
        raise RepositoryError(f"'{path}' is a symbolic link and is not written through", "use --local")
    in_use = any(entry.scope == COMMITTED for entries in repo.config.entries.values() for entry in entries)
    if in_use and not os.path.exists(path):
        raise RepositoryError(f"'{COMMITTED_FILE}' is not in the work tree", f"git checkout -- :/{COMMITTED_FILE}")
    return ("--file", path)


def write(repo: Repository, place: tuple[str, ...], name: str, settings: dict[str, str], url: str = "") -> list[str]:
    """Write a remote; what may not be committed goes into the repository's own configuration, and is given back."""
    local = REMOTE_LOCAL if endpoint_may_be_committed(url) else {*REMOTE_LOCAL, "endpoint"}
    kept = [setting for setting in settings if setting in local and place != LOCAL]
    for setting, value in settings.items():
        git("config", *(LOCAL if setting in kept else place), "--replace-all", f"data.{name}.{setting}", value)
    if url:
        git("config", *place, "--replace-all", f"data.{name}.url", url)
    return kept


def write_default(place: tuple[str, ...], name: str) -> None:
    """Make a remote the default one."""
    git("config", *place, "--replace-all", "data.remote", name)


def rename(repo: Repository, old: str, new: str) -> list[str]:
    """Rename a remote wherever this repository and ``.gitdata`` speak of it; the scopes where it keeps its name."""
    scopes = _scopes(repo, old)
    for place in _places(repo, scopes, old):
        git("config", *place, "--rename-section", f"data.{old}", f"data.{new}")
    for place, key in _references(repo, old):
        git("config", *place, "--replace-all", key, new)
    return sorted(scopes - {COMMITTED, "local"})


def remove(repo: Repository, remote: Named) -> list[str]:
    """Forget a remote, and what was remembered of it; the scopes that go on speaking of it. Its content stays where it is."""
    scopes = _scopes(repo, remote.name)
    for place in _places(repo, scopes, remote.name):
        git("config", *place, "--remove-section", f"data.{remote.name}")
    for place, key in _references(repo, remote.name):
        git("config", *place, "--unset-all", key)
    try:
        url = address_of(repo, remote).url
    except UsageError:
        return sorted(scopes - {COMMITTED, "local"})  # never could be used, so nothing is remembered
    shutil.rmtree(directory_of(repo, url, remote.settings), ignore_errors=True)
    return sorted(scopes - {COMMITTED, "local"})


def must_be_ours(repo: Repository, remote: Named, command: str) -> None:
    """Raises: UsageError for a git remote that is a store, and no remote for data besides. ``command`` is git's way to do it."""
    if f"data.{remote.name}.url" not in repo.config.entries and f"remote.{remote.name}.url" in repo.config.entries:
        raise UsageError(f"'{remote.name}' is a git remote, which keeps data, too", f"git remote {command}")


def place_of(repo: Repository, scope: str) -> tuple[str, ...]:
    """Where something from this scope is changed."""
    return committed_place(repo) if scope == COMMITTED else LOCAL


def _scopes(repo: Repository, name: str) -> set[str]:
    return {entry.scope for key, entries in repo.config.entries.items() if remote_key(key)[0] == name for entry in entries}


def _places(repo: Repository, scopes: set[str], name: str) -> list[tuple[str, ...]]:
    places = [place_of(repo, scope) for scope in sorted(scopes & {COMMITTED, "local"})]
    if not places:
        scope = min(scopes)
        raise UsageError(f"'{name}' is in git's {scope} configuration", f"git config --{scope} --edit")
    return places


def _references(repo: Repository, name: str) -> list[tuple[tuple[str, ...], str]]:
    """Where the name stands as a value: ``(place, key)`` of the default and of git remotes that it goes with."""
    return [
        (place_of(repo, entry.scope), key)
        for key, entries in repo.config.entries.items()
        if key == "data.remote" or (key.startswith("remote.") and key.endswith(".dataremote"))
        for entry in entries
        if entry.value == name and entry.scope in (COMMITTED, "local")
    ]
