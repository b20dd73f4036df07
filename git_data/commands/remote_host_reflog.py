"""``git data remote reflog``: who changed which ref of a hosted repository, and taking a change back."""

from __future__ import annotations

import argparse
import datetime
import itertools

from git_data.base.report import count
from git_data.commands import output
from git_data.commands.hosted import Hosted
from git_data.commands.parser import add_json
from git_data.errors import UsageError
from git_data.git.run import capture
from git_data.host.history import DELETED, MOVED, Step, steps
from git_data.host.packing import present
from git_data.host.restore import restore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MOST = 50
_DIGITS = 10
_FORCED = "forced"


def configure(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = command("reflog", "show who changed which ref of a hosted repository, and when; or take such a change back")
    parser.add_argument("place", metavar="PLACE", help="a git remote, a remote for data, or an address with or without data::")
    parser.add_argument("ref", nargs="?", default="", metavar="REF", help="only this branch or ref")
    parser.add_argument(
        "-n", "--max-count", type=int, default=_MOST, metavar="N", help=f"so many lines (default: {_MOST}; 0: all)"
    )
    parser.add_argument(
        "--restore",
        type=int,
        metavar="NUMBER",
        help="set REF, or every ref that this change touched, back to what it was before, also after a force-push or a deletion, "
        "as long as the replaced packs are kept (14 days after a compaction)",
    )
    parser.add_argument("-f", "--force", action="store_true", help="with --restore: also if the ref was changed again since")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the log. Raises: UsageError, RemoteError."""
    with Hosted(arguments.place) as place:
        state = place.state()
        ref = _full(arguments.ref, state.refs)
        if arguments.restore is not None:
            place.must_be_writable()
            return _restore(place, ref, arguments)
        found = (step for step in steps(place.host) if not ref or step.ref == ref)
        shown = list(itertools.islice(found, arguments.max_count or None))
        if ref and not shown:
            raise UsageError(
                f"the log of {place.url} does not speak of '{arguments.ref}'", f"git data remote reflog {place.word}"
            )
        forced = _forced(place, shown)
        if arguments.json:
            output.print_json([{**_record(step), "forced": forced.get(at)} for at, step in enumerate(shown)])
            return 0
        _print(place, shown, forced, state.refs)
    return 0


def _full(name: str, refs: dict[str, str]) -> str:
    if not name or name.startswith("refs/"):
        return name
    candidates = [f"refs/heads/{name}", f"refs/tags/{name}"]
    return next((ref for ref in candidates if ref in refs), candidates[0])


def _forced(place: Hosted, shown: list[Step]) -> dict[int, bool]:
    """For the moves both of whose ends are here, whether the new one left the old one behind; by position."""
    moves = [(at, step) for at, step in enumerate(shown) if step.kind == MOVED and step.old_oid and step.new_oid]
    if not moves or not place.repo.git_dir:
        return {}
    here = present({oid for _, step in moves for oid in (step.old_oid, step.new_oid)})
    known = [(at, step) for at, step in moves if step.old_oid in here and step.new_oid in here]
    return {at: not _is_ancestor(step.old_oid, step.new_oid) for at, step in known}


def _is_ancestor(old: str, new: str) -> bool:
    return capture(["merge-base", "--is-ancestor", old, new])[0][0] == 0


def _print(place: Hosted, shown: list[Step], forced: dict[int, bool], refs: dict[str, str]) -> None:
    rows = []
    undoable = None
    for at, step in enumerate(shown):
        word = _FORCED if forced.get(at) else step.kind
        # without the old object nobody can tell a force-push from any other
        if word in (_FORCED, DELETED) or (word == MOVED and at not in forced):
            undoable = undoable or (step if refs.get(step.ref) == step.new else None)
        if word in (_FORCED, DELETED):
            word = output.paint(word, "yellow")
        time = datetime.datetime.fromtimestamp(step.change.time_s).strftime("%Y-%m-%d %H:%M")
        old = step.old_oid[:_DIGITS] or ("-" if step.known else "?")
        ends = f"{old}..{step.new_oid[:_DIGITS] or '-'}" if step.ref else _what(step)
        cells = [str(step.change.seq), time, step.change.who, word, step.ref, ends]
        rows.append([cell if "\x1b" in cell else output.plain(cell) for cell in cells])
    output.write(output.table(rows, right=[0]))
    if undoable:
        output.line(f"To take a change back, for example that of {output.plain(undoable.ref)}:")
        output.line(f"  git data remote reflog {place.word} {output.plain(undoable.ref)} --restore {undoable.change.seq}")
        if place.git_name and undoable.old_oid and present([undoable.old_oid]):
            output.line(f"or: git push -f {place.git_name} {undoable.old_oid}:{output.plain(undoable.ref)}")


def _what(step: Step) -> str:
    change = step.change
    if change.head is not None:
        return change.head
    if change.protected is not None:
        return " ".join(change.protected) or "nothing is protected"
    if change.packs is not None:
        return count(len(change.packs), "pack")
    return ""


def _record(step: Step) -> dict[str, Any]:
    return {
        "number": step.change.seq,
        "time": step.change.time_s,
        "who": step.change.who,
        "action": step.change.action,
        "kind": step.kind,
        "ref": step.ref or None,
        "old": step.old_oid or None,
        "new": step.new_oid or None,
        "detail": None if step.ref else _what(step),
    }


def _restore(place: Hosted, ref: str, arguments: argparse.Namespace) -> int:
    number = arguments.restore
    found = []
    for step in steps(place.host):
        if step.change.seq < number:
            break
        if step.change.seq == number and step.ref and (not ref or step.ref == ref):
            found.append(step)
    if not found:
        touched = f" of '{arguments.ref}'" if ref else ""
        raise UsageError(f"the log of {place.url} has no change {number}{touched}", f"git data remote reflog {place.word}")
    done = restore(place.repo, place.host, found, arguments.force)
    if not done:
        output.line("nothing to do: all is as it was before")
    for one in done:
        if one.old is None:
            output.line(f"{output.plain(one.ref)} is deleted again, as before change {number}")
        else:
            output.line(f"{output.plain(one.ref)} is at {one.old_oid} again, as before change {number}")
    if any(one.old is not None for one in done):
        output.line(f"Whether all its data is still there, too: git data remote fsck {place.word}")
    return 0
