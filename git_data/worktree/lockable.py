"""Files with the attribute ``lockable`` are read-only in the work tree while they are not locked by whoever works there.

``relink`` makes its files so from the beginning; hooks see to all others (``writable``).

``<git dir>/data/lockable`` lists what write permission was taken from: it is given back when a pattern goes, when a file is
locked, and by ``git data uninstall``.  It is written before permission is taken, and is there, perhaps empty, while any file may
be lockable, which is how hooks know that there is something to do.
``<git dir>/data/attributes`` is as old as the ``.gitattributes`` that was looked at last, so that hooks see when that changed.
"""

from __future__ import annotations

import os
import stat

from git_data.base import fsio, report
from git_data.git.run import capture
from git_data.sync.lock_cache import own_paths
from git_data.worktree.writable import set_writable, with_permission

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository

ATTRIBUTE = "lockable"


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
        found[path] = with_permission(mode, path in own)
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
