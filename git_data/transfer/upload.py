"""From the store to a remote.

Small objects go many in one call, large ones one by one (the backend cuts them into parts); the largest are begun first.  The
caller has found out what the remote lacks, and publishes nothing before this has returned without failures.
"""

from __future__ import annotations

from contextlib import suppress

from git_data.errors import GitDataError, MissingData
from git_data.remote.base import SMALL_BYTES, Source
from git_data.remote.layout import object_key
from git_data.transfer.pool import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from git_data.base.report import Progress
    from git_data.pointer import Pointer
    from git_data.remote.base import Remote
    from git_data.store.objects import Store

BATCH_BYTES = 4 << 20


class Outcome:
    """What became of the objects: ``done`` oids, their bytes, failures of single objects, how often something was repeated."""

    __slots__ = ("bytes", "done", "failed", "retries")

    def __init__(self) -> None:
        self.done: list[str] = []
        self.bytes = 0
        self.failed: list[tuple[Pointer, GitDataError]] = []
        self.retries = 0


def batches(pointers: list[Pointer], files: int, workers: int = 1) -> tuple[list[Pointer], list[list[Pointer]]]:
    """Large objects, the largest first, and small ones in groups for one call each."""
    large = sorted((item for item in pointers if item.size > SMALL_BYTES), key=lambda item: -item.size)
    small = [item for item in pointers if item.size <= SMALL_BYTES]
    # a few for every worker rather than all for one
    files = max(1, min(files, -(-len(small) // max(workers, 1))))
    groups: list[list[Pointer]] = []
    size = BATCH_BYTES
    for item in small:
        if size >= BATCH_BYTES or len(groups[-1]) >= files:
            groups.append([])
            size = 0
        groups[-1].append(item)
        size += item.size
    return large, groups


def upload(
    remote: Remote,
    store: Store,
    pointers: list[Pointer],
    jobs: int = 0,
    bytes_per_s: int = 0,
    progress: Progress | None = None,
    stored: Callable[[list[str]], None] | None = None,
) -> Outcome:
    """Send objects; ``stored`` is told at the end of those that have arrived and are durable, also when something fails.

    Raises: RemoteError when the remote as a whole does not work; what has arrived by then is in no harm.
    """
    outcome = Outcome()
    pool = Pool(jobs or remote.traits.workers, progress, bytes_per_s)
    large, small = batches(pointers, remote.traits.batch, pool.workers)
    remote.announce([(object_key(item.oid), item.size) for item in (*large, *(one for group in small for one in group))], True)
    work = _Uploads(remote, store, pool, outcome)
    try:
        pool.run([*(work.one(pointer) for pointer in large), *(work.many(group) for group in small)])
    except BaseException:
        with suppress(GitDataError):  # the first error is the one to tell
            _keep(remote, outcome, stored)
        raise
    finally:
        outcome.retries = pool.retries
    _keep(remote, outcome, stored)
    return outcome


def _keep(remote: Remote, outcome: Outcome, stored: Callable[[list[str]], None] | None) -> None:
    """Make what has arrived durable, and tell; a thread that is still at work adds no more to that."""
    done = list(outcome.done)
    if done:
        remote.flush()
        if stored is not None:
            stored(done)


class _Uploads:
    def __init__(self, remote: Remote, store: Store, pool: Pool, outcome: Outcome) -> None:
        self.remote = remote
        self.store = store
        self.pool = pool
        self.outcome = outcome

    def one(self, pointer: Pointer) -> Callable[[], None]:
        def piece() -> None:
            told = _Told(self.pool)
            try:
                self.remote.put(object_key(pointer.oid), self._source(pointer, told))
            except GitDataError as error:
                told.take_back()
                self._failed(pointer, error)
            else:
                self._done([pointer])

        return piece

    def many(self, group: list[Pointer]) -> Callable[[], None]:
        left = list(group)

        def piece() -> None:
            told = _Told(self.pool)
            items = []
            for pointer in list(left):
                try:
                    items.append((pointer, self._source(pointer, told)))
                except GitDataError as error:
                    left.remove(pointer)
                    self._failed(pointer, error)
            try:
                answers = self.remote.put_many([(object_key(pointer.oid), source) for pointer, source in items])
            except GitDataError:
                told.take_back()
                raise
            again: GitDataError | None = None
            done = []
            for (pointer, _), answer in zip(items, answers):
                if answer is not None and answer.retryable:
                    again = answer
                    continue
                left.remove(pointer)
                if answer is None:
                    done.append(pointer)
                else:
                    self._failed(pointer, answer)
            self._done(done)
            if again is not None:
                raise again

        return piece

    def _source(self, pointer: Pointer, told: _Told) -> Source:
        """Raises: MissingData."""
        path = self.store.sound(pointer.oid, pointer.size)
        if path is None:
            raise MissingData(f"the data of {pointer.oid[:12]} ({pointer.size:,} bytes) is not in the store", "git data fsck")
        return Source(pointer.size, pointer.oid, path, sent=told)

    def _done(self, pointers: list[Pointer]) -> None:
        if not pointers:
            return
        with self.pool.lock:
            self.outcome.done += [pointer.oid for pointer in pointers]
            self.outcome.bytes += sum(pointer.size for pointer in pointers)
        self.pool.note(len(pointers), 0)

    def _failed(self, pointer: Pointer, error: GitDataError) -> None:
        """One object cannot be sent; what concerns all of them ends everything. Raises: the error."""
        if concerns_all(error):
            raise error
        with self.pool.lock:
            self.outcome.failed.append((pointer, error))


class _Told:
    """What an attempt has told the progress, to be taken back if it fails."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._bytes = 0

    def __call__(self, size: int) -> None:
        self._pool.moved(size)
        self._bytes += size

    def take_back(self) -> None:
        self._pool.note(0, -self._bytes)
        self._bytes = 0


def concerns_all(error: GitDataError) -> bool:
    """Whether an error says something about the remote, or about one object only."""
    from git_data.errors import CorruptData, NotOnRemote, ObjectRefused

    return error.retryable or not isinstance(error, (CorruptData, MissingData, NotOnRemote, ObjectRefused))
