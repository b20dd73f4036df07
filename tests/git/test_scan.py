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


def test_a_partial_clone_fetches_all_missing_pointers_at_once(inside: Repo, tmp_path, monkeypatch: pytest.MonkeyPatch):
    for number in range(30):
        inside.write(f"dir/{number}.bin", 100)
    inside.commit()
    inside.git("config", "uploadpack.allowFilter", "true")
    inside.git("config", "uploadpack.allowAnySHA1InWant", "true")
    url = f"file://{inside.path}"
    inside.git("clone", "-q", "--filter=blob:none", "--sparse", url, str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    trace = clone.traced("data", "ls-files")
    assert len(trace.output.splitlines()) == 30
    assert len([line for line in trace.started if "fetch" in line and "maintenance" not in line]) <= 1
    assert clone.traced("data", "ls-files").output == trace.output
    assert len(clone.data("ls-files", "--all").splitlines()) == 30


KINDS = {
    "SHA-256": (["--object-format=sha256"], []),
    "index version 4": ([], ["index.version=4"]),
    "index without a hash": ([], ["index.skipHash=true"]),
    "split index": ([], ["core.splitIndex=true"]),
    "manyFiles": ([], ["feature.manyFiles=true"]),
}


@pytest.mark.parametrize(("init", "settings"), KINDS.values(), ids=KINDS)
def test_every_kind_of_repository_and_index(new_repo, init: list[str], settings: list[str]):
    repo = new_repo("kind", *init)
    for setting in settings:
        repo.git("config", *setting.split("="))
    repo.write("a.bin", 2000)
    repo.write("b/c.bin", 3000)
    repo.commit()
    repo.git("rm", "-q", "--cached", "b/c.bin")
    repo.git("add", "b/c.bin")
    repo.write("a.bin", 4000)
    assert repo.data("ls-files", "--long").split() == [
        *["store", "modified", "+", repo.data("ls-files", "-o", "a.bin").split()[1][:12], "2.0", "kB", "a.bin"],
        *["worktree", "content", "+", repo.data("ls-files", "-o", "b").split()[1][:12], "3.0", "kB", "b/c.bin"],
    ]
    assert repo.data("status").splitlines()[1].split()[0] == "modified"
    assert "2.0 kB → 4.0 kB" in repo.data("diff")
    assert repo.data("diff", "--cached") == ""
    assert "2 data files changed: 2 added (5.0 kB)" in repo.data("diff", "HEAD~1", "HEAD")
    assert repo.data("du", "--depth", "0").splitlines()[1].split()[:4] == ["5.0", "kB", "5.0", "kB"]


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
