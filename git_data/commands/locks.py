"""``git data locks``.

List who has locked which files. The server is asked; --cached shows what it said last, and --local what is held here, without
it. --verify asks it whose each lock is, which takes the right to push; otherwise yours are those that were taken here. --mine and
--theirs do so, too, and list only these.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from git_data.commands import output
from git_data.commands.parser import add_json
from git_data.errors import CheckFailed, UsageError
from git_data.git.repo import Repository, locate
from git_data.remote.lfs_api import rfc3339
from git_data.sync import lock_cache
from git_data.sync.lock_cache import OURS, THEIRS, Known
from git_data.sync.locks import known_url, open_desk
from git_data.worktree.editing import close_to_editing, path_of


def add_remote(parser: argparse.ArgumentParser) -> None:
    """Which server; the same for all commands about locks."""
    text = "a git remote, or a remote for data that is an LFS server (default: where git push goes)"
    parser.add_argument("-r", "--remote", default="", metavar="NAME", help=text)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("-p", "--path", default="", metavar="PATH", help="only the lock on this file")
    parser.add_argument("-i", "--id", default="", metavar="ID", help="only the lock with this id")
    parser.add_argument("-l", "--limit", type=int, default=0, metavar="N", help="no more than so many")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--mine", action="store_true", help="only your own")
    whose.add_argument("--theirs", action="store_true", help="only those of others")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--verify", action="store_true", help="ask the server which are yours")
    how.add_argument("--cached", action="store_true", help="what the server said last; it is not asked")
    how.add_argument("--local", action="store_true", help="what is held here, as far as is known; no server is asked")
    add_remote(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List."""
    repo = locate()
    if arguments.limit < 0:
        raise UsageError("--limit takes a number above zero")
    path = path_of(repo, arguments.path, must_exist=False) if arguments.path else ""
    found = [
        lock
        for lock in _locks(repo, arguments, path)
        if (not path or lock.path == path)
        and (not arguments.id or lock.id == arguments.id)
        and (not arguments.mine or lock.whose == OURS)
        and (not arguments.theirs or lock.whose == THEIRS)
    ]
    found.sort(key=lambda lock: (lock.path, lock.id))
    if arguments.limit:
        found = found[: arguments.limit]
    if arguments.json:
        output.print_json([record(lock) for lock in found])
        return 0
    rows = [[output.plain(lock.path), _owner(lock), since(lock), output.plain(lock.id)] for lock in found]
    output.write(output.table(rows, ["path", "owner", "since", "id"]))
    return 0


def _locks(repo: Repository, arguments: argparse.Namespace, path: str) -> list[Known]:
    if arguments.local:
        return lock_cache.own(repo)
    if arguments.cached:
        seen = lock_cache.seen(repo, known_url(repo, arguments.remote))
        if seen is None:
            raise CheckFailed("the server was not asked yet for all its locks", "git data locks")
        return seen
    desk = open_desk(repo, arguments.remote)
    try:
        if not (arguments.verify or arguments.mine or arguments.theirs):
            return desk.find(path, arguments.id, arguments.limit)
        ours, theirs = desk.all_verified()
    finally:
        desk.close()
    if repo.worktree:
        close_to_editing(repo)  # a lock may have been taken away, or is held from another clone
    return [*ours, *theirs]


def record(lock: Known) -> dict[str, Any]:
    """A lock in JSON; ``ours`` is ``null`` where the server was not asked whose it is."""
    ours = True if lock.whose == OURS else False if lock.whose == THEIRS else None
    return {"path": lock.path, "owner": lock.owner, "locked_at": lock.locked_at, "id": lock.id, "ours": ours}


def _owner(lock: Known) -> str:
    name = output.plain(lock.owner) or "?"
    return f"{name} (you)" if lock.whose == OURS else name


def since(lock: Known) -> str:
    """When it was locked, by the clock of this machine; as the server wrote it if that is no time."""
    at_s = rfc3339(lock.locked_at)
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_s)) if at_s else output.plain(lock.locked_at)
