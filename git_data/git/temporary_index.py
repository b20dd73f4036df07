"""A revision's tree in an index of its own: its files, and its attributes, without touching the user's index.

``git check-attr --source`` would do the second, but only since git 2.40.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager

from git_data.base import fsio
from git_data.git.run import git
from git_data.git.scan import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_data.git.repo import Repository


class Entry:
    """One file of an index: path from the top, mode and blob (hex)."""

    __slots__ = ("blob", "mode", "path")

    def __init__(self, path: bytes, mode: bytes, blob: bytes) -> None:
        self.path = path
        self.mode = mode
        self.blob = blob


@contextmanager
def temporary_index(repo: Repository, revision: str) -> Iterator[dict[str, str]]:
    """The environment for git commands that shall see ``revision`` as the index.

    Raises: GitFailed when the revision does not exist, or its tree has names git refuses (``..``, ``.git``).
    """
    tree = resolve(revision, "tree")
    path = os.path.join(_directory(repo), fsio.temp_name() + "-index")
    env = {"GIT_DIR": repo.git_dir, "GIT_INDEX_FILE": path}
    if repo.worktree:
        env["GIT_WORK_TREE"] = repo.worktree
    try:
        git("read-tree", tree, env=env)
        yield env
    finally:
        fsio.remove_if_exists(path)
        fsio.remove_if_exists(path + ".lock")


def _directory(repo: Repository) -> str:
    """Beside the other temporaries, which are swept; elsewhere for a repository that may only be read."""
    directory = os.path.join(repo.data_dir, "tmp")
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError:
        return tempfile.gettempdir()
    return directory if os.access(directory, os.W_OK) else tempfile.gettempdir()


def entries(env: dict[str, str] | None = None, pathspecs: list[str] | None = None) -> list[Entry]:
    """The files of an index (of the repository's own without ``env``), conflicts left out.

    Raises: UsageError when a pathspec matches nothing.
    """
    unmatch = ["--error-unmatch"] if pathspecs else []
    found = []
    for record in git("ls-files", "-s", "-z", "--full-name", *unmatch, "--", *(pathspecs or [":/"]), env=env).split(b"\0")[:-1]:
        header, _, path = record.partition(b"\t")
        mode, blob, stage = header.split(b" ")
        if stage == b"0":
            found.append(Entry(path, mode, blob))
    return found


def filters(paths: list[bytes], cwd: str | None, env: dict[str, str] | None = None) -> dict[bytes, str]:
    """The filter of each path that has one, by the ``.gitattributes`` in the index. Raises: GitFailed."""
    if not paths:
        return {}
    stdin = b"".join(path + b"\0" for path in paths)
    answers = git("check-attr", "--cached", "--stdin", "-z", "filter", cwd=cwd, env=env, stdin=stdin).split(b"\0")
    unset = (b"unspecified", b"unset", b"set", b"")
    return {path: os.fsdecode(value) for path, value in zip(answers[0::3], answers[2::3]) if value not in unset}
