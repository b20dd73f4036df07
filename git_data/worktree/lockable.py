"""Files with the attribute ``lockable`` are read-only in the work tree while they are not locked by whoever works there.

``relink`` makes its files so from the beginning; hooks see to all others.  The mode of a file is nothing to git, but its ctime
is, so a change of mode is described in git's index, or git would hash the file.

``<git dir>/data/lockable`` lists what write permission was taken from: it is given back when a pattern goes, when a file is
locked, and by ``git data uninstall``.  It is written before permission is taken, and is there, perhaps empty, while any file may
be lockable, which is how hooks know that there is something to do.
``<git dir>/data/attributes`` is as old as the ``.gitattributes`` that was looked at last, so that hooks see when that changed.
"""

from __future__ import annotations

import os
import stat

from git_data.base import fsio, report
from git_data.errors import Locked, RepositoryError
from git_data.git import index as git_index
from git_data.git.run import capture
from git_data.link.pure import index_fields, open_parent
from git_data.store.objects import umask
from git_data.sync.lock_cache import own_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository

ATTRIBUTE = "lockable"
_WRITE = 0o222
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def in_use(repo: Repository) -> bool:
    """Whether any file may be lockable, by what costs next to nothing to see: the list, and the attributes at the top."""
    return os.path.exists(_list_place(repo)) or _is_mentioned(repo)


def _is_mentioned(repo: Repository) -> bool:
    places = (os.path.join(repo.worktree, ".gitattributes"), os.path.join(repo.common_dir, "info", "attributes"))
    return any(ATTRIBUTE.encode() in (fsio.read_file(place) or b"") for place in places)


def _is_mentioned_below(repo: Repository) -> bool:
    words = ["ls-files", "-z", "--full-name", "--cached", "--others", "--", ":(top,glob)**/.gitattributes"]
    _, output = capture([*_here(repo), *words])[0]
    places = [os.path.join(repo.worktree, os.fsdecode(path)) for path in output.split(b"\0") if path]
    return any(ATTRIBUTE.encode() in (fsio.read_file(place) or b"") for place in places)


def modes(repo: Repository, paths: list[bytes]) -> dict[bytes, int]:
    """The permission bits that files about to be written must get, of those that are lockable; the list knows of them then."""
    if not in_use(repo) or not repo.settings.lock_read_only:
        return {}
    root = os.fsencode(repo.require_worktree())
    lockable = _with_attribute(repo, paths)
    own = own_paths(repo) if lockable else set()
    found = {}
    for path in lockable:
        try:
            mode = stat.S_IMODE(os.lstat(os.path.join(root, path)).st_mode)
        except OSError:
            continue
        found[path] = mode | _WRITE & ~umask() if path in own else mode & ~_WRITE
    known = _listed(repo)
    new = known.union(path for path in found if path not in own)
    if len(new) > len(known):
        _write_list(repo, new)
    return found


def refresh(repo: Repository, thorough: bool = False, wanted: bool | None = None, wait_s: float = 0.1) -> list[bytes]:
    """Bring the permissions of all tracked files up to date; the paths that were changed.

    Without ``thorough`` attributes that only a file in a subdirectory gives are looked for when something else is lockable, or
    when the attributes at the top changed.  ``wanted`` overrides the configuration.

    Raises: OSError when the list cannot be written.
    """
    changed: list[bytes] = []
    seen_ns, now_ns = _attributes_ns(repo)
    if thorough or seen_ns != now_ns or in_use(repo):
        wanted = repo.settings.lock_read_only if wanted is None else wanted
        found = set(tracked(repo)) if wanted else set()
        locked_away = found - own_paths(repo)
        before = _listed(repo)
        changed += set_writable(repo, before - locked_away, True, wait_s)
        if wanted and (found or _is_mentioned(repo) or _is_mentioned_below(repo)):
            if locked_away != before or not os.path.exists(_list_place(repo)):
                _write_list(repo, locked_away)
        else:
            fsio.remove_if_exists(_list_place(repo))
        changed += set_writable(repo, locked_away, False, wait_s)
    if seen_ns != now_ns:
        _note_attributes(repo, now_ns)
    return changed


def keep_up(repo: Repository) -> None:
    """``refresh`` for filters and hooks: what stands in the way is said, and stops no git command."""
    try:
        refresh(repo)
    except OSError as error:
        report.say(f"lockable files were left as they are: {error.strerror or error}: '{error.filename or repo.data_dir}'")


def tracked(repo: Repository) -> list[bytes]:
    """Every lockable file git tracks, relative to the top."""
    words = ["ls-files", "-z", "--full-name", "--", f":(top,attr:{ATTRIBUTE})"]
    status, output = capture([*_here(repo), *words])[0]
    return [path for path in output.split(b"\0") if path] if not status else []


def _with_attribute(repo: Repository, paths: list[bytes]) -> list[bytes]:
    question = b"".join(path + b"\0" for path in paths)
    status, output = capture([*_here(repo), "check-attr", "--stdin", "-z", ATTRIBUTE], stdin=question)[0]
    fields = output.split(b"\0") if not status else []
    return [path for path, value in zip(fields[0::3], fields[2::3]) if value == b"set"]


def _here(repo: Repository) -> list[str]:
    root = repo.require_worktree()
    return [f"--git-dir={repo.git_dir}", f"--work-tree={root}", "-C", root]


def set_writable(repo: Repository, paths: Iterable[bytes], writable: bool, wait_s: float = 0.1) -> list[bytes]:
    """Give or take write permission, and describe the files in the index if it described them before; which were changed.

    Hard links are left alone when permission is given: they may be objects of the store.
    """
    root = repo.require_worktree()
    todo = sorted(path for path in set(paths) if _needs(os.path.join(os.fsencode(root), path), writable))
    if not todo:
        return []
    changed: dict[bytes, tuple[os.stat_result, os.stat_result]] = {}

    def change(path: bytes) -> None:
        if path not in changed:
            looks = _change(root, path, writable)
            if looks is not None:
                changed[path] = looks

    def describe(index: git_index.Index, number: int, offset: int) -> bool:
        change(todo[number])
        before, after = changed.get(todo[number], (None, None))
        if before is None or after is None or not index.describes(offset, index_fields(before)):
            return False
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            return False  # somebody writes to it
        index.set_stat(offset, index_fields(after))
        return True

    if os.path.realpath(repo.index) == os.path.realpath(repo.own_index):
        try:
            git_index.patch(repo.index, todo, repo.object_format, describe, wait_s)
        except (Locked, RepositoryError, git_index.SplitIndex, OSError):
            pass  # git compares what it finds changed, once
    for path in todo:
        change(path)
    return list(changed)


def _needs(path: bytes, writable: bool) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode) or (writable and status.st_nlink > 1):
        return False
    return not status.st_mode & stat.S_IWUSR if writable else bool(status.st_mode & _WRITE)


def _change(root: str, path: bytes, writable: bool) -> tuple[os.stat_result, os.stat_result] | None:
    """The looks at the file before and after; ``None`` if nothing was done."""
    try:
        fd = _open(root, path)
    except OSError:
        return None
    try:
        before = os.fstat(fd)
        mode = stat.S_IMODE(before.st_mode)
        if not stat.S_ISREG(before.st_mode):
            return None
        mode = mode | _WRITE & ~umask() if writable else mode & ~_WRITE
        if hasattr(os, "fchmod"):
            os.fchmod(fd, mode)
        else:
            os.chmod(os.path.join(os.fsencode(root), path), mode)
        return before, os.fstat(fd)
    except OSError:
        return None  # somebody else's file
    finally:
        os.close(fd)


def _open(root: str, path: bytes) -> int:
    """The file, not by way of any symbolic link."""
    if os.open not in os.supports_dir_fd:
        return os.open(os.path.join(os.fsencode(root), path), os.O_RDONLY)
    root_fd = os.open(root, os.O_RDONLY)
    try:
        parent_fd, leaf = open_parent(root_fd, path)
    finally:
        os.close(root_fd)
    try:
        return os.open(leaf, os.O_RDONLY | _NOFOLLOW, dir_fd=parent_fd)
    finally:
        os.close(parent_fd)


# -- what is remembered


def _list_place(repo: Repository) -> str:
    return os.path.join(repo.data_dir, "lockable")


def _listed(repo: Repository) -> set[bytes]:
    return set((fsio.read_file(_list_place(repo)) or b"").split(b"\0")) - {b""}


def _write_list(repo: Repository, paths: set[bytes]) -> None:
    os.makedirs(repo.data_dir, exist_ok=True)
    fsio.write_file(_list_place(repo), b"".join(path + b"\0" for path in sorted(paths)))


def _attributes_ns(repo: Repository) -> tuple[int, int]:
    """The times of the ``.gitattributes`` that was looked at last, and of the one there is; -1 and 0 where there is none."""
    found = []
    for place, otherwise in ((os.path.join(repo.data_dir, "attributes"), -1), (os.path.join(repo.worktree, ".gitattributes"), 0)):
        try:
            found.append(os.stat(place).st_mtime_ns)
        except OSError:
            found.append(otherwise)
    return found[0], found[1]


def _note_attributes(repo: Repository, time_ns: int) -> None:
    place = os.path.join(repo.data_dir, "attributes")
    os.makedirs(repo.data_dir, exist_ok=True)
    os.close(os.open(place, os.O_WRONLY | os.O_CREAT, 0o666))
    os.utime(place, ns=(time_ns, time_ns))
