"""``lfs+file://``: the LFS objects of a git repository on this machine, where git-lfs keeps them and looks for them itself.

They lie in ``<git dir>/lfs/objects/ab/cd/<oid>`` (``lfs.storage`` may say otherwise), and ``git-lfs-standalone-file(1)`` moves
them in the same way.  What a clone needs is cloned from there, and what is pushed is cloned into it, by way of git-lfs's own
``tmp``, so that a crash leaves nothing under a final name.
"""

from __future__ import annotations

import os

from git_data.errors import AccessDenied, RemoteError, UsageError
from git_data.remote.address import Address
from git_data.remote.base import Entry, Options, Remote, Source, Traits
from git_data.remote.folder import Folder
from git_data.remote.layout import MARKER, oid_of
from git_data.remote.lfs_api import no_listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from git_data.errors import GitDataError

_OF_ONE_REPOSITORY = frozenset(
    """
    GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_CONFIG GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS GIT_DIR GIT_GRAFT_FILE
    GIT_IMPLICIT_WORK_TREE GIT_INDEX_FILE GIT_NO_REPLACE_OBJECTS GIT_OBJECT_DIRECTORY GIT_PREFIX GIT_REPLACE_REF_BASE
    GIT_SHALLOW_FILE GIT_WORK_TREE
    """.split()
)
"""What ``git rev-parse --local-env-vars`` names."""


def open_remote(address: Address, options: Options) -> LfsFile:
    """The objects of the repository at an address; it is looked for when something is first asked. Raises: UsageError."""
    if address.host:
        raise UsageError(f"'{address.url}' names a host", "git data remote add NAME lfs+file:///PATH/TO/REPOSITORY")
    return LfsFile(address, options)


def storage_of(repository: str) -> str:
    """Where a repository keeps what is git-lfs's. Raises: RemoteError where there is no repository."""
    # a prefix means that it is a directory within the work tree of another repository
    common, _, prefix = _git(repository, "rev-parse", "--git-common-dir", "--show-prefix").partition("\n")
    if not common or prefix:
        raise RemoteError(f"there is no git repository in '{repository}'", f"git -C '{repository}' status")
    storage = _git(repository, "config", "--get", "--type=path", "lfs.storage")
    # git-lfs-config(5): relative to the git directory
    return os.path.normpath(os.path.join(repository, common, storage or "lfs"))


def _git(repository: str, *words: str) -> str:
    """What git says of another repository than the one this process works on; empty if it does not say anything."""
    import subprocess

    elsewhere = {name: value for name, value in os.environ.items() if name not in _OF_ONE_REPOSITORY}
    done = subprocess.run(["git", "-C", repository, *words], stdin=subprocess.DEVNULL, capture_output=True, env=elsewhere)
    return os.fsdecode(done.stdout).rstrip("\n") if not done.returncode else ""


class LfsFile(Remote):
    """See ``base.Remote``. A folder, with names as git-lfs has them."""

    def __init__(self, address: Address, options: Options) -> None:
        super().__init__(address.url, Traits(listing="none", workers=4, batch=256, objects_only=True))
        self._repository = address.path
        self._options = options
        self._found: Folder | None = None

    @property
    def _folder(self) -> Folder:
        if self._found is None:
            self._found = Folder(storage_of(self._repository), self._options)
        return self._found

    def _place(self, key: str) -> str:
        oid = oid_of(key)
        if oid is None:
            raise RemoteError(f"git-lfs keeps objects of data and nothing else, not '{key}'")
        return f"objects/{oid[:2]}/{oid[2:4]}/{oid}"

    def stat(self, key: str) -> Entry | None:
        """See ``Remote.stat``."""
        if oid_of(key) is None:
            return None
        entry = self._folder.stat(self._place(key))
        return entry and Entry(key, entry.size, entry.time_s, entry.tag)

    def list(self, prefix: str) -> Iterator[Entry]:
        """See ``Remote.list``."""
        raise no_listing(self.url)

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See ``Remote.get``."""
        return self._folder.get(self._place(key), start, length)

    def local_path(self, key: str) -> str:
        """See ``Remote.local_path``; for the marker, which is not there, where it would be."""
        return self._folder.local_path(MARKER if key == MARKER else self._place(key))

    def put(self, key: str, source: Source) -> None:
        """See ``Remote.put``."""
        self._folder.put(self._place(key), source)

    def put_many(self, items: Sequence[tuple[str, Source]]) -> Sequence[GitDataError | None]:
        """See ``Remote.put_many``."""
        return self._folder.put_many([(self._place(key), source) for key, source in items])

    def flush(self) -> None:
        """See ``Remote.flush``."""
        self._folder.flush()

    def try_writing(self) -> str:
        """See ``Remote.try_writing``."""
        place = self._folder.root
        while not os.path.exists(place):
            place = os.path.dirname(place)
        if not os.access(place, os.W_OK):
            raise AccessDenied(f"'{place}' cannot be written to", f"ls -ld '{place}'")
        return f"objects go to {self._folder.root}"

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Remote.delete``."""
        raise no_listing(self.url)
