"""``git data diff``.

Show which data changed: added, modified, renamed, deleted, with sizes. Sides are chosen as in git diff:

  git data diff               the index and the work tree: what git add would take
  git data diff --cached      HEAD and the index: what git commit would take
  git data diff REV           a revision and the work tree
  git data diff REV REV       two revisions; also REV..REV and REV...REV

A file that git has not hashed yet has a size and no oid. --tool hands the content of both sides to a program: a tool that
git difftool knows (meld, vimdiff, difftool.NAME.cmd) or any command, which gets two files.
"""

from __future__ import annotations

import argparse
import shutil

from git_data.base.report import count, human_size
from git_data.commands import output
from git_data.commands.parser import add_json, add_selection
from git_data.git import words
from git_data.git.repo import locate
from git_data.git.scan import shown
from git_data.store.place import open_store
from git_data.worktree.compare import KINDS, Change, Side, diff
from git_data.worktree.select import Selection

_COLOURS = {"added": "green", "deleted": "red", "modified": "yellow", "renamed": "blue", "conflict": "red"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("word", nargs="*", metavar="REV|PATH", help="revisions, then files, directories or patterns")
    parser.add_argument("--cached", "--staged", action="store_true", help="compare with the index instead of the work tree")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 when data changed")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--stat", action="store_true", help="a bar for each file, as in git diff --stat")
    form.add_argument("--md", action="store_true", help="a table in Markdown, for a pull request")
    form.add_argument("--tool", metavar="NAME", help="open each changed file in a diff tool")
    add_json(form)  # type: ignore[arg-type]
    add_selection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare and show."""
    repo = locate()
    revisions, paths = words.split(arguments.word, arguments.behind_dashes, bare=not repo.worktree)
    selection = Selection(arguments.include, arguments.exclude)
    changes = [change for change in diff(repo, revisions, arguments.cached, paths) if selection.wants(change.path)]
    if arguments.tool:
        from git_data.worktree.difftool import open_in_tool

        open_in_tool(repo, open_store(repo), arguments.tool, changes)
    elif arguments.json:
        output.print_json({"changes": [record(change) for change in changes], "totals": totals(changes)})
    elif arguments.md:
        output.write(_markdown(changes))
    elif arguments.stat:
        output.write(_stat(changes))
    elif changes:
        output.write(listing(changes) + summary(changes) + "\n")
    return 1 if changes and arguments.exit_code else 0


def record(change: Change) -> dict[str, object]:
    """A change for JSON; an ``oid`` nobody knows yet is null."""
    result: dict[str, object] = {"change": change.kind, "path": output.name(change.path)}
    for name, side in (("old", change.old), ("new", change.new)):
        result[name] = side and {
            "path": output.name(side.path),
            "oid": side.oid or None,
            "size": side.size,
            "mode": side.mode.decode(),
            "in_git": side.pointer is None and not side.in_worktree,
        }
    return result


def totals(changes: list[Change]) -> dict[str, int]:
    """Files by kind of change, and bytes before and after."""
    result = {kind: sum(1 for change in changes if change.kind == kind) for kind in KINDS}
    result["old_bytes"] = sum(change.old.size for change in changes if change.old)
    result["new_bytes"] = sum(change.new.size for change in changes if change.new)
    return result


def listing(changes: list[Change], prefix: str = "") -> str:
    """A line for each change, for people; paths as seen from the subdirectory ``prefix``."""
    width = max((len(_sizes(change)) for change in changes), default=0)
    kinds = {kind: output.paint(f"{kind:<8}", _COLOURS[kind]) for kind in KINDS}
    return "".join(f"  {kinds[change.kind]}  {_sizes(change):<{width}}  {_name(change, prefix)}\n" for change in changes)


def summary(changes: list[Change]) -> str:
    """One line: how many files changed in which way."""
    parts = []
    for kind in KINDS:
        some = [change for change in changes if change.kind == kind]
        old = sum(change.old.size for change in some if change.old)
        new = sum(change.new.size for change in some if change.new)
        size = {"added": human_size(new), "deleted": human_size(old), "modified": output.size_change(old, new)}.get(kind)
        if some:
            parts.append(f"{len(some):,} {kind}" + (f" ({size})" if size else ""))
    return f"{count(len(changes), 'data file')} changed: {', '.join(parts)}"


def _sizes(change: Change) -> str:
    old, new = change.old, change.new
    if old is None or new is None or change.kind == "renamed":
        return _size(new or old)
    if change.kind == "conflict":
        return f"ours {_size(old)}, theirs {_size(new)}"
    mode = f"mode {old.mode.decode()} → {new.mode.decode()}" if old.mode != new.mode else ""
    if change.same_content:
        return mode or f"pointer {old.pointer and old.pointer.format} → {new.pointer and new.pointer.format}"
    sizes = f"{_size(old)} → {_size(new)} ({output.size_change(old.size, new.size)})"
    return f"{sizes}, {mode}" if mode else sizes


def _size(side: Side | None) -> str:
    if side is None:
        return ""
    in_git = side.pointer is None and not side.in_worktree and side.size
    return human_size(side.size) + (" in git itself" if in_git else "")


def _name(change: Change, prefix: str = "") -> str:
    name = shown(output.relative(change.path, prefix))
    if change.kind == "renamed" and change.old is not None:
        return f"{shown(output.relative(change.old.path, prefix))} → {name}"
    return name


def _markdown(changes: list[Change]) -> str:
    if not changes:
        return "No data changed.\n"
    rows = []
    for change in changes:
        old, new = change.old, change.new
        difference = output.size_change(old.size if old else 0, new.size if new else 0)
        rows.append([change.kind, _code(_name(change)), _size(old), _size(new), difference])
    headers = ["change", "file", "before", "after", "difference"]
    return f"{output.markdown(rows, headers, right=(2, 3, 4))}\n{summary(changes)}\n"


def _code(name: str) -> str:
    """A path that Markdown leaves alone, in a cell of a table."""
    fence = "``" if "`" in name else "`"
    space = " " if "`" in name else ""
    return fence + space + name.replace("|", "\\|") + space + fence


def _stat(changes: list[Change]) -> str:
    if not changes:
        return ""
    names = [_name(change) for change in changes]
    sizes = [_sizes(change) for change in changes]
    widths = max(map(len, names)), max(map(len, sizes))
    room = max(10, shutil.get_terminal_size().columns - sum(widths) - 6)
    largest = max((_plus_minus(change)[0] + _plus_minus(change)[1] for change in changes), default=0)
    lines = []
    for change, name, size in zip(changes, names, sizes):
        plus, minus = (-(-part * room // largest) if largest else 0 for part in _plus_minus(change))
        bar = output.paint("+" * plus, "green") + output.paint("-" * min(minus, room), "red")
        lines.append(f" {name:<{widths[0]}} | {size:>{widths[1]}} {bar}".rstrip() + "\n")
    return "".join(lines) + f" {summary(changes)}\n"


def _plus_minus(change: Change) -> tuple[int, int]:
    """Bytes that came and went; content that was replaced by other content did both."""
    if change.same_content:
        return 0, 0
    return change.new.size if change.new else 0, change.old.size if change.old else 0
