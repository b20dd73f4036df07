"""``git data untrack``.

Stop keeping files as data: take the patterns out of .gitattributes and turn pointers back into content in git's index. The next
commit holds the content itself. Versions committed before stay pointers.
"""

from __future__ import annotations

import argparse
import os

from git_data.base.report import count, say
from git_data.commands.parser import add_dry_run
from git_data.errors import MissingData, UsageError, from_os_error
from git_data.git.attributes import AttributesFile
from git_data.git.repo import locate
from git_data.git.run import git
from git_data.store.place import open_store
from git_data.worktree.lockable import refresh
from git_data.worktree.materialise import materialise
from git_data.worktree.tracking import pointers_without_filter, renormalize


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("pattern", nargs="+", metavar="PATTERN", help="as it is written in .gitattributes")
    add_dry_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Untrack."""
    repo = locate()
    root = repo.require_worktree()
    files = [
        AttributesFile(path) for path in dict.fromkeys([os.path.abspath(".gitattributes"), os.path.join(root, ".gitattributes")])
    ]
    for pattern in arguments.pattern:
        hits = [file.untrack(pattern, repo.filters) for file in files]
        if not any(hits):
            raise UsageError(f"'{pattern}' is not tracked as data here", "git data track --list")
    if arguments.dry_run:
        for pattern in arguments.pattern:
            print(f"'{pattern}' would be untracked")
        return 0
    # While the filter still applies: a pointer in the work tree would become the file's content for ever.
    outcome = materialise(repo, open_store(repo), [])
    if outcome.missing:
        raise MissingData(
            f"the data of '{os.fsdecode(outcome.missing[0].path)}' is not in the store, so it cannot be turned into content",
            "git data ls-files --missing",
        )
    for file in files:
        try:
            file.save()
        except OSError as error:
            raise from_os_error(error, file.path, "writing") from None
    # First the attributes: where the file is gone, git would take those of the index.
    changed = [file.path for file in files if file.changed]
    git("add", "--all", "--", *[path for path in changed if os.path.exists(path) or _tracked(path, root)], cwd=root)
    plain = pointers_without_filter(repo)
    renormalize(repo, plain)
    refresh(repo, thorough=True)
    for pattern in arguments.pattern:
        print(f"'{pattern}' untracked")
    if plain:
        say(f"{count(len(plain), 'file')} will be plain content in the next commit")
    return 0


def _tracked(path: str, root: str) -> bool:
    return bool(git("ls-files", "--", path, cwd=root))
