"""Which server keeps the locks on files: the LFS server that goes with a git remote.

That is the remote for data, if it is an LFS server; else the one that git-lfs would find (``lfs_discovery``).
"""

from __future__ import annotations

import os

from git_data.errors import UsageError
from git_data.git.repo import Repository
from git_data.git.run import git
from git_data.sync.implied import look_for_remotes
from git_data.sync.remotes import Named, default_name, named

_KINDS = ("lfs+http://", "lfs+https://", "lfs+ssh://")


def keeps_locks(url: str) -> bool:
    """Whether an address is of a kind that may keep locks."""
    return url.startswith(_KINDS)


def server_for(repo: Repository, name: str = "") -> tuple[Named, str]:
    """The server that keeps the locks, and the git remote it goes with; ``name`` is that of either.

    Raises: UsageError where there is none.
    """
    look_for_remotes(repo)
    remotes = named(repo.config)
    is_git_remote = f"remote.{name}.url" in repo.config.entries
    if name and not is_git_remote and name not in remotes:
        raise UsageError(f"there is no remote '{name}', neither of git nor for data", "git remote -v; git data remote list -v")
    git_remote = name if is_git_remote else usual_git_remote(repo)
    if name in remotes and not is_git_remote:
        if not keeps_locks(remotes[name].url):
            raise UsageError(f"'{name}' is no LFS server, and keeps no locks", "git data remote list -v")
        return remotes[name], git_remote
    configured = remotes.get(default_name(repo.config, git_remote))
    if configured is not None and keeps_locks(configured.url):
        return configured, git_remote
    others = [remote for remote in remotes.values() if keeps_locks(remote.url)]
    if not name and len(others) == 1:
        return others[0], git_remote
    from git_data.sync.lfs_discovery import discover

    found = discover(repo, git_remote, upload=True)
    if not keeps_locks(found.address):
        raise UsageError(
            f"no server keeps locks for this repository: {found.source} leads to a repository on this machine",
            "git data remote add NAME lfs+https://HOST/REPOSITORY.git",
        )
    return found.named(), git_remote


def usual_git_remote(repo: Repository) -> str:
    """Where ``git push`` would go, empty if nothing says so."""
    config = repo.config
    branch = _branch()
    own = config.get(f"branch.{branch}.pushremote") or config.get("remote.pushdefault")
    name = own or config.get(f"branch.{branch}.remote")
    return name if f"remote.{name}.url" in config.entries else ""


def _branch() -> str:
    return os.fsdecode(git("symbolic-ref", "--quiet", "--short", "HEAD", ok=(0, 1))).rstrip("\n")


def current_ref(repo: Repository, git_remote: str) -> str:
    """The ref of the git remote that the current branch goes to; empty where no branch is checked out."""
    branch = _branch()
    merge = repo.config.get(f"branch.{branch}.merge")
    if branch and merge and repo.config.get(f"branch.{branch}.remote") == git_remote:
        return merge
    return f"refs/heads/{branch}" if branch else ""
