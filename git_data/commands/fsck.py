"""``git data fsck``.

Check that every object in the store matches its name, and that every pointer has its data.

  git data fsck                  the store; pointers in HEAD and in the index
  git data fsck --quick          the same without hashing: sizes and time stamps
  git data fsck v1.0 main        pointers in two revisions
  git data fsck v1.0..main       pointers in every commit between them
  git data fsck --all            pointers in everything git can reach
  git data fsck --remote         the default remote has every version of all branches and tags, in full size
  git data fsck --remote=store --sample 5% v1.0..main
                                 another one, a range; 5% of the objects, chosen at random, are read and hashed

A damaged object goes to quarantine, and is restored from the work tree if its content is still there. Files that should be
pointers and are not are reported, too. With --remote nothing here is checked; --repair sends again what the remote lacks or
has damaged, if it is sound here.

Exit status: 0 all is well, 1 a file should be a pointer, 3 data is missing, 4 data is damaged.
"""

from __future__ import annotations

import argparse

from git_data.base.report import Progress, count, human_size
from git_data.commands import fsck_remote, output
from git_data.commands.parser import add_dry_run, add_jobs, add_json
from git_data.commands.remote_option import add_remote, only_with_remote
from git_data.errors import CheckFailed, CorruptData, GitDataError, MissingData
from git_data.git.repo import Repository, locate
from git_data.git.scan import shown
from git_data.pointer import Pointer
from git_data.setup.command_line import shell_quoted
from git_data.store import fsck
from git_data.store.objects import Store
from git_data.store.place import open_store
from git_data.worktree import pointer_check
from git_data.worktree.pointer_check import PointerCheck, Suspect
from git_data.worktree.restore import restore

_SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("range", nargs="*", metavar="RANGE", help="revisions or ranges whose pointers are checked")
    parser.add_argument("--all", action="store_true", help="pointers in every ref, reflog, stash and index")
    parser.add_argument("--store", action="store_true", help="only the objects in the store")
    parser.add_argument("--pointers", action="store_true", help="only the pointers")
    parser.add_argument("--quick", action="store_true", help="look at sizes and time stamps instead of hashing")
    add_remote(parser, "check a remote instead")
    parser.add_argument("--sample", metavar="PERCENT", default="", help="with --remote: read and hash so many of the objects")
    parser.add_argument("--repair", action="store_true", help="with --remote: send again what lacks or is damaged there")
    add_dry_run(parser)
    add_jobs(parser)
    add_json(parser)


class Findings:
    """Everything one run found."""

    __slots__ = ("missing", "pointers", "restored", "store")

    def __init__(self) -> None:
        self.store: fsck.StoreCheck | None = None
        self.pointers: PointerCheck | None = None
        self.missing: list[Pointer] = []
        self.restored: dict[str, str] = {}


def run(arguments: argparse.Namespace) -> int:
    """Check."""
    repo = locate()
    store = open_store(repo)
    only_with_remote(arguments, "fsck", "sample", "repair")
    if arguments.remote is not None:
        return fsck_remote.run(repo, store, arguments)
    found = Findings()
    both = arguments.store == arguments.pointers
    if both or arguments.pointers:
        found.pointers = pointer_check.check(repo, arguments.range, arguments.all)
    if both or arguments.store:
        found.store = _check_store(repo, store, found.pointers, arguments)
    if not arguments.dry_run:
        found.restored = _restore(repo, store, found)
    if found.pointers is not None:
        found.missing = fsck.missing(store, found.pointers.pointers.values())
        found.pointers.find_places(repo, [pointer.oid for pointer in found.missing])
    if arguments.json:
        output.print_json(_as_json(found))
    else:
        _print(found)
    error = _verdict(repo, found)
    if error is not None:
        raise error
    return 0


def _check_store(repo: Repository, store: Store, pointers: PointerCheck | None, arguments: argparse.Namespace) -> fsck.StoreCheck:
    result = fsck.StoreCheck()
    objects = fsck.list_objects(store, result)
    sizes = None
    if arguments.quick:
        sizes = {oid: pointer.size for oid, pointer in pointers.pointers.items()} if pointers else {}
    jobs = arguments.jobs or repo.settings.jobs
    with Progress("checking", len(objects), 0 if arguments.quick else result.bytes_checked) as progress:
        fsck.check_objects(store, objects, result, jobs, progress, sizes, repair=not arguments.dry_run)
    return result


def _restore(repo: Repository, store: Store, found: Findings) -> dict[str, str]:
    """Bring back what was damaged, and what pointers lack."""
    lost = {damaged.oid: Pointer(damaged.oid, damaged.size) for damaged in found.store.damaged} if found.store else {}
    if found.pointers is not None:
        # its pointer knows the right size of an object that was cut short
        lost = {oid: found.pointers.pointers.get(oid, pointer) for oid, pointer in lost.items()}
        lost.update((pointer.oid, pointer) for pointer in fsck.missing(store, found.pointers.pointers.values()))
    return restore(repo, store, list(lost.values())) if lost else {}


def _verdict(repo: Repository, found: Findings) -> GitDataError | None:
    mend = "put the original files in their places and run: git data add"
    if repo.config.names_remotes or repo.config.get_bool("data.lfs", False):
        mend = f"git data fetch --all   # what no remote has:\n{mend}"
    damaged = found.store.damaged if found.store else []
    if damaged:
        lost = [item for item in damaged if item.oid not in found.restored]
        return CorruptData(
            f"{count(len(damaged), 'object')} in the store did not match the name; restored: {len(damaged) - len(lost):,}",
            mend if lost else "git data fsck   # all should be well now",
        )
    if found.missing:
        return MissingData(
            f"the data of {count(len(found.missing), 'pointer')} is in no store",
            mend,
        )
    suspects = found.pointers.suspects if found.pointers else []
    if suspects:
        return CheckFailed(
            f"{count(len({item.path for item in suspects}), 'file')} should be pointers in git", _renormalize(suspects)
        )
    return None


def _renormalize(suspects: list[Suspect]) -> str:
    paths = sorted({item.path for item in suspects})
    quoted = shell_quoted([shown(path) for path in paths[:_SHOWN]])
    return f"git add --renormalize -- {quoted if len(paths) <= _SHOWN else '.'}"


def _print(found: Findings) -> None:
    if found.store is not None:
        output.line(f"store: {count(found.store.checked, 'object')}, {human_size(found.store.bytes_checked)}")
        for damaged in found.store.damaged:
            where = f", moved to {damaged.quarantine}" if damaged.quarantine else ""
            back = found.restored.get(damaged.oid)
            output.line(f"damaged: {damaged.oid}: {damaged.reason}{where}{f', restored from {back}' if back else ''}")
        for name in found.store.stray[:_SHOWN]:
            output.line(f"not an object: {name}")
    if found.pointers is None:
        return
    output.line(f"pointers: {count(len(found.pointers.pointers), 'pointer')} checked")
    damaged_oids = {damaged.oid for damaged in found.store.damaged} if found.store else set()
    for oid, path in found.restored.items():
        if oid not in damaged_oids:
            output.line(f"was missing: {oid}: restored from {path}")
    for pointer in found.missing[:_SHOWN]:
        output.line(f"missing: {_place(found.pointers, pointer.oid)}{pointer.oid} ({human_size(pointer.size)})")
    if len(found.missing) > _SHOWN:
        output.line(f"and {len(found.missing) - _SHOWN:,} more missing; all of them: git data fsck --json")
    for suspect in found.pointers.suspects[:_SHOWN]:
        kind = "malformed pointer" if suspect.malformed else "should be a pointer"
        output.line(
            f"{kind}: {suspect.revision + ':' if suspect.revision else ''}{shown(suspect.path)} ({human_size(suspect.size)})"
        )
    if len(found.pointers.suspects) > _SHOWN:
        output.line(f"and {len(found.pointers.suspects) - _SHOWN:,} more; all of them: git data fsck --json")


def _place(pointers: PointerCheck, oid: str) -> str:
    revision, path = pointers.places.get(oid, ("", b""))
    return f"{revision + ':' if revision else ''}{shown(path)}: " if path else ""


def _as_json(found: Findings) -> dict[str, object]:
    answer: dict[str, object] = {}
    if found.store is not None:
        answer["store"] = {
            "objects": found.store.checked,
            "bytes": found.store.bytes_checked,
            "damaged": [
                {
                    "oid": damaged.oid,
                    "size": damaged.size,
                    "reason": damaged.reason,
                    "quarantine": damaged.quarantine or None,
                    "restored_from": found.restored.get(damaged.oid),
                }
                for damaged in found.store.damaged
            ],
            "stray": found.store.stray,
        }
    if found.pointers is not None:
        places = found.pointers.places
        answer["pointers"] = {
            "checked": len(found.pointers.pointers),
            "missing": [
                {
                    "oid": pointer.oid,
                    "size": pointer.size,
                    "path": output.name(places[pointer.oid][1]) if pointer.oid in places else None,
                    "revision": places[pointer.oid][0] or None if pointer.oid in places else None,
                }
                for pointer in found.missing
            ],
            "should_be_pointers": [
                {
                    "path": output.name(item.path),
                    "revision": item.revision or None,
                    "size": item.size,
                    "malformed": item.malformed,
                }
                for item in found.pointers.suspects
            ],
        }
        answer["restored"] = found.restored
    return answer
