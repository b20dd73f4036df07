"""``git data hook NAME [ARGUMENT…]``: what our hooks run."""

from __future__ import annotations

from git_data.errors import UsageError


def main(words: list[str]) -> int:
    """Run one hook."""
    name = words[0] if words else ""
    if name == "pre-commit":
        from git_data.filter import guard

        return guard.check_commit()
    if name in ("post-checkout", "post-merge", "post-rewrite", "post-commit"):
        return _finish_pending()
    if name == "pre-push":
        from git_data.commands import pre_push

        return pre_push.main(words[1:])
    raise UsageError(f"there is no hook '{name}'", "git data install   # writes the hooks")


def _finish_pending() -> int:
    from git_data.git.repo import locate
    from git_data.store.place import open_store
    from git_data.worktree import journal, lockable
    from git_data.worktree.pending import relink_pending

    repo = locate()
    if repo.worktree:
        if journal.exists(repo.data_dir):
            relink_pending(repo, open_store(repo), steal=True)
        lockable.keep_up(repo)
    return 0
