"""The ``filter`` attribute of paths in any commit, from the ``.gitattributes`` of that commit (gitattributes(5)).

git itself answers for the work tree or one tree at a time; a rewrite of history asks for every commit.  Precedence is git's:
``.git/info/attributes``, then the file nearest to the path, later lines before earlier ones; macros count where git allows them.
The user's own files outside of the repository (``core.attributesFile``) are left out: they belong to no commit.
"""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.git.attributes import split_line
from git_data.git.run import git, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.stream import FileChange

FILE = b".gitattributes"
_MACRO = b"[attr]"
_BOM = b"\xef\xbb\xbf"
_FILTER = "filter"
_TRUE = "true"
_BUILT_IN = {"binary": [("diff", ""), ("merge", ""), ("text", "")]}


class Lines:
    """One file of attributes: ``rules`` in its order (pattern as written, attributes), and the ``macros`` it defines."""

    __slots__ = ("macros", "rules")

    def __init__(self, content: bytes) -> None:
        self.rules: list[tuple[bytes, list[tuple[str, str]]]] = []
        self.macros: dict[str, list[tuple[str, str]]] = {}
        for line in content.removeprefix(_BOM).split(b"\n"):
            text = line.strip()
            if text.startswith(_MACRO):
                name, *words = os.fsdecode(text[len(_MACRO) :]).split()
                self.macros[name] = [_parsed(word) for word in words]
                continue
            pattern, words = split_line(line)
            if pattern and not pattern.startswith("!"):
                self.rules.append((os.fsencode(pattern), [_parsed(word) for word in words]))


def _parsed(word: str) -> tuple[str, str]:
    """An attribute and its value: ``true``, empty where it is unset or left unspecified, or the text."""
    if word[:1] in ("-", "!"):
        return word[1:], ""
    name, separator, value = word.partition("=")
    return name, value if separator else _TRUE


class Attributes:
    """The attributes of one commit. ``files``: directory → blob (hex) of its ``.gitattributes``."""

    def __init__(self, source: Source, files: dict[bytes, bytes]) -> None:
        self._source = source
        self.files = files
        self._known: dict[bytes, str] = {}
        self._macros: dict[str, list[tuple[str, str]]] | None = None

    def after(self, changes: list[FileChange]) -> Attributes:
        """Those of a commit with these changes; this very object if none of them is about attributes."""
        files = None
        for change in changes:
            directory, _, name = change.path.rpartition(b"/")
            if name == FILE:
                files = dict(self.files) if files is None else files
                files.pop(directory, None)
                if change.is_file:
                    files[directory] = change.blob
        return self if files is None or files == self.files else self._source.attributes(files)

    def filter(self, path: bytes) -> str:
        """The value of ``filter`` for a path; empty if it has none."""
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._find(path)
        return found

    def _find(self, path: bytes) -> str:
        values: dict[str, str] = {}
        places = [(b"", self._source.info)]
        directory = path.rpartition(b"/")[0]
        while True:
            blob = self.files.get(directory)
            if blob is not None:
                places.append((directory, self._source.lines(blob)))
            if not directory:
                break
            directory = directory.rpartition(b"/")[0]
        for base, lines in places:
            for pattern, attributes in reversed(lines.rules):
                if self._source.matches(pattern, base, path):
                    self._fill(values, attributes)
                    if _FILTER in values:
                        return values[_FILTER]
        return ""

    def _fill(self, values: dict[str, str], attributes: list[tuple[str, str]]) -> None:
        for name, value in reversed(attributes):
            if name not in values:
                values[name] = value
                if value == _TRUE and name in self.macros:
                    self._fill(values, self.macros[name])

    @property
    def macros(self) -> dict[str, list[tuple[str, str]]]:
        """Macros of the top of the repository, and of ``.git/info/attributes``."""
        if self._macros is None:
            top = self.files.get(b"")
            own = self._source.lines(top).macros if top is not None else {}
            self._macros = {**_BUILT_IN, **own, **self._source.info.macros}
        return self._macros


class Source:
    """Reads attributes of a repository; each blob and each pattern once."""

    def __init__(self, repo: Repository) -> None:
        self._cwd = repo.common_dir
        self.info = Lines(fsio.read_file(os.path.join(repo.common_dir, "info", "attributes")) or b"")
        self._contents: dict[bytes, bytes] = {}
        self._lines: dict[bytes, Lines] = {}
        self._patterns: dict[tuple[bytes, bytes], object] = {}
        self._states: dict[frozenset[tuple[bytes, bytes]], Attributes] = {}

    def attributes(self, files: dict[bytes, bytes]) -> Attributes:
        """The state with these files; the same object for the same files."""
        key = frozenset(files.items())
        if key not in self._states:
            self._states[key] = Attributes(self, files)
        return self._states[key]

    def of_commit(self, oid: bytes) -> Attributes:
        """The attributes of a commit (hex). Raises: GitFailed."""
        files = {}
        for path, _, blob in tree(self._cwd, oid):
            directory, _, name = path.rpartition(b"/")
            if name == FILE:
                files[directory] = blob
        return self.attributes(files)

    def above(self, places: list[tuple[str, bytes]]) -> list[Attributes]:
        """For each commit (hex) and path the attributes of that commit that can concern the path. Raises: GitFailed."""
        questions: dict[bytes, None] = {}
        for commit, path in places:
            for directory in _directories(path):
                questions[_question(commit, directory)] = None
        stdin = b"".join(question + b"\n" for question in questions)
        answers = git(
            "cat-file", "--buffer", "--batch-check=%(objectname) %(objecttype)", stdin=stdin, cwd=self._cwd
        ).splitlines()
        blobs = {question: line.split()[0] for question, line in zip(questions, answers) if line.endswith(b" blob")}
        return [
            self.attributes({name: blobs[key] for name in _directories(path) if (key := _question(commit, name)) in blobs})
            for commit, path in places
        ]

    def content(self, blob: bytes) -> bytes:
        """The content of a blob (hex). Raises: GitFailed."""
        if blob not in self._contents:
            self._contents[blob] = git("cat-file", "blob", blob, cwd=self._cwd)
        return self._contents[blob]

    def lines(self, blob: bytes) -> Lines:
        """What a blob (hex) says."""
        if blob not in self._lines:
            self._lines[blob] = Lines(self.content(blob))
        return self._lines[blob]

    def matches(self, pattern: bytes, base: bytes, path: bytes) -> bool:
        """Whether a pattern, written in the directory ``base``, means a path."""
        compiled = self._patterns.get((pattern, base))
        if compiled is None:
            compiled = self._patterns[pattern, base] = _compiled(pattern, base)
        return compiled.match(path)  # type: ignore[no-any-return, attr-defined]


def _directories(path: bytes) -> list[bytes]:
    """Those above a path, the top as an empty name; none whose name would break a line."""
    found = [b""]
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        if b"\n" not in path:
            found.append(path)
    return found


def _question(commit: str, directory: bytes) -> bytes:
    return commit.encode() + b":" + (directory + b"/" if directory else b"") + FILE


def tree(cwd: str, oid: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Regular files of a commit (hex): path, mode, blob (hex). Raises: GitFailed."""
    found = []
    for record in records("ls-tree", "-r", "-z", "--full-tree", os.fsdecode(oid), cwd=cwd):
        header, _, path = record.partition(b"\t")
        mode, _, blob = header.split(b" ")
        if mode.startswith(b"100"):
            found.append((path, mode, blob))
    return found


class _Nothing:
    """A pattern that git cannot make sense of matches nothing."""

    def match(self, path: bytes) -> bool:
        return False


def _compiled(pattern: bytes, base: bytes) -> object:
    from dulwich.attrs import Pattern
    from dulwich.wildmatch import MalformedPattern

    try:
        return Pattern(pattern, base)
    except MalformedPattern:
        return _Nothing()
