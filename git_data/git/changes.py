"""What ``git add`` would look at: untracked files, and tracked ones whose stat data differ from the index.

``git diff-files`` compares stat data only, so that no filter is started for a file that changed (``ls-files --modified``
would clean each of them to see whether its content did).
"""

from __future__ import annotations

from git_data.git.run import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Change:
    """One path (relative to the top) that is not as the index says.

    ``status`` is the letter of ``git diff-files --raw``, or ``?`` for an untracked file; ``mode`` what the index would get,
    empty for an untracked file, whose mode only its stat data tell; ``known`` mode and blob (hex) the index has now.
    """

    __slots__ = ("known", "mode", "path", "status")

    def __init__(self, path: bytes, status: str, mode: bytes = b"", known: tuple[bytes, bytes] = (b"", b"")) -> None:
        self.path = path
        self.status = status
        self.mode = mode
        self.known = known


def untracked(pathspecs: list[str], ignored_too: bool = False) -> list[Change]:
    """Untracked files; a nested repository is listed with a slash at its end.

    Raises: GitFailed.
    """
    standard = [] if ignored_too else ["--exclude-standard"]
    listed = records("ls-files", "-z", "--full-name", "--others", *standard, "--", *(pathspecs or [":/"]))
    return [Change(path, "?") for path in listed]


def stat_dirty(pathspecs: list[str]) -> list[Change]:
    """Tracked files with other stat data than the index has; deleted and unmerged ones, too.

    Raises: GitFailed.
    """
    fields = records("diff-files", "--raw", "-z", "--no-renames", "--no-ext-diff", "--", *(pathspecs or [":/"]))
    found = []
    for header, path in zip(fields[0::2], fields[1::2]):
        old_mode, mode, blob, _, status = header.split(b" ")
        found.append(Change(path, status[:1].decode(), mode, (old_mode[1:], blob)))
    return found


def all_match(pathspecs: list[str], ignored_too: bool, tracked_only: bool) -> bool:
    """Whether every pathspec matches a file git would add, so that ``git add`` would have no complaint."""
    from git_data.errors import GitFailed, UsageError

    others = [] if tracked_only else ["--others", *([] if ignored_too else ["--exclude-standard"])]
    try:
        records("ls-files", "-z", "--error-unmatch", "--cached", *others, "--", *pathspecs)
    except (GitFailed, UsageError):
        return False
    return True


def spelt_differently(listed: list[Change]) -> bool:
    """Whether an untracked path, or a directory of one, differs from another path in upper and lower case only.

    Where case does not count git gives such a file the directory names of the index, or refuses it.

    Raises: GitFailed.
    """
    new = [change.path for change in listed if change.status == "?"]
    known = records("ls-files", "-z", "--full-name", ":/")
    spellings: dict[bytes, bytes] = {}
    return any(spellings.setdefault(name.lower(), name) != name for name in (*known, *new, *_directories([*known, *new])))


def _directories(paths: Iterable[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for path in paths:
        while (cut := path.rfind(b"/")) > 0:
            path = path[:cut]
            if path in found:
                break
            found.add(path)
    return found


def require_known(pathspecs: list[str]) -> None:
    """Every pathspec (relative to the current directory) matches a file git tracks. Raises: UsageError."""
    if pathspecs:
        records("ls-files", "-z", "--error-unmatch", "--", *pathspecs)
