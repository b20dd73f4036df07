"""Data files in the work tree: whether they are what DVC says, and links into DVC's cache, which become files of ours.

A link is replaced by one rename, by a file with the same content; DVC notices nothing, so nothing has to be undone after a kill.
"""

from __future__ import annotations

import os
import stat
import time

from git_data.base import fsio
from git_data.base.digest import file_sha256
from git_data.errors import from_os_error
from git_data.link import batch, extents
from git_data.link.batch import run_parallel
from git_data.link.items import FRESH_NS, HARDLINK, Link
from git_data.link.probe import usable
from git_data.link.pure import is_fresh, same_times
from git_data.store.objects import stamp_part, umask
from git_data.worktree.ctime import stop_trusting_ctime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.base.report import Progress
    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.store.objects import Store

_CHUNK_FILES = 64


class Placed:
    """A data file of the work tree: path, pointer, whether git has it as executable."""

    __slots__ = ("executable", "path", "pointer")

    def __init__(self, path: bytes, pointer: Pointer, executable: bool) -> None:
        self.path = path
        self.pointer = pointer
        self.executable = executable


class Seen:
    """What was found: stat data of the files that hold what they should; files that do not; links into DVC's cache."""

    def __init__(self) -> None:
        self.vouched: dict[bytes, os.stat_result] = {}
        self.changed: list[bytes] = []
        self.absent: list[bytes] = []
        self.links: list[Placed] = []


def look(
    repo: Repository, store: Store, files: list[Placed], cache_dir: str, jobs: int, progress: Progress | None = None
) -> Seen:
    """Compare files with what DVC says of them; one that shares its blocks with the store is not read.

    Raises: FileSystemError.
    """
    root = os.fsencode(repo.require_worktree())
    cache = os.fsencode(os.path.realpath(cache_dir)) + b"/"
    seen = Seen()
    behind_links = _directories_behind_links(root, files)

    def work(chunk: list[Placed]) -> None:
        for file in chunk:
            path = os.path.join(root, file.path)
            try:
                if os.path.dirname(file.path) in behind_links:
                    seen.changed.append(file.path)
                    continue
                status = os.lstat(path)
                if stat.S_ISLNK(status.st_mode) and os.path.realpath(path).startswith(cache):
                    seen.links.append(file)
                elif not stat.S_ISREG(status.st_mode) or status.st_size != file.pointer.size:
                    seen.changed.append(file.path)
                else:
                    _compare(store, seen, file, path)
            except (FileNotFoundError, NotADirectoryError):
                seen.absent.append(file.path)
            except OSError as error:
                raise from_os_error(error, file.path, "reading") from None
            if progress is not None:
                progress(1, file.pointer.size)

    run_parallel(work, [files[at : at + _CHUNK_FILES] for at in range(0, len(files), _CHUNK_FILES)], jobs)
    return seen


def _compare(store: Store, seen: Seen, file: Placed, path: bytes) -> None:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        before = os.fstat(fd)
        if is_fresh(before, time.time_ns()):
            # let the kernel's clock tick, so that any later change shows in the stat data
            time.sleep(FRESH_NS / 1e9)
        object = store.find(file.pointer.oid, file.pointer.size) if file.pointer.size else None
        same = not file.pointer.size or (object is not None and extents.shared(os.fsencode(object), path))
        if not same and file_sha256(fd) != (file.pointer.oid, file.pointer.size):
            seen.changed.append(file.path)
            return
        if not same_times(before, os.fstat(fd)):
            seen.changed.append(file.path)
        elif before.st_nlink > 1:
            seen.links.append(file)
        else:
            seen.vouched[file.path] = before
    finally:
        os.close(fd)


def _directories_behind_links(root: bytes, files: list[Placed]) -> set[bytes]:
    """Directories that are reached through a symbolic link, and are elsewhere in truth."""
    top = os.path.realpath(root)
    directories = {os.path.dirname(file.path) for file in files}
    return {name for name in directories if os.path.realpath(os.path.join(top, name)) != os.path.join(top, name).rstrip(b"/")}


def replace_links(repo: Repository, store: Store, seen: Seen) -> int:
    """Put files of ours where DVC made links into its cache; the bytes that had to be copied.

    Raises: FileSystemError.
    """
    if not seen.links:
        return 0
    root = repo.require_worktree()
    stage = os.path.join(repo.data_dir, "tmp")
    os.makedirs(stage, exist_ok=True)
    methods = usable(repo.settings.link, store.objects, root, os.path.join(repo.data_dir, "links"))
    if "hardlink" in methods:
        stop_trusting_ctime(repo)
    items = []
    for file in seen.links:
        if not file.pointer.size:
            path = os.path.join(os.fsencode(root), file.path)
            fsio.write_file(os.fsdecode(path), b"")
            os.utime(path, (time.time() - 2, time.time() - 2))
            seen.vouched[file.path] = os.lstat(path)
            continue
        object = store.sound(file.pointer.oid, file.pointer.size)
        if object is None:
            seen.changed.append(file.path)
            continue
        directory = os.path.dirname(file.path)
        name = os.path.join(directory, fsio.temp_name().encode())
        mode = 0o777 if file.executable else 0o666
        mtime_ns = (int(time.time()) - 2) * 10**9 + stamp_part(file.pointer.oid)
        item = Link(name, os.fsencode(object), file.pointer.size, None, mtime_ns, stamp_part(file.pointer.oid), mode & ~umask())
        if methods[0] == "hardlink":
            _date_back(item)
        items.append((file, item))
    batch.relink(root, stage, methods, [item for _, item in items], repo.settings.jobs)
    copied = 0
    for file, item in items:
        temporary = os.path.join(os.fsencode(root), item.path)
        target = os.path.join(os.fsencode(root), file.path)
        if item.error:
            error = OSError(abs(item.error), os.strerror(abs(item.error)))
            raise from_os_error(error, file.path, "replacing a link into DVC's cache")
        copied += item.size if item.method not in (1, HARDLINK) else 0
        if os.path.samestat(os.lstat(temporary), os.stat(target, follow_symlinks=False)):
            os.unlink(temporary)  # a rename would leave both: DVC's link is the object's
        else:
            os.replace(temporary, target)
        seen.vouched[file.path] = os.lstat(target)
    return copied


def _date_back(item: Link) -> None:
    """A hard link shows its object's time; of files as young as its index git looks at the content."""
    try:
        if os.stat(item.object).st_mtime_ns > item.mtime_ns:
            os.utime(item.object, ns=(item.mtime_ns, item.mtime_ns))
    except PermissionError:
        pass  # a shared store, and the object is somebody else's


def set_executable(repo: Repository, files: list[Placed], seen: Seen) -> None:
    """Bring the modes of files in line with what git is to know. Raises: FileSystemError."""
    if not repo.config.get_bool("core.filemode", True):
        return
    for file in files:
        status = seen.vouched.get(file.path)
        if status is None or bool(status.st_mode & 0o100) == file.executable:
            continue
        path = os.path.join(os.fsencode(repo.require_worktree()), file.path)
        try:
            mode = stat.S_IMODE(status.st_mode)
            os.chmod(path, mode | (mode & 0o444) >> 2 if file.executable else mode & ~0o111)
            seen.vouched[file.path] = os.lstat(path)
        except OSError as error:
            raise from_os_error(error, file.path, "changing the mode of") from None
