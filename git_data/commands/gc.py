"""``git data gc``.

Show which data in the store nothing refers to any more, and delete it with --force.

Kept is everything reachable from any branch, tag, stash, reflog, index and linked work tree, what unfinished commands wait
for, and everything stored or used in the last 14 days. A store shared by data.cacheDir asks every repository that uses it.

  git data gc                    show what would go
  git data gc --force            delete it
  git data gc --prune=1.month    another age; "now" spares nothing: no other git command may be running
  git data gc --remote           the same for the default remote
  git data gc --remote=store --clone ../other --force

On a remote everything stays that any ref of this repository, of the clones that are named, or of one of their git remotes refers
to, and everything stored in the last 14 days by the clock of the remote. Nothing is deleted while not all refs can be seen: where
a git remote does not answer or has commits that are not here, in shallow clones, or when a project that is not among these
repositories keeps data there, too. What is published nowhere is seen only in clones that are named with --clone; so are forks
whose git remote is not one of this repository.

A push that runs meanwhile is safe: it notices, and sends again what it had only found there. One case is left: a push that ends
right before the collection begins, and whose refs arrive after the collection asked for them, must not bring back data older
than 14 days that nothing referred to.
"""

from __future__ import annotations

import argparse
import os
import time

from git_data.base.fsio import sweep
from git_data.base.report import Progress, count, human_size
from git_data.commands import gc_remote, output
from git_data.commands.parser import add_dry_run, add_json
from git_data.commands.remote_option import add_remote, only_with_remote
from git_data.errors import GitFailed, UsageError
from git_data.git.reachability import git_dirs
from git_data.git.repo import Repository, locate
from git_data.git.run import git
from git_data.store import gc
from git_data.store.objects import TEMP_GRACE_S, Store
from git_data.store.place import forget, open_store, register
from git_data.worktree.needed import needed_by_all

_SHOWN = 10
_EXPIRES_ALL = 2**63


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("-f", "--force", action="store_true", help="delete; without it nothing is changed")
    parser.add_argument("--prune", metavar="DATE", default="", help="only what was not used since DATE (2.weeks), or: now, never")
    parser.add_argument(
        "--forget",
        metavar="PATH",
        default="",
        help="a repository at PATH does not use this shared store any more; with --remote: a project, by its first commit",
    )
    add_remote(parser, "a remote instead of the store")
    parser.add_argument(
        "--clone", action="append", default=[], metavar="PATH", help="with --remote: a repository that needs data there, too"
    )
    add_dry_run(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Collect garbage."""
    repo = locate()
    store = open_store(repo)
    only_with_remote(arguments, "gc", "clone")
    if arguments.forget and arguments.remote is None:
        return _forget(store, arguments.forget)
    if arguments.force and arguments.dry_run:
        raise UsageError("--force deletes and --dry-run does not", "git data gc   # shows, without either")
    grace_s = _grace(arguments.prune)
    if arguments.remote is not None:
        return gc_remote.run(repo, arguments, grace_s)
    if not os.path.isdir(store.objects):
        garbage = gc.Garbage()
        return _report(arguments, garbage, 0, 0)
    register(repo, store)
    lock = gc.Lock(store)
    try:
        garbage = gc.find_garbage(store, needed_by_all(repo, store), grace_s)
        if not arguments.force:
            return _report(arguments, garbage, len(garbage.objects), garbage.size_bytes)
        with Progress("deleting", len(garbage.objects), garbage.size_bytes) as progress:
            number, size = gc.delete(store, garbage, progress)
        size += _sweep(repo, store)
    finally:
        lock.release()
    return _report(arguments, garbage, number, size)


def _sweep(repo: Repository, store: Store) -> int:
    """Temporaries of killed commands."""
    return store.sweep() + sum(sweep(os.path.join(place, "data", "tmp"), TEMP_GRACE_S) for place in git_dirs(repo))


def _grace(text: str) -> float | None:
    """Seconds an object is spared, ``None`` for not at all. Raises: UsageError."""
    if not text:
        return gc.GRACE_S
    try:
        expires_s = int(git("-c", f"data.prune={text}", "config", "--type=expiry-date", "data.prune"))
    except GitFailed:
        raise UsageError(f"--prune: '{text}' is not a date", "git data gc --prune=2.weeks.ago") from None
    # the age, not the date: the clock that counts is the store's
    return None if expires_s >= _EXPIRES_ALL else max(0.0, time.time() - expires_s)


def _forget(store: Store, path: str) -> int:
    forgotten = forget(store, path)
    if not forgotten:
        raise UsageError(f"no repository at '{path}' is registered with '{store.root}'", "git data env   # lists them")
    for name in forgotten:
        output.line(f"forgotten: {name}; what only it needs may go with the next: git data gc")
    return 0


def _report(arguments: argparse.Namespace, garbage: gc.Garbage, number: int, size: int) -> int:
    if arguments.json:
        output.print_json(_as_json(garbage, arguments.force, number, size))
        return 0
    objects = count(number, "object")
    if arguments.force:
        output.line(f"{objects} deleted, {human_size(size)}")
    elif number:
        for oid, status in garbage.objects[:_SHOWN]:
            stored = time.strftime("%Y-%m-%d", time.localtime(status.st_mtime))
            output.line(f"{output.digits(oid)}  {human_size(status.st_size):>9}  stored {stored}")
        if number > _SHOWN:
            output.line(f"and {number - _SHOWN:,} more; all of them: git data gc --json")
        output.line(f"{objects} can go, {human_size(size)}. To delete: git data gc --force")
    else:
        output.line("nothing to delete")
    kept = f"{garbage.kept:,} needed"
    young = f", {garbage.young:,} not needed but too young" if garbage.young else ""
    output.line(f"kept: {kept}{young}")
    return 0


def _as_json(garbage: gc.Garbage, deleted: bool, number: int, size: int) -> dict[str, object]:
    return {
        "deleted": deleted,
        "count": number,
        "bytes": size,
        "kept": garbage.kept,
        "young": garbage.young,
        "quarantined": len(garbage.quarantined),
        "objects": [{"oid": oid, "size": status.st_size, "stored": int(status.st_mtime)} for oid, status in garbage.objects],
    }
