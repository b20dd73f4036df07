"""Carrying out a rewritten history, and the words about it that all migrations share."""

from __future__ import annotations

import os
import shlex

from git_data.base.report import count, human_size
from git_data.errors import NoSpace, RepositoryError
from git_data.git.run import git, records
from git_data.git.scan import shown
from git_data.git.temporary_index import filters, temporary_index
from git_data.migrate import notes
from git_data.migrate.history import Rewritten, write_map
from git_data.migrate.moves import carry_out, finish
from git_data.migrate.record import DONE, Record, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from git_data.git.repo import Repository
    from git_data.store.objects import Store

_SHOWN = 3


def finish_earlier(repo: Repository, command: str) -> bool:
    """Finish what a killed command of this kind left to do: whether it had come so far that the result is there now."""
    record = load(repo, command)
    return record is not None and record.state != DONE and finish(repo, record)


def publish(
    repo: Repository,
    store: Store,
    record: Record,
    rewritten: Rewritten,
    map_path: str = "",
    vouched: Mapping[bytes, os.stat_result] | None = None,
) -> None:
    """Move refs, work trees and notes to the rewritten history, and write the object map. ``vouched``: see ``moves.carry_out``.

    Raises: GitFailed, FileSystemError.
    """
    if map_path:
        write_map(map_path, rewritten)
    record.moves = [move for move in rewritten.moves if move.new != move.old]
    record.moves += notes.copy(repo, rewritten)
    carry_out(repo, store, record, vouched)


def require_filter(repo: Repository, commit: str, paths: Iterable[bytes]) -> None:
    """Raises: RepositoryError where attributes of somebody else keep files that ``commit`` has from being data."""
    cwd = repo.worktree or repo.common_dir
    with temporary_index(repo, commit) as env:
        there = set(records("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, cwd=cwd))
        wanted = [path for path in paths if path in there]
        found = filters(wanted, cwd, env)
    wrong = [path for path in wanted if found.get(path) != "data"]
    if wrong:
        raise RepositoryError(
            f"{some([shown(path) for path in wrong])} would not be data: other attributes overrule those at the top; "
            "nothing was changed",
            f"look for 'filter' in .gitattributes of its directories: git check-attr -a {shlex.quote(os.fsdecode(wrong[0]))}",
        )


def afterwards(repo: Repository, record: Record, rewritten: Rewritten) -> list[str]:
    """Lines that say what changed and how to go on."""
    moved = [move for move in record.moves if not move.name.startswith("refs/notes/")]
    lines = [f"{len(rewritten.commits):,} of {count(rewritten.seen, 'commit')} rewritten; {count(len(moved), 'ref')} moved"]
    if rewritten.tags_unsigned:
        lines.append(f"signatures lost: {some([name.removeprefix('refs/tags/') for name in rewritten.tags_unsigned])}")
    lines.append(f"take it back: git data migrate {record.command} --undo   (what was before: {record.backups})")
    if git("for-each-ref", "--count=1", "refs/remotes", cwd=repo.worktree or repo.common_dir):
        if record.command == "import" and not repo.config.names_remotes:
            lines.append("before anything is published, name a place for the data: git data remote add -d store URL")
        if any(move.name.startswith("refs/tags/") for move in moved) or _is_published(repo, record, rewritten):
            lines.append("publish it: git push --force-with-lease --all && git push --force --tags; others clone anew")
        else:
            lines.append("publish it: git push   (nothing of it was published before)")
    lines.append("free the space of the old history, when you are content: git data migrate forget && git gc --prune=now")
    return lines


def _is_published(repo: Repository, record: Record, rewritten: Rewritten) -> bool:
    """Whether a remote, as it was last seen, has commits that became others."""
    new = "".join(f"^{move.new}\n" for move in record.moves)
    cwd = repo.worktree or repo.common_dir
    left = git("rev-list", "--ignore-missing", "--remotes", "--stdin", cwd=cwd, stdin=new.encode())
    return not rewritten.commits.keys().isdisjoint(left.split())


def require_space(root: str, needed_bytes: int) -> None:
    """Raises: NoSpace if the file system that ``root`` is or will be on has less than is needed."""
    free = free_bytes(root)
    if free is not None and free < needed_bytes:
        raise NoSpace(
            f"{human_size(needed_bytes)} are needed in '{root}', and {human_size(free)} are free there; nothing was changed",
            "free some space, or have the store elsewhere: git config data.cacheDir DIR",
        )


def free_bytes(root: str) -> int | None:
    """What is free where ``root`` is or will be; ``None`` where that cannot be said."""
    directory = root
    while directory and not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    if not hasattr(os, "statvfs"):
        return None
    status = os.statvfs(directory or ".")
    return status.f_bavail * status.f_frsize


def some(names: list[str]) -> str:
    """A few of them, and how many more."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more
