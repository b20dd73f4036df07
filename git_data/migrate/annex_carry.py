"""Carrying out what is planned: the new commit or the new history, and git-annex switched off, at once or not at all."""

from __future__ import annotations

from git_data.errors import GitDataError
from git_data.migrate import history, outcome
from git_data.migrate.annex_off import settle, switch_off
from git_data.migrate.annex_rewrite import ATTRIBUTES, Plan, Rewriting
from git_data.migrate.moves import carry_out, finish
from git_data.migrate.one_commit import File, build, checked_out
from git_data.migrate.record import DONE, Record
from git_data.migrate.setup import set_up
from git_data.migrate.stream import Commit, FileChange
from git_data.pointer import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.base.report import Progress
    from git_data.git.repo import Repository
    from git_data.migrate.annex_find import Found
    from git_data.migrate.history import Rewritten
    from git_data.store.objects import Store

COMMAND = "annex"
_MESSAGE = "Keep the files of git-annex as data\n"


def commit_on_top(repo: Repository, store: Store, plan: Plan, found: Found) -> tuple[Record, list[str]]:
    """One commit on top of what is checked out; lines about what is left to do. Raises: GitDataError."""
    commit = Commit()
    commit.oid = checked_out(repo)[1].encode()
    commit.changes = [FileChange(version.path, version.mode, version.blob) for version in found.versions]
    changes = Rewriting(repo, plan).change(commit)
    files = [File(change.path, change.mode, change.content) for change in changes if isinstance(change.content, bytes)]
    removed = [change.path for change in changes if not change.mode]
    if not any(change.path == ATTRIBUTES for change in changes):
        removed += [version.path for version in found.versions if version.path == ATTRIBUTES]
    record = Record(repo, COMMAND)
    record.moves = [build(repo, files, removed, _MESSAGE)]
    settle(repo)
    try:
        left = switch_off(repo, record)
        set_up(repo, store, record)
        outcome.require_filter(repo, record.moves[0].new, [file.path for file in files if parse(file.content) is not None])
        carry_out(repo, store, record)
    except GitDataError:
        finish(repo, record)  # nothing has moved: everything as it was
        raise
    return record, left


def only_switch_off(repo: Repository, store: Store) -> list[str]:
    """Where a colleague has migrated: git-annex has no say any more, git-data has; lines about what is left to do.

    Raises: GitDataError.
    """
    record = Record(repo, COMMAND)
    left = switch_off(repo, record)
    set_up(repo, store, record)
    record.save(DONE)
    return left


def rewrite_history(repo: Repository, plan: Plan, include: list[str], progress: Progress) -> Rewritten:
    """The new history; nothing refers to it yet. Raises: GitFailed, FileSystemError."""
    return history.rewrite(repo, include, [], Rewriting(repo, plan), progress)


def publish(repo: Repository, store: Store, rewritten: Rewritten, map_path: str) -> tuple[Record, list[str]]:
    """Move the refs to it; lines about what is left to do. Raises: GitDataError."""
    record = Record(repo, COMMAND)
    record.moves = [move for move in rewritten.moves if move.new != move.old]
    settle(repo)
    try:
        left = switch_off(repo, record)
        set_up(repo, store, record)
        outcome.publish(repo, store, record, rewritten, map_path)
    except GitDataError:
        finish(repo, record)  # nothing has moved: everything as it was
        raise
    return record, left
