"""Where content is missing, not wanted, or cannot be written: pointers stay, and a command is named that brings the content."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers import Repo, content, pointer_of, run


def versions(repo: Repo) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Two commits with the same paths; the second is checked out."""
    paths = ("a.bin", "raw/b.bin", "raw/deep/c.bin", "clean/d.bin")
    first = {path: repo.write(path, 2000 + len(path)) for path in paths}
    repo.commit("first")
    second = {path: repo.write(path, 3000 + len(path)) for path in paths}
    repo.commit("second")
    return first, second


def assert_pointers(repo: Repo, files: dict[str, bytes]) -> None:
    assert {path: repo.read(path) for path in files} == {path: pointer_of(data) for path, data in files.items()}
    repo.assert_clean()


# -- on request


def test_skip_smudge_leaves_pointers_and_checkout_brings_the_content(repo: Repo) -> None:
    first, _ = versions(repo)
    repo.git("checkout", "-q", "HEAD~1", env={"GIT_DATA_SKIP_SMUDGE": "1"})
    assert_pointers(repo, first)
    assert repo.data("checkout") == "4 files brought to content\n"
    repo.assert_content(first, linked=False)


def test_skip_smudge_for_readers_of_bytes(repo: Repo) -> None:
    first, _ = versions(repo)
    env = {"GIT_DATA_SKIP_SMUDGE": "1"}
    assert repo.run("git", "cat-file", "--filters", "HEAD~1:a.bin", env=env).stdout == pointer_of(first["a.bin"])
    assert repo.run("git", "data", "smudge", stdin=pointer_of(first["a.bin"]), env=env).stdout == pointer_of(first["a.bin"])


@pytest.mark.parametrize(
    ("setting", "patterns", "wanted"),
    [
        ("data.fetchExclude", ["raw"], ["a.bin", "clean/d.bin"]),
        ("data.fetchExclude", ["raw/*", "!raw/b.bin"], ["a.bin", "raw/b.bin", "clean/d.bin"]),
        ("data.fetchExclude", ["*.bin"], []),
        ("data.fetchExclude", ["/raw,/clean"], ["a.bin"]),
        ("data.fetchInclude", ["clean"], ["clean/d.bin"]),
        ("data.fetchInclude", ["clean", "raw/deep"], ["raw/deep/c.bin", "clean/d.bin"]),
    ],
)
def test_paths_that_are_not_wanted_stay_pointers(repo: Repo, setting: str, patterns: list[str], wanted: list[str]) -> None:
    first, _ = versions(repo)
    for pattern in patterns:
        repo.git("config", "--add", setting, pattern)
    repo.git("checkout", "-q", "HEAD~1")
    assert [path for path in first if repo.read(path) == first[path]] == wanted
    assert_pointers(repo, {path: data for path, data in first.items() if path not in wanted})


def test_excluded_paths_come_when_they_are_asked_for(repo: Repo) -> None:
    first, _ = versions(repo)
    repo.git("config", "data.fetchExclude", "raw")
    repo.git("checkout", "-q", "HEAD~1")
    repo.data("checkout", "raw/b.bin")
    assert repo.read("raw/b.bin") == first["raw/b.bin"]
    assert repo.read("raw/deep/c.bin") == pointer_of(first["raw/deep/c.bin"])
    repo.assert_clean()


def test_settings_of_the_repository_exclude_paths(repo: Repo) -> None:
    repo.write(".gitdata", "[data]\n\tfetchExclude = raw\n")
    first, _ = versions(repo)
    repo.git("checkout", "-q", "HEAD~1")
    assert repo.read("a.bin") == first["a.bin"]
    assert repo.read("raw/b.bin") == pointer_of(first["raw/b.bin"])


def test_a_pointer_that_was_not_wanted_is_committed_as_it_is(repo: Repo) -> None:
    first, _ = versions(repo)
    repo.git("checkout", "-q", "HEAD~1", env={"GIT_DATA_SKIP_SMUDGE": "1"})
    repo.git("mv", "a.bin", "moved.bin")
    repo.git("commit", "-q", "-a", "-m", "moved")
    assert repo.blob("moved.bin", "HEAD") == pointer_of(first["a.bin"])


# -- lost


def test_an_object_that_was_deleted_after_the_commit(repo: Repo) -> None:
    first, second = versions(repo)
    repo.object(first["a.bin"]).unlink()
    trace = repo.traced("checkout", "-q", "HEAD~1")
    assert "the data of 'a.bin' is not in the store" in trace.errors
    assert "git data pull" in trace.errors
    assert_pointers(repo, {"a.bin": first["a.bin"]})
    others = {path: data for path, data in first.items() if path != "a.bin"}
    repo.assert_content(others, linked=False)
    assert "is not in the store" in repo.fails("data", "checkout", status=3)
    repo.git("checkout", "-q", "main")
    repo.assert_content(second, linked=False)


def test_readers_of_bytes_fail_rather_than_hand_out_pointers(repo: Repo) -> None:
    first, _ = versions(repo)
    repo.object(first["a.bin"]).unlink()
    for command in (["archive", "HEAD~1"], ["cat-file", "--filters", "HEAD~1:a.bin"]):
        done = repo.run("git", *command, ok=None)
        assert done.returncode != 0
        assert b"is not in the store" in done.stderr
        assert b"oid sha256:" not in done.stdout


def test_a_rebase_over_missing_data_goes_on_with_pointers(repo: Repo) -> None:
    first, _ = versions(repo)
    repo.git("switch", "-q", "-c", "side", "HEAD~1")
    repo.write("side.txt", b"text")
    repo.commit("side")
    repo.git("switch", "-q", "main")
    second = pointer_of(repo.read("a.bin"))
    repo.object(repo.read("a.bin")).unlink()
    repo.git("switch", "-q", "side")
    errors = repo.traced("rebase", "-q", "main").errors
    assert "is not in the store" in errors
    assert repo.read("a.bin") == second
    repo.assert_clean()


# -- not writable


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """A directory nobody can write to, not even root."""
    if os.geteuid() == 0:
        subprocess.run(["mount", "--bind", directory, directory], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,ro,bind", directory], check=True)
            yield
        finally:
            subprocess.run(["umount", "-l", directory], check=True)
        return
    modes = {path: path.stat().st_mode for path in [directory, *directory.rglob("*")] if path.is_dir()}
    for path in modes:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.fixture
def cache(repo: Repo, tmp_path: Path) -> Path:
    """A store outside of the repository."""
    (tmp_path / "cache").mkdir()
    repo.git("config", "data.cacheDir", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_read_only_store_can_be_read(repo: Repo, cache: Path) -> None:
    first, second = versions(repo)
    with read_only(cache):
        repo.git("checkout", "-q", "HEAD~1")
        repo.assert_content(first, linked=False)
        repo.git("checkout", "-q", "main")
        repo.assert_content(second, linked=False)
        repo.run("git", "archive", "HEAD")
        repo.data("checkout")


def test_adding_what_a_read_only_store_has_works(repo: Repo, cache: Path) -> None:
    first, _ = versions(repo)
    with read_only(cache):
        repo.write("again.bin", first["a.bin"])
        repo.commit("again")
    assert repo.blob("again.bin") == pointer_of(first["a.bin"])


@pytest.mark.parametrize("size", [3000, 2 << 20])
def test_adding_to_a_read_only_store_fails_with_its_path_and_changes_nothing(repo: Repo, cache: Path, size: int) -> None:
    versions(repo)
    with read_only(cache):
        new = repo.write("new.bin", size)
        errors = repo.fails("add", "new.bin", status=128)
        assert str(cache) in errors
        assert "Traceback" not in errors
    assert repo.git("ls-files", "new.bin") == ""
    assert repo.read("new.bin") == new
    repo.git("add", "new.bin")
    assert repo.object(new).read_bytes() == new


def test_a_read_only_work_tree_keeps_what_it_has(repo: Repo) -> None:
    first, second = versions(repo)
    with read_only(repo.file("raw")):
        done = repo.run("git", "checkout", "-q", "HEAD~1", ok=None)
        assert b"Read-only file system" in done.stderr or b"Permission denied" in done.stderr
        assert b"Traceback" not in done.stderr
    assert {path for path in first if repo.read(path) == first[path]} == {"a.bin", "clean/d.bin"}
    assert {path for path in first if repo.read(path) == second[path]} == {"raw/b.bin", "raw/deep/c.bin"}
    assert repo.status() == " M raw/b.bin\n M raw/deep/c.bin\n"
    repo.git("reset", "-q", "--hard", "main")
    repo.assert_content(second, linked=False)


# -- single-shot commands


def test_clean_and_smudge_of_one_content(repo: Repo) -> None:
    data = content(3 << 20)
    pointer = repo.run("git", "data", "clean", stdin=data).stdout
    assert pointer == pointer_of(data)
    assert repo.run("git", "data", "smudge", stdin=pointer).stdout == data
    assert repo.run("git", "data", "clean", stdin=pointer).stdout == pointer
    assert repo.run("git", "data", "smudge", stdin=data).stdout == data
    assert repo.run("git", "data", "clean", stdin=b"").stdout == b""
    assert repo.run("git", "data", "smudge", stdin=b"").stdout == b""


def test_smudge_of_what_is_missing_fails_and_prints_nothing(repo: Repo) -> None:
    done = repo.run("git", "data", "smudge", "--", "a.bin", stdin=pointer_of(b"never seen"), ok=(3,))
    assert done.stdout == b""
    assert b"'a.bin'" in done.stderr


def test_outside_of_a_repository(tmp_path: Path) -> None:
    done = run("git", "data", "clean", cwd=tmp_path, stdin=b"content", ok=(7,), env={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    assert b"not a git repository" in done.stderr
    assert done.stdout == b""


def test_the_filter_process_started_by_hand_says_what_it_is_for(repo: Repo) -> None:
    done = repo.run("git", "data", "filter-process", stdin=b"hello", ok=(1,))
    assert b"git starts this command by itself" in done.stderr
    assert b"Traceback" not in done.stderr
