"""Which objects the other side lacks, with as few requests as possible.

Names are hashes, hence spread evenly: the first page of a flat listing tells how many there are in all, and whether listing
everything is cheaper than asking for each object.  In a tree of directories only those with a name in question are listed.
"""

from __future__ import annotations

from git_data.remote.layout import object_key, oid_of
from git_data.transfer.pool import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from git_data.base.report import Progress
    from git_data.pointer import Pointer
    from git_data.remote.base import Entry, Remote

OBJECTS = "objects/sha256/"
_FEW = 32
"""So many are asked for one by one without further thought."""
_ASK_AT_ONCE = 64
_PAGE = 1000


class There:
    """What a look at a remote found: the ``sizes`` of those of the ``wanted`` objects that are there."""

    __slots__ = ("sizes", "wanted")

    def __init__(self, wanted: Iterable[str]) -> None:
        self.wanted = frozenset(wanted)
        self.sizes: dict[str, int] = {}


def look(remote: Remote, pointers: list[Pointer], progress: Progress | None = None) -> There:
    """Ask a remote for objects; a size below zero is not known. Raises: RemoteError."""
    there = There(pointer.oid for pointer in pointers)
    listing = remote.traits.listing
    if len(pointers) <= _FEW or listing == "none":
        _ask(remote, pointers, there, progress)
    elif listing == "tree":
        _list_directories(remote, there)
    else:
        _list_or_ask(remote, pointers, there, progress)
    return there


def list_all(remote: Remote) -> Iterator[Entry]:
    """Every object of a remote, as entries with its key; what has no object's key is left out. Raises: RemoteError."""
    for entry in remote.list(OBJECTS):
        if oid_of(entry.key) is not None:
            yield entry


def _note(there: There, entry: Entry | None) -> None:
    oid = oid_of(entry.key) if entry is not None else None
    if entry is not None and oid in there.wanted:
        there.sizes[oid] = entry.size


def _ask(remote: Remote, pointers: list[Pointer], there: There, progress: Progress | None) -> None:
    pool = Pool(remote.traits.workers, progress)

    def piece(some: list[Pointer]) -> None:
        for entry in remote.find_many([(object_key(pointer.oid), pointer.size) for pointer in some]):
            _note(there, entry)
        pool.note(len(some), 0)

    if remote.traits.objects_only:
        size = remote.traits.batch  # one question costs the same for one object and for many
    else:
        size = max(1, min(_ASK_AT_ONCE, -(-len(pointers) // pool.workers)))
    pool.run([lambda some=pointers[at : at + size]: piece(some) for at in range(0, len(pointers), size)])  # type: ignore[misc]


def _list_directories(remote: Remote, there: There) -> None:
    pool = Pool(remote.traits.workers)
    directories = sorted({oid[:2] for oid in there.wanted})
    if len(directories) > 200:
        # nearly all of them: one call lets the backend list side by side
        pool.run([lambda: _list(remote, OBJECTS, there)])
        return
    pool.run([lambda name=name: _list(remote, f"{OBJECTS}{name}/", there) for name in directories])  # type: ignore[misc]


def _list(remote: Remote, prefix: str, there: There) -> None:
    for entry in remote.list(prefix):
        _note(there, entry)


def _list_or_ask(remote: Remote, pointers: list[Pointer], there: There, progress: Progress | None) -> None:
    pool = Pool(1)
    undecided: list[Pointer] = []

    def list_while_cheaper() -> None:
        undecided.clear()
        seen = 0
        for entry in remote.list(OBJECTS):
            _note(there, entry)
            seen += 1
            oid = oid_of(entry.key)
            if seen == _PAGE and oid is not None:
                pages = (16**8 / (int(oid[:8], 16) + 1)) * seen / _PAGE
                if pages > len(pointers):
                    undecided.extend(pointer for pointer in pointers if pointer.oid > oid)
                    return

    pool.run([list_while_cheaper])
    if undecided:
        _ask(remote, undecided, there, progress)
