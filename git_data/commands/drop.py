"""``git data drop``.

Free local space: files become pointers again, and their content leaves the store. git data pull PATH brings it back.

A file is dropped only if its content is, as asked now, on as many remotes as data.numCopies says (1 by default, and at least 1),
and if it is the same in the work tree, in the index and in the last commit. Otherwise it stays, with the reason. What a store
shared by data.cacheDir holds stays there for others: only the file in the work tree becomes a pointer.

  git data drop raw/ model.bin          these files
  git data drop . -X '*.csv'            everything here but some
  git data drop -n .                    show what would go

Exit status: 0 all was dropped, 1 some files had to stay.
"""

from __future__ import annotations

import argparse

from git_data.base.report import count, human_size
from git_data.commands import output
from git_data.commands.parser import add_dry_run, add_json, add_selection
from git_data.errors import CheckFailed, UsageError
from git_data.git.changes import require_known
from git_data.git.repo import Repository, locate
from git_data.git.scan import in_index, shown
from git_data.setup.command_line import shell_quoted
from git_data.store.objects import Store
from git_data.store.place import open_store
from git_data.sync.copies import Copies, copies
from git_data.worktree.drop import Candidate, also_named, candidates, delete_objects, put_pointers
from git_data.worktree.pending import relink_pending
from git_data.worktree.select import Selection

_SHOWN = 20


class Dropped:
    """What one run did: files that became pointers or whose object went, the bytes of their content, files that stayed."""

    __slots__ = ("bytes", "files", "hint", "objects_stay", "others", "refused")

    def __init__(self) -> None:
        self.files: list[Candidate] = []
        self.bytes = 0
        self.refused: list[tuple[Candidate, str]] = []
        self.others: list[bytes] = []
        """paths that were not asked for, have the same content and lost its copy in the store"""
        self.objects_stay = False
        self.hint = "git status"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="+", metavar="PATH", help="files, directories or patterns")
    add_selection(parser)
    add_dry_run(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Drop."""
    repo = locate()
    repo.require_worktree()
    store = open_store(repo)
    require_known(arguments.path)
    selection = Selection(arguments.include, arguments.exclude)
    files = [file for file in in_index(repo, arguments.path) if selection.wants(file.path)]
    if not files:
        raise UsageError(f"no data file matches: {shell_quoted(arguments.path)}", "git data ls-files")
    if not arguments.dry_run:
        relink_pending(repo, store, wait_s=2.0)
    distinct = list({file.path: file for file in files}.values())
    found = [item for item in candidates(repo, store, distinct, arguments.path) if item.occupies or item.refusal]
    result = _drop(repo, store, found, arguments.dry_run)
    if arguments.json:
        output.print_json(_as_json(result, arguments.dry_run))
    else:
        _print(repo, result, arguments.dry_run)
    if result.refused:
        number = len(result.refused)
        raise CheckFailed(f"{count(number, 'file')} stayed as {'it is' if number == 1 else 'they are'}", result.hint)
    return 0


def _drop(repo: Repository, store: Store, found: list[Candidate], dry_run: bool) -> Dropped:
    result = Dropped()
    result.objects_stay = bool(repo.settings.cache_dir)
    result.refused = [(item, item.refusal) for item in found if item.refusal]
    willing = [item for item in found if not item.refusal]
    if not willing:
        return result
    wanted = max(repo.settings.num_copies, 1)
    seen = copies(repo, [item.tracked.pointer for item in willing], wanted)
    for item in willing:
        have = seen.holders[item.tracked.pointer.oid]
        if len(have) < wanted:
            result.refused.append((item, _too_few(seen, have, wanted)))
            result.hint = _where_to(seen, have)
        else:
            result.files.append(item)
    if not dry_run:
        for item, error in put_pointers(repo, result.files):
            result.files.remove(item)
            result.refused.append((item, error.message if error else "it was changed just now"))
    _free(repo, store, result, dry_run)
    return result


def _free(repo: Repository, store: Store, result: Dropped, dry_run: bool) -> None:
    """Delete objects, but none that a file which had to stay may need again."""
    pointers = {item.tracked.pointer.oid: item.tracked.pointer for item in result.files}
    result.bytes = sum(pointer.size for pointer in pointers.values())
    if result.objects_stay or dry_run:
        return
    kept = {item.tracked.pointer.oid for item, _ in result.refused}
    delete_objects(store, [oid for oid in pointers if oid not in kept])
    gone = {item.tracked.pointer.oid for item in result.files if item.stored} - kept
    others = also_named(repo, [item.tracked for item in result.files])
    result.others = sorted(path for oid, paths in others.items() if oid in gone for path in paths)


def _too_few(seen: Copies, have: list[str], wanted: int) -> str:
    where = f"only on '{have[0]}'" if len(have) == 1 else f"only on {len(have)} remotes" if have else "on no remote"
    unasked = [f"'{answer.named.name}' could not be asked: {answer.error.message}" for answer in seen.asked if answer.error]
    needed = f", and data.numCopies is {wanted}" if wanted > 1 else ""
    return "; ".join([f"its data is {where}{needed}", *unasked])


def _where_to(seen: Copies, have: list[str]) -> str:
    """The command that makes one more copy."""
    lacking = [answer.named.name for answer in seen.asked if answer.error is None and answer.named.name not in have]
    if lacking:
        return f"git data push {lacking[0]} --all   # then drop again"
    return "git data remote list -v" if any(answer.error for answer in seen.asked) else "git data remote add another URL"


def _as_json(result: Dropped, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "dropped": [_record(item) for item in result.files],
        "bytes": result.bytes,
        "objects_stay": result.objects_stay,
        "refused": [{**_record(item), "reason": reason} for item, reason in result.refused],
        "others": [output.name(path) for path in result.others],
    }


def _record(item: Candidate) -> dict[str, object]:
    tracked = item.tracked
    return {"path": output.name(tracked.path), "oid": tracked.pointer.oid, "size": tracked.pointer.size}


def _print(repo: Repository, result: Dropped, dry_run: bool) -> None:
    for item, reason in result.refused[:_SHOWN]:
        output.line(f"stays: {shown(output.relative(item.tracked.path, repo.prefix))}: {output.plain(reason)}")
    if len(result.refused) > _SHOWN:
        output.line(f"and {len(result.refused) - _SHOWN:,} more stay; all of them: git data drop --json")
    if dry_run:
        for item in result.files:
            size = human_size(item.tracked.pointer.size)
            output.line(f"{size:>9}  {shown(output.relative(item.tracked.path, repo.prefix))}")
    if result.files:
        verb = "would be dropped" if dry_run else "dropped"
        freed = "" if result.objects_stay else f", {human_size(result.bytes)} freed"
        output.line(f"{count(len(result.files), 'file')} {verb}{freed}")
    elif not result.refused:
        output.line("nothing to drop: no content of these files is here")
    if result.files and result.objects_stay:
        output.line("the shared store keeps the content (data.cacheDir); only the work tree has pointers now")
    if result.others:
        first = shown(output.relative(result.others[0], repo.prefix))
        more = f" and {len(result.others) - 1:,} more" if len(result.others) > 1 else ""
        output.line(f"the same content, now not in the store any more: {first}{more}")
