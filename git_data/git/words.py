"""Telling revisions from paths on a command line, as git does (gitcli(7))."""

from __future__ import annotations

import os

from git_data.errors import UsageError
from git_data.git.run import git


def split(words: list[str], behind_dashes: int, bare: bool = False) -> tuple[list[str], list[str]]:
    """``(revisions, paths)``. ``behind_dashes`` is how many words follow ``--``, -1 without one; ``bare``: there are no files.

    Raises: UsageError for a word that is neither, or both.
    """
    if behind_dashes >= 0:
        at = len(words) - behind_dashes
        for word in words[:at]:
            if not is_revision(word):
                raise UsageError(f"'{word}' is not a revision of this repository", "git log --oneline --all")
        return words[:at], words[at:]
    for number, word in enumerate(words):
        if not is_revision(word):
            for path in words[number:]:
                _must_be_path(path)
            return words[:number], words[number:]
        if not bare and os.path.lexists(word):
            raise UsageError(f"'{word}' is a revision and a file", f"put -- before files: git data diff -- {word}")
    return words, []


def is_revision(word: str) -> bool:
    """Whether git can resolve it: a revision, or two of them with two or three dots in between."""
    for dots in ("...", ".."):
        start, found, end = word.partition(dots)
        if found:
            return _resolves(start or "HEAD") and _resolves(end or "HEAD")
    return _resolves(word)


def _resolves(word: str) -> bool:
    return bool(git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{tree}}", ok=(0, 1, 128)))


def _must_be_path(word: str) -> None:
    if os.path.lexists(word) or word.startswith(":") or any(character in word for character in "*?["):
        return
    raise UsageError(f"'{word}' is neither a revision nor a file here", f"if it is a file that is gone: git data diff -- {word}")
