"""The state of a hosted repository survives being written down, and nothing else is taken for one."""

from __future__ import annotations

import gzip
import json
from hashlib import sha1

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_data.errors import CorruptData, RemoteError
from git_data.host.state import FIRST_CHAIN, Change, Manifest, Pack, Snapshot, State

ID = "0" * 32
_oids = st.integers(0, 1 << 160).map(lambda number: f"{number:040x}"[-40:])
_values = st.one_of(_oids, st.tuples(_oids, _oids).map(" ".join))
_refs = st.text(st.sampled_from("abc/é-\udcff\u4e2d%\"'"), min_size=1, max_size=8).map(
    lambda text: f"refs/heads/x{text.replace('/', '/y')}"
)
_packs = st.builds(
    Pack,
    st.integers(0, 1 << 256).map(lambda number: f"{number:064x}"[-64:] + "-00ff00ff"),
    st.integers(1, 1 << 40), st.lists(_oids, max_size=3), st.lists(_oids, max_size=3),
)  # fmt: skip
_changes = st.builds(
    Change,
    st.sampled_from(["push", "compact", "set-head"]),
    txn=st.just("0011223344556677"),
    time_s=st.integers(0, 1 << 40),
    who=st.sampled_from(["", "A U Thor <a@x>", "Ünï <\udcff>"]),
    refs=st.dictionaries(_refs, st.one_of(st.none(), _values), max_size=4),
    head=st.one_of(st.none(), _refs),
    pack=st.one_of(st.none(), _packs),
    packs=st.one_of(st.none(), st.lists(_packs, max_size=2)),
    retired=st.one_of(st.none(), st.dictionaries(_packs.map(lambda pack: pack.name), st.integers(0, 1 << 40), max_size=2)),
    protected=st.one_of(st.none(), st.lists(st.just("refs/heads/*"), max_size=2)),
)


def oid(number: int) -> str:
    """The name of an object, as random as they are."""
    return sha1(str(number).encode()).hexdigest()


def numbered(changes: list[Change], first: int = 1) -> list[Change]:
    """The changes as a chain."""
    for number, change in enumerate(changes, first):
        change.seq = number
    return changes


def moved(changes: list[Change]) -> State:
    """The state after some changes."""
    state = State(ID, "sha1")
    for change in changes:
        state.apply(change)
    return state


@settings(max_examples=50)
@given(st.lists(_changes, max_size=5).map(numbered))
def test_a_manifest_comes_back_as_it_was(changes: list[Change]) -> None:
    written = Manifest(ID, "sha1", "", changes)
    read = Manifest.decode(written.data, "x")
    assert read.data == written.data
    assert [change.line() for change in read.changes] == [change.line() for change in changes]
    assert moved(read.changes).line() == moved(changes).line()


@settings(max_examples=50)
@given(st.lists(_changes, max_size=5).map(numbered))
def test_a_snapshot_comes_back_as_it_was(changes: list[Change]) -> None:
    written = Snapshot(moved(changes), "f" * 64, changes)
    read = Snapshot.decode(written.data, written.name, "x")
    assert (read.state.line(), read.previous) == (moved(changes).line(), "f" * 64)
    assert [change.line() for change in read.changes] == [change.line() for change in changes]


@settings(max_examples=50)
@given(st.lists(_changes, min_size=1, max_size=5).map(numbered), st.integers(0, 4))
def test_folding_at_any_moment_changes_nothing(changes: list[Change], at: int) -> None:
    at = min(at, len(changes))
    folded = Snapshot(moved(changes[:at]), "", changes[:at])
    state = Snapshot.decode(folded.data, folded.name, "x").state
    for change in Manifest.decode(Manifest(ID, "sha1", folded.name, changes[at:]).data, "x").changes:
        state.apply(change)
    assert state.line() == moved(changes).line()


@settings(max_examples=50)
@given(st.lists(_changes, min_size=1, max_size=3).map(numbered), st.data())
def test_another_change_gives_another_chain(changes: list[Change], data: st.DataObject) -> None:
    before = moved(changes).chain
    assert before != FIRST_CHAIN
    changes[data.draw(st.integers(0, len(changes) - 1))].time_s += 1
    assert moved(changes).chain != before


def test_a_flipped_bit_is_seen_or_means_nothing() -> None:
    refs: dict[str, str | None] = {f"refs/heads/{number}": oid(number) for number in range(20)}
    changes = numbered([Change("push", refs=refs), Change("push", refs={"refs/heads/1": None})])
    snapshot = Snapshot(moved(changes), "", changes)
    manifest = Manifest(ID, "sha1", "", changes)
    for at in range(0, len(snapshot.data), 7):
        with pytest.raises(CorruptData):
            Snapshot.decode(flipped(snapshot.data, at), snapshot.name, "x")
    for at in range(0, len(manifest.data), 3):
        try:
            read = Manifest.decode(flipped(manifest.data, at), "x")
        except (CorruptData, RemoteError):
            continue
        # gzip has bits that mean nothing: of the time, of the system, and padding
        assert [change.line() for change in read.changes] == [change.line() for change in changes]


def flipped(data: bytes, at: int) -> bytes:
    """With one bit changed."""
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


PACK = ["a" * 64 + "-00000000", 1, [], []]
CHANGE = {"seq": 1, "txn": "", "time": 0, "who": "", "do": "push"}
HOSTILE = [
    ("a ref outside of refs", {"refs": {"../../x": "a" * 40}}),
    ("a ref of a name git refuses", {"refs": {"refs/heads/a..b": "a" * 40}}),
    ("a ref with a line break", {"refs": {"refs/heads/a\nb": "a" * 40}}),
    ("a ref that is half a character", {"refs": {"refs/heads/\ud800": "a" * 40}}),
    ("a value that is no object", {"refs": {"refs/heads/a": "a" * 39}}),
    ("a value that is an option", {"refs": {"refs/heads/a": "--upload-pack=x"}}),
    ("a value that is a number", {"refs": {"refs/heads/a": 1}}),
    ("refs that are a list", {"refs": ["refs/heads/a"]}),
    ("a HEAD that is no ref", {"head": "../x"}),
    ("a pack outside of its place", {"pack": ["../" + "a" * 70, 1, [], []]}),
    ("a pack of no size", {"pack": [PACK[0], 0, [], []]}),
    ("a pack of a size that is a text", {"pack": [PACK[0], "1", [], []]}),
    ("a pack for no object", {"pack": [PACK[0], 1, ["--all"], []]}),
    ("a pack with more", {"pack": [*PACK, 1]}),
    ("a retired pack of no name", {"retired": {"x": 1}}),
    ("control characters", {"who": "a\x1b[2Jb"}),
    ("a number that is a text", {"seq": "1"}),
    ("something unknown", {"run": "rm"}),
]


@pytest.mark.parametrize("wrong", [pytest.param(row[1], id=row[0]) for row in HOSTILE])
def test_hostile_changes_are_refused(wrong: dict) -> None:
    head = {"version": 1, "id": ID, "format": "sha1", "state": ""}
    lines = [json.dumps(value, separators=(",", ":")) for value in (head, {**CHANGE, **wrong})]
    with pytest.raises(CorruptData):
        Manifest.decode(gzip.compress("".join(f"{line}\n" for line in lines).encode()), "x")


def test_a_manifest_of_a_later_version_says_so() -> None:
    data = gzip.compress(b'{"version":2}\n')
    with pytest.raises(RemoteError, match="newer git-data"):
        Manifest.decode(data, "x")


def test_what_unpacks_to_more_than_any_repository_needs_is_refused() -> None:
    with pytest.raises(CorruptData):
        Manifest.decode(gzip.compress(bytes(300 << 20), 1), "x")


def test_a_change_that_does_not_follow_is_refused() -> None:
    with pytest.raises(ValueError, match="follows"):
        moved(numbered([Change("push")], first=2))


@pytest.mark.parametrize("refs", [0, 300, 10_000])
def test_folding_keeps_pushes_small_and_rare_snapshots(refs: int) -> None:
    """Over 300 pushes: what one sends on average, and the longest manifest, stay far below the size of a state."""
    changes = numbered([Change("push", refs={f"refs/heads/{number:05}": oid(number) for number in range(refs)})]) if refs else []
    state = moved(changes)
    snapshot = Snapshot(state, "", changes)
    sent, folds, since, longest, state_bytes = 0, 0, [], 0, len(snapshot.data)
    pushes = 300
    for number in range(pushes):
        tip = oid(-number)
        pack = Pack(f"{oid(number + 20_000)}{tip[:24]}-00000000", 1000, [tip], [oid(1 - number)])
        change = Change("push", refs={"refs/heads/main": tip}, pack=pack, seq=state.seq + 1, txn="00" * 8)
        state.apply(change)
        since.append(change)
        manifest = Manifest(ID, "sha1", snapshot.name, since)
        if manifest.is_long(len(snapshot.data)):
            snapshot = Snapshot(state.copy(), snapshot.name, since)
            since = []
            folds += 1
            sent += len(snapshot.data)
            state_bytes = max(state_bytes, len(snapshot.data))
            manifest = Manifest(ID, "sha1", snapshot.name, since)
        sent += len(manifest.data)
        longest = max(longest, len(manifest.data))
    assert folds >= 1
    assert longest <= max(1500, (2 * state_bytes * 150) ** 0.5 + 500)
    assert sent / pushes <= max(2500, 2.5 * (2 * state_bytes * 150) ** 0.5)
