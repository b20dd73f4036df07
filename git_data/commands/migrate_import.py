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
from git_data.migrate.ready import require_ready
from git_data.migrate.record import Record
from git_data.migrate.setup import set_up
from git_data.store.place import open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.migrate.choose import Choice
    from git_data.migrate.versions import Versions
    from git_data.store.objects import Store

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
    if outcome.finish_earlier(repo, COMMAND):
        say("an earlier run was finished; nothing else was done")
        return 0
    if arguments.no_rewrite:
        from git_data.commands import migrate_import_one

        return migrate_import_one.run(repo, arguments)
    if arguments.path:
        raise UsageError("files are named with --no-rewrite only", f"choose them by pattern: -I {arguments.path[0]}")
    if not arguments.include and not arguments.above:
        raise UsageError("which files are to become data?", "git data migrate import --above 10MB, or -I '*.bin'")
    require_ready(repo, rewriting=True)
    include, exclude = refs_of(repo, arguments)
    history = versions.look(repo, include, exclude)
    choice = choosing.choose(history, arguments.include, arguments.exclude, _above(arguments))
    store = open_store(repo)
    if arguments.dry_run or not choice.paths:
        return _show(repo, store, history, choice, include, exclude, arguments)
    return _import(repo, store, history, choice, include, exclude, arguments)


def _above(arguments: argparse.Namespace) -> int:
    return parse_size(arguments.above, "--above") if arguments.above else 0


def _import(
    repo: Repository,
    store: Store,
    history: Versions,
    choice: Choice,
    include: list[str],
    exclude: list[str],
    arguments: argparse.Namespace,
) -> int:
    from git_data.migrate.contents import Contents
    from git_data.migrate.history import rewrite
    from git_data.migrate.importing import Importing
    from git_data.migrate.take_in import take_in

    blobs = choosing.blobs(history, choice)
    size = sum(blob.size for blob in blobs)
    known = Contents(repo).stored(store, blobs)
    outcome.require_space(store.root, size - sum(pointer.size for pointer in known.values()))
    with Progress("storing", len(blobs), size) as progress:
        pointers = take_in(repo, store, blobs, repo.settings.jobs, progress)
    with Progress("rewriting", history.commits, noun="commit") as progress:
        rewritten = rewrite(repo, include, exclude, Importing(repo, choice, pointers, history.boundary), progress)
    record = Record(repo, COMMAND)
    record.moves = [move for move in rewritten.moves if move.new != move.old]
    for tip in sorted({move.new for move in record.moves if not move.name.startswith("refs/tags/")}):
        outcome.require_filter(repo, tip, sorted(choice.paths))
    set_up(repo, store, record)
    outcome.publish(repo, store, record, rewritten, arguments.object_map or "")
    Contents(repo).forget()
    number = sum(len(history.paths[path]) for path in choice.paths)
    if arguments.json:
        output.print_json(
            {
                "files": len(choice.paths),
                "versions": number,
                "bytes": size,
                "patterns": choice.patterns,
                "commits": len(rewritten.commits),
                "refs": [{"name": move.name, "old": move.old, "new": move.new} for move in record.moves],
                "before": record.backups,
            }
        )
        return 0
    output.line(f"{count(number, 'version')} of {count(len(choice.paths), 'file')} became data ({human_size(size)})")
    for line in outcome.afterwards(repo, record, rewritten):
        output.line(line)
    return 0


def _show(
    repo: Repository,
    store: Store,
    history: Versions,
    choice: Choice,
    include: list[str],
    exclude: list[str],
    arguments: argparse.Namespace,
) -> int:
    """What would be done, or that there is nothing to do."""
    from git_data.migrate.contents import Contents
    from git_data.migrate.history import signed_commits

    rows = choosing.by_pattern(history, choice)
    blobs = choosing.blobs(history, choice)
    known = Contents(repo).stored(store, blobs)
    needed = sum(blob.size for blob in blobs) - sum(pointer.size for pointer in known.values())
    signed = signed_commits(repo, include, exclude) if choice.paths else []
    if arguments.json:
        output.print_json(
            {
                "commits": history.commits,
                "refs": include,
                "patterns": [{"pattern": row[0], "files": row[1], "versions": row[2], "bytes": row[3]} for row in rows],
                "needed_bytes": needed,
                "free_bytes": outcome.free_bytes(store.root),
                "signed_commits": signed,
            }
        )
        return 0
    if not choice.paths:
        where = "unpublished commits of what is checked out" if not (arguments.everything or arguments.include_ref) else "them"
        output.line(f"{count(history.commits, 'commit')} looked at, and no file in {where} is to become data")
        if not arguments.everything:
            say("all branches and tags: --everything")
        return 0
    shown_rows = [
        (shown(row[0].encode("utf-8", "surrogateescape")), f"{row[1]:,}", f"{row[2]:,}", human_size(row[3])) for row in rows
    ]
    output.write(output.table(shown_rows, ("pattern", "files", "versions", "size"), right=(1, 2, 3)))
    refs = outcome.some([name.removeprefix("refs/heads/").removeprefix("refs/") for name in include])
    output.line(f"{count(history.commits, 'commit')} of {refs} would be looked at and rewritten where they have these files")
    free = outcome.free_bytes(store.root)
    output.line(f"needed in the store: {human_size(needed)}" + (f"; free there: {human_size(free)}" if free is not None else ""))
    if signed:
        output.line(f"signed commits, whose signatures would be lost if they change: {len(signed):,} ({outcome.some(signed)})")
    return 0
