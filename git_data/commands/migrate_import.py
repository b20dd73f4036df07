"""``git data migrate import``.

Large files in the history of plain git become data, in every commit: what is checked out and no remote has yet, the branches and
tags that --include-ref names, or with --everything all of them.

A file becomes data in all of its versions or in none: with -I the files whose paths match, with --above those of which one
version at least is that large. Attributes for them are written into the commits. Commits that have no such file, nor an ancestor
that has, stay what they are.

With --no-rewrite nothing is rewritten: the given files become data in one new commit.

  git data migrate info --everything
  git data migrate import --everything --above 10MB --dry-run
  git data migrate import --everything -I '*.bin,*.npy' --object-map map.csv
  git data migrate import --no-rewrite model.onnx
"""

from __future__ import annotations

import argparse

from git_data.base.report import Progress, count, human_size, say
from git_data.commands import output
from git_data.commands.migrate_common import add_object_map, add_refs, add_undo, refs_of, undo
from git_data.commands.parser import add_dry_run, add_json
from git_data.config import parse_size
from git_data.errors import UsageError
from git_data.git.repo import Repository, locate
from git_data.git.scan import shown
from git_data.migrate import choose as choosing
from git_data.migrate import outcome, versions
from git_data.migrate.ready import require_ready, require_whole_history
from git_data.migrate.record import Record
from git_data.migrate.setup import set_up
from git_data.store.place import open_store

COMMAND = "import"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="*", metavar="PATH", help="with --no-rewrite: the files that become data")
    parser.add_argument("--above", metavar="SIZE", help="files of which one version at least has this size (10MB, 2GiB)")
    parser.add_argument(
        "-I", "--include", action="append", default=[], metavar="PATTERN", help="files that match, as in .gitattributes"
    )
    parser.add_argument(
        "-X", "--exclude", action="append", default=[], metavar="PATTERN", help="no files that match, as in .gitattributes"
    )
    add_refs(parser)
    parser.add_argument("--no-rewrite", action="store_true", help="one new commit; history stays as it is")
    add_object_map(parser)
    add_undo(parser)
    add_dry_run(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Import."""
    repo = locate()
    if arguments.undo:
        return undo(repo, COMMAND, arguments.force)
    if not arguments.dry_run and outcome.finish_earlier(repo, COMMAND):
        say("an earlier run was finished; nothing else was done")
        return 0
    if arguments.no_rewrite:
        from git_data.commands import migrate_import_one

        return migrate_import_one.run(repo, arguments)
    if arguments.path:
        raise UsageError("files are named with --no-rewrite only", f"choose them by pattern: -I {arguments.path[0]}")
    if not arguments.include and not arguments.above:
        raise UsageError("which files are to become data?", "git data migrate import --above 10MB, or -I '*.bin'")
    if arguments.dry_run:
        require_whole_history(repo)  # who only looks may have uncommitted work
    else:
        require_ready(repo, rewriting=True)
    task = _Task(repo, arguments)
    return _show(task, arguments) if arguments.dry_run or not task.choice.paths else _import(task, arguments)


def _above(arguments: argparse.Namespace) -> int:
    return parse_size(arguments.above, "--above") if arguments.above else 0


class _Task:
    """What is to be done: the part of history that is meant, what it holds, and which files become data."""

    def __init__(self, repo: Repository, arguments: argparse.Namespace) -> None:
        self.repo = repo
        self.include, self.exclude = refs_of(repo, arguments)
        self.history = versions.look(repo, self.include, self.exclude)
        self.choice = choosing.choose(self.history, arguments.include, arguments.exclude, _above(arguments))
        self.store = open_store(repo)


def _import(task: _Task, arguments: argparse.Namespace) -> int:
    from git_data.migrate.contents import Contents
    from git_data.migrate.history import rewrite
    from git_data.migrate.importing import Importing
    from git_data.migrate.take_in import take_in

    blobs = choosing.blobs(task.history, task.choice)
    size = sum(blob.size for blob in blobs)
    known = Contents(task.repo).stored(task.store, blobs)
    outcome.require_space(task.store.root, size - sum(pointer.size for pointer in known.values()))
    with Progress("storing", len(blobs), size) as progress:
        pointers = take_in(task.repo, task.store, blobs, task.repo.settings.jobs, progress)
    with Progress("rewriting", task.history.commits, noun="commit") as progress:
        rewritten = rewrite(
            task.repo, task.include, task.exclude, Importing(task.repo, task.choice, pointers, task.history.boundary), progress
        )
    record = Record(task.repo, COMMAND)
    record.moves = [move for move in rewritten.moves if move.new != move.old]
    for tip in sorted({move.new for move in record.moves if not move.name.startswith("refs/tags/")}):
        outcome.require_filter(task.repo, tip, sorted(task.choice.paths))
    set_up(task.repo, task.store, record)
    outcome.publish(task.repo, task.store, record, rewritten, arguments.object_map or "")
    Contents(task.repo).forget()
    number = sum(len(task.history.paths[path]) for path in task.choice.paths)
    if arguments.json:
        output.print_json(
            {
                "files": len(task.choice.paths),
                "versions": number,
                "bytes": size,
                "patterns": task.choice.patterns,
                "commits": len(rewritten.commits),
                "refs": [{"name": move.name, "old": move.old, "new": move.new} for move in record.moves],
                "before": record.backups,
            }
        )
        return 0
    output.line(f"{count(number, 'version')} of {count(len(task.choice.paths), 'file')} became data ({human_size(size)})")
    for line in outcome.afterwards(task.repo, record, rewritten):
        output.line(line)
    return 0


def _show(task: _Task, arguments: argparse.Namespace) -> int:
    """What would be done, or that there is nothing to do."""
    from git_data.migrate.contents import Contents
    from git_data.migrate.history import signed_commits

    rows = choosing.by_pattern(task.history, task.choice)
    blobs = choosing.blobs(task.history, task.choice)
    known = Contents(task.repo).stored(task.store, blobs)
    needed = sum(blob.size for blob in blobs) - sum(pointer.size for pointer in known.values())
    signed = signed_commits(task.repo, task.include, task.exclude) if task.choice.paths else []
    if arguments.json:
        output.print_json(
            {
                "commits": task.history.commits,
                "refs": task.include,
                "patterns": [{"pattern": row[0], "files": row[1], "versions": row[2], "bytes": row[3]} for row in rows],
                "needed_bytes": needed,
                "free_bytes": outcome.free_bytes(task.store.root),
                "signed_commits": signed,
            }
        )
        return 0
    if not task.choice.paths:
        where = "unpublished commits of what is checked out" if not (arguments.everything or arguments.include_ref) else "them"
        output.line(f"{count(task.history.commits, 'commit')} looked at, and no file in {where} is to become data")
        if not arguments.everything:
            say("all branches and tags: --everything")
        return 0
    shown_rows = [
        (shown(row[0].encode("utf-8", "surrogateescape")), f"{row[1]:,}", f"{row[2]:,}", human_size(row[3])) for row in rows
    ]
    output.write(output.table(shown_rows, ("pattern", "files", "versions", "size"), right=(1, 2, 3)))
    refs = outcome.some([name.removeprefix("refs/heads/").removeprefix("refs/") for name in task.include])
    output.line(f"{count(task.history.commits, 'commit')} of {refs} would be looked at and rewritten where they have these files")
    free = outcome.free_bytes(task.store.root)
    output.line(f"needed in the store: {human_size(needed)}" + (f"; free there: {human_size(free)}" if free is not None else ""))
    if signed:
        output.line(f"signed commits, whose signatures would be lost if they change: {len(signed):,} ({outcome.some(signed)})")
    return 0
