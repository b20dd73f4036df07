"""``--remote[=NAME]`` of the commands that look after the store and, with it, after a remote."""

from __future__ import annotations

import argparse

from git_data.errors import UsageError
from git_data.git.repo import Repository
from git_data.git.run import git
from git_data.sync.implied import look_for_remotes
from git_data.sync.remotes import Named, find, named


def add_remote(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare the option; ``None`` without it, empty for the default remote."""
    parser.add_argument("--remote", nargs="?", const="", default=None, metavar="NAME", help=what)


def remote_and_words(repo: Repository, arguments: argparse.Namespace, words: list[str]) -> tuple[Named, list[str]]:
    """The remote, and the other words: in ``--remote v1.0`` the revision is one of these. Raises: UsageError."""
    look_for_remotes(repo)
    name: str = arguments.remote
    if name and name not in named(repo.config) and (".." in name.strip("./") or _is_revision(name)):
        return find(repo), [name, *words]
    return find(repo, name), words


def only_with_remote(arguments: argparse.Namespace, command: str, *options: str) -> None:
    """Raises: UsageError for an option that makes no sense without ``--remote``."""
    for option in options:
        if getattr(arguments, option) and arguments.remote is None:
            raise UsageError(f"--{option} goes with --remote", f"git data {command} --remote --{option} …")


def _is_revision(text: str) -> bool:
    return bool(git("rev-parse", "--verify", "--quiet", "--end-of-options", text, ok=(0, 1, 128)))
