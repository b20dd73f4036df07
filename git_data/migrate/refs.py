"""Which refs a migration rewrites, and what they point to."""

from __future__ import annotations

import fnmatch
import os

from git_data.errors import RepositoryError, UsageError
from git_data.git.run import git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository

_PUBLIC = ("refs/heads", "refs/tags")


class Target:
    """One ref: its full name, the object and the commit (hex) it leads to, and tag objects in between (their content)."""

    __slots__ = ("commit", "oid", "ref", "tags")

    def __init__(self, ref: str, oid: str, commit: str, tags: list[bytes]) -> None:
        self.ref = ref
        self.oid = oid
        self.commit = commit
        self.tags = tags


def targets(repo: Repository, names: list[str]) -> list[Target]:
    """What refs (full names) lead to; those that lead to no commit are left out. Raises: GitFailed."""
    wanted = set(names)
    found = []
    for name, oid, kind in _all(repo):
        if name in wanted:
            target = _peeled(repo, name, oid, kind)
            if target is not None:
                found.append(target)
    if "HEAD" in wanted:
        oid = git("rev-parse", "--verify", "HEAD^{commit}", cwd=_cwd(repo)).decode().strip()
        found.append(Target("HEAD", oid, oid, []))
    return found


def _peeled(repo: Repository, name: str, oid: str, kind: str) -> Target | None:
    tags = []
    at = oid
    while kind == "tag":
        content = git("cat-file", "tag", at, cwd=_cwd(repo))
        lines = content.split(b"\n", 2)
        at, kind = lines[0].split()[1].decode(), lines[1].split()[1].decode()
        tags.append(content)
    return Target(name, oid, at, tags) if kind == "commit" else None


def chosen(
    repo: Repository,
    everything: bool = False,
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    published: bool = False,
) -> tuple[list[str], list[str]]:
    """Full names of the refs to rewrite, and commits (hex) whose history is to stay.

    All branches and tags with ``everything``; those that ``include`` names (names or patterns); else what is checked out,
    without what a remote has (with ``published``: that, too).  ``exclude`` are revisions whose history stays, or patterns of
    refs.

    Raises: UsageError for names that match nothing, RepositoryError where there is no commit.
    """
    if everything and include:
        raise UsageError("--everything and --include-ref exclude each other", "git data migrate -h")
    known = [name for name, _, kind in _all(repo) if kind in ("commit", "tag")]
    detached = [] if git("symbolic-ref", "-q", "HEAD", ok=(0, 1), cwd=_cwd(repo)) else ["HEAD"]
    kept: list[str] = []
    for text in exclude or []:
        matching = _matching(known, text)
        for name in matching or [text]:
            kept.append(git("rev-parse", "--verify", f"{name}^{{commit}}", cwd=_cwd(repo)).decode().strip())
    if everything:
        names = [name for name in known if not any(name in _matching(known, text) for text in exclude or [])] + detached
    elif include:
        names = []
        for text in include:
            matching = _matching(known, text)
            if not matching:
                raise UsageError(f"no branch or tag matches '{text}'", "git branch --list; git tag --list")
            names += matching
    else:
        names = detached or [git("symbolic-ref", "HEAD", cwd=_cwd(repo)).decode().strip()]
        if names[0] != "HEAD" and names[0] not in known:
            raise RepositoryError("there is no commit here yet, so there is nothing to migrate", "git data track '*.bin'")
        if not published:
            remote = git("for-each-ref", "--format=%(objectname) %(objecttype)", "refs/remotes", cwd=_cwd(repo)).decode()
            kept += [line.split()[0] for line in remote.splitlines() if line.endswith(" commit")]
    if not names:
        raise RepositoryError("there is no branch or tag to migrate here")
    return list(dict.fromkeys(names)), list(dict.fromkeys(kept))


def _matching(known: list[str], text: str) -> list[str]:
    """The refs that a user means by a name (``main``, ``tags/v1``, ``refs/heads/main``) or a pattern of names."""
    for prefix in ("", "refs/", "refs/heads/", "refs/tags/"):
        found = [name for name in known if fnmatch.fnmatchcase(name, prefix + text)]
        if found:
            return found
    return []


def _all(repo: Repository) -> list[tuple[str, str, str]]:
    """Name, object and its type of every branch and tag; symbolic refs follow what they name."""
    output = git("for-each-ref", "--format=%(objectname) %(objecttype) %(refname) %(symref)", *_PUBLIC, cwd=_cwd(repo))
    fields = (os.fsdecode(line).split(" ") for line in output.split(b"\n") if line)
    return [(name, oid, kind) for oid, kind, name, symref in fields if not symref]


def _cwd(repo: Repository) -> str:
    return repo.worktree or repo.common_dir
