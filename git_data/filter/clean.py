"""clean: content comes in, the content goes into the store, a pointer goes out.

Constant memory: content up to a megabyte is held, more is streamed.  While one thread reads from git, another
hashes.  Where the file system can, the store's object shares the blocks of the file in the work tree: the file is
cloned first, then the stream git sends is compared with the file byte for byte, so that what was hashed is what was
linked.  Where the stream differs (``hash-object --stdin --path``, a file changed meanwhile) the stream wins.

A crash leaves a temporary in the store.
"""

from __future__ import annotations

import os
import stat
import time

from git_data.base.digest import sha256
from git_data.base.fsio import remove_if_exists, write_all
from git_data.base.report import Progress
from git_data.errors import CorruptData, FileSystemError, from_os_error
from git_data.link.items import FRESH_NS
from git_data.pointer import MAX_SIZE_BYTES, Pointer, parse
from git_data.store.objects import Store
from git_data.store.put import put_content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from git_data.base.digest import Hash
    from git_data.filter.formats import Kept

    class Source(Protocol):
        """Where content comes from: a ``pktline.Reader``, or ``FileContent``."""

        def content_into(self, target: memoryview) -> tuple[int, bool]:
            """Fill ``target``: ``(bytes written, whether that was the end)``."""


SMALL_BYTES = 1 << 20
_BUFFERS = 4


class FileContent:
    """The rest of an open file as a source."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def content_into(self, target: memoryview) -> tuple[int, bool]:
        """See ``Source``."""
        filled = 0
        while filled < len(target):
            data = os.read(self.fd, len(target) - filled)
            if not data:
                return filled, True
            target[filled : filled + len(data)] = data
            filled += len(data)
        return filled, False


class Cleaner:
    """Cleans one content after the other into ``store``.

    ``root`` is the directory that paths are relative to; ``clone`` says whether reflinks work from there into the store.
    ``kept`` knows the formats of pointers that git has, in a repository with both.
    """

    def __init__(self, store: Store, root: str, clone: bool, pointer_format: str, kept: Kept | None = None) -> None:
        self.store = store
        self.root = root
        self.clone = clone
        self.pointer_format = pointer_format
        self.kept = kept
        self._buffers = [bytearray(SMALL_BYTES)]

    def clean(self, source: Source, path: bytes) -> bytes:
        """The pointer of the content, which is in the store then; a pointer, or nothing, comes back unchanged.

        Raises: FileSystemError, CorruptData.
        """
        first = memoryview(self._buffers[0])
        size, ended = source.content_into(first)
        if not ended:
            oid, size = _Stream(self, source, path).store_all(size)
        else:
            content = first[:size]
            if not size:
                return b""
            if size < MAX_SIZE_BYTES:
                whole = bytes(content)
                if parse(whole) is not None:
                    return whole
            oid = put_content(self.store, content, self.root, path, self.clone)
        format = self.pointer_format
        if self.kept is not None:
            format = self.kept.format(path, oid, size, format)
        return Pointer(oid, size, format).encode()

    def buffers(self) -> list[bytearray]:
        """The buffers of the pipeline, the first of them holding what was read so far."""
        while len(self._buffers) < _BUFFERS:
            self._buffers.append(bytearray(SMALL_BYTES))
        return self._buffers


class _Stream:
    """One large content on its way into the store."""

    def __init__(self, cleaner: Cleaner, source: Source, path: bytes) -> None:
        self.cleaner = cleaner
        self.store = cleaner.store
        self.source = source
        self.path = path
        self.file_fd = -1
        self.before: os.stat_result | None = None
        self.refused: FileSystemError | None = None
        """why nothing can be written; content that the store has already needs no writing"""
        try:
            self.fd, self.temporary = self.store.new_temporary()
        except FileSystemError as error:
            self.fd, self.temporary, self.refused = -1, "", error
        self.written = 0
        self.comparing = self.refused is None and cleaner.clone and self._clone()
        self.scratch = bytearray(SMALL_BYTES) if self.comparing else bytearray()

    def store_all(self, first_bytes: int) -> tuple[str, int]:
        """Take in everything: ``(oid, size in bytes)``."""
        try:
            oid = self._pump(first_bytes)
            if self.comparing:
                self._confirm(oid)
            existing = self.store.sound(oid, self.written)
            if existing is not None:
                self.store.touch(existing, oid)
                if self.refused is None:
                    os.close(self.fd)
                    remove_if_exists(self.temporary)
            elif self.refused is not None:
                raise self.refused
            else:
                self.store.install(self.fd, self.temporary, oid)
            return oid, self.written
        except OSError as error:
            remove_if_exists(self.temporary)
            root = self.store.root
            raise from_os_error(error, self.path, f"storing into {root}", root, self._expected_bytes()) from None
        except BaseException:
            remove_if_exists(self.temporary)
            raise
        finally:
            if self.file_fd >= 0:
                os.close(self.file_fd)

    def _pump(self, first_bytes: int) -> str:
        """Read, hash in another thread, and compare or write."""
        hasher = _Hasher()
        buffers = list(self.cleaner.buffers())
        buffer, count, ended = buffers.pop(0), first_bytes, False
        waiting = 0
        progress = Progress(f"storing {os.fsdecode(self.path)}", 1, self._expected_bytes())
        try:
            while True:
                hasher.give(buffer, count)
                waiting += 1
                self._keep(buffer, count)
                progress(0, count)
                if ended:
                    break
                if not buffers:
                    buffers.append(hasher.take_back())
                    waiting -= 1
                buffer = buffers.pop(0)
                count, ended = self.source.content_into(memoryview(buffer))
        finally:
            progress.close()
            digest = hasher.finish(waiting)
        return digest

    def _expected_bytes(self) -> int:
        """The size of the file in the work tree, which git most probably sends."""
        try:
            return os.stat(os.path.join(os.fsencode(self.cleaner.root), self.path)).st_size
        except OSError:
            return 0

    def _keep(self, buffer: bytearray, count: int) -> None:
        """Have these bytes in the temporary: they are there by the clone, or are written."""
        view = memoryview(buffer)[:count]
        if self.comparing:
            if self._same(buffer, count):
                self.written += count
                return
            self.comparing = False
            os.ftruncate(self.fd, self.written)
            os.lseek(self.fd, self.written, os.SEEK_SET)
        if self.refused is None:
            write_all(self.fd, view)
        self.written += count

    def _same(self, buffer: bytearray, count: int) -> bool:
        scratch = memoryview(self.scratch)
        have = 0
        while have < count:
            got = os.preadv(self.file_fd, [scratch[have:count]], self.written + have)
            if not got:
                return False
            have += got
        # bytearray compares by memcmp; a memoryview would compare item by item
        return buffer == self.scratch if count == SMALL_BYTES else buffer[:count] == self.scratch[:count]

    def _clone(self) -> bool:
        """Clone the file in the work tree, if there is one that can be vouched for."""
        if not hasattr(os, "preadv"):
            return False
        from git_data.link.pure import clone_fd

        try:
            # O_NONBLOCK: a fifo has no writer, and would never open
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            self.file_fd = os.open(os.path.join(os.fsencode(self.cleaner.root), self.path), flags)
            before = os.fstat(self.file_fd)
            if not stat.S_ISREG(before.st_mode):
                return False
            # by the clock that dates files: the temporary was just made
            age_ns = os.fstat(self.fd).st_ctime_ns - before.st_ctime_ns
            if age_ns < FRESH_NS:
                # let the kernel's clock tick, so that any later change shows
                time.sleep((FRESH_NS - max(age_ns, 0)) / 1e9)
                before = os.fstat(self.file_fd)
            clone_fd(self.file_fd, self.fd)
        except OSError:
            return False
        self.before = before
        return True

    def _confirm(self, oid: str) -> None:
        """The whole stream was in the file; make sure that the clone is that file, and no longer than the stream."""
        from git_data.base.digest import file_sha256
        from git_data.link.pure import same_times

        assert self.before is not None
        if self.before.st_size != self.written:
            os.ftruncate(self.fd, self.written)
        if same_times(self.before, os.fstat(self.file_fd)):
            return
        os.lseek(self.fd, 0, os.SEEK_SET)
        if file_sha256(self.fd)[0] != oid:
            raise CorruptData(
                f"'{os.fsdecode(self.path)}' changed while it was being added", "wait until it is written, then: git add"
            )


class _Hasher:
    """Hashes buffers in a thread of its own; OpenSSL works without the interpreter lock."""

    def __init__(self) -> None:
        import _thread
        from _queue import SimpleQueue

        self._hash: Hash = sha256()
        self._in: SimpleQueue[tuple[bytearray, int] | None] = SimpleQueue()
        self._out: SimpleQueue[bytearray | None] = SimpleQueue()
        _thread.start_new_thread(self._work, ())

    def _work(self) -> None:
        while (item := self._in.get()) is not None:
            buffer, count = item
            self._hash.update(memoryview(buffer)[:count])
            self._out.put(buffer)
        self._out.put(None)

    def give(self, buffer: bytearray, count: int) -> None:
        """Hash the first ``count`` bytes; the buffer must not change until it is taken back."""
        self._in.put((buffer, count))

    def take_back(self) -> bytearray:
        """The next buffer that is hashed; waits for it."""
        buffer = self._out.get()
        assert buffer is not None
        return buffer

    def finish(self, waiting: int) -> str:
        """Wait for the ``waiting`` buffers under way, end the thread, give the digest in hex."""
        self._in.put(None)
        for _ in range(waiting + 1):
            self._out.get()
        return self._hash.hexdigest()
