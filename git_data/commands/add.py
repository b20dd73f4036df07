"""``git data add``.

Add files, with the same result as git add, but data files are hashed and stored by all processors and reach git in bulk. Files
that are not data, deletions and everything unusual are handed to git add itself.

  git data add -A            everything
  git data add data/         one directory
"""

from __future__ import annotations

import argparse
import os
import stat
import subprocess

from git_data.base.report import Progress, count, human_size
from git_data.commands.parser import add_dry_run, add_jobs
from git_data.config import OUR_MARK
from git_data.errors import GitDataError, RepositoryError
from git_data.filter.clean import Cleaner, FileContent
from git_data.filter.finish import finish
from git_data.filter.setup import make_cleaner
from git_data.git import changes
from git_data.git.changes import Change
from git_data.git.repo import Repository, locate
from git_data.git.run import records
from git_data.git.scan import shown
from git_data.store.place import open_store
from git_data.worktree.bulk_add import BulkAdd
from git_data.worktree.share import share_with_store
from git_data.worktree.stage import Candidate, stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="*", metavar="PATH", help="files, directories or patterns, as for git add")
    parser.add_argument("-A", "--all", action="store_true", help="everything, in the whole work tree without PATH")
    parser.add_argument("-u", "--update", action="store_true", help="only files git knows already")
    parser.add_argument("-f", "--force", action="store_true", help="ignored files, too")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing when all went well")
    add_dry_run(parser)
    add_jobs(parser)


def run(arguments: argparse.Namespace) -> int:
    """Add."""
    repo = locate()
    root = repo.require_worktree()
    if not _may_go_ahead(repo, arguments):
        return _plain_add(arguments)
    listed = changes.stat_dirty(arguments.path)
    if not arguments.update:
        listed += changes.untracked(arguments.path, arguments.force)
    candidates, rest = _choose(repo, listed)
    if not candidates or (repo.config.get_bool("core.ignorecase", False) and changes.spelt_differently(listed)):
        return _plain_add(arguments)
    _require_filter(repo)
    store = open_store(repo)
    cleaner = make_cleaner(repo, store)
    with Progress("adding", len(candidates), sum(candidate.size for candidate in candidates)) as progress:
        bulk = BulkAdd(repo, store, cleaner.clone, arguments.jobs or repo.settings.jobs, _streamer(cleaner), progress)
        bulk.take_in(candidates, keep=not arguments.dry_run)
    left = [candidate for candidate in candidates if candidate.blob is None]
    if arguments.dry_run:
        _show(repo, candidates, rest)
        return 0
    stage(repo, store, candidates)
    if cleaner.clone:
        share_with_store(store, root, [(item.path, item.pointer) for item in bulk.copies if item.pointer is not None])
    finish(repo, store, {}, stored=True)
    if not arguments.quiet:
        added = [candidate for candidate in candidates if candidate.blob is not None]
        size = human_size(sum(candidate.size for candidate in added))
        print(f"{count(len(added), 'data file')} added ({size}, {human_size(bulk.bytes_stored)} of it new in the store)")
    return _plain_add(arguments) if rest or left else 0


def _may_go_ahead(repo: Repository, arguments: argparse.Namespace) -> bool:
    """Whether this is the usual case; git add does everything else, and says what is wrong in its own words."""
    if not arguments.path and not arguments.all and not arguments.update:
        return False  # "Nothing specified, nothing added."
    if os.path.realpath(repo.index) != os.path.realpath(repo.own_index):
        return False
    if repo.config.get_bool("core.sparsecheckout", False) or repo.config.get_bool("core.splitindex", False):
        return False
    return not arguments.path or changes.all_match(arguments.path, arguments.force, arguments.update)


def _require_filter(repo: Repository) -> None:
    command = repo.config.get("filter.data.process")
    if OUR_MARK not in command.replace("\\", "/"):
        raise RepositoryError("git does not know the filter of data files here", "git data install")


def _choose(repo: Repository, listed: list[Change]) -> tuple[list[Candidate], list[Change]]:
    """Which changes are data files that can be added in bulk, and what is left for git."""
    root = os.fsencode(repo.require_worktree())
    regular = [change for change in listed if change.status in "M?" and not change.path.endswith(b"/")]
    rest = [change for change in listed if change.status not in "M?" or change.path.endswith(b"/")]
    data = _with_data_filter([change.path for change in regular], repo)
    candidates = []
    for change in regular:
        size = _regular_size(os.path.join(root, change.path)) if change.path in data else -1
        if size < 0 or change.mode == b"160000":
            rest.append(change)
        else:
            candidate = Candidate(change.path, change.mode, size, change.known)
            candidate.format = "lfs" if data[change.path] == b"lfs" else ""
            candidates.append(candidate)
    return candidates, rest


def _regular_size(path: bytes) -> int:
    """The size of a regular file; -1 for anything else."""
    try:
        status = os.lstat(path)
    except OSError:
        return -1
    return status.st_size if stat.S_ISREG(status.st_mode) else -1


def _with_data_filter(paths: list[bytes], repo: Repository) -> dict[bytes, bytes]:
    """Paths with a filter that is ours, and its name, unless git would also change the encoding of what the filter gives."""
    if not paths:
        return {}
    stdin = b"".join(path + b"\0" for path in paths)
    answers = records("check-attr", "--stdin", "-z", "filter", "working-tree-encoding", cwd=repo.worktree, stdin=stdin)
    ours = [name.encode() for name in repo.filters]
    data: dict[bytes, bytes] = {}
    for path, name, value in zip(answers[0::3], answers[1::3], answers[2::3]):
        if name == b"filter" and value in ours:
            data[path] = value
        elif name == b"working-tree-encoding" and value not in (b"unspecified", b"unset", b"set"):
            data.pop(path, None)
    return data


def _streamer(cleaner: Cleaner) -> Callable[[int, bytes], bytes]:
    def stream(fd: int, path: bytes) -> bytes:
        return cleaner.clean(FileContent(fd), path)

    return stream


def _show(repo: Repository, candidates: list[Candidate], rest: list[Change]) -> None:
    lines = {item.path: f"add '{shown(item.path)}'" for item in candidates if not item.is_known(repo.object_format)}
    for change in rest:
        lines[change.path] = f"{'remove' if change.status == 'D' else 'add'} '{shown(change.path)}'"
    for path in sorted(lines):
        print(lines[path])


def _plain_add(arguments: argparse.Namespace) -> int:
    """git's own command with the same words; its messages are its own."""
    options = [
        *(["--all"] if arguments.all else []),
        *(["--update"] if arguments.update else []),
        *(["--force"] if arguments.force else []),
        *(["--dry-run"] if arguments.dry_run else []),
    ]
    try:
        return subprocess.call(["git", "add", *options, "--", *arguments.path])
    except FileNotFoundError:
        raise GitDataError("git is not on the PATH", "install git and try again") from None
