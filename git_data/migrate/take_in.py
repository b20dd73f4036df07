"""Content that git holds goes into the store: blobs are read by ``git cat-file``, hashed, and stored.

Several processes read side by side; Python hashes and writes meanwhile.  Small blobs are stored by the compiled core, many in one
call, large ones as a stream.  What is done is noted after it is durable, in ``<git common dir>/data/migrate/contents``
(``docs/formats.md``), so that a command that was killed goes on where it was.
"""

from __future__ import annotations

import os
import subprocess
import threading

from git_data.base.digest import sha256
from git_data.base.fsio import remove_if_exists, write_all
from git_data.errors import GitFailed, from_os_error
from git_data.git.promisor import fetch_missing
from git_data.git.run import FLAT
from git_data.migrate.contents import Contents
from git_data.pointer import Pointer
from git_data.store.put import put_item, put_items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO

    from git_data.base.report import Progress
    from git_data.git.repo import Repository
    from git_data.link.items import Put
    from git_data.store.objects import Store

SMALL_BYTES = 1 << 20
_GROUP_FILES = 256
_GROUP_BYTES = 32 << 20
_SAVE_BYTES = 256 << 20
"""So much is read again at most after a kill."""


class Blob:
    """A blob that is to be taken in: its id (hex) and size."""

    __slots__ = ("oid", "size")

    def __init__(self, oid: bytes, size: int) -> None:
        self.oid = oid
        self.size = size


def take_in(
    repo: Repository, store: Store, blobs: list[Blob], jobs: int, progress: Progress | None = None
) -> dict[bytes, Pointer]:
    """Store the content of blobs, in the order in which git reads them best: blob (hex) → its pointer.

    Raises: GitFailed when git lacks one, FileSystemError.
    """
    done = Contents(repo)
    found = done.stored(store, blobs)
    rest = [blob for blob in blobs if blob.oid not in found]
    fetch_missing(repo.config, [blob.oid for blob in rest])
    if progress is not None:
        progress(len(found), sum(pointer.size for pointer in found.values()))
    store.make()
    work = _Work(repo, store, _groups(rest), done, found, progress)
    work.run(max(1, min(jobs, len(work.groups))))
    return found


def _groups(blobs: list[Blob]) -> list[list[Blob]]:
    groups: list[list[Blob]] = []
    size = 0
    for blob in blobs:
        if not groups or len(groups[-1]) >= _GROUP_FILES or size >= _GROUP_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(blob)
        size += blob.size
    groups.reverse()  # taken from the end
    return groups


class _Work:
    """Threads, each with a ``git cat-file`` of its own, and groups of neighbours for them."""

    def __init__(
        self,
        repo: Repository,
        store: Store,
        groups: list[list[Blob]],
        done: Contents,
        found: dict[bytes, Pointer],
        progress: Progress | None,
    ) -> None:
        self.repo = repo
        self.store = store
        self.groups = groups
        self.done = done
        self.found = found
        self.progress = progress
        self.lock = threading.Lock()
        self.failure: BaseException | None = None

    def run(self, jobs: int) -> None:
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(jobs if self.groups else 0)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)  # or Ctrl-C would not be noticed
        finally:
            with self.lock:
                self.groups.clear()
        if self.failure is not None:
            raise self.failure
        self.store.flush()
        self.done.save()

    def _work(self) -> None:
        try:
            with _Reader(self.repo) as reader:
                while (group := self._next()) is not None:
                    pointers = self._take(reader, group)
                    with self.lock:
                        self.found.update(pointers)
                        self.done.add(pointers)
                        if self.done.unsaved_bytes >= _SAVE_BYTES:
                            self.store.flush()
                            self.done.save()
        except BaseException as error:  # raised again by run
            with self.lock:
                self.failure = self.failure or error
                self.groups.clear()

    def _next(self) -> list[Blob] | None:
        with self.lock:
            return self.groups.pop() if self.groups else None

    def _take(self, reader: _Reader, group: list[Blob]) -> dict[bytes, Pointer]:
        pointers: dict[bytes, Pointer] = {}
        items: dict[str, Put] = {}
        reader.ask(group)
        for blob in group:
            size = reader.next(blob)
            if size <= SMALL_BYTES:
                content = reader.read(size)
                pointer = Pointer(sha256(content).hexdigest(), size)
                if pointer.oid not in items and not self._is_there(pointer):
                    items[pointer.oid] = put_item(self.store, pointer.oid, size, content=content)
            else:
                pointer = self._stream(reader, size)
            reader.end()
            pointers[blob.oid] = pointer
            if self.progress is not None:
                with self.lock:
                    self.progress(1, size)
        put_items(self.store, ".", list(items.values()))
        return pointers

    def _is_there(self, pointer: Pointer) -> bool:
        path = self.store.sound(pointer.oid, pointer.size)
        if path is not None:
            self.store.touch(path, pointer.oid)
        return path is not None

    def _stream(self, reader: _Reader, size: int) -> Pointer:
        """One large content into the store. Raises: FileSystemError, GitFailed."""
        hasher = sha256()
        fd, temporary = self.store.new_temporary()
        try:
            left = size
            while left:
                data = reader.read(min(left, SMALL_BYTES))
                hasher.update(data)
                write_all(fd, data)
                left -= len(data)
            pointer = Pointer(hasher.hexdigest(), size)
            if self._is_there(pointer):
                os.close(fd)
                remove_if_exists(temporary)
            else:
                self.store.install(fd, temporary, pointer.oid)
            return pointer
        except OSError as error:
            remove_if_exists(temporary)
            raise from_os_error(error, temporary, "storing", self.store.root, size) from None
        except BaseException:
            remove_if_exists(temporary)
            raise


class _Reader:
    """One ``git cat-file --batch``."""

    def __init__(self, repo: Repository) -> None:
        self._process = subprocess.Popen(
            ["git", *FLAT, "cat-file", "--batch-command", "--buffer"],
            cwd=repo.common_dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=1 << 20,
        )  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in: IO[bytes] = self._process.stdin
        self._out: IO[bytes] = self._process.stdout

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()
        try:
            self._in.close()
        except BrokenPipeError:
            pass
        self._process.kill()
        self._process.wait()

    def ask(self, blobs: Iterable[Blob]) -> None:
        """Have git read these, one after the other. They are few, so that the question fits into the pipe."""
        self._in.write(b"".join(b"contents " + blob.oid + b"\n" for blob in blobs) + b"flush\n")
        self._in.flush()

    def next(self, blob: Blob) -> int:
        """The size of the next content, which is that of ``blob``. Raises: GitFailed."""
        fields = self._out.readline().split()
        if len(fields) != 3 or fields[0] != blob.oid:
            raise GitFailed(f"git does not have the object {blob.oid.decode()}, or it is damaged", "git fsck")
        return int(fields[2])

    def read(self, size: int) -> bytes:
        """So many bytes of the content. Raises: GitFailed."""
        data = self._out.read(size)
        if len(data) != size:
            raise GitFailed("git cat-file ended early: an object is damaged", "git fsck")
        return data

    def end(self) -> None:
        """The line feed behind a content."""
        self._out.read(1)
