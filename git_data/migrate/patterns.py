"""Few lines for ``.gitattributes`` that cover given paths and no other known one."""

from __future__ import annotations

import os

from git_data.git.attributes import literal
from git_data.migrate.choose import narrow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_MANY = 10
"""So many paths of their own in one directory get one line, if nothing else lies there."""


def cover(chosen: set[bytes], known: Collection[bytes]) -> list[str]:
    """Patterns for ``chosen``, and for nothing else that is ``known``, relative to the top.

    Suffixes where all that have them are chosen, then whole directories with many that need a line each, then paths.
    """
    patterns = narrow(chosen, known)
    exact = {literal(os.fsdecode(path)): path for path in chosen}
    single = [exact[pattern] for pattern in patterns if pattern in exact]
    mixed = {parent for path in known if path not in chosen for parent in _parents(path)}
    counts: dict[bytes, int] = {}
    for path in single:
        for parent in _parents(path):
            counts[parent] = counts.get(parent, 0) + 1
    whole: dict[str, None] = {}
    rest = [pattern for pattern in patterns if pattern not in exact]
    for path in single:
        top = next((parent for parent in _parents(path) if counts[parent] >= _MANY and parent not in mixed), None)
        if top is None:
            rest.append(literal(os.fsdecode(path)))
        else:
            whole[literal(os.fsdecode(top)) + "/**"] = None
    return [*whole, *rest]


def _parents(path: bytes) -> list[bytes]:
    """The directories a path lies in, the topmost first; not the top itself."""
    parts = path.split(b"/")[:-1]
    return [b"/".join(parts[: end + 1]) for end in range(len(parts))]
