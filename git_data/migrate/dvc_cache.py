"""Content out of DVC's cache, work tree and remotes into the store, verified by the name DVC gives it.

What lies on this machine is taken in by ``adopt``: each file is read once, and becomes an object by a reflink; where the file
system has none, a file of DVC's cache, which is as read-only as ours, by a hard link.
"""

from __future__ import annotations

import json
import os
import threading

from git_data.base import fsio
from git_data.errors import GitDataError, from_os_error
from git_data.link.batch import run_parallel
from git_data.migrate import adopt
from git_data.migrate.contents import Contents
from git_data.migrate.dvc_files import Key, Out
from git_data.migrate.hashes import Pieces, file_hash, hash_of
from git_data.pointer import Pointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.base.report import Progress
    from git_data.git.repo import Repository
    from git_data.remote.base import Remote
    from git_data.store.objects import Store

EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"


class Wanted:
    """A content that is looked for: its name, size (-1: unknown), and where in the work tree it may be."""

    __slots__ = ("key", "paths", "size")

    def __init__(self, key: Key, size: int = -1) -> None:
        self.key = key
        self.size = 0 if key.md5 == EMPTY_MD5 else size
        self.paths: list[bytes] = []


class Intake:
    """Takes contents in; ``found`` is what is in the store now, ``damaged`` says which files were not what they should be."""

    def __init__(self, repo: Repository, store: Store, cache_dir: str, jobs: int, progress: Progress | None = None) -> None:
        self.repo = repo
        self.store = store
        self.cache_dir = cache_dir
        self.jobs = max(1, jobs)
        self.progress = progress
        self.found: dict[Key, Pointer] = {}
        self.damaged: list[str] = []
        self.copied_bytes = 0
        self._lock = threading.Lock()

    def known(self, wanted: Iterable[Wanted]) -> list[Wanted]:
        """Find those that are in the store by now; the rest."""
        contents = {one.key: self._content(one) for one in wanted}
        found = adopt.known(self.repo, self.store, list(contents.values()))
        self.found.update((key, found[content.name]) for key, content in contents.items() if content.name in found)
        return [one for one in wanted if one.key not in self.found]

    def cached(self, key: Key) -> str:
        """The file of DVC's cache that has this name, empty if there is none."""
        return next((path for path in cache_paths(self.cache_dir, key) if os.path.isfile(path)), "")

    def take_in(self, wanted: list[Wanted]) -> list[Wanted]:
        """Take in what cache and work tree have; the rest. Raises: FileSystemError."""
        # large ones first, so that no thread ends with one alone
        contents = {one.key: self._content(one) for one in sorted(wanted, key=lambda one: -one.size)}
        adopt.adopt(self.repo, self.store, list(contents.values()), self.jobs, self.progress)
        for key, content in contents.items():
            if content.pointer is not None:
                self.found[key] = content.pointer
                self.copied_bytes += content.pointer.size if content.copied else 0
            elif content.trouble:
                self.damaged.append(content.trouble)
        return [one for one in wanted if one.key not in self.found]

    def _content(self, one: Wanted) -> adopt.Content:
        root = self.repo.require_worktree()
        places = [adopt.Place(path, linkable=True) for path in cache_paths(self.cache_dir, one.key)]
        places += [adopt.Place(os.path.join(root, os.fsdecode(path))) for path in one.paths]
        name = b"dvc %s %s" % (algorithm(one.key).encode(), one.key.md5.encode())
        # the MD5 decides; a size that somebody wrote into a file does not
        return adopt.Content(name, places, one.size if one.key.md5 == EMPTY_MD5 else -1, algorithm(one.key), one.key.md5)

    # -- remotes

    def from_remote(self, wanted: list[Wanted], remote: Remote) -> list[Wanted]:
        """Fetch what a remote of DVC has; the rest. Raises: GitDataError when the remote does not answer."""
        self.store.make()
        notes = Contents(self.repo)

        def fetch(chunk: list[Wanted]) -> None:
            for one in chunk:
                pointer = self._fetch(remote, one)
                if pointer is not None:
                    with self._lock:
                        self.found[one.key] = pointer
                        notes.add({adopt.note(self._content(one), self.repo): pointer})

        try:
            run_parallel(fetch, [[one] for one in wanted], min(remote.traits.workers, 8))
        finally:
            self.store.flush()
            notes.save()
        return [one for one in wanted if one.key not in self.found]

    def _fetch(self, remote: Remote, one: Wanted) -> Pointer | None:
        for name in remote_keys(one.key):
            fd, temporary = self.store.new_temporary()
            hashes = Pieces(algorithm(one.key))
            try:
                for piece in remote.get(name):
                    hashes.update(piece)
                    fsio.write_all(fd, piece)
                if hashes.digest() == one.key.md5 and hashes.size:
                    self.store.install(os.dup(fd), temporary, hashes.oid())
                    return Pointer(hashes.oid(), hashes.size)
            except OSError as error:
                raise from_os_error(error, self.store.root, "storing into") from None
            except GitDataError as error:
                if error.exit_code != 3:
                    raise
            finally:
                os.close(fd)
                fsio.remove_if_exists(temporary)
        return None

    def is_on(self, remote: Remote, key: Key) -> bool:
        """Whether a remote of DVC has a content. Raises: GitDataError when it does not answer."""
        return any(remote.stat(name) is not None for name in remote_keys(key))

    # -- lists of the files of directories

    def read_list(self, key: Key) -> bytes | None:
        """The list of a directory's files, verified, from the cache; ``None`` if it is not there."""
        for path in cache_paths(self.cache_dir, key, ".dir"):
            content = fsio.read_file(path)
            if content is not None and hash_of(content, algorithm(key)) == key.md5:
                return content
        return None

    def fetch_list(self, key: Key, remote: Remote) -> bytes | None:
        """The same from a remote of DVC. Raises: GitDataError when it does not answer."""
        for name in remote_keys(key, ".dir"):
            try:
                content = b"".join(remote.get(name))
            except GitDataError as error:
                if error.exit_code != 3:
                    raise
                continue
            if hash_of(content, algorithm(key)) == key.md5:
                return content
        return None

    def make_list(self, out: Out) -> bytes | None:
        """The list as DVC would write it, from the work tree; ``None`` if that is not what was asked for."""
        root = os.path.join(os.fsencode(self.repo.require_worktree()), out.path)
        if not os.path.isdir(root) or os.path.islink(root):
            return None
        listed = []
        for directory, _, files in os.walk(root):
            for file in files:
                path = os.path.join(directory, file)
                try:
                    md5 = file_hash(path, algorithm(out.key))
                except OSError:
                    continue  # a link, or not for us
                relpath = os.fsdecode(os.path.relpath(path, root)).replace(os.sep, "/")
                listed.append((relpath.split("/"), {"md5": md5, "relpath": relpath}))
        listed.sort(key=lambda item: item[0])
        content = json.dumps([entry for _, entry in listed], sort_keys=True).encode()
        return content if hash_of(content, algorithm(out.key)) == out.key.md5 else None


def algorithm(key: Key) -> str:
    """The hash that a name is of, as DVC calls it."""
    return "md5-dos2unix" if key.legacy else "md5"


def cache_paths(cache_dir: str, key: Key, suffix: str = "") -> list[str]:
    """Where DVC keeps a content: since DVC 3, and before."""
    return [os.path.join(cache_dir, *name.split("/")) for name in remote_keys(key, suffix)]


def remote_keys(key: Key, suffix: str = "") -> list[str]:
    """The same on a remote."""
    name = f"{key.md5[:2]}/{key.md5[2:]}{suffix}"
    new = f"files/md5/{name}"
    return [name, new] if key.legacy else [new, name]
