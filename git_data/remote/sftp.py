"""A directory on a server that is reached by SSH, over SFTP: ``ssh://``, ``sftp://``, ``host:path``.

SFTP is all that is used, never a command: it works where nothing else is allowed.  Requests are pipelined, across files, too.
Connections are made through the program ``ssh`` (``ssh_transport``) or paramiko (``ssh_paramiko``) when needed, and kept.
Each is used by one thread at a time.  Content goes to ``tmp/`` first and is renamed when it is whole.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager

from git_data.base.digest import sha256
from git_data.errors import GitDataError, RemoteError, from_os_error
from git_data.remote import sftp_protocol as wire
from git_data.remote import sftp_tree
from git_data.remote.address import Address
from git_data.remote.base import SMALL_BYTES, Entry, Options, Remote, Source, Traits
from git_data.remote.sftp_put import Put, create_exclusively, groups, put_all, remove_temporaries, sync_directories, write_all
from git_data.remote.sftp_session import WINDOW_BYTES, Session, broken
from git_data.remote.sftp_tree import Tree, entry, root_of
from git_data.remote.sftp_upload import NOTED_BYTES, Note, upload
from git_data.remote.ssh_client import connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from git_data.remote.ssh_client import Connects

WORKERS = 4
TEMP_GRACE_S = 7 * 24 * 3600


def open_remote(address: Address, options: Options) -> Sftp:
    """The directory at an address of ``ssh`` or ``sftp``. Raises: UsageError."""
    return Sftp(address, options, connection(address, options))


class Sftp(Remote):
    """See ``base.Remote``.

    ``create`` is atomic with servers that make hard links (OpenSSH and most others).  With the rest there is still only one
    winner, but others may see its content before it is whole.
    """

    def __init__(self, address: Address, options: Options, connection: Connects) -> None:
        super().__init__(address.url, Traits(create=True, listing="tree", workers=WORKERS, batch=128))
        self._tree = Tree(root_of(address.path))
        self._scratch = options.scratch
        self._sync = options.sync
        self._connection = connection
        self._idle: list[Session] = []
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._swept = False
        self._closed = False
        self._unsynced: set[bytes] = set()
        """directories with new names in them"""

    # -- sessions

    @contextmanager
    def _session(self) -> Iterator[Session]:
        session = self._borrow()
        before = session.requests
        try:
            yield session
        finally:
            with self._lock:
                self.requests += session.requests - before
            self._give_back(session)

    def _idling(self) -> Session | None:
        with self._lock:
            while self._idle:
                session = self._idle.pop()
                if session.is_sound:
                    return session
                session.close()
        return None

    def _borrow(self) -> Session:
        session = self._idling()
        if session is None:
            # one after the other: servers drop connections when many begin at once (sshd_config: MaxStartups)
            with self._starting:
                session = self._idling() or self._start()
        return session

    def _start(self) -> Session:
        stream = self._connection.open()
        try:
            session = Session(stream)
        except BaseException:
            stream.close()
            raise
        self._closed = False
        return session

    def _give_back(self, session: Session) -> None:
        sound = session.is_sound
        if sound:
            try:
                session.flush()
            except GitDataError:
                sound = False
        with self._lock:
            if sound and not self._closed:
                self._idle.append(session)
                return
        session.close()

    def close(self) -> None:
        """See ``Remote.close``. Sessions in use are closed when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()
        self._connection.close()

    # -- reading

    def stat(self, key: str) -> Entry | None:
        """See ``Remote.stat``."""
        return self.stat_many([key])[0]

    def stat_many(self, keys: Sequence[str]) -> Sequence[Entry | None]:
        """See ``Remote.stat_many``."""
        found: list[Entry | None] = []
        with self._session() as session:
            answers = session.all((wire.LSTAT, wire.text(self._tree.path(key))) for key in keys)
        for key, answer in zip(keys, answers):
            if wire.status_of(answer) == wire.NO_SUCH_FILE:
                found.append(None)
                continue
            attributes = self._attributes(answer, key)
            found.append(entry(key, attributes) if attributes.is_file else None)
        return found

    def _attributes(self, answer: wire.Answer, key: str) -> wire.Attributes:
        if answer[0] != wire.ATTRS:
            raise wire.failure(answer, self._tree.place(key), "looking at")
        return wire.unpack_attributes(answer[1])[0]

    def list(self, prefix: str) -> Iterator[Entry]:
        """See ``Remote.list``."""
        key = prefix.rstrip("/")
        if key:
            self._tree.path(key)
        return sftp_tree.walk(self._tree, [key], self._look)

    def _look(self, keys: Sequence[str]) -> sftp_tree.Listing:
        with self._session() as session:
            return self._tree.resolve(session, self._tree.read(session, keys))

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See ``Remote.get``."""
        path, place = wire.text(self._tree.path(key)), self._tree.place(key)
        with self._session() as session:
            looked, opened = session.all([(wire.LSTAT, path), (wire.OPEN, path + wire.FOR_READING.to_bytes(4, "big") + bytes(4))])
            if opened[0] == wire.HANDLE:
                handle = wire.handle_in(opened, place, "reading")
            try:
                attributes = self._attributes(looked, key)
                if not attributes.is_file:
                    raise RemoteError(f"'{place}' is not a file")
                wire.handle_in(opened, place, "reading")
                left = max(attributes.size - start, 0) if length is None else length
                yield from _content(session, handle, start, left, place)
            finally:
                if opened[0] == wire.HANDLE:
                    session.forget(handle)

    def get_many(self, wanted: Sequence[tuple[str, int]]) -> Sequence[bytes | GitDataError]:
        """See ``Remote.get_many``: all are opened, then all are read."""
        answers: list[bytes | GitDataError] = []
        for group in groups(wanted, [size for _, size in wanted]):
            with self._session() as session:
                answers += self._get_group(session, group)
        return answers

    def _get_group(self, session: Session, wanted: Sequence[tuple[str, int]]) -> Sequence[bytes | GitDataError]:
        paths = [wire.text(self._tree.path(key)) for key, _ in wanted]
        flags = wire.FOR_READING.to_bytes(4, "big") + bytes(4)
        first = session.all((kind, body) for path in paths for kind, body in ((wire.LSTAT, path), (wire.OPEN, path + flags)))
        found: list[bytes | GitDataError] = []
        handles: list[bytes] = []
        for (key, _), looked, opened in zip(wanted, first[::2], first[1::2]):
            handle = b""
            try:
                handle = wire.handle_in(opened, self._tree.place(key), "reading")
                if not self._attributes(looked, key).is_file:
                    raise RemoteError(f"'{self._tree.place(key)}' is not a file")
                found.append(b"")
            except GitDataError as error:
                found.append(error)
            handles.append(handle)
        block = session.block_read
        parts = [
            (number, at, min(block, size + 1 - at))
            for number, (_, size) in enumerate(wanted)
            if not isinstance(found[number], GitDataError)
            for at in range(0, size + 1, block)
        ]
        window = max(WINDOW_BYTES // block, 64)
        read = session.all(((wire.READ, wire.reading(handles[number], at, size)) for number, at, size in parts), window)
        pieces: dict[int, list[bytes]] = {}
        for (number, at, _), answer in zip(parts, read):
            key, size = wanted[number]
            if answer[0] == wire.DATA and len(b"".join(pieces.get(number, []))) == at:
                pieces.setdefault(number, []).append(answer[1])
            elif answer[0] == wire.DATA:
                # the server gave less than was asked for in the middle of the file
                found[number] = broken(self._tree.place(key))
            elif wire.status_of(answer) != wire.END:
                found[number] = wire.failure(answer, self._tree.place(key), "reading")
        for handle in filter(None, handles):
            session.forget(handle)
        return [one if isinstance(one, GitDataError) else b"".join(pieces.get(number, [])) for number, one in enumerate(found)]

    # -- writing

    def put(self, key: str, source: Source) -> None:
        """See ``Remote.put``."""
        if source.size <= SMALL_BYTES:
            failure = self.put_many([(key, source)])[0]
            if failure is not None:
                raise failure
            return
        self._tree.path(key)
        note = self._note(key, source)
        try:
            with self._session() as session:
                put = upload(session, self._tree, key, source, note if note is not None and note.usable else None)
                self._note_names([key])
                self._sweep(session, [put])
        except OSError as error:
            raise from_os_error(error, source.path, "reading") from None
        finally:
            if note is not None:
                note.close()
        if put.error is not None:
            raise put.error

    def _note(self, key: str, source: Source) -> Note | None:
        if not self._scratch or source.size <= NOTED_BYTES:
            return None
        try:
            return Note(self._scratch, self.url, key)
        except OSError as error:
            raise from_os_error(error, self._scratch, "writing") from None

    def put_many(self, items: Sequence[tuple[str, Source]]) -> Sequence[GitDataError | None]:
        """See ``Remote.put_many``."""
        outcome: list[GitDataError | None] = []
        for group in groups(items, [source.size for _, source in items]):
            outcome += self._put_group(group)
        return outcome

    def _put_group(self, items: Sequence[tuple[str, Source]]) -> Sequence[GitDataError | None]:
        outcome: list[GitDataError | None] = [None] * len(items)
        puts: dict[int, Put] = {}
        for number, (key, source) in enumerate(items):
            try:
                self._tree.path(key)
                if source.size > SMALL_BYTES:
                    self.put(key, source)
                else:
                    puts[number] = Put(key, source.read(), self._tree)
            except OSError as error:
                outcome[number] = from_os_error(error, source.path, "reading")
            except GitDataError as error:
                if error.retryable:
                    raise
                outcome[number] = error
        if puts:
            with self._session() as session:
                put_all(session, self._tree, list(puts.values()), self._sync)
                self._note_names(put.key for put in puts.values())
                self._sweep(session, list(puts.values()))
        for number, put in puts.items():
            outcome[number] = put.error
        return outcome

    def flush(self) -> None:
        """See ``Remote.flush``: files were synced before they got their names, the names are now."""
        if self._unsynced:
            with self._session() as session:
                self._sync_names(session)

    def _note_names(self, keys: Iterable[str]) -> None:
        directories = {above for key in keys for above in self._tree.above(key)}
        with self._lock:
            self._unsynced |= directories

    def _sync_names(self, session: Session) -> None:
        """Sync directories, as far as the server does that (OpenSSH does; whether it failed or cannot, it does not tell)."""
        with self._lock:
            paths, self._unsynced = sorted(self._unsynced), set()
        if self._sync:
            sync_directories(session, paths)

    def _sweep(self, session: Session, puts: Sequence[Put]) -> None:
        """After the first write: what others have left behind, by the clock that dated what was written."""
        now_s = max(put.time_s for put in puts)
        if not self._swept and now_s:
            self._swept = True
            sftp_tree.sweep(session, self._tree, now_s, TEMP_GRACE_S)

    def create(self, key: str, data: bytes) -> bool:
        """See ``Remote.create``: a hard link to a finished file fails if there is one already."""
        put = Put(key, data, self._tree)
        path = self._tree.path(key)
        with self._session() as session:
            write_all(session, self._tree, [put])
            try:
                if put.error is not None:
                    raise put.error
                names = wire.text(self._tree.path(put.temporary)) + wire.text(path)
                request = wire.text(wire.HARDLINK) + names
                if wire.HARDLINK in session.extensions:
                    answer = session.ask(wire.EXTENDED, request)
                    if wire.status_of(answer) == wire.NO_SUCH_FILE:
                        self._tree.make(session, key)
                        answer = session.ask(wire.EXTENDED, request)
                    if wire.status_of(answer) == wire.OK:
                        self._note_names([key])
                        self._sync_names(session)
                        return True
                if wire.status_of(session.ask(wire.LSTAT, wire.text(path))) == wire.OK:
                    return False
            finally:
                remove_temporaries(session, self._tree, [put])
            if not create_exclusively(session, self._tree, key, data):
                return False
            self._note_names([key])
            self._sync_names(session)
            return True

    def read(self, key: str, limit: int = SMALL_BYTES) -> tuple[bytes, str]:
        """See ``Remote.read``."""
        data, _ = super().read(key, limit)
        return data, sha256(data).hexdigest()

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Remote.delete``."""
        with self._session() as session:
            answers = session.all((wire.REMOVE, wire.text(self._tree.path(key))) for key in keys)
        for key, answer in zip(keys, answers):
            if wire.status_of(answer) != wire.NO_SUCH_FILE:
                wire.expect_ok(answer, self._tree.place(key), "deleting")


def _content(session: Session, handle: bytes, start: int, length: int, place: str) -> Iterator[bytes]:
    """A range of a file. Raises: RemoteUnavailable when it ends before."""
    block = session.block_read
    end = start + length
    blocks = ((at, min(block, end - at)) for at in range(start, end, block))
    reads = ((wire.READ, wire.reading(handle, at, size), b"") for at, size in blocks)
    at = start
    for answer in session.pipeline(reads, max(WINDOW_BYTES // block, 4)):
        size = min(block, end - at)
        while True:
            if wire.status_of(answer) == wire.END or answer[0] == wire.DATA and not answer[1]:
                raise broken(place)
            if answer[0] != wire.DATA:
                raise wire.failure(answer, place, "reading")
            yield answer[1][:size]
            at += len(answer[1])
            size -= len(answer[1])
            if size <= 0:
                break
            answer = session.ask(wire.READ, wire.reading(handle, at, size))
