"""What a migration from DVC has to do: sources, the contents they name, and where those are."""

from __future__ import annotations

import os
import posixpath

from git_data.base.digest import sha256
from git_data.errors import GitDataError, RepositoryError
from git_data.git.run import git, records
from git_data.git.scan import read_blobs
from git_data.migrate import dvc_config, dvc_remotes
from git_data.migrate.dvc_cache import Intake, Wanted, algorithm
from git_data.migrate.dvc_files import Key, Out
from git_data.migrate.dvc_pieces import Sources, is_source, is_special
from git_data.migrate.dvc_tree import Tree
from git_data.migrate.dvc_yaml import Unreadable
from git_data.migrate.hashes import hash_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.remote.base import Remote

_MAX_DEP_BYTES = 64 << 20


class Blobs:
    """Contents of small blobs, each read once."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def load(self, names: list[bytes]) -> None:
        """Read many (hex ids) at once."""
        self._known.update(read_blobs([name for name in dict.fromkeys(names) if name not in self._known]))

    def read(self, name: bytes) -> bytes:
        """One of them (hex id). Raises: RepositoryError if git does not have it."""
        if name not in self._known:
            self.load([name])
        if name not in self._known:
            raise RepositoryError(f"git lacks the object {name.decode()}", "git fsck")
        return self._known[name]


class Plan:
    """One migration as it is planned.

    ``wanted`` are all contents that are named somewhere; ``watched`` paths at which git's own files matter: those of outs, what
    lies above them, what stages depend on.
    """

    def __init__(
        self, repo: Repository, root: bytes, intake: Intake, config: dvc_config.DvcConfig, keep_pipelines: bool = False
    ) -> None:
        self.keep_pipelines = keep_pipelines
        self.repo = repo
        self.root = root
        self.config = config
        self.intake = intake
        self.remotes = dvc_remotes.mapped(config, repo.require_worktree())
        self.blobs = Blobs()
        self.sources = Sources(self._manifest)
        self.wanted: dict[Key, Wanted] = {}
        self.watched: set[bytes] = set()
        self.dep_paths: set[bytes] = set()
        self.in_git: dict[Key, str] = {}
        self.silent: dict[str, str] = {}
        """remotes that did not answer, and why"""
        self._opened: dict[str, Remote] = {}

    # -- what is named

    def add(self, tree: Tree, at_head: bool) -> None:
        """Take up what the sources of a commit name. Raises: GitDataError."""
        for path, (mode, blob) in tree.special.items():
            if not is_source(path) or mode[:3] != b"100":
                continue
            lock = tree.special.get(path[:-4] + b"lock", (b"", b""))[1] if posixpath.basename(path) == b"dvc.yaml" else b""
            self.add_source(path, self.blobs.read(blob), self.blobs.read(lock) if lock else None, at_head)

    def add_source(self, path: bytes, content: bytes, lock: bytes | None, at_head: bool) -> None:
        """Take up what one source names."""
        if self.keep_pipelines and posixpath.basename(path) == b"dvc.yaml":
            return
        try:
            parsed = self.sources.parsed(path, content, lock)
            for dep in parsed.deps:
                if not dep.is_directory:
                    self.dep_paths.add(dep.path)
            for out in parsed.outs:
                self.watched.add(out.path)
                self.watched.update(out.path[:at] for at in range(len(out.path)) if out.path[at : at + 1] == b"/")
                for file, key, size in self.sources.files_of(out) or []:
                    self.watched.add(file)
                    one = self.wanted.setdefault(key, Wanted(key, size))
                    if one.size < 0:
                        one.size = size
                    if at_head:
                        one.paths.append(file)
        except Unreadable:
            return  # the piece of this source says so

    def _manifest(self, out: Out) -> bytes | None:
        content = self.intake.read_list(out.key) or self.intake.make_list(out)
        for remote in self.reachable(out.remote) if content is None else ():
            try:
                content = self.intake.fetch_list(out.key, remote)
            except GitDataError as error:
                self._give_up(remote, error)
            if content is not None:
                break
        return content

    def executable(self) -> set[bytes]:
        """Paths of files in the work tree that are executable."""
        root = os.fsencode(self.repo.require_worktree())
        found = set()
        for path in (path for one in self.wanted.values() for path in one.paths):
            try:
                if os.stat(os.path.join(root, path)).st_mode & 0o100:
                    found.add(path)
            except OSError:
                continue
        return found

    # -- where it is

    def reachable(self, first: str = "") -> list[Remote]:
        """DVC's remotes that we can read, the default one first, or ``first``."""
        order = sorted(self.remotes, key=lambda one: (one.name != first, one.name != self.config.default))
        found = []
        for remote in order:
            if not remote.source or remote.name in self.silent:
                continue
            if remote.name not in self._opened:
                try:
                    self._opened[remote.name] = dvc_remotes.open_source(remote, self.repo.require_worktree())
                except GitDataError as error:
                    self.silent[remote.name] = error.message
                    continue
            found.append(self._opened[remote.name])
        return found

    def _give_up(self, remote: Remote, error: GitDataError) -> None:
        name = next(name for name, opened in self._opened.items() if opened is remote)
        self.silent[name] = error.message

    def take_in(self) -> None:
        """Bring every content that is wanted into the store, from wherever it is. Raises: GitDataError."""
        rest = self.intake.take_in(list(self.wanted.values()))
        for remote in self.reachable() if rest else ():
            try:
                rest = self.intake.from_remote(rest, remote)
            except GitDataError as error:
                if error.exit_code in (5, 7):
                    raise
                self._give_up(remote, error)
                rest = [one for one in rest if one.key not in self.intake.found]

    def look(self) -> tuple[dict[str, int], list[Wanted]]:
        """Where contents are, without taking anything in: place → how many; and those that are nowhere."""
        places: dict[str, int] = {}
        rest = self.intake.known(list(self.wanted.values()))
        if len(self.wanted) > len(rest):
            places["store"] = len(self.wanted) - len(rest)
        left = []
        for one in rest:
            if cached := self.intake.cached(one.key):
                one.size = os.path.getsize(cached)
                places["DVC's cache"] = places.get("DVC's cache", 0) + 1
            elif any(os.path.isfile(os.path.join(os.fsencode(self.repo.worktree), path)) for path in one.paths):
                places["work tree"] = places.get("work tree", 0) + 1
            else:
                left.append(one)
        for remote in self.reachable() if left else ():
            name = next(name for name, opened in self._opened.items() if opened is remote)
            try:
                there = {one.key for one in left if self.intake.is_on(remote, one.key)}
            except GitDataError as error:
                self._give_up(remote, error)
                continue
            if there:
                places[f"remote '{name}'"] = len(there)
            left = [one for one in left if one.key not in there]
        return places, left

    def hash_deps(self, blobs: set[bytes]) -> None:
        """Learn our names of files in git that stages depend on, by their blobs (hex)."""
        sizes = git(
            "cat-file", "--buffer", "--batch-check=%(objectname) %(objecttype) %(objectsize)",
            stdin=b"\n".join(sorted(blobs)) + b"\n", cwd=self.repo.worktree,
        )  # fmt: skip
        fields = [line.split() for line in sizes.splitlines()]
        small = [field[0] for field in fields if field[1:2] == [b"blob"] and int(field[2]) <= _MAX_DEP_BYTES]
        for start in range(0, len(small), 256):
            for _, content in read_blobs(small[start : start + 256]):
                oid = sha256(content).hexdigest()
                for name in (Key("", False), Key("", True)):
                    self.in_git[Key(hash_of(content, algorithm(name)), name.legacy)] = oid

    def close(self) -> None:
        """Give up connections."""
        for remote in self._opened.values():
            remote.close()


def tree_of(repo: Repository, commit: str) -> tuple[dict[bytes, tuple[bytes, bytes]], dict[bytes, bytes]]:
    """The special files of a commit (path → mode, blob), and all others (path → blob; of a submodule its commit)."""
    special: dict[bytes, tuple[bytes, bytes]] = {}
    others: dict[bytes, bytes] = {}
    for record in records("ls-tree", "-r", "-z", "--full-tree", commit, cwd=repo.worktree):
        header, _, path = record.partition(b"\t")
        mode, _, blob = header.split(b" ")
        if is_special(path):
            special[path] = (mode, blob)
        else:
            others[path] = blob
    return special, others


def root_of(special: dict[bytes, tuple[bytes, bytes]], required: bool = True) -> bytes:
    """The directory of the DVC repository with a slash at its end, empty for the top.

    Raises: RepositoryError when there is none, or more than one.
    """
    configs = [path for path in special if path == b".dvc/config" or path.endswith(b"/.dvc/config")]
    if len(configs) > 1:
        names = ", ".join(f"'{os.fsdecode(os.path.dirname(os.path.dirname(path))) or '.'}'" for path in sorted(configs))
        raise RepositoryError(
            f"there are several DVC repositories in this one: {names}",
            "move the data of all but one by hand: dvc unprotect, git data track, git add",
        )
    if not configs:
        if required:
            raise RepositoryError("this is not a DVC repository: git has no '.dvc/config' here", "git data migrate -h")
        return b""
    return configs[0][: -len(b".dvc/config")]
