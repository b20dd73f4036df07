"""``git data ls-files``.

List data files and where the content of each is: in the work tree, only in the store of this machine, or nowhere here.

Like git ls-files it lists what is below the current directory, with paths relative to it. --rev lists a revision, --all every
version in history. --long adds what lies in the work tree (content, modified, pointer, deleted, absent, conflict), whether the
store has the content (+) or not (-), oid and size. With -z each record ends with NUL, fields are separated by tabs, sizes are in
bytes, oids whole, and paths as they are.
"""

from __future__ import annotations

import argparse

from git_data.base.report import human_size
from git_data.commands import output
from git_data.commands.parser import add_json, add_selection
from git_data.git import scan
from git_data.git.repo import Repository, locate
from git_data.store.place import open_store
from git_data.worktree.select import Selection
from git_data.worktree.state import State, of_versions, survey

_COLOURS = {"nowhere": "red", "store": "yellow"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="*", metavar="PATH", help="files, directories or patterns (default: the current directory)")
    parser.add_argument("-l", "--long", action="store_true", help="all columns")
    parser.add_argument("-s", "--size", action="store_true", help="add the size")
    parser.add_argument("-o", "--oid", action="store_true", help="add the whole oid (SHA-256 of the content)")
    parser.add_argument("-n", "--name-only", action="store_true", help="print paths only")
    parser.add_argument("--full-name", action="store_true", help="print paths from the top of the work tree")
    parser.add_argument("--missing", action="store_true", help="only files whose content is nowhere here")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rev", metavar="REV", help="list the files of a revision")
    which.add_argument("--all", action="store_true", help="list every version in history, newest first")
    parser.add_argument("-z", dest="nul", action="store_true", help="records for programs: end with NUL, nothing escaped")
    add_selection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List."""
    repo = locate()
    states, commits = _states(repo, arguments)
    selection = Selection(arguments.include, arguments.exclude)
    keep = [
        number
        for number, state in enumerate(states)
        if (not arguments.missing or state.where == "nowhere") and selection.wants(state.tracked.path)
    ]
    states = [states[number] for number in keep]
    commits = [commits[number] for number in keep] if commits else []
    if arguments.json:
        output.print_json([_record(state, commit) for state, commit in zip(states, commits or [""] * len(states))])
    elif arguments.nul:
        output.write_bytes(b"".join(_nul(repo, arguments, state) for state in states))
    else:
        output.write("".join(_lines(repo, arguments, states, commits)))
    return 0


def _states(repo: Repository, arguments: argparse.Namespace) -> tuple[list[State], list[str]]:
    """The files, and for ``--all`` the commit that brought each version."""
    paths = arguments.path or (["."] if repo.prefix else None)
    store = open_store(repo)
    if arguments.all:
        found = scan.versions(repo, ["--all"], paths)
        found.sort(key=lambda version: version[1].path)  # stable: newest first within a path
        return of_versions(store, [item for _, item in found]), [commit for commit, _ in found]
    if arguments.rev:
        return of_versions(store, scan.in_revision(repo, arguments.rev, paths)), []
    if not repo.worktree:
        raise repo.has_no_worktree("git data ls-files --rev HEAD")
    return survey(repo, store, paths), []


def _record(state: State, commit: str) -> dict[str, object]:
    tracked = state.tracked
    record: dict[str, object] = {
        "path": output.name(tracked.path),
        "oid": tracked.pointer.oid,
        "size": tracked.pointer.size,
        "where": state.where,
        "worktree": state.here,
        "stored": state.stored,
    }
    if commit:
        record["commit"] = commit
    return record


def _lines(repo: Repository, arguments: argparse.Namespace, states: list[State], commits: list[str]) -> list[str]:
    long, size, oid, plain = arguments.long, arguments.size, arguments.oid, arguments.name_only
    lines = []
    words = {where: output.paint(f"{where:<8}", _COLOURS.get(where, "")) for where in ("worktree", "store", "nowhere")}
    for number, state in enumerate(states):
        tracked = state.tracked
        columns = [] if plain else [words[state.where]]
        if long:
            columns.append(f"{state.here:<8} {'+' if state.stored else '-'}")
        if commits and long:
            columns.append(output.digits(commits[number]))
        if oid or long:
            columns.append(tracked.pointer.oid if oid else output.digits(tracked.pointer.oid))
        if size or long:
            columns.append(f"{human_size(tracked.pointer.size):>8}")
        columns.append(scan.shown(_path(repo, arguments, tracked.path)))
        lines.append("  ".join(columns) + "\n")
    return lines


def _nul(repo: Repository, arguments: argparse.Namespace, state: State) -> bytes:
    tracked = state.tracked
    columns = [] if arguments.name_only else [state.where]
    if arguments.long:
        columns += [state.here, "+" if state.stored else "-"]
    if arguments.oid or arguments.long:
        columns.append(tracked.pointer.oid)
    if arguments.size or arguments.long:
        columns.append(str(tracked.pointer.size))
    return b"\t".join([*(column.encode() for column in columns), _path(repo, arguments, tracked.path)]) + b"\0"


def _path(repo: Repository, arguments: argparse.Namespace, path: bytes) -> bytes:
    return path if arguments.full_name else output.relative(path, repo.prefix)
