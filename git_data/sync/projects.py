"""Which projects keep data on a remote: a collection must not take the data of one for garbage of another.

A project is told by its root commits.  ``projects/<root commit in hex>`` is written by the first push of a repository; that it
is there is remembered beside what else is known of the remote, in the file ``project``: "<remote id> <generation>" LF.
"""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.git.run import git
from git_data.remote.layout import PROJECTS
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.remote.base import Remote
    from git_data.sync.session import Session

_CONTENT = b"git-data project\n"
_HEX = frozenset("0123456789abcdef")


def register(repo: Repository, session: Session) -> None:
    """Write down that this project has data there, unless that was done.

    A repository without commits, or a shallow one, which does not know where it began, writes nothing.  Raises: RemoteError.
    """
    layout = session.layout
    if layout is None or not session.known.directory or session.remote.traits.objects_only:
        return
    memory = os.path.join(session.known.directory, "project")
    mark = f"{layout.id} {layout.generation}\n".encode()
    if fsio.read_file(memory) == mark:
        return
    if is_shallow():
        return
    for root in _published_roots():
        retried(lambda key=PROJECTS + root: session.remote.create(key, _CONTENT))  # type: ignore[misc]
    os.makedirs(session.known.directory, exist_ok=True)
    fsio.write_file(memory, mark)


def is_shallow() -> bool:
    """Whether the current repository lacks the beginning of its history."""
    return git("rev-parse", "--is-shallow-repository").strip() == b"true"


def _published_roots() -> list[str]:
    # not --all: the parts of a stash and notes have roots of their own, which nobody else ever sees
    return git("rev-list", "--max-parents=0", "--branches", "--tags", "--remotes").decode().split()


def roots(also: list[str]) -> set[str]:
    """Every root commit (hex) of the current repository, and of the objects ``also``. Raises: GitFailed."""
    stdin = "".join(f"{name}\n" for name in also).encode()
    return set(git("rev-list", "--max-parents=0", "--all", "--reflog", "--stdin", stdin=stdin).decode().split())


def registered(remote: Remote) -> list[str]:
    """The root commits of all projects that have data on a remote. Raises: RemoteError."""
    names = retried(lambda: [entry.key.removeprefix(PROJECTS) for entry in remote.list(PROJECTS)])
    return sorted(name for name in names if name and _HEX.issuperset(name))


def forget(remote: Remote, root: str) -> None:
    """Strike a project off. Raises: RemoteError."""
    retried(lambda: remote.delete([PROJECTS + root]))
