"""Copying objects from one remote to another.

What the store of this machine has is sent from there.  Small objects of the rest go by way of memory, a few megabytes at a time;
large ones by way of files in the store's ``tmp/``, so many at a time as ``_ROUND_BYTES`` allows.  Nothing is sent that was not
hashed on its way.

A crash leaves a directory in ``tmp/``, which the next copy deletes after a day.
"""

from __future__ import annotations

import os
import shutil
import time

from git_data.base import fsio
from git_data.base.digest import sha256
from git_data.errors import CorruptData, GitDataError, MissingData
from git_data.pointer import Pointer
from git_data.remote.base import SMALL_BYTES, Source
from git_data.remote.layout import PROJECTS, object_key, oid_of
from git_data.store.objects import TEMP_GRACE_S, Store
from git_data.transfer.download import download
from git_data.transfer.plan import list_all, look
from git_data.transfer.pool import Pool
from git_data.transfer.upload import Outcome, batches, concerns_all, upload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from git_data.base.report import Progress
    from git_data.remote.base import Remote

_ROUND_BYTES = 1 << 30
_MOST_WORKERS = 8
"""Each holds a few megabytes."""
_SCRATCH = fsio.TEMP_PREFIX + "mirror-"


class Copied(Outcome):
    """What all steps together did; ``from_store`` of the objects were sent from this machine."""

    __slots__ = ("from_store",)

    def __init__(self) -> None:
        super().__init__()
        self.from_store = 0

    def take(self, outcome: Outcome) -> None:
        """What one step did."""
        self.done += outcome.done
        self.bytes += outcome.bytes
        self.failed += outcome.failed
        self.retries += outcome.retries


def listed(remote: Remote) -> list[Pointer]:
    """Every object a remote has. Raises: RemoteError."""
    return [Pointer(oid, entry.size) for entry in list_all(remote) if (oid := oid_of(entry.key)) is not None]


def lacking(target: Remote, pointers: list[Pointer], progress: Progress | None = None) -> list[Pointer]:
    """Those that the target does not have in their full size. Raises: RemoteError."""
    there = look(target, pointers, progress).sizes
    return [pointer for pointer in pointers if there.get(pointer.oid) != pointer.size]


def copy(
    source: Remote,
    target: Remote,
    store: Store,
    pointers: list[Pointer],
    jobs: int = 0,
    bytes_per_s: int = 0,
    progress: Progress | None = None,
    stored: Callable[[list[str]], None] | None = None,
) -> Copied:
    """Copy objects; ``stored`` is told what has arrived.

    Raises: RemoteError when one of the two does not work, FileSystemError; what has arrived by then is in no harm.
    """
    result = Copied()
    here = [pointer for pointer in pointers if store.find(pointer.oid, pointer.size) is not None]
    sent = upload(target, store, here, jobs, bytes_per_s, progress, stored)
    result.from_store = len(sent.done)
    # what is damaged here may be sound there
    sent.failed = [failure for failure in sent.failed if not isinstance(failure[1], (CorruptData, MissingData))]
    result.take(sent)
    done = {*sent.done, *(pointer.oid for pointer, _ in sent.failed)}
    rest = [pointer for pointer in pointers if pointer.oid not in done]
    result.take(
        _through_memory(source, target, [item for item in rest if item.size <= SMALL_BYTES], jobs, bytes_per_s, progress, stored)
    )
    large = [item for item in rest if item.size > SMALL_BYTES]
    if large:
        _sweep(store)
    for some in _rounds(large):
        result.take(_through_files(source, target, store, some, jobs, bytes_per_s, progress, stored))
    return result


def copy_projects(source: Remote, target: Remote) -> None:
    """Which projects keep data there: a collection on the target must ask for all of them. Raises: RemoteError."""
    if target.traits.objects_only:
        return  # where nobody collects
    for entry in source.list(PROJECTS):
        target.create(entry.key, source.read(entry.key)[0])


def _through_memory(
    source: Remote,
    target: Remote,
    pointers: list[Pointer],
    jobs: int,
    bytes_per_s: int,
    progress: Progress | None,
    stored: Callable[[list[str]], None] | None,
) -> Outcome:
    outcome = Outcome()
    workers = jobs or min(source.traits.workers, target.traits.workers)
    pool = Pool(min(workers, _MOST_WORKERS), progress, bytes_per_s)

    def piece(left: list[Pointer]) -> None:
        answers = source.get_many([(object_key(pointer.oid), pointer.size) for pointer in left])
        sound: list[tuple[Pointer, bytes]] = []
        for pointer, answer in zip(list(left), answers):
            if isinstance(answer, bytes) and sha256(answer).hexdigest() == pointer.oid:
                sound.append((pointer, answer))
            else:
                failed(pointer, _wrong(source, pointer) if isinstance(answer, bytes) else answer)
                left.remove(pointer)
        for _, content in sound:
            pool.moved(len(content))
        items = [(object_key(pointer.oid), Source(pointer.size, pointer.oid, content=content)) for pointer, content in sound]
        for (pointer, _), error in zip(sound, target.put_many(items)):
            if error is not None and error.retryable:
                raise error
            if error is None:
                arrived(pointer)
            else:
                failed(pointer, error)
            left.remove(pointer)

    def failed(pointer: Pointer, error: GitDataError) -> None:
        if concerns_all(error):
            raise error
        with pool.lock:
            outcome.failed.append((pointer, error))

    def arrived(pointer: Pointer) -> None:
        with pool.lock:
            outcome.done.append(pointer.oid)
            outcome.bytes += pointer.size
        pool.note(1, 0)

    _, groups = batches(pointers, source.traits.batch, pool.workers)
    wanted = [(object_key(pointer.oid), pointer.size) for pointer in pointers]
    source.announce(wanted)
    target.announce(wanted, writing=True)
    try:
        pool.run([lambda left=list(group): piece(left) for group in groups])  # type: ignore[misc]
    finally:
        outcome.retries = pool.retries
        target.flush()
        if stored is not None:
            stored(outcome.done)
    return outcome


def _wrong(source: Remote, pointer: Pointer) -> CorruptData:
    return CorruptData(f"'{object_key(pointer.oid)}' on {source.url} does not hold what its name says")


def _through_files(
    source: Remote,
    target: Remote,
    store: Store,
    pointers: list[Pointer],
    jobs: int,
    bytes_per_s: int,
    progress: Progress | None,
    stored: Callable[[list[str]], None] | None,
) -> Outcome:
    """A store of its own, for as long as it takes: downloads into it are verified, and uploads from it, too."""
    store.make()
    scratch = Store(os.path.join(store.tmp, f"{_SCRATCH}{os.getpid()}-{os.urandom(4).hex()}"), "none")
    try:
        # both ways count, but only one moves the progress
        brought = download(source, scratch, pointers, jobs, bytes_per_s)
        there = [pointer for pointer in pointers if pointer.oid in set(brought.done)]
        sent = upload(target, scratch, there, jobs, bytes_per_s, progress, stored)
    finally:
        shutil.rmtree(scratch.root, ignore_errors=True)
    sent.failed += brought.failed
    return sent


def _rounds(pointers: list[Pointer]) -> Iterator[list[Pointer]]:
    """Objects that fit on the disk together; one that is larger goes alone."""
    some: list[Pointer] = []
    for pointer in pointers:
        if some and sum(item.size for item in some) + pointer.size > _ROUND_BYTES:
            yield some
            some = []
        some.append(pointer)
    if some:
        yield some


def _sweep(store: Store) -> None:
    """Delete what killed copies have left."""
    store.make()
    with os.scandir(store.tmp) as found:
        old = [entry.path for entry in found if entry.name.startswith(_SCRATCH) and _age_s(entry) > TEMP_GRACE_S]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)


def _age_s(entry: os.DirEntry[str]) -> float:
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return 0.0
