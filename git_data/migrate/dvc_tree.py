"""What becomes of the files of one commit: those of DVC go, pointers and files of ours come.

``Tree`` is what counts of a commit: files that a migration looks into, and where git itself keeps a file at the path of an
out.  ``translate`` gives what they become, and ``differences`` what that changes relative to another commit's.
"""

from __future__ import annotations

import posixpath

from git_data.git.attributes import AttributesFile, literal
from git_data.migrate import dvc_lock
from git_data.migrate.dvc_pieces import FILE, Piece, Pieces, imports_of, is_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_ESCAPED = frozenset("\\[]!*#?")


class Value:
    """What a path holds: a blob git has (hex), or content."""

    __slots__ = ("blob", "content", "mode")

    def __init__(self, mode: bytes, blob: bytes = b"", content: bytes | None = None) -> None:
        self.mode = mode
        self.blob = blob
        self.content = content

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value):
            return NotImplemented
        return (self.mode, self.blob, self.content) == (other.mode, other.blob, other.content)

    __hash__ = None  # type: ignore[assignment]


class Tree:
    """``special`` are the files of a commit that ``is_special``, path → mode and blob; ``plain`` paths that matter, → blob."""

    __slots__ = ("plain", "special")

    def __init__(self, special: dict[bytes, tuple[bytes, bytes]], plain: dict[bytes, bytes]) -> None:
        self.special = special
        self.plain = plain


class Translated:
    """``loose``: special files as they are to be, and others of ours; ``pieces``: by source, with their data."""

    __slots__ = ("loose", "pieces")

    def __init__(self, loose: dict[bytes, Value], pieces: dict[bytes, Piece]) -> None:
        self.loose = loose
        self.pieces = pieces


class Translator:
    """``read`` gives the content of a blob (hex), ``gitdata`` the ``.gitdata`` for a ``.dvc/config`` and the one there was.

    With ``keep_pipelines`` stages and their outs stay with DVC.  ``ignore`` has git ignore the directory ``.dvc`` where nothing
    of DVC is left: in clones that DVC was used in its cache is there.
    """

    def __init__(
        self,
        root: bytes,
        pieces: Pieces,
        read: Callable[[bytes], bytes],
        gitdata: Callable[[bytes, bytes], bytes],
        keep_pipelines: bool = False,
        ignore: bool = False,
    ) -> None:
        self._ignore = ignore
        self._keep_pipelines = keep_pipelines
        self._root = root
        self._pieces = pieces
        self._read = read
        self._gitdata = gitdata
        self._made: dict[tuple[bytes, bytes, bytes], Piece] = {}
        self._edited: dict[tuple[object, ...], bytes] = {}

    def translate(self, tree: Tree) -> Translated:
        """What becomes of a commit's files."""
        special = tree.special
        sources = [path for path in special if is_source(path) and special[path][0][:3] == b"100"]
        wanted = [path for path in sources if not (self._keep_pipelines and posixpath.basename(path) == b"dvc.yaml")]
        pieces = {path: self._piece(path, tree) for path in wanted}
        loose = {path: Value(mode, blob) for path, (mode, blob) in special.items()}
        done = [piece for piece in pieces.values() if not piece.reason]
        for path in (path for piece in done for path in piece.gone):
            loose.pop(path, None)
        self._put_pipelines(tree, loose, done)
        is_left = len(done) < len(sources)
        self._put_lists(tree, loose, done, is_left)
        config = special.get(self._root + b".dvc/config")
        if config is not None:
            before = self._read(special[b".gitdata"][1]) if b".gitdata" in special else b""
            content = self._gitdata(self._read(config[1]), before)
            if content != before:
                loose[b".gitdata"] = Value(FILE, content=content)
        if not is_left:
            for path in special:
                if path.startswith(self._root + b".dvc/") or posixpath.basename(path) == b".dvcignore":
                    loose.pop(path, None)
            if self._ignore and config is not None:
                self._ignore_dvc(loose)
        return Translated(loose, pieces)

    def _ignore_dvc(self, loose: dict[bytes, Value]) -> None:
        path = self._root + b".gitignore"
        value = loose.get(path, Value(FILE, content=b""))
        if value.mode[:3] == b"100":
            content = self._read(value.blob) if value.content is None else value.content
            end = b"" if not content or content.endswith(b"\n") else b"\n"
            loose[path] = Value(value.mode, content=content + end + b"/.dvc/\n")

    def _piece(self, path: bytes, tree: Tree) -> Piece:
        blob = tree.special[path][1]
        lock_path = path[:-4] + b"lock" if posixpath.basename(path) == b"dvc.yaml" else b""
        lock = tree.special.get(lock_path, (b"", b""))[1]
        piece = self._made.get((path, blob, lock))
        if piece is None:
            piece = self._pieces.make(path, self._read(blob), self._read(lock) if lock else None)
            self._made[path, blob, lock] = piece
        if piece.reason:
            return piece
        if not path.startswith(self._root):
            return _refused(piece, "it lies outside of the DVC repository")
        return _refused(piece, reason) if (reason := self._conflict(piece, tree)) else piece

    def _conflict(self, piece: Piece, tree: Tree) -> str:
        directory = posixpath.dirname(piece.source)
        if piece.pipeline is not None:
            prefix = directory + b"/" if directory else b""
            for name, taken in (
                (b"data.yaml", bool(self._data_yaml(tree, directory)[0])),
                (b"data.lock", piece.lock is not None and prefix + b"data.lock" in tree.special),
            ):
                if taken:
                    return f"there is another '{(prefix + name).decode('utf-8', 'replace')}' already"
        for path in tree.plain:
            # git keeps a file, or a link, at the path of an out, above it or (of a file) below it
            if path in piece.files or any(out.startswith(path + b"/") for out, _ in piece.outs):
                return f"git itself keeps '{path.decode('utf-8', 'replace')}'"
        return ""

    def _data_yaml(self, tree: Tree, directory: bytes) -> tuple[bytes, bytes]:
        """The pipeline and the imports that a directory's ``data.yaml`` has already."""
        path = directory + b"/data.yaml" if directory else b"data.yaml"
        return dvc_lock.split(self._read(tree.special[path][1])) if path in tree.special else (b"", b"")

    def _put_pipelines(self, tree: Tree, loose: dict[bytes, Value], done: list[Piece]) -> None:
        imports = imports_of(done)
        pipelines = {posixpath.dirname(piece.source): piece for piece in done if piece.pipeline is not None}
        for directory in {*imports, *pipelines}:
            prefix = directory + b"/" if directory else b""
            pipeline = pipelines.get(directory)
            text, before = self._data_yaml(tree, directory)
            if text and not before:
                continue  # somebody else's; what was imported is not written into it
            if pipeline is not None:
                text = pipeline.pipeline or b""
            content = dvc_lock.with_imports(text, before, imports.get(directory, []))
            loose[prefix + b"data.yaml"] = Value(FILE, content=content)
            if pipeline is not None and pipeline.lock is not None:
                loose[prefix + b"data.lock"] = Value(FILE, content=pipeline.lock)

    def _put_lists(self, tree: Tree, loose: dict[bytes, Value], done: list[Piece], is_left: bool) -> None:
        """``.gitattributes`` and ``.gitignore``, beside each out."""
        outs: dict[bytes, list[tuple[str, bool]]] = {}
        for piece in done:
            for path, is_directory in piece.outs:
                directory, _, name = path.rpartition(b"/")
                outs.setdefault(directory, []).append((name.decode("utf-8", "surrogateescape"), is_directory))
        if not is_left:
            for path in tree.special:
                if posixpath.basename(path) == b".dvcignore":
                    outs.setdefault(posixpath.dirname(path), [])
        for directory, found in outs.items():
            prefix = directory + b"/" if directory else b""
            found.sort()
            ignored = b"" if is_left else tree.special.get(prefix + b".dvcignore", (b"", b""))[1]
            self._edit(tree, loose, prefix + b".gitignore", (tuple(found), ignored), _without_lines)
            if found:
                self._edit(tree, loose, prefix + b".gitattributes", (tuple(found), b""), _with_patterns)

    def _edit(
        self,
        tree: Tree,
        loose: dict[bytes, Value],
        path: bytes,
        what: tuple[tuple[tuple[str, bool], ...], bytes],
        edit: Callable[[bytes, tuple[tuple[str, bool], ...], bytes], bytes],
    ) -> None:
        mode, blob = tree.special.get(path, (FILE, b""))
        if mode[:3] != b"100":
            return  # a symbolic link
        key = (path, blob, *what)
        if key not in self._edited:
            outs, more = what
            self._edited[key] = edit(self._read(blob) if blob else b"", outs, self._read(more) if more else b"")
        content = self._edited[key]
        if not content:
            loose.pop(path, None)
        elif not blob or content != self._read(blob):
            loose[path] = Value(mode, content=content)


def _refused(piece: Piece, reason: str) -> Piece:
    refused = Piece(piece.source)
    refused.reason = reason
    return refused


def _without_lines(content: bytes, outs: tuple[tuple[str, bool], ...], ignored: bytes) -> bytes:
    """``.gitignore`` without the lines DVC wrote, and with what ``.dvcignore`` said."""
    names = {name for name, _ in outs}
    lines = {f"/{name}" for name in names} | {f"/{_escaped(name)}" for name in names}
    gone = {line.encode("utf-8", "surrogateescape") for line in lines}
    kept = [line for line in content.split(b"\n") if line.strip() not in gone]
    more = [line for line in ignored.replace(b"\r\n", b"\n").split(b"\n") if line.strip() and not line.startswith(b"#")]
    more = [line for line in more if line not in kept]
    if more:
        while kept and not kept[-1].strip():
            kept.pop()
        kept += [*more, b""]
    result = b"\n".join(kept)
    return result if result.strip() else b""


def _escaped(name: str) -> str:
    """As DVC writes a name into ``.gitignore``."""
    return "".join("\\" + character if character in _ESCAPED else character for character in name)


def _with_patterns(content: bytes, outs: tuple[tuple[str, bool], ...], _: bytes) -> bytes:
    file = AttributesFile("", content)
    for name, is_directory in outs:
        file.track(literal(name) + ("/**" if is_directory else ""), False)
    return file.encode()


def differences(before: Translated | None, tree: Tree, after: Translated) -> tuple[list[bytes], dict[bytes, Value]]:
    """What must go and what must come, relative to a commit that is ``before``, or to ``tree`` itself as DVC has it."""
    old = before.loose if before is not None else {path: Value(mode, blob) for path, (mode, blob) in tree.special.items()}
    gone = {path for path in old if path not in after.loose}
    come = {path: value for path, value in after.loose.items() if path not in old or old[path] != value}
    old_pieces = before.pieces if before is not None else {}
    for source, piece in after.pieces.items():
        if old_pieces.get(source) is not piece:
            was = old_pieces[source].files if source in old_pieces else {}
            come.update(
                (path, Value(mode, content=data)) for path, (mode, data) in piece.files.items() if was.get(path) != (mode, data)
            )
    for source, piece in old_pieces.items():
        if after.pieces.get(source) is not piece:
            gone.update(piece.files)
    kept = {path for source, piece in after.pieces.items() if old_pieces.get(source) is not piece for path in piece.files}
    return sorted(path for path in gone if path not in come and path not in kept), come
