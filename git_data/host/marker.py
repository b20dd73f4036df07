"""The object ``git/format``: that a git repository lies here, which one, and how its manifest is replaced. Never changed.

UTF-8 in the syntax of git-config(1)::

    [git]
        version = 1
        id = <32 lower-case hexadecimal digits, random>
        objectFormat = sha1 | sha256
        writers = swap | create | single

``swap``: the manifest is replaced on condition that it is still the one that was read (S3, Azure, WebDAV with If-Match).
``create``: each manifest has a name of its own, with its number, that only one writer can make (folders, SFTP, WebDAV with
locks).
``single``: the place can do neither, and whoever set it up promised that there is one writer at a time.
"""

from __future__ import annotations

import os

from git_data.base.digest import sha256
from git_data.errors import CorruptData, NotOnRemote, RemoteError
from git_data.host.names import is_hex
from git_data.remote.base import Source
from git_data.remote.layout import TMP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.remote.base import Remote

FORMAT = "git/format"
SWAP, CREATE, SINGLE = "swap", "create", "single"
_VERSION = 1
_LIMIT = 4096


class Marker:
    """What ``git/format`` says."""

    __slots__ = ("id", "object_format", "writers")

    def __init__(self, id: str, object_format: str, writers: str) -> None:
        self.id = id
        self.object_format = object_format
        self.writers = writers

    def is_valid(self) -> bool:
        """Whether this can be meant."""
        known = self.object_format in ("sha1", "sha256") and self.writers in (SWAP, CREATE, SINGLE)
        return known and is_hex(self.id) and len(self.id) == 32

    def encode(self) -> bytes:
        """The bytes of the object."""
        lines = ("[git]", f"version = {_VERSION}", f"id = {self.id}", f"objectFormat = {self.object_format}")
        return "\n\t".join((*lines, f"writers = {self.writers}\n")).encode()


def read_marker(remote: Remote) -> Marker | None:
    """``None`` where no repository lies. Raises: CorruptData, RemoteError for one that cannot be understood."""
    try:
        data, _ = remote.read(FORMAT, _LIMIT)
    except NotOnRemote:
        return None
    return parse_marker(data, remote.url)


def parse_marker(data: bytes, where: str) -> Marker:
    """Raises: CorruptData; RemoteError for a newer version."""
    lines = data.decode("utf-8", "replace").split("\n")
    values = dict(line.strip().partition(" = ")[::2] for line in lines[1:])
    version = values.get("version", "")
    if lines[0] == "[git]" and version.isascii() and version.isdigit() and version.lstrip("0") != str(_VERSION):
        raise RemoteError(f"{where} was made by a newer git-data (git format {version[:9]})", "pip install --upgrade git-data")
    marker = Marker(values.get("id", ""), values.get("objectFormat", ""), values.get("writers", ""))
    if marker.encode() != data or not marker.is_valid():
        raise CorruptData(f"'{FORMAT}' on {where} is damaged", "git data remote fsck   # says what to do")
    return marker


def make_marker(remote: Remote, object_format: str, single_writer: bool = False) -> Marker:
    """Find out what the place can do, and mark it; of several that do so at once all get the same.

    Raises: RemoteError for a place where two writers could overwrite each other's work, unless ``single_writer``.
    """
    writers, reason = _writers(remote)
    if writers == SINGLE and not single_writer:
        raise RemoteError(
            f"{remote.url} cannot host a repository that several people push to: {reason}",
            f"if only one person or program ever pushes at a time: git data remote init --single-writer {remote.url}",
        )
    marker = Marker(os.urandom(16).hex(), object_format, writers)
    remote.create(FORMAT, marker.encode())
    # read in any case: another may have been faster
    found = read_marker(remote)
    if found is None:
        raise RemoteError(f"{remote.url} does not keep what is written to it", "git data remote check")
    return found


def _writers(remote: Remote) -> tuple[str, str]:
    """How the manifest can be replaced here, and why not better: tried out, since some servers ignore conditions."""
    if not remote.traits.create:
        return SINGLE, "it has no way to say 'only if nobody else was faster' (conditional write)"
    key = f"{TMP}writers-{os.urandom(8).hex()}"
    try:
        if not remote.create(key, b"one") or remote.create(key, b"two") or remote.read(key)[0] != b"one":
            return SINGLE, "the server ignores the condition 'only if there is none yet' (If-None-Match)"
        can_list = remote.traits.listing != "none"
        if not remote.traits.swap or can_list and not remote.traits.gapless:
            return (CREATE, "") if can_list else (SINGLE, "its objects cannot be listed")
        tag = remote.read(key)[1]
        swapped = remote.swap(key, b"three", tag)
        if not swapped or remote.swap(key, b"four", tag) or remote.read(key)[0] != b"three":
            return SINGLE, "the server ignores the condition 'only if unchanged' (If-Match)"
        return SWAP, ""
    finally:
        remote.delete([key])


def put_small(remote: Remote, key: str, data: bytes) -> None:
    """Store a small object, replacing what is there. Raises: RemoteError."""
    remote.put(key, Source(len(data), sha256(data).hexdigest(), content=data))
