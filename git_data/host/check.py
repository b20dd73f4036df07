"""Checking a hosted repository: that everything is there, is what its name says, and that the refs reach nothing that is not.

Packs are applied in a repository of their own, in which nothing of the user's can be seen (``host.scratch``).
"""

from __future__ import annotations

from git_data.errors import AccessDenied, CorruptData, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable
from git_data.host.compact import incomplete
from git_data.host.marker import FORMAT, read_marker
from git_data.host.names import is_ref_name
from git_data.host.packing import kinds
from git_data.host.scratch import Scratch
from git_data.host.state import MANIFEST, STATES, Snapshot
from git_data.remote.layout import MARKER, read_layout
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from git_data.git.repo import Repository
    from git_data.host.host import Host
    from git_data.host.state import Pack, State

MISSING, DAMAGED = "missing", "damaged"
_SNAPSHOT_LIMIT = 64 << 20


class Fault:
    """``what`` is the key of an object, or the name of a ref."""

    __slots__ = ("kind", "reason", "what")

    def __init__(self, kind: str, what: str, reason: str = "") -> None:
        self.kind = kind
        self.what = what
        self.reason = reason


class Checked:
    """What was found. ``bad_packs`` are names; ``broken_refs`` reach what lacks. ``state`` is ``None`` if it cannot be read."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.state: State | None = None
        self.is_hosted = True
        self.bad_packs: set[str] = set()
        self.broken_refs: list[str] = []
        self.changes = 0
        self.objects = 0

    def add(self, kind: str, what: str, reason: str = "") -> None:
        """One more fault."""
        self.faults.append(Fault(kind, what, reason))

    def lacks(self, key: str) -> bool:
        """Whether something is wrong with an object of the remote."""
        return any(fault.what == key for fault in self.faults)


def check(repo: Repository, host: Host, quick: bool = False, inside: Callable[[], None] | None = None) -> Checked:
    """Look at everything; with ``quick`` packs are not read, only looked at.

    ``inside`` is called while git works in a bare repository that has all refs with what they reach, if nothing lacks.

    Raises: AccessDenied, RemoteUnavailable, FileSystemError.
    """
    found = Checked()
    _check_markers(host, found)
    try:
        found.state = host.read()
    except (AccessDenied, RemoteUnavailable):
        raise
    except CorruptData as error:
        found.add(DAMAGED, _key_in(error.message), error.message)
        return found
    except RemoteError:
        if _has_manifest(host):
            raise  # it may be whole, and is not what was seen here
        found.add(MISSING, MANIFEST)
        return found
    if found.state is None:
        found.is_hosted = False
        return found
    _check_log(host, found, found.state)
    _check_refs(found, found.state)
    _check_sizes(host, found, found.state.packs)
    if not quick:
        _check_packs(repo, host, found, found.state, inside)
    return found


def _key_in(message: str) -> str:
    """The object a message is about."""
    found = next((word for word in message.replace("'", " ").split() if word.startswith("git/")), MANIFEST)
    return found.rstrip(":,;.")


def _check_markers(host: Host, found: Checked) -> None:
    for key, read in ((MARKER, read_layout), (FORMAT, read_marker)):
        try:
            there = retried(lambda read=read: read(host.remote))  # type: ignore[misc]
        except (AccessDenied, RemoteUnavailable):
            raise
        except GitDataError as error:
            found.add(DAMAGED, key, error.message)
            continue
        if there is None and (key == FORMAT or not found.faults):
            found.add(MISSING, key)
    if all(fault.kind == MISSING for fault in found.faults) and len(found.faults) == 2 and not _has_manifest(host):
        found.faults.clear()  # nothing of a repository is here


def _has_manifest(host: Host) -> bool:
    return retried(lambda: host.remote.stat(MANIFEST)) is not None


def _check_log(host: Host, found: Checked, state: State) -> None:
    """Each part of the log must lead from the state before it to the one after it, as the chain of hashes says."""
    for name in host.snapshot_names(0):
        _check_snapshot(host, found, name)
    after = state
    for before, changes in host.batches():
        found.changes += len(changes)
        if before is None:
            return
        moved = before.copy()
        try:
            for change in changes:
                moved.apply(change)
        except ValueError as error:
            found.add(DAMAGED, MANIFEST, str(error))
            return
        if (moved.chain, moved.refs, moved.head) != (after.chain, after.refs, after.head):
            found.add(DAMAGED, MANIFEST, f"the log up to change {after.seq} does not lead to what is there")
        after = before


def _check_snapshot(host: Host, found: Checked, name: str) -> None:
    """A clone remembers the newest, so it is read again."""
    key = STATES + name
    try:
        data, _ = retried(lambda: host.remote.read(key, _SNAPSHOT_LIMIT))
        Snapshot.decode(data, name, host.remote.url)
    except NotOnRemote:
        found.add(MISSING, key)
    except CorruptData as error:
        found.add(DAMAGED, key, error.message)


def _check_refs(found: Checked, state: State) -> None:
    for ref in state.refs:
        if not is_ref_name(ref):
            found.add(DAMAGED, ref, "not a valid name for a ref")
    if state.refs and state.head not in state.refs:
        branches = [ref for ref in state.refs if ref.startswith("refs/heads/")]
        if state.head or branches:
            found.add(MISSING, "HEAD", f"the default branch '{state.head}' is not there: git data remote set-head")


def _check_sizes(host: Host, found: Checked, packs: list[Pack]) -> None:
    entries = retried(lambda: host.remote.stat_many([pack.key for pack in packs]))
    for pack, entry in zip(packs, entries):
        if entry is None:
            found.add(MISSING, pack.key)
        elif entry.size != pack.size:
            found.add(DAMAGED, pack.key, f"{entry.size:,} bytes, not {pack.size:,}")
        else:
            continue
        found.bad_packs.add(pack.name)


def _check_packs(repo: Repository, host: Host, found: Checked, state: State, inside: Callable[[], None] | None) -> None:
    oids = sorted(state.oids())
    with Scratch(repo, state.object_format, lend=False) as scratch:
        packs = [pack for pack in state.packs if pack.name not in found.bad_packs]
        failed = scratch.take(host.remote, packs)
        for pack in state.packs:
            # one that needs a bad one cannot be judged, and is replaced with it
            if (error := failed.get(pack.name)) and not (pack.name in scratch.refused and found.bad_packs):
                kind = MISSING if isinstance(error, NotOnRemote) else DAMAGED
                found.add(kind, pack.key, "" if kind == MISSING else error.message)
                found.bad_packs.add(pack.name)
        lacking = set(incomplete(oids))
        for ref, value in sorted(state.refs.items()):
            if value.partition(" ")[0] in lacking:
                found.broken_refs.append(ref)
                found.add(MISSING, ref, "it reaches objects that are in none of the packs")
        _check_peeled(found, state)
        found.objects = scratch.count_objects()
        if inside is not None and not lacking:
            scratch.set_refs({ref: state.oid(ref) for ref in state.refs})
            inside()


def _check_peeled(found: Checked, state: State) -> None:
    """A fetch asks for no more than the refs, so git would believe what they are said to peel to."""
    said: dict[str, dict[str, str]] = {}
    for ref, value in state.refs.items():
        oid, _, peeled = value.partition(" ")
        if peeled or ref.startswith("refs/tags/"):
            said.setdefault(f"{oid}^{{}}", {})[ref] = peeled or oid
    for name, (oid, _) in kinds(said).items():
        for ref, peeled in said[name].items():
            if peeled != oid:
                found.add(DAMAGED, ref, f"it peels to {oid[:10]}, not to {peeled[:10]}")
