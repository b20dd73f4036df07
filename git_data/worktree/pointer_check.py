"""Checking the pointers of revisions: is their content there, and is every file that should be a pointer one?"""

from __future__ import annotations

from git_data.git import temporary_index as trees
from git_data.git.run import git
from git_data.git.scan import head_exists, in_history, in_index, in_revision, reachable, read_blobs, versions
from git_data.git.temporary_index import Entry, temporary_index
from git_data.pointer import MAX_SIZE_BYTES, Pointer, looks_like, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository
    from git_data.git.scan import Tracked


class Suspect:
    """A file with ``filter=data`` that git holds itself; ``malformed`` if it looks like a pointer but is none."""

    __slots__ = ("malformed", "path", "revision", "size")

    def __init__(self, path: bytes, revision: str, size: int, malformed: bool) -> None:
        self.path = path
        self.revision = revision
        self.size = size
        self.malformed = malformed


class PointerCheck:
    """What revisions name: ``pointers`` (each oid once), where they were seen, and files that should be pointers."""

    def __init__(self) -> None:
        self.pointers: dict[str, Pointer] = {}
        self.places: dict[str, tuple[str, bytes]] = {}
        """oid → (revision, path); the revision is empty for the index"""
        self.suspects: list[Suspect] = []
        self._histories: list[list[str]] = []

    def take(self, pointers: Iterable[Pointer]) -> None:
        """Pointers whose paths are not known (yet)."""
        for pointer in pointers:
            self.pointers.setdefault(pointer.oid, pointer)

    def take_files(self, files: Iterable[Tracked], revision: str) -> None:
        """Pointers of one tree or of the index."""
        for file in files:
            self.pointers.setdefault(file.pointer.oid, file.pointer)
            self.places.setdefault(file.pointer.oid, (revision, file.path))

    def take_history(self, repo: Repository, arguments: list[str]) -> None:
        """Every version ``git rev-list ARGUMENTS`` reaches. Raises: GitFailed."""
        self.take(in_history(repo, *arguments).values())
        self._histories.append(arguments)

    def find_places(self, repo: Repository, oids: list[str]) -> None:
        """Look up in history where these were seen, unless it is known. Raises: GitFailed."""
        wanted = {oid for oid in oids if oid not in self.places}
        for arguments in self._histories if wanted else []:
            for commit, file in versions(repo, arguments):
                if file.pointer.oid in wanted:
                    self.places.setdefault(file.pointer.oid, (commit[:12], file.path))


def check(repo: Repository, revisions: list[str], everything: bool) -> PointerCheck:
    """Look at revisions (a tree each) and ranges (history); by default at HEAD and the index. Raises: GitFailed."""
    result = PointerCheck()
    if everything:
        result.take(reachable(repo).values())
        result.take_history(repo, ["--all"])
    ranges, trees_wanted = _split(revisions)
    for arguments in ranges:
        result.take_history(repo, arguments)
    if not revisions:
        result.take_files(in_index(repo), "")
        result.suspects += _suspects(repo, trees.entries(), "", None)
        trees_wanted = ["HEAD"] if head_exists() else []
    for name in trees_wanted:
        result.take_files(in_revision(repo, name), name)
        known = {suspect.path for suspect in result.suspects}
        with temporary_index(repo, name) as env:
            result.suspects += [item for item in _suspects(repo, trees.entries(env), name, env) if item.path not in known]
    return result


def _split(revisions: list[str]) -> tuple[list[list[str]], list[str]]:
    """Stretches of history (arguments of ``git rev-list``) and single trees."""
    if any(name.startswith(("^", "-")) for name in revisions):
        return [revisions], []  # "main ^v1": they belong together
    return [[name] for name in revisions if ".." in name], [name for name in revisions if ".." not in name]


def _suspects(repo: Repository, files: list[Entry], revision: str, env: dict[str, str] | None) -> list[Suspect]:
    files = [file for file in files if file.mode.startswith(b"100")]
    filters = trees.filters([file.path for file in files], repo.worktree or None, env)
    data = [file for file in files if filters.get(file.path) in repo.filters]
    sizes = _sizes({file.blob for file in data})
    small = dict(read_blobs([blob for blob, size in sizes.items() if 0 < size < MAX_SIZE_BYTES]))
    suspects = []
    for file in data:
        content = small.get(file.blob)
        size = sizes.get(file.blob, 0)
        if size and (content is None or parse(content) is None):
            suspects.append(Suspect(file.path, revision, size, content is not None and looks_like(content)))
    return suspects


def _sizes(blobs: set[bytes]) -> dict[bytes, int]:
    """The size of each blob git has."""
    if not blobs:
        return {}
    stdin = b"\n".join(sorted(blobs)) + b"\n"
    fields = (
        line.split(b" ")
        for line in git("cat-file", "--buffer", "--batch-check=%(objectname) %(objectsize)", stdin=stdin).splitlines()
    )
    return {name: int(size) for name, size in fields if size.isdigit()}
