"""The remotes of a repository, for who is about to need one: also those that its own configuration does not name.

A repository that came from git-lfs (``data.lfs``, committed) and names no remote has its data on the LFS server that git-lfs
would find. That cannot always be written into ``.gitdata``: an address may be of one machine, or have somebody's login in it.
"""

from __future__ import annotations

from git_data.config import Entry
from git_data.errors import UsageError
from git_data.git.repo import look_elsewhere

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository

SCOPE = "git-lfs"
"""The scope of what is known as git-lfs knows it."""
_NAME = "lfs"


def look_for_remotes(repo: Repository) -> None:
    """Add to the configuration of ``repo``: remotes of another branch's ``.gitdata``, else the LFS server.

    Raises: ConfigError, GitFailed.
    """
    look_elsewhere(repo)
    config = repo.config
    if config.names_remotes or not config.get_bool("data.lfs", False):
        return
    from git_data.sync.lfs_discovery import discover

    try:
        found = discover(repo)
    except UsageError:
        return  # there is no git remote, or none with such a server
    config.entries[f"data.{_NAME}.url"] = [Entry(SCOPE, found.address)]
    config.entries.setdefault("data.remote", [Entry(SCOPE, _NAME)])
