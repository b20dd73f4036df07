"""A whole revision in a folder of its own, beside the work tree: git writes its files, data comes as links.

git's own ``checkout-index`` writes the tree from a temporary index, with our filter switched off, so that data files are pointers
at first; then the pointers are replaced by links (``link.batch``).  Line ends, executable bits, symbolic links and dangerous
paths are git's business; attributes are those of the revision.  The user's index and work tree are not touched.

A crash leaves a folder with some pointers in it; the command can be run again with ``force``.
"""

from __future__ import annotations

import errno
import os
import shutil
import time

from git_data.base import fsio
from git_data.errors import FileSystemError, MissingData, UsageError, from_os_error
from git_data.git import temporary_index as trees
from git_data.git.run import git
from git_data.git.scan import Tracked, pointers_of
from git_data.link import batch
from git_data.link.items import METHOD_NAMES, METHODS, NOT_EXPECTED, OBJECT_SUSPECT, SYMLINK, Link
from git_data.link.pure import open_parent
from git_data.store import exports
from git_data.store.objects import Store, stamp_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.base.report import Progress
    from git_data.git.repo import Repository

_IMPOSSIBLE = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.EMLINK)


class Exported:
    """What was written: all files, data files by link type (``reflink`` …), and their bytes."""

    def __init__(self) -> None:
        self.files = 0
        self.methods: dict[str, int] = {}
        self.data_bytes = 0


class Contents:
    """What a revision (or some of its paths) holds: all paths, and data files the store has or lacks.

    ``filters`` are the names of the filters whose pointers are ours.
    """

    __slots__ = ("data", "filters", "missing", "paths")

    def __init__(self, paths: list[bytes], filters: tuple[str, ...], data: list[Tracked], missing: list[Tracked]) -> None:
        self.paths = paths
        self.filters = filters
        self.data = data
        self.missing = missing


def check_target(target: str, force: bool) -> None:
    """Raises: UsageError when ``target`` is a file, a git directory, or not empty and ``force`` is not given."""
    if os.path.lexists(target) and not os.path.isdir(target):
        raise UsageError(f"'{target}' is not a directory", "name a new directory")
    if os.path.isdir(target) and os.listdir(target) and not force:
        raise UsageError(f"'{target}' is not empty", "name a new directory, or write over files there with --force")
    if os.path.exists(os.path.join(target, "HEAD")) and os.path.isdir(os.path.join(target, "objects")):
        raise UsageError(f"'{target}' is a git directory", "name a new directory")


def find(repo: Repository, store: Store, env: dict[str, str], pathspecs: list[str], ours: tuple[str, ...]) -> Contents:
    """Look at the index that ``env`` names; ``pathspecs`` are relative to the current directory, ``ours`` our filters.

    Raises: GitFailed, also when a pathspec matches nothing.
    """
    entries = trees.entries(env, pathspecs)
    regular = [entry for entry in entries if entry.mode.startswith(b"100")]
    filters = trees.filters([entry.path for entry in regular], repo.worktree or None, env)
    candidates = [entry for entry in regular if filters.get(entry.path) in ours]
    pointers = pointers_of(repo, [bytes.fromhex(entry.blob.decode()) for entry in candidates])
    contents = Contents([entry.path for entry in entries], ours, [], [])
    for entry in candidates:
        blob = bytes.fromhex(entry.blob.decode())
        pointer = pointers.get(blob)
        if pointer is not None:
            there = store.find(pointer.oid, pointer.size) is not None
            (contents.data if there else contents.missing).append(Tracked(entry.path, entry.mode, blob, pointer))
    return contents


def export(
    repo: Repository,
    store: Store,
    env: dict[str, str],
    contents: Contents,
    target: str,
    methods: tuple[str, ...],
    progress: Progress | None = None,
) -> Exported:
    """Write ``contents``, found in the index that ``env`` names, into ``target``.

    ``methods`` are link types in order; ``symlink`` stands alone.

    Raises: FileSystemError, GitFailed, MissingData.
    """
    exported = Exported()
    target = os.path.realpath(target)
    try:
        os.makedirs(target, exist_ok=True)
        stage = os.path.join(target, fsio.temp_name())
        os.mkdir(stage)
    except OSError as error:
        raise from_os_error(error, target, "creating") from None
    try:
        _write_tree(env, contents, target, stage)
        links = _link(repo, store, contents.data, target, stage, methods, progress)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    exported.files = len(contents.paths)
    for link in links:
        name = METHOD_NAMES[link.method]
        exported.methods[name] = exported.methods.get(name, 0) + 1
        exported.data_bytes += link.size
    return exported


def _write_tree(env: dict[str, str], contents: Contents, target: str, stage: str) -> None:
    """Let git write everything, data files as pointers."""
    off = [f"filter.{name}.{setting}" for name in contents.filters for setting in ("process=", "smudge=", "required=false")]
    # An empty work tree has no .gitattributes, so that those in the index count.
    git(
        *(word for setting in off for word in ("-c", setting)),
        "checkout-index", "--force", "-z", "--stdin", f"--prefix={target}/",
        cwd=stage, env={**env, "GIT_WORK_TREE": stage}, stdin=b"".join(path + b"\0" for path in contents.paths),
    )  # fmt: skip


def _link(
    repo: Repository,
    store: Store,
    data: list[Tracked],
    target: str,
    stage: str,
    methods: tuple[str, ...],
    progress: Progress | None,
) -> list[Link]:
    now_s = int(time.time())
    items = sorted(data, key=lambda item: item.path)
    links = [_item(store, item, now_s) for item in items]
    if methods == ("symlink",):
        if links:
            exports.register(store, target)
        _symlink_all(store, items, links, target)
        return links
    batch.relink(target, stage, methods, links, repo.settings.jobs, progress)
    for number, link in enumerate(links):
        if link.error == OBJECT_SUSPECT and store.sound(items[number].pointer.oid, link.size) is not None:
            links[number] = link = _item(store, items[number], now_s)
            link.stamp_ns = -1
            batch.relink(target, stage, methods, [link])
        _complain(target, link, methods)
    return links


def _item(store: Store, item: Tracked, now_s: int) -> Link:
    pointer = item.pointer
    path = store.find(pointer.oid, pointer.size) or store.path(pointer.oid)
    part = stamp_part(pointer.oid)
    return Link(item.path, os.fsencode(path), pointer.size, pointer.encode(), now_s * 10**9 + part, stamp_ns=part)


def _symlink_all(store: Store, items: list[Tracked], links: list[Link], target: str) -> None:
    """Symbolic links to the objects, whose names are absolute: the folder may be moved."""
    root_fd = os.open(target, os.O_RDONLY)
    try:
        for item, link in zip(items, links):
            object = store.sound(item.pointer.oid, link.size)
            if object is None:
                link.error = OBJECT_SUSPECT
            else:
                _symlink(root_fd, link, os.path.abspath(object))
            _complain(target, link, ("symlink",))
    finally:
        os.close(root_fd)


def _symlink(root_fd: int, link: Link, object: str) -> None:
    try:
        dir_fd, leaf = open_parent(root_fd, link.path)
    except OSError as error:
        link.error = error.errno or errno.EIO
        return
    try:
        os.unlink(leaf, dir_fd=dir_fd)
        os.symlink(os.fsencode(object), leaf, dir_fd=dir_fd)
        link.method = SYMLINK
    except OSError as error:
        link.error = error.errno or errno.EIO
    finally:
        os.close(dir_fd)


def _complain(target: str, link: Link, methods: tuple[str, ...]) -> None:
    """Raises what became of one file that is not in place."""
    name = os.path.join(target, os.fsdecode(link.path))
    if link.error == OBJECT_SUSPECT:
        raise MissingData(f"the data of '{name}' is damaged in the store", "git data fsck")
    if link.error == NOT_EXPECTED:
        raise FileSystemError(f"'{name}' was changed by somebody else while it was exported", "export into an empty directory")
    if link.error in _IMPOSSIBLE and "copy" not in methods:
        raise FileSystemError(f"'{name}' cannot be a {methods[0]} to the store", "git data export --force --link copy …")
    if link.error:
        error = OSError(link.error, os.strerror(link.error))
        raise from_os_error(error, name, "linking")


def require_methods(name: str) -> tuple[str, ...]:
    """The link types to try for ``--link NAME``; copies only where nothing was asked for. Raises: UsageError."""
    if name not in METHODS:
        raise UsageError(f"'{name}' is not a link type", f"choose one of: {', '.join(METHODS)}")
    # a hard link cannot be made executable by itself: those few are copied
    return (name, "copy") if name == "hardlink" else (name,)
