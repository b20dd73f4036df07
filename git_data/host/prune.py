"""Deleting what a hosted repository does not need any more.

- Packs that were replaced longer ago than the grace, by the clock of the remote.
- Packs that no list names, of pushes and compactions that came to nothing: never before 14 days, as a push that is under way has
  sent its pack and not yet published it.
- States that neither the changes of the last 90 days nor the last 500 changes need.

A crash deletes a part; the rest goes the next time.
"""

from __future__ import annotations

from git_data.host.state import PACKS, STATES, Change
from git_data.host.who import signature
from git_data.transfer.clock import clock_s
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.host.host import Host
    from git_data.host.state import State
    from git_data.remote.base import Entry

GRACE_S = 14 * 24 * 3600
_LOG_S = 90 * 24 * 3600
_LOG_CHANGES = 500


class Pruned:
    """What can go, or went."""

    __slots__ = ("packs", "states")

    def __init__(self, packs: list[Entry], states: list[Entry]) -> None:
        self.packs = packs
        self.states = states

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(entry.size for entry in (*self.packs, *self.states))


def prune(host: Host, grace_s: float = GRACE_S, dry_run: bool = False) -> Pruned:
    """Delete; with ``dry_run`` only look. Raises: RemoteError, CorruptData."""
    remote = host.remote
    state = host.read()
    if state is None or remote.traits.listing == "none":
        return Pruned([], [])
    now_s = clock_s(remote)
    expired = {name for name, time_s in state.retired.items() if time_s <= now_s - grace_s}
    if expired and not dry_run:
        state = host.change(lambda state: _without(state, expired))
    packs = _old_packs(host, state, expired, now_s)
    doomed = Pruned(packs, _old_states(host, now_s))
    keys = [entry.key for entry in (*doomed.packs, *doomed.states)]
    if keys and not dry_run:
        retried(lambda: remote.delete(keys))
    return doomed


def _without(state: State, expired: set[str]) -> Change | None:
    kept = {name: time_s for name, time_s in state.retired.items() if name not in expired}
    return Change("prune", retired=kept, **signature()) if len(kept) < len(state.retired) else None


def _old_packs(host: Host, state: State, expired: set[str], now_s: float) -> list[Entry]:
    needed = {pack.key for pack in state.packs}
    spared = {f"{PACKS}{name}.pack" for name in state.retired if name not in expired}
    gone = {f"{PACKS}{name}.pack" for name in expired}
    listed = retried(lambda: list(host.remote.list(PACKS)))
    return [
        entry
        for entry in listed
        if entry.key not in needed
        and entry.key not in spared
        and (entry.key in gone or (entry.time_s and entry.time_s <= now_s - GRACE_S))
    ]


def _old_states(host: Host, now_s: float) -> list[Entry]:
    listed = retried(lambda: list(host.remote.list(STATES)))
    old = [entry for entry in listed if entry.time_s and entry.time_s <= now_s - _LOG_S]
    if not old:
        return []
    needed = {STATES + name for name in host.snapshot_names(_LOG_CHANGES)}
    return [entry for entry in old if entry.key not in needed]
