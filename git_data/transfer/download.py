"""From a remote into the store; nothing gets its name there before it has been hashed.

Small objects come many in one call and are stored from memory.  Large ones come in parts, several at a time, into a file of the
store's ``tmp/``; which parts are there is noted beside it, so that a download goes on where it was broken off, even by a kill.
From a folder on this machine files are cloned.  Two processes never download the same object (``store.claims``): who comes
second waits; to clone one twice costs less than to prevent it.
"""

from __future__ import annotations

import os
import stat
from contextlib import closing

from git_data.base.digest import sha256
from git_data.errors import CorruptData, GitDataError, NotOnRemote, ObjectRefused, from_os_error
from git_data.remote.layout import MARKER, object_key
from git_data.store.claims import Claims
from git_data.store.put import put_item, put_items
from git_data.transfer.partial import Partial
from git_data.transfer.pool import Pool
from git_data.transfer.upload import Outcome, batches, concerns_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from git_data.base.report import Progress
    from git_data.pointer import Pointer
    from git_data.remote.base import Remote
    from git_data.store.objects import Store

PART_BYTES = 16 << 20
_STREAM_BYTES = 32 << 20
"""Up to this size one request is as good as several."""
_MOST_PARTS = 10_000
"""A pointer may name any size: more parts than these would only take memory."""


def download(
    remote: Remote,
    store: Store,
    pointers: list[Pointer],
    jobs: int = 0,
    bytes_per_s: int = 0,
    progress: Progress | None = None,
    key_of: Callable[[str], str] = object_key,
) -> Outcome:
    """Bring objects; the caller makes them durable (``store.flush``). ``key_of`` says where an oid lies on the remote.

    Raises: RemoteError when the remote as a whole does not work, FileSystemError when the store does not; what is there by then
    stays.
    """
    outcome = Outcome()
    store.make()
    pool = Pool(jobs or remote.traits.workers, progress, bytes_per_s)
    work = _Downloads(remote, store, pool, outcome, key_of)
    large, small = batches(pointers, remote.traits.batch, pool.workers)
    remote.announce([(key_of(pointer.oid), pointer.size) for pointer in (*large, *(item for group in small for item in group))])
    try:
        pool.run([*(work.one(pointer) for pointer in large), *(work.many(group) for group in small)])
        # those that others were bringing: once they are through there is nothing left to do, or it is our turn
        waiting, work.waiting = work.waiting, []
        work.wait = True
        large, small = batches(waiting, files=1)
        pool = work.pool = Pool(1, progress, bytes_per_s)
        pool.run([*(work.one(pointer) for pointer in large), *(work.many(group) for group in small)])
    finally:
        outcome.retries += pool.retries
        work.claims.close()
    return outcome


class _Downloads:
    def __init__(self, remote: Remote, store: Store, pool: Pool, outcome: Outcome, key_of: Callable[[str], str]) -> None:
        self.remote = remote
        self.store = store
        self.pool = pool
        self.outcome = outcome
        self.key_of = key_of
        self.claims = Claims(store)
        self.cloning = bool(remote.local_path(MARKER))
        self.wait = False
        self.waiting: list[Pointer] = []

    # -- which of them are ours

    def _ours(self, pointer: Pointer) -> bool:
        """Claim an object, unless it is there by now or somebody else brings it."""
        if not self.cloning and not self.claims.claim(pointer.oid, self.wait):
            with self.pool.lock:
                self.waiting.append(pointer)
            return False
        if self.store.find(pointer.oid, pointer.size) is not None:
            self._done([pointer], moved=False)
            return False
        return True

    def _done(self, pointers: list[Pointer], moved: bool = True) -> None:
        for pointer in () if self.cloning else pointers:
            self.claims.release(pointer.oid)
        with self.pool.lock:
            self.outcome.done += [pointer.oid for pointer in pointers]
            self.outcome.bytes += sum(pointer.size for pointer in pointers) if moved else 0
        self.pool.note(len(pointers), 0 if moved else sum(pointer.size for pointer in pointers))

    def _failed(self, pointer: Pointer, error: GitDataError) -> None:
        """Raises: the error, if it concerns more than this object."""
        self.claims.release(pointer.oid)
        if concerns_all(error):
            raise error
        with self.pool.lock:
            self.outcome.failed.append((pointer, error))

    # -- small objects

    def many(self, group: list[Pointer]) -> Callable[[], None]:
        left: list[Pointer] | None = None

        def piece() -> None:
            nonlocal left
            if left is None:
                left = [pointer for pointer in group if self._ours(pointer)]
            if left and self.cloning:
                self._clone(left)
            elif left:
                self._fetch(left)

        return piece

    def _fetch(self, pointers: list[Pointer]) -> None:
        answers = self.remote.get_many([(self.key_of(pointer.oid), pointer.size) for pointer in pointers])
        items = []
        for pointer, answer in zip(pointers, answers):
            if not isinstance(answer, bytes):
                self._failed(pointer, answer)
            elif len(answer) != pointer.size or sha256(answer).hexdigest() != pointer.oid:
                self._failed(pointer, self._wrong(pointer))
            else:
                self.pool.moved(len(answer))
                items.append((pointer, put_item(self.store, pointer.oid, pointer.size, content=answer)))
        put_items(self.store, self.store.root, [item for _, item in items])
        self._done([pointer for pointer, _ in items])

    def _wrong(self, pointer: Pointer) -> CorruptData:
        return CorruptData(
            f"'{self.key_of(pointer.oid)}' on {self.remote.url} does not hold what its name says",
            "by somebody who has the content: git data fsck --remote --sample 100% --repair",
        )

    # -- folders of this machine

    def _clone(self, pointers: list[Pointer]) -> None:
        items = []
        for pointer in pointers:
            path = self.remote.local_path(self.key_of(pointer.oid))
            try:
                status = self._verified(path, pointer)
            except GitDataError as error:
                self._failed(pointer, error)
                continue
            source = os.fsencode(path.lstrip("/"))
            items.append((pointer, put_item(self.store, pointer.oid, pointer.size, source=source, status=status)))
        changed = put_items(self.store, "/", [item for _, item in items])
        failed = [pointer for pointer, item in items if item in changed]
        self._done([pointer for pointer, item in items if item not in changed])
        for pointer in failed:
            self._failed(pointer, self._wrong(pointer))

    def _verified(self, path: str, pointer: Pointer) -> os.stat_result:
        """The file's stat data, taken before its content was hashed. Raises: NotOnRemote, CorruptData, RemoteError."""
        try:
            status = os.lstat(path)
        except OSError:
            raise NotOnRemote(f"'{path}' is not there") from None
        if not stat.S_ISREG(status.st_mode):
            raise NotOnRemote(f"'{path}' is not a file")
        hasher = sha256()
        if status.st_size == pointer.size:
            for data in self.remote.get(self.key_of(pointer.oid)):
                self.pool.moved(len(data))
                hasher.update(data)
        if hasher.hexdigest() != pointer.oid:
            raise self._wrong(pointer)
        return status

    # -- large objects

    def one(self, pointer: Pointer) -> Callable[[], None]:
        ours: list[bool] = []

        def piece() -> None:
            if not ours:
                ours.append(self._ours(pointer))
            if not ours[0]:
                return
            if self.cloning:
                self._clone([pointer])
            else:
                self._begin(pointer)

        return piece

    def _begin(self, pointer: Pointer) -> None:
        """Open what is there already, and do the parts that lack, side by side."""
        part_bytes = max(PART_BYTES, -(-pointer.size // _MOST_PARTS))
        if pointer.size <= _STREAM_BYTES or not self.remote.traits.ranges:
            part_bytes = pointer.size
        partial = Partial(self.store, pointer, part_bytes, private=not self.claims.exclusive)
        missing = partial.missing()
        self.pool.note(0, pointer.size - sum(length for _, _, length in missing))
        if not missing:
            self._finish(pointer, partial)
            return
        for number, start, length in missing[1:]:
            self.pool.add(self._part(pointer, partial, number, start, length), first=True)
        self.pool.add(self._part(pointer, partial, *missing[0]), first=True)

    def _part(self, pointer: Pointer, partial: Partial, number: int, start: int, length: int) -> Callable[[], None]:
        def piece() -> None:
            if partial.abandoned:
                return
            told = 0
            try:
                at = start
                whole = start == 0 and length == pointer.size
                pieces = self.remote.get(self.key_of(pointer.oid), start, None if whole else length)
                with closing(pieces):  # type: ignore[type-var]
                    for data in pieces:
                        data = data[: start + length - at]  # an endless body
                        if not data:
                            break
                        self.pool.moved(len(data))
                        told += len(data)
                        partial.write(at, data)
                        at += len(data)
                if at != start + length:
                    raise self._wrong(pointer)
            except GitDataError as error:
                self.pool.note(0, -told)
                if partial.abandoned:
                    return
                if isinstance(error, (CorruptData, NotOnRemote, ObjectRefused)) or (error.retryable and self._is_short(pointer)):
                    self._abandon(pointer, partial, error)
                    return
                raise
            if partial.done(number):
                self._finish(pointer, partial)

        return piece

    def _is_short(self, pointer: Pointer) -> bool:
        """Whether the object on the remote has another size, so that trying again is of no use."""
        try:
            entry = self.remote.stat(self.key_of(pointer.oid))
        except GitDataError:
            return False
        return entry is not None and entry.size != pointer.size

    def _abandon(self, pointer: Pointer, partial: Partial, error: GitDataError) -> None:
        with self.pool.lock:
            if partial.abandoned:
                return
            partial.abandoned = True
        partial.remove()
        self._failed(pointer, error if isinstance(error, (NotOnRemote, ObjectRefused)) else self._wrong(pointer))

    def _finish(self, pointer: Pointer, partial: Partial) -> None:
        try:
            sound = partial.install()
        except OSError as error:
            raise from_os_error(error, self.store.path(pointer.oid), "storing", self.store.root, pointer.size) from None
        if sound:
            self._done([pointer])
        elif partial.resumed:
            # what an earlier run had left may be to blame: once more from the beginning
            self.pool.note(0, -pointer.size)
            self._begin(pointer)
        else:
            self._failed(pointer, self._wrong(pointer))
