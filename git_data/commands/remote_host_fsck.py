"""``git data remote fsck``: whether a hosted repository is whole, and mending it from a clone."""

from __future__ import annotations

import argparse

from git_data.base.report import count, human_size
from git_data.commands import output
from git_data.commands.fsck_remote import mend, parse_percent
from git_data.commands.hosted import Hosted
from git_data.commands.parser import add_json
from git_data.errors import CorruptData, MissingData, RemoteError, UsageError
from git_data.git import scan
from git_data.git.repo import locate
from git_data.host.check import DAMAGED, MISSING, Checked, Fault, check
from git_data.host.repair import repair
from git_data.pointer import Pointer
from git_data.store.place import open_store
from git_data.sync.remote_check import RemoteCheck
from git_data.sync.remote_check import check as check_data
from git_data.sync.remotes import default_name, find
from git_data.sync.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SHOWN = 20


def configure(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = command(
        "fsck",
        "check a hosted repository: its markers, log, packs, what every ref reaches, and that the data of every pointer is there",
    )
    parser.add_argument("place", metavar="PLACE", help="a git remote, a remote for data, or an address with or without data::")
    parser.add_argument(
        "--quick", action="store_true", help="only look whether packs are there in their full size; read none, and no data"
    )
    parser.add_argument("--sample", metavar="PERCENT", default="", help="also read this share of the data objects (5%%, 100%%)")
    parser.add_argument(
        "--repair",
        action="store_true",
        help="mend it from this clone: packs from its objects, markers and manifest from what is left",
    )
    parser.add_argument("-f", "--force", action="store_true", help="with --repair: also where the last state has to be guessed")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check. Raises: CorruptData, MissingData when something is wrong, RemoteError."""
    if arguments.force and not arguments.repair:
        raise UsageError("--force is for --repair", "git data remote fsck --repair --force PLACE")
    percent = parse_percent(arguments.sample) if arguments.sample else 0.0
    with Hosted(arguments.place) as place:
        found, data = _check(place, arguments.quick, percent)
        done: list[str] = []
        if arguments.repair and found.faults:
            place.must_be_writable()
            done = repair(place.repo, place.host, found, place.git_name, arguments.force)
            with Hosted(arguments.place) as again:
                found, data = _check(again, arguments.quick, percent)
        if arguments.repair and data is not None and data.faults and place.repo.common_dir:
            done += _mend_data(place, data)
        if not found.is_hosted:
            raise RemoteError(f"no git repository lies at {place.url}", f"git data remote init {place.word}")
        if arguments.json:
            output.print_json(_as_json(place, found, data, done))
        else:
            _print(place, found, data, done)
        _complain(place, found, data, arguments.repair)
    return 0


def _check(place: Hosted, quick: bool, percent: float) -> tuple[Checked, RemoteCheck | None]:
    """The history, and the data of every pointer it has; ``None`` if that was not looked at."""
    pointers: dict[bytes, Pointer] = {}
    looked: list[bool] = []

    def collect() -> None:
        pointers.update(scan.in_history(locate(), "--all"))
        looked.append(True)

    found = check(place.repo, place.host, quick, collect)
    if not looked:
        return found, None
    session = _data_session(place)
    try:
        return found, check_data(session, list(pointers.values()), percent, 0, place.repo.settings.limit_rate_bytes)
    finally:
        if session is not place.session:
            session.close()


def _data_session(place: Hosted) -> Session:
    """Data goes where the history goes, unless ``remote.<name>.dataRemote`` says otherwise."""
    name, config = place.git_name, place.repo.config
    other = default_name(config, name) if name and f"remote.{name}.dataremote" in config.entries else ""
    return Session(place.repo, find(place.repo, other)) if other and other != name else place.session


def _mend_data(place: Hosted, data: RemoteCheck) -> list[str]:
    """Send again what this clone has. Raises: RemoteError."""
    session = _data_session(place)
    try:
        failed = mend(place.repo, open_store(place.repo), session, data.faults, 0)
    finally:
        if session is not place.session:
            session.close()
    if failed:
        raise failed[0][1]
    sent = sum(1 for fault in data.faults if fault.repaired)
    data.faults = [fault for fault in data.faults if not fault.repaired]
    return [f"{count(sent, 'data object')} sent again"] if sent else []


def _lines(found: Checked, data: RemoteCheck | None) -> list[str]:
    faults = [f"{_name(fault)}{': ' + output.plain(fault.reason) if fault.reason else ''}" for fault in found.faults]
    for one in data.faults if data else []:
        reason = f": {one.reason}" if one.reason else ""
        faults.append(f"{one.kind}: data {one.pointer.oid} ({human_size(one.pointer.size)}){reason}")
    return faults


def _name(fault: Fault) -> str:
    return f"{fault.kind}: {output.plain(fault.what)}"


def _print(place: Hosted, found: Checked, data: RemoteCheck | None, done: list[str]) -> None:
    for one in done:
        output.line(f"mended: {output.plain(one)}")
    faults = _lines(found, data)
    for line in faults[:_SHOWN]:
        output.line(line)
    if len(faults) > _SHOWN:
        output.line(f"and {len(faults) - _SHOWN:,} more; all of them: git data remote fsck --json {place.word}")
    if found.state is not None:
        size = sum(pack.size for pack in found.state.packs)
        packs = f"{count(len(found.state.packs), 'pack')} ({human_size(size)})"
        objects = f", {count(found.objects, 'object')}" if found.objects else ""
        changes = f"{count(found.changes, 'change')} in the log"
        output.line(f"{output.plain(place.url)}: {count(len(found.state.refs), 'ref')}, {packs}{objects}, {changes}")
    if data is not None:
        read = f", {data.hashed:,} of them read ({human_size(data.hashed_bytes)})" if data.hashed else ""
        output.line(f"data: {count(data.checked, 'object')} looked at{read}")


def _as_json(place: Hosted, found: Checked, data: RemoteCheck | None, done: list[str]) -> dict[str, Any]:
    state = found.state
    return {
        "url": place.url,
        "refs": len(state.refs) if state else None,
        "packs": len(state.packs) if state else None,
        "pack_bytes": sum(pack.size for pack in state.packs) if state else None,
        "changes": found.changes,
        "objects": found.objects,
        "data_checked": data.checked if data else None,
        "data_read": data.hashed if data else None,
        "repaired": done,
        "faults": [
            *({"kind": one.kind, "what": one.what, "reason": one.reason or None} for one in found.faults),
            *(
                {"kind": one.kind, "what": f"data {one.pointer.oid}", "reason": one.reason or None}
                for one in (data.faults if data else [])
            ),
        ],
    }


def _complain(place: Hosted, found: Checked, data: RemoteCheck | None, tried: bool) -> None:
    """Raises: CorruptData, MissingData."""
    hint = f"git data remote fsck --repair {place.word}   # in a clone that has everything"
    if tried and found.faults:
        hint = "try it in another clone: " + hint
    kinds = [fault.kind for fault in found.faults]
    if found.faults == [fault for fault in found.faults if fault.what == "HEAD"] and found.faults:
        hint = f"git data remote set-head {place.word} BRANCH"
    elif data is not None and data.faults and not found.faults:
        kinds = [fault.kind for fault in data.faults]
        hint = f"git data fsck --remote={place.word} --all --repair   # in a clone that has the data"
    if DAMAGED in kinds:
        raise CorruptData(f"the repository at {place.url} is damaged ({_first(found, data)})", hint)
    if MISSING in kinds:
        raise MissingData(f"the repository at {place.url} is not whole ({_first(found, data)})", hint)


def _first(found: Checked, data: RemoteCheck | None) -> str:
    names = [_name(fault) for fault in found.faults] or [
        f"{one.kind}: data {one.pointer.oid[:12]}" for one in (data.faults if data else [])
    ]
    return names[0] + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")
