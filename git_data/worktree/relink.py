"""Replace pointers in the work tree by links to their content, and tell git's index.

The one place that writes the user's files.  Three steps, each whole after a crash:

1. the index entries of the paths lose their size, which makes git compare content instead of trusting it;
2. each file that still is exactly its pointer is replaced by a link to the object;
3. the entries get the stat data of the new files.

Killed in between, ``git status`` is slower and right.  The index is locked only while it is written.

A path is left alone when the file is not exactly the pointer (the user was faster), is gone, or lies behind a symbolic
link.
"""

from __future__ import annotations

import os
import time

from git_data.base import fsio
from git_data.base.digest import blob_oid
from git_data.errors import GitFailed, Locked, from_os_error
from git_data.git import index as git_index
from git_data.link import batch, probe
from git_data.link.items import COPY, HARDLINK, NOT_EXPECTED, OBJECT_SUSPECT, REFLINK, Link
from git_data.link.pure import index_fields
from git_data.store.objects import TEMP_GRACE_S, Store, stamp_part
from git_data.worktree import lockable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.base.report import Progress
    from git_data.errors import FileSystemError, GitDataError
    from git_data.git.repo import Repository
    from git_data.worktree.journal import Waiting

BACKDATE_S = 2
"""A new file is dated so long before the index, or git would take it for racily clean and hash it."""


class Outcome:
    """What became of the paths."""

    __slots__ = ("copied", "copied_bytes", "copy_s", "failed", "hardlinked", "left", "linked", "locked", "missing")

    def __init__(self) -> None:
        self.linked = 0
        self.hardlinked = 0
        self.copied = 0
        self.copied_bytes = 0
        self.copy_s = 0.0
        self.left: list[Waiting] = []
        """not the pointer any more: nothing to do"""
        self.missing: list[Waiting] = []
        self.failed: list[tuple[Waiting, GitDataError]] = []
        self.locked: Locked | None = None
        """the index could not be written: nothing was linked, or git will compare content"""

    @property
    def done(self) -> int:
        """Files that now hold their content."""
        return self.linked + self.hardlinked + self.copied


def relink(
    repo: Repository,
    store: Store,
    waiting: list[Waiting],
    wait_s: float = 0.1,
    progress: Progress | None = None,
) -> Outcome:
    """Bring content to the given paths of ``repo``'s work tree.

    ``wait_s`` is how long to wait for the index lock.  Raises: OSError when the staging place cannot be made,
    FileSystemError when the index cannot be written, RepositoryError when it is damaged.
    """
    outcome = Outcome()
    repo.require_worktree()
    present = _present(store, waiting, outcome)
    if not present:
        return outcome
    stage = os.path.join(repo.data_dir, "tmp")
    os.makedirs(stage, exist_ok=True)
    fsio.sweep(stage, TEMP_GRACE_S)
    # the last of several records for one path is the one that counts
    by_path = {item.path: item for item in present}
    paths = sorted(by_path)
    patcher = Patcher(repo, [by_path[path] for path in paths], paths, wait_s)
    try:
        index_time_s = patcher.forget_sizes()
    except Locked as locked:
        outcome.locked = locked
        return outcome
    except OSError as error:
        raise _index_refused(repo, error) from None
    links = _link(repo, store, [by_path[path] for path in paths], stage, index_time_s, outcome, progress)
    try:
        patcher.write_stats(links)
    except Locked as locked:
        outcome.locked = locked
    except OSError as error:
        raise _index_refused(repo, error) from None
    return outcome


def _index_refused(repo: Repository, error: OSError) -> FileSystemError:
    """The index keeps sizes that make git compare content, or was not touched at all."""
    failure = from_os_error(error, repo.index, "describing files in")
    failure.hint = f"{failure.hint}\nbring what is missing with: git data checkout".lstrip()
    return failure


def _present(store: Store, waiting: list[Waiting], outcome: Outcome) -> list[Waiting]:
    present = []
    for item in waiting:
        if store.find(item.pointer.oid, item.pointer.size) is None:
            outcome.missing.append(item)
        else:
            present.append(item)
    return present


class Patcher:
    """Steps 1 and 3: in place where the index is the work tree's own, by ``git update-index`` elsewhere."""

    def __init__(self, repo: Repository, items: list[Waiting], paths: list[bytes], wait_s: float) -> None:
        self.repo = repo
        self.paths = paths
        self.wait_s = wait_s
        self.blobs = [blob_oid(item.pointer.encode(), repo.object_format) for item in items]
        # A temporary index (GIT_INDEX_FILE) belongs to a git command that may hold it in memory.
        self.in_place = os.path.realpath(repo.index) == os.path.realpath(repo.own_index)
        self.marked: dict[int, bytes] = {}
        """number of the path → the size its entry had"""

    def forget_sizes(self) -> int:
        """Step 1; the second (Unix time) new files must be older than. Raises: Locked."""
        if self.in_place:
            try:
                git_index.patch(self.repo.index, self.paths, self.repo.object_format, self._forget, self.wait_s)
            except git_index.SplitIndex:
                self.in_place = False
        now_s = int(time.time())
        try:
            index_s = int(os.stat(self.repo.index).st_mtime)
        except FileNotFoundError:
            return now_s
        return index_s if now_s - index_s <= git_index.KEEP_MTIME_S else now_s

    def _forget(self, index: git_index.Index, number: int, offset: int) -> bool:
        if index.blob(offset) != self.blobs[number]:
            return False
        self.marked[number] = index.forget_size(offset)
        return True

    def write_stats(self, links: list[Link | None]) -> None:
        """Step 3. ``links`` are in the order of the paths. Raises: Locked."""
        if not self.in_place:
            self._update_index([link.path for link in links if link is not None and not link.error])
            return
        if not self.marked:
            return

        def describe(index: git_index.Index, number: int, offset: int) -> bool:
            link = links[number]
            if number not in self.marked or index.blob(offset) != self.blobs[number]:
                return False
            if link is None or link.error:
                return self._restore(index, number, offset)
            index.set_stat(offset, link.stat)
            return True

        # Longer than in step 1: the files are in place now, and only their description is missing.
        git_index.patch(self.repo.index, self.paths, self.repo.object_format, describe, max(self.wait_s, 1.0))

    def _restore(self, index: git_index.Index, number: int, offset: int) -> bool:
        """Take step 1 back if the entry was right about the file; else git had better compare the content."""
        index.restore_size(offset, self.marked[number])
        try:
            status = os.lstat(os.path.join(os.fsencode(self.repo.require_worktree()), self.paths[number]))
        except OSError:
            return True
        if not index.describes(offset, index_fields(status)):
            index.forget_size(offset)
        return True

    def _update_index(self, paths: list[bytes]) -> None:
        """git's own, slow way: it cleans (hashes) each file again."""
        if not paths:
            return
        from git_data.git.run import git

        root = self.repo.require_worktree()
        env = {"GIT_DIR": self.repo.git_dir, "GIT_WORK_TREE": root, "GIT_INDEX_FILE": self.repo.index}
        known = git("ls-files", "-z", "--cached", cwd=root, env=env).split(b"\0")
        wanted = sorted(set(paths).intersection(known))
        try:
            git("update-index", "-z", "--stdin", cwd=root, env=env, stdin=b"".join(path + b"\0" for path in wanted))
        except GitFailed as error:
            raise Locked(error.message, error.hint) from None


def _link(
    repo: Repository,
    store: Store,
    items: list[Waiting],
    stage: str,
    index_time_s: int,
    outcome: Outcome,
    progress: Progress | None,
) -> list[Link | None]:
    """Step 2: the link of each item, or ``None`` where its object turned out to be damaged."""
    memory = os.path.join(repo.data_dir, "links")
    methods = repo.settings.link
    if os.path.isdir(store.tmp) and os.access(store.tmp, os.W_OK):
        methods = probe.usable(methods, store.tmp, stage, memory)
    date_s = index_time_s - BACKDATE_S
    modes = lockable.modes(repo, [item.path for item in items])
    links = [_item(store, item, date_s, modes) for item in items]
    if methods[0] == "hardlink":
        from git_data.worktree.ctime import stop_trusting_ctime

        stop_trusting_ctime(repo)
        _date_objects(links)
    start = time.monotonic()
    # what somebody has locked, he is about to edit: no hard link to the object
    editable = [link for link in links if link and link.mode >= 0 and link.mode & 0o200]
    others = [link for link in links if link and link not in editable] if editable else [link for link in links if link]
    for chosen, some in ((methods, others), (tuple(method for method in methods if method != "hardlink"), editable)):
        if some:
            batch.relink(repo.require_worktree(), stage, chosen, some, repo.settings.jobs, progress)
    suspects = [number for number, link in enumerate(links) if link and link.error == OBJECT_SUSPECT]
    for number in suspects:
        # verify hashes the object and stamps it again, or moves it to quarantine
        pointer = items[number].pointer
        links[number] = None
        if store.sound(pointer.oid, pointer.size) is not None:
            again = _item(store, items[number], date_s, modes)
            if again is not None:
                again.stamp_ns = -1
                batch.relink(repo.require_worktree(), stage, methods, [again])
            links[number] = again
    elapsed = time.monotonic() - start
    for item, link in zip(items, links):
        _count(outcome, item, link, repo.require_worktree())
    if outcome.copied:
        outcome.copy_s = elapsed
    return links


def _item(store: Store, waiting: Waiting, date_s: int, modes: dict[bytes, int]) -> Link | None:
    pointer = waiting.pointer
    path = store.find(pointer.oid, pointer.size)
    if path is None:
        return None
    part = stamp_part(pointer.oid)
    mtime_ns = date_s * 10**9 + part
    mode = modes.get(waiting.path, -1)
    return Link(waiting.path, os.fsencode(path), pointer.size, pointer.encode(), mtime_ns, stamp_ns=part, mode=mode)


def _date_objects(links: list[Link | None]) -> None:
    """A hard link shows its object's time, and tools like make must see a new one: date objects nobody else links to."""
    for link in links:
        if link is None:
            continue
        try:
            status = os.stat(link.object)
            # a wrong stamp says that the object was edited; it must stay wrong
            if status.st_nlink == 1 and status.st_mtime_ns % 10**9 == link.stamp_ns:
                os.utime(link.object, ns=(link.mtime_ns, link.mtime_ns))
        except OSError:
            continue  # somebody else's object in a shared store


def _count(outcome: Outcome, item: Waiting, link: Link | None, root: str) -> None:
    if link is None:
        outcome.missing.append(item)
    elif link.error == NOT_EXPECTED:
        outcome.left.append(item)
    elif link.error:
        error = OSError(abs(link.error), os.strerror(abs(link.error)))
        doing = f"linking '{os.fsdecode(link.object)}' to"
        outcome.failed.append((item, from_os_error(error, item.path, doing, root, link.size)))
    elif link.method == REFLINK:
        outcome.linked += 1
    elif link.method == HARDLINK:
        outcome.hardlinked += 1
    elif link.method == COPY:
        outcome.copied += 1
        outcome.copied_bytes += item.pointer.size
