"""``git data mirror``.

Copy data from one remote to another: everything FROM has, or with revisions every version reachable from them. Only what TO lacks
is sent. What the store of this machine has goes from there; the rest passes through, is hashed on its way, and is not kept.

  git data mirror store backup              everything
  git data mirror store backup --all        what any ref of this repository reaches
  git data mirror store s3://bucket/x v1.0  what a revision reaches; to a place without a name

What is damaged on FROM is not copied; the rest is.

Exit status: 0 all is there, 3 FROM lacks something, 4 something is damaged there, 8 a remote does not work, 9 it refuses access.
"""

from __future__ import annotations

import argparse

from git_data.base.report import Progress, count, human_size
from git_data.commands import output
from git_data.commands.parser import add_dry_run, add_json, add_transfer_jobs
from git_data.commands.transfer import amount
from git_data.errors import CorruptData, MissingData, RemoteError, UsageError
from git_data.git import scan
from git_data.git.repo import Repository, locate
from git_data.pointer import Pointer
from git_data.store.place import open_store
from git_data.sync.mirror import Copied, copy, copy_projects, lacking, listed
from git_data.sync.projects import register
from git_data.sync.remotes import find
from git_data.sync.session import Session

_SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("source", metavar="FROM", help="a remote, or its address")
    parser.add_argument("target", metavar="TO", help="another one")
    parser.add_argument("ref", nargs="*", metavar="REV", help="revisions or ranges (default: everything FROM has)")
    parser.add_argument("--all", action="store_true", help="what is reachable from any ref of this repository")
    add_transfer_jobs(parser)
    add_dry_run(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Copy."""
    repo = locate()
    store = open_store(repo)
    source = Session(repo, find(repo, arguments.source), arguments.jobs)
    target = Session(repo, find(repo, arguments.target), arguments.jobs)
    try:
        wanted = _wanted(repo, arguments, source)
        missing = _prepare(arguments, source, target, wanted)
        copied = Copied()
        if not arguments.dry_run:
            if arguments.ref or arguments.all:
                register(repo, target)
            else:
                copy_projects(source.remote, target.remote)
            size = sum(pointer.size for pointer in missing)
            with Progress(f"copying to {target.name}", len(missing), size) as progress:
                copied = copy(
                    source.remote, target.remote, store, missing, arguments.jobs, repo.settings.limit_rate_bytes, progress,
                    stored=target.known.add,
                )  # fmt: skip
        source.known.forget(pointer.oid for pointer, _ in copied.failed)
    finally:
        source.close()
        target.close()
    _show(arguments, target, wanted, missing, copied)
    _complain(copied, source)
    return 0


def _wanted(repo: Repository, arguments: argparse.Namespace, source: Session) -> list[Pointer]:
    """Raises: RemoteError, GitFailed."""
    source.reader()
    for revision in arguments.ref:
        for part in revision.replace("...", "..").split(".."):
            if part:
                scan.resolve(part.removeprefix("^"), "object")
    meant = [*arguments.ref, *(["--all"] if arguments.all else [])]
    if meant:
        reached = scan.in_history(repo, "--ignore-missing", *meant, "--").values()
        return list({pointer.oid: pointer for pointer in reached}.values())
    if source.remote.traits.listing == "none":
        raise UsageError(
            f"'{source.name}' cannot be listed: say which revisions are meant",
            f"git data mirror {source.name} {arguments.target} --all",
        )
    found = listed(source.remote)
    if not found and source.layout is None:
        raise RemoteError(f"'{source.name}' holds no data of git-data", f"git data push {source.name}")
    return found


def _prepare(arguments: argparse.Namespace, source: Session, target: Session, wanted: list[Pointer]) -> list[Pointer]:
    """What the target lacks. Raises: UsageError when both are one place, RemoteError."""
    layout = target.reader() if arguments.dry_run else target.writer()
    if layout is None:
        return wanted
    if source.layout is not None and layout.id == source.layout.id:
        raise UsageError(f"'{source.name}' and '{target.name}' are the same place", "git data remote list")
    with Progress(f"asking {target.name}", len(wanted)) as progress:
        missing = lacking(target.remote, wanted, progress)
    absent = {pointer.oid for pointer in missing}
    target.known.forget(absent)
    if arguments.ref or arguments.all:
        # else the sizes are those of FROM, which may be cut off in the same way
        target.known.add(pointer.oid for pointer in wanted if pointer.oid not in absent)
    return missing


def _show(arguments: argparse.Namespace, target: Session, wanted: list[Pointer], missing: list[Pointer], copied: Copied) -> None:
    if arguments.json:
        output.print_json(
            {
                "dry_run": arguments.dry_run,
                "looked_at": len(wanted),
                "lacking": len(missing),
                "lacking_bytes": sum(pointer.size for pointer in missing),
                "copied": len(copied.done),
                "bytes": copied.bytes,
                "from_store": copied.from_store,
                "failed": [
                    {"oid": pointer.oid, "size": pointer.size, "reason": error.message} for pointer, error in copied.failed
                ],
                "objects": [{"oid": pointer.oid, "size": pointer.size} for pointer in missing],
            }
        )
    elif not missing:
        output.line(f"'{target.name}' has all of it already: {count(len(wanted), 'object')}")
    elif arguments.dry_run:
        for pointer in missing:
            output.line(f"{pointer.oid}  {human_size(pointer.size):>9}")
        output.line(f"{amount(len(missing), sum(pointer.size for pointer in missing))} would be copied to '{target.name}'")
    else:
        for pointer, error in copied.failed[:_SHOWN]:
            output.line(f"not copied: {pointer.oid}: {output.plain(error.message)}")
        output.line(f"{amount(len(copied.done), copied.bytes)} copied to '{target.name}'")


def _complain(copied: Copied, source: Session) -> None:
    """Raises: CorruptData, MissingData or what else stood in the way of an object."""
    if not copied.failed:
        return
    number = count(len(copied.failed), "object")
    damaged = [error for _, error in copied.failed if isinstance(error, CorruptData)]
    if damaged:
        raise CorruptData(
            f"{count(len(damaged), 'object')} on '{source.name}' {'does' if len(damaged) == 1 else 'do'} not match the name",
            f"git data fsck --remote={source.name} --all --sample 100% --repair",
        )
    error = copied.failed[0][1]
    if error.exit_code == MissingData.exit_code:
        raise MissingData(
            f"'{source.name}' lacks {number}", f"git data push {source.name} --all   # by somebody who has the data"
        )
    raise type(error)(f"{error.message} ({number} not copied)", error.hint)
