"""``git data fsck --remote``: the part of ``git data fsck`` that looks at a remote."""

from __future__ import annotations

import argparse

from git_data.base.report import count, human_size
from git_data.commands import output
from git_data.commands.remote_option import remote_and_words
from git_data.errors import CorruptData, GitDataError, MissingData, UsageError
from git_data.git.repo import Repository
from git_data.git.scan import head_exists, in_revision, resolve, shown
from git_data.pointer import Pointer
from git_data.store.objects import Store
from git_data.store.presence import Presence
from git_data.sync.remote_check import DAMAGED, MISSING, Fault, RemoteCheck, check, repair
from git_data.sync.session import Session
from git_data.worktree.pointer_check import PointerCheck
from git_data.worktree.restore import restore

_SHOWN = 20


def run(repo: Repository, store: Store, arguments: argparse.Namespace) -> int:
    """Check a remote."""
    percent = parse_percent(arguments.sample) if arguments.sample else 0.0
    named, ranges = remote_and_words(repo, arguments, arguments.range)
    pointers = _pointers(repo, ranges, arguments.all)
    session = Session(repo, named, arguments.jobs)
    try:
        found = check(session, list(pointers.pointers.values()), percent, arguments.jobs, repo.settings.limit_rate_bytes)
        failed: list[tuple[Pointer, GitDataError]] = []
        if arguments.repair and found.faults and not arguments.dry_run:
            failed = mend(repo, store, session, found.faults, arguments.jobs)
    finally:
        session.close()
    left = [fault for fault in found.faults if not fault.repaired]
    pointers.find_places(repo, [fault.pointer.oid for fault in found.faults])
    if arguments.json:
        output.print_json(_as_json(session, found, pointers))
    else:
        _print(session, found, pointers)
    if failed:
        raise type(failed[0][1])(failed[0][1].message, failed[0][1].hint)
    _complain(session, left, arguments.repair, bool(arguments.sample))
    return 0


def _pointers(repo: Repository, ranges: list[str], everything: bool) -> PointerCheck:
    """What must be there: by default everything branches and tags reach. Raises: GitFailed."""
    result = PointerCheck()
    if everything:
        result.take_history(repo, ["--all"])
    for name in ranges:
        if ".." in name:
            result.take_history(repo, [name])
        else:
            resolve(name, "tree")
            result.take_files(in_revision(repo, name), name)
    if not ranges and not everything:
        result.take_history(repo, [*(["HEAD"] if head_exists() else []), "--branches", "--tags"])
    return result


def parse_percent(text: str) -> float:
    """``5%`` or ``0.5``. Raises: UsageError."""
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise UsageError(f"--sample: '{text}' is not a share of the objects", "git data fsck --remote --sample 5%")
    return percent


def mend(repo: Repository, store: Store, session: Session, faults: list[Fault], jobs: int) -> list[tuple[Pointer, GitDataError]]:
    """Send again what is here, or can be had from the work tree; what could not be sent. Raises: RemoteError."""
    presence = Presence(store, len(faults))
    lost = [fault.pointer for fault in faults if not presence.has(fault.pointer.oid, fault.pointer.size)]
    if lost:
        restore(repo, store, lost)
    return repair(session, store, faults, jobs, repo.settings.limit_rate_bytes)


def _complain(session: Session, left: list[Fault], tried: bool, sampled: bool) -> None:
    """Raises: CorruptData, MissingData."""
    damaged = sum(1 for fault in left if fault.kind == DAMAGED)
    missing = sum(1 for fault in left if fault.kind == MISSING)
    hint = "by somebody who has the data: " if tried else ""
    # another sample would hardly hold the same objects
    hint += f"git data fsck --remote={session.name} {'--sample 100% ' if sampled else ''}--repair"
    if damaged:
        raise CorruptData(f"{count(damaged, 'object')} on '{session.name}' {'is' if damaged == 1 else 'are'} damaged", hint)
    if missing:
        raise MissingData(f"'{session.name}' lacks {count(missing, 'object')}", hint)


def _print(session: Session, found: RemoteCheck, pointers: PointerCheck) -> None:
    for fault in found.faults[:_SHOWN]:
        reason = f": {fault.reason}" if fault.reason else ""
        again = "; sent again" if fault.repaired else ""
        size = human_size(fault.pointer.size)
        output.line(f"{fault.kind}: {_place(pointers, fault.pointer.oid)}{fault.pointer.oid} ({size}){reason}{again}")
    if len(found.faults) > _SHOWN:
        output.line(f"and {len(found.faults) - _SHOWN:,} more; all of them: git data fsck --remote --json")
    read = f", {found.hashed:,} of them read ({human_size(found.hashed_bytes)})" if found.hashed else ""
    output.line(f"{session.name}: {count(found.checked, 'object')} looked at{read}")
    repaired = sum(1 for fault in found.faults if fault.repaired)
    if repaired:
        output.line(f"{count(repaired, 'object')} sent again")


def _place(pointers: PointerCheck, oid: str) -> str:
    revision, path = pointers.places.get(oid, ("", b""))
    return f"{revision + ':' if revision else ''}{shown(path)}: " if path else ""


def _as_json(session: Session, found: RemoteCheck, pointers: PointerCheck) -> dict[str, object]:
    return {
        "remote": session.name,
        "url": session.remote.url,
        "checked": found.checked,
        "hashed": found.hashed,
        "hashed_bytes": found.hashed_bytes,
        "faults": [
            {
                "oid": fault.pointer.oid,
                "size": fault.pointer.size,
                "kind": fault.kind,
                "reason": fault.reason or None,
                "repaired": fault.repaired,
                "revision": pointers.places.get(fault.pointer.oid, ("", b""))[0] or None,
                "path": output.name(pointers.places[fault.pointer.oid][1]) if fault.pointer.oid in pointers.places else None,
            }
            for fault in found.faults
        ],
    }
