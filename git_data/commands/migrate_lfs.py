"""``git data migrate lfs``.

Leave git-lfs: one commit, no content is copied or sent, and every version of every file stays.

  git data migrate lfs --dry-run         what would be done, what lacks, the space it takes
  git data migrate lfs                   one commit on this branch; old commits go on working
  git data migrate lfs --keep-pointers   nothing changes in git: only this clone uses git-data instead of git-lfs
  git data migrate lfs --history         all branches and tags are rewritten, as if it had always been git-data

Objects of git-lfs on this machine are shared with git-data's store, by links, and what lacks is fetched from the LFS server.
git-lfs itself is not needed. Whoever works on the project installs git-data; branches that were not migrated yet go on as they
are.
"""

from __future__ import annotations

import argparse
import os

from git_data.commands.migrate_common import add_object_map, add_undo, undo
from git_data.commands.parser import add_dry_run, add_jobs, add_json
from git_data.errors import UsageError
from git_data.git.repo import locate

COMMAND = "lfs"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--keep-pointers", action="store_true", help="no commit: pointers stay those of git-lfs, which others may use"
    )
    how.add_argument("--history", action="store_true", help="rewrite every branch and tag, so that no pointer of git-lfs is left")
    parser.add_argument(
        "--allow-missing", action="store_true", help="go on although data is nowhere to be found: its pointers stay"
    )
    add_object_map(parser)
    add_undo(parser)
    add_dry_run(parser)
    add_jobs(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Migrate, show what that would do, or take it back. Raises: UsageError, MissingData, RepositoryError …"""
    from git_data.commands import migrate_lfs_show as show
    from git_data.migrate import lfs

    if arguments.object_map and not arguments.history:
        raise UsageError("--object-map goes with --history", "git data migrate lfs --history --object-map FILE")
    map_path = os.path.abspath(arguments.object_map) if arguments.object_map else ""
    repo = locate()
    os.chdir(repo.worktree or repo.common_dir)
    if arguments.undo:
        return undo(repo, COMMAND, arguments.force, vouched=lfs.unchanged(repo))
    mode = lfs.HISTORY if arguments.history else lfs.KEEP if arguments.keep_pointers else lfs.COMMIT
    migration = lfs.Migration(repo, mode, arguments.allow_missing, arguments.jobs)
    if arguments.dry_run:
        migration.look()
        show.plan(migration, arguments.json)
        return 0
    if migration.resume():
        show.resumed()
        return 0
    migration.look()
    migration.link()
    migration.prepare()
    migration.fetch()
    migration.change(map_path)
    show.done(migration, arguments.json)
    return 0
