"""The way out: pointers in history become plain content of git again, or pointers of git-lfs."""

from __future__ import annotations

import os

from git_data.git.attributes import AttributesFile, quote
from git_data.git.run import git
from git_data.migrate.stream import Commit, FileChange, Stored
from git_data.migrate.versions import ATTRIBUTES
from git_data.pointer import Pointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.choose import Patterns
    from git_data.store.objects import Store

PLAIN, LFS = "plain", "lfs"


class Exporting:
    """The transform (``history.Transform``). ``wanted`` restricts the paths, ``None`` means all.

    Attributes: where all paths are meant ours are taken out, or changed into those of git-lfs, wherever they are; else lines for
    the wanted paths follow at the top of the tree.
    """

    def __init__(
        self, repo: Repository, store: Store, pointers: dict[bytes, Pointer], to: str, wanted: Patterns | None = None
    ) -> None:
        self._cwd = repo.common_dir
        self._store = store
        self._pointers = pointers
        self._to = to
        self._wanted = wanted
        self._attributes: dict[bytes, bytes] = {}

    def begin(self, oid: bytes) -> bool:
        """A commit that stays has no lines of ours."""
        return False

    def change(self, commit: Commit) -> list[FileChange]:
        """See ``history.Transform``. The state is whether the attributes at the top have lines for the wanted paths."""
        has_lines = bool(commit.states and commit.states[0])
        changes = [self._changed(change) for change in commit.changes]
        changed = any(new is not old for new, old in zip(changes, commit.changes))
        if self._wanted is not None:
            own = next((change for change in commit.changes if change.path == ATTRIBUTES), None)
            if own is not None or (changed and not has_lines):
                changes = [change for change in changes if change.path != ATTRIBUTES]
                changes.append(FileChange(ATTRIBUTES, b"100644", content=self._edited(own.blob if own is not None else b"")))
                has_lines = changed = True
        commit.state = has_lines
        return changes if changed else commit.changes

    def _changed(self, change: FileChange) -> FileChange:
        if not change.is_file:
            return change
        if os.path.basename(change.path) == ATTRIBUTES and self._wanted is None:
            content = self._edited(change.blob)
            return FileChange(change.path, change.mode if content else b"", content=content)
        pointer = self._pointers.get(change.blob)
        if pointer is None or pointer.format == self._to or not (self._wanted is None or self._wanted.match(change.path)):
            return change
        if self._to == LFS:
            return FileChange(change.path, change.mode, content=Pointer(pointer.oid, pointer.size, LFS).encode())
        path = self._store.find(pointer.oid, pointer.size) or self._store.path(pointer.oid)
        return FileChange(change.path, change.mode, content=Stored(pointer.oid, pointer.size, path))

    def _edited(self, blob: bytes) -> bytes:
        """The attributes of a blob (hex; empty: none yet) as they are to be."""
        if blob not in self._attributes:
            content = git("cat-file", "blob", os.fsdecode(blob), cwd=self._cwd) if blob else b""
            self._attributes[blob] = self._edit(content)
        return self._attributes[blob]

    def _edit(self, content: bytes) -> bytes:
        if self._wanted is not None:
            words = "filter=lfs diff=lfs merge=lfs -text" if self._to == LFS else "!filter !diff !merge !text"
            lines = "".join(f"{quote(text)} {words}\n" for text in self._wanted.texts)
            return content + (b"" if content.endswith(b"\n") or not content else b"\n") + os.fsencode(lines)
        file = AttributesFile(".gitattributes", content)
        if self._to == LFS:
            file.switch("data", "lfs")
            return file.encode() if file.changed else content
        for pattern in file.patterns():
            file.untrack(pattern.text)
        return file.encode() if file.changed else content
