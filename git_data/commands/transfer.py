"""What ``push``, ``fetch`` and ``pull`` share: which revisions and paths are meant, and how the outcome is told."""

from __future__ import annotations

import argparse
import sys
import time

from git_data.base.report import count, human_size
from git_data.commands.parser import add_dry_run, add_json, add_selection, add_transfer_jobs
from git_data.errors import UsageError
from git_data.git import scan
from git_data.git.repo import Repository
from git_data.git.run import git
from git_data.sync.implied import look_for_remotes
from git_data.sync.remotes import is_address, named, unknown
from git_data.worktree.select import Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.pointer import Pointer

RECENT_DAYS = 7


def add_common(parser: argparse.ArgumentParser, verb: str) -> None:
    """The options of all three."""
    parser.add_argument("words", nargs="*", metavar="WORD", help="a remote, then revisions, ranges or paths")
    parser.add_argument("--all", action="store_true", help=f"{verb} the data of every version reachable from any ref")
    parser.add_argument("--branches", action="store_true", help="all local branches")
    parser.add_argument("--tags", action="store_true", help="all tags")
    parser.add_argument(
        "--recent", action="store_true", help=f"branches and tags with a commit of the last {RECENT_DAYS} days, also remote ones"
    )
    parser.add_argument("--stdin", action="store_true", help="read revisions and ranges from standard input, one a line")
    add_selection(parser)
    add_transfer_jobs(parser)
    add_dry_run(parser)
    add_json(parser)


class Words:
    """What the words of a command line mean: a remote (empty: the default one), revisions, paths."""

    __slots__ = ("paths", "remote", "revisions")

    def __init__(self, remote: str, revisions: list[str], paths: list[str]) -> None:
        self.remote = remote
        self.revisions = revisions
        self.paths = paths


def sort_words(repo: Repository, arguments: argparse.Namespace) -> Words:
    """Tell them apart as git does: what follows ``--`` are paths; before it the first word may be a remote or its address.

    Raises: UsageError for a word that is nothing.
    """
    words, behind = list(arguments.words), arguments.behind_dashes
    at = len(words) - behind if behind >= 0 else len(words)
    before, paths = words[:at], words[at:]
    remote = ""
    look_for_remotes(repo)
    if before and before[0] in named(repo.config):
        remote = before.pop(0)
    revisions: list[str] = []
    for number, word in enumerate(before):
        if ".." in word.strip("./") or _is_revision(word):
            revisions.append(word)
        elif _is_tracked(word):
            paths.append(word)
        elif number == 0 and not remote and is_address(word):
            remote = word
        elif number == 0 and not remote:
            raise unknown(word, named(repo.config))
        else:
            raise UsageError(f"'{word}' is neither a revision nor a file git knows", "git data ls-files")
    return Words(remote, revisions, paths)


def _is_revision(text: str) -> bool:
    return bool(git("rev-parse", "--verify", "--quiet", "--end-of-options", text, ok=(0, 1, 128)))


def _is_tracked(path: str) -> bool:
    return bool(git("ls-files", "-z", "--", path, ok=(0, 128)))


def revisions(arguments: argparse.Namespace, given: list[str]) -> list[str]:
    """What is meant, as arguments of ``git rev-list``; empty if nothing was said. Raises: UsageError, GitFailed."""
    meant = list(given)
    if arguments.stdin:
        meant += [line.strip() for line in sys.stdin if line.strip()]
    for revision in meant:
        if revision.startswith("-"):
            raise UsageError(f"'{revision}' is not a revision", "git log --oneline")
        for part in revision.replace("...", "..").split(".."):
            if part:
                scan.resolve(part.removeprefix("^"), "object")
    if arguments.all:
        meant.append("--all")
    if arguments.branches:
        meant.append("--branches")
    if arguments.tags:
        meant.append("--tags")
    if arguments.recent:
        meant += recent_refs() or ["HEAD"]
    return meant


def recent_refs() -> list[str]:
    """Refs whose newest commit is not older than ``RECENT_DAYS``. Raises: GitFailed."""
    since = time.time() - RECENT_DAYS * 86400
    listed = git("for-each-ref", "--format=%(creatordate:unix) %(refname)", "refs/heads", "refs/tags", "refs/remotes").decode()
    pairs = [line.split(" ", 1) for line in listed.splitlines()]
    return [pair[1] for pair in pairs if pair[0].isdigit() and int(pair[0]) >= since]


def selected(
    repo: Repository, arguments: argparse.Namespace, revisions: list[str], pathspecs: list[str] | None = None
) -> dict[str, Pointer] | None:
    """With patterns or paths: the versions of matching files in the history of ``revisions``; ``None`` without any."""
    selection = Selection(arguments.include, arguments.exclude)
    if selection.everything and not pathspecs:
        return None
    found = scan.versions(repo, revisions, pathspecs)
    return {item.pointer.oid: item.pointer for _, item in found if selection.wants(item.path)}


def amount(objects: int, size_bytes: int) -> str:
    """``3 objects, 1.5 MB``."""
    return f"{count(objects, 'object')}, {human_size(size_bytes)}"
