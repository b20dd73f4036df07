"""``git data fetch``.

Bring data from a remote into the store: what the checked-out revision needs, or the revisions that are named. The work tree is
not touched (see git data pull).

  git data fetch                      what the current index names
  git data fetch main v1.0            the files of two revisions
  git data fetch v1.0..main           every version between them
  git data fetch --all                every version any ref reaches
  git data fetch images/ a.bin        these paths only

What the default remote lacks is looked for on the others. Everything is hashed before it is stored.

Exit status: 0 all is here, 3 some data is on no remote, 8 a remote does not work, 9 it refuses access.
"""

from __future__ import annotations

import argparse

from git_data.base.report import human_size
from git_data.commands import output
from git_data.commands.transfer import Words, add_common, amount, revisions, selected, sort_words
from git_data.errors import GitDataError, MissingData, UsageError
from git_data.git import scan
from git_data.git.repo import Repository, locate
from git_data.pointer import Pointer
from git_data.store.objects import Store
from git_data.store.place import open_store
from git_data.sync.fetch import Fetched, fetch, lacking, sources
from git_data.sync.remotes import find
from git_data.worktree.select import Selection


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_common(parser, "bring")


def run(arguments: argparse.Namespace) -> int:
    """Fetch."""
    repo = locate()
    store = open_store(repo)
    wanted, fetched = bring(repo, store, arguments, sort_words(repo, arguments))
    show(arguments, wanted, fetched)
    return verdict(fetched)


def bring(repo: Repository, store: Store, arguments: argparse.Namespace, words: Words) -> tuple[list[Pointer], Fetched]:
    """Fetch what the arguments name: what lacked, and what became of it. Raises: GitDataError."""
    chosen = [find(repo, words.remote)] if words.remote else sources(repo)
    pointers = _pointers(repo, arguments, words)
    wanted = lacking(store, pointers)
    if arguments.dry_run or not wanted:
        return wanted, Fetched()
    return wanted, fetch(repo, store, wanted, chosen, arguments.jobs)


def _pointers(repo: Repository, arguments: argparse.Namespace, words: Words) -> list[Pointer]:
    meant, paths = revisions(arguments, words.revisions), words.paths
    history = [word for word in meant if ".." in word or word.startswith(("-", "^"))]
    if history:
        picked = selected(repo, arguments, meant, paths)
        return list(scan.in_history(repo, *meant, "--").values()) if picked is None else list(picked.values())
    selection = Selection(arguments.include, arguments.exclude)
    if meant:
        found = [item for revision in meant for item in scan.in_revision(repo, revision, paths or None)]
    elif repo.worktree:
        selection = _settled(repo, arguments)
        found = scan.in_index(repo, paths or None)
    else:
        found = scan.in_revision(repo, "HEAD", paths or None)
    if paths and not found and not meant:
        raise UsageError(f"no data file matches: {' '.join(paths)}", "git data ls-files")
    return [item.pointer for item in found if selection.wants(item.path)]


def _settled(repo: Repository, arguments: argparse.Namespace) -> Selection:
    """What is asked for now, else what the settings say."""
    include = arguments.include or repo.settings.fetch_include
    return Selection(include, arguments.exclude or repo.settings.fetch_exclude)


def show(arguments: argparse.Namespace, wanted: list[Pointer], fetched: Fetched) -> None:
    """Tell what was brought."""
    size = sum(pointer.size for pointer in wanted)
    if arguments.json:
        output.print_json(
            {
                "dry_run": arguments.dry_run,
                "wanted": len(wanted),
                "wanted_bytes": size,
                "brought": len(fetched.brought),
                "bytes": fetched.bytes,
                "requests": fetched.requests,
                "retries": fetched.retries,
                "missing": [
                    {"oid": pointer.oid, "size": pointer.size, "reason": error.message} for pointer, error in fetched.missing
                ],
                "objects": [{"oid": pointer.oid, "size": pointer.size} for pointer in wanted],
            }
        )
    elif arguments.dry_run and wanted:
        for pointer in wanted:
            output.line(f"{pointer.oid}  {human_size(pointer.size):>9}")
        output.line(f"{amount(len(wanted), size)} would be fetched")
    elif not wanted:
        output.line("all data is here already")
    else:
        output.line(f"{amount(len(fetched.brought), fetched.bytes)} fetched")


def verdict(fetched: Fetched) -> int:
    """Raises: the reason why something is missing."""
    if not fetched.missing:
        return 0
    pointer, error = fetched.missing[0]
    if isinstance(error, MissingData) or error.exit_code == MissingData.exit_code:
        number = len(fetched.missing)
        what = f"the data of {pointer.oid[:12]}" + (f" and {number - 1:,} more" if number > 1 else "")
        places = " or ".join(f"'{name}'" for name in fetched.asked)
        raise MissingData(
            f"{what} is not on {places} ({error.message})",
            "who has it should run: git data push --all\nwhere it is used: git data ls-files --missing",
        )
    raise _copy(error, len(fetched.missing))


def _copy(error: GitDataError, number: int) -> GitDataError:
    more = f" ({number:,} objects were not fetched)" if number > 1 else ""
    return type(error)(error.message + more, error.hint)
