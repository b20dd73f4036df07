"""``git data migrate info``.

What is large in history, by type of file, and the command that makes it data. Sizes are those of all versions, uncompressed; the
range is that of git data migrate import: what is checked out and no remote has, other branches and tags by --include-ref, or
--everything.
"""

from __future__ import annotations

import argparse

from git_data.base.report import count, human_size, say
from git_data.commands import output
from git_data.commands.migrate_common import add_refs, refs_of
from git_data.commands.parser import add_json
from git_data.config import parse_size
from git_data.git.repo import locate
from git_data.git.scan import shown
from git_data.migrate import versions
from git_data.migrate.kinds import Kind, by_kind
from git_data.setup.command_line import shell_quoted

_ADVISE_BYTES = 10_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_refs(parser)
    parser.add_argument("--above", metavar="SIZE", default="0", help="count only versions of at least this size (1MB)")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="so many types (default: 10; 0: all)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show."""
    repo = locate()
    above_bytes = parse_size(arguments.above, "--above")
    include, exclude = refs_of(repo, arguments)
    history = versions.look(repo, include, exclude)
    kinds = by_kind(history, above_bytes)
    if arguments.json:
        output.print_json(
            {
                "commits": history.commits,
                "types": [
                    {
                        "pattern": kind.pattern,
                        "files": len(kind.paths),
                        "versions": kind.versions,
                        "bytes": kind.bytes,
                        "largest": {"path": output.name(kind.largest[1]), "bytes": kind.largest[0]},
                    }
                    for kind in kinds
                ],
                "data": {"files": len(history.data), "versions": len(history.pointers)},
            }
        )
        return 0
    listed = kinds[: arguments.top] if arguments.top else kinds
    rows = [
        (shown(kind.pattern.encode()), f"{len(kind.paths):,}", f"{kind.versions:,}", human_size(kind.bytes), *_largest(kind))
        for kind in listed
    ]
    if rows:
        output.write(output.table(rows, ("type", "files", "versions", "size", "largest", ""), right=(1, 2, 3, 4)))
    if len(kinds) > len(listed):
        output.line(f"and {count(len(kinds) - len(listed), 'further type')}")
    total = sum(kind.bytes for kind in kinds)
    output.line(f"{count(history.commits, 'commit')}, {human_size(total)} in all versions of files that are no data")
    if history.data:
        output.line(f"data already: {count(len(history.data), 'file')}, {count(len(history.pointers), 'version')}")
    _advise(kinds, arguments)
    return 0


def _largest(kind: Kind) -> tuple[str, str]:
    return human_size(kind.largest[0]), shown(kind.largest[1])


def _advise(kinds: list[Kind], arguments: argparse.Namespace) -> None:
    large = [kind for kind in kinds if kind.bytes >= _ADVISE_BYTES and kind.is_binary]
    words = ["--everything"] if arguments.everything else [f"--include-ref={ref}" for ref in arguments.include_ref]
    if large:
        patterns = ",".join(kind.pattern for kind in large[:5])
        words += ["-I", patterns]
        say(f"make the largest of them data, in every commit:\n  git data migrate import {shell_quoted(words)}")
    elif not arguments.everything and not kinds:
        say("all branches and tags: git data migrate info --everything")
