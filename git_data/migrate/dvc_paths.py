"""Paths that files of DVC name, relative to the top of the repository; those that lead elsewhere are refused."""

from __future__ import annotations

import os
import posixpath

from git_data.migrate.dvc_yaml import Unreadable

# characters that HFS+ ignores in names (git: utf8.c, next_hfs_char)
_IGNORED = frozenset("\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u206a\u206b\u206c\u206d\u206e\u206f\ufeff")


def resolve(directory: str, *parts: object) -> bytes:
    """A path of the repository: ``parts`` one relative to the other, the first to ``directory``. Raises: Unreadable."""
    for part in parts:
        if not isinstance(part, str) or not part:
            raise Unreadable("it has no path")
        if "://" in part or posixpath.isabs(part) or (os.name == "nt" and os.path.isabs(part)):
            raise Unreadable(f"'{part}' lies outside of the repository")
    path = posixpath.normpath(posixpath.join(directory, *(str(part) for part in parts)))
    if path == ".." or path.startswith(("../", "/")):
        raise Unreadable(f"'{path}' lies outside of the repository")
    return checked(path)


def inside(directory: bytes, relpath: object) -> bytes:
    """The path of a file that a manifest names, below ``directory``. Raises: Unreadable."""
    if not isinstance(relpath, str) or not relpath or posixpath.normpath(relpath) != relpath or relpath.startswith(("/", "..")):
        raise Unreadable(f"its list of files names '{relpath}'")
    return checked(os.fsdecode(directory) + "/" + relpath)


def checked(path: str) -> bytes:
    """A path as git has it. Raises: Unreadable for one that git refuses, or that must not be data."""
    if path in ("", ".") or any(ord(character) < 32 for character in path) or "\\" in path:
        raise Unreadable(f"{path!r} cannot be the path of a file in git")
    for part in path.split("/"):
        if _is_git(part):
            raise Unreadable(f"'{path}' is a path of git's own")
    if path.rpartition("/")[2].lower() in (".gitattributes", ".gitmodules", ".gitdata"):
        raise Unreadable(f"git would obey the file '{path}'; rename it, or take it out, first")
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Unreadable(f"{path!r} is not text") from None


def _is_git(part: str) -> bool:
    """Whether some file system would take a name for ``.git``, or for the directory itself or the one above."""
    bare = "".join(character for character in part if character not in _IGNORED).lower()
    return part in ("", ".", "..") or bare.partition(":")[0].rstrip(" .") in (".git", "git~1")
