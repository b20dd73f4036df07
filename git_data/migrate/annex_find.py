"""Files of git-annex in a commit or in all of history: which paths, which keys."""

from __future__ import annotations

import os

from git_data.errors import RepositoryError
from git_data.git.run import git, lines, records
from git_data.git.scan import read_blobs
from git_data.migrate.annex_key import MAX_POINTER_BYTES, Key, of_link, of_pointer
from git_data.migrate.history import survey
from git_data.migrate.ready import worktrees
from git_data.migrate.refs import chosen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository

LINK = b"120000"
_MIN_POINTER_BYTES = len("/annex/objects/X--x")
_READ_AT_ONCE = 20_000


class Version:
    """What a path has held: its mode in git and the blob (hex)."""

    __slots__ = ("blob", "mode", "path")

    def __init__(self, path: bytes, mode: bytes, blob: bytes) -> None:
        self.path = path
        self.mode = mode
        self.blob = blob


class Found:
    """``versions`` of all files and links, each once; ``links`` and ``pointers``: blob (hex) → key, locked and unlocked."""

    def __init__(self) -> None:
        self.versions: list[Version] = []
        self.links: dict[bytes, Key] = {}
        self.pointers: dict[bytes, Key] = {}
        self.commits = 0

    def key(self, mode: bytes, blob: bytes) -> Key | None:
        """The key of what a path holds."""
        return (self.links if mode == LINK else self.pointers).get(blob)

    def annexed(self) -> list[tuple[Version, Key]]:
        """The versions that git-annex has."""
        found = ((version, self.key(version.mode, version.blob)) for version in self.versions)
        return [(version, key) for version, key in found if key is not None]


def in_commit(repo: Repository, commit: str) -> Found:
    """The files of one commit. Raises: GitFailed."""
    found = Found()
    for record in records("ls-tree", "-r", "-z", "--full-tree", commit, cwd=_cwd(repo)):
        header, _, path = record.partition(b"\t")
        mode, _, blob = header.split(b" ")
        if mode == LINK or mode.startswith(b"100"):
            found.versions.append(Version(path, mode, blob))
    _find_keys(repo, found)
    return found


def in_history(repo: Repository, include: list[str]) -> Found:
    """The files of all commits that refs (full names) reach. Raises: GitFailed."""
    found = Found()
    seen = set()
    for commit in survey(repo, include, []):
        found.commits += 1
        for change in commit.changes:
            entry = (change.path, change.mode, change.blob)
            if (change.is_file or change.mode == LINK) and entry not in seen:
                seen.add(entry)
                found.versions.append(Version(*entry))
    _find_keys(repo, found)
    return found


def _find_keys(repo: Repository, found: Found) -> None:
    links = {version.blob for version in found.versions if version.mode == LINK}
    files = {version.blob for version in found.versions if version.mode != LINK}
    small = []
    question = (blob + b"\n" for blob in sorted(links | files))
    for line in lines("cat-file", "--batch-check=%(objectname) %(objectsize)", "--buffer", stdin=question, cwd=_cwd(repo)):
        name, _, size = line.rstrip().partition(b" ")
        if size.isdigit() and _MIN_POINTER_BYTES <= int(size) <= MAX_POINTER_BYTES:
            small.append(name)
    for at in range(0, len(small), _READ_AT_ONCE):
        for blob, content in read_blobs(small[at : at + _READ_AT_ONCE]):
            if blob in links and (key := of_link(content)) is not None:
                found.links[blob] = key
            if blob in files and (key := of_pointer(content)) is not None:
                found.pointers[blob] = key


def refs(repo: Repository) -> list[str]:
    """The branches and tags whose history is rewritten: all but those git-annex has made for itself. Raises: RepositoryError."""
    names, _ = chosen(repo, everything=True)
    own = ("refs/heads/git-annex", "refs/heads/synced/", "refs/heads/adjusted/", "refs/heads/views/")
    return [name for name in names if not name.startswith(own) or name.startswith("refs/heads/git-annex-")]


def require_no_adjusted_branch(repo: Repository) -> None:
    """Raises: RepositoryError where a work tree is on a branch whose commits git-annex changes as it likes."""
    if repo.config.get_bool("annex.direct", False):
        raise RepositoryError("this repository is in the direct mode of old versions of git-annex", "git annex upgrade")
    for tree in worktrees(repo):
        kind, _, name = tree.branch.removeprefix("refs/heads/").partition("/")
        if kind in ("adjusted", "views"):
            original = name.partition("(")[0] if kind == "adjusted" else "main"
            raise RepositoryError(
                f"'{tree.path}' is on '{kind}/{name}', a branch that git-annex makes from another one",
                "bring its commits there and leave it: "
                f"git annex sync --no-pull --no-push --no-content && git checkout {original}",
            )


def require_no_assistant(repo: Repository) -> None:
    """Raises: RepositoryError while git-annex's assistant works in the repository."""
    try:
        with open(os.path.join(repo.common_dir, "annex", "daemon.pid"), encoding="ascii") as file:
            os.kill(int(file.read()), 0)
    except (OSError, ValueError):
        return
    raise RepositoryError("git-annex's assistant is at work here", "git annex assistant --stop")


def synced_branches(repo: Repository) -> list[str]:
    """The branches that ``git annex sync`` has made. Raises: GitFailed."""
    return os.fsdecode(git("for-each-ref", "--format=%(refname:short)", "refs/heads/synced/", cwd=_cwd(repo))).split()


def is_annexed(repo: Repository) -> bool:
    """Whether git-annex has ever been used here. Raises: GitFailed."""
    branches = git("for-each-ref", "--count=1", "refs/heads/git-annex", "refs/remotes/*/git-annex", cwd=_cwd(repo))
    return bool(branches) or os.path.isdir(os.path.join(repo.common_dir, "annex"))


def _cwd(repo: Repository) -> str:
    return repo.worktree or repo.common_dir
