"""Files and objects that a user names: paths, patterns, whole oids or the beginning of one."""

from __future__ import annotations

from git_data.errors import UsageError
from git_data.git import scan
from git_data.pointer import is_oid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.pointer import Pointer

FEWEST_DIGITS = 7
_HEX = frozenset("0123456789abcdef")
_SHOWN = 10


def data_files(repo: Repository, pathspecs: list[str], revision: str = "") -> list[scan.Tracked]:
    """The data files that match, in the index or in a revision; each of the pathspecs must match one.

    Raises: UsageError, GitFailed.
    """
    found: dict[bytes, scan.Tracked] = {}
    for spec in pathspecs:
        files = of(repo, [spec], revision)
        if not files:
            where, option = (f" in '{revision}'", f" --rev {revision}") if revision else ("", "")
            raise UsageError(f"no data file{where} matches '{spec}'", f"git data ls-files{option}")
        found.update((file.path, file) for file in files)
    return [found[path] for path in sorted(found)]


def of(repo: Repository, pathspecs: list[str], revision: str = "") -> list[scan.Tracked]:
    """The same without a complaint; of a conflict the side that lies in the work tree. Raises: GitFailed."""
    if revision or not repo.worktree:
        return scan.in_revision(repo, revision or "HEAD", pathspecs)
    return [file for file in scan.in_index(repo, pathspecs) if file.stage in (0, 2)]


def looks_like_oid(word: str) -> bool:
    """Whether a word can be an oid or the beginning of one."""
    return FEWEST_DIGITS <= len(word) <= 64 and _HEX.issuperset(word)


class Oids:
    """Finds the pointers that oids, or beginnings of them, mean: in everything git reaches, looked at once if need be."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._known: dict[str, Pointer] | None = None

    def find(self, word: str) -> Pointer | None:
        """The pointer; ``None`` for a whole oid that no pointer names. Raises: UsageError when none or several begin so."""
        if self._known is None:
            self._known = {pointer.oid: pointer for pointer in scan.reachable(self._repo).values()}
        if is_oid(word):
            return self._known.get(word)
        found = sorted(oid for oid in self._known if oid.startswith(word))
        if len(found) == 1:
            return self._known[found[0]]
        if not found:
            raise UsageError(f"'{word}' is neither a data file nor the beginning of an oid", "git data ls-files --oid")
        more = f"\nand {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
        raise UsageError(f"'{word}' is the beginning of {len(found):,} oids", "one of:\n" + "\n".join(found[:_SHOWN]) + more)
