"""What lies where on a remote, and the marker that says so.

The marker is the object ``layout``, UTF-8 in the syntax of git-config(1), three keys in this order::

    [layout]
        version = 1
        id = <32 lower-case hexadecimal digits, random>
        generation = <decimal, from 1>

``version`` is that of everything else on the remote; who reads a higher one stops.  ``id`` tells this place from another that
came to lie at the same address.  ``generation`` grows whenever objects are to be deleted, so that nobody goes on believing in
what he saw there, and again when that is done: it is even while somebody is at it.

Content lies under ``objects/sha256/<two digits>/<oid>``, unfinished uploads and probes under ``tmp/``.
``projects/<root commit>`` stands for a repository that keeps data here (``sync.projects``).
"""

from __future__ import annotations

import os

from git_data.base.digest import sha256
from git_data.errors import NotOnRemote, RemoteError
from git_data.remote.base import Remote, Source

VERSION = 1
MARKER = "layout"
OBJECTS = "objects/sha256/"
PROJECTS = "projects/"
TMP = "tmp/"
_HEX = frozenset("0123456789abcdef")
_LIMIT = 4096


class Layout:
    """A marker that was read; ``tag`` is the remote's own name for this state of it."""

    __slots__ = ("generation", "id", "tag")

    def __init__(self, id: str, generation: int, tag: str = "") -> None:
        self.id = id
        self.generation = generation
        self.tag = tag

    @property
    def is_collecting(self) -> bool:
        """Whether objects that nobody refers to are being deleted, or were until a program was killed."""
        return self.generation % 2 == 0

    def encode(self) -> bytes:
        """The bytes of the marker."""
        return f"[layout]\n\tversion = {VERSION}\n\tid = {self.id}\n\tgeneration = {self.generation}\n".encode()


def object_key(oid: str) -> str:
    """Where content lies."""
    return f"{OBJECTS}{oid[:2]}/{oid}"


def oid_of(key: str) -> str | None:
    """The oid of a key that ``object_key`` makes, ``None`` for any other."""
    oid = key[-64:]
    return oid if len(oid) == 64 and _HEX.issuperset(oid) and key == object_key(oid) else None


def read_layout(remote: Remote) -> Layout | None:
    """The marker, ``None`` where there is none. Raises: RemoteError for one that cannot be understood."""
    try:
        data, tag = remote.read(MARKER, _LIMIT)
    except NotOnRemote:
        return None
    return _parse(remote, data, tag)


def initialise(remote: Remote) -> Layout:
    """The marker, made if the place is empty; of several clients that make one at once all get the same.

    Raises: RemoteError if there are files that are not ours.
    """
    found = read_layout(remote)
    if found is not None:
        return found
    foreign = foreign_key(remote)
    if foreign:
        raise RemoteError(
            f"{remote.url} holds files that are not git-data's ('{foreign}')",
            f"use an empty place, for instance a path below it: {remote.url.rstrip('/')}/data",
        )
    made = Layout(os.urandom(16).hex(), 1)
    remote.create(MARKER, made.encode())
    # read in any case: another client may have been faster, and the tag is the remote's
    found = read_layout(remote)
    if found is None:
        raise RemoteError(f"{remote.url} does not keep what is written to it")
    return found


def bump(remote: Remote, layout: Layout, collecting: bool) -> Layout:
    """Count the generation on: a collection begins, or that of ``layout`` is over, unless others have begun one since.

    Raises: NotOnRemote, RemoteError if the marker is not that of ``layout`` any more.
    """
    while True:
        data, tag = remote.read(MARKER, _LIMIT)
        current = _parse(remote, data, tag)
        if current.id != layout.id:
            raise RemoteError(f"{remote.url} became another place meanwhile", "git data remote check")
        if not collecting and current.generation != layout.generation:
            return current
        step = 1 if collecting != current.is_collecting else 2
        following = Layout(current.id, current.generation + step).encode()
        if not remote.traits.swap:
            remote.put(MARKER, Source(len(following), sha256(following).hexdigest(), content=following))
        elif not remote.swap(MARKER, following, tag):
            continue
        return read_layout(remote) or current


def foreign_key(remote: Remote) -> str:
    """The key of something that is not ours, empty if there is none."""
    if remote.traits.listing == "none":
        return ""
    for number, entry in enumerate(remote.list("")):
        if not (oid_of(entry.key) or entry.key == MARKER or entry.key.startswith((PROJECTS, TMP, "git/"))):
            return entry.key
        if number == 1000:
            break  # a remote that lost its marker
    return ""


def _parse(remote: Remote, data: bytes, tag: str) -> Layout:
    lines = data.decode("utf-8", "replace").split("\n")
    values = dict(line.strip().partition(" = ")[::2] for line in lines[1:])
    version = values.get("version", "")
    if lines[0] != "[layout]" or not version.isdigit():
        raise RemoteError(
            f"'{MARKER}' on {remote.url} is not git-data's", "use an empty place, for instance a path below this one"
        )
    if int(version) > VERSION:
        raise RemoteError(f"{remote.url} was made by a newer git-data (layout {version})", "pip install --upgrade git-data")
    id, generation = values.get("id", ""), values.get("generation", "")
    if len(id) != 32 or not _HEX.issuperset(id) or not generation.isdigit() or len(generation) > 18:
        raise RemoteError(f"'{MARKER}' on {remote.url} is damaged", "git data remote check")
    return Layout(id, int(generation), tag)
