"""Finding pointers that lie in the work tree where content should be, and bringing the content."""

from __future__ import annotations

import errno
import os
import stat

from git_data.base import report
from git_data.errors import from_os_error
from git_data.git.attributes import with_filter
from git_data.git.run import records
from git_data.pointer import MAX_SIZE_BYTES, parse
from git_data.worktree.bring import bring
from git_data.worktree.journal import Waiting
from git_data.worktree.relink import Outcome, relink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from git_data.git.repo import Repository
    from git_data.store.objects import Store
    from git_data.worktree.select import Selection


def pointers_in_worktree(repo: Repository, pathspecs: list[bytes], selection: Selection | None = None) -> list[Waiting]:
    """Tracked files with the filter that hold a pointer now; ``pathspecs`` are relative to the current directory.

    Raises: UsageError when a pathspec matches nothing git knows, FileSystemError when a file cannot be read.
    """
    specs = [os.fsdecode(path) for path in pathspecs]
    if specs:
        # says which path is unknown, as git does
        records("ls-files", "-z", "--error-unmatch", "--", *specs)
    root = os.fsencode(repo.require_worktree())
    found = []
    for path in records("ls-files", "-z", "--full-name", "--", *(specs or [":/"])):
        if selection is not None and not selection.wants(path):
            continue
        content = _small_content(os.path.join(root, path))
        pointer = parse(content) if content else None
        if pointer is not None:
            found.append(Waiting(path, pointer))
    # A pointer without the filter is a text file about pointers: not ours.
    filters = with_filter([item.path for item in found], os.fsdecode(root))
    return [item for item in found if filters.get(item.path) in ("data", "lfs")]


def _small_content(path: bytes) -> bytes | None:
    """The bytes of a regular file that is small enough for a pointer. Raises: FileSystemError."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size < MAX_SIZE_BYTES:
            return None
        with open(path, "rb", buffering=0) as file:
            return file.read(MAX_SIZE_BYTES)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise from_os_error(error, path, "reading") from None


def materialise(
    repo: Repository,
    store: Store,
    pathspecs: list[bytes],
    selection: Selection | None = None,
    given_up: Collection[str] = (),
) -> Outcome:
    """Bring content to every pointer found, from remotes if need be; not asked again for the oids ``given_up``.

    Raises: GitFailed, FileSystemError, OSError.
    """
    found = pointers_in_worktree(repo, pathspecs, selection)
    bring(repo, store, (item.pointer for item in found if item.pointer.oid not in given_up))
    size = sum(item.pointer.size for item in found)
    with report.Progress("linking", len(found), size) as progress:
        return relink(repo, store, found, wait_s=2.0, progress=progress)
