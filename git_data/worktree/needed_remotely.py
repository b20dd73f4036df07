"""What a data remote must keep: everything that this repository, given clones of it, and their git remotes refer to."""

from __future__ import annotations

import os

from git_data.errors import RepositoryError
from git_data.git.advertised import advertised
from git_data.git.repo import Repository, locate
from git_data.git.run import git
from git_data.remote.address import parse
from git_data.sync import git_urls, projects
from git_data.worktree.needed import inside, needed_by


class Needs:
    """``oids`` that must stay, and the ``roots`` (commits, hex) of every history that was looked at.

    ``hosts`` are the addresses of hosted repositories whose refs were asked for.
    """

    __slots__ = ("hosts", "oids", "roots")

    def __init__(self) -> None:
        self.oids: set[str] = set()
        self.roots: set[str] = set()
        self.hosts: set[str] = set()


def needs(repo: Repository, clones: list[str]) -> Needs:
    """Ask ``repo``, which must be the current one, and the repositories at ``clones``.

    Raises: RepositoryError when one of them does not know all of its history, or cannot ask a git remote; GitFailed.
    """
    result = Needs()
    _take(result, repo)
    for path in clones:
        with inside(_common_dir(path)):
            _take(result, locate())
    return result


def _common_dir(path: str) -> str:
    try:
        with inside(path, is_git_dir=False):
            found = git("rev-parse", "--path-format=absolute", "--git-common-dir")
    except OSError as error:
        raise RepositoryError(f"'{path}': {error.strerror}", "git data gc --remote --clone PATH") from None
    return os.fsdecode(found.removesuffix(b"\n"))


def _take(result: Needs, repo: Repository) -> None:
    if projects.is_shallow():
        raise RepositoryError(
            f"'{repo.common_dir}' is a shallow clone, which does not see which data is needed; nothing was deleted",
            "git fetch --unshallow",
        )
    published = advertised()
    result.oids |= needed_by(repo, published)
    result.roots |= projects.roots([name.decode() for name in published])
    result.hosts |= {parse(address, repo.config.base).url for address, *_ in git_urls.stores(repo.config).values()}
