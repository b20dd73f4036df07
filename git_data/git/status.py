"""What ``git status`` knows, asked once: staged and unstaged changes, conflicts, untracked files.

git refreshes its index on the way, so a file that was only touched is cleaned once and not at every look.  Format: git-status(1),
"Porcelain Format Version 2".
"""

from __future__ import annotations

from git_data.git.run import records

ABSENT_MODE = b"000000"


class Entry:
    """One changed path, relative to the top.

    ``staged`` and ``unstaged`` are git's letters (``.`` for unchanged); both are ``U`` in a conflict and ``?`` for an untracked
    file.  ``modes`` are those in HEAD, index and work tree, ``blobs`` (hex) those in HEAD and index; in a conflict
    the blobs are those of stages 2 and 3, ours and theirs.
    """

    __slots__ = ("blobs", "modes", "path", "staged", "unstaged")

    def __init__(
        self,
        path: bytes,
        letters: bytes,
        modes: tuple[bytes, bytes, bytes] = (b"", b"", b""),
        blobs: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        self.path = path
        self.staged, self.unstaged = letters[:1].decode(), letters[1:].decode()
        self.modes = modes
        self.blobs = blobs


def changed(pathspecs: list[str], untracked: bool = False) -> list[Entry]:
    """Paths that differ between HEAD, index and work tree; ``pathspecs`` are relative to the current directory.

    Renames are not looked for, submodules not looked at.  ``untracked`` lists untracked files, too, each by itself.

    Raises: GitFailed.
    """
    words = ["--untracked-files=all" if untracked else "--untracked-files=no", "--no-renames", "--ignore-submodules=all"]
    found = []
    for record in records("status", "--porcelain=v2", "-z", *words, "--", *(pathspecs or [":/"])):
        if record.startswith(b"1 "):
            letters, _, head, index, worktree, old, new, path = record[2:].split(b" ", 7)
            found.append(Entry(path, letters, (head, index, worktree), (old, new)))
        elif record.startswith(b"u "):
            _, _, _, ours, theirs, worktree, _, old, new, path = record[2:].split(b" ", 9)
            found.append(Entry(path, b"UU", (ours, theirs, worktree), (old, new)))
        elif record.startswith(b"? "):
            found.append(Entry(record[2:], b"??"))
    return found
