"""Files that somebody has locked are made fit to be edited, and others are not; which file a user means."""

from __future__ import annotations

import os

from git_data.base.report import Progress, harmless
from git_data.errors import CheckFailed, UsageError
from git_data.git.run import git
from git_data.git.scan import in_index
from git_data.git.status import changed
from git_data.store.place import open_store
from git_data.worktree.lockable import refresh
from git_data.worktree.unprotect import protected, unprotect
from git_data.worktree.writable import set_writable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository


def path_of(repo: Repository, word: str, must_exist: bool = True) -> str:
    """The path from the top, with slashes, of a file that a user names from where he is.

    Raises: UsageError for a directory, for what is outside of the work tree, and for what neither git nor the work tree has.
    """
    root = repo.require_worktree()
    if os.path.isabs(word):
        directory, name = os.path.split(os.path.normpath(word))
        path = os.path.relpath(os.path.join(os.path.realpath(directory), name), os.path.realpath(root))
    else:
        path = os.path.normpath(os.path.join(repo.prefix, word))
    path = path.replace(os.sep, "/")
    if path.split("/")[0] in ("..", ".git"):
        raise UsageError(f"'{harmless(word)}' is not in the work tree '{root}'")
    full = os.path.join(root, path)
    if os.path.isdir(full) and not os.path.islink(full):
        raise UsageError(f"'{harmless(word)}' is a directory; files are locked one by one", "git ls-files -- " + harmless(word))
    if must_exist and not os.path.lexists(full) and not git("ls-files", "-z", "--", _literally(path), cwd=root):
        raise UsageError(f"there is no file '{harmless(word)}', neither in the work tree nor in git's index", "git status")
    return path


def _literally(path: str) -> str:
    return f":(top,literal){path}"


def require_committed(path: str) -> None:
    """Raises: CheckFailed when a file (from the top) has changes that are not in any commit."""
    if changed([_literally(path)], untracked=True):
        raise CheckFailed(
            f"'{harmless(path)}' has changes that are not committed, and stays locked",
            f"commit them first; or, to unlock all the same: git data unlock --force '{harmless(path)}'",
        )


def open_for_editing(repo: Repository, paths: list[str]) -> None:
    """Give write permission; a hard link to the store becomes a file of its own. Raises: FileSystemError, OSError."""
    refresh(repo, wait_s=2.0)
    set_writable(repo, [os.fsencode(path) for path in paths], True, wait_s=2.0)
    store = open_store(repo)
    files = {file.path: file for file in in_index(repo, [_literally(path) for path in paths])}
    found = protected(repo, store, list(files.values()))
    if found:
        with Progress("copying", len(found), sum(status.st_size for _, status in found)) as progress:
            _, failed = unprotect(repo, found, store, progress)
        if failed:
            raise failed[0][1]


def close_to_editing(repo: Repository) -> None:
    """Lockable files that are no longer locked become read-only. Raises: OSError."""
    refresh(repo, thorough=True, wait_s=2.0)
