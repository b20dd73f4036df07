"""Reading and replacing the manifest, so that of two writers who do it at once exactly one succeeds.

- ``swap``: one object, ``git/manifest``, replaced if its tag is still the one that was read.
- ``create``: ``git/manifests/<number, 12 digits>``, each made with an atomic "create if there is none"; the highest counts.  Old
  ones are deleted, so a writer that slept may make a number that had been used: it looks again, and finds higher ones.  For
  readers who cannot list (plain HTTP) ``git/manifest`` has the number; it may lag behind, so they look for higher ones.
- ``single``: one object, replaced after a look that nobody else has done so.
"""

from __future__ import annotations

from git_data.errors import CorruptData, GitDataError, NotOnRemote, RemoteUnavailable
from git_data.host.marker import CREATE, SINGLE, put_small
from git_data.host.state import MANIFEST
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.host.marker import Marker
    from git_data.remote.base import Remote

NUMBERED = "git/manifests/"
_KEPT = 20
_DIGITS = 12
_LIMIT = 16 << 20
"""A manifest is folded long before."""
_MOST_LOOKS = 50
_MOST_AHEAD = 1000
"""The number that is written down never lags behind by so much; there are servers that answer everything."""


class Found:
    """A manifest that was read. ``tag`` is what its replacement must be told: the remote's tag of it, or its number."""

    __slots__ = ("data", "tag")

    def __init__(self, data: bytes, tag: str) -> None:
        self.data = data
        self.tag = tag


def read_manifest(remote: Remote, writers: str) -> Found | None:
    """The manifest that counts; ``None`` if there is none. Raises: RemoteError."""
    if writers == CREATE:
        return retried(lambda: _newest(remote))
    return retried(lambda: _fixed(remote))


def write_manifest(remote: Remote, marker: Marker, data: bytes, before: Found | None) -> bool:
    """Replace the manifest ``before`` (``None``: there must be none); false if somebody else has.

    Not repeated here: after an error nobody knows whether it was written, and the caller must look. Raises: RemoteError.
    """
    if marker.writers == CREATE:
        return _make(remote, data, int(before.tag) + 1 if before else 1)
    if before is None:
        return remote.create(MANIFEST, data)
    if marker.writers == SINGLE:
        found = _fixed(remote)
        if found is None or found.data != before.data:
            return False
        put_small(remote, MANIFEST, data)
        remote.flush()
        return True
    return remote.swap(MANIFEST, data, before.tag)


def _fixed(remote: Remote) -> Found | None:
    try:
        data, tag = remote.read(MANIFEST, _LIMIT)
    except NotOnRemote:
        return None
    return Found(data, tag)


def _make(remote: Remote, data: bytes, number: int) -> bool:
    if number >= 10**_DIGITS:
        raise CorruptData(f"'{_key(number - 1)}' on {remote.url} cannot be: nobody counts that far", "git data remote fsck")
    if not remote.create(_key(number), data):
        return False
    there = _numbers(remote)
    if max(there, default=0) > number and not _follows(number + 1, there):
        remote.delete([_key(number)])
        return False
    try:
        _tidy(remote, number, there)
    except GitDataError:
        pass  # the change is made; who comes next tidies up
    return True


def _tidy(remote: Remote, number: int, there: list[int]) -> None:
    """Write the number down for those who cannot list, and then delete old manifests."""
    put_small(remote, MANIFEST, b"%d\n" % number)
    remote.flush()
    remote.delete([_key(old) for old in there if old <= number - _KEPT])


def _follows(following: int, there: list[int]) -> bool:
    """Whether the next number was made by somebody who had read ours: it then is there, as no number is left out.

    Who made it read the number below, which was ours from the moment it existed, or an older one that was deleted long ago; of a
    deleted one at least _KEPT numbers above it exist.
    """
    return following in there and max(there) - following < _KEPT - 1


def _newest(remote: Remote) -> Found | None:
    if remote.traits.listing == "none":
        return _walked(remote)
    for _ in range(_MOST_LOOKS):
        there = _numbers(remote)
        if not there:
            return None
        try:
            return Found(remote.read(_key(max(there)), _LIMIT)[0], str(max(there)))
        except NotOnRemote:
            continue  # a slow look: it was deleted meanwhile
    raise RemoteUnavailable(f"'{NUMBERED}' on {remote.url} lists what is not there")


def _walked(remote: Remote) -> Found | None:
    """Without a listing: begin with the number that is written down, and try one after the other."""
    fixed = _fixed(remote)
    if fixed is None:
        return None
    text = fixed.data.strip()
    if not text.isdigit() or len(text) > _DIGITS:
        raise CorruptData(f"'{MANIFEST}' on {remote.url} is damaged", "git data remote fsck   # says what to do")
    found = _first(remote, int(text))
    for number in range(int(found.tag) + 1, int(found.tag) + _MOST_AHEAD):
        try:
            found = Found(remote.read(_key(number), _LIMIT)[0], str(number))
        except NotOnRemote:
            return found
    raise CorruptData(f"{remote.url} has a manifest for each number", "git data remote fsck")


def _first(remote: Remote, number: int) -> Found:
    """The first manifest to be found from a number on: of a writer's that was slow to write it down the manifest may be gone."""
    for candidate in range(number, number + _MOST_LOOKS * (_KEPT - 1), _KEPT - 1):
        try:
            return Found(remote.read(_key(candidate), _LIMIT)[0], str(candidate))
        except NotOnRemote:
            continue
    raise CorruptData(f"'{_key(number)}' on {remote.url} is missing", "git data remote fsck   # says what to do")


def _numbers(remote: Remote) -> list[int]:
    names = (entry.key.removeprefix(NUMBERED) for entry in remote.list(NUMBERED))
    return sorted(int(name) for name in names if len(name) == _DIGITS and name.isascii() and name.isdigit())


def _key(number: int) -> str:
    return f"{NUMBERED}{number:0{_DIGITS}}"
