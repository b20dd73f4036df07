"""Every version of every file in a part of history: which blobs each path has held, and how large they are."""

from __future__ import annotations

import os

from git_data.git.promisor import fetch_missing
from git_data.git.run import FLAT, lines, records
from git_data.git.scan import pointers_of, raw_ids
from git_data.migrate.history import survey
from git_data.pointer import MAX_SIZE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_data.git.repo import Repository
    from git_data.pointer import Pointer

ATTRIBUTES = b".gitattributes"


class Versions:
    """``paths``: path → the blobs (hex) of content it has held, oldest first; ``data``: the same for blobs that are pointers.

    ``sizes`` are those of content, ``pointers`` what the others name; empty blobs are in neither.
    """

    def __init__(self) -> None:
        self.paths: dict[bytes, dict[bytes, None]] = {}
        self.data: dict[bytes, dict[bytes, None]] = {}
        self.sizes: dict[bytes, int] = {}
        self.pointers: dict[bytes, Pointer] = {}
        self.commits = 0
        self.boundary: dict[bytes, Tree] = {}
        """commits (hex) that are not rewritten, but whose children are"""

    def versions(self) -> Iterator[tuple[bytes, bytes, int]]:
        """Each version: path, blob (hex), size."""
        for path, blobs in self.paths.items():
            for blob in blobs:
                yield path, blob, self.sizes[blob]


class Tree:
    """The regular files of one commit: path → mode and blob (hex)."""

    def __init__(self, repo: Repository, commit: bytes) -> None:
        self.files: dict[bytes, tuple[bytes, bytes]] = {}
        cwd = repo.worktree or repo.common_dir
        for record in records("ls-tree", "-r", "-z", "--full-tree", os.fsdecode(commit), cwd=cwd):
            header, _, path = record.partition(b"\t")
            mode, _, blob = header.split(b" ")
            if mode.startswith(b"100"):
                self.files[path] = (mode, blob)


def look(repo: Repository, include: list[str], exclude: list[str]) -> Versions:
    """Go through history once. Raises: GitFailed."""
    found = Versions()
    seen: set[bytes] = set()
    for commit in survey(repo, include, exclude):
        found.commits += 1
        seen.add(commit.oid)
        for parent in commit.parents:
            if parent not in seen and parent not in found.boundary:
                found.boundary[parent] = Tree(repo, parent)
        for change in commit.changes:
            if change.is_file:
                found.paths.setdefault(change.path, {})[change.blob] = None
    for tree in found.boundary.values():
        for path, (_, blob) in tree.files.items():
            found.paths.setdefault(path, {})[blob] = None
    _look_at_blobs(repo, found)
    return found


def _look_at_blobs(repo: Repository, found: Versions) -> None:
    """Tell content from pointers; empty blobs are neither."""
    blobs = list(dict.fromkeys(blob for held in found.paths.values() for blob in held))
    fetch_missing(repo.config, blobs)
    sizes = {}
    question = (blob + b"\n" for blob in blobs)
    command = (*FLAT, "cat-file", "--batch-check=%(objectname) %(objectsize)", "--buffer")
    for line in lines(*command, stdin=question, cwd=repo.common_dir):
        name, _, size = line.rstrip().partition(b" ")
        if size.isdigit():
            sizes[name] = int(size)
    small = [blob for blob, size in sizes.items() if size < MAX_SIZE_BYTES]
    found.pointers = {raw.hex().encode(): pointer for raw, pointer in pointers_of(repo, raw_ids(small)).items()}
    found.sizes = {blob: size for blob, size in sizes.items() if size and blob not in found.pointers}
    held_by, found.paths = found.paths, {}
    for path, held in held_by.items():
        content = {blob: None for blob in held if blob in found.sizes}
        data = {blob: None for blob in held if blob in found.pointers}
        if content:
            found.paths[path] = content
        if data:
            found.data[path] = data
