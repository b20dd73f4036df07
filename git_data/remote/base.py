"""The contract of a remote: a place that holds byte strings under keys.

Keys are relative paths of plain ASCII with ``/`` between their parts (``objects/sha256/ab/<oid>``, ``layout``).  A backend knows
nothing of git, pointers or the store; retries, progress, presence and verification of downloads are the business of
``git_data.transfer``.  All methods block, may be called from many threads at once, and either do what they say or raise:

- ``NotOnRemote`` there is no such key (``stat`` gives ``None`` instead),
- ``AccessDenied`` credentials are missing, wrong, expired or not enough,
- ``RemoteUnavailable`` it may work another time; ``retry_after_s`` if the remote said when,
- ``RemoteError`` anything else, with the key and what the remote said.

No constructor touches the network.  No message contains a secret.  The suite in ``tests/contract`` runs over every backend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from git_data.base.digest import sha256
from git_data.errors import CorruptData, GitDataError, RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CHUNK_BYTES = 1 << 20
SMALL_BYTES = 1 << 20
"""Objects up to this size are moved whole, in memory, many in one call."""


class Entry:
    """What a remote says about one key. ``time_s`` is by the remote's clock, 0 if unknown; ``tag`` changes with the content."""

    __slots__ = ("key", "size", "tag", "time_s")

    def __init__(self, key: str, size: int, time_s: float = 0.0, tag: str = "") -> None:
        self.key = key
        self.size = size
        self.time_s = time_s
        self.tag = tag


class Traits:
    """What a backend can do.

    ``writable``; ``create``: ``create`` is atomic; ``swap``: ``swap`` is; ``ranges``: ``get`` can begin in the middle;
    ``listing``: ``flat`` (a listing of any prefix comes in large pages, sorted: S3), ``tree`` (one look per directory) or
    ``none``; ``workers``: how many threads are worth starting; ``batch``: how many small objects in one call; ``gapless``: what
    is replaced is there all the time; ``objects_only``: a server of another make that keeps objects and nothing besides, so
    there is no marker.
    """

    __slots__ = ("batch", "create", "gapless", "listing", "objects_only", "ranges", "swap", "workers", "writable")

    def __init__(
        self,
        writable: bool = True,
        create: bool = False,
        swap: bool = False,
        ranges: bool = True,
        listing: str = "flat",
        workers: int = 16,
        batch: int = 32,
        gapless: bool = True,
        objects_only: bool = False,
    ) -> None:
        self.writable = writable
        self.create = create
        self.swap = swap
        self.ranges = ranges
        self.listing = listing
        self.workers = workers
        self.batch = batch
        self.gapless = gapless
        self.objects_only = objects_only


class Options:
    """How a remote is to be used; everything but the address has a default.

    ``get`` gives further settings of this remote by their lower-case names (``region``, ``endpoint``, ``anonymous`` …).
    ``scratch`` is a private directory for what resumes an upload, empty for none.  ``idle_s`` is how long a connection may be
    silent.  ``sync`` is false where nobody minds what a power failure takes.  ``hardlink`` allows a folder to share files with
    the store.  ``ssh_command`` is git's (``core.sshCommand``).
    """

    __slots__ = ("hardlink", "idle_s", "jobs", "name", "scratch", "settings", "ssh_command", "sync")

    def __init__(
        self,
        name: str = "",
        settings: dict[str, str] | None = None,
        jobs: int = 0,
        scratch: str = "",
        idle_s: float = 60.0,
        hardlink: bool = False,
        ssh_command: str = "",
        sync: bool = True,
    ) -> None:
        self.name = name
        self.settings = settings or {}
        self.jobs = jobs
        self.scratch = scratch
        self.idle_s = idle_s
        self.hardlink = hardlink
        self.ssh_command = ssh_command
        self.sync = sync

    def get(self, setting: str, default: str = "") -> str:
        """One further setting."""
        return self.settings.get(setting, default)

    def flag(self, setting: str) -> bool:
        """One further setting that is yes or no."""
        return self.get(setting).lower() in ("true", "yes", "on", "1")


class Source:
    """Content on its way to a remote: a file, or bytes, that must have this size and SHA-256.

    The last chunk is held back until everything before it and it have been hashed: what does not match its name can never be
    complete on the other side.  ``sent`` is called with the number of bytes of each chunk before it is handed out (progress,
    speed limit, cancelling by an exception).
    """

    __slots__ = ("content", "path", "sent", "sha256", "size")

    def __init__(
        self,
        size: int,
        sha256: str,
        path: str = "",
        content: bytes | None = None,
        sent: Callable[[int], None] | None = None,
    ) -> None:
        self.size = size
        self.sha256 = sha256
        self.path = path
        self.content = content
        self.sent = sent

    def read(self) -> bytes:
        """All of it, for small content. Raises: CorruptData, OSError."""
        return b"".join(self.chunks(max(self.size, 1)))

    def chunks(self, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Pieces of exactly ``chunk_bytes`` (the last one of the rest). Raises: CorruptData, OSError."""
        hasher = sha256()
        held: bytes | None = None
        size = 0
        for data in self._pieces(chunk_bytes):
            if held is not None:
                yield held
            if self.sent is not None:
                self.sent(len(data))
            hasher.update(data)
            size += len(data)
            held = data
        if size != self.size or hasher.hexdigest() != self.sha256:
            raise CorruptData(f"'{self.path or self.sha256}' does not hold what its name says, and was not sent", "git data fsck")
        if held is not None:
            yield held

    def _pieces(self, chunk_bytes: int) -> Iterator[bytes]:
        if self.content is not None:
            for at in range(0, len(self.content), chunk_bytes):
                yield self.content[at : at + chunk_bytes]
            return
        left = self.size
        with open(self.path, "rb", buffering=0) as file:
            while left > 0 and (data := _read_exactly(file.fileno(), min(chunk_bytes, left))):
                left -= len(data)
                yield data
            if left == 0 and file.read(1):
                yield b"more than expected"  # spoils the hash


def _read_exactly(fd: int, size: int) -> bytes:
    import os

    data = os.read(fd, size)
    if len(data) == size or not data:
        return data
    parts = [data]
    size -= len(data)
    while size > 0 and (data := os.read(fd, size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


class Remote(ABC):
    """One remote. ``url`` is what users may see."""

    def __init__(self, url: str, traits: Traits) -> None:
        self.url = url
        self.traits = traits
        self.requests = 0
        """round trips so far, about: for reports"""

    # -- reading

    @abstractmethod
    def stat(self, key: str) -> Entry | None:
        """Size and time of a key, ``None`` if it is not there."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[Entry]:
        """Every key below ``prefix`` (empty, or ending with a slash), in no particular order; nothing if there is none.

        Keys of temporary files of unfinished uploads are left out.
        """

    @abstractmethod
    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The content in pieces, from byte ``start`` on. Raises: NotOnRemote.

        A body that ends early raises ``RemoteUnavailable``.  Close the iterator to give the connection back.
        """

    def read(self, key: str, limit: int = SMALL_BYTES) -> tuple[bytes, str]:
        """A small object and its tag. Raises: NotOnRemote; RemoteError when it is larger than ``limit``."""
        data = b""
        for piece in self.get(key):
            data += piece
            if len(data) > limit:
                raise RemoteError(f"'{key}' on {self.url} is larger than {limit:,} bytes")
        return data, ""

    # -- writing

    @abstractmethod
    def put(self, key: str, source: Source) -> None:
        """Store content under a key, replacing what is there; nobody ever sees a part of it."""

    def create(self, key: str, data: bytes) -> bool:
        """Store small content if there is no such key yet; false if there is. Atomic with ``traits.create``."""
        if self.stat(key) is not None:
            return False
        self.put(key, Source(len(data), sha256(data).hexdigest(), content=data))
        return True

    def swap(self, key: str, data: bytes, tag: str) -> bool:
        """Replace small content if its tag still is ``tag``; false if it is not. Only with ``traits.swap``."""
        raise RemoteError(f"{self.url} cannot replace '{key}' on condition")

    @abstractmethod
    def delete(self, keys: Sequence[str]) -> None:
        """Delete keys; those that are not there do not matter."""

    # -- many small ones; backends that can do better than one after the other override these

    def stat_many(self, keys: Sequence[str]) -> Sequence[Entry | None]:
        """``stat`` of each key."""
        return [self.stat(key) for key in keys]

    def find_many(self, wanted: Sequence[tuple[str, int]]) -> Sequence[Entry | None]:
        """``stat`` of each key, for which its size is known; ``None`` may also stand for an object of another size."""
        return self.stat_many([key for key, _ in wanted])

    def announce(self, wanted: Sequence[tuple[str, int]], writing: bool = False) -> None:  # noqa: B027  (most need not know)
        """These keys, of these sizes, are about to be read, or written: whoever asks before may ask for many at once."""

    def get_many(self, wanted: Sequence[tuple[str, int]]) -> Sequence[bytes | GitDataError]:
        """Whole content, given key and expected size; an object that is larger is cut off one byte later.

        What concerns one object comes back in its place; what concerns the connection is raised.
        """
        return [self._get_one(key, size) for key, size in wanted]

    def _get_one(self, key: str, size: int) -> bytes | GitDataError:
        try:
            pieces = []
            left = size + 1
            for piece in self.get(key):
                pieces.append(piece[:left])
                left -= len(pieces[-1])
                if not left:
                    break
            return b"".join(pieces)
        except GitDataError as error:
            if error.retryable:
                raise
            return error

    def put_many(self, items: Sequence[tuple[str, Source]]) -> Sequence[GitDataError | None]:
        """``put`` of each; see ``get_many`` for errors."""
        return [self._put_one(key, source) for key, source in items]

    def _put_one(self, key: str, source: Source) -> GitDataError | None:
        try:
            self.put(key, source)
        except GitDataError as error:
            if error.retryable:
                raise
            return error
        return None

    # -- the rest

    def flush(self) -> None:  # noqa: B027  (most keep what they have acknowledged)
        """Make what was put so far durable; until then a power failure of the other side may take it. Raises: RemoteError."""

    def try_writing(self) -> str:
        """With ``traits.objects_only``: whether an object would be taken, as far as that can be told without one; in words.

        Raises: AccessDenied, RemoteError.
        """
        return ""

    def local_path(self, key: str) -> str:
        """Where the content lies as a file of this machine that can be cloned; empty if it does not."""
        return ""

    def public_url(self, key: str, expires_s: int) -> str:
        """A URL from which anybody can download the object for a while. Raises: RemoteError if there is none."""
        raise RemoteError(f"{self.url} has no URLs that a browser could open")

    def close(self) -> None:  # noqa: B027  (most have nothing to close)
        """Give up connections."""
