"""Large files of plain git history become data: blobs become pointers, and attributes say so.

Attributes appear in the first commit that has data and stay from there on, so that earlier commits remain what they are.
"""

from __future__ import annotations

import os

from git_data.errors import RepositoryError
from git_data.git.attributes import AttributesFile, quote
from git_data.git.run import git
from git_data.migrate.stream import Commit, FileChange
from git_data.migrate.versions import ATTRIBUTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.choose import Choice
    from git_data.migrate.versions import Tree
    from git_data.pointer import Pointer


class State:
    """Of one commit: the blob (hex) of its attributes as it was before, whether the new commit has ours in them, and files
    that must become data in its first rewritten child (path → mode and blob).
    """

    __slots__ = ("attributes", "has_ours", "pending")

    def __init__(self, attributes: bytes, has_ours: bool, pending: dict[bytes, tuple[bytes, bytes]] | None = None) -> None:
        self.attributes = attributes
        self.has_ours = has_ours
        self.pending = pending


_NOTHING = State(b"", False)


class Importing:
    """The transform (``history.Transform``). ``pointers`` are those of the blobs (hex) that become data."""

    def __init__(self, repo: Repository, choice: Choice, pointers: dict[bytes, Pointer], boundary: dict[bytes, Tree]) -> None:
        self._choice = choice
        self._pointers = pointers
        self._boundary = boundary
        self._format = repo.settings.pointer_format
        self._attributes = Attributes(repo, choice)

    def begin(self, oid: bytes) -> State:
        """A commit that stays: what of it becomes data in its children."""
        tree = self._boundary[oid]
        pending = {path: entry for path, entry in tree.files.items() if self._is_data(path, entry[1])}
        return State(tree.files.get(ATTRIBUTES, (b"", b""))[1], False, pending or None)

    def _is_data(self, path: bytes, blob: bytes) -> bool:
        return blob in self._pointers and path in self._choice.paths

    def change(self, commit: Commit) -> list[FileChange]:
        """See ``history.Transform``."""
        first = commit.states[0] if commit.states else _NOTHING
        has_ours = any(state.has_ours for state in commit.states)
        attributes = first.attributes
        own: FileChange | None = None
        changes = []
        changed = False
        for change in commit.changes:
            if change.path == ATTRIBUTES:
                own, attributes = change, change.blob
            elif change.is_file and self._is_data(change.path, change.blob):
                changes.append(self._converted(change.path, change.mode, change.blob))
                changed = True
            else:
                changes.append(change)
        for path, (mode, blob) in self._pending(first, commit).items():
            changes.append(self._converted(path, mode, blob))
            changed = True
        has_ours = has_ours or changed
        if has_ours and (own is not None or not first.has_ours):
            if own is not None and own.mode == b"120000":
                raise RepositoryError(f"'.gitattributes' is a symbolic link in commit {commit.oid.decode()[:12]}")
            changes.append(FileChange(ATTRIBUTES, b"100644", content=self._attributes.of(attributes)))
            changed = True
        elif own is not None:
            changes.append(own)
        commit.state = State(attributes, has_ours)
        return changes if changed else commit.changes

    def _pending(self, first: State, commit: Commit) -> dict[bytes, tuple[bytes, bytes]]:
        if first.pending is None:
            return {}
        touched = {change.path for change in commit.changes}
        return {path: entry for path, entry in first.pending.items() if path not in touched}

    def _converted(self, path: bytes, mode: bytes, blob: bytes) -> FileChange:
        pointer = self._pointers[blob]
        pointer.format = self._format
        return FileChange(path, mode, content=pointer.encode())


class Attributes:
    """The attributes at the top of a commit, with ours."""

    def __init__(self, repo: Repository, choice: Choice) -> None:
        self._cwd = repo.common_dir
        self._choice = choice
        self._known: dict[bytes, bytes] = {}

    def of(self, blob: bytes) -> bytes:
        """The content of ``.gitattributes`` with ours added to that of a blob (hex; empty: to nothing)."""
        if blob not in self._known:
            content = git("cat-file", "blob", os.fsdecode(blob), cwd=self._cwd) if blob else b""
            self._known[blob] = with_patterns(content, self._choice)
        return self._known[blob]


def with_patterns(content: bytes, choice: Choice) -> bytes:
    """Attributes with lines for what becomes data."""
    file = AttributesFile(".gitattributes", content)
    for pattern in choice.patterns:
        file.track(pattern, lockable=None)
    text = file.encode()
    for pattern in choice.unpatterns:
        line = os.fsencode(f"{quote(pattern)} !filter !diff !merge !text\n")
        if line not in text:
            text += line
    return text
