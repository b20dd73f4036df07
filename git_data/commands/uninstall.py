"""``git data uninstall``.

Remove what git data install wrote: the drivers in git's configuration and our hooks. Hooks of yours that ran before ours get
their names back. Files, pointers and the store stay as they are.
"""

from __future__ import annotations

import argparse

from git_data.base.report import count
from git_data.commands.install import add_scope, find_repository
from git_data.commands.parser import add_dry_run
from git_data.setup import filters
from git_data.setup.hooks import uninstall_hooks
from git_data.worktree.lockable import refresh


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_scope(parser)
    parser.add_argument("--skip-repo", action="store_true", help="remove configuration only, no hooks")
    add_dry_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Uninstall."""
    repo = find_repository(arguments.scope)
    scope = arguments.scope or ("--local" if repo else "--global")
    would = "would be " if arguments.dry_run else ""
    removed = filters.remove(scope, arguments.dry_run)
    place = f"git's {scope[2:]} configuration"
    print(f"Drivers {would}removed from {place}." if removed else f"There are no drivers of ours in {place}.")
    if repo is None or arguments.skip_repo:
        return 0
    report = uninstall_hooks(repo, arguments.dry_run)
    if report.written:
        print(f"Hooks {would}removed from {report.directory}: {', '.join(report.written)}.")
    for name in report.chained:
        print(f"Your hook {name} is back in its place.")
    if repo.worktree and not arguments.dry_run:
        freed = refresh(repo, wanted=False)
        if freed:
            print(f"{count(len(freed), 'lockable file')} may be written to again.")
    return 0
