"""Notes (git-notes(1)) of commits that became others: they are copied, so that the new commits have them, too."""

from __future__ import annotations

import os

from git_data.git.run import git
from git_data.migrate.record import Move

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.history import Rewritten

_SCRATCH = "refs/notes/git-data-migrating"
"""git writes notes only below ``refs/notes``."""


def copy(repo: Repository, rewritten: Rewritten) -> list[Move]:
    """Copy the notes of rewritten commits in every notes ref: where these refs are to move, which none of them does yet.

    Raises: GitFailed.
    """
    cwd = repo.worktree or repo.common_dir
    pairs = b"".join(old + b" " + new + b"\n" for old, new in rewritten.commits.items())
    listed = git("for-each-ref", "--format=%(refname) %(objectname)", "refs/notes", cwd=cwd) if pairs else b""
    moves = []
    for line in os.fsdecode(listed).splitlines():
        name, old = line.rsplit(" ", 1)
        if name == _SCRATCH:
            continue  # a command was killed
        git("update-ref", _SCRATCH, old, cwd=cwd)
        git("notes", f"--ref={_SCRATCH}", "copy", "-f", "--stdin", stdin=pairs, cwd=cwd)
        new = git("rev-parse", _SCRATCH, cwd=cwd).decode().strip()
        if new != old:
            moves.append(Move(name, old, new))
    if listed:
        git("update-ref", "-d", _SCRATCH, cwd=cwd)
    return moves
