"""Rewriting history: the same commits, with other files in them.

``git fast-export`` tells what each commit changes, a transform says what it is to change instead, ``git fast-import`` makes the
new commits.  No content goes through this: a transform names objects that git has, or gives small content (a pointer), or a
file.  Authors, dates, messages and encodings stay as they are.  A commit that needs no change, and none of whose ancestors does,
stays the commit it is, signature included.

Nothing visible changes here: the result is refs that are to be moved (``moves``).  A crash leaves objects nobody refers to.
"""

from __future__ import annotations

import os
import subprocess
import tempfile

from git_data.base.digest import sha256
from git_data.base.report import Progress
from git_data.errors import CorruptData, GitFailed, from_os_error
from git_data.git.run import FLAT, as_stored, git, lines
from git_data.migrate.record import Move
from git_data.migrate.refs import Target, targets
from git_data.migrate.stream import Commit, FileChange, Stored, exported, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any, Protocol

    from git_data.git.repo import Repository

    class Transform(Protocol):
        """Says what becomes of each commit."""

        def begin(self, oid: bytes) -> Any:
            """The state of a commit (hex) that is not rewritten itself, but whose children are."""

        def change(self, commit: Commit) -> list[FileChange]:
            """What the new commit changes relative to its first parent; ``commit.changes`` itself if nothing is to change.

            Sets ``commit.state`` from ``commit.states``, those of its parents.
            """


_SCRATCH = b"refs/git-data/migrating"
_COPY_BYTES = 1 << 20


class Rewritten:
    """``commits`` are those that became others, old id → new id (hex); ``moves`` the refs that are to follow."""

    __slots__ = ("commits", "moves", "seen", "tags_unsigned")

    def __init__(self) -> None:
        self.commits: dict[bytes, bytes] = {}
        self.moves: list[Move] = []
        self.seen = 0
        """commits looked at"""
        self.tags_unsigned: list[str] = []
        """tags that lost their signatures"""


def survey(repo: Repository, include: list[str], exclude: list[str]) -> Iterator[Commit]:
    """The commits that ``rewrite`` would go through, for planning. Raises: GitFailed."""
    as_stored()
    commits = [target.commit for target in targets(repo, include)]
    with Progress("looking through history", count_commits(repo, include, exclude), noun="commit") as progress:
        for commit in exported(repo, commits, exclude):
            yield commit
            progress(1)


def count_commits(repo: Repository, include: list[str], exclude: list[str]) -> int:
    """How many commits that are. Raises: GitFailed."""
    return int(git("rev-list", "--count", "--stdin", stdin=_revisions(repo, include, exclude), cwd=repo.common_dir))


def _revisions(repo: Repository, include: list[str], exclude: list[str]) -> bytes:
    names = [*(target.commit for target in targets(repo, include)), *(f"^{oid}" for oid in exclude)]
    return "\n".join(names).encode() + b"\n"


def rewrite(
    repo: Repository, include: list[str], exclude: list[str], transform: Transform, progress: Progress | None = None
) -> Rewritten:
    """Rewrite what refs reach (full names; ``HEAD`` where it is detached), but nothing that ``exclude`` (commits) reaches.

    Raises: CorruptData for content that is damaged, GitFailed, FileSystemError.
    """
    as_stored()
    found = targets(repo, include)
    result = Rewritten()
    with _Importer(repo) as importer:
        states: dict[bytes, Any] = {}
        for commit in exported(repo, [target.commit for target in found], exclude):
            for parent in commit.parents:
                if parent not in states:
                    states[parent] = transform.begin(parent)
            commit.states = [states[parent] for parent in commit.parents]
            changes = transform.change(commit)
            states[commit.oid] = commit.state
            if changes is not commit.changes or not all(importer.is_kept(parent) for parent in commit.parents):
                importer.make(commit, changes)
            result.seen += 1
            if progress is not None:
                progress(1)
        result.commits = importer.finish()
    result.moves = [_move(repo, target, result) for target in found]
    return result


def _move(repo: Repository, target: Target, result: Rewritten) -> Move:
    new = result.commits.get(target.commit.encode())
    if new is None:
        return Move(target.ref, target.oid, target.oid)
    oid = new.decode()
    unsigned = False
    for content in reversed(target.tags):
        kept, signature = without_signature(content)
        unsigned = unsigned or signature
        text = b"object " + oid.encode() + kept[kept.index(b"\n") :]
        oid = git("hash-object", "-t", "tag", "-w", "--stdin", stdin=text, cwd=repo.common_dir).decode().strip()
    if unsigned:
        result.tags_unsigned.append(target.ref)
    return Move(target.ref, target.oid, oid)


def without_signature(tag: bytes) -> tuple[bytes, bool]:
    """The content of a tag object without its signature, and whether there was one (git-tag(1): at the end of the message)."""
    for kind in (b"PGP SIGNATURE", b"PGP MESSAGE", b"SSH SIGNATURE", b"SIGNED MESSAGE"):
        at = tag.find(b"\n-----BEGIN " + kind + b"-----\n")
        if at >= 0:
            return tag[: at + 1], True
    return tag, False


def signed_commits(repo: Repository, include: list[str], exclude: list[str]) -> list[str]:
    """The commits (hex) among those that have a signature, which a rewritten commit cannot keep. Raises: GitFailed."""
    found = []
    oid, in_header = b"", False
    for line in lines("rev-list", "--header", "--stdin", stdin=[_revisions(repo, include, exclude)], cwd=repo.common_dir):
        if not oid or b"\0" in line:
            oid, in_header = line.rpartition(b"\0")[2].strip(), True
        elif line == b"\n":
            in_header = False
        elif in_header and line.startswith(b"gpgsig"):
            found.append(oid.decode())
            in_header = False
    return found


def write_map(path: str, rewritten: Rewritten) -> None:
    """Write which commit became which: a line ``old,new`` for each. Raises: FileSystemError."""
    try:
        with open(path, "wb") as file:
            file.writelines(old + b"," + new + b"\n" for old, new in rewritten.commits.items())
    except OSError as error:
        raise from_os_error(error, path, "writing the object map") from None


class _Importer:
    """One ``git fast-import``. Its memory is a mark and an id for each commit."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._marks: dict[bytes, bytes] = {}
        """old id → mark, of commits that were made"""
        self._blobs: dict[str, bytes] = {}
        self._directory = tempfile.TemporaryDirectory(prefix="git-data-migrate-")
        self._marks_file = os.path.join(self._directory.name, "marks")
        self._errors = tempfile.TemporaryFile()
        command = [
            "git", *FLAT, "fast-import", "--quiet", "--force", "--done", "--date-format=raw-permissive",
            f"--export-marks={self._marks_file}",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, cwd=repo.common_dir, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._errors, bufsize=1 << 20
        )
        assert self._process.stdin is not None
        self._pipe: IO[bytes] = self._process.stdin

    def __enter__(self) -> _Importer:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._pipe.close()
        except BrokenPipeError:
            pass
        self._process.wait()
        self._errors.close()
        self._directory.cleanup()

    def is_kept(self, oid: bytes) -> bool:
        """Whether a commit stays what it is."""
        return oid not in self._marks

    def make(self, commit: Commit, changes: list[FileChange]) -> None:
        """Have the commit made, with its parents as they are now. Raises: GitFailed, FileSystemError."""
        number = len(self._marks)
        mark = b":%d" % (2 * number + 2)
        named = [self._blob(change.content) if isinstance(change.content, Stored) else change.blob for change in changes]
        parts = [] if commit.parents else [b"reset " + _SCRATCH + b"\n"]
        parts += [b"commit " + _SCRATCH + b"\nmark " + mark + b"\n" + commit.header]
        parts += [b"data %d\n" % len(commit.message), commit.message, b"\n"]
        for word, parent in zip((b"from ", *(b"merge " for _ in commit.parents)), commit.parents):
            parts.append(word + self._marks.get(parent, parent) + b"\n")
        for change, blob in zip(changes, named):
            if not change.mode:
                parts.append(b"D " + quoted(change.path) + b"\n")
            elif isinstance(change.content, bytes):
                parts.append(b"M " + change.mode + b" inline " + quoted(change.path) + b"\n")
                parts += [b"data %d\n" % len(change.content), change.content, b"\n"]
            else:
                parts.append(b"M " + change.mode + b" " + blob + b" " + quoted(change.path) + b"\n")
        parts.append(b"\n")
        self._write(b"".join(parts))
        self._marks[commit.oid] = mark

    def _blob(self, stored: Stored) -> bytes:
        """The mark of a blob with the content of a file, given to git when it is first needed.

        Raises: CorruptData, GitFailed, OSError.
        """
        mark = self._blobs.get(stored.oid)
        if mark is None:
            mark = self._blobs[stored.oid] = b":%d" % (2 * len(self._blobs) + 1)
            self._write(b"blob\nmark " + mark + b"\ndata %d\n" % stored.size)
            left = stored.size
            hasher = sha256()
            with open(stored.path, "rb", buffering=0) as file:
                while left and (data := file.read(min(left, _COPY_BYTES))):
                    self._write(data)
                    hasher.update(data)
                    left -= len(data)
            if hasher.hexdigest() != stored.oid:
                raise CorruptData(
                    f"'{stored.path}' is damaged: its content does not match its name; nothing has changed", "git data fsck"
                )
            self._write(b"\n")
        return mark

    def _write(self, data: bytes) -> None:
        try:
            self._pipe.write(data)
        except BrokenPipeError:
            raise self._failure() from None

    def finish(self) -> dict[bytes, bytes]:
        """End it: what became of each commit that was made, old id → new id (hex); without those that came out the same.

        Raises: GitFailed.
        """
        self._write(b"done\n")
        try:
            self._pipe.close()
        except BrokenPipeError:
            pass
        if self._process.wait():
            raise self._failure()
        git("update-ref", "-d", _SCRATCH.decode(), cwd=self._repo.common_dir)
        if not self._marks:
            return {}
        with open(self._marks_file, "rb") as file:
            new = dict(line.split() for line in file)
        return {old: new[mark] for old, mark in self._marks.items() if new[mark] != old}

    def _failure(self) -> GitFailed:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        said = next((line.removeprefix("fatal: ") for line in lines if line.startswith("fatal:")), lines[-1] if lines else "")
        return GitFailed(f"git fast-import: {said or f'exit status {self._process.returncode}'}", "nothing has changed")
