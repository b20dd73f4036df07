"""Which files of a history become data, and the patterns for ``.gitattributes`` that say so.

A path is data in all of its versions or in none, so that a file that grows does not change its kind in the middle of history,
and the same patterns hold for every commit.
"""

from __future__ import annotations

import os

from git_data.errors import UsageError
from git_data.git.attributes import FORBIDDEN, literal
from git_data.migrate.take_in import Blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.migrate.versions import Versions


class Choice:
    """``paths`` that become data, and the ``patterns`` that cover them and nothing else (relative to the top)."""

    __slots__ = ("paths", "patterns", "unpatterns")

    def __init__(self) -> None:
        self.paths: set[bytes] = set()
        self.patterns: list[str] = []
        self.unpatterns: list[str] = []
        """patterns of files that the others cover, too, and that are no data"""


def choose(versions: Versions, include: list[str], exclude: list[str], above_bytes: int) -> Choice:
    """Paths that ``include`` (patterns of gitattributes(5); all, if empty) matches and ``exclude`` does not, of which one
    version at least has ``above_bytes``.

    Raises: UsageError for patterns that are none.
    """
    choice = Choice()
    wanted = Patterns(include) if include else None
    unwanted = Patterns(exclude)
    for path, held in versions.paths.items():
        if os.path.basename(path).decode("utf-8", "replace") in FORBIDDEN or unwanted.match(path):
            continue
        if wanted is not None and not wanted.match(path):
            continue
        if any(versions.sizes[blob] >= above_bytes for blob in held):
            choice.paths.add(path)
    if wanted is not None and not above_bytes:
        choice.patterns = wanted.texts
        choice.unpatterns = [*unwanted.texts, *_caught(versions, wanted, choice)]
    else:
        choice.patterns = narrow(choice.paths, [*versions.paths, *versions.data])
    return choice


def narrow(chosen: set[bytes], known: Iterable[bytes]) -> list[str]:
    """Patterns for exactly these paths: the suffix where every known path that has it is chosen, else the path itself."""
    kept = {_suffix(path) for path in known if path not in chosen}
    found: dict[str, None] = {}
    for path in sorted(chosen):
        suffix = _suffix(path)
        found["*" + os.fsdecode(suffix) if suffix and suffix not in kept else literal(os.fsdecode(path))] = None
    return list(found)


def _caught(versions: Versions, wanted: Patterns, choice: Choice) -> list[str]:
    """Names git must be able to read that the patterns would hide."""
    names = {os.path.basename(path).decode("utf-8", "replace") for path in versions.paths}
    return [name for name in FORBIDDEN if name in names and wanted.match(os.fsencode(name))]


def _suffix(path: bytes) -> bytes:
    """Also of names in which a dash begins an option, or blanks: what a pattern can say."""
    suffix = os.path.splitext(path)[1]
    return suffix if not set(suffix) & set(b'*?[]\\ \t\n"') else b""


class Patterns:
    """Patterns of gitattributes(5) at the top of a repository; a directory (``data/``) means everything in it."""

    def __init__(self, texts: list[str]) -> None:
        from dulwich.attrs import Pattern
        from dulwich.wildmatch import MalformedPattern

        self.texts = [text + "**" if text.endswith("/") else text for given in texts for text in _split(given)]
        try:
            self._compiled = [Pattern(os.fsencode(text)) for text in self.texts]
        except MalformedPattern as error:
            raise UsageError(f"a pattern cannot be understood: {error}", "git help gitattributes") from None

    def match(self, path: bytes) -> bool:
        """Whether one of them matches."""
        return any(pattern.match(path) for pattern in self._compiled)


def _split(given: str) -> list[str]:
    """``*.bin,*.npy`` are two; a pattern that is an exception (``!``) is none of gitattributes(5)."""
    texts = [text.strip() for text in given.split(",") if text.strip()]
    for text in texts:
        if text.startswith("!"):
            raise UsageError(f"'{text}' is not a pattern", "leave files out by: -X PATTERN")
    return texts


def blobs(versions: Versions, choice: Choice) -> list[Blob]:
    """What becomes data, each blob once, neighbours in history together (they share deltas)."""
    ordered = dict.fromkeys(blob for path in sorted(choice.paths) for blob in versions.paths[path])
    return [Blob(blob, versions.sizes[blob]) for blob in ordered]


def by_pattern(versions: Versions, choice: Choice) -> list[tuple[str, int, int, int]]:
    """Pattern, files, versions, bytes, largest first; each path counts for the last pattern that matches it."""
    exact = set(choice.patterns)
    compiled = [(text, Patterns([text])) for text in reversed(choice.patterns) if not text.startswith("/")]
    sums: dict[str, tuple[int, int, int]] = {}
    for path in choice.paths:
        text = literal(os.fsdecode(path))
        if text not in exact:
            text = next((text for text, pattern in compiled if pattern.match(path)), "")
        files, number, size = sums.get(text, (0, 0, 0))
        held = versions.paths[path]
        sums[text] = (files + 1, number + len(held), size + sum(versions.sizes[blob] for blob in held))
    return sorted(((text, *numbers) for text, numbers in sums.items()), key=lambda row: -row[3])
