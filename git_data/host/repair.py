"""Mending a hosted repository from a clone: packs from its objects, markers and the manifest from what is left and remembered.

What is lost between the state that is found and the last one anybody saw has to be guessed, from the refs this clone fetched;
that is only done when it is asked for.
"""

from __future__ import annotations

import os

from git_data.base.digest import sha256
from git_data.base.report import count, human_size
from git_data.errors import CheckFailed, CorruptData, GitDataError, NotOnRemote, RemoteError
from git_data.git.run import git
from git_data.host.check import Checked
from git_data.host.compact import compact, incomplete
from git_data.host.manifests import NUMBERED, Found, write_manifest
from git_data.host.marker import CREATE, FORMAT, SINGLE, SWAP, Marker, put_small, read_marker
from git_data.host.packing import kinds, make_pack, present, send_pack
from git_data.host.scratch import Scratch
from git_data.host.state import MANIFEST, STATES, Change, Manifest, Snapshot, State
from git_data.host.who import signature
from git_data.remote.layout import MARKER, initialise
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.host.host import Host
    from git_data.remote.base import Remote

_LIMIT = 64 << 20
_GAP = "0" * 64
"""The name of no snapshot: like one that was cleared away, it says that the log does not reach back further."""


def repair(repo: Repository, host: Host, found: Checked, git_name: str, force: bool) -> list[str]:
    """Mend what was found; what was done. ``git_name`` is the git remote whose refs were fetched from here.

    Raises: CheckFailed where it has to be guessed and ``force`` is not given, MissingData, RemoteError.
    """
    done = []
    if found.lacks(MARKER):
        host.remote.delete([MARKER])
        retried(lambda: initialise(host.remote))
        done.append(f"'{MARKER}' is made anew")
    if found.lacks(FORMAT):
        marker = _marker(host)
        put_small(host.remote, FORMAT, marker.encode())
        done.append(f"'{FORMAT}' is as it was")
    if found.state is None or any(fault.what.startswith((MANIFEST, STATES)) for fault in found.faults):
        done.append(_put_back_snapshot(host) or _rebuild(repo, host, git_name, force))
    elif found.bad_packs or found.broken_refs:
        made = compact(repo, host, bad=found.bad_packs)
        if made is not None:
            by = f"one of {human_size(made.new.size)}" if made.new else "none: no ref needs them"
            done.append(f"{count(len(made.replaced), 'pack')} of {len(made.kept) + len(made.replaced):,} replaced by {by}")
    host.remote.flush()
    return done


def _marker(host: Host) -> Marker:
    """What ``git/format`` must have said. Raises: CorruptData."""
    if host.memory.marker is not None:
        return host.memory.marker
    for key, data in _manifests(host.remote):
        try:
            manifest = Manifest.decode(data, host.remote.url)
        except GitDataError:
            continue
        writers = CREATE if key.startswith(NUMBERED) else SWAP if host.remote.traits.swap else SINGLE
        return Marker(manifest.id, manifest.object_format, writers)
    raise CorruptData(
        f"neither '{FORMAT}' nor a manifest can be read, and nothing is remembered of {host.remote.url} here",
        "try it in a clone of it",
    )


def _manifests(remote: Remote) -> list[tuple[str, bytes]]:
    """Those that are there, the newest first."""
    keys = [MANIFEST]
    if remote.traits.listing != "none":
        numbered = retried(lambda: [entry.key for entry in remote.list(NUMBERED)])
        keys = [*sorted(numbered, reverse=True), *keys]
    found = []
    for key in keys:
        try:
            found.append((key, retried(lambda key=key: remote.read(key, _LIMIT))[0]))  # type: ignore[misc]
        except NotOnRemote:
            continue
    return found


def _put_back_snapshot(host: Host) -> str:
    """The snapshot that is remembered, if the manifest names just that one; what was done."""
    data = host.memory.snapshot()
    if data is None:
        return ""
    name = sha256(data).hexdigest()
    for _, one in _manifests(host.remote):
        try:
            wanted = Manifest.decode(one, host.remote.url).snapshot
        except GitDataError:
            continue
        try:
            there = retried(lambda: host.remote.read(STATES + name, _LIMIT))[0]
        except NotOnRemote:
            there = b""
        if wanted == name and there != data:
            put_small(host.remote, STATES + name, data)
            return f"'{STATES}{name}' is as it was"
        break
    return ""


# -- the manifest is lost


def _rebuild(repo: Repository, host: Host, git_name: str, force: bool) -> str:
    marker = retried(lambda: read_marker(host.remote)) or _marker(host)
    best = _best(host, marker)
    state = best.state.copy() if best else State(marker.id, marker.object_format)
    lost = host.memory.seq - state.seq
    fetched = _fetched(git_name) if git_name and (lost > 0 or best is None) else {}
    what = f"the state after change {state.seq} of {host.memory.seq or 'an unknown number'} is left"
    if best is None:
        what = "no earlier state is left"
    if not force:
        guess = f", and {count(len(fetched), 'ref')} would be taken from what was fetched here" if fetched else ""
        raise CheckFailed(
            f"the manifest of {host.remote.url} has to be guessed: {what}{guess}",
            "try it first in the clone that pushed or fetched last; then: git data remote fsck --repair --force PLACE",
        )
    if lost > 0:
        state.seq, state.chain = host.memory.seq, host.memory.chain
    state.refs.update(fetched)
    if state.head not in state.refs:
        state.head = _fetched_head(git_name, state)
    given_up = _complete(repo, host, state)
    snapshot = Snapshot(state, _GAP, [])
    change = Change("repair", seq=state.seq + 1, txn=os.urandom(8).hex(), **signature())
    manifest = Manifest(state.id, state.object_format, snapshot.name, [change])
    retried(lambda: put_small(host.remote, snapshot.key, snapshot.data))
    host.remote.flush()
    if not write_manifest(host.remote, marker, manifest.data, _before(host.remote, marker)):
        raise RemoteError(f"{host.remote.url} was changed by somebody else meanwhile", "git data remote fsck")
    host.memory.forget()
    left_out = f"; given up, as their objects lack: {', '.join(given_up)}" if given_up else ""
    branches = f", {count(len(fetched), 'ref')} as fetched here" if fetched else ""
    tags = "" if lost <= 0 and best else "; tags that were pushed since are not known: git push REMOTE TAG"
    return f"the manifest is made anew: {what}{branches}{left_out}{tags}"


def _best(host: Host, marker: Marker) -> Snapshot | None:
    """The latest state that can be read, as a snapshot."""
    found = _snapshots(host)
    states = [snapshot for snapshot in found.values() if snapshot.state.id == marker.id]
    for _, data in _manifests(host.remote):
        try:
            manifest = Manifest.decode(data, host.remote.url)
            base = found[manifest.snapshot] if manifest.snapshot else None
            state = base.state.copy() if base else State(manifest.id, manifest.object_format)
            for change in manifest.changes:
                state.apply(change)
        except (GitDataError, KeyError, ValueError):
            continue
        if state.id == marker.id:
            states.append(Snapshot(state, base.name if base else "", manifest.changes))
            break
    return max(states, key=lambda snapshot: snapshot.state.seq, default=None)


def _snapshots(host: Host) -> dict[str, Snapshot]:
    """Every one that can be read, on the remote or here."""
    remote = host.remote
    keys = [] if remote.traits.listing == "none" else retried(lambda: [entry.key for entry in remote.list(STATES)])
    contents = []
    for key in keys:
        try:
            contents.append((key.removeprefix(STATES), retried(lambda key=key: remote.read(key, _LIMIT))[0]))  # type: ignore[misc]
        except NotOnRemote:
            continue
    kept = host.memory.snapshot()
    if kept:
        contents.append((sha256(kept).hexdigest(), kept))
    found = {}
    for name, data in contents:
        try:
            found[name] = Snapshot.decode(data, name, remote.url)
        except GitDataError:
            continue
    return found


def _fetched(git_name: str) -> dict[str, str]:
    """The branches as they were fetched last."""
    prefix = f"refs/remotes/{git_name}/"
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", prefix).decode("utf-8", "surrogateescape").split("\n")
    pairs = (line.rpartition(" ")[::2] for line in lines if line)
    return {f"refs/heads/{ref.removeprefix(prefix)}": oid for ref, oid in pairs if ref != f"{prefix}HEAD"}


def _fetched_head(git_name: str, state: State) -> str:
    """The default branch: the one known here, or git's usual names, or just the first."""
    prefix = f"refs/remotes/{git_name}/"
    known = git("symbolic-ref", "-q", f"{prefix}HEAD", ok=(0, 1)).decode("utf-8", "surrogateescape").strip() if git_name else ""
    wanted = (f"refs/heads/{known.removeprefix(prefix)}", "refs/heads/main", "refs/heads/master", *sorted(state.refs))
    return next((ref for ref in wanted if ref in state.refs and ref.startswith("refs/heads/")), "")


def _complete(repo: Repository, host: Host, state: State) -> list[str]:
    """Leave out refs whose objects are nowhere, and pack what the packs that are there do not have; the refs left out."""
    with Scratch(repo, state.object_format, lend=True) as scratch:
        bad = scratch.take(host.remote, state.packs)
        state.packs = [pack for pack in state.packs if pack.name not in bad]
        lacking = set(incomplete(sorted(state.oids())))
        given_up = sorted(ref for ref in state.refs if state.oid(ref) in lacking)
        state.refs = {ref: value for ref, value in state.refs.items() if ref not in given_up}
        if state.head in given_up:
            state.head = _fetched_head("", state)
        oids = sorted(state.oids())
        peeled = kinds([f"{oid}^{{}}" for oid in oids])
        for ref in state.refs:
            oid = state.oid(ref)
            bare = peeled[f"{oid}^{{}}"][0]
            state.refs[ref] = oid if bare == oid else f"{oid} {bare}"
        exclude = [] if bad else present({tip for pack in state.packs for tip in pack.tips})
        file = make_pack(oids, exclude, scratch.directory) if oids else None
        if bad:
            state.packs = []
        if file is not None:
            send_pack(host.remote, file)
            state.packs.append(file.pack)
    return given_up


def _before(remote: Remote, marker: Marker) -> Found | None:
    """What the new manifest replaces, unreadable as it may be."""
    found = _manifests(remote)
    if marker.writers == CREATE:
        numbers = [key.removeprefix(NUMBERED) for key, _ in found if key.startswith(NUMBERED)]
        return Found(b"", str(int(numbers[0]))) if numbers else None
    try:
        return Found(*retried(lambda: remote.read(MANIFEST, _LIMIT)))
    except NotOnRemote:
        return None
