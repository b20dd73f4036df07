"""Which store a repository uses, and who else uses it.

The store is ``<git common dir>/data``, so that linked work trees share it, or ``data.cacheDir``, shared by
repositories and users.  A repository with git alternates (``clone --reference``, ``--shared``) reads from the stores beside
those, too.
"""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.base.digest import sha256
from git_data.errors import from_os_error
from git_data.store.objects import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository


def store_root(repo: Repository) -> str:
    """The directory of the repository's store."""
    cache_dir = repo.settings.cache_dir
    return os.path.join(repo.common_dir, cache_dir) if cache_dir else os.path.join(repo.common_dir, "data")


def open_store(repo: Repository) -> Store:
    """The repository's store; nothing is created yet."""
    settings = repo.settings
    alternates = [*settings.alternates, *beside_git_alternates(repo.common_dir)]
    if settings.cache_dir:
        # what was stored before the setting was made stays readable
        alternates.insert(0, os.path.join(repo.common_dir, "data"))
    return Store(store_root(repo), settings.fsync, settings.shared, alternates)


def beside_git_alternates(common_dir: str, depth: int = 5) -> list[str]:
    """Stores of the repositories named in ``objects/info/alternates`` (gitrepository-layout(5))."""
    objects = os.path.join(common_dir, "objects")
    listed = fsio.read_file(os.path.join(objects, "info", "alternates"))
    roots = []
    for line in (listed or b"").split(b"\n"):
        if line and not line.startswith(b"#"):
            other = os.path.dirname(os.path.normpath(os.path.join(objects, os.fsdecode(line))))
            roots.append(os.path.join(other, "data"))
            if depth:
                roots += beside_git_alternates(other, depth - 1)
    return roots


def register(repo: Repository, store: Store) -> None:
    """Write down that this repository uses a shared store, so that gc asks it before deleting.

    Raises: FileSystemError.
    """
    if not repo.settings.cache_dir:
        return
    path = registration(store, repo.common_dir)
    if os.path.exists(path):
        return
    store.make()
    try:
        store.make_directory(os.path.dirname(path))
        fsio.write_file(path, os.fsencode(repo.common_dir) + b"\n")
    except OSError as error:
        raise from_os_error(error, path, "registering with the shared store") from None


def registration(store: Store, common_dir: str) -> str:
    """The file that stands for one repository in a shared store."""
    return os.path.join(store.root, "repositories", sha256(os.fsencode(common_dir)).hexdigest()[:40])


def registered(store: Store) -> list[tuple[str, str]]:
    """Every registered repository: ``(registration file, git common directory)``."""
    directory = os.path.join(store.root, "repositories")
    if not os.path.isdir(directory):
        return []
    found = []
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        content = fsio.read_file(path)
        if content is not None and not name.startswith(fsio.TEMP_PREFIX):
            found.append((path, os.fsdecode(content.rstrip(b"\n"))))
    return found


def forget(store: Store, path: str) -> list[str]:
    """Strike the repository at ``path`` (its top or git directory) off the register; the git directories that were meant.

    Raises: FileSystemError.
    """
    wanted = {os.path.realpath(path), os.path.realpath(os.path.join(path, ".git"))}
    forgotten = []
    for file, common_dir in registered(store):
        if os.path.realpath(common_dir) in wanted:
            try:
                os.unlink(file)
            except OSError as error:
                raise from_os_error(error, file, "deleting") from None
            forgotten.append(common_dir)
    return forgotten
