"""``git data diff-driver``: git's external diff of one data file (``diff.data.command``).

One line: sizes, and the first digits of both oids.  Where the output does not go to a person (a file, a pipe) the pointers' own
diff follows, so that ``git apply`` can use it.
"""

from __future__ import annotations

import os

from git_data.errors import UsageError
from git_data.pointer import MAX_SIZE_BYTES, Pointer, parse

_NO_BLOB = "."
_SHOWN_DIGITS = 12


def main(words: list[str]) -> int:
    """Print the change of one file. The words are those of git(1), ``GIT_EXTERNAL_DIFF``."""
    if len(words) == 1:
        os.write(1, f"* Unmerged path {words[0]}\n".encode("utf-8", "surrogateescape"))
        return 0
    if len(words) < 7:
        raise UsageError(
            "diff-driver takes PATH OLD-FILE OLD-HEX OLD-MODE NEW-FILE NEW-HEX NEW-MODE", "git starts this command by itself"
        )
    other = os.environ.get("GIT_EXTERNAL_DIFF")
    if other:
        # git prefers our driver to this program, the user (or git difftool) does not
        os.execvp("sh", ["sh", "-c", f'{other} "$@"', other, *words])
    path, old_file, old_hex, old_mode, new_file, new_hex, new_mode = words[:7]
    old = Side(old_file, old_hex, old_mode)
    new = Side(new_file, new_hex, new_mode)
    renamed = words[7] if len(words) > 7 else ""
    text = _summary(path, renamed, old, new)
    if not _for_people() and not old.plain and not new.plain:
        text += _patch(path, renamed or path, old, new)
    os.write(1, text.encode("utf-8", "surrogateescape"))
    return 0


class Side:
    """One side of the change; ``pointer`` is ``None`` when the file is absent or empty.

    ``plain`` says that git itself holds the content, committed before the file was tracked as data.
    """

    __slots__ = ("blob", "content", "exists", "mode", "plain", "pointer", "size")

    def __init__(self, file: str, blob: str, mode: str) -> None:
        self.exists = mode != _NO_BLOB
        self.mode = mode
        self.pointer: Pointer | None = None
        self.content = b""
        self.plain = False
        self.size = 0
        self.blob = blob
        if self.exists:
            self._read(file)

    def _read(self, file: str) -> None:
        """What git gave us: the pointer, or real content of the work tree, whose pointer must be made."""
        self.size = os.stat(file).st_size
        fd = os.open(file, os.O_RDONLY)
        try:
            first = os.read(fd, MAX_SIZE_BYTES)
            self.pointer = parse(first)
            if self.pointer is None and self.size:
                self.pointer = self._known(file) or self._hash(fd)
        finally:
            os.close(fd)
        if self.pointer is not None:
            self.size = self.pointer.size
            self.content = self.pointer.encode()

    def _known(self, file: str) -> Pointer | None:
        """git has a blob for it, so the file is unchanged and needs no hashing."""
        if not self.blob.strip("0"):
            return None
        from git_data.git.run import capture

        status, size = capture(["cat-file", "-s", self.blob])[0]
        if status:
            return None  # git has hashed the file, but not stored it
        content = capture(["cat-file", "blob", self.blob])[0][1] if int(size) < MAX_SIZE_BYTES else b""
        pointer = parse(content)
        self.plain = pointer is None
        return pointer

    def _hash(self, fd: int) -> Pointer:
        from git_data.base.digest import file_sha256

        os.lseek(fd, 0, os.SEEK_SET)
        return Pointer(*file_sha256(fd))


def _for_people() -> bool:
    return os.isatty(1) or bool(os.environ.get("GIT_PAGER_IN_USE"))


def _summary(path: str, renamed: str, old: Side, new: Side) -> str:
    from git_data.base.report import human_size

    name = f"{path} → {renamed}" if renamed else path
    if not old.exists:
        return f"{name}: new data, {human_size(new.size)}, {_digits(new)}\n"
    if not new.exists:
        return f"{name}: data deleted, {human_size(old.size)}, {_digits(old)}\n"
    change = new.size - old.size
    sign = "+" if change >= 0 else "−"
    mode = f", mode {old.mode} → {new.mode}" if old.mode != new.mode else ""
    return (
        f"{name}: {human_size(old.size)} → {human_size(new.size)} ({sign}{human_size(abs(change))}), "
        f"{_digits(old)} → {_digits(new)}{mode}\n"
    )


def _digits(side: Side) -> str:
    return f"sha256 {side.pointer.oid[:_SHOWN_DIGITS]}" if side.pointer else "empty" if not side.size else "no data file"


def _patch(path: str, new_path: str, old: Side, new: Side) -> str:
    """The diff of the two pointers, as ``git diff --no-ext-diff`` writes it."""
    lines = [f"diff --git {quoted('a/' + path)} {quoted('b/' + new_path)}"]
    if not old.exists:
        lines.append(f"new file mode {new.mode}")
    elif not new.exists:
        lines.append(f"deleted file mode {old.mode}")
    elif old.mode != new.mode:
        lines += [f"old mode {old.mode}", f"new mode {new.mode}"]
    if path != new_path:
        lines += [f"rename from {quoted(path)}", f"rename to {quoted(new_path)}"]
    before, after = (side.content.decode().splitlines() for side in (old, new))
    if before != after:
        lines.append(f"index {_blob(old)}..{_blob(new)}" + (f" {new.mode}" if old.mode == new.mode else ""))
        lines.append("--- " + (quoted(f"a/{path}") if old.exists else "/dev/null"))
        lines.append("+++ " + (quoted(f"b/{new_path}") if new.exists else "/dev/null"))
        lines.append(f"@@ -{_span(before)} +{_span(after)} @@")
        lines += _hunk(before, after)
    return "\n".join(lines) + "\n"


def _hunk(before: list[str], after: list[str]) -> list[str]:
    """Two pointers have their lines in the same places; anything else is replaced as a whole."""
    if len(before) != len(after):
        return [f"-{line}" for line in before] + [f"+{line}" for line in after]
    lines: list[str] = []
    added: list[str] = []
    for old, new in zip(before, after):
        if old == new:
            lines += [*added, f" {old}"]
            added = []
        else:
            lines.append(f"-{old}")
            added.append(f"+{new}")
    return lines + added


def quoted(path: str) -> str:
    """A path as git writes it in a patch: in double quotes, C-escaped, when it holds anything unusual (core.quotePath)."""
    raw = os.fsencode(path)
    if all(0x20 <= byte < 0x7F and byte not in b'"\\' for byte in raw):
        return path
    escapes = {
        0x07: "\\a",
        0x08: "\\b",
        0x09: "\\t",
        0x0A: "\\n",
        0x0B: "\\v",
        0x0C: "\\f",
        0x0D: "\\r",
        0x22: '\\"',
        0x5C: "\\\\",
    }
    parts = (escapes.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}") for byte in raw)
    return '"' + "".join(parts) + '"'


def _span(lines: list[str]) -> str:
    return f"1,{len(lines)}" if lines else "0,0"


def _blob(side: Side) -> str:
    from git_data.base.digest import blob_oid

    if not side.exists:
        return "0" * 40
    return side.blob if side.blob.strip("0") else blob_oid(side.content, "sha256" if len(side.blob) == 64 else "sha1").hex()
