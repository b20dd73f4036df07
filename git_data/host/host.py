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
from git_data.host.marker import Marker, make_marker, put_small, read_marker
from git_data.host.state import STATES, Change, Manifest, Snapshot, State, damaged
from git_data.remote.layout import initialise
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from git_data.host.memory import Memory
    from git_data.remote.base import Remote

_SNAPSHOT_LIMIT = 64 << 20
_MOST_ATTEMPTS = 200
_LONGEST_WAIT_S = 2.0
_MOST_SNAPSHOTS_BACK = 16


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
        marker = self.marker or self.memory.marker
        if marker is None:
            marker = retried(lambda: read_marker(self.remote))
            if marker is None:
                return None
        self._found = read_manifest(self.remote, marker.writers)
        if self._found is None:
            self._must_be_new(marker)
            self.marker, self._manifest, self._snapshot = marker, None, None
            return State(marker.id, marker.object_format)
        manifest = Manifest.decode(self._found.data, self.remote.url)
        if manifest.id != marker.id:
            raise self._strange(f"another repository lies there now (id {manifest.id[:8]}, not {marker.id[:8]})")
        state = self._state(manifest)
        self.marker, self._manifest = marker, manifest
        self._must_continue(state)
        self.memory.remember(marker, state)
        return state

    def _must_be_new(self, marker: Marker) -> None:
        """A repository without a manifest is one nobody has pushed to."""
        if self.memory.seq:
            raise self._strange("its manifest is gone")
        if self.memory.marker is not None and retried(lambda: read_marker(self.remote)) is None:
            self.memory.forget()
            raise RemoteError(f"no repository lies at {self.remote.url} any more", f"git data remote init {self.remote.url}")

    def _state(self, manifest: Manifest) -> State:
        self._snapshot = self._read_snapshot(manifest.snapshot) if manifest.snapshot else None
        state = self._snapshot.state.copy() if self._snapshot else State(manifest.id, manifest.object_format)
        if state.id != manifest.id:
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
        """The hash of the chain after a change, empty if it lies too far back to be asked for."""
        if state.seq == seq:
            return state.chain
        snapshot = self._snapshot
        for _ in range(_MOST_SNAPSHOTS_BACK):
            if snapshot is None or snapshot.state.seq <= seq:
                break
            snapshot = self._fetch_snapshot(snapshot.previous) if snapshot.previous else None
        else:
            return ""
        at = snapshot.state if snapshot else State(state.id, state.object_format)
        if at.seq == seq:
            return at.chain
        moved = at.copy()
        for change in self._changes_after(at.seq):
            if moved.seq < seq:
                moved.apply(change)
        return moved.chain

    def _changes_after(self, seq: int) -> list[Change]:
        """The changes later than ``seq``, oldest first, as far back as snapshots go."""
        changes = [change for change in (self._manifest.changes if self._manifest else []) if change.seq > seq]
        snapshot = self._snapshot
        while snapshot is not None and snapshot.state.seq > seq:
            changes = [change for change in snapshot.changes if change.seq > seq] + changes
            snapshot = self._fetch_snapshot(snapshot.previous) if snapshot.previous else None
        return changes

    def log(self, most: int = 1000) -> list[Change]:
        """The changes, newest first, as far back as is kept. After ``read``. Raises: RemoteError."""
        if self._manifest is None:
            return []
        changes = list(reversed(self._manifest.changes))
        snapshot = self._snapshot
        while snapshot is not None and len(changes) < most:
            changes += reversed(snapshot.changes)
            try:
                snapshot = self._fetch_snapshot(snapshot.previous) if snapshot.previous else None
            except CorruptData:
                break  # what is older was cleared away
        return changes[:most]

    def _strange(self, what: str) -> RemoteError:
        return RemoteError(
            f"{self.remote.url} is not what it was: {what}. Somebody has restored an old copy, or replaced the repository; "
            "nothing was changed here",
            "if that is so and wanted: git -c data.acceptRollback=true fetch",
        )

    # -- writing

    def initialise(self, object_format: str, single_writer: bool = False) -> Marker:
        """Make a place ours. Raises: RemoteError for one with other files, or that cannot host; AccessDenied."""
        self.memory.forget()
        retried(lambda: initialise(self.remote))
        self.marker = retried(lambda: read_marker(self.remote)) or retried(
            lambda: make_marker(self.remote, object_format, single_writer)
        )
        return self.marker

    def change(self, prepare: Callable[[State], Change | None]) -> State:
        """Move on. ``prepare`` makes the change from the state as it is, again for each attempt; ``None`` changes nothing.

        It may raise, which ends everything.  What it refers to must be on the remote when it returns.

        Raises: RemoteError, CorruptData.
        """
        txn = os.urandom(8).hex()
        first = 0
        for attempt in range(_MOST_ATTEMPTS):
            if attempt or self._found is None or self._manifest is None:
                state = self.read()
            else:
                state = self._state(self._manifest)
            if state is None:
                raise RemoteError(f"no repository lies at {self.remote.url}", f"git data remote init {self.remote.url}")
            first = first or state.seq
            if attempt and any(change.txn == txn for change in self._changes_after(first)):
                return state
            change = prepare(state.copy())
            if change is None:
                return state
            change.seq, change.txn = state.seq + 1, txn
            if self._write(state, change):
                return state
            time.sleep(random.uniform(0, min(_LONGEST_WAIT_S, 0.02 * 2**attempt)))
        raise RemoteUnavailable(f"{self.remote.url} was changed by others again and again", "try again")

    def _write(self, state: State, change: Change) -> bool:
        """Write the manifest that follows; ``state`` moves on if that worked."""
        assert self.marker is not None
        before = self._manifest
        following = state.copy()
        following.apply(change)
        changes = [*(before.changes if before else []), change]
        snapshot = self._snapshot
        manifest = Manifest(state.id, state.object_format, snapshot.name if snapshot else "", changes)
        if manifest.is_long(len(snapshot.data) if snapshot else 0):
            snapshot = Snapshot(following, snapshot.name if snapshot else "", changes)
            put = snapshot
            retried(lambda: put_small(self.remote, put.key, put.data))
            manifest = Manifest(state.id, state.object_format, snapshot.name, [])
        # a folder keeps what was put so far only then
        self.remote.flush()
        try:
            written = write_manifest(self.remote, self.marker, manifest.data, self._found)
        except GitDataError as error:
            if not error.retryable:
                raise
            return False  # the answer may be lost: the next look tells
        if not written:
            return False
        state.apply(change)
        self._manifest, self._found, self._snapshot = manifest, None, snapshot
        if snapshot is not None and not manifest.changes:
            self.memory.keep_snapshot(snapshot.data)
        self.memory.remember(self.marker, state)
        return True

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was ever pushed here."""
        return self._manifest is None
