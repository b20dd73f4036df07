"""File names as real repositories have them: every one goes into the store and comes back."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from helpers import Repo, content, pointer_of

NAMES: dict[str, bytes] = {
    "leading dash": b"-rf.bin",
    "two dashes": b"--force.bin",
    "spaces": b" a  b .bin",
    "tab": b"a\tb.bin",
    "line feed": b"a\nb.bin",
    "line feed at the end": b"a.bin/b\n",
    "carriage return": b"a\rb.bin",
    "equals sign": b"a=b=c.bin",
    "key of the protocol": b"pathname=x.bin",
    "quotes": b"'a' \"b\" `c` $(d).bin",
    "backslash": b"a\\b.bin",
    "glob": b"[a]*?.bin",
    "pathspec magic": b":(top)a.bin",
    "not UTF-8": b"\xff\xfe\x80.bin",
    "NFC": "café.bin".encode(),
    "NFD": "cafe\u0301.bin".encode(),
    "right to left": "\u202egnp.bin".encode(),
    "emoji": "🐙.bin".encode(),
    "255 bytes": b"x" * 251 + b".bin",
    "255 bytes of multi-byte characters": "é".encode() * 125 + b"x.bin",
    "hidden": b".hidden.bin",
    "deep": b"/".join([b"d"] * 40) + b"/a.bin",
    "path of a thousand bytes": b"/".join([b"x" * 99] * 10) + b"/a.bin",
    "like a branch": b"main.bin",
    "like a commit": b"deadbeef.bin",
    "ends in .lock": b"index.lock.bin/a.lock",
    "like our temporaries": b"git-data-tmp-1-deadbeef-1.bin",
}
TRACKED = "*.bin filter=data diff=data merge=data -text\n*.lock filter=data -text\na.bin/* filter=data -text\n"


@pytest.fixture
def named(new_repo: Callable[..., Repo]) -> Repo:
    """A repository that tracks all the names."""
    return new_repo("named", attributes=TRACKED)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_add_and_checkout(named: Repo, name: bytes) -> None:
    first, second = named.write(name, 3000), content(4000)
    named.commit("first")
    named.write(name, second)
    named.commit("second")
    assert named.run("git", "cat-file", "blob", b"HEAD:" + name).stdout == pointer_of(second)
    named.git("checkout", "-q", "HEAD~1")
    assert named.read(name) == first
    named.assert_clean()
    named.file(name).write_bytes(pointer_of(first))
    named.data("checkout", "--", b":(literal)" + name)
    assert named.read(name) == first
    named.assert_clean()


def test_readers_of_bytes(named: Repo) -> None:
    data = {name: named.write(name, 3000) for name in NAMES.values()}
    named.commit()
    for name in data:
        assert named.run("git", "cat-file", "--filters", b"HEAD:" + name).stdout == data[name]
        named.file(name).unlink()
    named.git("checkout-index", "-q", "--", *data)
    assert [name for name in data if named.read(name) != data[name]] == []
    named.git("rm", "-q", "--", *(b":(literal)" + name for name in data))
    named.commit("removed")
    assert [name for name in data if named.file(name).exists()] == []


def test_single_shot_commands(named: Repo) -> None:
    """For tools that do not know the filter protocol."""
    named.git("config", "--unset", "filter.data.process")
    data = {name: named.write(name, 3000) for name in NAMES.values()}
    named.commit()
    for name in data:
        assert named.run("git", "cat-file", "blob", b"HEAD:" + name).stdout == pointer_of(data[name])
        named.file(name).unlink()
    named.git("checkout", "-q", "--", *(b":(literal)" + name for name in data))
    assert [name for name in data if named.read(name) != data[name]] == []


def test_all_of_them_at_once(named: Repo) -> None:
    names = [name for name in NAMES.values() if not name.startswith(b"a.bin/")]
    data = {name: named.write(name, 1000 + len(name)) for name in names}
    named.commit("all")
    for name in names:
        named.file(name).unlink()
    named.git("checkout", "-q", "--", ".")
    assert {name for name in names if named.read(name) != data[name]} == set()
    named.assert_clean()


def test_names_that_differ_in_case_only(repo: Repo) -> None:
    data = {name: repo.write(name, 2000) for name in ("Data.bin", "data.bin", "DATA.bin", "dir/a.bin", "DIR/a.bin")}
    repo.commit()
    for name in data:
        repo.file(name).unlink()
    repo.git("checkout", "-q", "--", ".")
    repo.assert_content(data, linked=False)


def test_names_that_differ_in_normalisation_only(repo: Repo) -> None:
    data = {name: repo.write(name, 2000) for name in ("é.bin", "e\u0301.bin")}
    repo.commit()
    repo.git("checkout", "-q", "HEAD~1")
    repo.git("checkout", "-q", "main")
    repo.assert_content(data, linked=False)


def test_a_file_named_like_a_branch(repo: Repo) -> None:
    repo.write(".gitattributes", "* filter=data -text\n.gitattributes !filter\n")
    first = repo.write("main", 1000)
    repo.commit("first")
    repo.write("main", 2000)
    repo.commit("second")
    repo.git("checkout", "-q", "HEAD~1", "--", "main")
    assert repo.read("main") == first
    repo.write("HEAD", 500)
    repo.commit("third")
    assert repo.data("checkout", "main") == "0 files brought to content\n"


def test_names_are_shown_without_control_characters(repo: Repo) -> None:
    name = b"a\x1b[31m\n\xff.bin"
    data = repo.write(name, 1000)
    repo.commit()
    repo.file(name).unlink()
    os.unlink(repo.object(data))
    errors = repo.traced("checkout", "-q", "--", ".").errors
    assert "is not in the store" in errors
    assert "a\\x1b[31m\n\\xff.bin" in errors
