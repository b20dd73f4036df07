"""Names that a remote may give to refs and packs: exactly those that git would accept."""

from __future__ import annotations

import os

import pytest
from helpers import run
from hypothesis import example, given, settings
from hypothesis import strategies as st

from git_data.host.names import Places, is_hex, is_pack_name, is_ref_name

ODD = [
    "refs/heads/main", "refs/heads/a/b", "refs/heads/größe", "refs/heads/a\udcffb", "refs/heads/a%20b", "refs/heads/-x",
    "refs/x", "refs/heads/@", "refs/heads/{}", "refs/heads/a@b", "refs/heads/a.b", "refs/heads/lock", "refs/heads/a.lockx",
    "refs/heads/'\"", "refs/heads/a\x85b", "refs/heads/a\u2028b", "refs/", "refs//a", "refs/heads/", "refs/heads/a/",
    "refs/heads/.a", "refs/heads/a/.b", "refs/heads/a.", "refs/heads/a./b", "refs/heads/a.lock", "refs/heads/a.lock/b",
    "refs/heads/a..b", "refs/heads/a@{b", "refs/heads/a b", "refs/heads/a~b", "refs/heads/a^b", "refs/heads/a:b",
    "refs/heads/a?b", "refs/heads/a*b", "refs/heads/a[b", "refs/heads/a\\b", "refs/heads/a\tb", "refs/heads/a\x7fb",
    "refs/heads/a\nb", "refs/heads/../../x", "refs/../x", "refs/./x",
]  # fmt: skip


def git_accepts(names: list[str]) -> list[bool]:
    """What ``git check-ref-format`` says to each."""
    script = 'for name; do git check-ref-format "$name"; echo $?; done'
    words = [os.fsencode(name) for name in names]
    return [line == b"0" for line in run("sh", "-c", script, "sh", *words).stdout.split()]


def test_odd_names_are_taken_as_git_takes_them() -> None:
    assert dict(zip(ODD, map(is_ref_name, ODD))) == dict(zip(ODD, git_accepts(ODD)))


_PIECES = st.sampled_from(
    ["a", "b", ".", "..", "/", "//", ".lock", "@", "{", "@{", "-", " ", "~", "*", "é", "\udc80", "\\", "\x01"]
)


@settings(max_examples=25)
@given(st.lists(st.lists(_PIECES, max_size=6).map(lambda pieces: "refs/heads/" + "".join(pieces)), min_size=8, max_size=8))
def test_any_name_is_taken_as_git_takes_it(names: list[str]) -> None:
    assert dict(zip(names, map(is_ref_name, names))) == dict(zip(names, git_accepts(names)))


@pytest.mark.parametrize(
    "name",
    ["HEAD", "main", "heads/main", "../refs/heads/x", "/refs/heads/x", "refs", "refs/heads/\0", "refs/heads/\ud800", None, 1,
     "refs/" + "a" * 1024],
)  # fmt: skip
def test_nothing_else_is_a_name(name: object) -> None:
    assert not is_ref_name(name)


@pytest.mark.parametrize("text", ["", "g", "A", "é", "٣", None, 12, "0x1", "a "])
def test_only_lower_case_digits_are_hexadecimal(text: object) -> None:
    assert not is_hex(text)


@pytest.mark.parametrize(
    "name", ["", "a" * 64, "a" * 64 + "-1234567", "a" * 64 + "-123456789", "a" * 64 + "-1234567/", "../" + "a" * 70]
)
def test_only_a_hash_and_a_nonce_name_a_pack(name: str) -> None:
    assert not is_pack_name(name)
    assert is_pack_name("a" * 64 + "-12345678")


_BRANCHES = st.lists(
    st.sampled_from(["a", "b", "a/b", "a/b/c", "ab", "a/c", "b/a", "a-b", "a/b/d"]).map(lambda name: f"refs/heads/{name}")
)


@given(_BRANCHES, st.sampled_from(["a", "a/b", "b", "b/a/c", "a/b/c"]).map(lambda name: f"refs/heads/{name}"))
@example(["refs/heads/a-b", "refs/heads/ab"], "refs/heads/a")
def test_a_ref_cannot_lie_below_another(names: list[str], new: str) -> None:
    """Compared with what directories and files would do."""
    others = [name for name in names if name.startswith(new + "/") or new.startswith(name + "/")]
    found = Places(names).clash(new)
    assert bool(found) == bool(others)
    assert not found or found in others
