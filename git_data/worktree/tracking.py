"""Files that should be pointers in git and are not, or the other way round; and changing that."""

from __future__ import annotations

import os

from git_data.git.attributes import literal, with_filter
from git_data.git.run import git, records
from git_data.git.scan import in_index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository


def plain_in_index(repo: Repository) -> list[bytes]:
    """Files with a filter of ours whose content git itself holds (not a pointer, not empty), relative to the top."""
    root = repo.require_worktree()
    regular = []
    for record in records("ls-files", "-s", "-z", "--full-name", ":/", cwd=root):
        header, _, path = record.partition(b"\t")
        mode, blob, stage = header.split(b" ")
        if mode.startswith(b"100") and stage == b"0":
            regular.append((path, blob))
    filters = with_filter([path for path, _ in regular], root)
    pointers = {item.path for item in in_index(repo)}
    empty = git("hash-object", "-t", "blob", "--stdin").strip()
    return [path for path, blob in regular if filters.get(path) in repo.filters and path not in pointers and blob != empty]


def pointers_without_filter(repo: Repository) -> list[bytes]:
    """Files that are pointers in the index, have content in the work tree and no filter any more."""
    root = repo.require_worktree()
    paths = [item.path for item in in_index(repo) if item.stage == 0]
    filters = with_filter(paths, root)
    return [path for path in paths if filters.get(path) not in ("data", "lfs")]


def renormalize(repo: Repository, paths: list[bytes]) -> None:
    """Let git clean these files again, into whatever the attributes say now. Raises: GitFailed."""
    if paths:
        git(
            "--literal-pathspecs", "add", "--renormalize", "--pathspec-from-file=-", "--pathspec-file-nul",
            cwd=repo.require_worktree(), stdin=b"\0".join(paths),
        )  # fmt: skip


def patterns_above(repo: Repository, limit_bytes: int) -> list[tuple[str, int, int]]:
    """Patterns that cover every file of at least ``limit_bytes`` that no filter takes care of yet.

    The suffix where all files that have it are so large, else the exact path: ``(pattern, files, bytes)``; relative to the
    top of the work tree.
    """
    root = os.fsencode(repo.require_worktree())
    listed = records("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", cwd=os.fsdecode(root))
    filters = with_filter(listed, os.fsdecode(root))
    large: dict[bytes, int] = {}
    small_suffixes = set()
    for path in listed:
        full = os.path.join(root, path)
        if path in filters or os.path.islink(full) or not os.path.isfile(full):
            continue
        size = os.path.getsize(full)
        if size >= limit_bytes:
            large[path] = size
        else:
            small_suffixes.add(os.path.splitext(path)[1])
    totals: dict[str, tuple[int, int]] = {}
    for path, size in large.items():
        suffix = os.path.splitext(path)[1]
        exact = not suffix or suffix in small_suffixes
        pattern = literal(os.fsdecode(path)) if exact else "*" + os.fsdecode(suffix)
        files, total = totals.get(pattern, (0, 0))
        totals[pattern] = (files + 1, total + size)
    return [(pattern, files, total) for pattern, (files, total) in sorted(totals.items())]
