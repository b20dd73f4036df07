"""One commit on top of the branch that is checked out, made beside the index: nothing is visible before its ref moves."""

from __future__ import annotations

from git_data.base.digest import blob_oid
from git_data.errors import RepositoryError
from git_data.git.blobs import write_blobs
from git_data.git.partial_clone import promisors
from git_data.git.run import git
from git_data.git.temporary_index import temporary_index
from git_data.migrate.record import Move

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository


class File:
    """What a path is to hold in git: its mode (``100644`` …) and its content there, a pointer for data."""

    __slots__ = ("content", "mode", "path")

    def __init__(self, path: bytes, mode: bytes, content: bytes) -> None:
        self.path = path
        self.mode = mode
        self.content = content


def checked_out(repo: Repository) -> tuple[str, str]:
    """The ref that a new commit moves (``HEAD`` where it is detached) and the commit (hex) it is at.

    Raises: RepositoryError where there is no commit yet.
    """
    head = git("rev-parse", "--verify", "-q", "HEAD^{commit}", ok=(0, 1), cwd=repo.worktree).decode().strip()
    if not head:
        raise RepositoryError("there is no commit here yet, so there is nothing to migrate", "git data track '*.bin'")
    branch = git("symbolic-ref", "-q", "HEAD", ok=(0, 1), cwd=repo.worktree).decode().strip()
    return branch or "HEAD", head


def build(repo: Repository, files: Iterable[File], removed: Iterable[bytes], message: str) -> Move:
    """Make the commit's objects: where the branch is and where it is to go, the same if nothing changes.

    Raises: RepositoryError, GitFailed.
    """
    name, head = checked_out(repo)
    blobs = {}
    entries = [b"0 %s\t%s\0" % (b"0" * len(head), path) for path in removed]
    for file in files:
        oid = blob_oid(file.content, repo.object_format)
        blobs[oid] = file.content
        entries.append(b"%s %s\t%s\0" % (file.mode, oid.hex().encode(), file.path))
    write_blobs(blobs, repo.object_format, partial_clone=bool(promisors(repo)))
    with temporary_index(repo, head) as env:
        git("update-index", "-z", "--index-info", stdin=b"".join(entries), env=env, cwd=repo.worktree)
        tree = git("write-tree", env=env, cwd=repo.worktree).decode().strip()
    if tree == git("rev-parse", f"{head}^{{tree}}", cwd=repo.worktree).decode().strip():
        return Move(name, head, head)
    sign = ["-S"] if repo.config.get_bool("commit.gpgsign", False) else []
    new = git("commit-tree", *sign, tree, "-p", head, "-F", "-", stdin=message.encode(), cwd=repo.worktree)
    return Move(name, head, new.decode().strip())
