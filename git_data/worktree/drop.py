"""Freeing local space: content in the work tree becomes its pointer again, and the object leaves the store.

The caller has made sure that the content is elsewhere.  In this order: the index entries lose their size, which makes git compare
content instead of trusting it; each file that still is the one that was looked at is replaced by its pointer; the entries get the
stat data of the new files; objects are deleted last.  Killed in between, git compares the content of a few pointers, and an
object whose files are pointers already is deleted by the next run.
"""

from __future__ import annotations

import os
import stat
import time

from git_data.base import fsio
from git_data.errors import from_os_error
from git_data.git import status
from git_data.git.run import records
from git_data.git.scan import in_index
from git_data.link import batch
from git_data.link.items import FRESH_NS, NOT_EXPECTED, Link
from git_data.link.pure import is_fresh
from git_data.store.objects import TEMP_GRACE_S, stamp_part, umask
from git_data.worktree import state
from git_data.worktree.journal import Waiting
from git_data.worktree.relink import BACKDATE_S, Patcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.errors import GitDataError
    from git_data.git.repo import Repository
    from git_data.git.scan import Tracked
    from git_data.store.objects import Store

_WHY_NOT = {
    state.MODIFIED: "it is modified: commit the change first",
    state.DELETED: "it is deleted in the work tree: git restore it first",
    state.CONFLICT: "it is in conflict: resolve that first",
}


class Candidate:
    """One data file. ``status`` is what lies in the work tree if that is content; ``refusal`` why it must stay."""

    __slots__ = ("refusal", "status", "stored", "tracked")

    def __init__(self, tracked: Tracked, stored: bool, status: os.stat_result | None, refusal: str) -> None:
        self.tracked = tracked
        self.stored = stored
        self.status = status
        self.refusal = refusal

    @property
    def occupies(self) -> bool:
        """Whether there is anything to drop."""
        return self.stored or self.status is not None


def candidates(repo: Repository, store: Store, files: list[Tracked], pathspecs: list[str]) -> list[Candidate]:
    """What may be dropped of ``files``: those that are in the work tree, the index and the last commit the same.

    Raises: GitFailed.
    """
    root = os.fsencode(repo.require_worktree())
    # first: what somebody writes while git compares must show as a change later
    seen = {file.path: _lstat(os.path.join(root, file.path)) for file in files}
    now_ns = time.time_ns()
    if any(found is not None and is_fresh(found, now_ns) for found in seen.values()):
        time.sleep(FRESH_NS / 1e9)
    changed = {entry.path: entry for entry in status.changed(pathspecs)}
    unwatched = _unwatched(pathspecs)
    letters = {path: entry.unstaged for path, entry in changed.items()}
    found = []
    for item in state.classify(repo, store, files, letters, root):
        path = item.tracked.path
        entry = changed.get(path)
        refusal = _WHY_NOT.get(item.here, "")
        if not refusal and entry is not None and entry.staged != ".":
            refusal = "this version is not committed"
        if not refusal and path in unwatched and seen[path] is not None and item.here != state.POINTER:
            refusal = "git was told not to look at it (update-index --assume-unchanged or --skip-worktree)"
        found.append(Candidate(item.tracked, item.stored, seen[path] if item.here == state.CONTENT else None, refusal))
    return found


def _lstat(path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _unwatched(pathspecs: list[str]) -> set[bytes]:
    """Paths whose changes git does not notice (``git ls-files -v``: lower-case letters, and S)."""
    listed = records("ls-files", "-v", "-z", "--full-name", "--", *(pathspecs or [":/"]))
    return {record[2:] for record in listed if record[:1].islower() or record[:1] == b"S"}


def put_pointers(repo: Repository, found: list[Candidate]) -> list[tuple[Candidate, GitDataError | None]]:
    """Replace content by pointers: those that were not replaced, with the reason (``None``: changed meanwhile).

    Raises: Locked when the index is locked, OSError when the staging place cannot be made.
    """
    found = sorted((item for item in found if item.status is not None), key=lambda item: item.tracked.path)
    if not found:
        return []
    stage = os.path.join(repo.data_dir, "tmp")
    os.makedirs(stage, exist_ok=True)
    fsio.sweep(stage, TEMP_GRACE_S)
    waiting = [Waiting(item.tracked.path, item.tracked.pointer) for item in found]
    patcher = Patcher(repo, waiting, [item.path for item in waiting], wait_s=2.0)
    date_s = patcher.forget_sizes() - BACKDATE_S
    sources: dict[bytes, str] = {}
    try:
        links = [_link(item, stage, sources, date_s) for item in found]
        batch.relink(repo.require_worktree(), stage, ("copy",), links, repo.settings.jobs)
    finally:
        for path in sources.values():
            fsio.remove_if_exists(path)
    patcher.write_stats(list(links))
    failed: list[tuple[Candidate, GitDataError | None]] = []
    for item, link in zip(found, links):
        if link.error == NOT_EXPECTED:
            failed.append((item, None))
        elif link.error:
            error = OSError(abs(link.error), os.strerror(abs(link.error)))
            failed.append((item, from_os_error(error, item.tracked.path, "writing the pointer to")))
    return failed


def _link(item: Candidate, stage: str, sources: dict[bytes, str], date_s: int) -> Link:
    """The work item that puts the pointer in place of the file that was looked at."""
    assert item.status is not None
    pointer = item.tracked.pointer.encode()
    if pointer not in sources:
        sources[pointer] = os.path.join(stage, fsio.temp_name())
        fsio.write_file(sources[pointer], pointer)
    mode = stat.S_IMODE(item.status.st_mode)
    if item.status.st_nlink > 1:
        # a hard link shows the permissions of the object
        mode = 0o666 & ~umask() | mode & 0o111
    mtime_ns = date_s * 10**9 + stamp_part(item.tracked.pointer.oid)
    source = os.fsencode(sources[pointer])
    return Link(item.tracked.path, source, len(pointer), None, mtime_ns, mode=mode, status=item.status)


def delete_objects(store: Store, oids: list[str]) -> None:
    """Delete those objects that the store itself has. Raises: FileSystemError."""
    for oid in oids:
        if os.path.exists(store.path(oid)):
            store.remove(oid)


def also_named(repo: Repository, dropped: list[Tracked]) -> dict[str, list[bytes]]:
    """Other paths of the index that have the content of ``dropped`` files: oid → paths."""
    paths = {file.path for file in dropped}
    oids = {file.pointer.oid for file in dropped}
    others: dict[str, list[bytes]] = {}
    for file in in_index(repo):
        if file.pointer.oid in oids and file.path not in paths:
            others.setdefault(file.pointer.oid, []).append(file.path)
    return others
