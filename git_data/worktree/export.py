"""A whole revision in a folder of its own, beside the work tree: git writes its files, data comes as links.

git's own ``checkout-index`` writes the tree from a temporary index, with our filter switched off, so that data files are pointers
at first; then the pointers are replaced by links (``link.batch``).  Line ends, executable bits, symbolic links and dangerous
paths are git's business.  The user's index and work tree are not touched.

A crash leaves a folder with some pointers in it; the command can be run again with ``force``.
"""

from __future__ import annotations

import os
import shutil
import time

from git_data.base import fsio
from git_data.errors import FileSystemError, MissingData, UsageError, from_os_error
from git_data.git import scan
from git_data.git.run import git
from git_data.link import batch
from git_data.link.items import METHOD_NAMES, METHODS, NOT_EXPECTED, OBJECT_SUSPECT, SYMLINK, Link
from git_data.store.objects import Store, stamp_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.base.report import Progress
    from git_data.git.repo import Repository
    from git_data.git.scan import Tracked

_FILTERS_OFF = [
    word
    for name in ("data", "lfs")
    for setting in ("process=", "smudge=", "clean=", "required=false")
    for word in ("-c", f"filter.{name}.{setting}")
]


class Exported:
    """What was written: all files, data files by link type (``reflink`` …), and their bytes."""

    def __init__(self) -> None:
        self.files = 0
        self.methods: dict[str, int] = {}
        self.data_bytes = 0


def check_target(target: str, force: bool) -> None:
    """Raises: UsageError when ``target`` is a file, a git directory, or not empty and ``force`` is not given."""
    if os.path.lexists(target) and not os.path.isdir(target):
        raise UsageError(f"'{target}' is not a directory", "name a new directory")
    if os.path.isdir(target) and os.listdir(target) and not force:
        raise UsageError(f"'{target}' is not empty", "name a new directory, or write over files there with --force")
    if os.path.exists(os.path.join(target, "HEAD")) and os.path.isdir(os.path.join(target, "objects")):
        raise UsageError(f"'{target}' is a git directory", "name a new directory")


def find(repo: Repository, store: Store, revision: str, paths: list[str]) -> tuple[list[Tracked], list[Tracked]]:
    """The data files of a revision: ``(those the store has, those it has not)``.

    ``paths`` are relative to the current directory.  Raises: GitFailed.
    """
    tracked = scan.in_revision(repo, revision, paths)
    there = [item for item in tracked if store.find(item.pointer.oid, item.pointer.size) is not None]
    missing = [item for item in tracked if store.find(item.pointer.oid, item.pointer.size) is None]
    return there, missing


def export(
    repo: Repository,
    store: Store,
    revision: str,
    paths: list[str],
    target: str,
    data: list[Tracked],
    methods: tuple[str, ...],
    progress: Progress | None = None,
) -> Exported:
    """Write ``revision`` (or its ``paths``, relative to the top) into ``target``; ``data`` are the files to be linked.

    ``methods`` are link types in order; ``symlink`` stands alone.

    Raises: FileSystemError, GitFailed, MissingData.
    """
    exported = Exported()
    try:
        os.makedirs(target, exist_ok=True)
        stage = os.path.join(os.path.realpath(target), fsio.temp_name())
        os.mkdir(stage)
    except OSError as error:
        raise from_os_error(error, target, "creating") from None
    try:
        exported.files = _write_tree(repo, revision, paths, os.path.realpath(target), stage)
        links = _link(repo, store, data, os.path.realpath(target), stage, methods, progress)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    for link in links:
        name = METHOD_NAMES[link.method]
        exported.methods[name] = exported.methods.get(name, 0) + 1
        exported.data_bytes += link.size
    return exported


def _write_tree(repo: Repository, revision: str, paths: list[str], target: str, stage: str) -> int:
    """Let git write everything, data files as pointers; the number of files."""
    # attributes are read from the work tree; a bare repository has none, and git insists on one
    cwd = repo.worktree or target
    env = {"GIT_INDEX_FILE": os.path.join(stage, "index"), "GIT_DIR": repo.git_dir, "GIT_WORK_TREE": cwd}
    git("read-tree", scan.resolve(revision, "tree"), cwd=cwd, env=env)
    wanted = git("ls-files", "-z", "--full-name", "--error-unmatch", "--", *(paths or [":/"]), cwd=cwd, env=env)
    git(
        *_FILTERS_OFF, "checkout-index", "--force", "-z", "--stdin", f"--prefix={target}/",
        cwd=cwd, env=env, stdin=wanted,
    )  # fmt: skip
    return wanted.count(b"\0")


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
        for link in links:
            _symlink(target, link)
        return links
    batch.relink(target, stage, methods, links, repo.settings.jobs, progress)
    for number, link in enumerate(links):
        if link.error == OBJECT_SUSPECT and store.sound(items[number].pointer.oid, link.size) is not None:
            links[number] = link = _item(store, items[number], now_s)
            link.stamp_ns = -1
            batch.relink(target, stage, methods, [link])
        _complain(target, link)
    return links


def _item(store: Store, item: Tracked, now_s: int) -> Link:
    pointer = item.pointer
    path = store.find(pointer.oid, pointer.size) or store.path(pointer.oid)
    part = stamp_part(pointer.oid)
    return Link(item.path, os.fsencode(path), pointer.size, pointer.encode(), now_s * 10**9 + part, stamp_ns=part)


def _symlink(target: str, link: Link) -> None:
    """A symbolic link to the object, whose name is absolute: the folder may be moved."""
    path = os.path.join(os.fsencode(target), link.path)
    try:
        os.unlink(path)
        os.symlink(os.path.abspath(link.object), path)
    except OSError as error:
        raise from_os_error(error, path, "linking") from None
    link.method = SYMLINK


def _complain(target: str, link: Link) -> None:
    """Raises what became of one file that is not in place."""
    name = os.path.join(target, os.fsdecode(link.path))
    if link.error == OBJECT_SUSPECT:
        raise MissingData(f"the data of '{name}' is damaged in the store", "git data fsck")
    if link.error == NOT_EXPECTED:
        raise FileSystemError(f"'{name}' was changed by somebody else while it was exported", "export into an empty directory")
    if link.error:
        error = OSError(link.error, os.strerror(link.error))
        raise from_os_error(error, name, "linking")


def require_methods(name: str) -> tuple[str, ...]:
    """The link types to try for ``--link NAME``; copies only where nothing was asked for. Raises: UsageError."""
    if name not in METHODS:
        raise UsageError(f"'{name}' is not a link type", f"choose one of: {', '.join(METHODS)}")
    # a hard link cannot be made executable by itself: those few are copied
    return (name, "copy") if name == "hardlink" else (name,)
