"""One large file to an SFTP server, going on where an earlier run was broken off.

Writes are in flight all the time; now and then the server is asked to sync, and only what was written and synced before that is
noted, beside the name of the temporary, in the private directory of the repository.  So what a later run takes over is on the
server's disk, whatever happened to either machine meanwhile.
"""

from __future__ import annotations

import os
from contextlib import suppress

from git_data.base.digest import sha256
from git_data.base.lock import Advisory
from git_data.errors import GitDataError, RemoteError
from git_data.remote import sftp_protocol as wire
from git_data.remote.sftp_put import NEW, Put, no_space, remove_temporaries, rename_all
from git_data.remote.sftp_session import WINDOW_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_data.remote.base import Source
    from git_data.remote.sftp_session import Session
    from git_data.remote.sftp_tree import Tree

NOTED_BYTES = 16 << 20
"""Uploads above this size can be resumed; how much is noted at a time."""


class Note:
    """What is known of an unfinished upload: ``temporary``, and how many bytes of it are safe on the server.

    Held by a lock, so that two uploads never share a temporary; ``usable`` is false for whoever comes second.
    """

    def __init__(self, scratch: str, url: str, key: str) -> None:
        os.makedirs(scratch, exist_ok=True)
        self.path = os.path.join(scratch, sha256(f"{url}\n{key}".encode()).hexdigest() + ".sftp")
        self._lock = Advisory(self.path, wait=False)
        self.usable = self._lock.acquired
        words = os.pread(self._lock.fd, 512, 0).decode("ascii", "replace").split() if self.usable else []
        whole = len(words) == 3 and words[2] == "ok" and words[1].isdigit()
        self.temporary, self.size = (words[0], int(words[1])) if whole else ("", 0)

    def write(self, temporary: str, size: int) -> None:
        """Remember; a line cut short by a crash does not count."""
        if self.usable:
            os.ftruncate(self._lock.fd, 0)
            os.pwrite(self._lock.fd, f"{temporary} {size} ok\n".encode(), 0)

    def remove(self) -> None:
        """It is finished, or not worth going on with."""
        if self.usable:
            with suppress(FileNotFoundError):
                os.unlink(self.path)

    def close(self) -> None:
        """Give the lock up."""
        os.close(self._lock.fd)


def upload(session: Session, tree: Tree, key: str, source: Source, note: Note | None) -> Put:
    """Store one file. Raises: RemoteError, CorruptData, OSError."""
    put = Put(key, b"", tree)
    start = _open(session, tree, put, source, note)
    try:
        _fill(session, tree, put, source, start, note)
    except BaseException as error:
        # a broken connection, Ctrl-C: what is there can be gone on with; but not if the content is wrong
        if note is None or isinstance(error, GitDataError) and not error.retryable:
            _discard(session, tree, put, note)
        raise
    rename_all(session, tree, [put])
    if note is not None:
        note.remove()
    return put


def _open(session: Session, tree: Tree, put: Put, source: Source, note: Note | None) -> int:
    """Open a temporary, that of an earlier run if it is good; from where to go on."""
    if note is not None and 0 < note.size <= source.size:
        answer = session.ask(wire.OPEN, wire.opening(tree.path(note.temporary), wire.FOR_WRITING))
        if answer[0] == wire.HANDLE:
            put.temporary = note.temporary
            put.handle = wire.handle_in(answer, tree.place(put.key), "writing")
            kind, body = session.ask(wire.FSTAT, wire.text(put.handle))
            if kind == wire.ATTRS and note.size <= wire.unpack_attributes(body)[0].size <= source.size:
                return note.size
            _discard(session, tree, put, None)
            put.temporary = tree.temporary()
    request = wire.opening(tree.path(put.temporary), NEW)
    answer = session.ask(wire.OPEN, request)
    if wire.status_of(answer) == wire.NO_SUCH_FILE:
        tree.make(session, put.temporary)
        answer = session.ask(wire.OPEN, request)
    put.handle = wire.handle_in(answer, tree.place(put.temporary), "writing")
    if note is not None:
        note.write(put.temporary, 0)
    return 0


def _fill(session: Session, tree: Tree, put: Put, source: Source, start: int, note: Note | None) -> None:
    sync = wire.EXTENDED, wire.text(wire.FSYNC) + wire.text(put.handle), b""
    can_sync = wire.FSYNC in session.extensions
    block = session.block_write
    safe: dict[int, int] = {}

    def requests() -> Iterator[tuple[int, bytes, bytes]]:
        at = noted = number = 0
        # pieces begin at multiples of the block, so the first to be sent is one that holds the byte at ``start``
        for data in source.chunks(block):
            if at + len(data) > start:
                yield wire.WRITE, wire.writing(put.handle, at, len(data)), data
                number += 1
            at += len(data)
            if note is not None and can_sync and at - noted >= NOTED_BYTES and at > start:
                noted = safe[number] = at
                yield sync
                number += 1
        if can_sync:
            yield sync
        yield wire.FSTAT, wire.text(put.handle), b""
        yield wire.CLOSE, wire.text(put.handle), b""

    place = tree.place(put.key)
    window = max(WINDOW_BYTES // block, 4)
    for number, answer in enumerate(session.pipeline(requests(), window)):
        if answer[0] == wire.ATTRS:
            found = wire.unpack_attributes(answer[1])[0]
            put.time_s = found.time_s
            if found.size != source.size:
                raise RemoteError(f"'{place}' has {found.size:,} bytes on the server in place of {source.size:,}")
        elif wire.status_of(answer) != wire.OK:
            raise no_space(session, tree, wire.failure(answer, place, "writing"), source.size)
        elif note is not None and number in safe:
            note.write(put.temporary, safe[number])


def _discard(session: Session, tree: Tree, put: Put, note: Note | None) -> None:
    if note is not None:
        note.remove()
    session.forget(put.handle)
    remove_temporaries(session, tree, [put])
