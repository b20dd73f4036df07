"""What is left to do when git has closed our input: sync, link, share, report.

git waits for us here, and has written its index, unless it died: then it still holds ``index.lock``, so nothing waits for that
lock for long.
"""

from __future__ import annotations

import os

from git_data.errors import FileSystemError, GitDataError
from git_data.git.repo import Repository
from git_data.pointer import Pointer
from git_data.store.objects import Store
from git_data.worktree import journal


def sync(repo: Repository, store: Store, cleaned: list[bytes]) -> None:
    """Make what was stored for the paths in ``cleaned`` durable.

    If that fails git has their pointers in its index, and nobody has their data: git is made to look at them again.

    Raises: FileSystemError.
    """
    try:
        store.flush()
    except FileSystemError:
        _forget(repo, cleaned)
        raise


def _forget(repo: Repository, paths: list[bytes]) -> None:
    """Have the next ``git add`` clean these files once more."""
    from git_data.git import index as git_index

    def forget(index: git_index.Index, number: int, offset: int) -> bool:
        index.forget_size(offset)
        return True

    try:
        git_index.patch(repo.index, sorted(set(paths)), repo.object_format, forget, wait_s=0.1)
    except (GitDataError, git_index.SplitIndex, OSError):
        return  # the hint says how to do it by hand


def finish(
    repo: Repository,
    store: Store,
    copies: dict[bytes, Pointer],
    stored: bool,
    postponed: bool = False,
    unwanted: dict[bytes, Pointer] | None = None,
) -> None:
    """Bring content to the paths that wait, share what had to be copied, spare git a second look at both and at pointers.

    Where paths were ``postponed`` none may wait any more: git runs post-merge before it closes our input.
    """
    if stored:
        store.sweep()
    if not repo.worktree:
        return
    set_up = False
    if stored or copies or postponed or journal.exists(repo.data_dir):
        set_up = _complete_setup(repo, store)
        _take_over_lfs(repo)
    wrote = bool(copies or unwanted)
    if journal.exists(repo.data_dir):
        from git_data.worktree.pending import relink_pending

        relink_pending(repo, store)
        wrote = True
    if copies:
        from git_data.worktree.settle import settle

        settle(repo, store, copies)
    if unwanted:
        from git_data.worktree.settle import settle_pointers

        settle_pointers(repo, unwanted)
    if set_up or wrote:
        from git_data.worktree import lockable

        # links are as they should be; what git has written itself is not, and not every command runs a hook
        if set_up or lockable.in_use(repo):
            lockable.keep_up(repo)


def _complete_setup(repo: Repository, store: Store) -> bool:
    """A repository that knows the filter from the user's settings only gets its hooks now; whether it did."""
    if os.path.exists(os.path.join(repo.common_dir, "data", "installed")):
        return False
    if repo.config.scope("filter.data.process") == "command":
        return False  # known for this one command only (git -c)
    from git_data.setup.hooks import hooks_directory, install_hooks

    store.make()
    if hooks_directory(repo)[1]:  # a shared or committed directory is only written when the user asks for it
        install_hooks(repo)
    return True


def _take_over_lfs(repo: Repository) -> None:
    """In a repository that came from git-lfs (``data.lfs``, committed) old commits are our business, too."""
    if repo.config.keeps_lfs or not (repo.settings.lfs or _came_from_lfs(repo)):
        return
    from git_data.errors import GitFailed
    from git_data.setup.filters import take_over_lfs
    from git_data.setup.lfs_hooks import retire

    try:
        take_over_lfs()
        retire(repo)
    except (GitFailed, OSError):
        return  # somebody holds the lock of the configuration: next time


def _came_from_lfs(repo: Repository) -> bool:
    """Whether ``.gitdata`` says so that has just been checked out: when this command began it was another, or none."""
    from git_data.base.fsio import read_file
    from git_data.config import COMMITTED_FILE

    path = os.path.join(repo.worktree, COMMITTED_FILE)
    if "data.lfs" in repo.config.entries or b"lfs" not in (read_file(path) or b""):
        return False
    from git_data.git.run import capture

    return capture(["config", "--file", path, "--type=bool", "--get", "data.lfs"])[0][1] == b"true\n"
