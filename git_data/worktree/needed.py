"""Which objects of a store anybody needs: the repository's own pointers, and in a shared store those of every other user.

A repository that cannot be asked is an error: its data would be taken for garbage.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from git_data.errors import GitDataError, RepositoryError
from git_data.git import reachability
from git_data.git.repo import Repository, locate
from git_data.store import exports
from git_data.store.place import registered
from git_data.worktree import journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from git_data.store.objects import Store

_REPOSITORY_VARIABLES = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_CEILING_DIRECTORIES",
)  # fmt: skip
"""What would make git look at another repository than the one meant; ``git rev-parse --local-env-vars`` lists more."""


def needed_by_all(repo: Repository, store: Store) -> set[str]:
    """The oids that ``repo``, folders exported as symbolic links, and every repository registered with its store need.

    Raises: RepositoryError when one cannot be asked, GitFailed, OSError.
    """
    needed = needed_by(repo) | exports.needed(store)
    for _, common_dir in registered(store):
        if not os.path.realpath(common_dir) == os.path.realpath(repo.common_dir):
            needed |= _ask(common_dir)
    return needed


def needed_by(repo: Repository, also: Iterable[bytes] = ()) -> set[str]:
    """The oids of one repository: reachable pointers, and what journals of its work trees wait for.

    ``also`` are git's objects (hex) whose pointers count, too.
    """
    needed = {pointer.oid for pointer in reachability.needed(repo, also)}
    for directory in reachability.git_dirs(repo):
        needed.update(item.pointer.oid for item in journal.read_all(os.path.join(directory, "data")))
    return needed


def _ask(common_dir: str) -> set[str]:
    try:
        with inside(common_dir):
            return needed_by(locate())
    except (GitDataError, OSError) as error:
        reason = error.message if isinstance(error, GitDataError) else f"{error.strerror}"
        raise RepositoryError(
            f"'{common_dir}' uses this store and cannot be asked what it needs, so nothing was deleted: {reason}",
            f"mend it, or if it is gone for good: git data gc --forget '{common_dir}'",
        ) from None


@contextmanager
def inside(directory: str, is_git_dir: bool = True) -> Iterator[None]:
    """Let every git command work on another repository. Raises: OSError."""
    kept = {name: os.environ.pop(name) for name in _REPOSITORY_VARIABLES if name in os.environ}
    here = os.getcwd()
    try:
        os.chdir(directory)
        if is_git_dir:
            os.environ["GIT_DIR"] = directory
        yield
    finally:
        os.environ.pop("GIT_DIR", None)
        os.environ.update(kept)
        os.chdir(here)
