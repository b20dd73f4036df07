"""Whether a repository is in a state that can be migrated: nothing uncommitted, nothing half-done, all of its history there."""

from __future__ import annotations

import os

from git_data.errors import GitDataError, GitFailed, RepositoryError
from git_data.git.repo import locate
from git_data.git.run import git, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from git_data.git.repo import Repository

    Excused = Callable[[str, list[bytes]], Collection[bytes]]

_UNDER_WAY = {
    "rebase-merge": "git rebase --continue   # or --abort",
    "rebase-apply": "git rebase --continue   # or --abort",
    "MERGE_HEAD": "git merge --continue   # or --abort",
    "CHERRY_PICK_HEAD": "git cherry-pick --continue   # or --abort",
    "REVERT_HEAD": "git revert --continue   # or --abort",
    "sequencer": "git cherry-pick --abort",
    "BISECT_LOG": "git bisect reset",
}
_SHOWN = 5
_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE")


class Worktree:
    """One work tree: its directory, and the commit (hex) and the branch that are checked out (no branch: detached)."""

    __slots__ = ("branch", "head", "path")

    def __init__(self, path: str, head: str, branch: str) -> None:
        self.path = path
        self.head = head
        self.branch = branch


def require_own_view() -> None:
    """Forget what the environment says of the repository: git is to find work trees, and the index of each, by itself.

    Raises: RepositoryError where that would be another repository, work tree or index.
    """
    given = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    if not given:
        return
    before = locate(committed=False)
    for name in given:
        del os.environ[name]
    try:
        found = locate(committed=False)
    except GitDataError:
        found = None
    if found is None or any(
        os.path.realpath(getattr(before, place)) != os.path.realpath(getattr(found, place))
        for place in ("git_dir", "worktree", "index")
    ):
        names = " ".join(given)
        raise RepositoryError(f"a migration goes through all work trees, which is not possible with {names}", f"unset {names}")


def worktrees(repo: Repository) -> list[Worktree]:
    """All work trees whose directories are there; none for a bare repository without linked ones."""
    found: list[Worktree] = []
    entry: dict[str, str] = {}
    for record in [*records("worktree", "list", "--porcelain", "-z", cwd=repo.worktree or repo.common_dir), b""]:
        key, _, value = os.fsdecode(record).partition(" ")
        if key:
            entry[key] = value
        elif entry:
            path = _real_place(repo, entry.get("worktree", ""))
            if "bare" not in entry and "prunable" not in entry and os.path.isdir(path):
                head = entry.get("HEAD", "")
                found.append(Worktree(path, head if head.strip("0") else "", entry.get("branch", "")))
            entry = {}
    return found


def _real_place(repo: Repository, path: str) -> str:
    """Of a submodule git lists the git directory in the place of its work tree."""
    if os.path.realpath(path) != os.path.realpath(repo.common_dir):
        return path
    if os.path.realpath(repo.git_dir) == os.path.realpath(repo.common_dir):
        return repo.worktree
    configured = git("config", "--file", os.path.join(repo.common_dir, "config"), "core.worktree", ok=(0, 1))
    return os.path.join(repo.common_dir, os.fsdecode(configured.rstrip(b"\n"))) if configured else ""


def require_ready(repo: Repository, rewriting: bool, excused: Excused | None = None) -> None:
    """All work trees (without ``rewriting``: this one) are clean and idle; for rewriting, history is whole, too.

    Of changed files (by the path of the work tree) ``excused`` gives those that do not count.

    Raises: RepositoryError, GitFailed.
    """
    if rewriting:
        require_whole_history(repo)
    if not rewriting:
        repo.require_worktree()
    for worktree in worktrees(repo):
        if rewriting or os.path.realpath(worktree.path) == os.path.realpath(repo.worktree):
            _require_idle(worktree.path)
            require_clean(worktree.path, excused)
    try:
        git("var", "GIT_COMMITTER_IDENT", cwd=repo.worktree or repo.common_dir)
    except GitFailed:
        raise RepositoryError("git does not know who commits", 'git config user.name "…" && git config user.email "…"') from None


def require_whole_history(repo: Repository) -> None:
    """Raises: RepositoryError in a shallow clone."""
    if os.path.exists(os.path.join(repo.common_dir, "shallow")):
        raise RepositoryError("this clone is shallow: its history ends early and cannot be rewritten", "git fetch --unshallow")


def _require_idle(path: str) -> None:
    answers = git("rev-parse", *(word for name in _UNDER_WAY for word in ("--git-path", name)), cwd=path)
    for name, place in zip(_UNDER_WAY, os.fsdecode(answers).splitlines()):
        if os.path.exists(os.path.join(path, place)):
            raise RepositoryError(f"something is under way in '{path}' ({name})", f"end it first: {_UNDER_WAY[name]}")


def require_clean(path: str, excused: Excused | None = None) -> None:
    """Raises: RepositoryError when tracked files of a work tree differ from what is committed."""
    changed = records("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all", "--no-renames", cwd=path)
    if changed and excused is not None:
        # another filter than before may see a change where there is none, but only against the index
        fine = excused(path, [record[3:] for record in changed if record.startswith(b" M")])
        changed = [record for record in changed if record[3:] not in fine]
    if changed:
        names = ", ".join(f"'{os.fsdecode(record[3:])}'" for record in changed[:_SHOWN])
        more = f" and {len(changed) - _SHOWN:,} more" if len(changed) > _SHOWN else ""
        raise RepositoryError(
            f"there are uncommitted changes in '{path}': {names}{more}", "commit them, or put them aside: git stash"
        )
