"""Deleting objects from a remote that nobody needs.

Who needs what is the caller's business (``worktree.needed_remotely``).  An object stays when it was stored more recently than the
grace, by the clock of the remote.  Before anything goes, the generation of the remote is counted on (``remote.layout``), so that
nobody goes on believing in what he saw there, and a push that is under way sends again what it had only found there; right before
it is deleted each object is looked at once more, and stays if it was sent again.

A crash leaves some of the objects; running the command again deletes the rest.
"""

from __future__ import annotations

from git_data.errors import RemoteError
from git_data.remote.layout import OBJECTS, PROJECTS, TMP, oid_of
from git_data.transfer.clock import clock_s
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.base.report import Progress
    from git_data.remote.base import Entry, Remote

GRACE_S = 14 * 24 * 3600
_AT_ONCE = 200
_OURS = ("layout", PROJECTS, TMP, "git/", "runs/")


class Usage:
    """What lies on a remote. ``needed`` are entries of objects somebody needs, ``others`` of those nobody does.

    ``own`` is how much there is besides that belongs to git-data, ``foreign`` what does not, each as (keys, bytes).
    """

    __slots__ = ("foreign", "needed", "others", "own")

    def __init__(self) -> None:
        self.needed: list[Entry] = []
        self.others: list[Entry] = []
        self.own = (0, 0)
        self.foreign = (0, 0)


def usage(remote: Remote, needed: set[str], everything: bool = True) -> Usage:
    """List a remote, or without ``everything`` its objects only. Raises: RemoteError."""
    if remote.traits.listing == "none":
        raise RemoteError(f"{remote.url} cannot be listed", "git data remote check")
    return retried(lambda: _usage(remote, needed, everything))


def _usage(remote: Remote, needed: set[str], everything: bool) -> Usage:
    result = Usage()
    for entry in remote.list("" if everything else OBJECTS):
        oid = oid_of(entry.key)
        if oid is not None:
            (result.needed if oid in needed else result.others).append(entry)
        elif entry.key.startswith(_OURS):
            result.own = (result.own[0] + 1, result.own[1] + entry.size)
        else:
            result.foreign = (result.foreign[0] + 1, result.foreign[1] + entry.size)
    return result


def old(remote: Remote, entries: list[Entry], grace_s: float | None) -> list[Entry]:
    """The entries that are older than the grace; ``None`` spares not even the youngest. Raises: RemoteError."""
    if grace_s is None or not entries:
        return entries
    oldest_kept_s = clock_s(remote) - grace_s
    return [entry for entry in entries if entry.time_s and entry.time_s <= oldest_kept_s]


def delete(remote: Remote, entries: list[Entry], progress: Progress) -> tuple[int, int]:
    """Delete objects: ``(objects, bytes)``. One that changed since it was listed stays. Raises: RemoteError."""
    number = size = 0
    for at in range(0, len(entries), _AT_ONCE):
        some = entries[at : at + _AT_ONCE]
        keys = [entry.key for entry in some]
        now = retried(lambda keys=keys: remote.stat_many(keys))  # type: ignore[misc]
        same = [entry for entry, found in zip(some, now) if found is not None and _is_same(entry, found)]
        if same:
            retried(lambda same=same: remote.delete([entry.key for entry in same]))  # type: ignore[misc]
        number += len(same)
        size += sum(entry.size for entry in same)
        progress(len(some), sum(entry.size for entry in some))
    return number, size


def _is_same(listed: Entry, now: Entry) -> bool:
    # a listing may tell whole seconds where a look at one object tells more, and leave out the tag
    same_time = int(listed.time_s) == int(now.time_s)
    return same_time and listed.size == now.size and (not listed.tag or not now.tag or listed.tag == now.tag)
