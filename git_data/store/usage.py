"""How much a store holds."""

from __future__ import annotations

from git_data.base.report import Progress
from git_data.store.presence import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.store.objects import Store


def object_sizes(store: Store) -> dict[str, int]:
    """oid → bytes of every object of the store itself (not of those it may read from besides)."""
    expected = sum(len(names(f"{store.objects}/{directory}")) for directory in names(store.objects))
    sizes = {}
    with Progress("looking at the store", expected) as progress:
        for oid, status in store.each():
            sizes[oid] = status.st_size
            progress(1)
    return sizes
