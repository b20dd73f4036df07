"""``git data migrate export``.

The way out: data in history becomes plain content of git again, or with --to lfs pointers of git-lfs, whose objects are linked
into .git/lfs. The whole history of what is checked out is rewritten, or of the branches and tags that are named, or of all with
--everything. What the store lacks is fetched first.

For one new commit on top that keeps a file in git from now on: git data untrack.

  git data migrate export --everything
  git data migrate export --everything --to lfs
"""

from __future__ import annotations

import argparse

from git_data.base.report import Progress, count, human_size, say
from git_data.commands import output
from git_data.commands.migrate_common import add_object_map, add_undo, undo
from git_data.commands.parser import add_dry_run, add_json
from git_data.errors import MissingData
from git_data.git.repo import Repository, locate
from git_data.git.scan import shown
from git_data.migrate import outcome, versions
from git_data.migrate.choose import Patterns
from git_data.migrate.exporting import LFS, PLAIN, Exporting
from git_data.migrate.ready import require_ready, require_whole_history
from git_data.migrate.record import Record
from git_data.migrate.refs import chosen
from git_data.store.place import open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

    from git_data.migrate.versions import Versions
    from git_data.pointer import Pointer
    from git_data.store.objects import Store

COMMAND = "export"
_SHOWN = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--to", choices=(PLAIN, LFS), default=PLAIN, help="what data becomes: plain (the default), or lfs")
    parser.add_argument(
        "-I", "--include", action="append", default=[], metavar="PATTERN", help="only files that match, as in .gitattributes"
    )
    parser.add_argument("--everything", action="store_true", help="all branches and tags")
    parser.add_argument(
        "--include-ref", action="append", default=[], metavar="REF", help="this branch or tag, or a pattern of them"
    )
    add_object_map(parser)
    add_undo(parser)
    add_dry_run(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export."""
    repo = locate()
    if arguments.undo:
        return undo(repo, COMMAND, arguments.force, keep_files=bool(repo.worktree))
    if not arguments.dry_run and outcome.finish_earlier(repo, COMMAND):
        say("an earlier run was finished; nothing else was done")
        return 0
    if arguments.dry_run:
        require_whole_history(repo)
    else:
        require_ready(repo, rewriting=True)
    include, _ = chosen(repo, arguments.everything, arguments.include_ref, published=True)
    history = versions.look(repo, include, [])
    wanted = Patterns(arguments.include) if arguments.include else None
    paths = {path: held for path, held in history.data.items() if wanted is None or wanted.match(path)}
    pointers = {blob: history.pointers[blob] for held in paths.values() for blob in held}
    objects = {pointer.oid: pointer for pointer in pointers.values() if pointer.format != arguments.to}
    size = sum(pointer.size for pointer in objects.values())
    if arguments.dry_run or not objects:
        return _show(history, paths, objects, size, arguments)
    store = open_store(repo)
    _bring(repo, store, objects, paths, history)
    if arguments.to == LFS:
        from git_data.migrate.lfs_place import link_out

        link_out(repo, store, list(objects.values()))
    return _export(repo, store, history, include, wanted, arguments, (len(paths), len(objects), size))


def _export(
    repo: Repository,
    store: Store,
    history: Versions,
    include: list[str],
    wanted: Patterns | None,
    arguments: argparse.Namespace,
    numbers: tuple[int, int, int],
) -> int:
    from git_data.migrate.history import rewrite

    record = Record(repo, COMMAND)
    with Progress("rewriting", history.commits, noun="commit") as progress:
        rewritten = rewrite(repo, include, [], Exporting(repo, store, history.pointers, arguments.to, wanted), progress)
    in_place: dict[bytes, os.stat_result] | None = {} if arguments.to == LFS else None
    outcome.publish(repo, store, record, rewritten, arguments.object_map or "", in_place)
    files, objects, size = numbers
    if arguments.json:
        output.print_json({"files": files, "objects": objects, "bytes": size, "commits": len(rewritten.commits)})
        return 0
    what = "pointers of git-lfs" if arguments.to == LFS else "plain content of git"
    output.line(f"{count(objects, 'object')} of {count(files, 'file')} became {what} ({human_size(size)})")
    for line in outcome.afterwards(repo, record, rewritten):
        output.line(line)
    if arguments.to == LFS:
        output.line("from here on git-lfs is at work: git data uninstall && git lfs install --local && git lfs push --all REMOTE")
    return 0


def _bring(
    repo: Repository, store: Store, objects: dict[str, Pointer], paths: dict[bytes, dict[bytes, None]], history: Versions
) -> None:
    """Fetch what the store lacks. Raises: MissingData."""
    from git_data.sync import fetch

    wanted = fetch.lacking(store, objects.values())
    if not wanted:
        return
    remotes = fetch.sources(repo)
    missing = wanted
    if remotes:
        missing = [pointer for pointer, _ in fetch.fetch(repo, store, wanted, remotes).missing]
    if missing:
        oids = {pointer.oid for pointer in missing}
        names = [path for path, held in paths.items() if any(history.pointers[blob].oid in oids for blob in held)]
        listed = "".join(f"\n  {shown(path)}" for path in sorted(names)[:_SHOWN])
        more = f"\n  and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        raise MissingData(
            f"the data of {count(len(missing), 'version')} is nowhere; nothing was changed:{listed}{more}",
            "git data fetch REMOTE --all   # or leave these files out: -I PATTERN",
        )


def _show(
    history: Versions,
    paths: dict[bytes, dict[bytes, None]],
    objects: dict[str, Pointer],
    size: int,
    arguments: argparse.Namespace,
) -> int:
    if arguments.json:
        output.print_json({"commits": history.commits, "files": len(paths), "objects": len(objects), "bytes": size})
    elif not objects:
        output.line(f"{count(history.commits, 'commit')} looked at, and there is no data to export")
    else:
        output.line(
            f"{count(len(objects), 'object')} of {count(len(paths), 'file')} ({human_size(size)}) would become "
            + ("pointers of git-lfs" if arguments.to == LFS else "content of git's own objects")
        )
    return 0
