"""Options that the commands of ``git data migrate`` share, and undoing."""

from __future__ import annotations

import argparse

from git_data.base.report import count
from git_data.commands import output
from git_data.git.repo import Repository
from git_data.migrate import moves
from git_data.migrate.refs import chosen
from git_data.store.place import open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


def add_undo(parser: argparse.ArgumentParser) -> None:
    """The options that take a migration back."""
    parser.add_argument("--undo", action="store_true", help="put everything back as it was before the last one of this kind")
    parser.add_argument("-f", "--force", action="store_true", help="with --undo: although it was pushed already")


def add_refs(parser: argparse.ArgumentParser) -> None:
    """The options that say how much of history is meant."""
    parser.add_argument("--everything", action="store_true", help="all branches and tags")
    parser.add_argument(
        "--include-ref", action="append", default=[], metavar="REF", help="this branch or tag, or a pattern of them"
    )
    parser.add_argument(
        "--exclude-ref", action="append", default=[], metavar="REF", help="nothing that this branch, tag or commit reaches"
    )


def add_object_map(parser: argparse.ArgumentParser) -> None:
    """Where it is written which commit became which."""
    parser.add_argument("--object-map", metavar="FILE", help="write a line 'old,new' for each commit that became another")


def refs_of(repo: Repository, arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """See ``refs.chosen``."""
    return chosen(repo, arguments.everything, arguments.include_ref, arguments.exclude_ref)


def undo(
    repo: Repository,
    command: str,
    force: bool,
    keep_files: bool = False,
    vouched: Mapping[bytes, os.stat_result] | None = None,
) -> int:
    """Take the last migration of a kind back."""
    record = moves.undo(repo, open_store(repo), command, force, keep_files, vouched)
    output.line(f"taken back: {count(len(record.moves), 'ref')} as before 'git data migrate {command}'")
    return 0
