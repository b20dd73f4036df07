"""``git data push``.

Send data to a remote: every version reachable from the current branch, or from what is named, that the remote lacks. A plain git
push does this by itself, through the pre-push hook, for what it publishes.

  git data push                       the current branch, to the default remote
  git data push store v1.0 main       two revisions with their history
  git data push store v1.0..main      what lies between
  git data push --all                 everything any ref reaches
  git data push -I '*.parquet'        only versions of these files

Exit status: 0 all is there, 3 data is neither here nor there, 8 the remote does not work, 9 it refuses access.
"""

from __future__ import annotations

import argparse

from git_data.base.report import count, human_size, say
from git_data.commands import output
from git_data.commands.transfer import add_common, amount, revisions, selected, sort_words
from git_data.git.repo import locate
from git_data.git.run import as_stored
from git_data.git.scan import head_exists
from git_data.store.place import open_store
from git_data.sync.push import Pushed, commits_of, outgoing, push, remember, sees_all
from git_data.sync.remotes import find
from git_data.sync.session import Session
from git_data.worktree.restore import restore


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_common(parser, "send")


def run(arguments: argparse.Namespace) -> int:
    """Send."""
    as_stored()
    repo = locate()
    store = open_store(repo)
    words = sort_words(repo, arguments)
    session = Session(repo, find(repo, words.remote), arguments.jobs)
    session.reader()
    meant = revisions(arguments, words.revisions) or (["HEAD"] if head_exists() else [])
    picked = selected(repo, arguments, meant, words.paths) if meant else {}
    pointers = outgoing(repo, session, meant) if picked is None else list(picked.values())
    result = Pushed()
    if pointers:
        result = push(
            repo, store, session, pointers,
            restore=lambda lost: restore(repo, store, lost),
            unpublished=lambda: outgoing(repo, session, meant, ["--remotes"]) if picked is None else [],
            dry_run=arguments.dry_run, jobs=arguments.jobs,
        )  # fmt: skip
    result.requests = session.remote.requests
    if not arguments.dry_run and picked is None and result.complete:
        remember(repo, session, commits_of(meant))
    session.close()
    _show(arguments, session, result)
    if picked is None and not sees_all(repo):
        say("this clone lacks part of the history (shallow or partial); versions that only lie there were not looked at")
    return 0


def _show(arguments: argparse.Namespace, session: Session, result: Pushed) -> None:
    if arguments.json:
        output.print_json(
            {
                "remote": session.name,
                "url": session.remote.url,
                "dry_run": arguments.dry_run,
                "looked_at": result.objects,
                "sent": len(result.sent),
                "bytes": result.bytes,
                "left_out": [pointer.oid for pointer in result.left_out],
                "requests": result.requests,
                "retries": result.retries,
                "objects": [{"oid": pointer.oid, "size": pointer.size} for pointer in result.sent],
            }
        )
        return
    if arguments.dry_run:
        for pointer in result.sent:
            output.line(f"{pointer.oid}  {human_size(pointer.size):>9}")
    verb = "would be sent" if arguments.dry_run else "sent"
    if result.sent:
        output.line(f"{amount(len(result.sent), result.bytes)} {verb} to '{session.name}'")
    else:
        output.line(f"'{session.name}' has all the data already")
    if result.left_out:
        output.line(f"{count(len(result.left_out), 'object')} left out: neither here nor there")
