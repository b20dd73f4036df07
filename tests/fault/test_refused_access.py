"""A read-only store, a read-only work tree, permission denied.

What needs reading only works; what cannot be written is named, and no permission is ever changed to get there.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from fault.harness import work_files
from helpers import Repo, content, pointer_of

NewRepo = Callable[..., Repo]


@pytest.fixture
def unprivileged() -> list[str]:
    """What to put before a command so that permissions count for it, even for root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root ignores permissions, and there is no setpriv (util-linux) to change that")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]


@pytest.fixture
def shared(new_repo: NewRepo, tmp_path: Path) -> tuple[Repo, Path, dict[str, bytes]]:
    """A repository at its first version, whose two versions are in a store outside of it."""
    repo, cache = new_repo("shared"), tmp_path / "cache"
    repo.git("config", "data.cacheDir", str(cache))
    repo.write("a.bin", 2000)
    repo.write("big.bin", 1_500_000)
    repo.commit("one")
    data = {"a.bin": repo.write("a.bin", 3000), "big.bin": repo.write("big.bin", 1_200_000)}
    repo.commit("two")
    repo.git("checkout", "-q", "HEAD~")
    return repo, cache, data


def modes(root: Path) -> dict[str, int]:
    """The permissions of everything below a directory."""
    return {str(path): stat.S_IMODE(path.lstat().st_mode) for path in [root, *root.rglob("*")]}


def forbid_writing(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~0o222)


def allow_writing(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)


@pytest.mark.parametrize("command", [["git", "add", "new.bin"], ["git", "data", "add", "new.bin"]], ids=" ".join)
@pytest.mark.parametrize("size", [500, 1_300_000])
def test_a_store_on_a_read_only_file_system(
    shared: tuple[Repo, Path, dict[str, bytes]], mounted: Callable[..., Path], command: list[str], size: int
) -> None:
    repo, cache, data = shared
    place = mounted(cache, "--bind", "-o", "ro")
    repo.git("config", "data.cacheDir", str(place))
    repo.git("checkout", "-q", "main")
    repo.assert_content(data, linked=False)
    repo.write("known-large.bin", data["big.bin"])
    repo.write("known-small.bin", data["a.bin"])
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "content the store has")

    new = repo.write("new.bin", size)
    errors = repo.run(*command, ok=None)
    assert errors.returncode != 0
    said = errors.stderr.decode()
    assert "read-only file system" in said.lower() and str(place) in said and "new.bin" in said
    assert "Traceback" not in said
    assert repo.read("new.bin") == new
    assert repo.git("ls-files", "new.bin") == ""
    repo.git("config", "data.cacheDir", str(cache))
    repo.run(*command)
    assert repo.object(new).read_bytes() == new


@pytest.mark.parametrize("command", [["git", "add", "new.bin"], ["git", "data", "add", "new.bin"]], ids=" ".join)
def test_a_store_that_may_not_be_written(
    shared: tuple[Repo, Path, dict[str, bytes]], unprivileged: list[str], command: list[str]
) -> None:
    repo, cache, data = shared
    forbid_writing(cache)
    before = modes(cache)
    try:
        repo.run(*unprivileged, "git", "checkout", "-q", "main")
        repo.assert_content(data, linked=False)
        repo.write("new.bin", 5000)
        done = repo.run(*unprivileged, *command, ok=None)
        said = done.stderr.decode()
        assert done.returncode != 0
        assert "Permission denied" in said and str(cache) in said
        assert "Traceback" not in said
        assert repo.git("ls-files", "new.bin") == ""
        assert modes(cache) == before
    finally:
        allow_writing(cache)


def test_an_object_that_may_not_be_read(shared: tuple[Repo, Path, dict[str, bytes]], unprivileged: list[str]) -> None:
    repo, _, data = shared
    repo.object(data["a.bin"]).chmod(0)
    done = repo.run(*unprivileged, "git", "checkout", "-q", "main")
    said = done.stderr.decode()
    assert "Permission denied" in said and "a.bin" in said and str(repo.object(data["a.bin"])) in said
    assert repo.read("a.bin") == pointer_of(data["a.bin"])
    assert repo.read("big.bin") == data["big.bin"]
    assert repo.status() == ""
    done = repo.run(*unprivileged, "git", "data", "checkout", ok=(5,))
    assert str(repo.object(data["a.bin"])) in done.stderr.decode()
    assert stat.S_IMODE(repo.object(data["a.bin"]).stat().st_mode) == 0
    repo.object(data["a.bin"]).chmod(0o444)
    repo.data("checkout")
    repo.assert_content(data, linked=False)


def test_a_directory_of_the_work_tree_that_may_not_be_written(repo: Repo, unprivileged: list[str]) -> None:
    data = {"free.bin": repo.write("free.bin", 3000), "held/a.bin": repo.write("held/a.bin", 2000)}
    repo.commit()
    for path in data:
        repo.file(path).unlink()
    repo.git("checkout", "--", *data, env={"GIT_DATA_SKIP_SMUDGE": "1"})
    repo.file("held").chmod(0o555)
    try:
        done = repo.run(*unprivileged, "git", "data", "checkout", ok=(5,))
        said = done.stderr.decode()
        assert "Permission denied" in said and "held/a.bin" in said
        assert repo.read("held/a.bin") == pointer_of(data["held/a.bin"])
        assert repo.read("free.bin") == data["free.bin"]
        assert repo.status() == ""
        assert stat.S_IMODE(repo.file("held").stat().st_mode) == 0o555
    finally:
        repo.file("held").chmod(0o755)
    repo.data("checkout")
    repo.assert_content(data, linked=False)


def test_a_file_that_may_not_be_read(repo: Repo, unprivileged: list[str]) -> None:
    repo.write("a.bin", 2000)
    repo.file("a.bin").chmod(0)
    for command in (["git", "add", "a.bin"], ["git", "data", "add", "a.bin"]):
        done = repo.run(*unprivileged, *command, ok=None)
        assert done.returncode != 0
        assert "Permission denied" in done.stderr.decode() and "a.bin" in done.stderr.decode()
    assert repo.git("ls-files", "a.bin") == ""
    assert stat.S_IMODE(repo.file("a.bin").stat().st_mode) == 0


def test_a_git_directory_on_a_read_only_file_system(repo: Repo, mounted: Callable[..., Path]) -> None:
    data = repo.write("a.bin", content(4000))
    repo.commit()
    tree = Repo(mounted(repo.path, "--bind", "-o", "ro"))
    assert tree.status() == ""
    assert tree.run("git", "cat-file", "--filters", "HEAD:a.bin").stdout == data
    assert tree.run("git", "archive", "HEAD", "a.bin").stdout.count(data) == 1
    tree.git("diff", "--stat")
    tree.data("ls-files")
    tree.data("fsck", "--dry-run")
    assert {path.name for path in work_files(tree.path)} == {".gitattributes", "a.bin"}
