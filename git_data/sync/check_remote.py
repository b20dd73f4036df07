"""Finding out what a remote lets us do, by doing it with small objects under ``tmp/`` that are taken away again."""

from __future__ import annotations

import os

from git_data.base.digest import sha256
from git_data.errors import GitDataError, RemoteError
from git_data.remote.base import Remote, Source
from git_data.remote.layout import TMP, foreign_key, object_key, read_layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Ability:
    """One thing that was tried. ``detail`` is what was seen, or what lacks; ``hint`` a command that may help."""

    __slots__ = ("detail", "hint", "name", "needed", "works")

    def __init__(self, name: str, works: bool, detail: str = "", hint: str = "", needed: bool = False) -> None:
        self.name = name
        self.works = works
        self.detail = detail
        self.hint = hint
        self.needed = needed


def abilities(remote: Remote, may_write: bool = True) -> list[Ability]:
    """Try everything. The probes are removed even if something fails; nothing is written unless ``may_write``."""
    if remote.traits.objects_only:
        return _of_objects_only(remote, may_write)
    key = f"{TMP}check-{os.urandom(8).hex()}"
    other = f"{key}-create"
    data = os.urandom(100)
    found = [_try("reach", lambda: _place(remote))]
    if not found[0].works:
        return found
    if not remote.traits.writable or not may_write:
        reason = "this kind of remote is read-only" if may_write else "the folder is not there, and only .gitdata names it"
        return [*found, _try("list", lambda: _list(remote, "")), Ability("write", False, reason, needed=True)]
    try:
        found.append(_try("write", lambda: remote.put(key, Source(len(data), sha256(data).hexdigest(), content=data))))
        if found[-1].works:
            found.append(_try("read", lambda: _read(remote, key, data)))
            found.append(_try("list", lambda: _list(remote, key), needed=False))
            found.append(_try("create", lambda: _create(remote, other, data), needed=False))
            found.append(_try("swap", lambda: _swap(remote, key, data), needed=False))
    finally:
        deleted = _try("delete", lambda: _delete(remote, [key, other]), needed=False)
    return [*found, deleted] if found[1].works else found


def _of_objects_only(remote: Remote, may_write: bool) -> list[Ability]:
    """Nothing that is written there could be taken away again, so nothing is."""
    found = [_try("reach", lambda: _ask(remote))]
    if not found[0].works:
        return found
    found.append(_try("write", remote.try_writing) if may_write else Ability("write", False, "not tried", needed=True))
    lacks = (
        "an LFS server lists and deletes nothing: fsck of all, gc and du of this remote cannot work, nor can it host a repository"
    )
    return [*found, *(Ability(name, False, lacks) for name in ("list", "delete"))]


def _ask(remote: Remote) -> str:
    oid = os.urandom(32).hex()
    if remote.find_many([(object_key(oid), 1)])[0] is not None:
        raise RemoteError("an object that cannot be there was said to be there")
    return "an LFS server"


def _try(name: str, work: Callable[[], str | None], needed: bool = True) -> Ability:
    try:
        return Ability(name, True, work() or "", needed=needed)
    except GitDataError as error:
        return Ability(name, False, error.message, error.hint, needed)


def _place(remote: Remote) -> str:
    layout = read_layout(remote)
    if layout is not None:
        return f"layout 1, generation {layout.generation}, id {layout.id}"
    foreign = foreign_key(remote)
    if foreign and remote.traits.writable:
        raise RemoteError(
            f"holds files that are not git-data's ('{foreign}')", f"git data remote set-url NAME {remote.url.rstrip('/')}/data"
        )
    return "no data yet; the first push sets it up" if remote.traits.writable else "no marker, data can be read all the same"


def _read(remote: Remote, key: str, data: bytes) -> str:
    if remote.read(key)[0] != data:
        raise RemoteError("what was read is not what was written: a cache or a filter lies in between")
    if not remote.traits.ranges:
        return "only whole objects: a download that broke off begins again"
    if b"".join(remote.get(key, 40, 20)) != data[40:60]:
        raise RemoteError("a part of an object that was asked for is not what came")
    return ""


def _list(remote: Remote, key: str) -> str:
    if remote.traits.listing == "none":
        raise RemoteError("objects are asked for one by one; fsck, gc and du of this remote cannot work")
    if not key:
        next(remote.list(""), None)
    elif all(entry.key != key for entry in remote.list(TMP)):
        raise RemoteError("what was written is not in the listing: it lags behind, or leaves things out")
    return ""


def _create(remote: Remote, key: str, data: bytes) -> str:
    meaning = "set up a new remote from one place at a time, and no serverless repositories"
    if not remote.create(key, data):
        raise RemoteError("an object that is not there was said to be there")
    if remote.create(key, data):
        raise RemoteError(f"the condition 'only if there is none' is ignored: {meaning}")
    if not remote.traits.create:
        raise RemoteError(f"not at one stroke: {meaning}")
    return ""


def _swap(remote: Remote, key: str, data: bytes) -> str:
    if not remote.traits.swap:
        raise RemoteError("not possible here; two changes of the marker at once may overwrite each other")
    tag = remote.read(key)[1]
    if not remote.swap(key, data + b"1", tag):
        raise RemoteError("an object that did not change was said to have changed")
    if remote.swap(key, data + b"2", tag):
        raise RemoteError("the condition 'only if unchanged' is ignored")
    return ""


def _delete(remote: Remote, keys: list[str]) -> str:
    remote.delete(keys)
    if any(remote.stat(key) is not None for key in keys):
        raise RemoteError("what was deleted is still there; gc of this remote cannot work")
    return ""
