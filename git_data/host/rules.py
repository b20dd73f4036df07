"""What a push may do to a ref: git's own rules, which a remote helper must enforce itself, and those of the repository.

The answers are the words by which git recognises the reason (``transport-helper.c``), or a text of ours that it shows.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from git_data.git.run import capture
from git_data.host.names import clash, is_ref_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.host.state import State


class Update:
    """One ref to be pushed. ``new`` is the object (hex), empty to delete; ``expected`` what it must be now, ``None`` for any."""

    __slots__ = ("expected", "forced", "new", "ref")

    def __init__(self, ref: str, new: str, forced: bool = False, expected: str | None = None) -> None:
        self.ref = ref
        self.new = new
        self.forced = forced
        self.expected = expected


def refusals(state: State, updates: list[Update], present: set[str]) -> dict[str, str]:
    """Why some of the updates cannot be made, by ref; ``present`` are the refs' objects that are here."""
    found = {}
    after = {ref for ref in state.refs if not any(update.ref == ref and not update.new for update in updates)}
    for update in updates:
        reason = _refusal(state, update, present) or _clash(update, after)
        if reason:
            found[update.ref] = reason
        elif update.new:
            after.add(update.ref)
    return found


def _refusal(state: State, update: Update, present: set[str]) -> str:
    old = state.oid(update.ref)
    if not is_ref_name(update.ref):
        return "not a valid name for a ref"
    if update.expected is not None and update.expected.strip("0") != old.strip("0"):
        return "stale info"
    if not update.new:
        if update.ref == state.head and old:
            return "it is the default branch; choose another first: git data remote set-head"
        return "it is protected: git data remote protect" if old and is_protected(state, update.ref) else ""
    if not old or old == update.new:
        return ""
    if update.forced:
        if not is_protected(state, update.ref) or (old in present and _is_ancestor(old, update.new)):
            return ""
        return "it is protected from force-pushes: git data remote protect"
    if update.ref.startswith("refs/tags/"):
        return "already exists"
    if old not in present:
        return "fetch first"
    if _type(old) != "commit" or _type(update.new) != "commit":
        return "needs force"
    return "" if _is_ancestor(old, update.new) else "non-fast forward"


def _clash(update: Update, others: set[str]) -> str:
    other = clash(update.ref, others - {update.ref}) if update.new and update.ref not in others else ""
    return f"'{other}' exists, and one cannot lie below the other" if other else ""


def is_protected(state: State, ref: str) -> bool:
    """Whether a ref is, or fits a pattern of, the protected ones."""
    return any(ref == pattern or fnmatchcase(ref, pattern) for pattern in state.protected)


def _is_ancestor(old: str, new: str) -> bool:
    return capture(["merge-base", "--is-ancestor", old, new])[0][0] == 0


def _type(oid: str) -> str:
    return capture(["cat-file", "-t", oid])[0][1].decode().strip()
