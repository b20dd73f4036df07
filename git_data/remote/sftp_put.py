"""Small files to an SFTP server, many at once, in waves: all are opened, then all written, then all renamed.

A file is complete, has been measured by the server, and is synced there if it can and the user minds, before it gets its name.
A crash leaves files in ``tmp/`` and nothing else.
"""

from __future__ import annotations

from contextlib import suppress

from git_data.errors import GitDataError, NotOnRemote, RemoteError
from git_data.remote import sftp_protocol as wire
from git_data.remote.base import SMALL_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeVar

    from git_data.remote.sftp_session import Session
    from git_data.remote.sftp_tree import Tree

    Item = TypeVar("Item")

BATCH_FILES = 64
BATCH_BYTES = 8 << 20
NEW = wire.FOR_WRITING | wire.CREATE | wire.EXCLUSIVE


class Put:
    """One file on its way: ``error`` is what went wrong; ``time_s`` is when it was written, by the server's clock."""

    __slots__ = ("data", "error", "handle", "key", "temporary", "time_s")

    def __init__(self, key: str, data: bytes, tree: Tree) -> None:
        self.key = key
        self.data = data
        self.temporary = tree.temporary()
        self.handle = b""
        self.error: GitDataError | None = None
        self.time_s = 0.0

    def note(self, error: GitDataError) -> None:
        """Keep the first error."""
        self.error = self.error or error


def put_all(session: Session, tree: Tree, puts: list[Put], sync: bool = True) -> None:
    """Store files; errors of single ones are noted in them. Raises: RemoteUnavailable."""
    write_all(session, tree, puts, sync)
    rename_all(session, tree, [put for put in puts if put.error is None])
    remove_temporaries(session, tree, [put for put in puts if put.error is not None])


def write_all(session: Session, tree: Tree, puts: list[Put], sync: bool = True) -> None:
    """Fill the temporaries, and make the directories."""
    new = tree.lacking(key for put in puts for key in (put.temporary, put.key))
    requests = [(wire.MKDIR, wire.making(tree.path(directory))) for directory in new]
    answers = session.all([*requests, *_openings(tree, puts)])
    for directory, answer in zip(new, answers):
        tree.note(directory, answer)
    late = []
    for put, answer in zip(puts, answers[len(new) :]):
        if wire.status_of(answer) == wire.NO_SUCH_FILE:
            late.append(put)
        else:
            _opened(put, answer, tree)
    if late:
        tree.make(session, late[0].temporary)
        for put, answer in zip(late, session.all(_openings(tree, late))):
            _opened(put, answer, tree)
    _fill(session, tree, [put for put in puts if put.error is None], sync and wire.FSYNC in session.extensions)


def _openings(tree: Tree, puts: Iterable[Put]) -> list[tuple[int, bytes]]:
    return [(wire.OPEN, wire.opening(tree.path(put.temporary), NEW)) for put in puts]


def _opened(put: Put, answer: wire.Answer, tree: Tree) -> None:
    try:
        put.handle = wire.handle_in(answer, tree.place(put.temporary), "writing")
    except GitDataError as error:
        put.note(error)


def _fill(session: Session, tree: Tree, puts: list[Put], sync: bool) -> None:
    def requests() -> Iterator[tuple[int, bytes, bytes]]:
        # requests about one file are carried out in their order (section 6 of the draft)
        block = session.block_write
        for put in puts:
            for at in range(0, len(put.data), block):
                data = put.data[at : at + block]
                sent.append((put, wire.WRITE))
                yield wire.WRITE, wire.writing(put.handle, at, len(data)), data
            if sync:
                sent.append((put, wire.EXTENDED))
                yield wire.EXTENDED, wire.text(wire.FSYNC) + wire.text(put.handle), b""
            for kind in (wire.FSTAT, wire.CLOSE):
                sent.append((put, kind))
                yield kind, wire.text(put.handle), b""

    sent: list[tuple[Put, int]] = []
    for number, answer in enumerate(session.pipeline(requests())):
        put, kind = sent[number]
        place = tree.place(put.key)
        if kind == wire.FSTAT:
            if answer[0] != wire.ATTRS:
                put.note(wire.failure(answer, place, "writing"))
                continue
            found = wire.unpack_attributes(answer[1])[0]
            put.time_s = found.time_s
            if found.size != len(put.data) and put.error is None:
                put.note(RemoteError(f"'{place}' has {found.size:,} bytes on the server in place of {len(put.data):,}"))
        elif wire.status_of(answer) != wire.OK and put.error is None:
            put.note(no_space(session, tree, wire.failure(answer, place, "writing"), len(put.data)))


def no_space(session: Session, tree: Tree, error: GitDataError, needed: int) -> GitDataError:
    """OpenSSH says "Failure" for whatever happens: look whether it is that the file system is full."""
    if type(error) is not RemoteError or wire.STATVFS not in session.extensions:
        return error
    kind, body = session.ask(wire.EXTENDED, wire.text(wire.STATVFS) + wire.text(tree.path("tmp")))
    if kind != wire.EXTENDED_REPLY or len(body) < 40:
        return error
    free = int.from_bytes(body[8:16], "big") * int.from_bytes(body[32:40], "big")  # f_frsize, f_bavail
    if free > needed + (1 << 20):
        return error
    return RemoteError(
        f"no space left on the server for '{tree.root}': {needed:,} bytes needed, {free:,} free",
        "free space on the server and run it again; nothing was half-written",
    )


def rename_all(session: Session, tree: Tree, puts: list[Put]) -> None:
    """Give files their names. Directories that were known and are gone are made once more."""
    late = []
    for put, answer in zip(puts, session.all(_rename(session, tree, put) for put in puts)):
        if wire.status_of(answer) == wire.OK:
            continue
        late.append(put)
    for put in late:
        _rename_slowly(session, tree, put)


def _rename(session: Session, tree: Tree, put: Put) -> tuple[int, bytes]:
    names = wire.text(tree.path(put.temporary)) + wire.text(tree.path(put.key))
    if wire.POSIX_RENAME in session.extensions:
        return wire.EXTENDED, wire.text(wire.POSIX_RENAME) + names
    return wire.RENAME, names


def _rename_slowly(session: Session, tree: Tree, put: Put) -> None:
    try:
        tree.make(session, put.key)
        answer = session.ask(*_rename(session, tree, put))
        if wire.status_of(answer) == wire.FAILURE and wire.POSIX_RENAME not in session.extensions:
            # version 3 cannot replace: for a moment there is none
            session.ask(wire.REMOVE, wire.text(tree.path(put.key)))
            answer = session.ask(*_rename(session, tree, put))
        wire.expect_ok(answer, tree.place(put.key), "writing")
    except NotOnRemote as error:
        put.note(RemoteError(f"'{tree.place(put.key)}' cannot be written: {error.message}"))
    except GitDataError as error:
        if error.retryable:
            raise
        put.note(error)


def remove_temporaries(session: Session, tree: Tree, puts: list[Put]) -> None:
    """Of what failed; best effort, but waited for: the connection may be closed next."""
    if session.is_sound:
        with suppress(GitDataError):
            session.all((wire.REMOVE, wire.text(tree.path(put.temporary))) for put in puts)


def create_exclusively(session: Session, tree: Tree, key: str, data: bytes) -> bool:
    """For servers without hard links: false if there is one already."""
    path, place = tree.path(key), tree.place(key)
    answer = session.ask(wire.OPEN, wire.opening(path, NEW))
    if answer[0] != wire.HANDLE and wire.status_of(session.ask(wire.LSTAT, wire.text(path))) == wire.OK:
        return False
    handle = wire.handle_in(answer, place, "writing")
    blocks = range(0, len(data), session.block_write)
    parts = [(at, data[at : at + session.block_write]) for at in blocks]
    writes = ((wire.WRITE, wire.writing(handle, at, len(part)), part) for at, part in parts)
    for answer in [*session.pipeline(writes), session.ask(wire.CLOSE, wire.text(handle))]:
        wire.expect_ok(answer, place, "writing")
    return True


def sync_directories(session: Session, paths: list[bytes]) -> None:
    """As far as the server does that (OpenSSH does; whether it failed or cannot, it does not tell)."""
    if wire.FSYNC not in session.extensions:
        return
    opened = session.all((wire.OPEN, wire.opening(path, wire.FOR_READING)) for path in paths)
    handles = [wire.handle_in(answer, "", "") for answer in opened if answer[0] == wire.HANDLE]
    session.all((wire.EXTENDED, wire.text(wire.FSYNC) + wire.text(handle)) for handle in handles)
    for handle in handles:
        session.forget(handle)


def groups(items: Sequence[Item], sizes: Sequence[int]) -> Iterator[Sequence[Item]]:
    """Parts of a batch that are moved at once."""
    begin = total = 0
    for number, size in enumerate(sizes):
        if number > begin and (number - begin >= BATCH_FILES or total + size > BATCH_BYTES):
            yield items[begin:number]
            begin, total = number, 0
        total += min(size, SMALL_BYTES)
    if begin < len(items):
        yield items[begin:]
