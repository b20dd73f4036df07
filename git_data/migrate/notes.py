"""Notes (git-notes(1)) of commits that became others: they are copied, so that the new commits have them, too."""

from __future__ import annotations

import os

from git_data.git.run import git
from git_data.migrate.record import Move

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.history import Rewritten
    from git_data.migrate.record import Record


def copy(repo: Repository, record: Record, rewritten: Rewritten) -> int:
    """Copy the notes of rewritten commits in every notes ref; how many refs have changed. Undoing moves them back.

    Raises: GitFailed.
    """
    cwd = repo.worktree or repo.common_dir
    pairs = b"".join(old + b" " + new + b"\n" for old, new in rewritten.commits.items())
    listed = git("for-each-ref", "--format=%(refname) %(objectname)", "refs/notes", cwd=cwd) if pairs else b""
    changed = 0
    for line in os.fsdecode(listed).splitlines():
        name, old = line.rsplit(" ", 1)
        git("notes", f"--ref={name}", "copy", "-f", "--stdin", stdin=pairs, cwd=cwd)
        new = git("rev-parse", name, cwd=cwd).decode().strip()
        if new != old:
            changed += 1
            git("update-ref", record.backups + name.removeprefix("refs/"), old, cwd=cwd)
            record.moves.append(Move(name, old, new))
    if changed:
        record.save(record.state)
    return changed
