"""``git data relink``.

Turn files in the work tree that are copies of what the store has into links, and report the bytes saved. Where the file system
shares blocks (XFS, btrfs) the kernel compares file and object and keeps the file, its times and its mode; with
data.link=hardlink the files become read-only hard links. Files with other content than their pointer are left alone.
"""

from __future__ import annotations

import argparse
import os

from git_data.base.report import Progress, count, human_size, say
from git_data.commands import output
from git_data.commands.parser import add_dry_run, add_json, add_selection
from git_data.errors import FileSystemError
from git_data.git.changes import require_known
from git_data.git.repo import Repository, locate
from git_data.git.scan import Tracked, in_index, shown
from git_data.link import probe
from git_data.store.objects import Store
from git_data.store.place import open_store
from git_data.worktree.pending import relink_pending
from git_data.worktree.select import Selection
from git_data.worktree.share import Shared, hardlink_to_store, share_with_store


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="*", metavar="PATH", help="files or directories (default: the whole work tree)")
    add_selection(parser)
    add_dry_run(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Link copies."""
    repo = locate()
    repo.require_worktree()
    require_known(arguments.path)
    store = open_store(repo)
    if not arguments.dry_run:
        relink_pending(repo, store, wait_s=2.0)
    selection = Selection(arguments.include, arguments.exclude)
    files = [file for file in in_index(repo, arguments.path) if file.stage == 0 and selection.wants(file.path)]
    result = _link(repo, store, files, arguments.dry_run)
    if arguments.json:
        _print_json(result)
    else:
        _print(result, arguments.dry_run)
    if result.failed:
        raise result.failed[0][1]
    return 0


def _link(repo: Repository, store: Store, files: list[Tracked], dry_run: bool) -> Shared:
    if not files:
        return Shared()
    root = repo.require_worktree()
    size = sum(file.pointer.size for file in files)
    with Progress("comparing", len(files), size) as progress:
        if _method(repo, store) == "hardlink":
            return hardlink_to_store(repo, store, files, progress, dry_run)
        result = share_with_store(store, root, [(file.path, file.pointer) for file in files], progress, dry_run)
    if result.unsupported:
        raise FileSystemError(
            f"the file system of '{root}' cannot share blocks", "git config data.link hardlink   # files become read-only"
        )
    return result


def _method(repo: Repository, store: Store) -> str:
    """The first type of link that is configured and works here."""
    stage = os.path.join(repo.data_dir, "tmp")
    os.makedirs(stage, exist_ok=True)
    store.make()
    return probe.usable(repo.settings.link, store.tmp, stage, os.path.join(repo.data_dir, "links"))[0]


def _print(result: Shared, dry_run: bool) -> None:
    verb = "would be linked" if dry_run else "linked"
    output.line(f"{count(len(result.linked), 'file')} {verb}, {human_size(result.bytes_saved)} saved")
    if result.already:
        output.line(f"{count(len(result.already), 'file')} {'was' if len(result.already) == 1 else 'were'} linked already")
    if result.different:
        first = shown(result.different[0])
        more = f" and {len(result.different) - 1:,} more" if len(result.different) > 1 else ""
        output.line(f"left alone: '{first}'{more} (changed, absent, executable, or its data is not in the store)")
    for _, error in result.failed[1:]:
        say(error.message)


def _print_json(result: Shared) -> None:
    output.print_json(
        {
            "linked": [output.name(path) for path in result.linked],
            "bytes_saved": result.bytes_saved,
            "already": len(result.already),
            "different": [output.name(path) for path in result.different],
            "failed": [{"path": output.name(path), "error": error.message} for path, error in result.failed],
        }
    )
