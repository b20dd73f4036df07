"""``.gitattributes``: reading the answers git gives, and editing the file a user may have written by hand.

Format: gitattributes(5).  Lines are kept as they are, line ends too; a pattern with white space is written in double quotes.
"""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.git.run import records

ATTRIBUTES = ("filter=data", "diff=data", "merge=data", "-text")
LOCKABLE = "lockable"
FORBIDDEN = (".gitattributes", ".gitignore", ".gitmodules", ".gitdata")
"""Files git (or we) must read as they are; a filter on them would hide them."""


class Pattern:
    """One pattern whose files are data, and where it is written."""

    __slots__ = ("file", "filter", "lockable", "text")

    def __init__(self, text: str, filter: str, lockable: bool, file: str) -> None:
        self.text = text
        self.filter = filter
        self.lockable = lockable
        self.file = file


class AttributesFile:
    """One ``.gitattributes``, edited in memory until ``save``; ``content`` if it is not to be read from ``path``."""

    def __init__(self, path: str, content: bytes | None = None) -> None:
        self.path = path
        if content is None:
            content = fsio.read_file(path) or b""
        self.newline = b"\r\n" if b"\r\n" in content else b"\n"
        self.lines = content.split(b"\n")
        self.unfinished = self.lines[-1] != b""
        """whether the last line has no end, and is to stay so"""
        if not self.unfinished:
            self.lines.pop()
        self.changed = False

    def patterns(self) -> list[Pattern]:
        """Patterns with ``filter=data`` or ``filter=lfs``."""
        found = []
        for line in self.lines:
            pattern, attributes = split_line(line)
            for name in ("data", "lfs"):
                if f"filter={name}" in attributes:
                    found.append(Pattern(pattern, name, LOCKABLE in attributes, self.path))
        return found

    def track(self, pattern: str, lockable: bool | None, driver: str = "data") -> bool:
        """Add a line for ``pattern``, or bring the one there is up to date; whether anything changed.

        ``lockable`` is left as it is if ``None``.
        """
        wanted = [word.replace("=data", f"={driver}") for word in ATTRIBUTES] + ([LOCKABLE] if lockable else [])
        for number, line in enumerate(self.lines):
            found, attributes = split_line(line)
            if found != pattern:
                continue
            if lockable is None and LOCKABLE in attributes:
                wanted.append(LOCKABLE)
            if all(name in attributes for name in wanted) and (lockable is not False or LOCKABLE not in attributes):
                return False
            if any(name.startswith("filter=") for name in attributes):
                others = [name for name in attributes if not _is_ours(name)]
                self._replace(number, pattern, [*wanted, *others])
                return True
        if self.lines and self.newline == b"\r\n" and not self.lines[-1].endswith(b"\r"):
            self.lines[-1] += b"\r"
        self.lines.append(self._line(pattern, wanted))
        self.changed, self.unfinished = True, False
        return True

    def switch(self, old: str, new: str) -> bool:
        """Write the driver ``new`` for ``old`` in the attributes filter, diff and merge, of macros, too; whether there was any.

        Nothing else changes, not a blank.
        """
        import re

        word = re.compile(rb"(?<=\s)(filter|diff|merge)=%s(?!\S)" % re.escape(old.encode()))
        hit = False
        for number, line in enumerate(self.lines):
            at = _end_of_pattern(line)
            changed = line[:at] + word.sub(rb"\1=" + new.encode(), line[at:])
            if changed != line:
                self.lines[number] = changed
                hit = self.changed = True
        return hit

    def untrack(self, pattern: str, drivers: tuple[str, ...] = ("data",)) -> bool:
        """Take our attributes from ``pattern``, and its line if nothing else is on it; whether it was there."""
        hit = False
        for number in range(len(self.lines) - 1, -1, -1):
            found, attributes = split_line(self.lines[number])
            if found != pattern or not any(f"filter={name}" in attributes for name in drivers):
                continue
            hit = self.changed = True
            others = [name for name in attributes if not _is_ours(name)]
            if others:
                self._replace(number, pattern, others)
            else:
                del self.lines[number]
        return hit

    def _replace(self, number: int, pattern: str, attributes: list[str]) -> None:
        self.lines[number] = self._line(pattern, attributes)
        self.changed = True

    def _line(self, pattern: str, attributes: list[str]) -> bytes:
        end = b"\r" if self.newline == b"\r\n" else b""
        return os.fsencode(" ".join([quote(pattern), *attributes])) + end

    def encode(self) -> bytes:
        """The file as it is to be."""
        end = b"" if self.unfinished else b"\n"
        return b"\n".join(self.lines) + end if self.lines else b""

    def save(self) -> None:
        """Write the file if it changed; an empty one goes. Raises: OSError."""
        if not self.changed:
            return
        if self.lines:
            mode = os.stat(self.path).st_mode & 0o777 if os.path.exists(self.path) else 0o666
            fsio.write_file(self.path, self.encode(), mode)
        else:
            fsio.remove_if_exists(self.path)


def _is_ours(name: str) -> bool:
    bare = name.lstrip("-!").partition("=")[0]
    return bare in ("filter", "diff", "merge", "text", LOCKABLE)


def _end_of_pattern(line: bytes) -> int:
    """Where the attributes of a line begin; its end for comments and blank lines."""
    at = len(line) - len(line.lstrip())
    if line[at : at + 1] in (b"", b"#"):
        return len(line)
    if line[at : at + 1] == b'"':
        at += 1
        while at < len(line) and line[at : at + 1] != b'"':
            at += 2 if line[at : at + 1] == b"\\" else 1
        return at + 1
    return at + len(line[at:].split(None, 1)[0])


def split_line(line: bytes) -> tuple[str, list[str]]:
    """The pattern and the attributes of a line; an empty pattern for comments, macros and blank lines."""
    text = os.fsdecode(line).strip()
    if not text or text.startswith(("#", "[attr]")):
        return "", []
    if text.startswith('"'):
        end = 1
        while end < len(text) and text[end] != '"':
            end += 2 if text[end] == "\\" else 1
        return _unquote(text[1:end]), text[end + 1 :].split()
    pattern, *attributes = text.split()
    return pattern, attributes


def quote(pattern: str) -> str:
    """A pattern as it is written: in double quotes when git would otherwise not read it back."""
    if not any(character in ' \t\n\\"' for character in pattern) and not pattern.startswith("#"):
        return pattern
    escaped = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _unquote(text: str) -> str:
    for escape, plain in (("\\n", "\n"), ("\\t", "\t"), ('\\"', '"'), ("\\\\", "\\")):
        text = text.replace(escape, plain)
    return text


def literal(path: str) -> str:
    """A pattern that matches exactly ``path``, relative to the directory of the file it is written in."""
    escaped = "".join("\\" + character if character in "*?[\\" else character for character in path)
    return "/" + escaped


def with_filter(paths: list[bytes], cwd: str) -> dict[bytes, str]:
    """The filter of each path (relative to ``cwd``) that has one: ``data``, ``lfs`` or another."""
    if not paths:
        return {}
    answers = records("check-attr", "--stdin", "-z", "filter", cwd=cwd, stdin=b"".join(path + b"\0" for path in paths))
    unset = (b"unspecified", b"unset", b"set", b"")
    return {path: os.fsdecode(value) for path, value in zip(answers[0::3], answers[2::3]) if value not in unset}
