"""``git data unlock``.

Give locks back, so that others can lock and change the files. Lockable files become read-only again. A file with changes that
are not committed stays locked, and so does one that somebody else has locked; --force unlocks it all the same, where the server
lets you.
"""

from __future__ import annotations

import argparse

from git_data.base.report import harmless, say
from git_data.commands import output
from git_data.commands.locks import add_remote, record
from git_data.commands.parser import add_json
from git_data.errors import AccessDenied, CheckFailed, GitDataError, Locked, UsageError
from git_data.git.repo import Repository, locate
from git_data.sync.lock_cache import Known
from git_data.sync.locks import Desk, open_desk
from git_data.worktree.editing import close_to_editing, path_of, require_committed


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="*", metavar="PATH", help="files to unlock")
    parser.add_argument("-i", "--id", default="", metavar="ID", help="the lock with this id (git data locks)")
    parser.add_argument("-f", "--force", action="store_true", help="in spite of changes, and also locks of others")
    add_remote(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Unlock. Raises: Locked, CheckFailed for what stays locked; the others are unlocked all the same."""
    repo = locate()
    if bool(arguments.path) == bool(arguments.id):
        raise UsageError("either paths or --id ID must be given", "git data locks")
    paths = list(dict.fromkeys(path_of(repo, word, must_exist=False) for word in arguments.path))
    done: list[Known] = []
    refused: list[GitDataError] = []
    desk = open_desk(repo, arguments.remote)
    try:
        for path in paths or [""]:
            try:
                lock = _unlock(repo, desk, path, arguments.id, arguments.force)
            except (AccessDenied, CheckFailed, Locked) as error:
                refused.append(error)
                continue
            done.append(lock)
            if not arguments.json:
                output.line(f"Unlocked {output.plain(lock.path or lock.id)}")
    finally:
        desk.close()
        if repo.worktree:
            close_to_editing(repo)
    if arguments.json:
        output.print_json([record(lock) for lock in done])
    for other in refused[1:]:
        say(other.message)
    if refused:
        raise refused[0]
    return 0


def _unlock(repo: Repository, desk: Desk, path: str, id: str, force: bool) -> Known:
    if path and not force:
        require_committed(path)
    lock = desk.look_up(path, id)
    if lock is None and path:
        raise CheckFailed(f"'{harmless(path)}' is not locked", "git data locks")
    if lock is None:
        lock = Known(desk.url, id, "")
    if not path and lock.path and repo.worktree and not force:
        require_committed(lock.path)
    desk.give_back(lock, force)
    return lock
