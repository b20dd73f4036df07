"""``git data status``.

Show data files that are staged, changed or in conflict, with their sizes before and after; untracked files that would become
data; pointers that lie in the work tree without their content, and whether the store has it; and how much space copies take
that could be links. Nothing is hashed that git status does not hash.
"""

from __future__ import annotations

import argparse
import os

from git_data.base.report import count, human_size
from git_data.commands import output
from git_data.commands.diff import listing, record
from git_data.commands.parser import add_json
from git_data.git import scan
from git_data.git.attributes import with_filter
from git_data.git.repo import Repository, locate
from git_data.git.status import Entry, changed
from git_data.store.place import open_store
from git_data.worktree import compare
from git_data.worktree.copies import Copies, find_copies
from git_data.worktree.select import Selection
from git_data.worktree.state import CONTENT, POINTER, State, classify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.worktree.compare import Change

_SHOWN_POINTERS = 10


class Status:
    """Everything the command shows."""

    __slots__ = ("copies", "left_out", "pointers", "staged", "states", "unstaged", "untracked")

    def __init__(self) -> None:
        self.states: list[State] = []
        self.staged: list[Change] = []
        self.unstaged: list[Change] = []
        self.untracked: list[tuple[bytes, int]] = []
        self.pointers: list[State] = []
        """pointers in the work tree whose content is wanted"""
        self.left_out: list[State] = []
        """pointers the settings want to stay"""
        self.copies = Copies([])


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="*", metavar="PATH", help="files, directories or patterns (default: the whole work tree)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look and show."""
    repo = locate()
    status = inspect(repo, arguments.path)
    if arguments.json:
        _print_json(status)
    else:
        output.write(_text(repo, status))
    return 0


def inspect(repo: Repository, pathspecs: list[str]) -> Status:
    """Ask git, the work tree and the store. Raises: GitFailed, RepositoryError in a bare repository."""
    from concurrent.futures import ThreadPoolExecutor

    root = repo.require_worktree()
    store = open_store(repo)
    result = Status()
    untracked = repo.config.get("status.showuntrackedfiles") != "no"
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(changed, pathspecs, untracked)
        tracked = scan.in_index(repo, pathspecs)
        entries = asked.result()
    letters = {entry.path: entry.unstaged for entry in entries if entry.unstaged != "?"}
    result.states = classify(repo, store, tracked, letters, os.fsencode(root))
    result.staged = compare.changes(repo, compare.staged(entries))
    result.unstaged = compare.changes(repo, compare.unstaged(entries))
    result.untracked = _untracked_data(root, entries)
    wanted = Selection(repo.settings.fetch_include, repo.settings.fetch_exclude).wants
    for state in result.states:
        if state.here == POINTER:
            (result.pointers if wanted(state.tracked.path) else result.left_out).append(state)
    result.copies = find_copies(repo, store, result.states)
    return result


def _untracked_data(root: str, entries: list[Entry]) -> list[tuple[bytes, int]]:
    """Untracked files (not nested repositories) that the filter would take, with their sizes."""
    paths = [entry.path for entry in entries if entry.unstaged == "?" and not entry.path.endswith(b"/")]
    found = []
    for path, filter in with_filter(paths, root).items():
        full = os.path.join(os.fsencode(root), path)
        if filter in ("data", "lfs") and os.path.isfile(full) and not os.path.islink(full):
            found.append((path, os.path.getsize(full)))
    return found


def _text(repo: Repository, status: Status) -> str:
    parts = []
    if status.staged:
        parts.append("Staged (git commit takes them):\n" + listing(status.staged, repo.prefix))
    if status.unstaged:
        parts.append("Not staged (git add takes them):\n" + listing(status.unstaged, repo.prefix))
    if status.untracked:
        rows = [(output.paint("new", "green"), human_size(size), _name(repo, path)) for path, size in status.untracked]
        parts.append("Untracked (git add makes them data):\n" + output.indented(output.table(rows, right=(1,))))
    if status.pointers or status.left_out:
        parts.append(_pointers(repo, status))
    if status.copies.files:
        least = "" if status.copies.complete else "at least "
        files = f"{least}{count(len(status.copies.files), 'file')} ({human_size(status.copies.size_bytes)})"
        parts.append(f"Copies: {files} could be links to the store: git data relink\n")
    return "\n".join(parts) if parts else _nothing_changed(status)


def _nothing_changed(status: Status) -> str:
    if not status.states:
        return "No data files here yet: git data track '*.bin' tells git which files are data.\n"
    in_place = [state for state in status.states if state.here == CONTENT]
    size = human_size(sum(state.tracked.pointer.size for state in in_place))
    others = len(status.states) - len(in_place)
    sparse = f"; {count(others, 'data file')} not checked out" if others else ""
    return f"Nothing changed: {count(len(in_place), 'data file')} with content, {size}{sparse}.\n"


def _pointers(repo: Repository, status: Status) -> str:
    text = "Pointers without their content:\n"
    in_store = [state for state in status.pointers if state.stored]
    nowhere = [state for state in status.pointers if not state.stored]
    for states, colour, word, hint in (
        (in_store, "yellow", "in the store", "git data checkout"),
        (nowhere, "red", "nowhere here", "git data ls-files --missing"),
    ):
        if states:
            size = human_size(sum(state.tracked.pointer.size for state in states))
            text += f"  {output.paint(word, colour)}: {count(len(states), 'file')}, {size}: {hint}\n"
            text += "".join(f"    {_name(repo, state.tracked.path)}\n" for state in states[:_SHOWN_POINTERS])
            if len(states) > _SHOWN_POINTERS:
                text += f"    and {len(states) - _SHOWN_POINTERS:,} more\n"
    if status.left_out:
        size = human_size(sum(state.tracked.pointer.size for state in status.left_out))
        text += f"  left out by data.fetchInclude and data.fetchExclude: {count(len(status.left_out), 'file')}, {size}\n"
    return text


def _name(repo: Repository, path: bytes) -> str:
    return scan.shown(output.relative(path, repo.prefix))


def _print_json(status: Status) -> None:
    in_place = [state for state in status.states if state.here == CONTENT]
    output.print_json(
        {
            "staged": [record(change) for change in status.staged],
            "unstaged": [record(change) for change in status.unstaged],
            "untracked": [{"path": output.name(path), "size": size} for path, size in status.untracked],
            "pointers": [
                {
                    "path": output.name(state.tracked.path),
                    "oid": state.tracked.pointer.oid,
                    "size": state.tracked.pointer.size,
                    "stored": state.stored,
                    "wanted": wanted,
                }
                for wanted, states in ((True, status.pointers), (False, status.left_out))
                for state in states
            ],
            "copies": {
                "files": len(status.copies.files),
                "bytes": status.copies.size_bytes,
                "complete": status.copies.complete,
            },
            "content": {"files": len(in_place), "bytes": sum(state.tracked.pointer.size for state in in_place)},
        }
    )
