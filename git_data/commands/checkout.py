"""``git data checkout``.

Replace pointers in the work tree by their content, where the store has it, and finish what a killed command left to do. Files
that are not exactly a pointer are never touched.
"""

from __future__ import annotations

import argparse
import os

from git_data.base.report import count
from git_data.commands.parser import add_selection
from git_data.errors import MissingData
from git_data.git.repo import locate
from git_data.store.place import open_store
from git_data.worktree.materialise import materialise
from git_data.worktree.pending import relink_pending, say_outcome
from git_data.worktree.select import Selection


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="*", metavar="PATH", help="files or directories (default: the whole work tree)")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing when all went well")
    add_selection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Bring content to the pointers."""
    repo = locate()
    repo.require_worktree()
    store = open_store(repo)
    relink_pending(repo, store, wait_s=2.0)
    selection = Selection(arguments.include, arguments.exclude)
    outcome = materialise(repo, store, [os.fsencode(path) for path in arguments.path], selection)
    if not arguments.quiet or outcome.done:
        print(f"{count(outcome.done, 'file')} brought to content")
    say_outcome(repo, outcome)
    if outcome.locked is not None:
        raise outcome.locked
    if outcome.failed:
        raise outcome.failed[0][1]
    if outcome.missing:
        raise MissingData(f"the data of {count(len(outcome.missing), 'file')} is not in the store", "git data ls-files --missing")
    return 0
