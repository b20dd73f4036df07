"""``git data install``.

Set up git so that files tracked as data are stored and linked by plain git commands: filter, merge and diff drivers in git's
configuration, and hooks.

Inside a repository this repository is set up, and pointers in its work tree are turned into content where the store has
it. With --global every repository of the user knows the filter; a clone gets its hooks by itself at the first checkout.
"""

from __future__ import annotations

import argparse
import os

from git_data.base.report import count
from git_data.commands.parser import add_dry_run
from git_data.errors import RepositoryError
from git_data.git.repo import Repository, locate
from git_data.setup import filters
from git_data.setup.hooks import HookReport, install_hooks
from git_data.setup.lfs_hooks import retire
from git_data.store.place import open_store, register
from git_data.worktree.lockable import refresh


def add_scope(parser: argparse.ArgumentParser) -> None:
    """The options that say which of git's configuration files is meant."""
    scope = parser.add_mutually_exclusive_group()
    for name, help in (
        ("local", "this repository (the default inside one)"),
        ("global", "every repository of this user (the default elsewhere)"),
        ("system", "every user of this machine"),
        ("worktree", "this linked work tree only"),
    ):
        scope.add_argument(f"--{name}", dest="scope", action="store_const", const=f"--{name}", help=help)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_scope(parser)
    parser.add_argument("--force", action="store_true", help="replace drivers of the same name; chain hooks in core.hooksPath")
    parser.add_argument("--skip-repo", action="store_true", help="write configuration only, no hooks")
    add_dry_run(parser)


def find_repository(scope: str | None) -> Repository | None:
    """The repository here, or ``None`` where the scope does not need one. Raises: RepositoryError."""
    try:
        return locate()
    except RepositoryError:
        if scope in ("--local", "--worktree"):
            raise
        return None


def run(arguments: argparse.Namespace) -> int:
    """Install."""
    repo = find_repository(arguments.scope)
    scope = arguments.scope or ("--local" if repo else "--global")
    dry_run = arguments.dry_run
    changed = filters.write(scope, arguments.force, dry_run)
    would = "would be " if dry_run else ""
    print(
        f"Drivers {would}set in git's {scope[2:]} configuration."
        if changed
        else f"Drivers were set in git's {scope[2:]} configuration."
    )
    if repo is None or arguments.skip_repo:
        return 0
    if repo.settings.lfs and not dry_run and filters.take_over_lfs():
        print("This repository came from git-lfs: files with filter=lfs, in old commits, are kept by git-data, too.")
    if repo.settings.lfs and not dry_run and (retired := retire(repo)):
        print(f"Hooks of git-lfs replaced: {', '.join(retired)}.")
    report = install_hooks(repo, arguments.force, dry_run)
    _print_hooks(report, would)
    if not dry_run:
        store = open_store(repo)
        store.make()
        register(repo, store)
        if repo.worktree:
            _bring_content(repo)
            refresh(repo, thorough=True)
    return 0


def _print_hooks(report: HookReport, would: str) -> None:
    for name in report.chained:
        print(f"Your hook {name} {would}kept as {os.path.join(report.directory, name)}.chained and runs first.")
    if report.written:
        print(f"Hooks {would}written to {report.directory}: {', '.join(report.written)}.")
    if report.lines:
        print(f"These hooks of yours in {report.directory} were left alone; add one line to each:")
        for line in report.lines:
            print(f"  {line}")


def _bring_content(repo: Repository) -> None:
    from git_data.worktree.materialise import materialise

    outcome = materialise(repo, open_store(repo), [])
    if outcome.done:
        print(f"{count(outcome.done, 'pointer')} in the work tree turned into content.")
    if outcome.missing:
        print(f"{count(len(outcome.missing), 'pointer')} left: the data is not in the store.")
