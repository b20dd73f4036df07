"""``git data migrate``.

Move a repository to git-data, with every version of every file: from git-lfs, DVC, git-annex, or plain git whose history has
large files. Nothing is lost: what was before is kept under refs/git-data/before/ until git data migrate forget.

  git data migrate info                      what is large in this history, and what to do about it
  git data migrate lfs --dry-run             what leaving git-lfs would do
  git data migrate lfs                       one commit; old commits go on working
  git data migrate import --above 10MB       large files of unpublished commits become data

Commands that rewrite history want a clean work tree, make new commits with the same authors, dates and messages, and take
branches, tags, notes and work trees along. Until the result is pushed, --undo puts everything back.
"""

from __future__ import annotations

import argparse
import importlib

from git_data.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

SUBCOMMANDS = {
    "lfs": ("git_data.commands.migrate_lfs", "leave git-lfs, and keep every version of every file"),
    "info": ("git_data.commands.migrate_info", "what is large in history, and what to do about it"),
    "import": ("git_data.commands.migrate_import", "large files in the history of plain git become data"),
    "dvc": ("git_data.commands.migrate_dvc", "leave DVC: its data becomes tracked in place"),
    "annex": ("git_data.commands.migrate_annex", "files of git-annex become data"),
    "export": ("git_data.commands.migrate_export", "data in history becomes plain content again, or pointers of git-lfs"),
    "forget": ("git_data.commands.migrate_forget", "let go of what was kept from before migrations"),
}
"""Name → (module with ``configure(parser)`` and ``run(arguments) -> exit status``, one line of help)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    commands = parser.add_subparsers(dest="subcommand", metavar="COMMAND", help="what to migrate from, or what to do")
    for name, (_, summary) in SUBCOMMANDS.items():
        module = _module(name)
        part = commands.add_parser(
            name,
            help=summary,
            description=(module.__doc__ or summary).partition("\n\n")[2] or summary,
            formatter_class=parser.formatter_class,
            allow_abbrev=False,
        )
        module.configure(part)


def run(arguments: argparse.Namespace) -> int:
    """Run the subcommand. Raises: UsageError without one, RepositoryError."""
    if not arguments.subcommand:
        raise UsageError("git data migrate needs a command", f"one of: {', '.join(SUBCOMMANDS)}; git data migrate -h")
    from git_data.migrate.ready import require_own_view

    require_own_view()
    if getattr(arguments, "undo", False) and getattr(arguments, "dry_run", False):
        raise UsageError("--undo and --dry-run exclude each other", f"git data migrate {arguments.subcommand} -h")
    status: int | None = _module(arguments.subcommand).run(arguments)
    return status or 0


def _module(name: str) -> ModuleType:
    return importlib.import_module(SUBCOMMANDS[name][0])
