"""``git data unprotect``.

Make files that are hard links to the store safe to edit in place: each becomes a writable file of its own (sharing blocks where
the file system can). Reflinks and copies are safe already and are left alone. Needed with data.link=hardlink only.
"""

from __future__ import annotations

import argparse

from git_data.base.report import Progress, count, human_size, say
from git_data.commands import output
from git_data.commands.parser import add_dry_run
from git_data.git.changes import require_known
from git_data.git.repo import locate
from git_data.git.scan import in_index
from git_data.store.place import open_store
from git_data.worktree.pending import relink_pending
from git_data.worktree.unprotect import protected, unprotect


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="*", metavar="PATH", help="files or directories (default: the whole work tree)")
    add_dry_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Break hard links."""
    repo = locate()
    repo.require_worktree()
    require_known(arguments.path)
    store = open_store(repo)
    if not arguments.dry_run:
        relink_pending(repo, store, wait_s=2.0)
    files = {file.path: file for file in in_index(repo, arguments.path)}
    found = protected(repo, store, list(files.values()))
    size = sum(status.st_size for _, status in found)
    if arguments.dry_run:
        for file, _ in found:
            output.line(output.relative(file.path, repo.prefix).decode("utf-8", "surrogateescape"))
        output.line(f"{count(len(found), 'file')} would be made safe to edit ({human_size(size)})")
        return 0
    if not found:
        output.line("nothing to do: no file here is a hard link to the store")
        return 0
    with Progress("copying", len(found), size) as progress:
        done, failed = unprotect(repo, found, store, progress)
    output.line(f"{count(len(done), 'file')} made safe to edit")
    for _, error in failed[1:]:
        say(error.message)
    if failed:
        raise failed[0][1]
    return 0
