"""Bringing data into the store, from the default remote and, where that lacks something, from the others."""

from __future__ import annotations

from git_data.base.report import Progress
from git_data.errors import GitDataError, UsageError
from git_data.store.presence import Presence
from git_data.sync.implied import look_for_remotes
from git_data.sync.remotes import Named, default_name, named
from git_data.sync.session import Session
from git_data.transfer.download import download

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.store.objects import Store


class Fetched:
    """``brought`` objects and their bytes; ``missing`` ones with the reason of the last remote that was asked."""

    __slots__ = ("asked", "brought", "bytes", "missing", "requests", "retries")

    def __init__(self) -> None:
        self.asked: list[str] = []
        """names of the remotes that were asked"""
        self.brought: list[str] = []
        self.bytes = 0
        self.missing: list[tuple[Pointer, GitDataError]] = []
        self.requests = 0
        self.retries = 0


def lacking(store: Store, pointers: Iterable[Pointer]) -> list[Pointer]:
    """The pointers, each object once, whose content the store lacks."""
    distinct = list({pointer.oid: pointer for pointer in pointers}.values())
    presence = Presence(store, len(distinct))
    return [pointer for pointer in distinct if not presence.has(pointer.oid, pointer.size)]


def sources(repo: Repository) -> list[Named]:
    """All remotes, the default one first."""
    look_for_remotes(repo)
    remotes = named(repo.config)
    first = default_name(repo.config)
    return sorted(remotes.values(), key=lambda remote: remote.name != first)


def fetch(repo: Repository, store: Store, pointers: list[Pointer], remotes: list[Named], jobs: int = 0) -> Fetched:
    """Bring objects the store lacks, from the first remote that has them.

    A remote that does not work is passed over if there is another; what none could bring is in ``missing``.

    Raises: UsageError without a remote, FileSystemError when the store cannot be written.
    """
    result = Fetched()
    if not pointers:
        return result
    if not remotes:
        raise UsageError("there is no remote to fetch data from", "git data remote add -d store URL")
    wanted, reasons = pointers, {}
    size = sum(pointer.size for pointer in pointers)
    with Progress("fetching", len(pointers), size) as progress:
        for remote in remotes:
            result.asked.append(remote.name or remote.url)
            failed = _from_one(repo, store, remote, wanted, result, progress, jobs)
            reasons.update({pointer.oid: error for pointer, error in failed})
            wanted = [pointer for pointer, _ in failed]
            if not wanted:
                break
    store.flush()
    result.missing = [(pointer, reasons[pointer.oid]) for pointer in wanted]
    return result


def _from_one(
    repo: Repository, store: Store, remote: Named, wanted: list[Pointer], result: Fetched, progress: Progress, jobs: int
) -> list[tuple[Pointer, GitDataError]]:
    """Fetch what this remote has; the rest, with reasons. Raises: FileSystemError."""
    from git_data.errors import FileSystemError

    try:
        session = Session(repo, remote, jobs)
    except GitDataError as error:
        return [(pointer, error) for pointer in wanted]
    try:
        outcome = download(session.remote, store, wanted, jobs, repo.settings.limit_rate_bytes, progress)
    except FileSystemError:
        raise
    except GitDataError as error:
        return [(pointer, error) for pointer in lacking(store, wanted)]
    finally:
        result.requests += session.remote.requests
        session.close()
    result.brought += outcome.done
    result.bytes += outcome.bytes
    result.retries += outcome.retries
    return outcome.failed
