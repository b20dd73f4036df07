"""``git data du --remote``: the part of ``git data du`` that looks at a remote."""

from __future__ import annotations

import argparse

from git_data.base.report import human_size
from git_data.commands import output
from git_data.git.repo import Repository
from git_data.remote.layout import oid_of
from git_data.sync.collect import usage
from git_data.sync.remotes import find
from git_data.sync.session import Session
from git_data.worktree.needed import needed_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.remote.base import Entry


def run(repo: Repository, arguments: argparse.Namespace) -> int:
    """Add up what lies on a remote."""
    session = Session(repo, find(repo, arguments.remote))
    try:
        session.reader()
        needed = needed_by(repo)
        found = usage(session.remote, needed)
    finally:
        session.close()
    there = {oid_of(entry.key) for entry in found.needed}
    parts = {
        "needed": _sum(found.needed),
        "not_needed": _sum(found.others),
        "own": found.own,
        "foreign": found.foreign,
    }
    missing = len(needed - there)
    if arguments.json:
        output.print_json(
            {
                "remote": session.name,
                "url": session.remote.url,
                **{name: {"objects": number, "bytes": size} for name, (number, size) in parts.items()},
                "missing": missing,
            }
        )
        return 0
    words = {
        "needed": "needed by this repository",
        "not_needed": "not needed by it (git data gc --remote)",
        "own": "kept by git-data for itself",
        "foreign": "not git-data's",
    }
    rows = [[human_size(size), f"{number:,}", words[name]] for name, (number, size) in parts.items()]
    total = [sum(numbers) for numbers in zip(*parts.values())]
    rows.append([human_size(total[1]), f"{total[0]:,}", "in all"])
    output.write(output.table(rows, ["bytes", "objects", f"on '{session.name}'"], right=(0, 1)))
    if missing:
        output.line(f"\n{missing:,} of {len(needed):,} objects this repository refers to are not there (git data push --all)")
    return 0


def _sum(entries: list[Entry]) -> tuple[int, int]:
    return len(entries), sum(entry.size for entry in entries)
