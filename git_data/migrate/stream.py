"""The stream of ``git fast-export --no-data`` as commits, and commits as the input of ``git fast-import``.

Formats: git-fast-export(1), git-fast-import(1).  Blobs are named, never carried.
"""

from __future__ import annotations

import subprocess
import tempfile

from git_data.errors import GitFailed
from git_data.git.run import FLAT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import IO, Any

    from git_data.git.repo import Repository

_ESCAPES = {
    0x61: 7, 0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9, 0x76: 11, 0x5C: 92, 0x22: 34,
}  # fmt: skip
_PIPE_BYTES = 1 << 20


class Stored:
    """Content that lies in a file: its SHA-256 in hex, size and path."""

    __slots__ = ("oid", "path", "size")

    def __init__(self, oid: str, size: int, path: str) -> None:
        self.oid = oid
        self.size = size
        self.path = path


class FileChange:
    """What a commit does to one path.

    ``mode`` is git's (``100644`` …), empty for a deletion.  What the path holds is either ``blob``, the id (hex) of an object
    that git has, or ``content``.
    """

    __slots__ = ("blob", "content", "mode", "path")

    def __init__(self, path: bytes, mode: bytes = b"", blob: bytes = b"", content: bytes | Stored | None = None) -> None:
        self.path = path
        self.mode = mode
        self.blob = blob
        self.content = content

    @property
    def is_file(self) -> bool:
        """Whether the path becomes a regular file."""
        return self.mode[:3] == b"100"


class Commit:
    """One commit: its old id and those of its parents (hex), and what it changes relative to the first of them.

    ``states`` are those of its parents; whoever changes the commit sets ``state``, which is handed on to its children.
    ``header`` are the lines of author, committer and encoding, as they are.
    """

    __slots__ = ("changes", "header", "mark", "message", "oid", "parents", "state", "states")

    def __init__(self) -> None:
        self.oid = b""
        self.mark = b""
        self.header = b""
        self.message = b""
        self.parents: list[bytes] = []
        self.changes: list[FileChange] = []
        self.states: list[Any] = []
        self.state: Any = None


def exported(repo: Repository, include: list[str], exclude: list[str]) -> Iterator[Commit]:
    """Every commit that ``include`` reaches and ``exclude`` does not (commits by their ids), parents first.

    Raises: GitFailed.
    """
    command = [
        "git", *FLAT, "fast-export", "--stdin", "--no-data", "--show-original-ids", "--reencode=no", "--use-done-feature",
        "--reference-excluded-parents", "--signed-tags=strip",
    ]  # fmt: skip
    revisions = [*include, *(f"^{oid}" for oid in exclude)]
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as stdin:
        stdin.write("".join(revision + "\n" for revision in revisions).encode())
        stdin.seek(0)
        process = subprocess.Popen(
            command, cwd=repo.worktree or repo.common_dir, stdin=stdin, stdout=subprocess.PIPE, stderr=errors, bufsize=_PIPE_BYTES
        )
        assert process.stdout is not None
        try:
            ended = yield from _commits(process.stdout)
        finally:
            process.stdout.close()
            status = process.wait()
        if status or not ended:
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace").strip().removeprefix("fatal: ")
            raise GitFailed(f"git fast-export: {said or f'exit status {status}'}", "git fsck")


def _commits(stream: IO[bytes]) -> Generator[Commit, None, bool]:
    """Every commit of the stream; whether it came to its end."""
    oids: dict[bytes, bytes] = {}
    commit: Commit | None = None
    for line in iter(stream.readline, b""):
        word, _, rest = line.rstrip(b"\n").partition(b" ")
        if word == b"commit":
            if commit is not None:
                yield commit
            commit = Commit()
        elif word == b"done":
            if commit is not None:
                yield commit
            return True
        elif commit is None or word in (b"feature", b"reset"):
            continue
        elif word == b"M":
            mode, blob, path = rest.split(b" ", 2)
            commit.changes.append(FileChange(unquoted(path), mode, blob))
        elif word == b"D":
            commit.changes.append(FileChange(unquoted(rest)))
        elif word in (b"author", b"committer", b"encoding"):
            commit.header += line
        elif word == b"data":
            commit.message = stream.read(int(rest))
        elif word == b"mark":
            commit.mark = rest
        elif word == b"original-oid":
            commit.oid = oids[commit.mark] = rest
        elif word in (b"from", b"merge"):
            commit.parents.append(oids.get(rest, rest))
    return False


def unquoted(path: bytes) -> bytes:
    """A path as it is; git writes unusual ones like strings of C."""
    if path[:1] != b'"':
        return path
    found = bytearray()
    at, end = 1, len(path) - 1
    while at < end:
        byte = path[at]
        if byte != 0x5C:
            found.append(byte)
            at += 1
        elif path[at + 1] in _ESCAPES:
            found.append(_ESCAPES[path[at + 1]])
            at += 2
        else:
            found.append(int(path[at + 1 : at + 4], 8))
            at += 4
    return bytes(found)


def quoted(path: bytes) -> bytes:
    """A path as fast-import reads it."""
    if path[:1] != b'"' and b"\n" not in path:
        return path
    return b'"' + path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
