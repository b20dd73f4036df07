"""What git has of annexed files becomes pointers: in one commit, or in every commit of history.

Attributes appear in the first commit that has data and stay from there on.  A path that has been data at some times and plain at
others has a line of its own in those commits where it is data.
"""

from __future__ import annotations

import os

from git_data.errors import RepositoryError
from git_data.git.attributes import FORBIDDEN, literal
from git_data.git.run import git
from git_data.migrate.annex_attributes import with_data, without_annex
from git_data.migrate.annex_find import LINK
from git_data.migrate.patterns import cover
from git_data.migrate.stream import FileChange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.adopt import Content
    from git_data.migrate.annex_find import Found
    from git_data.migrate.stream import Commit

ATTRIBUTES = b".gitattributes"


class Plan:
    """``contents`` (name of a key → content that was taken in; what has no pointer stays), ``executable`` (names of keys).

    ``patterns`` cover what becomes data; ``mixed`` are the paths that need lines of their own now and then.
    """

    def __init__(self, found: Found, contents: dict[bytes, Content], executable: set[bytes], format: str) -> None:
        self._found = found
        self._contents = contents
        self._executable = executable
        self._format = format
        data, plain = set(), set()
        for version in found.versions:
            change = self.converted(FileChange(version.path, version.mode, version.blob))
            if change is not None:
                data.add(version.path)
            elif version.mode != LINK:
                plain.add(version.path)
        self.mixed = frozenset(data & plain)
        self.patterns = cover(data - plain, data | plain)
        self.files = len(data)

    def converted(self, change: FileChange) -> FileChange | None:
        """What a change becomes; ``None`` where nothing of git-annex is in it, or nothing that is there."""
        key = self._found.key(change.mode, change.blob)
        content = self._contents.get(key.name) if key is not None else None
        name = os.path.basename(change.path).decode("utf-8", "replace")
        if key is None or content is None or content.pointer is None or name in FORBIDDEN:
            return None
        mode = change.mode
        if mode == LINK:
            mode = b"100755" if key.name in self._executable else b"100644"
        pointer = content.pointer
        pointer.format = self._format
        return FileChange(change.path, mode, content=pointer.encode() if pointer.size else b"")


class State:
    """Of one commit: the blob (hex) its attributes were, whether the new ones have ours, and mixed paths that are data."""

    __slots__ = ("attributes", "has_data", "mixed")

    def __init__(self, attributes: bytes = b"", has_data: bool = False, mixed: frozenset[bytes] = frozenset()) -> None:
        self.attributes = attributes
        self.has_data = has_data
        self.mixed = mixed


_NOTHING = State()


class Rewriting:
    """The transform (``history.Transform``)."""

    def __init__(self, repo: Repository, plan: Plan) -> None:
        self._cwd = repo.common_dir
        self._plan = plan
        self._known: dict[tuple[bytes, bool, frozenset[bytes]], bytes] = {}
        self._blobs: dict[bytes, bytes] = {}

    def begin(self, oid: bytes) -> State:
        """All of history is rewritten, so nothing is outside of it."""
        return _NOTHING

    def change(self, commit: Commit) -> list[FileChange]:
        """See ``history.Transform``."""
        first = commit.states[0] if commit.states else _NOTHING
        state = State(first.attributes, any(state.has_data for state in commit.states))
        mixed = set(first.mixed)
        own: FileChange | None = None
        changes = []
        for change in commit.changes:
            if change.path == ATTRIBUTES:
                if change.mode == LINK:
                    raise RepositoryError(f"'.gitattributes' is a symbolic link in commit {commit.oid.decode()[:12]}")
                own, state.attributes = change, change.blob
                continue
            changes.append(self._changed(change))
            mixed.discard(change.path)
            if changes[-1] is not change and os.path.basename(change.path) != ATTRIBUTES:
                state.has_data = True
                if change.path in self._plan.mixed:
                    mixed.add(change.path)
        state.mixed = first.mixed if mixed == first.mixed else frozenset(mixed)  # one set for many commits
        changes += self._attributes(first, state, own)
        commit.state = state
        same = len(changes) == len(commit.changes) and all(change in commit.changes for change in changes)
        return commit.changes if same else changes

    def _changed(self, change: FileChange) -> FileChange:
        if os.path.basename(change.path) == ATTRIBUTES and change.is_file:
            content = self._blob(change.blob)
            cleaned = without_annex(content)
            if cleaned == content:
                return change
            return FileChange(change.path, change.mode, content=cleaned) if cleaned else FileChange(change.path)
        return self._plan.converted(change) or change

    def _attributes(self, first: State, state: State, own: FileChange | None) -> list[FileChange]:
        """The change of the attributes at the top, if there is one."""
        before, after = self._rendered(first), self._rendered(state)
        if own is not None and after == (self._blob(own.blob) if own.blob else b""):
            return [own]
        if after == before:
            return []
        if not after:
            return [FileChange(ATTRIBUTES)]
        return [FileChange(ATTRIBUTES, own.mode if own is not None and own.mode else b"100644", content=after)]

    def _rendered(self, state: State) -> bytes:
        key = (state.attributes, state.has_data, state.mixed)
        if key not in self._known:
            content = without_annex(self._blob(state.attributes)) if state.attributes else b""
            if state.has_data:
                exact = [literal(os.fsdecode(path)) for path in sorted(state.mixed)]
                content = with_data(content, [*self._plan.patterns, *exact])
            self._known[key] = content
        return self._known[key]

    def _blob(self, blob: bytes) -> bytes:
        if blob not in self._blobs:
            self._blobs[blob] = git("cat-file", "blob", os.fsdecode(blob), cwd=self._cwd)
        return self._blobs[blob]
