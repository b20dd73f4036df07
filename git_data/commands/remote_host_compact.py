"""``git data remote compact``: few packs from many, and deleting what nobody needs."""

from __future__ import annotations

import argparse
import time

from git_data.base.report import count, human_size
from git_data.commands import output
from git_data.commands.hosted import Hosted
from git_data.commands.parser import add_dry_run, add_json
from git_data.errors import GitFailed, UsageError
from git_data.git.run import git
from git_data.host.compact import Compaction, compact, kept_number
from git_data.host.prune import GRACE_S, Pruned, prune
from git_data.host.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_EXPIRES_ALL = 2**63


def configure(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = command(
        "compact", "make few packs of a hosted repository's many, and delete what nobody needs (a push does so above 50 packs)"
    )
    parser.add_argument("place", metavar="PLACE", help="a git remote, a remote for data, or an address with or without data::")
    parser.add_argument("--all", action="store_true", help="one pack of everything; else large old ones stay as they are")
    parser.add_argument(
        "--prune",
        metavar="DATE",
        default="",
        help="delete packs replaced before DATE (default: 2.weeks.ago by the clock of the remote), or: now, never; "
        "who is fetching from one of them has to fetch again",
    )
    add_dry_run(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compact."""
    grace_s = _grace(arguments.prune)
    with Hosted(arguments.place) as place:
        state = place.state()
        place.must_be_writable()
        if arguments.dry_run:
            number = kept_number(state.packs, arguments.all)
            done = None if number == len(state.packs) else _plan(state, number)
        else:
            done = compact(place.repo, place.host, arguments.all)
        pruned = Pruned([], []) if grace_s is None else prune(place.host, grace_s, arguments.dry_run)
        if arguments.json:
            output.print_json(_as_json(place, state, done, pruned, arguments.dry_run))
        else:
            _print(state, done, pruned, arguments.dry_run)
    return 0


def _plan(state: State, number: int) -> Compaction:
    return Compaction(state.packs[:number], state.packs[number:], None, 0, 0)


def _grace(text: str) -> float | None:
    """Seconds that replaced packs are kept; ``None``: for ever. Raises: UsageError."""
    if not text:
        return GRACE_S
    if text == "never":
        return None
    try:
        expires_s = int(git("-c", f"data.prune={text}", "config", "--type=expiry-date", "data.prune"))
    except GitFailed:
        raise UsageError(f"--prune: '{text}' is not a date", "git data remote compact --prune=2.weeks.ago PLACE") from None
    # the age, not the date: the clock that counts is the remote's
    return 0.0 if expires_s >= _EXPIRES_ALL else max(0.0, time.time() - expires_s)


def _print(state: State, done: Compaction | None, pruned: Pruned, dry_run: bool) -> None:
    if done is None:
        output.line(f"{count(len(state.packs), 'pack')}: nothing to gain by making fewer")
    else:
        before = f"{count(len(done.replaced), 'pack')} ({human_size(sum(pack.size for pack in done.replaced))})"
        after = f" of {human_size(done.new.size)}" if done.new else ""
        would = "would become" if dry_run else "became"
        made = "nothing: no ref needs them" if done.new is None and not dry_run else f"one{after}"
        output.line(f"{before} {would} {made}; {len(done.kept):,} kept")
    number = len(pruned.packs) + len(pruned.states)
    if number:
        would = "can go" if dry_run else "deleted"
        output.line(f"{count(number, 'old object')} {would}, {human_size(pruned.size)}")


def _as_json(place: Hosted, state: State, done: Compaction | None, pruned: Pruned, dry_run: bool) -> dict[str, object]:
    return {
        "url": place.url,
        "dry_run": dry_run,
        "packs_before": len(done.kept) + len(done.replaced) if done else len(state.packs),
        "packs": len(done.kept) + bool(done.new or dry_run) if done else len(state.packs),
        "replaced": [pack.name for pack in done.replaced] if done else [],
        "kept": [pack.name for pack in (done.kept if done else state.packs)],
        "new": done.new.name if done and done.new else None,
        "new_bytes": done.new.size if done and done.new else 0,
        "downloaded_bytes": done.downloaded if done else 0,
        "deleted": [entry.key for entry in (*pruned.packs, *pruned.states)],
        "deleted_bytes": pruned.size,
    }
