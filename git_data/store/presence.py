"""Asking a store for many objects: a directory listing instead of a look at each.

A listing shows names, not sizes: an object that a power failure left short counts as present here, and is found by
``git data fsck`` and by whoever uses it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.store.objects import Store

MANY = 2000
"""From so many questions on, listing the store is cheaper."""


class Presence:
    """``has(oid, size)`` for about ``questions`` objects of a store and those it may read from."""

    def __init__(self, store: Store, questions: int) -> None:
        self._store = store
        self._names: set[str] | None = None
        if questions >= MANY:
            self._names = set()
            for objects in (store.objects, *store.alternates):
                for directory in names(objects):
                    self._names.update(names(os.path.join(objects, directory)))

    def has(self, oid: str, size: int) -> bool:
        """Whether the object is there."""
        if self._names is not None:
            return oid in self._names
        return self._store.find(oid, size) is not None


def names(directory: str) -> list[str]:
    """What is in a directory; nothing if there is none."""
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
