"""Checking objects against their names, and pointers against the store.

A damaged object is moved to quarantine, so that nobody links to it, and what names it counts as missing.
"""

from __future__ import annotations

import errno
import os
import threading

from git_data.base.digest import file_sha256
from git_data.errors import from_os_error
from git_data.link.batch import run_parallel
from git_data.pointer import is_oid
from git_data.store.objects import Store, stamp_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.base.report import Progress
    from git_data.pointer import Pointer

_CHUNK_FILES = 256
_CHUNK_BYTES = 64 << 20


class Damaged:
    """One object that does not match its name; ``quarantine`` is where it went, empty if it was left."""

    __slots__ = ("oid", "quarantine", "reason", "size")

    def __init__(self, oid: str, size: int, reason: str) -> None:
        self.oid = oid
        self.size = size
        self.reason = reason
        self.quarantine = ""


class StoreCheck:
    """What a look at the whole store found. ``stray`` are files that are no objects."""

    __slots__ = ("bytes_checked", "checked", "damaged", "stray")

    def __init__(self) -> None:
        self.checked = 0
        self.bytes_checked = 0
        self.damaged: list[Damaged] = []
        self.stray: list[str] = []


def list_objects(store: Store, result: StoreCheck) -> list[tuple[str, os.stat_result]]:
    """The objects of a store; what has no object's name goes into ``result.stray``."""
    found = []
    for name, status in store.each():
        if is_oid(name):
            found.append((name, status))
            result.checked += 1
            result.bytes_checked += status.st_size
        else:
            result.stray.append(name)
    return found


def check_objects(
    store: Store,
    objects: list[tuple[str, os.stat_result]],
    result: StoreCheck,
    jobs: int,
    progress: Progress,
    sizes: dict[str, int] | None = None,
    repair: bool = True,
) -> None:
    """Hash every object, or with ``sizes`` (those pointers say) only the ones whose size or stamp is wrong.

    ``repair`` moves damaged ones to quarantine, and stamps sound ones whose stamp was wrong.

    Raises: FileSystemError.
    """
    lock = threading.Lock()

    def work(chunk: list[tuple[str, os.stat_result]]) -> None:
        for oid, status in chunk:
            damaged = _check(store, oid, status, sizes, repair)
            if damaged is not None:
                with lock:
                    result.damaged.append(damaged)
            progress(1, status.st_size)

    run_parallel(work, _chunks(objects), jobs)
    result.damaged.sort(key=lambda damaged: damaged.oid)
    for damaged in result.damaged:
        if repair:
            damaged.quarantine = store.quarantine(store.path(damaged.oid))


def _check(store: Store, oid: str, status: os.stat_result, sizes: dict[str, int] | None, repair: bool) -> Damaged | None:
    stamped = status.st_mtime_ns % 10**9 == stamp_part(oid)
    if sizes is not None:
        if status.st_size != sizes.get(oid, status.st_size):
            return Damaged(oid, status.st_size, f"{status.st_size:,} bytes long instead of {sizes[oid]:,}")
        if stamped:
            return None
    path = store.path(oid)
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        try:
            digest, size = file_sha256(fd)
        finally:
            os.close(fd)
    except FileNotFoundError:
        return None  # collected meanwhile
    except OSError as error:
        if error.errno not in (errno.EIO, errno.ELOOP):
            raise from_os_error(error, path, "checking") from None
        return Damaged(oid, status.st_size, f"it cannot be read: {error.strerror}")
    if digest != oid:
        return Damaged(oid, size, f"its content has the sha256 {digest[:12]}…")
    if repair and not stamped:
        store.touch(path, oid)
    return None


def _chunks(objects: list[tuple[str, os.stat_result]]) -> list[list[tuple[str, os.stat_result]]]:
    """Small ones together, the largest first, so that no thread ends with a huge one alone."""
    chunks: list[list[tuple[str, os.stat_result]]] = []
    size = _CHUNK_BYTES
    for item in sorted(objects, key=lambda item: -item[1].st_size):
        if size >= _CHUNK_BYTES or len(chunks[-1]) >= _CHUNK_FILES:
            chunks.append([])
            size = 0
        chunks[-1].append(item)
        size += item[1].st_size
    return chunks


def missing(store: Store, pointers: Iterable[Pointer]) -> list[Pointer]:
    """The pointers, each once, whose content neither the store nor one it reads from has."""
    distinct = {(pointer.oid, pointer.size): pointer for pointer in pointers}
    return [pointer for pointer in distinct.values() if store.find(pointer.oid, pointer.size) is None]
