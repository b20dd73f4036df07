"""Many files into the store and the index at once: what ``git add`` does with the filter, by the thousand.

Files are hashed by several threads and stored a chunk at a time, the pointers reach git as one pack, and the index is
written twice: by git with the new entries, then by us with their stat data, so that the next ``git status`` starts no filter.

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
from git_data.errors import Locked
from git_data.git import index as git_index
from git_data.git.blobs import write_blobs
from git_data.git.partial_clone import promisors
from git_data.git.run import git
from git_data.link.batch import run_parallel
from git_data.link.items import FRESH_NS, Put
from git_data.link.pure import index_fields, is_fresh, same_times
from git_data.pointer import MAX_SIZE_BYTES, Pointer, parse
from git_data.store.put import put_item, put_items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from git_data.git.repo import Repository
    from git_data.store.objects import Store

_CHUNK_FILES = 256
_CHUNK_BYTES = 64 << 20
_STREAM_BYTES = 64 << 20
_ROUNDS = 3
MANY_RACY = 100
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class Candidate:
    """A file that is to be added.

    ``mode`` is what the index gets (empty: as the file's stat data say), ``known`` mode and blob (hex) it has now.  Afterwards
    ``blob`` is the content git stores (a pointer, or nothing for an empty file), or ``None`` if the file was left alone, and
    ``status`` the stat data that belong to it.
    """

    __slots__ = ("blob", "content", "known", "mode", "path", "pointer", "size", "status")

    def __init__(self, path: bytes, mode: bytes, size: int, known: tuple[bytes, bytes]) -> None:
        self.path = path
        self.mode = mode
        self.size = size
        self.known = known
        self.blob: bytes | None = None
        self.pointer: Pointer | None = None
        self.content: bytes | None = None
        """what was hashed, from there until it is stored, if it is small and blocks cannot be shared"""
        self.status: os.stat_result | None = None

    def is_known(self, object_format: str) -> bool:
        """Whether the index has exactly this already."""
        if self.blob is None:
            return False
        return self.known == (self.mode, blob_oid(self.blob, object_format).hex().encode())


class BulkAdd:
    """Reads, hashes and stores candidates; ``add`` then tells git.

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
        format = self.repo.settings.pointer_format
        if size <= _CHUNK_BYTES // _CHUNK_FILES:
            content = os.read(fd, size + 1)
            if not content or (len(content) < MAX_SIZE_BYTES and parse(content) is not None):
                return content, None
            pointer = Pointer(sha256(content).hexdigest(), len(content), format)
            candidate.content = content if keep and not self.clone else None
        elif keep and not self.clone and size >= _STREAM_BYTES:
            with self._stream_lock:
                return self.stream(fd, candidate.path), None
        else:
            pointer = Pointer(*file_sha256(fd), format)
        return pointer.encode(), pointer

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

    def add(self, candidates: list[Candidate]) -> None:
        """Write blobs and index entries of the candidates that were taken in. Raises: GitFailed, FileSystemError."""
        taken = sorted((candidate for candidate in candidates if candidate.blob is not None), key=lambda item: item.path)
        if not taken:
            return
        format = self.repo.object_format
        by_content = {candidate.blob: b"" for candidate in taken if candidate.blob is not None}
        for content in by_content:
            by_content[content] = blob_oid(content, format)
        # the pointers become acknowledged with the index: what they name must be durable before
        self.store.flush()
        write_blobs({oid: content for content, oid in by_content.items()}, format, partial_clone=bool(promisors(self.repo)))
        blobs = [by_content[candidate.blob] for candidate in taken if candidate.blob is not None]
        _wait_for_racy(taken)
        entries = [
            b"%s %s\t%s\0" % (candidate.mode or self._new_mode(candidate), blob.hex().encode(), candidate.path)
            for candidate, blob in zip(taken, blobs)
        ]
        git("update-index", "-z", "--index-info", cwd=self.root, stdin=b"".join(entries))
        self._describe(taken, blobs)

    def _new_mode(self, candidate: Candidate) -> bytes:
        assert candidate.status is not None
        executable = candidate.status.st_mode & 0o100 and self.repo.config.get_bool("core.filemode", True)
        return b"100755" if executable else b"100644"

    def _describe(self, taken: list[Candidate], blobs: list[bytes]) -> None:
        """Write the stat data into the index; without them git would clean every file once more, and find it unchanged."""

        def describe(index: git_index.Index, number: int, offset: int) -> bool:
            status = taken[number].status
            if status is None or index.blob(offset) != blobs[number]:
                return False
            index.set_stat(offset, index_fields(status))
            return True

        paths = [candidate.path for candidate in taken]
        try:
            git_index.patch(self.repo.index, paths, self.repo.object_format, describe, wait_s=1.0)
        except (Locked, git_index.SplitIndex):
            # somebody else was faster, or the entries are in another file: git itself fills them in
            git("update-index", "-q", "--refresh", cwd=self.root, ok=(0, 1))


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


def _wait_for_racy(taken: list[Candidate]) -> None:
    """Wait for the next second if many files are as young as the index will be.

    git compares whole seconds, and cleans every file whose mtime is not before the index's the next time it looks.
    """
    now_s = int(time.time())
    racy = sum(1 for candidate in taken if candidate.status is not None and int(candidate.status.st_mtime) == now_s)
    if racy > MANY_RACY:
        time.sleep(now_s + 1.01 - time.time())
