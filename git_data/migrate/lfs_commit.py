"""Leaving git-lfs in one commit: pointers at HEAD are written anew without reading any content, and attributes switched.

Old commits stay what they are; the set-up of the repository (``lfs_setup``), and ``data.lfs`` in ``.gitdata`` for everybody
else's, has git start us for their files, too.
"""

from __future__ import annotations

import os
import tempfile

from git_data.base import fsio
from git_data.config import COMMITTED_FILE
from git_data.errors import CheckFailed
from git_data.git import index as git_index
from git_data.git.run import git, records
from git_data.git.scan import in_index, read_blobs
from git_data.link.pure import index_fields
from git_data.migrate.follow import take_over
from git_data.migrate.lfs_plan import blob_sizes
from git_data.migrate.one_commit import File, build
from git_data.migrate.record import DONE, Record
from git_data.migrate.take_in import Blob, take_in
from git_data.pointer import Pointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from git_data.base.report import Progress
    from git_data.git.repo import Repository
    from git_data.migrate.lfs_plan import Head
    from git_data.migrate.record import Move
    from git_data.store.objects import Store

MESSAGE = """\
Data files are kept by git-data instead of git-lfs

Pointers name the same content as before. Old commits keep the pointers of
git-lfs, which git-data reads.
"""


class Vouched:
    """Files of which git says that they are as it wrote them, with stat data from before it was asked."""

    def __init__(self, repo: Repository) -> None:
        root = os.fsencode(repo.require_worktree())
        self._repo = repo
        self._seen: dict[bytes, os.stat_result] = {}
        self._changed: set[bytes] = set()
        for path in records("ls-files", "-z", "--full-name", ":/", cwd=repo.worktree):
            try:
                self._seen[path] = os.lstat(os.path.join(root, path))
            except OSError:
                continue

    def excuse(self, root: str, paths: list[bytes]) -> Collection[bytes]:
        """Of files that git calls changed those that hold what git does, byte for byte: only the filter sees a change.

        Files that should have been pointers are such ones; git-lfs has no rest for them either.
        """
        self._changed.update(paths)
        if not paths:
            return paths
        listed = records("ls-files", "-s", "-z", "--full-name", ":/", cwd=root)
        blobs = {path: header.split(b" ")[1] for header, _, path in (record.partition(b"\t") for record in listed)}
        sizes = blob_sizes([blobs[path] for path in paths if path in blobs], self._repo)
        same = [
            path for path in paths if path in blobs and b"\n" not in path and self._size(root, path) == sizes.get(blobs[path])
        ]
        oids = git(
            "hash-object", "--no-filters", "--stdin-paths", stdin=b"".join(path + b"\n" for path in same), cwd=root
        ).split()
        return {path for path, oid in zip(same, oids) if oid == blobs[path]}

    def _size(self, root: str, path: bytes) -> int:
        try:
            return os.lstat(os.path.join(os.fsencode(root), path)).st_size
        except OSError:
            return -1

    def unchanged(self) -> dict[bytes, os.stat_result]:
        """Those that the index describes, now that git has looked."""
        paths = sorted(path for path in self._seen if path not in self._changed)
        try:
            index = git_index.Index(self._repo.own_index, paths, self._repo.object_format)
        except (git_index.SplitIndex, FileNotFoundError):
            return {}
        return {
            path: self._seen[path]
            for path, offset in zip(paths, index.offsets)
            if offset >= 0 and index.describes(offset, index_fields(self._seen[path]))
        }


class Converted:
    """The commit's files; ``pointers`` are what its data files name, by path."""

    __slots__ = ("files", "pointers")

    def __init__(self) -> None:
        self.files: list[File] = []
        self.pointers: dict[bytes, Pointer] = {}


def convert(
    repo: Repository, store: Store, head: Head, missing: Collection[str], url: str, jobs: int, progress: Progress
) -> Converted:
    """What the commit is to hold; content that git holds itself goes into the store. ``url`` is that of the LFS server to name.

    Raises: FileSystemError, GitFailed.
    """
    result = Converted()
    for file in head.pointers:
        if file.pointer.oid not in missing:
            result.pointers[file.path] = Pointer(file.pointer.oid, file.pointer.size)
            result.files.append(File(file.path, file.mode, result.pointers[file.path].encode()))
    blobs = {plain.blob: plain.size for plain in head.plain}
    taken = take_in(repo, store, [Blob(blob, size) for blob, size in blobs.items()], jobs, progress) if blobs else {}
    for plain in head.plain:
        result.pointers[plain.path] = taken[plain.blob]
        result.files.append(File(plain.path, plain.mode, taken[plain.blob].encode()))
    result.files += [File(file.path, file.mode, file.content) for file in head.attributes]
    if result.files:
        result.files.append(_settings(repo, url))
    return result


def _settings(repo: Repository, url: str) -> File:
    """``.gitdata`` with what everybody's git-data must know. Raises: GitFailed, CheckFailed."""
    path = os.path.join(repo.require_worktree(), COMMITTED_FILE)
    listed = records("ls-files", "-s", "-z", "--full-name", "--", f":/{COMMITTED_FILE}", cwd=repo.worktree)
    if not listed and os.path.lexists(path):
        raise CheckFailed(f"'{COMMITTED_FILE}' is not committed", f"git add {COMMITTED_FILE} && git commit")
    mode, blob = listed[0].split(b" ")[:2] if listed else (b"100644", b"")
    if not mode.startswith(b"100"):
        raise CheckFailed(f"'{COMMITTED_FILE}' is no regular file in git", f"git rm {COMMITTED_FILE} && git commit")
    with tempfile.TemporaryDirectory(prefix="git-data-migrate-") as directory:
        copy = os.path.join(directory, "settings")
        fsio.write_file(copy, dict(read_blobs([blob])).get(blob, b"") if blob else b"")
        git("config", "--file", copy, "--replace-all", "data.lfs", "true")
        # pointers of new files are ours from now on
        git("config", "--file", copy, "--unset-all", "data.pointerFormat", ok=(0, 5))
        if url:
            git("config", "--file", copy, "--replace-all", "data.remote", "lfs")
            git("config", "--file", copy, "--replace-all", "data.lfs.url", url)
        return File(os.fsencode(COMMITTED_FILE), mode, fsio.read_file(copy) or b"")


def commit(repo: Repository, converted: Converted) -> Move:
    """Make the commit; nothing moves yet. Raises: GitFailed, RepositoryError."""
    return build(repo, converted.files, [], MESSAGE)


def is_one_commit(repo: Repository, record: Record) -> bool:
    """Whether a record is of this kind of migration: one commit on top."""
    if len(record.moves) != 1:
        return False
    move = record.moves[0]
    parents = git("rev-parse", "--verify", "-q", f"{move.new}^", ok=(0, 1), cwd=repo.common_dir).decode().strip()
    return parents == move.old


def has_moved(repo: Repository, record: Record) -> bool:
    """Whether the refs of a record are where it leads."""
    names = [
        git("rev-parse", "--verify", "-q", move.name, ok=(0, 1), cwd=repo.common_dir).decode().strip() for move in record.moves
    ]
    return names == [move.new for move in record.moves]


def resume(repo: Repository, store: Store, record: Record) -> None:
    """Have the work tree follow a commit whose ref has moved: the command was killed in between. May be done again."""
    vouched = Vouched(repo)
    git("status", "--porcelain", "--untracked-files=no", cwd=repo.worktree)  # git looks at what may have changed
    for move in record.moves:
        take_over(repo, store, move.old, move.new, vouched.unchanged())
    record.save(DONE)


def settle(repo: Repository) -> None:
    """Let git look now at files that nobody could vouch for, so that it need not later."""
    git("update-index", "-q", "--refresh", ok=(0, 1), cwd=repo.worktree)


def pointers_now(repo: Repository) -> dict[bytes, Pointer]:
    """What the index names, by path."""
    return {file.path: file.pointer for file in in_index(repo) if not file.stage}
