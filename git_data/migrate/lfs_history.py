"""History without git-lfs: in every commit its pointers become ours, and attributes name our drivers.

Whether a file is git-lfs's is decided by the attributes of the commit it is in: a pointer to which they give no filter is a
text, which stays; content to which they give ``filter=lfs`` should have been a pointer, and becomes data.  Where attributes
change, the files they are about change with them.
"""

from __future__ import annotations

from git_data.git.scan import in_history, read_blobs
from git_data.migrate import history
from git_data.migrate.attributes_at import FILE, Attributes, Source, tree
from git_data.migrate.lfs_plan import blob_sizes, switch
from git_data.migrate.stream import Commit, FileChange
from git_data.pointer import MAX_SIZE_BYTES, Pointer, looks_like

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from git_data.base.report import Progress
    from git_data.git.repo import Repository

_LFS = "lfs"


class Found:
    """What a first walk through history has found.

    ``plain``: blobs (hex) that should have been pointers, with their sizes; ``malformed``: paths of what is nearly a pointer.
    """

    __slots__ = ("commits", "malformed", "plain", "signed")

    def __init__(self) -> None:
        self.commits = 0
        self.plain: dict[bytes, int] = {}
        self.malformed: list[bytes] = []
        self.signed: list[str] = []


class Rewriting:
    """The transform (``history.Transform``). ``contents``: what blobs (hex) of content become; until then they are collected."""

    def __init__(self, repo: Repository, missing: Collection[str] = ()) -> None:
        self._repo = repo
        self._source = Source(repo)
        pointers = in_history(repo, "--all")
        self._names = {raw.hex().encode(): pointer for raw, pointer in pointers.items()}
        self.missing = missing
        self.contents: dict[bytes, Pointer] = {}
        self.suspects: dict[bytes, bytes] = {}
        """blobs (hex) with filter=lfs that are no pointers, and one path of each"""
        self._switched: dict[bytes, bytes | None] = {}

    def begin(self, oid: bytes) -> Attributes:
        """Nothing is left out of a rewrite, so there are no such commits but those that a graft hides."""
        return self._source.of_commit(oid)

    def change(self, commit: Commit) -> list[FileChange]:
        """See ``history.Transform``."""
        before: Attributes = commit.states[0] if commit.states else self._source.attributes({})
        now = commit.state = before.after(commit.changes)
        changes = [self._changed(change, now) for change in commit.changes]
        changed = any(new is not old for new, old in zip(changes, commit.changes))
        if now is not before and commit.parents:
            others = self._moved_by_attributes(commit, before, now)
            changes += others
            changed = changed or bool(others)
        return changes if changed else commit.changes

    def _changed(self, change: FileChange, attributes: Attributes) -> FileChange:
        if not change.is_file:
            return change
        content = self._content(change.path, change.blob, attributes)
        return change if content is None else FileChange(change.path, change.mode, content=content)

    def _content(self, path: bytes, blob: bytes, attributes: Attributes) -> bytes | None:
        """What a file is to hold; ``None`` if it stays what it is."""
        if path.rpartition(b"/")[2] == FILE:
            if blob not in self._switched:
                self._switched[blob] = switch(self._source.content(blob))
            return self._switched[blob]
        if attributes.filter(path) != _LFS:
            return None
        pointer = self._names.get(blob)
        if pointer is None:
            self.suspects.setdefault(blob, path)
            taken = self.contents.get(blob)
            return None if taken is None else Pointer(taken.oid, taken.size).encode()
        if pointer.format != _LFS or pointer.oid in self.missing:
            return None
        return Pointer(pointer.oid, pointer.size).encode()

    def _moved_by_attributes(self, commit: Commit, before: Attributes, now: Attributes) -> list[FileChange]:
        """Files that the commit itself does not change, but its attributes do."""
        touched = {change.path for change in commit.changes}
        found = []
        for path, mode, blob in tree(self._repo.common_dir, commit.oid):
            if path in touched or path.rpartition(b"/")[2] == FILE or before.filter(path) == now.filter(path):
                continue
            old, new = self._content(path, blob, before), self._content(path, blob, now)
            if new is not None and new != old:
                found.append(FileChange(path, mode, content=new))
            elif new is None and old is not None:
                found.append(FileChange(path, mode, blob))
        return found


def look(repo: Repository, include: list[str], transform: Rewriting) -> Found:
    """Walk through history once, changing nothing. Raises: GitFailed."""
    found = Found()
    states: dict[bytes, Attributes] = {}
    for commit in history.survey(repo, include, []):
        commit.states = [states[parent] if parent in states else transform.begin(parent) for parent in commit.parents]
        transform.change(commit)
        states[commit.oid] = commit.state
        found.commits += 1
    sizes = blob_sizes(list(transform.suspects), repo)
    small = dict(read_blobs([blob for blob, size in sizes.items() if size < MAX_SIZE_BYTES]))
    for blob, path in transform.suspects.items():
        if looks_like(small.get(blob, b"")):
            found.malformed.append(path)
        elif sizes.get(blob):
            found.plain[blob] = sizes[blob]
    found.signed = history.signed_commits(repo, include, [])
    return found


def rewrite(repo: Repository, include: list[str], transform: Rewriting, progress: Progress) -> history.Rewritten:
    """Make the new commits; nothing moves yet. Raises: GitFailed, FileSystemError."""
    return history.rewrite(repo, include, [], transform, progress)
