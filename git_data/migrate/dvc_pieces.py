"""What each file of DVC becomes: pointers, or the reason why it stays."""

from __future__ import annotations

import posixpath

from git_data.migrate import dvc_lock
from git_data.migrate.dvc_files import Key, Out, Parsed, parse_dvc_file, parse_manifest, parse_pipeline
from git_data.migrate.dvc_yaml import Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from git_data.pointer import Pointer

FILE, EXECUTABLE = b"100644", b"100755"


def is_special(path: bytes) -> bool:
    """Whether a path is one that a migration looks into, or changes."""
    name = path.rpartition(b"/")[2]
    return name in _NAMES or name.endswith(b".dvc") or path.startswith(b".dvc/") or b"/.dvc/" in path


def is_source(path: bytes) -> bool:
    """Whether a path is a ``.dvc`` file or ``dvc.yaml``."""
    name = path.rpartition(b"/")[2]
    if path.startswith(b".dvc/") or b"/.dvc/" in path:
        return False
    return name == b"dvc.yaml" or (name.endswith(b".dvc") and name != b".dvc")


_NAMES = frozenset(b".gitignore .gitattributes .dvcignore .gitdata dvc.yaml dvc.lock data.yaml data.lock".split())


class Piece:
    """One source of data as DVC has it (a ``.dvc`` file, or ``dvc.yaml`` with ``dvc.lock``), and what becomes of it.

    With a ``reason`` it stays as it is; ``missing`` are the contents that are nowhere, ``(path, name with DVC)``.
    """

    __slots__ = ("files", "gone", "imported", "lock", "missing", "notes", "outs", "pipeline", "reason", "source")

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.files: dict[bytes, tuple[bytes, bytes]] = {}
        """path → mode and what git is to hold"""
        self.gone: list[bytes] = []
        self.outs: list[tuple[bytes, bool]] = []
        """path, and whether it is a directory"""
        self.pipeline: bytes | None = None
        self.lock: bytes | None = None
        self.imported: dict[str, str] = {}
        self.notes: list[str] = []
        self.missing: list[tuple[bytes, Key]] = []
        self.reason = ""


class Sources:
    """Files of DVC as they are read, each version once; what contents they name.

    ``manifest`` gives the list of a directory's files, verified, or ``None``.
    """

    def __init__(self, manifest: Callable[[Out], bytes | None]) -> None:
        self._manifest = manifest
        self._parsed: dict[tuple[bytes, bytes, bytes], Parsed | Unreadable] = {}
        self._manifests: dict[Key, bytes | None] = {}

    def parsed(self, path: bytes, content: bytes, lock: bytes | None) -> Parsed:
        """A ``.dvc`` file, or ``dvc.yaml`` with what is locked. Raises: Unreadable."""
        key = (path, content, lock if lock is not None else b"\0")
        if key not in self._parsed:
            try:
                name = path.decode("utf-8", "surrogateescape")
                is_pipeline = posixpath.basename(path) == b"dvc.yaml"
                self._parsed[key] = parse_pipeline(name, content, lock) if is_pipeline else parse_dvc_file(name, content)
            except Unreadable as error:
                self._parsed[key] = error
        found = self._parsed[key]
        if isinstance(found, Unreadable):
            raise found
        return found

    def files_of(self, out: Out) -> list[tuple[bytes, Key, int]] | None:
        """The files of an out; ``None`` if the list of a directory is nowhere. Raises: Unreadable."""
        if not out.is_directory:
            return [(out.path, out.key, out.size)]
        if out.files is not None:
            return out.files
        content = self._list_of(out)
        return None if content is None else parse_manifest(out.path, content, out.key.legacy)

    def _list_of(self, out: Out) -> bytes | None:
        if out.key not in self._manifests:
            self._manifests[out.key] = self._manifest(out)
        return self._manifests[out.key]

    def listed(self, key: Key) -> list[tuple[bytes, Key, int]] | None:
        """The files of a directory by paths in it, if its list was read before."""
        content = self._manifests.get(key)
        try:
            found = None if content is None else parse_manifest(b"x", content, key.legacy)
        except Unreadable:
            return None
        return None if found is None else [(path[2:], child, size) for path, child, size in found]


class Pieces:
    """Makes pieces.

    ``pointers`` is what is in the store, ``in_git`` the SHA-256 of files in git, ``content_of`` what git is to hold for a
    pointer.  ``executable`` are paths of executable files: of those in directories DVC does not know it.
    """

    def __init__(
        self,
        sources: Sources,
        pointers: dict[Key, Pointer],
        in_git: dict[Key, str],
        executable: set[bytes],
        content_of: Callable[[Pointer], bytes],
    ) -> None:
        self._sources = sources
        self._pointers = pointers
        self._in_git = in_git
        self._executable = executable
        self._content_of = content_of
        self._contents: dict[Key, bytes] = {}

    def make(self, path: bytes, content: bytes, lock: bytes | None) -> Piece:
        """The piece of one source."""
        piece = Piece(path)
        try:
            parsed = self._sources.parsed(path, content, lock)
            piece.notes = parsed.notes
            for out in parsed.outs:
                self._add(piece, out)
        except Unreadable as error:
            piece.reason = str(error)
        if piece.missing and not piece.reason:
            piece.reason = "its content is nowhere to be found"
        if piece.reason:
            piece.files = {}
            return piece
        piece.gone = [path]
        piece.imported = parsed.imported
        if posixpath.basename(path) == b"dvc.yaml":
            piece.pipeline = content
            if lock is not None:
                piece.gone.append(path[:-4] + b"lock")
                piece.lock = dvc_lock.convert(lock, self._oid)
        elif parsed.imported:
            piece.imported = {"path": posixpath.basename(path[:-4]).decode("utf-8", "surrogateescape"), **parsed.imported}
            for out in parsed.outs[:1]:
                piece.imported["path"] = posixpath.relpath(out.path, posixpath.dirname(path) or b".").decode(
                    "utf-8", "surrogateescape"
                )
                if oid := self._oid_of(out.key, out.is_directory):
                    piece.imported["oid"] = f"sha256:{oid}"
        return piece

    def _add(self, piece: Piece, out: Out) -> None:
        files = self._sources.files_of(out)
        if files is None:
            piece.missing.append((out.path, out.key))
            return
        piece.outs.append((out.path, out.is_directory))
        mode = EXECUTABLE if out.executable else FILE
        for path, key, _ in files:
            content = self._content(key)
            if content is None:
                piece.missing.append((path, key))
            else:
                piece.files[path] = (EXECUTABLE if path in self._executable else mode, content)

    def _content(self, key: Key) -> bytes | None:
        content = self._contents.get(key)
        if content is None and key in self._pointers:
            content = self._contents[key] = self._content_of(self._pointers[key])
        return content

    def _oid(self, md5: str, legacy: bool) -> str:
        return self._oid_of(Key(md5[:32], legacy), md5.endswith(".dir"))

    def _oid_of(self, key: Key, is_directory: bool) -> str:
        if not is_directory:
            pointer = self._pointers.get(key)
            return pointer.oid if pointer is not None else self._in_git.get(key, "")
        files = self._sources.listed(key)
        if files is None or any(child not in self._pointers for _, child, _ in files):
            return ""
        return dvc_lock.directory_oid((path, self._pointers[child]) for path, child, _ in files)


def imports_of(pieces: Iterable[Piece]) -> dict[bytes, list[dict[str, str]]]:
    """What goes below ``imports:`` of each directory's ``data.yaml``."""
    found: dict[bytes, list[dict[str, str]]] = {}
    for piece in pieces:
        if piece.imported and not piece.reason:
            found.setdefault(posixpath.dirname(piece.source), []).append(piece.imported)
    return {directory: sorted(imports, key=lambda one: one["path"]) for directory, imports in found.items()}
