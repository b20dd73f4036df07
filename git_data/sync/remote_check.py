"""Checking a remote: does it have every object, in its full size, and with the content its name promises?"""

from __future__ import annotations

import math
import random
from contextlib import closing

from git_data.base.digest import sha256
from git_data.base.report import Progress
from git_data.errors import CorruptData, GitDataError, NotOnRemote, ObjectRefused
from git_data.remote.layout import object_key
from git_data.transfer.plan import look
from git_data.transfer.pool import Pool
from git_data.transfer.upload import batches, upload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from git_data.pointer import Pointer
    from git_data.remote.base import Remote
    from git_data.store.objects import Store
    from git_data.sync.session import Session

MISSING, DAMAGED = "missing", "damaged"


class Fault:
    """One object that is not as it should be; ``repaired`` after it was sent again."""

    __slots__ = ("kind", "pointer", "reason", "repaired")

    def __init__(self, pointer: Pointer, kind: str, reason: str = "") -> None:
        self.pointer = pointer
        self.kind = kind
        self.reason = reason
        self.repaired = False


class RemoteCheck:
    """What a look at a remote found. ``hashed`` objects were read, the others only looked at."""

    __slots__ = ("checked", "faults", "hashed", "hashed_bytes")

    def __init__(self) -> None:
        self.checked = 0
        self.hashed = 0
        self.hashed_bytes = 0
        self.faults: list[Fault] = []


def check(session: Session, pointers: list[Pointer], percent: float, jobs: int = 0, bytes_per_s: int = 0) -> RemoteCheck:
    """Look at every object, and read ``percent`` of those that seem sound, chosen at random.

    What is known of the remote is put right.  Raises: RemoteError.
    """
    result = RemoteCheck()
    result.checked = len(pointers)
    session.reader()
    with Progress(f"asking {session.name}", len(pointers)) as progress:
        sizes = look(session.remote, pointers, progress).sizes
    seeming = []
    for pointer in pointers:
        size = sizes.get(pointer.oid)
        if size is None:
            result.faults.append(Fault(pointer, MISSING))
        elif size != pointer.size:
            result.faults.append(Fault(pointer, DAMAGED, f"{size:,} bytes long instead of {pointer.size:,}"))
        else:
            seeming.append(pointer)
    chosen = random.SystemRandom().sample(seeming, math.ceil(len(seeming) * percent / 100)) if percent else []
    result.hashed, result.hashed_bytes = len(chosen), sum(pointer.size for pointer in chosen)
    with Progress(f"reading {session.name}", result.hashed, result.hashed_bytes) as progress:
        result.faults += _hash(session.remote, chosen, jobs, bytes_per_s, progress)
    wrong = {fault.pointer.oid for fault in result.faults}
    session.known.forget(wrong)
    session.known.add(pointer.oid for pointer in seeming if pointer.oid not in wrong)
    return result


def repair(
    session: Session, store: Store, faults: list[Fault], jobs: int = 0, bytes_per_s: int = 0
) -> list[tuple[Pointer, GitDataError]]:
    """Send again what is sound in the store, and look whether it has arrived; what could not be sent.  Raises: RemoteError."""
    here = [fault.pointer for fault in faults if store.sound(fault.pointer.oid, fault.pointer.size) is not None]
    if not here:
        return []
    session.writer()
    with Progress(f"sending to {session.name}", len(here), sum(pointer.size for pointer in here)) as progress:
        outcome = upload(session.remote, store, here, jobs, bytes_per_s, progress)
    done = set(outcome.done)
    sizes = look(session.remote, [pointer for pointer in here if pointer.oid in done]).sizes
    for fault in faults:
        fault.repaired = sizes.get(fault.pointer.oid) == fault.pointer.size and fault.pointer.oid in done
    if session.remote.traits.objects_only:
        outcome.failed += _still_damaged(session, [fault for fault in faults if fault.repaired and fault.kind == DAMAGED], jobs)
    session.known.add(fault.pointer.oid for fault in faults if fault.repaired)
    return outcome.failed


def _still_damaged(session: Session, faults: list[Fault], jobs: int) -> list[tuple[Pointer, GitDataError]]:
    """Who may say that he has an object already is read once more."""
    with Progress(f"reading {session.name}", len(faults), sum(fault.pointer.size for fault in faults)) as progress:
        wrong = {fault.pointer.oid for fault in _hash(session.remote, [fault.pointer for fault in faults], jobs, 0, progress)}
    error = CorruptData(
        f"'{session.name}' holds damaged content and does not take it a second time, as it says that it has it",
        "who runs the server must delete it there; then: git data push --all",
    )
    failed: list[tuple[Pointer, GitDataError]] = []
    for fault in faults:
        if fault.pointer.oid in wrong:
            fault.repaired = False
            failed.append((fault.pointer, error))
    return failed


def _hash(remote: Remote, pointers: list[Pointer], jobs: int, bytes_per_s: int, progress: Progress) -> list[Fault]:
    pool = Pool(jobs or remote.traits.workers, progress, bytes_per_s)
    faults: list[Fault] = []

    def verdict(pointer: Pointer, digest: str | GitDataError) -> None:
        if isinstance(digest, GitDataError) and not isinstance(digest, (CorruptData, NotOnRemote, ObjectRefused)):
            raise digest
        with pool.lock:
            if isinstance(digest, NotOnRemote):
                faults.append(Fault(pointer, MISSING))
            elif isinstance(digest, ObjectRefused):
                faults.append(Fault(pointer, DAMAGED, digest.message))
            elif digest != pointer.oid:
                faults.append(Fault(pointer, DAMAGED, "its content has another SHA-256"))
        pool.note(1, 0)

    def one(pointer: Pointer) -> Callable[[], None]:
        return lambda: verdict(pointer, _digest(remote, pointer, pool))

    def many(group: list[Pointer]) -> Callable[[], None]:
        left = list(group)

        def piece() -> None:
            answers = remote.get_many([(object_key(pointer.oid), pointer.size) for pointer in left])
            for pointer, answer in zip(list(left), answers):
                if isinstance(answer, bytes):
                    pool.moved(len(answer))
                    verdict(pointer, sha256(answer).hexdigest())
                else:
                    verdict(pointer, answer)
                left.remove(pointer)

        return piece

    large, small = batches(pointers, remote.traits.batch, pool.workers)
    remote.announce([(object_key(pointer.oid), pointer.size) for pointer in pointers])
    pool.run([*(one(pointer) for pointer in large), *(many(group) for group in small)])
    return faults


def _digest(remote: Remote, pointer: Pointer, pool: Pool) -> str | GitDataError:
    """The hash of an object as it comes; nothing is stored."""
    hasher = sha256()
    told = 0
    try:
        pieces = remote.get(object_key(pointer.oid))
        with closing(pieces):  # type: ignore[type-var]
            for data in pieces:
                pool.moved(len(data))
                told += len(data)
                hasher.update(data)
                if told > pointer.size:
                    break  # an endless body
    except GitDataError as error:
        pool.note(0, -told)
        return error
    return hasher.hexdigest()
