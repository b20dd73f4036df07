"""``git data lock``.

Lock files on the LFS server, so that nobody else changes them meanwhile: for files that cannot be merged. Until you unlock them
nobody else can lock them, and pushes of others that change them are refused. Lockable files (git data track --lockable), which
are read-only otherwise, become writable.

The server is the LFS server that goes with the git remote you push to. A file may be locked before it is in git. What you hold
already, from another clone perhaps, counts as locked.
"""

from __future__ import annotations

import argparse

from git_data.base.report import say
from git_data.commands import output
from git_data.commands.locks import add_remote, record
from git_data.commands.parser import add_json
from git_data.errors import GitDataError, Locked
from git_data.git.repo import locate
from git_data.sync.lock_cache import Known
from git_data.sync.locks import open_desk
from git_data.worktree.editing import open_for_editing, path_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="+", metavar="PATH", help="files to lock")
    add_remote(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Lock. Raises: Locked when somebody else holds one of the locks; the others are taken all the same."""
    repo = locate()
    paths = list(dict.fromkeys(path_of(repo, word) for word in arguments.path))
    taken: list[Known] = []
    refused: list[GitDataError] = []
    desk = open_desk(repo, arguments.remote)
    try:
        for path in paths:
            try:
                lock, is_new = desk.take(path)
            except Locked as error:
                refused.append(error)
                continue
            taken.append(lock)
            if not arguments.json:
                output.line(f"Locked {output.plain(path)}" if is_new else f"{output.plain(path)} was locked by you already")
    finally:
        desk.close()
        if taken:
            open_for_editing(repo, [lock.path for lock in taken])
    if arguments.json:
        output.print_json([record(lock) for lock in taken])
    for other in refused[1:]:
        say(other.message)
    if refused:
        raise refused[0]
    return 0
