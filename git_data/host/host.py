"""One hosted repository in use: reading its state, and moving it on.

Nothing is locked.  Who changes something reads the state, prepares the change, and replaces the manifest on condition that it is
the one that was read; if it is not, everything is looked at again.  When an answer is lost, the log tells whether it was made.
"""

from __future__ import annotations

import os
import random
import time

from git_data.errors import CorruptData, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable
from git_data.host.manifests import Found, read_manifest, write_manifest
from git_data.host.marker import CREATE, FORMAT, Marker, make_marker, put_small, read_marker
from git_data.host.memory import Memory
from git_data.host.state import MANIFEST, STATES, Change, Manifest, Snapshot, State, damaged
from git_data.host.who import signature
from git_data.remote.layout import initialise
from git_data.transfer.retry import ATTEMPTS, pause_s, retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from git_data.remote.base import Remote

_SNAPSHOT_LIMIT = 64 << 20
_MOST_ATTEMPTS = 200
_LONGEST_WAIT_S = 2.0
_MOST_SNAPSHOTS_BACK = 16
_MOST_LOOKS = 3
_LOOK_AGAIN_S = 0.1


class Host:
    """Opened without a look at the network. ``accept`` takes what lies there now although it does not continue what was seen."""

    def __init__(self, remote: Remote, memory: Memory, accept: bool = False) -> None:
        self.remote = remote
        self.memory = memory
        self.marker: Marker | None = None
        self._found: Found | None = None
        self._manifest: Manifest | None = None
        self._snapshot: Snapshot | None = None
        if accept:
            memory.forget()

    # -- reading

    def read(self) -> State | None:
        """The state now; ``None`` where no repository lies. Raises: RemoteError, CorruptData."""
        marker = self.marker or self.memory.marker or self._read_marker()
        if marker is None:
            return None
        try:
            self._found, self._manifest = self._look(marker)
        except CorruptData:
            self._must_be_same(marker)
            raise
        if self._manifest is None:
            self._must_be_same(marker)
            if self.memory.seq:
                raise self._strange("its manifest is gone")
            self.marker, self._snapshot = marker, None
            return State(marker.id, marker.object_format)
        if self._manifest.id != marker.id:
            raise self._strange(f"another repository lies there now (id {self._manifest.id[:8]}, not {marker.id[:8]})")
        state = self._state(self._manifest)
        self.marker = marker
        self._must_continue(state)
        self.memory.remember(marker, state)
        return state

    def _read_marker(self) -> Marker | None:
        marker = retried(lambda: read_marker(self.remote))
        if marker is None and retried(lambda: self.remote.stat(MANIFEST)) is not None:
            raise damaged(f"the repository on {self.remote.url}", f"'{FORMAT}' is missing")
        return marker

    def _look(self, marker: Marker) -> tuple[Found, Manifest] | tuple[None, None]:
        """The manifest; what makes no sense is looked at again: it may have been spoilt on its way."""
        for attempt in range(_MOST_LOOKS):
            if attempt:
                time.sleep(_LOOK_AGAIN_S)
            found = read_manifest(self.remote, marker.writers)
            try:
                if found is not None:
                    return found, Manifest.decode(found.data, self.remote.url)
            except CorruptData:
                if attempt == _MOST_LOOKS - 1:
                    raise
                continue
            if marker.writers == CREATE:
                break
            # where nothing can be replaced, for a moment there is none
        return None, None

    def _must_be_same(self, marker: Marker) -> None:
        """What was remembered may be of another repository than the one that lies there now."""
        if self.memory.marker is None:
            return
        now = retried(lambda: read_marker(self.remote))
        if now is None:
            raise self._strange("no repository lies there any more")
        if now.id != marker.id:
            raise self._strange(f"another repository lies there now (id {now.id[:8]}, not {marker.id[:8]})")

    def _state(self, manifest: Manifest) -> State:
        self._snapshot = self._read_snapshot(manifest.snapshot) if manifest.snapshot else None
        state = self._snapshot.state.copy() if self._snapshot else State(manifest.id, manifest.object_format)
        if (state.id, state.object_format) != (manifest.id, manifest.object_format):
            raise damaged(f"the manifest on {self.remote.url}", "its state belongs to another repository")
        try:
            for change in manifest.changes:
                state.apply(change)
        except ValueError as error:
            raise damaged(f"the manifest on {self.remote.url}", str(error)) from None
        return state

    def _read_snapshot(self, name: str) -> Snapshot:
        kept = self.memory.snapshot()
        if kept is not None:
            try:
                return Snapshot.decode(kept, name, self.remote.url)
            except CorruptData:
                pass  # an older one
        snapshot = self._fetch_snapshot(name)
        self.memory.keep_snapshot(snapshot.data)
        return snapshot

    def _fetch_snapshot(self, name: str) -> Snapshot:
        try:
            data, _ = retried(lambda: self.remote.read(STATES + name, _SNAPSHOT_LIMIT))
        except NotOnRemote:
            raise damaged(f"the repository on {self.remote.url}", f"'{STATES}{name}' is missing") from None
        return Snapshot.decode(data, name, self.remote.url)

    def _must_continue(self, state: State) -> None:
        """Raises: RemoteError when this is not a later moment of what was seen before."""
        seq, chain = self.memory.seq, self.memory.chain
        if state.seq < seq:
            raise self._strange(f"it went back from change {seq} to {state.seq}")
        if seq and (found := self._chain_at(state, seq)) and found != chain:
            raise self._strange(f"its history after change {seq} does not continue what was seen here")

    def _chain_at(self, state: State, seq: int) -> str:
        """The hash of the chain after a change, empty if it lies too far back to be asked for. Raises: CorruptData."""
        if state.seq == seq:
            return state.chain
        changes = list(self._manifest.changes if self._manifest else [])
        at = State(state.id, state.object_format)
        try:
            for number, snapshot in enumerate(self._snapshots()):
                if snapshot.state.seq <= seq:
                    at = snapshot.state.copy()
                    break
                if number == _MOST_SNAPSHOTS_BACK:
                    return ""
                changes = snapshot.changes + changes
        except CorruptData:
            return ""  # what is older was cleared away
        found = at.chain
        try:
            for change in changes:
                at.apply(change)
                found = at.chain if at.seq <= seq else found
        except ValueError as error:
            raise damaged(f"the log of {self.remote.url}", str(error)) from None
        if at.chain != state.chain:
            raise damaged(f"the log of {self.remote.url}", "it does not lead to the state it should lead to")
        return found

    def _snapshots(self) -> Iterator[Snapshot]:
        """From the newest to the oldest. Raises: CorruptData for one that is missing, or does not come before the one after."""
        snapshot = self._snapshot
        while snapshot is not None:
            yield snapshot
            before = self._fetch_snapshot(snapshot.previous) if snapshot.previous else None
            if before is not None and before.state.seq >= snapshot.state.seq:
                raise damaged(f"'{snapshot.key}' on {self.remote.url}", "it follows on a later one")
            snapshot = before

    def _changes_after(self, seq: int) -> list[Change]:
        """The changes later than ``seq``, oldest first, as far back as snapshots go."""
        changes = list(self._manifest.changes if self._manifest else [])
        for snapshot in self._snapshots():
            if snapshot.state.seq <= seq:
                break
            changes = snapshot.changes + changes
        return [change for change in changes if change.seq > seq]

    def batches(self) -> Iterator[tuple[State | None, list[Change]]]:
        """The changes in parts, the newest part first; the oldest change of a part first, and the state before it.

        ``None`` stands for a state that was cleared away.  After ``read``.  Raises: RemoteError.
        """
        if self._manifest is None:
            return
        changes, origin = self._manifest.changes, State(self._manifest.id, self._manifest.object_format)
        try:
            for snapshot in self._snapshots():
                yield snapshot.state, changes
                changes = snapshot.changes
        except CorruptData:
            yield None, changes
            return
        yield origin, changes

    def snapshot_names(self, most: int) -> list[str]:
        """The snapshots that so many changes back need, the newest first. After ``read``. Raises: RemoteError."""
        names: list[str] = []
        left = most - len(self._manifest.changes if self._manifest else [])
        try:
            for snapshot in self._snapshots():
                names.append(snapshot.name)
                if left <= 0:
                    break
                left -= len(snapshot.changes)
        except CorruptData:
            pass  # what is older was cleared away
        return names

    def _strange(self, what: str) -> RemoteError:
        return RemoteError(
            f"{self.remote.url} is not what it was: {what}. Somebody has restored an old copy, or replaced the repository; "
            "nothing was changed here",
            "if that is so and wanted: git -c data.acceptRollback=true fetch",
        )

    # -- writing

    def initialise(self, object_format: str, single_writer: bool = False) -> Marker:
        """Make a place ours. Raises: RemoteError for one with other files, or that cannot host; AccessDenied."""
        retried(lambda: initialise(self.remote))
        self.marker = retried(lambda: read_marker(self.remote)) or retried(
            lambda: make_marker(self.remote, object_format, single_writer)
        )
        if self.memory.marker is not None and self.memory.marker.id != self.marker.id:
            self.memory.forget()
        return self.marker

    def change(self, prepare: Callable[[State], Change | None]) -> State:
        """Move on. ``prepare`` makes the change from the state as it is, again for each attempt; ``None`` changes nothing.

        It may raise, which ends everything.  What it refers to must be on the remote when it returns.

        Raises: Undecided when an answer was lost and nobody can be asked, RemoteError, CorruptData.
        """
        txn = os.urandom(8).hex()
        first = -1
        lost: GitDataError | None = None
        failures = 0
        for attempt in range(_MOST_ATTEMPTS):
            try:
                state = self._current(again=attempt > 0)
                first = state.seq if first < 0 else first
                # whatever was answered: some servers say 412 to what they have just done
                if attempt and any(change.txn == txn for change in self._changes_after(first)):
                    return state
            except GitDataError as error:
                raise error if lost is None else _undecided(error) from None
            change = prepare(state.copy())
            if change is None:
                return state
            change.seq, change.txn = state.seq + 1, txn
            following = self._following(state, change)
            wait_s = random.uniform(0, min(_LONGEST_WAIT_S, 0.02 * 2**attempt))
            try:
                if self._replace(following):
                    return following.state
            except GitDataError as error:
                if not error.retryable:
                    raise
                # it may have been written all the same: the next look tells
                lost = error
                failures += 1
                if failures == ATTEMPTS:
                    break
                wait_s = pause_s(failures, error)
            time.sleep(wait_s)
        if lost is not None:
            raise _undecided(lost)
        raise RemoteUnavailable(f"{self.remote.url} was changed by others again and again", "try again")

    def _current(self, again: bool) -> State:
        fresh = again or self._found is None or self._manifest is None
        state = self.read() if fresh else self._state(self._manifest)  # type: ignore[arg-type]
        if state is None:
            raise RemoteError(f"no repository lies at {self.remote.url}", f"git data remote init {self.remote.url}")
        return state

    def _following(self, before: State, change: Change) -> _Following:
        """What comes after a change; a snapshot that it takes is on the remote. Raises: RemoteError."""
        state = before.copy()
        state.apply(change)
        changes = [*(self._manifest.changes if self._manifest else []), change]
        snapshot = self._snapshot
        manifest = Manifest(state.id, state.object_format, snapshot.name if snapshot else "", changes)
        if manifest.is_long(len(snapshot.data) if snapshot else 0):
            put = snapshot = Snapshot(state, snapshot.name if snapshot else "", changes)
            retried(lambda: put_small(self.remote, put.key, put.data))
            manifest = Manifest(state.id, state.object_format, snapshot.name, [])
        # a folder keeps what was put so far only then
        self.remote.flush()
        return _Following(state, manifest, snapshot)

    def _replace(self, following: _Following) -> bool:
        """Write the manifest; false if others were faster. Raises: RemoteError."""
        assert self.marker is not None
        if not write_manifest(self.remote, self.marker, following.manifest.data, self._found):
            return False
        self._found, self._manifest, self._snapshot = None, following.manifest, following.snapshot
        if following.snapshot is not None and not following.manifest.changes:
            self.memory.keep_snapshot(following.snapshot.data)
        self.memory.remember(self.marker, following.state)
        return True


def disturb(remote: Remote) -> None:
    """Where a repository lies, make a change that changes nothing: who has prepared one must begin anew. Raises: RemoteError."""
    host = Host(remote, Memory(""))
    if host.read() is not None:
        host.change(lambda state: Change("collect", **signature()))


class _Following:
    """What is to be written."""

    __slots__ = ("manifest", "snapshot", "state")

    def __init__(self, state: State, manifest: Manifest, snapshot: Snapshot | None) -> None:
        self.state = state
        self.manifest = manifest
        self.snapshot = snapshot


class Undecided(RemoteUnavailable):
    """An answer was lost, and so was the question what became of it: the change may have been made."""


def _undecided(error: GitDataError) -> Undecided:
    return Undecided(f"{error.message}; it is not known whether the change was made", "run it again: nothing is done twice")
