"""``git data clone``: git clone, with the data and all set-up, from storage and from git servers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import Repo, content, make_repo, run

from git_data.commands.clone import arrange, positions

DATA = content(3000)


@pytest.fixture(scope="module")
def origins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One history in a folder that hosts it (``store``) and in a bare repository (``server.git``) with data in that folder."""
    path = tmp_path_factory.mktemp("origins")
    repo = make_repo(path / "work")
    repo.write("x.bin", DATA)
    repo.data("remote", "add", "-d", "data", str(path / "store"))
    repo.commit("one")
    repo.git("branch", "old")
    repo.write("text", "two\n")
    repo.commit("two")
    run("git", "init", "-q", "--bare", path / "server.git")
    repo.git("push", "-q", f"data::{path}/store", "main", "old")
    repo.git("push", "-q", path / "server.git", "main", "old")
    return path


def clone(*words: str | Path, cwd: Path, ok=(0,)):
    """Run it."""
    return run("git", "data", "clone", *words, cwd=cwd, ok=ok)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("{}/store", "data::{}/store"),
        ("data::{}/store", "data::{}/store"),
        ("file://{}/store", "data::{}/store"),
        ("{}/server.git", "{}/server.git"),
        ("{}/server", "{}/server"),
        ("file://{}/server.git", "file://{}/server.git"),
    ],
)
def test_a_clone_has_content_hooks_and_the_plain_address(url: str, expected: str, origins: Path, tmp_path: Path):
    clone("-q", url.replace("{}", str(origins)), "new", cwd=tmp_path)
    new = Repo(tmp_path / "new")
    assert new.git("config", "remote.origin.url").strip() == expected.replace("{}", str(origins))
    assert new.read("x.bin") == DATA
    assert new.file(".git/hooks/pre-push").exists()
    new.write("y.bin", 1000)
    new.commit()
    assert new.status() == ""
    new.git("push", "-q", "--dry-run", "origin", "HEAD:refs/heads/new")


def test_a_relative_path_a_new_name_and_a_branch(origins: Path, tmp_path: Path):
    place = os.path.relpath(origins / "store", tmp_path)
    clone("-b", "old", "--single-branch", "-o", "up", "--", place, cwd=tmp_path)
    new = Repo(tmp_path / "store")
    assert new.git("branch", "-a").split() == ["*", "old", "remotes/up/old"]
    assert new.git("config", "remote.up.url").strip() == f"data::{origins}/store"
    assert new.read("x.bin") == DATA


@pytest.mark.parametrize("place", ["store", "server.git"])
def test_options_go_to_git_in_their_order(place: str, origins: Path, tmp_path: Path):
    clone("--bare", "-q", "-c", "some.key=value", f"{origins}/{place}", cwd=tmp_path)
    (made,) = tmp_path.iterdir()
    assert made.suffix == ".git"
    assert run("git", "config", "some.key", cwd=made).stdout == b"value\n"
    assert run("git", "rev-list", "--count", "main", cwd=made).stdout == b"3\n"


def test_a_shallow_clone_of_a_server_stays_one(origins: Path, tmp_path: Path):
    clone("-q", "--depth", "1", f"file://{origins}/server.git", "new", cwd=tmp_path)
    assert Repo(tmp_path / "new").git("rev-list", "--count", "HEAD") == "1\n"


def test_from_inside_another_repository_content_comes_too(origins: Path, new_repo, tmp_path: Path):
    inside = new_repo("inside")  # which knows the filter, as the new one must by itself
    clone(origins / "server.git", tmp_path / "clone", cwd=inside.path)
    assert (tmp_path / "clone" / "x.bin").read_bytes() == DATA


def test_pointers_stay_if_that_is_asked_for_and_only_for_this_once(origins: Path, tmp_path: Path):
    said = clone("--no-data", "-q", f"{origins}/store", "new", cwd=tmp_path).stdout.decode()
    new = Repo(tmp_path / "new")
    assert new.pointer("x.bin") is not None
    assert new.status() == ""
    command = said.partition(": git ")[2].split()
    run("git", *command, cwd=tmp_path)
    assert new.read("x.bin") == DATA
    assert "data.fetch" not in new.git("config", "--list")


def test_submodules_are_set_up_too(origins: Path, new_repo, tmp_path: Path):
    outer = new_repo("outer")
    outer.git("submodule", "add", "-q", origins / "server.git", "inner")
    outer.commit()
    clone("-q", "--recurse-submodules", outer.path, "new", cwd=tmp_path)
    inner = Repo(tmp_path / "new/inner")
    assert inner.git("config", "filter.data.required") == "true\n"
    assert (tmp_path / "new/.git/modules/inner/hooks/pre-push").exists()
    assert inner.read("x.bin") == DATA


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        ([], 2, "No URL is given"),
        (["-b", "main"], 2, "No URL is given"),
        (["./nothing"], 8, "no git repository lies at"),
        (["--frobnicate", "{}/store", "new"], 129, "unknown option"),
        (["-b", "nothing", "{}/store", "new"], 128, "nothing"),
    ],
)
def test_what_goes_wrong_is_said_with_gits_own_status(
    words: list[str], status: int, expected: str, origins: Path, tmp_path: Path
):
    said = clone(*(word.replace("{}", str(origins)) for word in words), cwd=tmp_path, ok=(status,)).stderr.decode()
    assert expected in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("url", ["url"]),
        ("url dir", ["url", "dir"]),
        ("-b main url dir", ["url", "dir"]),
        ("-bmain url", ["url"]),
        ("-qb main url", ["url"]),
        ("--branch=main url", ["url"]),
        ("--branch main --depth 3 -j 4 url --bare dir", ["url", "dir"]),
        ("--recurse-submodules url", ["url"]),
        ("--recurse-submodules=a url", ["url"]),
        ("-- -url dir", ["-url", "dir"]),
        ("-l -s -n -v url", ["url"]),
        ("-c core.x=y --config a=b url", ["url"]),
        ("-o", []),
    ],
)
def test_the_words_that_are_no_options_are_found_as_git_finds_them(words: str, expected: list[str]):
    split = words.split()
    assert [split[at] for at in positions(split)] == expected


def test_our_option_is_found_among_those_of_git():
    assert arrange(["-b", "main", "--no-data", "url", "--", "--no-data"]) == [
        "--no-data", "--", "-b", "main", "url", "--", "--no-data"
    ]  # fmt: skip
