"""``git data migrate forget``.

Let go of what was kept from before migrations: the refs under refs/git-data/before/, and the records for --undo. Objects that
nothing else refers to go with the next collection: git gc --prune=now and git data gc.
"""

from __future__ import annotations

import argparse

from git_data.base.report import count
from git_data.git.repo import locate
from git_data.migrate.moves import forget


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options: none."""


def run(arguments: argparse.Namespace) -> int:
    """Forget."""
    number = forget(locate())
    print(f"{count(number, 'ref')} let go; to free the space now: git reflog expire --expire=now --all && git gc --prune=now")
    return 0
