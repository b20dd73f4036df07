"""Breaking hard links between the work tree and the store, so that a file can be edited in place.

The new file is a copy (a reflink, where that works) of what is in place now, with the same time, and writable.  It takes the
place of the link in one rename, if the link is still what was seen.  What was edited through the link already is kept: the
damaged object is found by its stamp.

A crash leaves a temporary in ``<git dir>/data/tmp``; at worst git compares the content of a file once more.
"""

from __future__ import annotations

import os
import stat

from git_data.errors import from_os_error
from git_data.git.changes import stat_dirty
from git_data.link import batch, probe
from git_data.link.items import NOT_EXPECTED, Link
from git_data.store.objects import umask
from git_data.worktree.share import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.base.report import Progress
    from git_data.errors import GitDataError
    from git_data.git.repo import Repository
    from git_data.git.scan import Tracked
    from git_data.store.objects import Store

    Failures = list[tuple[bytes, GitDataError]]


def protected(repo: Repository, store: Store, files: list[Tracked]) -> list[tuple[Tracked, os.stat_result]]:
    """Files that are hard links to an object: of the store, or read-only and linked elsewhere (an older version's object)."""
    root = os.fsencode(repo.require_worktree())
    found = []
    for file in files:
        try:
            status = os.lstat(os.path.join(root, file.path))
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode) or status.st_nlink < 2:
            continue
        if not status.st_mode & stat.S_IWUSR or _is_object(store, file, status):
            found.append((file, status))
    return found


def _is_object(store: Store, file: Tracked, status: os.stat_result) -> bool:
    object = store.find(file.pointer.oid, file.pointer.size)
    return object is not None and os.path.samestat(os.stat(object), status)


def unprotect(
    repo: Repository, found: list[tuple[Tracked, os.stat_result]], store: Store, progress: Progress
) -> tuple[list[Tracked], Failures]:
    """Put writable files in place of the links; which were replaced, and what went wrong.

    Raises: OSError when the staging place cannot be made.
    """
    root = repo.require_worktree()
    stage = os.path.join(repo.data_dir, "tmp")
    os.makedirs(stage, exist_ok=True)
    methods = probe.usable(("reflink", "copy"), stage, stage, os.path.join(repo.data_dir, "links"))
    changed = {change.path for change in stat_dirty([":/"])}
    links = [
        Link(
            file.path,
            os.path.join(os.fsencode(root), file.path),
            status.st_size,
            None,
            status.st_mtime_ns,
            mode=0o666 & ~umask() | stat.S_IMODE(status.st_mode) & 0o111,
            status=status,
        )
        for file, status in found
    ]
    batch.relink(root, stage, methods, links, repo.settings.jobs, progress)
    done: list[tuple[Tracked, Link]] = []
    failed: Failures = []
    for (file, _), link in zip(found, links):
        if not link.error:
            done.append((file, link))
        elif link.error != NOT_EXPECTED:
            error = OSError(abs(link.error), os.strerror(abs(link.error)))
            failed.append((file.path, from_os_error(error, file.path, "copying")))
    same = [(file, link) for file, link in done if file.path not in changed and _is_sound(store, file)]
    describe(repo, [file for file, _ in same], [link for _, link in same])
    return [file for file, _ in done], failed


def _is_sound(store: Store, file: Tracked) -> bool:
    """Whether the object was not edited through the link: only then git may be told that the new file is unchanged."""
    return store.sound(file.pointer.oid, file.pointer.size) is not None
