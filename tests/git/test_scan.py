"""Pointers in index, trees and history: every path, every version, nothing else."""

from __future__ import annotations

import os

import pytest
from helpers import Repo

from git_data.git import scan
from git_data.git.repo import locate

ODD = [b"a b.bin", b"line\nfeed.bin", b"-dash.bin", b"a=b.bin", b"\xff\xfe.bin", "ü.bin".encode(), b"dir/sub/x.bin", b"tab\t.bin"]


@pytest.fixture
def inside(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.chdir(repo.path)
    return repo


def test_every_odd_name_is_found_in_index_revision_and_history(inside: Repo):
    for path in ODD:
        inside.write(path, 2000)
    inside.write("plain.txt", "text")
    inside.commit()
    here = locate()
    assert [item.path for item in scan.in_index(here)] == sorted(ODD)
    assert [item.path for item in scan.in_revision(here, "HEAD")] == sorted(ODD)
    assert sorted(item.path for _, item in scan.versions(here, ["--all"])) == sorted(ODD)


def test_pathspecs_are_relative_to_the_current_directory(inside: Repo, monkeypatch: pytest.MonkeyPatch):
    for path in ("top.bin", "dir/a.bin", "dir/b.bin", "other/c.bin"):
        inside.write(path, 2000)
    inside.commit()
    monkeypatch.chdir(inside.path / "dir")
    here = locate()
    for specs, expected in (
        (["a.bin"], [b"dir/a.bin"]),
        (["*.bin"], [b"dir/a.bin", b"dir/b.bin"]),
        (["../other"], [b"other/c.bin"]),
    ):
        assert [item.path for item in scan.in_index(here, specs)] == expected
        assert [item.path for item in scan.in_revision(here, "HEAD", specs)] == expected
        assert sorted(item.path for _, item in scan.versions(here, ["--all"], specs)) == expected
    assert len(scan.in_index(here)) == len(scan.in_revision(here, "HEAD")) == len(scan.versions(here, ["--all"])) == 4


def test_versions_name_the_oldest_commit_and_see_what_only_a_merge_brought(inside: Repo):
    inside.write("a.bin", b"1" * 2000)
    first = inside.commit()
    inside.git("checkout", "-q", "-b", "side")
    inside.write("a.bin", b"2" * 2000)
    second = inside.commit()
    inside.write("a.bin", b"1" * 2000)
    inside.commit("back again")
    inside.git("checkout", "-q", "main")
    inside.git("merge", "-q", "--no-ff", "--no-commit", "side")
    inside.write("merged.bin", b"3" * 3000)
    merge = inside.commit("merge")
    listed = [(item.path, commit) for commit, item in scan.versions(locate(), ["--all"])]
    assert sorted(listed) == sorted([(b"a.bin", first), (b"a.bin", second), (b"merged.bin", merge)])


def test_a_lost_or_damaged_memory_of_blobs_changes_no_answer(inside: Repo):
    inside.write("a.bin", 2000)
    inside.commit()
    here = locate()
    expected = [(item.path, item.pointer) for item in scan.in_index(here)]
    memory = inside.git_dir() / "data" / "blobs"
    damaged = bytearray(memory.read_bytes())
    damaged[30] ^= 1
    memory.write_bytes(damaged)
    assert [(item.path, item.pointer) for item in scan.in_index(here)] == expected
    memory.unlink()
    assert [(item.path, item.pointer) for item in scan.in_index(here)] == expected


def test_links_and_submodules_are_no_data_files(inside: Repo, new_repo):
    other = new_repo("module")
    inside.write("a.bin", 2000)
    os.symlink("a.bin", inside.file("link.bin"))
    inside.git("submodule", "-q", "add", str(other.path), "sub.bin")
    inside.commit()
    assert [item.path for item in scan.in_index(locate())] == [b"a.bin"]
    assert [item.path for item in scan.in_revision(locate(), "HEAD")] == [b"a.bin"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"plain.bin", "plain.bin"),
        ("für.bin".encode(), "für.bin"),
        (b"a\nb", "a\\nb"),
        (b"\x1b[31m", "\\x1b[31m"),
        (b"\xff", "\\xff"),
    ],
)
def test_what_is_shown_cannot_drive_a_terminal(path: bytes, expected: str):
    assert scan.shown(path) == expected
