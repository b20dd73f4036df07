"""Where things are on an SFTP server: keys to paths, directories that are known to exist, listings."""

from __future__ import annotations

from git_data.base import fsio
from git_data.errors import RemoteError, UsageError
from git_data.remote import sftp_protocol as wire
from git_data.remote.base import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from git_data.remote.sftp_session import Session

TMP = "tmp"
GROUP = 64
"""How many directories are read at once."""
_DEEPEST = 16
"""Directories in each other, in a listing: links of directories may go in circles."""
_MOST_READS = 16

Listing = tuple[list[Entry], list[str]]
"""Files, and the keys of the directories beside them."""


def root_of(path: str) -> str:
    """The path on the server for that of an address: ``~/`` is the login directory, as for git. Raises: UsageError."""
    home = path[1:] if path.startswith("/~") else path
    if home == "~" or home.startswith("~/"):
        return home[2:].strip("/") or "."
    if home.startswith("~"):
        raise UsageError(f"'{path}': SFTP cannot find the directory of another user", "write the whole path")
    return path or "/"


class Tree:
    """The paths below one root. May be used by many threads: the set only grows, and forgetting is harmless."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._made: set[str] = set()

    def path(self, key: str) -> bytes:
        """Raises: RemoteError for what is no key."""
        if not all(part not in ("", ".", "..") for part in key.split("/")) or "\0" in key:
            raise RemoteError(f"'{key}' is no key of a remote")
        return self._at(key)

    def _at(self, directory: str) -> bytes:
        if not directory:
            return self.root.encode()
        return (self.root if self.root.endswith("/") else self.root + "/").encode() + directory.encode("utf-8", "surrogateescape")

    def above(self, key: str) -> Iterator[bytes]:
        """The paths of the directories of a key, the root among them."""
        while key:
            key = key.rpartition("/")[0]
            yield self._at(key)

    def place(self, key: str) -> str:
        """A key for messages: with the root before it."""
        return self._at(key).decode("utf-8", "replace")

    def temporary(self) -> str:
        """The key of a new temporary file."""
        return f"{TMP}/{fsio.temp_name()}"

    # -- directories

    def lacking(self, keys: Iterable[str]) -> list[str]:
        """Directories of keys that are not known to exist, upper ones first."""
        found: dict[str, None] = {}
        for key in keys:
            parts = key.split("/")[:-1]
            for end in range(1, len(parts) + 1):
                directory = "/".join(parts[:end])
                if directory not in self._made:
                    found[directory] = None
        return list(found)

    def note(self, directory: str, answer: wire.Answer) -> None:
        """What became of MKDIR. Version 3 has no status of its own for what exists: that is ``FAILURE``."""
        if wire.status_of(answer) in (wire.OK, wire.FAILURE):
            self._made.add(directory)

    def make(self, session: Session, key: str) -> None:
        """The directory of a key and all above it, whatever was known before. Raises: RemoteError."""
        self._make(session, self.path(key).rpartition(b"/")[0])

    def _make(self, session: Session, path: bytes) -> None:
        answer = session.ask(wire.MKDIR, wire.making(path))
        above = path.rpartition(b"/")[0]
        if wire.status_of(answer) == wire.NO_SUCH_FILE and above:
            self._make(session, above)
            answer = session.ask(wire.MKDIR, wire.making(path))
        if wire.status_of(answer) == wire.OK:
            return
        kind, body = session.ask(wire.STAT, wire.text(path))
        if kind != wire.ATTRS or not wire.unpack_attributes(body)[0].is_directory:
            raise wire.failure(answer, path.decode("utf-8", "replace"), "creating")

    # -- listings

    def read(self, session: Session, keys: Sequence[str]) -> list[tuple[str, wire.Attributes]]:
        """What is in directories; one that is not there is empty. Raises: RemoteError."""
        handles: list[tuple[str, bytes]] = []
        for key, answer in zip(keys, session.all((wire.OPENDIR, wire.text(self._at(key))) for key in keys)):
            if wire.status_of(answer) != wire.NO_SUCH_FILE:
                handles.append((key, wire.handle_in(answer, self.place(key), "listing")))
        found: list[tuple[str, wire.Attributes]] = []
        reads = 2  # nearly always names, then the end
        while handles:
            answers = session.all((wire.READDIR, wire.text(handle)) for _, handle in handles for _ in range(reads))
            unfinished = []
            for number, (key, handle) in enumerate(handles):
                for answer in answers[number * reads : (number + 1) * reads]:
                    if wire.status_of(answer) == wire.END:
                        session.forget(handle)
                        break
                    if answer[0] != wire.NAME:
                        raise wire.failure(answer, self.place(key), "listing")
                    before = f"{key}/" if key else ""
                    found += [(before + _decoded(name), one) for name, one in wire.unpack_names(answer[1])]
                else:
                    unfinished.append((key, handle))
            handles = unfinished
            reads = min(2 * reads, _MOST_READS)
        return found

    def resolve(self, session: Session, found: list[tuple[str, wire.Attributes]]) -> Listing:
        """Files and directories of a listing. Links to directories are followed; links to files are no objects."""
        links = [key for key, one in found if one.is_link]
        answers = session.all((wire.STAT, wire.text(self._at(key))) for key in links)
        directories = [key for key, one in found if one.is_directory]
        directories += [
            key
            for key, (kind, body) in zip(links, answers)
            if kind == wire.ATTRS and wire.unpack_attributes(body)[0].is_directory
        ]
        files = [entry(key, one) for key, one in found if one.is_file and not is_temporary(key)]
        return files, [key for key in directories if key != TMP and key.count("/") < _DEEPEST]


def entry(key: str, found: wire.Attributes) -> Entry:
    """What a remote says of a file."""
    return Entry(key, found.size, found.time_s, f"{found.time_s:.0f}-{found.size:x}")


def is_temporary(key: str) -> bool:
    """Whether a key is that of an unfinished upload."""
    return key.rpartition("/")[2].startswith(fsio.TEMP_PREFIX)


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def sweep(session: Session, tree: Tree, now_s: float, grace_s: float) -> None:
    """Delete temporaries older than ``grace_s`` by the server's clock. What cannot be deleted does not matter."""
    old = [key for key, one in tree.read(session, [TMP]) if is_temporary(key) and one.is_file and now_s - one.time_s > grace_s]
    session.all((wire.REMOVE, wire.text(tree.path(key))) for key in old)


def walk(tree: Tree, level: list[str], look: Callable[[Sequence[str]], Listing]) -> Iterator[Entry]:
    """Every file below directories; ``look`` reads some directories at once, in a session of its own."""
    while level:
        group, level = level[-GROUP:], level[:-GROUP]
        files, directories = look(group)
        level += directories
        yield from files
