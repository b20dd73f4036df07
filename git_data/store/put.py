"""Storing content that is at hand: in memory, or in files whose hashes are known."""

from __future__ import annotations

import time

from git_data.base.digest import sha256
from git_data.errors import FileSystemError, from_os_error
from git_data.link import batch
from git_data.link.items import CHANGED, Put
from git_data.store.objects import Store, stamp_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os


def put_content(
    store: Store, content: bytes | memoryview, root: str = ".", source: bytes | None = None, clone: bool = True
) -> str:
    """Store ``content`` and give its oid; an object the store has is not written again.

    If the file ``source`` under ``root`` holds exactly this content, its blocks are shared, if ``clone`` allows it.

    Raises: FileSystemError.
    """
    oid = sha256(content).hexdigest()
    path = store.sound(oid, len(content))
    if path is not None:
        store.touch(path, oid)
        return oid
    item = put_item(store, oid, len(content), source=source, content=content)
    item.clone = clone
    put_items(store, root, [item])
    return oid


def put_item(
    store: Store,
    oid: str,
    size: int,
    *,
    source: bytes | None = None,
    status: os.stat_result | None = None,
    content: bytes | memoryview | None = None,
) -> Put:
    """The work item that stores one object with this store's permissions and durability."""
    return Put(
        f"{oid[:2]}/{oid}".encode(),
        size,
        stamp_ns(oid, int(time.time())),
        source=source,
        status=status,
        content=content,
        mode=store.object_mode,
        dir_mode=store.directory_mode,
        fsync=store.fsync == "object",
    )


def put_items(store: Store, root: str, items: list[Put], jobs: int = 1) -> list[Put]:
    """Store the items; those whose source changed meanwhile come back.

    Raises: FileSystemError when the file system refuses one; the others are stored.
    """
    store.make()
    batch.put(root, store.objects, store.tmp, items, jobs)
    changed = []
    failure: FileSystemError | None = None
    for item in items:
        if item.error == CHANGED:
            changed.append(item)
        elif item.error:
            path = item.source or item.object
            failure = from_os_error(_os_error(item.error), path, f"storing into {store.root}", store.root, item.size)
        else:
            oid = item.object[3:].decode()
            store.note_unsynced(store.path(oid))
    if failure is not None:
        raise failure
    return changed


def _os_error(number: int) -> OSError:
    import os

    return OSError(number, os.strerror(number))
