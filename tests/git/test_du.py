"""``git data du``: what data takes, by directory and by version."""

from __future__ import annotations

import json
import os

import pytest
from helpers import Repo


@pytest.fixture
def tree(repo: Repo) -> Repo:
    twice = repo.write("a/one.bin", 1000)
    repo.write("a/same.bin", twice)
    repo.write("a/deep/two.bin", 5000)
    repo.write("b/three.bin", 700)
    repo.write("top.bin", twice)
    repo.write("b/plain.txt", "x" * 9000)
    repo.commit()
    repo.write("b/three.bin", 800)
    repo.commit()
    return repo


def used(repo: Repo, *arguments: str, **options) -> dict:
    return json.loads(repo.data("du", "--json", *arguments, **options))


def by_path(found: dict) -> dict[str, tuple[int, int, int]]:
    return {item["path"]: (item["files"], item["bytes"], item["unique_bytes"]) for item in found["directories"]}


def test_directories_with_duplicates_counted_once(tree: Repo):
    found = used(tree)
    assert by_path(found) == {"a": (3, 7000, 6000), "b": (1, 800, 800)}
    assert found["total"] == {"files": 5, "bytes": 8800, "unique_bytes": 6800, "stored_bytes": 6800}
    assert found["store"] == {"path": str(tree.store()), "objects": 4, "bytes": 7500, "bytes_listed": 6800}


@pytest.mark.parametrize(
    ("depth", "expected"), [("0", []), ("1", ["a", "b"]), ("2", ["a", "a/deep", "b"]), ("9", ["a", "a/deep", "b"])]
)
def test_depth(tree: Repo, depth: str, expected: list[str]):
    assert list(by_path(used(tree, "--depth", depth))) == expected


def test_all_versions_and_one_revision(tree: Repo):
    assert by_path(used(tree, "--all"))["b"] == (2, 1500, 1500)
    assert by_path(used(tree, "--rev", "HEAD~1"))["b"] == (1, 700, 700)
    assert used(tree, "--all")["store"]["bytes_listed"] == 7500


def test_lines_for_people_with_the_largest_first(tree: Repo):
    lines = tree.data("du").splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["bytes", "unique", "files", "directory"],
        ["7.0", "kB", "6.0", "kB", "3", "a/"],
        ["800", "B", "800", "B", "1", "b/"],
        ["8.8", "kB", "6.8", "kB", "5", "in", "all"],
    ]
    assert "holds 4 objects, 7.5 kB; 700 B of it belong to other versions" in lines[-1]
    assert "belong" not in tree.data("du", "--all")


def test_paths_patterns_and_subdirectories(tree: Repo):
    assert used(tree, "a")["total"]["files"] == 3
    assert used(tree, "*.bin", "-X", "a/**")["total"]["files"] == 2
    inside = {"cwd": tree.path / "a"}
    assert by_path(used(tree, **inside)) == {"deep": (1, 5000, 5000)}
    assert used(tree, "..", **inside)["total"]["files"] == 5


def test_odd_directories(repo: Repo):
    repo.write(b"\xff \n/a.bin", 100)
    repo.commit()
    assert [os.fsencode(path) for path in by_path(used(repo))] == [b"\xff \n"]
    assert b"\\xff \\n/" in repo.run("git", "data", "du").stdout


def test_empty_bare_and_conflicting(new_repo, tmp_path):
    repo = new_repo(attributes="")
    assert used(repo)["total"]["files"] == 0
    assert "in all" in repo.data("du")
    repo.write(".gitattributes", "*.bin filter=data merge=data -text\n")
    repo.write("a.bin", 1000)
    repo.commit()
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare"))
    assert used(repo, "--rev", "HEAD", cwd=tmp_path / "bare")["total"] == {
        "files": 1,
        "bytes": 1000,
        "unique_bytes": 1000,
        "stored_bytes": 0,
    }
    assert "git data du --rev HEAD" in repo.fails("data", "du", status=7, cwd=tmp_path / "bare")
    repo.git("checkout", "-q", "-b", "side")
    repo.write("a.bin", 2000)
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("a.bin", 3000)
    repo.commit()
    repo.fails("merge", "side")
    assert used(repo)["total"]["bytes"] == 3000
    assert "no such depth" in repo.fails("data", "du", "--depth", "-1", status=2)
