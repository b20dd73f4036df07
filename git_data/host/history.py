"""The log of a hosted repository as a list of what happened to each ref, and taking one change back."""

from __future__ import annotations

from git_data.host.state import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_data.host.host import Host
    from git_data.host.state import State

CREATED, DELETED, MOVED = "created", "deleted", "moved"


class Step:
    """What one change did to one ref: ``old`` and ``new`` are values as in ``Change``, ``None`` where there was or is no ref.

    ``ref`` is empty for a change of something else.  ``known`` is false where the log does not reach back far enough for ``old``.
    """

    __slots__ = ("change", "known", "new", "old", "ref")

    def __init__(self, change: Change, ref: str, old: str | None, new: str | None, known: bool) -> None:
        self.change = change
        self.ref = ref
        self.old = old
        self.new = new
        self.known = known

    @property
    def old_oid(self) -> str:
        """The object (hex) it named before, or empty."""
        return (self.old or "").partition(" ")[0]

    @property
    def new_oid(self) -> str:
        """The object (hex) it names since, or empty."""
        return (self.new or "").partition(" ")[0]

    @property
    def kind(self) -> str:
        """Whether the ref was created, deleted or moved; for a change of something else, what was done."""
        if not self.ref:
            return self.change.action
        if self.new is None:
            return DELETED
        return CREATED if self.old is None and self.known else MOVED


def steps(host: Host) -> Iterator[Step]:
    """The newest first, as far back as is kept; older parts are read when they are asked for. Raises: RemoteError."""
    for before, changes in host.batches():
        yield from reversed(list(_of_batch(before, changes)))


def _of_batch(before: State | None, changes: list[Change]) -> Iterator[Step]:
    refs: dict[str, str | None] = dict(before.refs) if before else {}
    for change in changes:
        if not change.refs:
            yield Step(change, "", None, None, True)
        for ref, new in change.refs.items():
            yield Step(change, ref, refs.get(ref), new, before is not None or ref in refs)
            refs[ref] = new
