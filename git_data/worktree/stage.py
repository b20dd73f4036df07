"""Entries of the index for files whose content is in the store: pointers as one pack, entries, and their stat data.

The index is written twice: by git with the new entries, then by us with their stat data, so that the next ``git status`` starts
no filter.  A crash before the index is written leaves objects nobody refers to.
"""

from __future__ import annotations

import time

from git_data.base.digest import blob_oid
from git_data.errors import Locked
from git_data.git import index as git_index
from git_data.git.blobs import write_blobs
from git_data.git.partial_clone import promisors
from git_data.git.run import git
from git_data.link.pure import index_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.store.objects import Store

MANY_RACY = 100


class Candidate:
    """A file that is to be added.

    ``mode`` is what the index gets (empty: as the file's stat data say), ``known`` mode and blob (hex) it has now.  Afterwards
    ``blob`` is the content git stores (a pointer, or nothing for an empty file), or ``None`` if the file was left alone, and
    ``status`` the stat data that belong to it.
    """

    __slots__ = ("blob", "content", "format", "known", "mode", "path", "pointer", "size", "status")

    def __init__(self, path: bytes, mode: bytes, size: int, known: tuple[bytes, bytes]) -> None:
        self.path = path
        self.mode = mode
        self.size = size
        self.known = known
        self.format = ""
        """the format of its pointer, if it is not the usual one"""
        self.blob: bytes | None = None
        self.pointer: Pointer | None = None
        self.content: bytes | None = None
        """what was hashed, from there until it is stored, if it is small and blocks cannot be shared"""
        self.status: os.stat_result | None = None

    def is_known(self, object_format: str) -> bool:
        """Whether the index has exactly this already."""
        if self.blob is None:
            return False
        return self.known == (self.mode, blob_oid(self.blob, object_format).hex().encode())


def stage(repo: Repository, store: Store, candidates: list[Candidate]) -> None:
    """Write blobs and index entries of the candidates that have a ``blob``.

    Those with a ``status`` are described as the files they are: the caller vouches that it is of the content the pointer names.

    Raises: GitFailed, FileSystemError.
    """
    root = repo.require_worktree()
    taken = sorted((candidate for candidate in candidates if candidate.blob is not None), key=lambda item: item.path)
    if not taken:
        return
    format = repo.object_format
    by_content = {candidate.blob: b"" for candidate in taken if candidate.blob is not None}
    for content in by_content:
        by_content[content] = blob_oid(content, format)
    # the pointers become acknowledged with the index: what they name must be durable before
    store.flush()
    write_blobs({oid: content for content, oid in by_content.items()}, format, partial_clone=bool(promisors(repo)))
    blobs = [by_content[candidate.blob] for candidate in taken if candidate.blob is not None]
    _wait_for_racy(taken)
    entries = [
        b"%s %s\t%s\0" % (candidate.mode or _new_mode(repo, candidate), blob.hex().encode(), candidate.path)
        for candidate, blob in zip(taken, blobs)
    ]
    git("update-index", "-z", "--index-info", cwd=root, stdin=b"".join(entries))
    _describe(repo, taken, blobs)


def _new_mode(repo: Repository, candidate: Candidate) -> bytes:
    assert candidate.status is not None
    executable = candidate.status.st_mode & 0o100 and repo.config.get_bool("core.filemode", True)
    return b"100755" if executable else b"100644"


def _describe(repo: Repository, taken: list[Candidate], blobs: list[bytes]) -> None:
    """Write the stat data into the index; without them git would clean every file once more, and find it unchanged."""

    def describe(index: git_index.Index, number: int, offset: int) -> bool:
        status = taken[number].status
        if status is None or index.blob(offset) != blobs[number]:
            return False
        index.set_stat(offset, index_fields(status))
        return True

    paths = [candidate.path for candidate in taken]
    try:
        git_index.patch(repo.index, paths, repo.object_format, describe, wait_s=1.0)
    except (Locked, git_index.SplitIndex):
        # somebody else was faster, or the entries are in another file: git itself fills them in
        git("update-index", "-q", "--refresh", cwd=repo.require_worktree(), ok=(0, 1))


def _wait_for_racy(taken: list[Candidate]) -> None:
    """Wait for the next second if many files are as young as the index will be.

    git compares whole seconds, and cleans every file whose mtime is not before the index's the next time it looks.
    """
    now_s = int(time.time())
    racy = sum(1 for candidate in taken if candidate.status is not None and int(candidate.status.st_mtime) == now_s)
    if racy > MANY_RACY:
        time.sleep(now_s + 1.01 - time.time())
