"""Content out of DVC's cache, work tree and remotes into the store, verified by the name DVC gives it.

Each file is read once: both hashes come from the same bytes.  From the cache an object becomes one of the store by a reflink;
where the file system has none, by a hard link, since files of DVC's cache are as read-only as ours; else by a copy.  Files of the
work tree are never hard-linked.  What is done is noted (``dvc_digests``) after it is durable.
"""

from __future__ import annotations

import os
import stat
import threading

from git_data.base import fsio
from git_data.errors import GitDataError, from_os_error
from git_data.link.batch import run_parallel
from git_data.link.probe import usable
from git_data.migrate.dvc_digests import EMPTY_MD5, Hashes, Notes, digest_path
from git_data.migrate.dvc_files import Key, Out
from git_data.pointer import Pointer
from git_data.store.objects import stamp_ns
from git_data.store.put import put_item, put_items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.base.report import Progress
    from git_data.git.repo import Repository
    from git_data.remote.base import Remote
    from git_data.store.objects import Store

EMPTY = Pointer("", 0)
"""An empty file, which is no object."""
_SAVE_BYTES = 256 << 20
_CHUNK_FILES = 64
_CHUNK_BYTES = 64 << 20
_READ_ONLY = 0o444


class Wanted:
    """A content that is looked for: its name, size (-1: unknown), and where in the work tree it may be."""

    __slots__ = ("key", "paths", "size")

    def __init__(self, key: Key, size: int = -1) -> None:
        self.key = key
        self.size = size
        self.paths: list[bytes] = []


class Intake:
    """Takes contents in; ``found`` is what is in the store now, ``damaged`` files of the cache that are not what they say."""

    def __init__(self, repo: Repository, store: Store, cache_dir: str, jobs: int, progress: Progress | None = None) -> None:
        self.repo = repo
        self.store = store
        self.cache_dir = cache_dir
        self.jobs = max(1, jobs)
        self.progress = progress
        self.found: dict[Key, Pointer] = {}
        self.damaged: list[str] = []
        self.linked = self.copied_bytes = 0
        self.fetched = self.fetched_bytes = 0
        self._notes = Notes(repo)
        self._lock = threading.Lock()
        self._link = ""

    def known(self, wanted: Iterable[Wanted]) -> list[Wanted]:
        """Those that are not in the store by now."""
        rest = []
        listed = list(wanted)
        self.found.update(self._notes.stored(self.store, [one.key for one in listed]))
        for one in listed:
            if one.key.md5 == EMPTY_MD5:
                self.found[one.key] = EMPTY
            if one.key not in self.found:
                rest.append(one)
            elif self.progress is not None:
                self.progress(1, self.found[one.key].size)
        return rest

    def cached(self, key: Key, suffix: str = "") -> str:
        """The file of DVC's cache that has this name, empty if there is none."""
        return next((path for path in cache_paths(self.cache_dir, key, suffix) if os.path.isfile(path)), "")

    def from_cache(self, wanted: list[Wanted]) -> list[Wanted]:
        """Take in what the cache has; the rest. Raises: FileSystemError."""
        root = os.path.realpath(self.cache_dir)
        jobs = [(one, os.fsencode(os.path.relpath(path, self.cache_dir))) for one in wanted if (path := self.cached(one.key))]
        if jobs:
            self.store.make()
            memory = os.path.join(self.repo.data_dir, "links")
            try:
                works = usable(("reflink", "hardlink", "copy"), self.cache_dir, self.store.tmp, memory)
            except OSError:
                works = ("copy",)  # the cache may only be read
            self._link = works[0]
            self._take(jobs, root, is_cache=True)
        return [one for one in wanted if one.key not in self.found]

    def from_worktree(self, wanted: list[Wanted]) -> list[Wanted]:
        """Take in what lies in the work tree, if it still is what DVC says; the rest. Raises: FileSystemError."""
        root = self.repo.require_worktree()
        jobs = [(one, path) for one in wanted for path in one.paths if _is_file(os.path.join(os.fsencode(root), path), one.size)]
        if jobs:
            self.store.make()
            self._take(jobs, root, is_cache=False)
        return [one for one in wanted if one.key not in self.found]

    def _take(self, jobs: list[tuple[Wanted, bytes]], root: str, is_cache: bool) -> None:
        chunks: list[list[tuple[Wanted, bytes]]] = [[]]
        size = 0
        for one, path in jobs:
            if len(chunks[-1]) >= _CHUNK_FILES or size >= _CHUNK_BYTES:
                chunks.append([])
                size = 0
            chunks[-1].append((one, path))
            size += max(one.size, 0)
        run_parallel(lambda chunk: self._take_chunk(chunk, root, is_cache), chunks, self.jobs)
        self._save()

    def _take_chunk(self, chunk: list[tuple[Wanted, bytes]], root: str, is_cache: bool) -> None:
        items = []
        taken: dict[Key, Pointer] = {}
        for one, name in chunk:
            path = os.path.join(os.fsencode(root), name)
            if one.key in self.found or one.key in taken:
                continue
            try:
                hashes, status = digest_path(path, one.key.legacy)
            except OSError as error:
                raise from_os_error(error, path, "reading") from None
            if not hashes.match(one.key):
                if is_cache:
                    with self._lock:
                        self.damaged.append(os.fsdecode(path))
                continue
            taken[one.key] = Pointer(hashes.oid, hashes.size)
            existing = self.store.sound(hashes.oid, hashes.size)
            if existing is not None:
                self.store.touch(existing, hashes.oid)
            elif not (is_cache and self._link == "hardlink" and self._hard_link(path, status, hashes)):
                items.append((one.key, put_item(self.store, hashes.oid, hashes.size, source=name, status=status)))
        changed = {id(item) for item in put_items(self.store, root, [item for _, item in items])} if items else set()
        with self._lock:
            for key, item in items:
                if id(item) in changed:
                    taken.pop(key)
                elif item.method != 1:
                    self.copied_bytes += item.size
            self._note(taken)
        if self.progress is not None:
            self.progress(len(taken), sum(pointer.size for pointer in taken.values()))

    def _hard_link(self, path: bytes, before: os.stat_result, hashes: Hashes) -> bool:
        """Make a file of the cache an object of the store, too, if it is ours to do so and was not touched."""
        temporary = os.path.join(self.store.tmp, fsio.temp_name())
        target = self.store.path(hashes.oid)
        try:
            os.link(path, temporary)
            try:
                now = os.lstat(temporary)
                if not stat.S_ISREG(now.st_mode) or not same_but_for_links(before, now):
                    return False
                if now.st_mode & 0o222:
                    os.chmod(temporary, stat.S_IMODE(now.st_mode) & _READ_ONLY | 0o400)
                stamp = stamp_ns(hashes.oid, int(now.st_mtime))
                os.utime(temporary, ns=(stamp, stamp))
                self.store.make_directory(os.path.dirname(target))
                os.replace(temporary, target)
            finally:
                fsio.remove_if_exists(temporary)
        except OSError:
            return False  # another user's file, or too many links
        self.store.note_unsynced(target)
        with self._lock:
            self.linked += 1
        return True

    def _note(self, taken: dict[Key, Pointer]) -> None:
        """With the lock held."""
        self.found.update(taken)
        for key, pointer in taken.items():
            if pointer.size:
                self._notes.add(key, pointer)
        if self._notes.unsaved_bytes >= _SAVE_BYTES:
            self._save()

    def _save(self) -> None:
        self.store.flush()
        self._notes.save()

    def from_remote(self, wanted: list[Wanted], remote: Remote) -> list[Wanted]:
        """Fetch what a remote of DVC has; the rest. Raises: GitDataError when the remote does not answer."""
        self.store.make()

        def fetch(chunk: list[Wanted]) -> None:
            for one in chunk:
                pointer = self._fetch(remote, one)
                if pointer is not None:
                    with self._lock:
                        self.fetched += 1
                        self.fetched_bytes += pointer.size
                        self._note({one.key: pointer})
                    if self.progress is not None:
                        self.progress(1, pointer.size)

        run_parallel(fetch, [[one] for one in wanted], min(remote.traits.workers, 8))
        self._save()
        return [one for one in wanted if one.key not in self.found]

    def _fetch(self, remote: Remote, one: Wanted) -> Pointer | None:
        for name in remote_keys(one.key):
            try:
                pieces = remote.get(name)
                fd, temporary = self.store.new_temporary()
                hashes = Hashes(one.key.legacy)
                try:
                    for piece in whole_pieces(pieces):
                        hashes.update(piece)
                        fsio.write_all(fd, piece)
                    matches = hashes.match(one.key)
                except BaseException:
                    os.close(fd)
                    fsio.remove_if_exists(temporary)
                    raise
                if not matches or not hashes.size:
                    os.close(fd)
                    fsio.remove_if_exists(temporary)
                    continue
                self.store.install(fd, temporary, hashes.oid)
                return Pointer(hashes.oid, hashes.size)
            except OSError as error:
                raise from_os_error(error, self.store.root, "storing into") from None
            except GitDataError as error:
                if error.exit_code != 3:
                    raise
        return None

    def is_on(self, remote: Remote, key: Key) -> bool:
        """Whether a remote of DVC has a content. Raises: GitDataError when it does not answer."""
        return any(remote.stat(name) is not None for name in remote_keys(key))

    def read_manifest(self, key: Key, remotes: list[Remote]) -> bytes | None:
        """The list of a directory's files, verified, from cache or remotes; ``None`` if it is nowhere."""
        for path in cache_paths(self.cache_dir, key, ".dir"):
            content = fsio.read_file(path)
            if content is not None and matches(content, key):
                return content
        for remote in remotes:
            for name in remote_keys(key, ".dir"):
                try:
                    content = b"".join(remote.get(name))
                except GitDataError as error:
                    if error.exit_code != 3:
                        raise
                    continue
                if matches(content, key):
                    return content
        return None

    def list_directory(self, out: Out) -> bytes | None:
        """The list of a directory as DVC would write it, from the work tree; ``None`` if that is not what was asked for."""
        import json

        root = os.path.join(os.fsencode(self.repo.require_worktree()), out.path)
        if not os.path.isdir(root) or os.path.islink(root):
            return None
        listed = []
        for directory, names, files in os.walk(root):
            names[:] = [name for name in names if not os.path.islink(os.path.join(directory, name))]
            for file in files:
                path = os.path.join(directory, file)
                try:
                    hashes, _ = digest_path(path, out.key.legacy)
                except OSError:
                    continue  # a link, or not for us
                relpath = os.fsdecode(os.path.relpath(path, root)).replace(os.sep, "/")
                listed.append((relpath.split("/"), {"md5": hashes.keys()[-1].md5, "relpath": relpath}))
        listed.sort(key=lambda item: item[0])
        content = json.dumps([entry for _, entry in listed], sort_keys=True).encode()
        return content if matches(content, out.key) else None


def matches(content: bytes, key: Key) -> bool:
    """Whether DVC would give this name to a content in memory."""
    hashes = Hashes(key.legacy)
    for piece in whole_pieces([content]):
        hashes.update(piece)
    return hashes.match(key)


def whole_pieces(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """The same bytes in pieces as DVC hashes them."""
    from git_data.migrate.dvc_digests import CHUNK_BYTES

    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)


def cache_paths(cache_dir: str, key: Key, suffix: str = "") -> list[str]:
    """Where DVC keeps a content: since DVC 3, and before."""
    paths = [os.path.join(cache_dir, *name.split("/")) for name in remote_keys(key, suffix)]
    return paths


def remote_keys(key: Key, suffix: str = "") -> list[str]:
    """The same on a remote."""
    name = f"{key.md5[:2]}/{key.md5[2:]}{suffix}"
    new = f"files/md5/{name}"
    return [name, new] if key.legacy else [new, name]


def same_but_for_links(before: os.stat_result, now: os.stat_result) -> bool:
    """Whether a file is the one that was read, but for the time that a new link has changed."""
    return os.path.samestat(before, now) and before.st_size == now.st_size and before.st_mtime_ns == now.st_mtime_ns


def _is_file(path: bytes, size: int) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and (size < 0 or status.st_size == size)
