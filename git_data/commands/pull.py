"""``git data pull``.

Bring data from a remote, and its content into the work tree: git data fetch, then git data checkout. Commits are not fetched;
that is git pull, which brings their data by itself unless data.fetch is never.

  git data pull                       everything the work tree lacks
  git data pull images/ a.bin         these paths only
  git data pull -I '*.png'            files that match
"""

from __future__ import annotations

import argparse
import os

from git_data.base.report import count
from git_data.commands import output
from git_data.commands.fetch import bring, show, verdict
from git_data.commands.transfer import add_common, sort_words
from git_data.git.repo import locate
from git_data.store.place import open_store
from git_data.worktree.materialise import materialise
from git_data.worktree.pending import relink_pending, say_outcome
from git_data.worktree.select import Selection


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_common(parser, "bring")


def run(arguments: argparse.Namespace) -> int:
    """Fetch, then check out."""
    repo = locate()
    repo.require_worktree()
    store = open_store(repo)
    words = sort_words(repo, arguments)
    wanted, fetched = bring(repo, store, arguments, words)
    show(arguments, wanted, fetched)
    if arguments.dry_run:
        return 0
    relink_pending(repo, store, wait_s=2.0)
    include = arguments.include or repo.settings.fetch_include
    selection = Selection(include, arguments.exclude or repo.settings.fetch_exclude)
    given_up = {pointer.oid for pointer, _ in fetched.missing}
    outcome = materialise(repo, store, [os.fsencode(path) for path in words.paths], selection, given_up)
    if not arguments.json:
        output.line(f"{count(outcome.done, 'file')} brought to content")
    verdict(fetched)
    say_outcome(repo, outcome)
    if outcome.locked is not None:
        raise outcome.locked
    if outcome.failed:
        raise outcome.failed[0][1]
    return 0
