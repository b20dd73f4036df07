"""Many files into the store and the index at once: what ``git add`` does with the filter, by the thousand.

Files are hashed by several threads and stored a chunk at a time; ``stage`` then tells git.

What was hashed is what was stored: a file's stat data are the same before it is read and after the store has taken it.
They are also what the index gets, so a file that changes later shows as modified.

A crash before the index is written leaves objects nobody refers to (``git data gc``); running the command again finishes.
"""

from __future__ import annotations

import os
import stat
import threading
import time

from git_data.base.digest import blob_oid, file_sha256, sha256
from git_data.base.fsio import clock_ns
from git_data.link.batch import run_parallel
from git_data.link.items import FRESH_NS, Put
from git_data.link.pure import is_fresh, same_times
from git_data.pointer import FORMATS, MAX_SIZE_BYTES, Pointer, parse
from git_data.store.put import put_item, put_items
from git_data.worktree.stage import Candidate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from git_data.git.repo import Repository
    from git_data.store.objects import Store

_CHUNK_FILES = 256
_CHUNK_BYTES = 64 << 20
_STREAM_BYTES = 64 << 20
_ROUNDS = 3
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class BulkAdd:
    """Reads, hashes and stores candidates; ``stage.stage`` then tells git.

    ``root`` is the top of the work tree; ``clone`` says whether its files can be reflinked into ``store``;
    ``stream(fd, path)`` stores one large content while it hashes it and gives the pointer: where blocks cannot be shared,
    reading a large file twice would cost more than anything else.
    """

    def __init__(
        self,
        repo: Repository,
        store: Store,
        clone: bool,
        jobs: int,
        stream: Callable[[int, bytes], bytes],
        progress: Callable[[int, int], None],
    ) -> None:
        self.repo = repo
        self.store = store
        self.clone = clone
        self.jobs = jobs
        self.stream = stream
        self.progress = progress
        self.root = repo.require_worktree()
        self.stage = os.path.join(repo.data_dir, "tmp")
        os.makedirs(self.stage, exist_ok=True)
        self.copies: list[Candidate] = []
        """taken in, but the store had their content already: they may share its blocks"""
        self._stored_sizes: list[int] = []
        self._stream_lock = threading.Lock()

    @property
    def bytes_stored(self) -> int:
        """What the store did not have before."""
        return sum(self._stored_sizes)

    def take_in(self, candidates: list[Candidate], keep: bool = True) -> None:
        """Hash all, and store them if ``keep``; those that cannot be read or keep changing are left alone.

        Raises: FileSystemError.
        """
        waiting = candidates
        for _ in range(_ROUNDS):
            again: list[Candidate] = []

            def work(chunk: list[Candidate], again: list[Candidate] = again) -> None:
                again += self._take_in_chunk(chunk, keep)

            run_parallel(work, _chunks(waiting), self.jobs)
            if not again:
                return
            waiting = again
            # let the kernel's clock tick, so that any later change shows in the stat data
            time.sleep(FRESH_NS / 1e9)

    def _take_in_chunk(self, chunk: list[Candidate], keep: bool) -> list[Candidate]:
        """Hash and store; those that must be looked at again."""
        again: list[Candidate] = []
        by_oid: dict[str, list[Candidate]] = {}
        items: list[Put] = []
        now_ns = clock_ns(self.stage)
        for candidate in chunk:
            if not self._read(candidate, keep, now_ns):
                again.append(candidate)
            elif keep and candidate.pointer is not None:
                same = by_oid.setdefault(candidate.pointer.oid, [])
                same.append(candidate)
                item = self._put_item(candidate) if len(same) == 1 else None
                if item is not None:
                    items.append(item)
                else:
                    candidate.content = None
                    self.copies.append(candidate)
        if items:
            for item in put_items(self.store, self.root, items):
                for candidate in by_oid[item.object[3:].decode()]:
                    candidate.blob = candidate.pointer = None
                    again.append(candidate)
            self._stored_sizes += [item.size for item in items if not item.error]
        self.progress(len(chunk) - len(again), sum(candidate.size for candidate in chunk if candidate.blob is not None))
        return again

    def _read(self, candidate: Candidate, keep: bool, now_ns: int) -> bool:
        """Hash one file; whether its outcome is settled."""
        candidate.blob = candidate.pointer = candidate.content = None
        try:
            fd = os.open(os.path.join(os.fsencode(self.root), candidate.path), _READ)
        except OSError:
            return True
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode):
                return True
            if is_fresh(before, now_ns):
                return False
            blob, pointer = self._hash(fd, candidate, before.st_size, keep)
            if not same_times(before, os.fstat(fd)):
                return False
        except OSError:
            return True
        finally:
            os.close(fd)
        candidate.blob, candidate.pointer, candidate.status = blob, pointer, before
        candidate.size = before.st_size
        return True

    def _hash(self, fd: int, candidate: Candidate, size: int, keep: bool) -> tuple[bytes, Pointer | None]:
        """The blob, and the pointer if there is content that is to be stored still."""
        format = candidate.format or self.repo.settings.pointer_format
        if size <= _CHUNK_BYTES // _CHUNK_FILES:
            content = os.read(fd, size + 1)
            if not content or (len(content) < MAX_SIZE_BYTES and parse(content) is not None):
                return content, None
            pointer = Pointer(sha256(content).hexdigest(), len(content), format)
            candidate.content = content if keep and not self.clone else None
            self._keep_format(candidate, pointer)
        elif keep and not self.clone and size >= _STREAM_BYTES:
            with self._stream_lock:
                stored = parse(self.stream(fd, candidate.path))
            assert stored is not None
            pointer = Pointer(stored.oid, stored.size, format)
            self._keep_format(candidate, pointer)
            return pointer.encode(), None
        else:
            pointer = Pointer(*file_sha256(fd), format)
            self._keep_format(candidate, pointer)
        return pointer.encode(), pointer

    def _keep_format(self, candidate: Candidate, pointer: Pointer) -> None:
        """In a repository that came from git-lfs: the pointer stays as the index has it for the same content."""
        for format in FORMATS if len(self.repo.filters) > 1 else ():
            known = Pointer(pointer.oid, pointer.size, format)
            if candidate.known[1] == blob_oid(known.encode(), self.repo.object_format).hex().encode():
                pointer.format = format

    def _put_item(self, candidate: Candidate) -> Put | None:
        """What is to be stored, or ``None`` if the store has it."""
        pointer, content, candidate.content = candidate.pointer, candidate.content, None
        assert pointer is not None
        existing = self.store.sound(pointer.oid, pointer.size)
        if existing is not None:
            self.store.touch(existing, pointer.oid)
            return None
        status = candidate.status if content is None else None
        item = put_item(self.store, pointer.oid, pointer.size, source=candidate.path, status=status, content=content)
        item.clone = self.clone
        return item


def _chunks(candidates: list[Candidate]) -> list[list[Candidate]]:
    """Neighbours together, until they are many or large; huge files first, so that no thread ends with one alone."""
    chunks: list[list[Candidate]] = []
    huge: list[list[Candidate]] = []
    size = 0
    for candidate in candidates:
        if candidate.size >= _CHUNK_BYTES:
            huge.append([candidate])
            continue
        if not chunks or len(chunks[-1]) >= _CHUNK_FILES or size >= _CHUNK_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(candidate)
        size += candidate.size
    return huge + chunks
