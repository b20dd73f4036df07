"""What a push may do to a ref, where only the state there and the words of the push count; the rest is tested with git."""

from __future__ import annotations

import pytest

from git_data.host.rules import Update, refusals
from git_data.host.state import State

A, B, C = "a" * 40, "b" * 40, "c" * 40
DEFAULT = "it is the default branch; choose another first: git data remote set-head"

TABLE = [
    ("a new ref", "refs/heads/new", B, {}, ""),
    ("the same again", "refs/heads/main", A, {}, ""),
    ("a commit that is not here is in the way", "refs/heads/main", B, {}, "fetch first"),
    ("a tag is in the way", "refs/tags/v1", B, {}, "already exists"),
    ("a tag is in the way, forced", "refs/tags/v1", B, {"forced": True, "listed": A}, ""),
    ("forced over what was listed", "refs/heads/main", B, {"forced": True, "listed": A}, ""),
    ("forced over what came since", "refs/heads/main", B, {"forced": True, "listed": C}, "fetch first"),
    ("forced, of a ref that was listed but has gone", "refs/heads/new", B, {"forced": True, "listed": C}, ""),
    ("deleted", "refs/heads/other", "", {"listed": A}, ""),
    ("deleted though it has moved on", "refs/heads/other", "", {"listed": C}, "fetch first"),
    ("deleted though it has gone", "refs/heads/new", "", {"listed": C}, ""),
    ("deleted, the default branch", "refs/heads/main", "", {"listed": A}, DEFAULT),
    ("a lease that holds", "refs/heads/main", B, {"forced": True, "expected": A, "listed": A}, ""),
    ("a lease that does not", "refs/heads/main", B, {"forced": True, "expected": C, "listed": A}, "stale info"),
    ("a lease on there being none", "refs/heads/new", B, {"forced": True, "expected": "0" * 40}, ""),
    ("a lease on there being none, with one", "refs/heads/main", B, {"expected": "0" * 40, "listed": A}, "stale info"),
    ("a lease on the deletion of a ref that moved", "refs/heads/other", "", {"expected": C, "listed": C}, "stale info"),
    ("a branch that is a tag", "refs/heads/new", B, {"kind": "tag"}, "a branch must be a commit, and this is a tag"),
    ("a name git does not allow", "refs/heads/a..b", B, {}, "not a valid name for a ref"),
    ("a name outside of refs", "HEAD", B, {}, "not a valid name for a ref"),
    ("protected, forced", "refs/heads/release/1", B, {"forced": True, "listed": A},
     "it is protected from force-pushes: git data remote protect"),
    ("protected, deleted", "refs/heads/release/1", "", {"listed": A}, "it is protected: git data remote protect"),
    ("protected, new", "refs/heads/release/2", B, {"forced": True}, ""),
    ("below another", "refs/heads/main/x", B, {}, "'refs/heads/main' exists, and one cannot lie below the other"),
    ("above another", "refs/heads/release", B, {}, "'refs/heads/release/1' exists, and one cannot lie below the other"),
]  # fmt: skip


@pytest.fixture
def state() -> State:
    """Refs, all of them ``A``; nothing of it is here."""
    found = State("0" * 32, "sha1")
    found.head = "refs/heads/main"
    names = ("refs/heads/main", "refs/heads/other", "refs/heads/release/1", "refs/tags/v1")
    found.refs = dict.fromkeys(names, A)
    found.protected = ["refs/heads/release/*"]
    return found


@pytest.mark.parametrize(("ref", "new", "more", "reason"), [pytest.param(*row[1:], id=row[0]) for row in TABLE])
def test_a_push_is_refused_for_a_reason(state: State, ref: str, new: str, more: dict, reason: str) -> None:
    assert refusals(state, [Update(ref, new, **more)], set()) == ({ref: reason} if reason else {})


def test_what_is_deleted_makes_room_in_the_same_push(state: State) -> None:
    room = [Update("refs/heads/other", "", listed=A), Update("refs/heads/other/below", B)]
    assert refusals(state, room, set()) == {}
    # unless the deletion is refused
    kept = [Update("refs/heads/main", "", listed=A), Update("refs/heads/main/below", B)]
    assert set(refusals(state, kept, set())) == {"refs/heads/main", "refs/heads/main/below"}


def test_two_new_refs_can_be_in_the_way_of_each_other(state: State) -> None:
    assert list(refusals(state, [Update("refs/heads/x", B), Update("refs/heads/x/y", B)], set())) == ["refs/heads/x/y"]


def test_ten_thousand_refs_take_no_quadratic_time(state: State) -> None:
    state.refs = {f"refs/heads/{number % 100}/{number}": A for number in range(10_000)}
    updates = [Update(f"refs/heads/{number % 100}/new-{number}", B) for number in range(10_000)]
    assert refusals(state, updates, set()) == {}
