"""What a push may do to a ref: git's own rules, which a remote helper must enforce itself, and those of the repository.

The answers are the words by which git recognises the reason (``transport-helper.c``), or a text of ours that it shows.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache

from git_data.git.run import capture
from git_data.host.names import Places, is_ref_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.host.state import State

SHALLOW = "shallow update not allowed"
"""What git says of history that ends where it ends only in this clone."""


class Update:
    """One ref to be pushed. ``new`` is the object (hex), empty to delete; ``kind`` its type.

    ``peeled`` is what an annotated tag is of, in the end; ``expected`` is what ``--force-with-lease`` wants the ref to be now
    (``None``: anything), ``listed`` what git was told it is: even who forces means to replace that, and nothing else.
    """

    __slots__ = ("expected", "forced", "kind", "listed", "new", "peeled", "ref")

    def __init__(
        self, ref: str, new: str, forced: bool = False, expected: str | None = None, listed: str = "", kind: str = "commit"
    ) -> None:
        self.ref = ref
        self.new = new
        self.kind = kind
        self.peeled = new
        self.forced = forced
        self.expected = expected
        self.listed = listed

    @property
    def value(self) -> str | None:
        """What the state will have for the ref."""
        if not self.new:
            return None
        return self.new if self.peeled == self.new else f"{self.new} {self.peeled}"


def refusals(state: State, updates: list[Update], present: set[str]) -> dict[str, str]:
    """Why some of the updates cannot be made, by ref; ``present`` are the refs' objects that are here."""
    found = {update.ref: reason for update in updates if (reason := _refusal(state, update, present))}
    going = {update.ref for update in updates if not update.new and update.ref not in found}
    after = Places(ref for ref in state.refs if ref not in going)
    for update in updates:
        if update.new and update.ref not in found and update.ref not in after:
            other = after.clash(update.ref)
            if other:
                found[update.ref] = f"'{other}' exists, and one cannot lie below the other"
            else:
                after.add(update.ref)
    return found


def _refusal(state: State, update: Update, present: set[str]) -> str:
    old = state.oid(update.ref)
    if update.expected is not None and update.expected != (old or "0" * len(update.expected)):
        return "stale info"
    if not update.new:
        return _refused_deletion(state, update, old)
    if not is_ref_name(update.ref):
        return "not a valid name for a ref"
    if update.ref.startswith("refs/heads/") and update.kind != "commit":
        return f"a branch must be a commit, and this is a {update.kind}"
    if not old or old == update.new:
        return ""
    if update.forced:
        return _refused_force(state, update, old, present)
    if update.ref.startswith("refs/tags/"):
        return "already exists"
    if old not in present:
        return "fetch first"
    return {0: "", 1: "non-fast forward"}.get(_ancestry(old, update.new), "needs force")


def _refused_deletion(state: State, update: Update, old: str) -> str:
    if update.ref == state.head and old:
        return "it is the default branch; choose another first: git data remote set-head"
    if old and is_protected(state, update.ref):
        return "it is protected: git data remote protect"
    return _surprise(update, old)


def _refused_force(state: State, update: Update, old: str, present: set[str]) -> str:
    if is_protected(state, update.ref) and (old not in present or _ancestry(old, update.new) != 0):
        return "it is protected from force-pushes: git data remote protect"
    return _surprise(update, old)


def _surprise(update: Update, old: str) -> str:
    """Somebody pushed there after git had looked what is to be replaced or deleted: nobody has seen that yet."""
    return "fetch first" if old and old != update.listed else ""


def is_protected(state: State, ref: str) -> bool:
    """Whether a ref is, or fits a pattern of, the protected ones."""
    return any(ref == pattern or fnmatchcase(ref, pattern) for pattern in state.protected)


@cache
def _ancestry(old: str, new: str) -> int:
    """0: ``old`` is an ancestor of ``new``; 1: it is not; more: one of them is no commit. Many refs move alike."""
    return capture(["merge-base", "--is-ancestor", old, new])[0][0]
