"""``git data export``.

Put a whole revision into a folder, beside the work tree: data files as links, all other files as git writes them. Nothing of the
work tree or the index changes, so that two versions can be used at once.

  git data export v1.0 ../train-v1
  git data export main~3 /scratch/run17 data/ --link symlink

The default is to share blocks where the file system can, else to copy. Files linked by hardlink or symlink are the store's own:
read-only, not to be edited.
"""

from __future__ import annotations

import argparse
import os

from git_data.base.report import Progress, count, human_size, say
from git_data.commands import output
from git_data.commands.parser import add_json
from git_data.errors import MissingData
from git_data.git.repo import Repository, locate
from git_data.git.scan import Tracked, shown
from git_data.git.temporary_index import temporary_index
from git_data.link.items import METHODS
from git_data.store.place import open_store
from git_data.worktree import export

_SHOWN = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("revision", metavar="REV", help="a branch, tag or commit")
    parser.add_argument("directory", metavar="DIR", help="where to; made if it is not there")
    parser.add_argument("path", nargs="*", metavar="PATH", help="only these files or directories")
    parser.add_argument("--link", choices=sorted(METHODS), metavar="TYPE", help="reflink, hardlink, symlink or copy")
    parser.add_argument("--allow-missing", action="store_true", help="leave pointers where the store lacks the data")
    parser.add_argument("-f", "--force", action="store_true", help="write into a directory that is not empty")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export."""
    repo = locate()
    store = open_store(repo)
    export.check_target(arguments.directory, arguments.force)
    methods = export.require_methods(arguments.link) if arguments.link else repo.settings.link
    with temporary_index(repo, arguments.revision) as env:
        contents = export.find(repo, store, env, arguments.path, _our_filters(repo))
        missing = contents.missing
        if missing and not arguments.allow_missing:
            raise _lacking(arguments.revision, missing)
        size = sum(item.pointer.size for item in contents.data)
        with Progress("exporting", len(contents.data), size) as progress:
            done = export.export(repo, store, env, contents, arguments.directory, methods, progress)
    if arguments.json:
        output.print_json(
            {
                "directory": os.path.abspath(arguments.directory),
                "files": done.files,
                "data_bytes": done.data_bytes,
                "links": done.methods,
                "missing": [output.name(item.path) for item in missing],
            }
        )
        return 0
    kinds = ", ".join(f"{number:,} by {name}" for name, number in sorted(done.methods.items()))
    summary = f"; data: {kinds} ({human_size(done.data_bytes)})" if kinds else ""
    print(f"{count(done.files, 'file')} exported to {arguments.directory}{summary}")
    if missing:
        say(f"{count(len(missing), 'file')} left as pointers: the store lacks the data")
    if done.methods.get("copy") and not arguments.link:
        say(
            "the data was copied, because blocks cannot be shared with that place\n"
            "  links cost nothing: --link symlink, or --link hardlink"
        )
    return 0


def _our_filters(repo: Repository) -> tuple[str, ...]:
    """The filters whose pointers are ours: git-lfs's too, unless git-lfs itself is set up here."""
    lfs = repo.config.get("filter.lfs.process") + repo.config.get("filter.lfs.smudge")
    return repo.filters if lfs else ("data", "lfs")


def _lacking(revision: str, missing: list[Tracked]) -> MissingData:
    listed = "".join(f"\n  {shown(item.path)} ({human_size(item.pointer.size)})" for item in missing[:_SHOWN])
    more = f"\n  and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
    return MissingData(
        f"the store lacks the data of {count(len(missing), 'file')} of {revision}:{listed}{more}",
        "git data export --allow-missing …   # leaves pointers in their places",
    )
