"""``git data du``.

Show what data takes, by directory: files, their bytes, and unique bytes, where content that several files have counts once. --rev
looks at a revision, --all at every version in history. The last lines tell the sum and what the store of this machine holds.

--remote adds up a remote instead: what this repository needs of it (from any ref, reflog, stash or index), what it does not, and
what is not git-data's.
"""

from __future__ import annotations

import argparse
import os

from git_data.base.report import count, human_size
from git_data.commands import du_remote, output
from git_data.commands.parser import add_json, add_selection
from git_data.commands.remote_option import add_remote
from git_data.errors import UsageError
from git_data.git import scan
from git_data.git.repo import Repository, locate
from git_data.store.place import open_store
from git_data.store.usage import object_sizes
from git_data.worktree.select import Selection


class Usage:
    """What the data below one directory takes."""

    __slots__ = ("bytes", "files", "oids")

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self.oids: dict[str, int] = {}

    def add(self, oid: str, size: int) -> None:
        """One more file (or version of one)."""
        self.files += 1
        self.bytes += size
        self.oids[oid] = size

    @property
    def unique_bytes(self) -> int:
        """Bytes without duplicates."""
        return sum(self.oids.values())


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="*", metavar="PATH", help="files, directories or patterns (default: the current directory)")
    parser.add_argument(
        "-d", "--depth", type=int, default=1, metavar="N", help="levels of directories (default 1; 0: the sum only)"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rev", metavar="REV", help="look at a revision")
    which.add_argument("--all", action="store_true", help="look at every version in history")
    add_remote(parser, "what lies on a remote")
    add_selection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Add up and show."""
    if arguments.depth < 0:
        raise UsageError(f"--depth {arguments.depth}: there is no such depth", "git data du --depth 2")
    repo = locate()
    if arguments.remote is not None:
        return du_remote.run(repo, arguments)
    selection = Selection(arguments.include, arguments.exclude)
    files = [item for item in _files(repo, arguments) if selection.wants(item.path)]
    total = Usage()
    directories: dict[bytes, Usage] = {}
    for item in files:
        total.add(item.pointer.oid, item.pointer.size)
        for directory in _directories(output.relative(item.path, repo.prefix), arguments.depth):
            directories.setdefault(directory, Usage()).add(item.pointer.oid, item.pointer.size)
    store = open_store(repo)
    held = object_sizes(store)
    listed = sum(size for oid, size in held.items() if oid in total.oids)
    if arguments.json:
        output.print_json(
            {
                "directories": [
                    {"path": output.name(path), **_numbers(usage, held)} for path, usage in sorted(directories.items())
                ],
                "total": _numbers(total, held),
                "store": {"path": store.root, "objects": len(held), "bytes": sum(held.values()), "bytes_listed": listed},
            }
        )
        return 0
    order = sorted(directories, key=lambda path: (-directories[path].unique_bytes, path))
    rows = [_row(directories[path], scan.shown(path) + "/") for path in order]
    rows.append(_row(total, "in all"))
    headers = ["bytes", "unique", "versions" if arguments.all else "files", "directory"]
    output.write(output.table(rows, headers, right=(0, 1, 2)))
    output.write(_store_line(store.root, held, listed))
    return 0


def _files(repo: Repository, arguments: argparse.Namespace) -> list[scan.Tracked]:
    paths = arguments.path or (["."] if repo.prefix else None)
    if arguments.all:
        return [item for _, item in scan.versions(repo, ["--all"], paths)]
    if arguments.rev:
        return scan.in_revision(repo, arguments.rev, paths)
    if not repo.worktree:
        raise repo.has_no_worktree("git data du --rev HEAD")
    # of a conflict, the side that lies in the work tree
    return [item for item in scan.in_index(repo, paths) if item.stage in (0, 2)]


def _directories(path: bytes, depth: int) -> list[bytes]:
    """The directories above a file, down to ``depth`` levels."""
    parts = path.split(b"/")[:-1]
    return [b"/".join(parts[:level]) for level in range(1, min(depth, len(parts)) + 1)]


def _numbers(usage: Usage, held: dict[str, int]) -> dict[str, int]:
    return {
        "files": usage.files,
        "bytes": usage.bytes,
        "unique_bytes": usage.unique_bytes,
        "stored_bytes": sum(size for oid, size in usage.oids.items() if oid in held),
    }


def _row(usage: Usage, name: str) -> list[str]:
    return [human_size(usage.bytes), human_size(usage.unique_bytes), f"{usage.files:,}", name]


def _store_line(root: str, held: dict[str, int], listed: int) -> str:
    size = sum(held.values())
    text = f"\nThe store {scan.shown(os.fsencode(root))} holds {count(len(held), 'object')}, {human_size(size)}"
    if size > listed:
        text += (
            f"; {human_size(size - listed)} of it belong to other versions, branches or repositories, or to nobody (git data gc)"
        )
    return text + ".\n"
